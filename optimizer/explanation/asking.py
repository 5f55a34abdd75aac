"""What a user may ask of an explanation: a component by its name, a time, a member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from optimizer.explanation.explanation import Explanation
    from optimizer.horizon import Horizon


def checked(explanation: Explanation, component: str, time: Any, member: int) -> tuple[str, int, int]:
    """Label, step and member of a question. Raises InputError with all that is wrong with it."""
    problems: list[Problem] = []
    label = _label(explanation, component, problems)
    step = step_at(explanation.scenario.horizon, time, problems)
    members = explanation.scenario.members
    if isinstance(member, bool) or not isinstance(member, int | np.integer) or not 0 <= member < members:
        problems.append(Problem("member", value=member, allowed="0" if members == 1 else f"from 0 to {members - 1}"))
    if problems:
        raise InputError(problems)
    return label, step, int(member)


def _label(explanation: Explanation, component: str, problems: list[Problem]) -> str:
    known = list(explanation.reasons)
    if component in known:
        return component
    if f"site {component}" in known:
        return f"site {component}"
    near = did_you_mean(str(component), known)
    message = "the plan has no component of this name"
    problems.append(Problem("component", message, component, f"one of: {', '.join(known)}", near))
    return ""


def step_at(horizon: Horizon, time: Any, problems: list[Problem]) -> int:
    """The step in which a time lies, or that has a number; what is wrong with the time goes to ``problems``.

    A time without a zone is local. Of a local hour that there is twice, the first is meant.
    """
    last = horizon.steps - 1
    if isinstance(time, int | np.integer) and not isinstance(time, bool):
        if 0 <= time <= last:
            return int(time)
        problems.append(Problem("time", "there is no step of this number", int(time), f"from 0 to {last}"))
        return 0
    start, end = horizon.utc[0], horizon.utc[-1] + pd.Timedelta(hours=horizon.step_h)
    try:
        stamp = pd.Timestamp(time)
        if stamp.tzinfo is None:
            stamp = stamp.tz_localize(horizon.timezone, ambiguous=True, nonexistent="raise")
    except (ValueError, TypeError) as error:
        example = horizon.local[0].strftime("%Y-%m-%dT%H:%M")
        problems.append(Problem("time", f"cannot be read: {error}", str(time), f"a time such as {example}"))
        return 0
    stamp = stamp.tz_convert("UTC")
    if not start <= stamp < end:
        local = (f"{edge.tz_convert(horizon.timezone):%Y-%m-%dT%H:%M}" for edge in (start, end))
        allowed = f"from {next(local)} to before {next(local)} ({horizon.timezone})"
        problems.append(Problem("time", "lies outside of the plan", str(time), allowed))
        return 0
    return int(horizon.utc.searchsorted(stamp, side="right")) - 1
