"""A fleet of identical mining machines.

``n[m,t]`` machines run in mode ``m`` (firmware steps with a hash rate and a power)::

    sum_m n[m,t] <= machines * availability_t                                      (0 above ambient.stop_above_c)
    power_t       = sum_m n[m,t] * power_w[m] / 1e6 + standby_w * (machines - sum_m n[m,t]) / 1e6            (MW)
    hash_t        = sum_m n[m,t] * hash_th_s[m] / 1000 - lost hash of starts                               (PH/s)
    revenue_t     = hashprice_t * hash_t * step_h / 24 * uptime * (1 - pool_fee)

What the revenue depends on, and how pools share their luck: :mod:`optimizer.mining_revenue`. The price of power up to
which a fleet is worth running stands in the summary (:mod:`optimizer.mining_break_even`).

With ``ambient`` data, power and hash are multiplied by their factors at the temperature of the step. Only modes on
the upper concave envelope of hash over power are modelled: between two of them a mix of machines beats any mode
below. The envelope reaches to the mode of highest power, even if it hashes less than another: at negative prices
drawing power is worth something by itself. Steps and bundled ladders: :mod:`optimizer.mining_ladder`.

Starts and stops of the machines are those of :mod:`optimizer.commitment`, with ``sum_m n[m,t] = on_t``; the modes
remain recourse under ``commit: day_ahead``. A start also loses ``start_lost_minutes`` of hash, in its step and,
where they are longer, in those after it. Which reserves a fleet can hold is said in :mod:`optimizer.mining_reserves`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.commitment import Commitment
from optimizer.component import Asset, Carried, Expandable, Finding, Floats, MoneyLine, Result, Switch
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.hull import upper_hull
from optimizer.mining_break_even import break_even_figures
from optimizer.mining_ladder import MiningLadder
from optimizer.mining_machine import Ambient, Mode
from optimizer.mining_reserves import MiningReserves
from optimizer.mining_revenue import MiningRevenue
from optimizer.quantities import Count, Fraction, Name, NonNegative, Series, SeriesOf
from optimizer.template import Constraint, Param, Var


class MinerFleet(MiningLadder, MiningRevenue, MiningReserves, Asset):
    """Identical mining machines at a site."""

    deeds: ClassVar[tuple[str, str, str]] = ("mines with", "rests", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "installed": Holds(
            Code.ALL_IN_USE, "all machines that are there run ({limit})", unit="machine", field="machines"
        ),
        "running": Holds(
            Code.ALL_IN_USE, "all machines that are there run ({limit})", unit="machine", field="machines"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "machines",
        "availability",
        "min_up_hours",
        "min_down_hours",
        "max_starts_per_day",
        "running_before",
    )

    kind: Literal["miner_fleet"] = "miner_fleet"
    machines: Count
    """Machines installed."""
    availability: Annotated[Series, SeriesOf("1", ge=0, le=1)] = Series.constant(1.0)
    """Share of the machines that can run."""
    ambient: Ambient | None = None
    """What the inlet air does to hash rate and power; nothing by default."""
    standby_w: NonNegative = 0.0
    """Draw of a machine that does not run, W."""
    cooling: Name | None = None
    """Cooling plant that takes the heat; without one, heat is not limited and costs nothing."""
    heat_fraction: Fraction = 1.0
    """Heat given to the cooling plant per electric power."""
    start_lost_minutes: Annotated[float, Field(ge=0, le=1440, strict=True, allow_inf_nan=False)] = 0.0
    """Minutes of hash lost per start of one machine, at the hash rate of the strongest mode used."""

    feeds_in = False
    refers_to = {"cooling": "cooling"}  # noqa: RUF012
    expandable: ClassVar[dict[str, Expandable]] = {
        "machines": Expandable("machines of the fleet", "machine", step=100, is_investment=True),
    }
    earns_at: ClassVar[dict[str, str]] = {"hashprice_per_ph_day": "hashprice", "bitcoin.price": "price of bitcoin"}
    carries: ClassVar[dict[str, str]] = Commitment.commitment_carries

    @property
    def committed_units(self) -> int:
        return self.machines

    @property
    def lost_reach_hours(self) -> float:
        return self.start_lost_minutes / 60.0

    @property
    def has_commitment(self) -> bool:
        return super().has_commitment or self.start_lost_minutes > 0

    @property
    def hull_modes(self) -> list[Mode]:
        """Modes that a plan can use: those on the envelope of hash over power.

        Standing by is a point of it too, unless it cannot be mixed in freely (starts are restricted or cost
        something) or temperature moves the other points but not this one.
        """
        fixed = self.has_commitment or (self.ambient is not None and self.standby_w > 0)
        off = [] if fixed else [(self.standby_w, 0.0)]
        points = off + [(mode.power_w, mode.hash_th_s) for mode in self.all_modes]
        return [self.all_modes[i - len(off)] for i in upper_hull(points, rising=False) if i >= len(off)]

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        strongest_ph_s = max(mode.hash_th_s for mode in self.hull_modes) / 1e3
        yield from self.ladder_findings(self.hull_modes)
        yield from self.revenue_findings(f, self.available_machines(f) * strongest_ph_s)
        yield from self.commitment_findings(f)
        if self.ambient is not None:
            yield from self.ambient.findings(f)

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self.carried_commitment_findings(f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        modes = self.hull_modes
        whole = pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals
        b.modes = pyo.RangeSet(0, len(modes) - 1)
        b.mode_mw = Param(b.modes, values=np.array([mode.power_w / 1e6 for mode in modes]))
        b.mode_ph_s = Param(b.modes, values=np.array([mode.hash_th_s / 1e3 for mode in modes]))
        hash_factor, power_factor = self.ambient_factors(f)
        b.hash_factor, b.power_factor = f.series_param(hash_factor), f.series_param(power_factor)
        b.available = f.series_param(self.available_machines(f))
        b.value_of_ph_s = f.series_param(self.hashprice(f) * (f.step_h / 24.0 * self.uptime * (1.0 - self.pool_fee)))
        b.running = Var(
            b.modes,
            f.members,
            f.steps,
            within=whole,
            bounds=lambda b, m, w, t: (0, b.available[w, t]),
            scheduled="now",
        )
        if not self.has_commitment:
            return
        lost = self._lost_ph_s_per_start(f)
        b.lost_window = pyo.RangeSet(0, len(lost) - 1)
        b.lost_ph_s = Param(b.lost_window, values=lost)
        self.commitment_variables(b, f)

    def constraints(self, b: Any, f: Frame) -> None:
        b.installed = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: self._running(b, w, t) <= b.available[w, t],
            doc="machines running within machines times availability",
        )
        if self.has_commitment:
            self.commitment_constraints(b, f, self._running)

    def switch(self, b: Any, f: Frame) -> Switch | None:
        """All machines that are there in their strongest mode, while the price is below its break-even."""
        modes = self.hull_modes
        strongest = max(range(len(modes)), key=lambda number: modes[number].hash_th_s)
        hash_factor, power_factor = (f.full(factor) for factor in self.ambient_factors(f))
        on = np.zeros((len(modes), *f.shape))
        on[strongest] = self.available_machines(f)
        mode = modes[strongest]
        hash_ph_s_per_mw = (mode.hash_th_s / 1e3) * hash_factor / (mode.power_w / 1e6 * np.maximum(power_factor, 1e-9))
        earned = self.hashprice(f) / 24.0 * self.uptime * (1.0 - self.pool_fee)
        return Switch(b.running, on, f.full(earned * hash_ph_s_per_mw))

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        standby = self.standby_w / 1e6
        running = sum((b.mode_mw[m] * b.power_factor[w, t] - standby) * b.running[m, w, t] for m in b.modes)
        return running + standby * self.machines

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self.heat_fraction * self.power_mw(b, f, w, t)

    def largest_power_mw(self, f: Frame) -> Floats:
        running_w = max(mode.power_w for mode in self.hull_modes) * self.ambient_factors(f)[1]
        return np.asarray(self.machines * np.maximum(running_w, self.standby_w) / 1e6)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {"mining_revenue": f.by_step(lambda b, w, t: b.value_of_ph_s[w, t] * self._hash_ph_s(b, w, t))}
        if self.start_cost > 0:
            lines["mining_start_cost"] = self.start_cost_line(f)
        return lines

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        names = tuple(mode.name for mode in self.hull_modes)
        found = {
            "hash_ph_s": f.by_time(lambda b, w, t: self._hash_ph_s(b, w, t), "PH/s", "hash rate"),
            "running": f.by_time_and(
                "mode", names, b.modes, lambda b, m, w, t: b.running[m, w, t], "machines", "machines by mode"
            ),
        }
        return found | self.commitment_results(f) if self.has_commitment else found

    def _running(self, b: Any, w: Any, t: Any) -> Any:
        return sum(b.running[m, w, t] for m in b.modes)

    def _hash_ph_s(self, b: Any, w: Any, t: Any) -> Any:
        hashing = sum(b.mode_ph_s[m] * b.running[m, w, t] for m in b.modes)
        if self.start_lost_minutes > 0:
            hashing -= sum(b.lost_ph_s[k] * b.started[b.decision_of[w], t - k] for k in b.lost_window)
        return hashing * b.hash_factor[w, t]

    def available_machines(self, f: Frame | AuditView) -> Floats:
        """Machines that may run, (members, steps)."""
        share = f.values(self.availability)
        return np.asarray(self.machines * (share if self.ambient is None else share * self.ambient.can_run(f)))

    def ambient_factors(self, f: Frame | AuditView) -> tuple[Floats, Floats]:
        """Factors on hash rate and power, (members, steps)."""
        if self.ambient is None:
            return f.full(1.0), f.full(1.0)
        return self.ambient.factor(f, self.ambient.hash_factor), self.ambient.factor(f, self.ambient.power_factor)

    def _lost_ph_s_per_start(self, f: Frame | AuditView) -> Floats:
        """Hash lost per start in its step and in those after it, at the strongest mode, as means over each step."""
        lost_steps = self.start_lost_minutes / 60.0 / f.step_h
        shares = np.clip(lost_steps - np.arange(max(1, np.ceil(lost_steps - 1e-9))), 0.0, 1.0)
        return np.asarray(shares * max(mode.hash_th_s for mode in self.hull_modes) / 1e3)

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        hashing = Chart("Mining", ("hash_ph_s",), "PH/s", "hash rate")
        if len(self.hull_modes) == 1:
            return (hashing,)
        return hashing, Chart("Mining", ("running",), "machines", "machines by mode", stacked=True)

    def audit(self, a: AuditView) -> None:
        running = a.table("running")
        watts = np.array([mode.power_w for mode in self.hull_modes])
        terahash = np.array([mode.hash_th_s for mode in self.hull_modes])
        hash_factor, power_factor = self.ambient_factors(a)
        total = running.sum(axis=0)
        a.at_least("machines by mode are not negative", running, 0.0)
        a.at_most("machines running within machines times availability", total, self.available_machines(a))
        if self.integer:
            a.whole("machines are whole", running)
        power_w = np.einsum("m,mwt->wt", watts, running) * power_factor + self.standby_w * (self.machines - total)
        a.equal("power follows from the machines running", a["power_mw"], power_w / 1e6)
        hashing = np.einsum("m,mwt->wt", terahash, running) / 1e3
        if self.has_commitment:
            self.audit_commitment(a, total)
            started = self.audited_changes(a)[0]
            back = started.shape[1] - total.shape[1]
            for delay, lost in enumerate(self._lost_ph_s_per_start(a)):
                ago = started[:, max(0, back - delay) : started.shape[1] - delay]
                hashing[:, hashing.shape[1] - ago.shape[1] :] -= lost * ago
        a.equal("hash rate follows from the machines running", a["hash_ph_s"], hashing * hash_factor)
        day_share = a.energy_mwh(a["hash_ph_s"]) / 24.0
        revenue = self.hashprice(a) * day_share * self.uptime * (1.0 - self.pool_fee)
        a.money("mining_revenue", revenue.sum(axis=1))
        if self.start_cost > 0:
            a.money("mining_start_cost", -self.start_cost * a["started"].sum(axis=1))

    def carry(self, a: AuditView) -> dict[str, Carried]:
        return self.commitment_carry(a, a.table("running").sum(axis=0))

    def end_rule(self, f: Frame) -> str | None:
        return self.commitment_end_rule() if self.has_commitment else None

    def summary(self, a: AuditView) -> dict[str, float]:
        return break_even_figures(self, a, self.hashprice(a)) | self.pool_figures(a, a["hash_ph_s"])

    def audited_heat_mw(self, a: AuditView) -> Floats:
        return self.heat_fraction * a["power_mw"]
