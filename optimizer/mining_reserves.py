"""Reserves held by a fleet of mining machines.

Machines are throttled or stopped on a call for reserve up, started or raised to their strongest mode for reserve down.
With ``p_m`` the power of a machine in mode ``m`` at the temperature of the step, ``s`` its standby power, ``weak`` and
``strong`` the modes of least and most power among those used::

    up:    sum r_t <= sum_m (p_m - p_weak) * n[m,t] + (p_weak - s) * (on_t - held_up_t)
    down:  sum r_t <= sum_m (p_strong - p_m) * n[m,t] + (p_strong - s) * (machines * availability_t - on_t)
           sum r_t <= the same with (machines - on_t - held_down_t) resting machines            (with min_down_hours)

``held_up`` are machines within their minimum up time: they can be throttled to the weakest mode, but not stopped.
``held_down`` rest within their minimum down time and are not started. That machines stopped on a call have to rest for
``min_down_hours`` after it, and the wear of their restart, is not counted.

A MWh called up costs the revenue of the mode that earns most per MWh above standby; one called down earns what the last
step between two modes does: the safe side of both.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.audit import AuditView
from optimizer.commitment import Commitment
from optimizer.component import Direction, Floats, Rule
from optimizer.frame import Frame
from optimizer.mining_machine import Mode
from optimizer.quantities import NonNegative
from optimizer.reserves import ReserveProvider


class MiningReserves(Commitment, ReserveProvider):
    """Machines that can be throttled, stopped, started and raised on call."""

    response_minutes: NonNegative = 0.3
    """Minutes from a call to the full response; machines with power control follow within 16 seconds."""
    if TYPE_CHECKING:  # fields of the fleet
        standby_w: float
        heat_fraction: float

    @property
    @abstractmethod
    def hull_modes(self) -> list[Mode]:
        """Modes that a plan can use, by rising power."""

    @abstractmethod
    def available_machines(self, f: Frame | AuditView) -> Floats:
        """Machines that may run, (members, steps)."""

    @abstractmethod
    def ambient_factors(self, f: Frame | AuditView) -> tuple[Floats, Floats]:
        """Factors on hash rate and power, (members, steps)."""

    @abstractmethod
    def revenue_per_ph_hour(self, f: Frame | AuditView) -> Floats:
        """What a PH/s earns in an hour, currency, (members, steps)."""

    # ------------------------------------------------------------------ power
    def _swing_mw(self, f: Frame | AuditView) -> tuple[Floats, Floats]:
        """What stopping a machine in its weakest mode gives, and starting one in its strongest takes, MW each."""
        factor, standby = self.ambient_factors(f)[1], self.standby_w / 1e6
        weak, strong = self._weak_mw, self._strong_mw
        return np.maximum(weak * factor - standby, 0.0), np.maximum(strong * factor - standby, 0.0)

    @property
    def _weak_mw(self) -> float:
        return min(mode.power_w for mode in self.hull_modes) / 1e6

    @property
    def _strong_mw(self) -> float:
        return max(mode.power_w for mode in self.hull_modes) / 1e6

    def largest_reserve_mw(self, f: Frame, direction: Direction) -> Floats:
        throttled = (self._strong_mw - self._weak_mw) * self.ambient_factors(f)[1]
        return self.available_machines(f) * np.maximum(self._swing_mw(f)[1], throttled)

    def reserve_limits_mw(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        stop, start = self._swing_mw(f)
        b.add_component(f"{direction}_swing_mw", f.series_param(stop if direction == "up" else start))

        def running(b: Any, w: Any, t: Any) -> Any:
            return sum(b.running[m, w, t] for m in b.modes)

        def up(b: Any, w: Any, t: Any) -> Any:
            stoppable = running(b, w, t) - (self.held_up(b, w, t) if self.min_up_hours > 0 else 0.0)
            throttled = sum((b.mode_mw[m] - self._weak_mw) * b.running[m, w, t] for m in b.modes)
            return throttled * b.power_factor[w, t] + b.up_swing_mw[w, t] * stoppable

        def raised(b: Any, w: Any, t: Any) -> Any:
            return sum((self._strong_mw - b.mode_mw[m]) * b.running[m, w, t] for m in b.modes) * b.power_factor[w, t]

        if direction == "up":
            return {"the power that running machines can give up": up}
        limits: dict[str, Rule] = {
            "the power that available machines can take on": lambda b, w, t: (
                raised(b, w, t) + b.down_swing_mw[w, t] * (b.available[w, t] - running(b, w, t))
            )
        }
        if self.min_down_hours > 0:
            limits["the power that machines past their minimum down time can take on"] = lambda b, w, t: (
                raised(b, w, t)
                + b.down_swing_mw[w, t] * (self.committed_units - running(b, w, t) - self.held_down(b, w, t))
            )
        return limits

    def reserve_heat_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return self.heat_fraction * self.reserve_power_mw(b, f, w, t, direction)

    # ------------------------------------------------------------------ money
    def lost_value_per_mwh(self, f: Frame, direction: Direction) -> Floats:
        hash_factor, power_factor = self.ambient_factors(f)
        points = [(mode.power_w / 1e6, mode.hash_th_s / 1e3) for mode in self.hull_modes]
        standby = (self.standby_w / 1e6, 0.0)
        if direction == "up":
            ph_per_mw = [_slope(standby, point, hash_factor, power_factor) for point in points]
            return np.asarray(self.revenue_per_ph_hour(f) * np.maximum.reduce(ph_per_mw))
        last = points[-2] if len(points) > 1 else standby
        return np.asarray(-self.revenue_per_ph_hour(f) * _slope(last, points[-1], hash_factor, power_factor))

    # ------------------------------------------------------------------ from the plan alone
    def audited_reserve_limits_mw(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        running, factor = a.table("running"), self.ambient_factors(a)[1]
        on, watts = running.sum(axis=0), np.array([mode.power_w for mode in self.hull_modes])
        held_up, held_down = self.audited_held(a) if self.has_commitment else (a.full(0.0), a.full(0.0))
        drawn = np.einsum("m,mwt->wt", watts, running) * factor
        if direction == "up":
            stoppable = on - (held_up if self.min_up_hours > 0 else 0.0)
            each = np.maximum(watts.min() * factor - self.standby_w, 0.0)
            return {"what running machines can give up": (drawn - watts.min() * factor * on + each * stoppable) / 1e6}
        each = np.maximum(watts.max() * factor - self.standby_w, 0.0)
        resting = self.available_machines(a) - on
        if self.min_down_hours > 0:
            resting = np.minimum(resting, self.committed_units - on - held_down)
        return {"what machines can take on": (watts.max() * factor * on - drawn + each * resting) / 1e6}

    def audited_reserve_heat_mw(self, a: AuditView, direction: Direction) -> Floats:
        return self.heat_fraction * self.audited_reserve_power_mw(a, direction)


def _slope(low: tuple[float, float], high: tuple[float, float], hash_factor: Floats, power_factor: Floats) -> Floats:
    """Hash per power between two points (MW, PH/s) of a machine, PH/s per MW, (members, steps); 0 where none is drawn.

    Standby power does not change with the temperature: where it is the lower point, its share is kept.
    """
    (low_mw, low_ph), (high_mw, high_ph) = low, high
    drawn = high_mw * power_factor - (low_mw if low_ph == 0 else low_mw * power_factor)
    hashed = (high_ph - low_ph) * hash_factor
    return np.divide(hashed, drawn, out=np.zeros_like(hashed), where=drawn > 0)
