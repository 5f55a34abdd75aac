"""Wear of a store by the depth of its cycles, and limits on cycles per day and year.

**Depth.** Deep cycles age a battery more than many shallow ones. The store is thought of as segments stacked by depth,
``e_j`` MWh each, that are charged and discharged by themselves; a MWh from a deeper segment wears more::

    x_{j,t} = x_{j,t-1} * kept + eta_c * ch_{j,t} * step_h - dis_{j,t} * step_h / eta_d,     0 <= x_{j,t} <= e_j
    sum_j x_j = soc,   sum_j ch_j = charge,   sum_j dis_j = discharge
    wear = - sum_j sum_t cost_j * dis_{j,t} * step_h,       cost_1 <= cost_2 <= ...

Because a least-cost plan charges and discharges the shallowest segment that it can, a cycle of a given depth costs what
the segments down to that depth cost (Xu, Zhao, Zheng, Litvinov and Kirschen, "Factoring the cycle aging cost of
batteries participating in electricity markets", IEEE Transactions on Power Systems 33, 2018). No binary is needed.
What is stored at the start lies in the shallowest segments, or where an earlier run has left it.

**Cycles.** A cycle is ``energy_mwh`` discharged at the bus::

    sum_{t in day} discharge_t * step_h <= max_cycles_per_day * energy_mwh - discharged before     (and by year)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.component import Carried, Component, Finding, Floats, MoneyLine, Result, StrictModel
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Fraction, NonNegative
from optimizer.template import Constraint, Param, Var

PERIODS = {"day": "max_cycles_per_day", "year": "max_cycles_per_year"}


class DepthSegment(StrictModel):
    """Wear of the energy down to a depth."""

    depth: Annotated[Fraction, Field(gt=0)]
    """Depth of the segment's lower end below a full store, as a share of ``energy_mwh``; the last is 1."""
    cost_per_mwh: NonNegative
    """Wear per MWh discharged at the bus from this segment."""


class StorageWear(Component):
    """Fields and rules of a store that wears by depth and has limits on cycles."""

    holds: ClassVar[dict[str, Holds]] = {
        "segment_mwh": Holds(Code.STORAGE_LIMIT, "the depth segment is full", unit="MWh"),
        "segment_mwh at least": Holds(Code.STORAGE_LIMIT, "the depth segment is empty", unit="MWh"),
        "day_cycles": Holds(
            Code.ENERGY_LIMIT, "the cycles of the day are used up", unit="MWh", field="max_cycles_per_day"
        ),
        "year_cycles": Holds(
            Code.ENERGY_LIMIT, "the cycles of the year are used up", unit="MWh", field="max_cycles_per_year"
        ),
    }

    carries: ClassVar[dict[str, str]] = {
        "discharged_mwh": "MWh discharged so far, by day and by year",
        "segment_mwh": "MWh that each segment of depth_wear holds at the end of the run, by depth",
    }

    energy_mwh: float
    depth_wear: Annotated[tuple[DepthSegment, ...], Field(min_length=1)] | None = None
    """Wear by depth, from shallow to deep, with rising cost; beside ``throughput_cost_per_mwh``."""
    max_cycles_per_day: NonNegative | None = None
    """Most full cycles (``energy_mwh`` discharged) in a local day."""
    max_cycles_per_year: NonNegative | None = None
    """Most full cycles in a calendar year, as a warranty says."""

    @model_validator(mode="after")
    def _segments_go_down(self) -> Self:
        segments = self.depth_wear or ()
        depths, costs = [s.depth for s in segments], [s.cost_per_mwh for s in segments]
        if sorted(set(depths)) != depths:
            raise ValueError("depth_wear: the depths must rise")
        if segments and depths[-1] != 1.0:
            raise ValueError(f"depth_wear: the last segment ends at {depths[-1]:g}; it must end at 1 (an empty store)")
        if sorted(costs) != costs:
            raise ValueError("depth_wear: the cost per MWh must not fall with the depth")
        return self

    def segment_mwh(self) -> Floats:
        """Energy of each segment, MWh."""
        return np.diff([0.0, *(s.depth for s in self.depth_wear or ())]) * self.energy_mwh

    def segment_costs(self) -> Floats:
        """Wear per MWh of each segment."""
        return np.array([s.cost_per_mwh for s in self.depth_wear or ()])

    def _segment_start_mwh(self, f: Frame, level: Floats) -> Floats:
        """What the segments hold before the horizon, (segments, members): as carried, or at a level (members,) the
        shallowest filled first."""
        sizes = self.segment_mwh()[:, np.newaxis]
        if held := f.carried.by_period("segment_mwh"):
            empty = np.zeros(f.members_count)
            return np.clip(np.stack([held.get(label, empty) for label in self.segment_labels]), 0.0, sizes)
        ends = np.cumsum(sizes, axis=0)
        return np.clip(level - (ends - sizes), 0.0, sizes)

    @property
    def segment_labels(self) -> tuple[str, ...]:
        """Names of the segments in results and in the carry."""
        return tuple(f"to {segment.depth:g}" for segment in self.depth_wear or ())

    # ------------------------------------------------------------------ before the model
    def wear_findings(self, f: Frame) -> Iterator[Finding]:
        """Cycles used up before the horizon."""
        for period, field, limit in self._cycle_limits():
            for label, before in self._discharged_before(f, period):
                if (before > limit * self.energy_mwh * (1 + 1e-9)).any():
                    yield Finding(
                        field,
                        f"{float(before.max()):g} MWh have been discharged already in {label}",
                        limit,
                        allowed=f"at least {float(before.max()) / self.energy_mwh:g}",
                    )

    def carried_wear_findings(self, f: Frame) -> Iterator[Finding]:
        """Carried segments that there are not, or that do not make up the level carried."""
        held = f.carried.by_period("segment_mwh")
        for label, mwh in held.items():
            if label not in self.segment_labels:
                allowed = " or ".join(self.segment_labels) or "nothing: there is no depth_wear"
                yield Finding("segment_mwh", "there is no such segment", label, allowed)
            elif (mwh < -1e-6).any():
                yield Finding("segment_mwh", f"of {label}", float(mwh.min()), allowed="at least 0 MWh")
        if held and "soc_mwh" in f.carried:
            level, total = f.carried.number("soc_mwh"), np.add.reduce(list(held.values()))
            if not np.allclose(total, level, rtol=1e-6, atol=1e-6 * max(1.0, self.energy_mwh)):
                yield Finding("segment_mwh", "do not add up to the level carried (soc_mwh)", float(total[0]))

    def _cycle_limits(self) -> list[tuple[str, str, float]]:
        """Periods with a limit: period, field, cycles."""
        limits = [(period, field, getattr(self, field)) for period, field in PERIODS.items()]
        return [(period, field, float(limit)) for period, field, limit in limits if limit is not None]

    def _discharged_before(self, f: Frame, period: Any) -> list[tuple[str, Floats]]:
        carried = f.carried.by_period("discharged_mwh")
        return [(label, carried.get(label, f.zeros()[:, 0])) for label in f.horizon.period_labels(period)]

    # ------------------------------------------------------------------ the model
    def wear_variables(self, b: Any, f: Frame, start_mwh: Floats) -> None:
        """``start_mwh``: level before the horizon, MWh, (members,)."""
        if self.depth_wear is None:
            return
        sizes = self.segment_mwh()
        most = np.tile(sizes[:, np.newaxis, np.newaxis], (1, f.members_count, f.horizon.steps + 1))
        least = np.zeros_like(most)
        least[:, :, 0] = most[:, :, 0] = self._segment_start_mwh(f, start_mwh)
        b.segments = pyo.RangeSet(0, len(sizes) - 1)
        b.segment_least = Param(b.segments, f.members, f.states, values=least)
        b.segment_most = Param(b.segments, f.members, f.states, values=most)
        b.segment_cost = Param(b.segments, values=self.segment_costs())
        b.segment_mwh = Var(
            b.segments,
            f.members,
            f.states,
            bounds=lambda b, j, w, t: (b.segment_least[j, w, t], b.segment_most[j, w, t]),
        )
        b.segment_charge_mw = Var(b.segments, f.members, f.steps, within=pyo.NonNegativeReals)
        b.segment_discharge_mw = Var(b.segments, f.members, f.steps, within=pyo.NonNegativeReals)

    def wear_constraints(self, b: Any, f: Frame, kept: float, gain: float, loss: float) -> None:
        """``gain`` and ``loss``: MWh stored per MW charged, and taken from store per MW discharged, in a step."""
        if self.depth_wear is not None:
            b.segment_storing = Constraint(
                b.segments,
                f.members,
                f.steps,
                rule=lambda b, j, w, t: (
                    b.segment_mwh[j, w, t]
                    == kept * b.segment_mwh[j, w, t - 1]
                    + gain * b.segment_charge_mw[j, w, t]
                    - loss * b.segment_discharge_mw[j, w, t]
                ),
                doc="level of each depth segment follows from its charging and discharging",
            )
            for whole, part in (("charge_mw", "segment_charge_mw"), ("discharge_mw", "segment_discharge_mw")):
                b.add_component(
                    f"{part}_sum",
                    Constraint(
                        f.members,
                        f.steps,
                        rule=lambda b, w, t, whole=whole, part=part: (
                            sum(b.component(part)[j, w, t] for j in b.segments) == b.component(whole)[w, t]
                        ),
                        doc="the depth segments together are the store",
                    ),
                )
        for period, field, limit in self._cycle_limits():
            codes = f.horizon.period_codes(period)  # type: ignore[arg-type]
            periods = pyo.RangeSet(0, int(codes.max()))
            steps_of = pyo.Set(
                periods, initialize={p: np.flatnonzero(codes == p).tolist() for p in range(codes.max() + 1)}
            )
            left = np.stack(
                [limit * self.energy_mwh - before for _, before in self._discharged_before(f, period)], axis=1
            )
            b.add_component(f"{period}_periods", periods)
            b.add_component(f"{period}_steps_of", steps_of)
            b.add_component(f"{period}_left_mwh", Param(f.members, periods, values=left))
            b.add_component(
                f"{period}_cycles",
                Constraint(
                    f.members,
                    periods,
                    rule=lambda b, w, p, period=period: (
                        sum(b.discharge_mw[w, t] * f.step_h for t in b.component(f"{period}_steps_of")[p])
                        <= b.component(f"{period}_left_mwh")[w, p]
                    ),
                    doc=f"energy discharged within the cycles allowed ({field})",
                ),
            )

    def wear_money(self, f: Frame) -> dict[str, MoneyLine]:
        if self.depth_wear is None:
            return {}
        return {
            "battery_depth_wear": f.by_step(
                lambda b, w, t: -f.step_h * sum(b.segment_cost[j] * b.segment_discharge_mw[j, w, t] for j in b.segments)
            )
        }

    def wear_results(self, b: Any, f: Frame) -> dict[str, Result]:
        if self.depth_wear is None:
            return {}
        return {
            name: f.by_time_and(
                "depth",
                self.segment_labels,
                b.segments,
                lambda b, j, w, t, name=name: b.component(name)[j, w, t],
                "MW",
                words,
            )
            for name, words in (
                ("segment_discharge_mw", "discharging by depth"),
                ("segment_charge_mw", "charging by depth"),
            )
        }

    # ------------------------------------------------------------------ after the model
    def audit_wear(self, a: AuditView, start_mwh: Floats, kept: float, gain: float, loss: float) -> None:
        for period, _, limit in self._cycle_limits():
            before = np.stack([found for _, found in self._discharged_before(a.frame, period)], axis=1)
            used = a.sum_by_period(a.energy_mwh(a["discharge_mw"]), period) + before  # type: ignore[arg-type]
            a.at_most("energy discharged within the cycles allowed", used, limit * self.energy_mwh)
        if self.depth_wear is None:
            return
        charge, discharge = a.table("segment_charge_mw"), a.table("segment_discharge_mw")
        a.equal("the depth segments together are charged", charge.sum(axis=0), a["charge_mw"])
        a.equal("the depth segments together are discharged", discharge.sum(axis=0), a["discharge_mw"])
        a.at_least("charging by depth is not negative", charge, 0.0)
        a.at_least("discharging by depth is not negative", discharge, 0.0)
        levels = self._audited_segments(a, start_mwh, kept, gain, loss)
        a.at_least("no depth segment is empty when discharged", levels, 0.0)
        a.at_most("no depth segment is overfull", levels, self.segment_mwh()[:, np.newaxis])
        cost = np.einsum("j,jwt->wt", self.segment_costs(), a.energy_mwh(discharge))
        a.money("battery_depth_wear", -cost)

    def _audited_segments(self, a: AuditView, start_mwh: Floats, kept: float, gain: float, loss: float) -> Floats:
        """What the segments hold at the end of each step, MWh, (steps, segments, members)."""
        charge, discharge = a.table("segment_charge_mw"), a.table("segment_discharge_mw")
        level, levels = self._segment_start_mwh(a.frame, start_mwh), []
        for t in range(a.shape[1]):
            level = kept * level + gain * charge[:, :, t] - loss * discharge[:, :, t]
            levels.append(level)
        return np.stack(levels)

    def carried_wear(
        self, a: AuditView, start_mwh: Floats, kept: float, gain: float, loss: float
    ) -> dict[str, Carried]:
        """What was discharged in the day and the year, and what each segment holds."""
        states: dict[str, Carried] = {}
        found: dict[str, Floats] = {}
        for period, _, _ in self._cycle_limits():
            label, before = self._discharged_before(a.frame, period)[-1]
            used: Floats = a.sum_by_period(a.energy_mwh(a["discharge_mw"]), period)[:, -1]  # type: ignore[arg-type]
            found[label] = before + used
        if found:
            states["discharged_mwh"] = found
        if self.depth_wear is not None:
            held = self._audited_segments(a, start_mwh, kept, gain, loss)[-1]
            states["segment_mwh"] = dict(zip(self.segment_labels, np.round(held, ROUNDING), strict=True))
        return states
