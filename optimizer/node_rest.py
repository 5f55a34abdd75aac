"""Nodes that do not work: maintenance, and waking after they were switched off.

In every step that a maintenance window touches its nodes are out, whatever share of the others is available::

    available_t = (nodes - out_t) * availability_t

A node that was switched off is woken for ``wake_minutes``: it draws idle power and cannot work. With ``share_k`` the
part of the ``k``-th step after the waking for which that lasts, and ``gone_t`` the nodes that became unavailable::

    woken_t >= off_{t-1} - off_t - gone_t,      woken_t >= 0,      gone_t = max(0, available_{t-1} - available_t)
    idle_t  >= sum_k share_k * woken_{t-k}

Nodes that become unavailable are taken from those that are off. What was off before the horizon is not known and costs
nothing in the first step, unless it is carried in; nodes that come back from maintenance are awake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING, handed_on_by_time, past_and_present
from optimizer.component import Carried, Finding, Floats, StrictModel
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import Horizon, to_utc
from optimizer.quantities import Positive, Stamp
from optimizer.template import Constraint, Param, Var


class Maintenance(StrictModel):
    """Nodes that are out for a time."""

    from_: Stamp = Field(alias="from")
    """Begin."""
    until: Stamp
    """End."""
    nodes: Positive | None = None
    """Nodes that are out; all of the pool by default."""

    def touches(self, horizon: Horizon) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Steps of which any part lies in the window, (steps,)."""
        hours = [
            (to_utc(stamp, horizon.zone) - horizon.start_utc.to_pydatetime()).total_seconds() / 3600.0
            for stamp in (self.from_, self.until)
        ]
        starts = np.arange(horizon.steps) * horizon.step_h
        return (starts + horizon.step_h > hours[0] + 1e-9) & (starts < hours[1] - 1e-9)


class NodeRest(StrictModel):
    """Fields of nodes that do not work."""

    holds: ClassVar[dict[str, Holds]] = {
        "awake": Holds(Code.MINIMUM_UP, "nodes that wake are idle for a while", unit="node", field="wake_minutes"),
    }

    rest_carries: ClassVar[dict[str, str]] = {
        "off_nodes": "nodes switched off at the end of the run (with wake_minutes)",
        "available_nodes": "nodes that could be used at the end of the run (with wake_minutes)",
        "woken": "nodes woken that may not be awake yet, by time",
    }

    nodes: int
    maintenance: tuple[Maintenance, ...] = ()
    """Times in which nodes are out, ``[{from: …, until: …, nodes: 4}, …]``; those that overlap add up."""
    wake_minutes: Annotated[float, Field(ge=0, le=1440, strict=True, allow_inf_nan=False)] = 0.0
    """Minutes for which a node that was switched off draws idle power before it can work."""

    def nodes_out(self, horizon: Horizon) -> Floats:
        """Nodes under maintenance, (steps,)."""
        out = np.zeros(horizon.steps)
        for entry in self.maintenance:
            out += np.where(entry.touches(horizon), self.nodes if entry.nodes is None else entry.nodes, 0.0)
        return out

    def rest_findings(self, f: Frame) -> Iterator[Finding]:
        """Windows that end before they begin, take more nodes than there are, or lie outside of the horizon."""
        for number, entry in enumerate(self.maintenance):
            field = f"maintenance[{number}]"
            if to_utc(entry.until, f.horizon.zone) <= to_utc(entry.from_, f.horizon.zone):
                yield Finding(f"{field}.until", f"is not after the begin ({entry.from_})", entry.until)
            elif entry.nodes is not None and entry.nodes > self.nodes:
                yield Finding(f"{field}.nodes", "more than the pool has", entry.nodes, f"at most {self.nodes}")
            elif not entry.touches(f.horizon).any():
                yield Finding(field, "lies outside of the horizon", fatal=False)
        over = np.flatnonzero(self.nodes_out(f.horizon) > self.nodes * (1 + 1e-9))
        if len(over) and len(self.maintenance) > 1:
            when = f.horizon.describe(f.horizon.utc[int(over[0])])
            out = self.nodes_out(f.horizon)[over[0]]
            what = f"{out:g} nodes are out at {when}, where windows overlap"
            yield Finding("maintenance", what, allowed=f"at most {self.nodes}")

    def carried_rest_findings(self, f: Frame) -> Iterator[Finding]:
        """Nodes carried in that there are not."""
        for key in ("off_nodes", "available_nodes"):
            nodes = f.carried.number(key)
            if (nodes < 0).any() or (nodes > self.nodes * (1 + 1e-9)).any():
                odd = float(nodes.min() if (nodes < 0).any() else nodes.max())
                yield Finding(key, "is not a number of the nodes", odd, f"from 0 to {self.nodes}")

    # ------------------------------------------------------------------ the model
    def _whole_wake_shares(self, step_h: float) -> Floats:
        """Share of the k-th step after the waking for which it lasts."""
        waking = self.wake_minutes / 60.0 / step_h
        return np.clip(waking - np.arange(max(1, math.ceil(waking - 1e-9))), 0.0, 1.0)

    def _wake_shares(self, f: Frame) -> Floats:
        """The same, as far as it reaches from the earliest waking known to the end of the horizon."""
        return self._whole_wake_shares(f.step_h)[: f.horizon.steps + f.carried.reach("woken", f.horizon)]

    def _rested_before(self, f: Frame) -> tuple[Floats, Floats] | None:
        """Nodes off and nodes available before the horizon, (members,) each; None where that is not known."""
        if "off_nodes" not in f.carried:
            return None
        return f.carried.number("off_nodes"), f.carried.number("available_nodes", float(self.nodes))

    def _gone(self, f: Frame, available: Floats) -> Floats:
        """Nodes that have become unavailable since the step before, (members, steps)."""
        before = self._rested_before(f)
        first = available[:, :1] if before is None else before[1][:, np.newaxis]
        return np.maximum(0.0, -np.diff(past_and_present(first, available), axis=1))

    def waking_variables(self, b: Any, f: Frame, available: Floats) -> None:
        """Nodes woken, as carried before the horizon; without a carry none before and in the first step."""
        if self.wake_minutes == 0:
            return
        shares, before = self._wake_shares(f), self._rested_before(f)
        back = len(shares) - 1
        past, inside = f.carried.history("woken", f.horizon, back), available.copy()
        if before is None:
            inside[:, 0] = 0.0
        b.wake_steps = pyo.RangeSet(0, back)
        b.wake_share = Param(b.wake_steps, values=shares)
        b.wake_history = pyo.RangeSet(-back, f.horizon.steps - 1)
        b.woken_least = Param(f.members, b.wake_history, values=past_and_present(past, np.zeros_like(inside)))
        b.woken_most = Param(f.members, b.wake_history, values=past_and_present(past, inside))
        b.gone = Param(f.members, f.steps, values=self._gone(f, available))
        b.woken = Var(
            f.members,
            b.wake_history,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (b.woken_least[w, t], b.woken_most[w, t]),
            least=True,
        )

    def waking_constraints(self, b: Any, f: Frame) -> None:
        """Woken nodes follow from those off, and are idle while they wake."""
        if self.wake_minutes == 0:
            return
        b.waking = Constraint(
            f.members,
            f.inner_steps,
            rule=lambda b, w, t: b.woken[w, t] >= b.off[w, t - 1] - b.off[w, t] - b.gone[w, t],
            doc="nodes that are no longer off are woken",
        )
        if (before := self._rested_before(f)) is not None:
            b.off_before = Param(f.members, values=before[0])
            b.first_waking_step = pyo.RangeSet(0, 0)
            b.first_waking = Constraint(
                f.members,
                b.first_waking_step,
                rule=lambda b, w, t: b.woken[w, t] >= b.off_before[w] - b.off[w, t] - b.gone[w, t],
                doc="nodes that are no longer off are woken",
            )
        b.awake = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.idle[w, t] >= sum(b.wake_share[k] * b.woken[w, t - k] for k in b.wake_steps),
            doc="nodes that wake are idle (wake_minutes)",
        )

    def audit_waking(self, a: AuditView, available: Floats) -> None:
        """Woken nodes from the plan alone, and the idle ones among which they are."""
        if self.wake_minutes == 0:
            return
        off, woken, before = a["off_nodes"], a["woken_nodes"], self._rested_before(a.frame)
        first = off[:, :1] if before is None else before[0][:, np.newaxis]
        change = -np.diff(past_and_present(first, off), axis=1) - self._gone(a.frame, available)
        a.at_least("nodes that are no longer off are woken", woken, np.maximum(0.0, change))
        if before is None:
            a.equal("nothing is woken in the first step", woken[:, 0], 0.0)
        shares = self._wake_shares(a.frame)
        back = len(shares) - 1
        woken = past_and_present(a.frame.carried.history("woken", a.horizon, back), woken)
        waking = np.zeros(a.shape)
        for k, share in enumerate(shares):
            waking += share * woken[:, back - k : back - k + a.shape[1]]
        a.at_least("nodes that wake are idle (wake_minutes)", a["idle_nodes"], waking)

    def carried_rest(self, a: AuditView, available: Floats) -> dict[str, Carried]:
        """Nodes off, nodes available, and those that may not be awake yet."""
        if self.wake_minutes == 0:
            return {}
        reach = len(self._whole_wake_shares(a.step_h)) - 1
        past = past_and_present(a.frame.carried.history("woken", a.horizon, reach), a["woken_nodes"])
        states: dict[str, Carried] = {
            "off_nodes": np.maximum(np.round(a["off_nodes"][:, -1], ROUNDING), 0.0),
            "available_nodes": np.asarray(available[:, -1]),
        }
        woken = handed_on_by_time(a.horizon, past, reach)
        return states | {"woken": woken} if woken else states
