"""The two things that are compared, each as a solved plan, and the time that they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.horizon import Horizon
from optimizer.loading import load
from optimizer.output_folder import SUMMARY
from optimizer.parts import Parts, place
from optimizer.plan import Plan
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
Comparable = Plan | Scenario | str | Path
"""A plan, a results folder, a scenario or a scenario file."""
ALLOWED = f"a results folder (with {SUMMARY}) or a scenario file"


@dataclass(frozen=True, eq=False)
class Side:
    """A plan under the name by which it is told."""

    name: str
    plan: Plan
    was_solved: bool = False
    """Whether a scenario was given, and solved for the comparison."""

    @property
    def scenario(self) -> Scenario:
        return self.plan.scenario

    @cached_property
    def parts(self) -> Parts:
        """Components of the scenario by label."""
        return place(self.scenario)[0]

    def expected(self, values: Floats) -> Floats:
        """(members, …) weighted by the probabilities."""
        return np.asarray(np.tensordot(self.scenario.ensemble.weights, values, axes=1))

    def power_mw(self, label: str) -> Floats:
        """Expected power of a component, (steps,)."""
        found = self.plan.dispatch["power_mw"].sel(component=label).transpose("member", "time").to_numpy()
        return self.expected(found)

    @property
    def gap_in_money(self) -> float:
        """By how much the plan may fall short of the best one, as far as that is proven."""
        bound = self.plan.summary.get("bound")
        return np.inf if bound is None else max(0.0, float(bound) - float(self.plan.summary["objective"]))


def sides(given: Sequence[Comparable], names: Sequence[str | None]) -> list[Side]:
    """Each thing as a side; scenarios are solved once all could be read.

    Raises InputError with what is wrong with any of them.
    """
    found: list[Plan | Scenario] = []
    problems: list[Problem] = []
    for one in given:
        try:
            found.append(one if isinstance(one, Plan | Scenario) else _read(Path(one)))
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise InputError(problems)
    told = [name or _name_of(one, thing) for name, one, thing in zip(names, given, found, strict=True)]
    return [_side(name, one) for name, one in zip(told, found, strict=True)]


def _read(path: Path) -> Plan | Scenario:
    if path.is_dir():
        if not (path / SUMMARY).is_file():
            message = f"is no results folder: it has no {SUMMARY}"
            raise InputError([Problem("", message, allowed=ALLOWED, file=str(path))])
        return Plan.load(path)
    if not path.exists():
        beside = (other.name for other in path.parent.iterdir()) if path.parent.is_dir() else ()
        hint = did_you_mean(path.name, beside)
        raise InputError([Problem("", "is not there", allowed=ALLOWED, hint=hint, file=str(path))])
    return load(path)


def _name_of(given: Any, thing: Plan | Scenario) -> str:
    if isinstance(given, str | Path):
        return str(given)
    return thing.name if isinstance(thing, Scenario) else thing.scenario.name


def _side(name: str, thing: Plan | Scenario) -> Side:
    if isinstance(thing, Plan):
        return Side(name, thing)
    from optimizer.problem import optimize

    return Side(name, optimize(thing), was_solved=True)


class Overlap:
    """The time that two horizons have in common, in steps of the longer length of the two.

    Raises InputError where there is none, or where the steps of one do not fit into those of the other.
    """

    def __init__(self, a: Horizon, b: Horizon) -> None:
        self.is_whole = (a.start_utc, a.steps, a.step_length) == (b.start_utc, b.steps, b.step_length)
        coarse = a if a.step_length >= b.step_length else b
        fine = b if coarse is a else a
        self.step_h = coarse.step_h
        self.timezone = a.timezone
        start, end = max(a.start_utc, b.start_utc), min(a.end_utc, b.end_utc)
        first = -int((coarse.start_utc - start) // coarse.step_length)  # rounded up
        begin = coarse.start_utc + first * coarse.step_length
        steps = int((end - begin) // coarse.step_length) if end > begin else 0
        if steps < 1:
            told = " and ".join(f"{h.describe(h.start_utc)} to {h.describe(h.end_utc)}" for h in (a, b))
            raise InputError([Problem("horizon", f"the two have no step in common: {told}")])
        if coarse.step_length % fine.step_length or (begin - fine.start_utc) % fine.step_length:
            message = f"steps of {fine.step} cannot be put together to steps of {coarse.step}"
            raise InputError([Problem("horizon", message, allowed="steps one of which divides the other")])
        self.steps = steps
        self.utc = pd.date_range(begin, periods=steps, freq=coarse.step_length)
        self.local = self.utc.tz_convert(self.timezone)

    def _grouped(self, values: Floats, horizon: Horizon) -> Floats:
        """(…, steps of the horizon) as (…, common steps, steps in each)."""
        first = int((self.utc[0] - horizon.start_utc) // horizon.step_length)
        each = round(self.step_h / horizon.step_h)
        part = values[..., first : first + self.steps * each]
        return part.reshape(*values.shape[:-1], self.steps, each)

    def mean(self, values: Floats, horizon: Horizon) -> Floats:
        """Powers and prices, (…, steps of the horizon), in the common steps."""
        return np.asarray(self._grouped(values, horizon).mean(axis=-1))

    def total(self, values: Floats, horizon: Horizon) -> Floats:
        """Energies and money in the common steps."""
        return np.asarray(self._grouped(values, horizon).sum(axis=-1))
