"""What one run hands on to the next: peaks of the month, taken volumes, hours used, emissions so far.

A plan writes the section ``carry`` (in its summary and as ``carry.yaml``); the scenario of the run that starts where
this one ended takes it over unchanged::

    carry:
      at: 2024-08-26T00:00
      components:
        tdu: {peaks_mw: {2024-07: 80.1, 2024-08: 71.2}}
        calls: {hours_used: {2024: 12}}

A value is a number, one number per calendar period, or a list with one number per member where members differ. What a
key means is said by the component that carries it.
"""

from __future__ import annotations

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

Floats = NDArray[np.float64]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
ByMember = Number | Annotated[tuple[Number, ...], Field(min_length=1)]
CarriedValue = ByMember | dict[str, ByMember]


class Carry(StrictModel):
    """States in which an earlier run has left the components."""

    at: Stamp
    """The instant at which the earlier run ended; the horizon has to start there."""
    components: dict[str, dict[str, CarriedValue]] = {}  # noqa: RUF012
    """By component (its label in results) and key: a number, a list by member, or either by calendar period."""

    def findings(self, parts: Mapping[str, Part], horizon: Horizon, members: int) -> Iterator[Finding]:
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
        for label, states in self.components.items():
            part = parts.get(label)
            if part is None:
                hint = did_you_mean(label, parts)
                yield Finding(f"components.{label}", "there is no component of this name", hint=hint)
                continue
            known = part.component.carries
            for key, value in states.items():
                if key not in known:
                    allowed = f"one of: {', '.join(known)}" if known else "nothing: this component carries no state"
                    hint = did_you_mean(key, known)
                    yield Finding(f"components.{label}.{key}", "unknown state", allowed=allowed, hint=hint)
                    continue
                by_period = _is_by_period(known[key])
                if isinstance(value, dict) != by_period:
                    allowed = known[key] + (": a mapping" if by_period else ": a number, or a list by member")
                    yield Finding(f"components.{label}.{key}", "has another form", allowed=allowed)
                    continue
                for found in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(found, tuple) and len(found) != members:
                        allowed = f"one number, or {members} (one per member)"
                        yield Finding(f"components.{label}.{key}", "a list by member", list(found), allowed)
                        break


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

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def _by_member(self, value: ByMember) -> Floats:
        return np.broadcast_to(np.asarray(value, dtype=float), (self._members,))


def carry_of(horizon: Horizon, views: Mapping[str, AuditView]) -> dict[str, Any]:
    """The section ``carry`` that a plan hands on; components without states are left out."""
    components = {}
    for label, view in views.items():
        component: Component = view.component
        states = {key: _plain(value) for key, value in component.carry(view).items()}
        strange = states.keys() - component.carries.keys()
        if strange:
            raise ValueError(f"{label} carries {', '.join(sorted(strange))}, which it does not declare")
        for key, value in states.items():
            if isinstance(value, dict) != _is_by_period(component.carries[key]):
                raise ValueError(f"{label} carries {key} in another form than it declares")
        if states:
            components[label] = states
    end = horizon.end_utc.tz_convert(horizon.timezone).isoformat(timespec="minutes")
    return {"at": end, "components": components}


def _is_by_period(meaning: str) -> bool:
    """Whether a state holds one value for each period or group, as its words say."""
    return ", by " in meaning


def _plain(value: Carried) -> Any:
    if isinstance(value, dict):
        return {label: _plain(found) for label, found in value.items()}
    return float(value[0]) if (value == value[0]).all() else value.tolist()
