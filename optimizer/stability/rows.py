"""Changes against the previous plan in the model, and from the plan alone.

Of each component that is held, in the steps that the previous plan covers (``previous`` in MW, all members alike)::

    power_{w,t} - previous_t = up_{w,t} - down_{w,t}                                with cost_per_mwh
    previous_t - most - beyond_{w,t} <= power_{w,t} <= previous_t + most + beyond_{w,t}   with most_change_mw
    cost = step_h * sum_w pi_w * sum_t (cost_per_mwh * (up + down) + cost_beyond_per_mwh * beyond)

``beyond`` exists only with ``cost_beyond_per_mwh``. The objective is the ledger's less the cost, also where the risk
looks at the bad members: an artificial price is no member's loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.component import Rule
    from optimizer.frame import Part
    from optimizer.parts import Parts
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
ABOVE, BELOW = "previous_plan_above", "previous_plan_below"
"""Rules of the bound on the components' blocks."""


@dataclass(frozen=True)
class Held:
    """A component in the steps in which it is held to the previous plan."""

    part: Part
    first: int
    """First of the steps."""
    previous_mw: Floats
    """What the previous plan expected, (steps held,)."""

    @property
    def steps(self) -> slice:
        """Positions of the steps in the horizon."""
        return slice(self.first, self.first + len(self.previous_mw))


def held_parts(scenario: Scenario, parts: Parts) -> list[Held]:
    """Components that the previous plan has too, with what it expected of them; none where the times do not meet."""
    section = scenario.previous_plan
    if section is None:
        return []
    found = [Held(part, *section.previous_mw(part.label, scenario.horizon)) for part in section.held(parts.components)]
    return [held for held in found if len(held.previous_mw)]


def declare_changes(scenario: Scenario, parts: Parts) -> None:
    """Variables and rules on the components' blocks; nothing where the section only compares."""
    section = scenario.previous_plan
    if section is None or not section.steers:
        return
    for held in held_parts(scenario, parts):
        b, f = held.part.block, held.part.frame
        if len(held.previous_mw) < scenario.horizon.steps:
            b.previous_steps = pyo.RangeSet(held.first, held.steps.stop - 1)
        b.previous_mw = Param(_steps(b, f), values=held.previous_mw)
        if section.cost_per_mwh > 0.0:
            _declare_moved(held.part, b, f)
        if section.most_change_mw is not None:
            _declare_bound(held.part, b, f, section.most_change_mw, soft=section.cost_beyond_per_mwh is not None)


def _steps(b: Any, f: Any) -> Any:
    """Index set of the steps that are held: all, or a set of the component's own."""
    return b.previous_steps if hasattr(b, "previous_steps") else f.steps


def _declare_moved(part: Part, b: Any, f: Any) -> None:
    own = part.component.own_power_mw
    b.moved_up_mw = Var(f.members, _steps(b, f), within=pyo.NonNegativeReals)
    b.moved_down_mw = Var(f.members, _steps(b, f), within=pyo.NonNegativeReals)
    b.previous_plan_moved = Constraint(
        f.members,
        _steps(b, f),
        rule=lambda b, w, t: own(b, f, w, t) - b.moved_up_mw[w, t] + b.moved_down_mw[w, t] == b.previous_mw[t],
        doc="power is that of the previous plan and the change",
    )


def _declare_bound(part: Part, b: Any, f: Any, most_mw: float, *, soft: bool) -> None:
    own = part.component.own_power_mw
    if soft:
        b.moved_beyond_mw = Var(f.members, _steps(b, f), within=pyo.NonNegativeReals)

    def beyond(b: Any, w: Any, t: Any) -> Any:
        return b.moved_beyond_mw[w, t] if soft else 0.0

    b.previous_plan_above = Constraint(
        f.members,
        _steps(b, f),
        rule=lambda b, w, t: own(b, f, w, t) - beyond(b, w, t) <= b.previous_mw[t] + most_mw,
        doc=f"power is at most {most_mw:g} MW above the previous plan (previous_plan.most_change_mw)",
    )
    b.previous_plan_below = Constraint(
        f.members,
        _steps(b, f),
        rule=lambda b, w, t: own(b, f, w, t) + beyond(b, w, t) >= b.previous_mw[t] - most_mw,
        doc=f"power is at most {most_mw:g} MW below the previous plan (previous_plan.most_change_mw)",
    )


def cost_of_changes(scenario: Scenario, parts: Parts) -> Rule | None:
    """The cost as a model expression ``rule(model)``, expected over the members; None where there is none."""
    section = scenario.previous_plan
    if section is None:
        return None
    per_mwh, beyond_per_mwh = section.cost_per_mwh, section.cost_beyond_per_mwh or 0.0
    held = held_parts(scenario, parts)
    if not held or (per_mwh == 0.0 and beyond_per_mwh == 0.0):
        return None

    def of_step(b: Any, w: Any, t: Any) -> Any:
        moved = per_mwh * (b.moved_up_mw[w, t] + b.moved_down_mw[w, t]) if per_mwh > 0.0 else 0.0
        return moved + beyond_per_mwh * b.moved_beyond_mw[w, t] if beyond_per_mwh > 0.0 else moved

    def of_part(m: Any, b: Any, f: Any) -> Any:
        return sum(m.probability[w] * sum(of_step(b, w, t) for t in _steps(b, f)) for w in m.members)

    def cost(m: Any) -> Any:
        return scenario.horizon.step_h * sum([of_part(m, h.part.block, h.part.frame) for h in held])

    return cost


# ---------------------------------------------------------------------- from the plan alone
def audited_changes(
    scenario: Scenario, parts: Parts, views: Mapping[str, AuditView]
) -> tuple[float, dict[str, dict[str, float]]]:
    """The expected cost of changes, recomputed, and sections of the summary; a bound that is broken is a finding.

    Sections: ``previous_plan`` with the number of ``steps`` compared, the ``largest_change_mw``, the expected
    ``moved_mwh`` (up and down counted positive) and the ``cost`` that the objective holds and the ledger does not; and
    ``moved_mwh`` by component.
    """
    section = scenario.previous_plan
    if section is None:
        return 0.0, {}
    weights, beyond_mwh, largest_mw, steps = scenario.ensemble.weights, 0.0, 0.0, 0
    moved_mwh: dict[str, float] = {}
    for held in held_parts(scenario, parts):
        view = views[held.part.label]
        power_mw = view["power_mw"][:, held.steps]
        size_mw = np.abs(power_mw - held.previous_mw)
        moved_mwh[held.part.label] = float(weights @ scenario.horizon.energy_mwh(size_mw.sum(axis=1)))
        largest_mw, steps = max(largest_mw, float(size_mw.max())), max(steps, size_mw.shape[1])
        most_mw = section.most_change_mw
        if most_mw is None:
            continue
        if section.cost_beyond_per_mwh is None:
            rule = "change against the previous plan within most_change_mw"
            view.at_most(rule, power_mw, held.previous_mw + most_mw)
            view.at_least(rule, power_mw, held.previous_mw - most_mw)
        else:
            beyond_mw = np.maximum(0.0, size_mw - most_mw)
            beyond_mwh += float(weights @ scenario.horizon.energy_mwh(beyond_mw.sum(axis=1)))
    moved = sum(moved_mwh.values())
    cost = section.cost_per_mwh * moved + (section.cost_beyond_per_mwh or 0.0) * beyond_mwh
    figures = {"steps": float(steps), "largest_change_mw": largest_mw, "moved_mwh": moved, "cost": cost}
    return cost, {"previous_plan": figures, "moved_mwh": moved_mwh}
