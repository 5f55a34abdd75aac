"""What one run hands on to the next: machines on, stored energy, jobs under way, peaks of the month, hours used so far.

A plan writes the section ``carry`` (in its summary and as ``carry.yaml``); the scenario of the run that starts where
this one ended takes it over unchanged. :meth:`optimizer.plan.Plan.carry_at` gives the same for any step of a plan, so
that a run may go on from the part of it that was carried out::

    carry:
      at: 2024-08-26T00:00
      components:
        tdu: {peaks_mw: {2024-07: 80.1, 2024-08: 71.2}}
        calls: {hours_used: {2024: 12}}
        engines: {units_on: 2, started: {2024-08-25T22:00-05:00: 1}}
      sites:
        odessa: {net_import_mw: 61.5}

A value is a number, one number per calendar period, group or past step (by its time), or a list with one number per
member where members differ. What a key means is said by the component that carries it, and so is its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optimizer.component import Carried, Component, Finding, StrictModel
from optimizer.errors import did_you_mean
from optimizer.horizon import Horizon, to_utc
from optimizer.quantities import Stamp

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Part
    from optimizer.site import Site

Floats = NDArray[np.float64]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
ByMember = Number | Annotated[tuple[Number, ...], Field(min_length=1)]
CarriedValue = ByMember | dict[str, ByMember]


ROUNDING = 9
"""Decimals of a state that is handed on: a solver's noise below is not part of it."""


class Carry(StrictModel):
    """States in which an earlier run has left the components."""

    at: Stamp
    """The instant at which the earlier run ended; the horizon has to start there."""
    components: dict[str, dict[str, CarriedValue]] = {}  # noqa: RUF012
    """By component (its label in results) and key: a number, a list by member, or either by calendar period, group or
    time."""
    sites: dict[str, dict[str, CarriedValue]] = {}  # noqa: RUF012
    """The same of the sites' grid connections, by site."""

    def findings(
        self, parts: Mapping[str, Part], sites: Mapping[str, Part], horizon: Horizon, members: int
    ) -> Iterator[Finding]:
        """States that fit no component, no key, or another start or ensemble."""
        at = to_utc(self.at, horizon.zone)
        if at != horizon.start_utc.to_pydatetime():
            yield Finding(
                "at",
                f"the states are those of {self.at}, but the horizon starts at "
                f"{horizon.local[0].isoformat(timespec='minutes')}",
                self.at,
                hint="take the carry of the run that ended there",
            )
        for section, word, given, known in (
            ("components", "component", self.components, parts),
            ("sites", "site", self.sites, sites),
        ):
            for label, states in given.items():
                place = f"{section}.{label}"
                if label not in known:
                    yield Finding(place, f"there is no {word} of this name", hint=did_you_mean(label, known))
                    continue
                for key, value in states.items():
                    yield from _state_findings(
                        f"{place}.{key}", key, value, known[label].component.carries, horizon, members
                    )


def _state_findings(
    field: str, key: str, value: CarriedValue, known: Mapping[str, str], horizon: Horizon, members: int
) -> Iterator[Finding]:
    """A state of an unknown key, of another form than its key has, or of another ensemble."""
    if key not in known:
        allowed = f"one of: {', '.join(known)}" if known else "nothing: this component carries no state"
        yield Finding(field, "unknown state", allowed=allowed, hint=did_you_mean(key, known))
        return
    by_period = _is_by_period(known[key])
    if isinstance(value, dict) != by_period:
        allowed = known[key] + (": a mapping" if by_period else ": a number, or a list by member")
        yield Finding(field, "has another form", allowed=allowed)
        return
    for found in value.values() if isinstance(value, dict) else (value,):
        if isinstance(found, tuple) and len(found) != members:
            yield Finding(field, "a list by member", list(found), f"one number, or {members} (one per member)")
            break
    if isinstance(value, dict) and _is_by_time(known[key]):
        for label, found in value.items():
            try:
                horizon.step_at(_stamp_of(label), side="end")
            except ValueError as error:
                yield Finding(field, str(error))
            if np.min(found) < 0 and "may be below 0" not in known[key]:
                yield Finding(field, f"of {label}", float(np.min(found)), allowed="at least 0")


class CarriedStates:
    """The states carried to one component."""

    def __init__(self, states: Mapping[str, CarriedValue], members: int) -> None:
        self._states = states
        self._members = members

    def number(self, key: str, default: float = 0.0) -> Floats:
        """A state, (members,)."""
        value = self._states.get(key, default)
        return self._by_member(default if isinstance(value, dict) else value)

    def by_period(self, key: str) -> dict[str, Floats]:
        """A state by calendar period (``2024-08``), each (members,); empty where nothing was carried."""
        value = self._states.get(key, {})
        return {label: self._by_member(found) for label, found in value.items()} if isinstance(value, dict) else {}

    def by_time(self, key: str, horizon: Horizon, group: str | None = None) -> dict[int, Floats]:
        """A state by time, each (members,), by the whole steps from the start of the horizon to that time (negative
        before it); of one ``group`` where the labels are ``group/time``."""
        found: dict[int, Floats] = {}
        for label, value in self.by_period(key).items():
            of_group, _, stamp = label.rpartition("/")
            if group is not None and of_group != group:
                continue
            try:
                step = horizon.step_at(stamp, side="end")
            except ValueError:  # refused where the carry is checked
                continue
            found[step] = found.get(step, np.zeros(self._members)) + value
        return found

    def history(self, key: str, horizon: Horizon, steps: int, group: str | None = None) -> Floats:
        """A state by time in each of the last ``steps`` steps before the horizon, (members, steps); 0 where nothing was
        carried."""
        past = np.zeros((self._members, steps))
        for step, value in self.by_time(key, horizon, group).items():
            if -steps <= step < 0:
                past[:, step] += value
        return past

    def reach(self, key: str, horizon: Horizon) -> int:
        """Steps from the earliest time of a state by time to the start of the horizon; 0 without any."""
        return max([0, *(-step for step in self.steps(key, horizon))])

    def steps(self, key: str, horizon: Horizon) -> list[int]:
        """Steps from the start of the horizon to the times of a state by time."""
        groups = {label.rpartition("/")[0] for label in self.by_period(key)}
        return [step for group in groups for step in self.by_time(key, horizon, group)]

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def __bool__(self) -> bool:
        return bool(self._states)

    def _by_member(self, value: ByMember) -> Floats:
        return np.broadcast_to(np.asarray(value, dtype=float), (self._members,))


def past_and_present(carried: Floats, values: Floats) -> Floats:
    """What was carried of the steps before, and the steps of the horizon: (members, steps before + steps)."""
    return np.concatenate([carried, values], axis=1)


def handed_on_by_time(horizon: Horizon, past: Floats, reach: int, group: str | None = None) -> dict[str, Floats]:
    """Of (members, steps before + steps) what is not 0 in the last ``reach`` steps of the horizon, by the start of each
    step (``group/start`` for a group)."""
    steps, found = past.shape[1], {}
    for back in range(min(reach, steps), 0, -1):
        value = np.round(past[:, steps - back], ROUNDING)
        if value.any():
            stamp = time_label(horizon, horizon.steps - back)
            found[stamp if group is None else f"{group}/{stamp}"] = value
    return found


def time_label(horizon: Horizon, step: int) -> str:
    """Local time of the start of a step, with its UTC offset; steps before 0 are before the horizon."""
    stamp = horizon.start_utc + step * horizon.step_length
    return str(stamp.tz_convert(horizon.timezone).isoformat(timespec="minutes"))


def carry_of(horizon: Horizon, views: Mapping[str, AuditView], sites: Mapping[str, AuditView]) -> dict[str, Any]:
    """The section ``carry`` that a plan hands on; components (and sites) without states are left out."""
    end = horizon.end_utc.tz_convert(horizon.timezone).isoformat(timespec="minutes")
    carry: dict[str, Any] = {"at": end, "components": _states_of(views)}
    of_sites = _states_of(sites)
    return carry | {"sites": of_sites} if of_sites else carry


def _states_of(views: Mapping[str, AuditView]) -> dict[str, Any]:
    found = {}
    for label, view in views.items():
        component: Component | Site = view.component
        states = {key: _plain(value) for key, value in component.carry(view).items()}
        strange = states.keys() - component.carries.keys()
        if strange:
            raise ValueError(f"{label} carries {', '.join(sorted(strange))}, which it does not declare")
        for key, value in states.items():
            if isinstance(value, dict) != _is_by_period(component.carries[key]):
                raise ValueError(f"{label} carries {key} in another form than it declares")
        if states:
            found[label] = states
    return found


def _is_by_period(meaning: str) -> bool:
    """Whether a state holds one value for each period, group or time, as its words say."""
    return ", by " in meaning


def _is_by_time(meaning: str) -> bool:
    """Whether a state is told by time, as its words say: ``…, by time`` or ``…, by pool and time``."""
    return re.search(r", by (the |\w+ and )?time\b", meaning) is not None


def _stamp_of(label: str) -> str:
    return label.rpartition("/")[2]


def _plain(value: Carried) -> Any:
    if isinstance(value, dict):
        return {label: _plain(found) for label, found in value.items()}
    return float(value[0]) if (value == value[0]).all() else value.tolist()
