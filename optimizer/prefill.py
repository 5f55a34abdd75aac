"""Prompts and answers apart: node-hours and energy where input and output are counted separately.

A model first takes in a prompt (prefill), which is bound by computing, and then gives out its answer (decode), which is
bound by memory; a node does each at a rate of its own. With ``prefill``, ``demand_per_hour`` counts the output and
``prefill.demand_per_hour`` the input that belongs to it. Both are served or shed together: a unit of output comes with
``ratio_t = input_t / output_t`` units of input.

On nodes that do both, a unit takes the node-hours of both, so that a node serves per hour::

    capacity_t = 1 / (1 / capacity_per_node_hour + ratio_t / prefill_capacity_per_node_hour)
    kwh_t      = kwh_per_unit + ratio_t * prefill_kwh_per_unit

With ``prefill.pools`` those pools do nothing but take in input, the other ones nothing but answer. Every unit passes
through one of either::

    prefill pools:   capacity_t = prefill_capacity_per_node_hour / ratio_t,   kwh_t = ratio_t * prefill_kwh_per_unit
    other pools:     capacity_t = capacity_per_node_hour,                     kwh_t = kwh_per_unit
    sum_{p prefills} served[p,t] = sum_{p answers} served[p,t] = served_t

so that ``served[p,t]`` of a prefill pool is the output whose input it takes in. The latency headroom of each pool is
that of its own nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.named_pools import PoolName
from optimizer.quantities import Series, SeriesOf
from optimizer.service_capacity import Rates


class Prefill(StrictModel):
    """Input that comes with the demand."""

    demand_per_hour: Annotated[Series, SeriesOf("unit/h", ge=0)]
    """Input in units per hour, beside the output that ``demand_per_hour`` of the service counts."""
    revenue_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)] = Series.constant(0.0)
    """Revenue per unit of input, where it is priced apart."""
    pools: Annotated[list[PoolName], Field(min_length=1)] | None = None
    """Those of the service's pools that only take in input; not given: every node does both."""

    def ratio(self, f: Frame | AuditView, output: Floats) -> Floats:
        """Input per unit of output, (members, steps); 0 without output."""
        given = f.values(self.demand_per_hour)
        return np.divide(given, output, out=np.zeros(output.shape), where=output > 0)

    def findings(self, f: Frame, output: Floats, names: list[str], rates: Sequence[Rates]) -> Iterator[Finding]:
        """Input without output, pools that are not the service's, and capacities that are not known."""
        given = f.values(self.demand_per_hour)
        lone = (given > 0) & (output <= 0) if self.pools is None else (given > 0) != (output > 0)
        if lone.any():
            w, t = (int(i) for i in np.unravel_index(int(np.argmax(lone)), lone.shape))
            what = "input without output" if output[w, t] <= 0 else "output without input"
            yield Finding(
                "prefill.demand_per_hour",
                f"{what} at {f.horizon.describe(f.horizon.utc[t])}: both are served together",
                float(given[w, t]),
            )
        for position, name in enumerate(self.pools or ()):
            if name not in names:
                allowed = f"one of the service's pools: {', '.join(names)}"
                yield Finding(f"prefill.pools[{position}]", "the service has no such pool", name, allowed)
        if self.pools is not None and set(names) <= set(self.pools):
            yield Finding("prefill.pools", "no pool is left to answer", self.pools, "some of the service's pools")
        for name, rate in zip(names, rates, strict=True):
            if rate.prefill_capacity is None and (self.pools is None or name in self.pools):
                yield Finding(
                    "prefill_capacity_per_node_hour",
                    f"is missing for {name}",
                    hint="give it, or a model of the bundled table that states it",
                )


@dataclass(frozen=True)
class UnitWork:
    """What a unit of demand takes on each pool; arrays (pools, members, steps)."""

    capacity: Floats
    """Units that a node passes in an hour."""
    kwh: Floats
    """Energy per unit beyond idling, kWh."""
    answering: list[int]
    """Positions of the pools that answer."""
    prefilling: list[int]
    """Positions of the pools that only take in input."""


def unit_work(rates: Sequence[Rates], names: Sequence[str], ratio: Floats, prefill: Prefill | None) -> UnitWork:
    """Node-hours and energy of a unit, with ``ratio`` units of input, (members, steps)."""
    only = [] if prefill is None or prefill.pools is None else list(prefill.pools)
    prefilling = [p for p, name in enumerate(names) if name in only]
    capacity, kwh = [], []
    for p, rate in enumerate(rates):
        answers = 0.0 if p in prefilling else 1.0
        takes_in = ratio * (0.0 if prefill is None or (only and p not in prefilling) else 1.0)
        hours = answers / rate.capacity + takes_in / (rate.prefill_capacity or np.inf)
        # a prefill pool has nothing to do where there is no input
        capacity.append(np.divide(1.0, hours, out=np.ones(ratio.shape), where=hours > 0))
        kwh.append(answers * rate.kwh_per_unit + takes_in * rate.prefill_kwh_per_unit)
    answering = [p for p in range(len(rates)) if p not in prefilling]
    return UnitWork(np.stack(capacity), np.stack(kwh), answering, prefilling)
