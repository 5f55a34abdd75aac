"""What nodes can serve and what they draw: capacity, energy per unit and the headroom kept for latency.

Power is affine in the load, ``idle_kw`` per node held and ``kwh_per_unit`` per unit served. Both may be given in the
way in which they were measured:

- ``kwh_per_unit``: energy per unit beyond idling;
- ``joules_per_token``: energy per token of a node at its capacity, idling included, as benchmarks state it. With
  ``tokens`` in a unit, ``kwh_per_unit = joules_per_token * tokens / 3.6e6 - idle_kw / capacity_per_node_hour``;
- ``power_by_load``: points (units per hour, kW) of one node; the least-squares line through them gives both, the power
  at no load being that of a node that holds the model and waits;
- none of them: a node at its capacity draws ``full_kw`` of its pool.

A node that only takes in prompts (prefill) draws by default as much as one that only answers. A capacity in tokens
comes from the bundled table (:mod:`optimizer.inference_throughput`) where ``model`` names one of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from optimizer.component import Finding, StrictModel
from optimizer.inference_throughput import TOKENS, served_model, tokens_per_unit
from optimizer.latency_headroom import LatencyHeadroom, Tangent
from optimizer.quantities import Count, Fraction, Kilowatts, NonNegative, Positive

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool

JOULES_PER_KWH = 3.6e6
SECONDS_PER_HOUR = 3600.0
POWERS = ("kwh_per_unit", "joules_per_token", "power_by_load")
"""Ways to give the power of a node, of which one is used."""
TOLD_DEVIATION = 0.1
"""Relative departure of measured powers from their line above which the planner is told."""


@dataclass(frozen=True)
class Rates:
    """What a node of one pool serves (units per hour) and draws (kW, and kWh per unit beyond idling)."""

    capacity: float
    idle_kw: float
    kwh_per_unit: float
    prefill_capacity: float | None
    prefill_kwh_per_unit: float

    @property
    def largest_kw(self) -> float:
        """Draw of a node that works all the time, kW."""
        prefill = self.prefill_kwh_per_unit * (self.prefill_capacity or 0.0)
        return self.idle_kw + max(self.kwh_per_unit * self.capacity, prefill)


class NodeRates(StrictModel):
    """What a node serves and draws."""

    model: Annotated[str, Field(min_length=1)] | None = None
    """A row of the bundled table (``DeepSeek-V3/R1 on 8xH800``), which gives the capacities of a node in tokens."""
    capacity_per_node_hour: Positive | None = None
    """Units that a fully used node serves in an hour; or give ``model``."""
    idle_kw: Kilowatts | None = None
    """Draw of a node that holds the model and serves nothing; by default ``idle_kw`` of the pool."""
    kwh_per_unit: NonNegative | None = None
    """Energy per unit served, beyond idling; by default such that a node at its capacity draws ``full_kw``."""
    joules_per_token: Positive | None = None
    """Energy per (output) token of a node at its capacity, idling included; for units that count tokens."""
    power_by_load: Annotated[list[tuple[NonNegative, Positive]], Field(min_length=2)] | None = None
    """Measured power of a node, ``[[units per hour, kW], …]``; the plan uses the line through the points."""
    prefill_capacity_per_node_hour: Positive | None = None
    """With ``prefill``: units of input that a fully used node takes in an hour; or give ``model``."""
    prefill_kwh_per_unit: NonNegative | None = None
    """With ``prefill``: energy per unit of input, beyond idling; by default such that a node that only takes in input
    draws as much as one that only answers."""

    @field_validator("model")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None:
            served_model(name)
        return name

    @model_validator(mode="after")
    def _one_power(self) -> Self:
        given = [way for way in POWERS if getattr(self, way) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[-1]}: give either {' or '.join(given)}")
        if self.power_by_load is None:
            return self
        if self.idle_kw is not None:
            raise ValueError("idle_kw: follows from power_by_load; give only one of them")
        if len({load for load, _ in self.power_by_load}) < 2:
            raise ValueError("power_by_load: needs two different loads")
        idle_kw, kwh_per_unit = self.line
        if kwh_per_unit < 0 or idle_kw < 0:
            what = "power falls as load rises" if kwh_per_unit < 0 else "no load would draw less than nothing"
            raise ValueError(f"power_by_load: {what}; give idle_kw and kwh_per_unit instead")
        return self

    @property
    def line(self) -> tuple[float, float]:
        """Power at no load (kW) and energy per unit (kWh) of the line through ``power_by_load``."""
        load, power = np.array(self.power_by_load).T
        slope, intercept = np.polyfit(load, power, 1)
        return float(intercept), float(slope)

    @property
    def says_capacity(self) -> bool:
        """Whether the capacity of a node is given."""
        return self.model is not None or self.capacity_per_node_hour is not None

    @property
    def counts_tokens(self) -> bool:
        """Whether it can only be read with a unit that counts tokens."""
        return self.model is not None or self.joules_per_token is not None

    def on(self, pool: GpuPool, unit: str) -> Rates:
        """The rates on the nodes of a pool, with demand counted in ``unit``."""
        known = None if self.model is None else served_model(self.model)
        tokens = tokens_per_unit(unit) or 1.0
        capacity, prefill, joules = self.capacity_per_node_hour, self.prefill_capacity_per_node_hour, None
        if known is not None:
            capacity = capacity or known.output_tokens_per_s * SECONDS_PER_HOUR / tokens
            joules = known.joules_per_output_token
            if prefill is None and known.input_tokens_per_s is not None:
                prefill = known.input_tokens_per_s * SECONDS_PER_HOUR / tokens
        if capacity is None:
            raise ValueError("capacity_per_node_hour is missing")
        idle, kwh = self._power(pool, capacity, (self.joules_per_token or joules or 0.0) * tokens / JOULES_PER_KWH)
        as_answering = kwh * capacity / prefill if prefill else 0.0
        into = as_answering if self.prefill_kwh_per_unit is None else self.prefill_kwh_per_unit
        return Rates(capacity, idle, kwh, prefill, into)

    def _power(self, pool: GpuPool, capacity: float, kwh_at_capacity: float) -> tuple[float, float]:
        """Draw at no load (kW) and energy per unit beyond it (kWh)."""
        if self.power_by_load is not None:
            return self.line
        idle = pool.idle_kw if self.idle_kw is None else self.idle_kw
        if self.kwh_per_unit is not None:
            return idle, self.kwh_per_unit
        full = kwh_at_capacity * capacity if kwh_at_capacity else pool.full_kw
        return idle, (full - idle) / capacity

    def findings(self, pool: GpuPool, unit: str, field: str) -> Iterator[Finding]:
        """Powers that cannot be, or that are odd, on the nodes of a pool; ``field`` is where the rates are written."""
        rates, place = self.on(pool, unit), f"{field}." if field else ""
        name = next((way for way in POWERS if getattr(self, way) is not None), "idle_kw")
        if rates.kwh_per_unit < 0:
            full = rates.idle_kw + rates.kwh_per_unit * rates.capacity
            yield Finding(
                place + name,
                f"a node of {pool.name} at its capacity of {rates.capacity:g} {unit}/h would draw {full:.4g} kW, less "
                f"than an idle one, {rates.idle_kw:g} kW",
                getattr(self, name),
            )
        elif rates.largest_kw > pool.full_kw * (1 + 1e-9):
            yield Finding(
                place + name,
                f"a node at its capacity would draw {rates.largest_kw:g} kW, more than full_kw of {pool.name}",
                self.kwh_per_unit,
                f"at most {(pool.full_kw - rates.idle_kw) / rates.capacity:g}" if self.kwh_per_unit else None,
                fatal=False,
            )
        if self.power_by_load is not None:
            idle_kw, kwh_per_unit = self.line
            load, power = np.array(self.power_by_load).T
            off = np.abs(idle_kw + kwh_per_unit * load - power) / power
            if off.max() > TOLD_DEVIATION:
                at = load[int(np.argmax(off))]
                what = f"the line through the points departs from them by up to {off.max():.0%}, at {at:g} {unit}/h"
                yield Finding(f"{place}power_by_load", what, fatal=False)


class ServiceCapacity(NodeRates):
    """Capacity of the nodes of a service."""

    capacity_unit: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """Unit in which capacities and energies are meant; refused where it is not that of the demand."""
    nodes_per_replica: Count = 1
    """Nodes that hold one copy of the model and serve together."""
    headroom: Fraction | None = None
    """Share of the capacity kept free for the latency target; or give ``latency_headroom``."""
    latency_headroom: LatencyHeadroom | None = None
    """Capacity kept free by the number of nodes (Erlang's C formula), on the safe side."""

    @model_validator(mode="after")
    def _one_headroom(self) -> Self:
        if self.headroom is not None and self.latency_headroom is not None:
            raise ValueError("give either headroom or latency_headroom")
        if self.headroom == 1.0:
            raise ValueError("headroom 1 leaves nothing to serve with; must be below 1")
        if self.latency_headroom is not None and self.latency_headroom.typical_nodes < self.nodes_per_replica:
            raise ValueError(
                f"latency_headroom.typical_nodes {self.latency_headroom.typical_nodes:g} is less than one replica "
                f"({self.nodes_per_replica} nodes)"
            )
        return self

    @property
    def usable_line(self) -> Tangent:
        """Usable nodes of one pool as ``slope * nodes - intercept``."""
        if self.latency_headroom is None:
            return Tangent(1.0 - (self.headroom or 0.0), 0.0)
        return self.latency_headroom.usable_nodes(self.nodes_per_replica)


def unit_problem(unit: str, capacity_unit: str | None, all_rates: list[NodeRates]) -> str | None:
    """What is wrong where demand and capacity are not counted in the same unit."""
    if capacity_unit is not None and capacity_unit != unit:
        there, here = tokens_per_unit(capacity_unit), tokens_per_unit(unit)
        mend = f"; 1 {capacity_unit} is {there / here:g} {unit}" if there and here else ""
        return f"capacity_unit: capacity is counted in {capacity_unit}, demand in {unit}{mend}"
    if tokens_per_unit(unit) is None and any(rates.counts_tokens for rates in all_rates):
        return f"unit: '{unit}' does not count tokens, as model and joules_per_token do; must be {', '.join(TOKENS)}"
    return None
