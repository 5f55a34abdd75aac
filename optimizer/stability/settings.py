"""What a scenario says about the plan before it: the schedule, what a change of it costs, and how far it may go.

Power of a component ``c`` in step ``t`` of member ``w`` is compared with what the previous plan expected of it::

    change_{c,w,t} = power_{c,w,t} - previous_{c,t}
    previous_{c,t} = sum over the previous plan's members of probability * power, mean over the step

The power is what is reported under the component's own name, so that a job counts as itself and its pool as the rest.
Instants are compared, not positions: where steps have another length, the previous plan's mean over each step is taken,
and steps that it does not wholly cover are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from optimizer.component import Component, Finding, StrictModel
from optimizer.errors import did_you_mean
from optimizer.horizon import Horizon, step_length, to_utc
from optimizer.quantities import Megawatts, NonNegative, Positive, Stamp

if TYPE_CHECKING:
    from optimizer.frame import Part

Floats = NDArray[np.float64]
DECIMALS = 9
"""Decimals of a power that is kept; a solver's noise below is not part of the plan."""


class PlannedPower(StrictModel):
    """Power that a plan expects of each component, step by step."""

    start: Annotated[str, Field(strict=True, pattern=r"(Z|[+-]\d\d:\d\d)$")]
    """Start of the first step, with its UTC offset."""
    step: Annotated[str, Field(strict=True)] = "1h"
    """Length of a step."""
    power_mw: dict[str, tuple[Annotated[float, Field(allow_inf_nan=False)], ...]]
    """By component (its label in results), one number per step; consumption positive."""

    @field_validator("step")
    @classmethod
    def _step_in_range(cls, text: str) -> str:
        step_length(text)
        return text

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {len(values) for values in self.power_mw.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError("power_mw: every component needs the same number of steps, at least one")
        return self

    @property
    def horizon(self) -> Horizon:
        """Its steps, in UTC."""
        steps = len(next(iter(self.power_mw.values())))
        return Horizon(timezone="UTC", start=self.start, step=self.step, steps=steps)

    def over(self, label: str, horizon: Horizon) -> tuple[int, Floats]:
        """First step of ``horizon`` that is wholly covered, and the mean power over each step from there on, MW."""
        own, values = self.horizon, np.asarray(self.power_mw[label], dtype=float)
        first, stop = covered(own, horizon)
        if stop <= first:
            return first, np.zeros(0)
        offset_h = (horizon.start_utc - own.start_utc).total_seconds() / 3600.0
        at, rest = divmod(offset_h + first * horizon.step_h, own.step_h)
        if horizon.step_length == own.step_length and rest == 0.0:
            return first, values[int(at) : int(at) + stop - first]
        energy_mwh = np.concatenate([[0.0], np.cumsum(values) * own.step_h])
        edges = offset_h + np.arange(first, stop + 1) * horizon.step_h
        reached = np.interp(edges, np.arange(own.steps + 1) * own.step_h, energy_mwh)
        return first, np.round(np.diff(reached) / horizon.step_h, DECIMALS)


def covered(previous: Horizon, horizon: Horizon) -> tuple[int, int]:
    """Steps of ``horizon`` (first, and one after the last) that lie wholly within ``previous``; none: both equal."""
    first = -((horizon.start_utc - previous.start_utc) // horizon.step_length)
    stop = (previous.end_utc - horizon.start_utc) // horizon.step_length
    first, stop = max(0, int(first)), min(horizon.steps, int(stop))
    return first, max(first, stop)


class PreviousPlan(StrictModel):
    """The plan before this one, and what changing it costs."""

    results: Annotated[str, Field(min_length=1, strict=True)] | None = None
    """Results folder of the plan, found from the folder of the scenario file; its expected schedule is taken in."""
    schedule: PlannedPower | None = None
    """The schedule itself, in place of a folder."""
    cost_per_mwh: NonNegative = 0.0
    """Price on every MWh by which a component's power differs from the previous plan, up or down, currency. It steers
    the plan and is nobody's money: it is part of the objective, never of the ledger."""
    most_change_mw: Megawatts | None = None
    """Most by which a component's power may differ; no bound by default."""
    cost_beyond_per_mwh: Positive | None = None
    """Price on every MWh beyond ``most_change_mw``, which may then be exceeded; by default it may not."""
    from_: Stamp | None = Field(alias="from", default=None)
    """Steps that start before are free; by default none."""
    until: Stamp | None = None
    """Steps that end later are free; by default none."""
    components: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Components that are held (labels in results); by default all that draw power and that the previous plan has."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.schedule is None or self.results is not None:
            raise ValueError("needs either results (a results folder) or schedule")
        if self.cost_beyond_per_mwh is not None and self.most_change_mw is None:
            raise ValueError("cost_beyond_per_mwh has no effect without most_change_mw")
        return self

    @property
    def plan(self) -> PlannedPower:
        """The schedule; a scenario that was read always has it."""
        assert self.schedule is not None
        return self.schedule

    @property
    def steers(self) -> bool:
        """Whether it has any effect on the new plan beside the comparison."""
        return self.cost_per_mwh > 0.0 or self.most_change_mw is not None

    def previous_mw(self, label: str, horizon: Horizon) -> tuple[int, Floats]:
        """First step of the horizon that is held, and the previous power of it and those after it that are, MW."""
        first, values = self.plan.over(label, horizon)
        begin = 0 if self.from_ is None else horizon.step_at(self.from_, side="start")
        end = horizon.steps if self.until is None else horizon.step_at(self.until, side="end")
        low, high = max(first, begin), min(first + len(values), end)
        return low, values[low - first : high - first] if high > low else np.zeros(0)

    def held(self, parts: Mapping[str, Part]) -> Iterator[Part]:
        """Components that are compared with the previous plan."""
        for label, part in parts.items():
            is_asked_for = self.components is None or label in self.components
            if is_asked_for and label in self.plan.power_mw and draws_power(part.component):
                yield part

    # ------------------------------------------------------------------ before the model
    def findings(self, parts: Mapping[str, Part], horizon: Horizon) -> Iterator[Finding]:
        """What cannot be meant (fatal), and components that only one of the plans has (told)."""
        drawing = [label for label, part in parts.items() if draws_power(part.component)]
        known = set(self.plan.power_mw)
        for number, label in enumerate(self.components or ()):
            if label not in drawing:
                allowed = f"one of: {', '.join(drawing)}" if drawing else None
                message = "no component that draws power has this label"
                yield Finding(f"components[{number}]", message, label, allowed, did_you_mean(label, drawing))
            elif label not in known:
                yield Finding(f"components[{number}]", "the previous plan does not have it", label, fatal=False)
        yield from self._time_findings(horizon)
        shared = [label for label in drawing if label in known]
        if not shared:
            message = "the previous plan and this scenario have no component in common that draws power"
            allowed = f"a plan with any of: {', '.join(drawing)}" if drawing else None
            yield Finding("", message, sorted(known), allowed, "is it the plan of another scenario?")
            return
        if self.components is None:
            new = [label for label in drawing if label not in known]
            if new:
                yield Finding("", f"not in the previous plan, so free to change: {', '.join(new)}", fatal=False)
        gone = [label for label in self.plan.power_mw if label not in parts]
        if gone:
            yield Finding("", f"only in the previous plan, so not compared: {', '.join(gone)}", fatal=False)

    def _time_findings(self, horizon: Horizon) -> Iterator[Finding]:
        own = self.plan.horizon
        first, stop = covered(own, horizon)
        if first >= stop:
            begin, end = horizon.describe(own.start_utc), horizon.describe(own.end_utc)
            message = f"the previous plan (from {begin} to {end}) covers no whole step of the horizon"
            allowed = f"a plan that reaches beyond {horizon.describe(horizon.start_utc + horizon.step_length)}"
            yield Finding("", message, allowed=allowed)
        elif self.from_ is not None and self.until is not None:
            begin_utc, end_utc = (to_utc(stamp, horizon.zone) for stamp in (self.from_, self.until))
            if begin_utc >= end_utc:
                yield Finding("until", "is not after from", self.until, allowed=f"after {self.from_}")


def draws_power(component: Component) -> bool:
    """Whether a component's kind can draw or feed in power at all."""
    kind = type(component)
    return not (kind.power_mw is Component.power_mw and kind.own_power_mw is Component.own_power_mw)
