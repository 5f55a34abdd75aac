"""How a plan differs from the one before it, hour by hour, and what staying near it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Problem
from optimizer.parts import place
from optimizer.stability.given import SECTION, without_previous_plan
from optimizer.stability.rows import ABOVE, BELOW, Held, held_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.plan import Plan
    from optimizer.stability.settings import PreviousPlan

    Floats = NDArray[np.float64]

SMALLEST_MW = 1e-6
"""Below it, a difference of power is a solver's noise."""
COLUMNS = (
    "time_utc", "time_local", "component", "previous_mw", "power_mw", "change_mw", "cost", "value_per_mwh", "reason",
)  # fmt: skip


def changes(plan: Plan, *, smallest_mw: float = SMALLEST_MW) -> pd.DataFrame:
    """Every component and step in which the plan's expected power differs from the previous plan's by more than
    ``smallest_mw``, or is kept from doing so by a bound that is worth something.

    ``cost`` is the price on the change of the step, which the objective holds and the ledger does not, expected over
    the members. ``value_per_mwh`` is what a MWh beyond the bound would earn, its marginal value with all whole
    decisions as planned; NaN without a bound, and where the plan has no marginal values (solve with
    ``marginals=True``). ``reason`` is that of the plan's explanation for the first member, empty where there is none.
    Raises InputError for a plan of a scenario without the section ``previous_plan``.
    """
    scenario, section = plan.scenario, _section_of(plan)
    frames = []
    for held in held_parts(scenario, place(scenario)[0]):
        power_mw = plan.dispatch["power_mw"].sel(component=held.part.label).transpose("member", "time").to_numpy()
        expected = scenario.ensemble.weights @ power_mw[:, held.steps]
        value, cost = _values(plan, held), _costs(plan, section, power_mw[:, held.steps] - held.previous_mw)
        shown = np.flatnonzero((np.abs(expected - held.previous_mw) > smallest_mw) | (np.nan_to_num(value) > 1e-9))
        steps = shown + held.first
        frames.append(
            pd.DataFrame(
                {
                    "time_utc": scenario.horizon.utc[steps],
                    "time_local": scenario.horizon.local[steps],
                    "component": held.part.label,
                    "previous_mw": held.previous_mw[shown],
                    "power_mw": expected[shown],
                    "change_mw": (expected - held.previous_mw)[shown],
                    "cost": cost[shown],
                    "value_per_mwh": value[shown],
                    "reason": [reason_at(plan, held.part.label, int(step)) for step in steps],
                }
            )
        )
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["time_utc", "component"], kind="stable", ignore_index=True)


def reason_at(plan: Plan, label: str, step: int) -> str:
    """The sentence of the plan's explanation for a component and step; empty where there is none."""
    explanation: Any = getattr(plan, "explanation", None)
    if explanation is None:
        return ""
    try:
        return str(explanation.at(label, step).text)
    except (KeyError, IndexError, InputError):
        return ""  # a component that the explanation leaves out


def _costs(plan: Plan, section: PreviousPlan, change_mw: Floats) -> Floats:
    """Price on the changes of each step, currency, expected over the members; ``change_mw`` is (members, steps)."""
    size_mw = np.abs(change_mw)
    cost = section.cost_per_mwh * size_mw
    if section.most_change_mw is not None and section.cost_beyond_per_mwh is not None:
        cost = cost + section.cost_beyond_per_mwh * np.maximum(0.0, size_mw - section.most_change_mw)
    return np.asarray(plan.scenario.ensemble.weights @ plan.scenario.horizon.energy_mwh(cost))


def _values(plan: Plan, held: Held) -> Floats:
    """What a MWh beyond the bound earns in each step held, expected over the members."""
    found = np.full(len(held.previous_mw), np.nan)
    section = plan.scenario.previous_plan
    if plan.marginals is None or section is None or section.most_change_mw is None:
        return found
    per_mw = np.zeros(len(found))
    for rule in (ABOVE, BELOW):
        per_mw += np.abs(plan.marginals.of(held.part.label, rule)).sum(axis=0)
    return per_mw / plan.scenario.horizon.step_h


@dataclass(frozen=True)
class PriceOfStability:
    """What the regard to the previous plan costs over the horizon, found by solving without it."""

    free: Plan
    """The plan without the section ``previous_plan``."""
    held: Plan
    """The plan near the previous one."""

    @property
    def price(self) -> float:
        """Worth of the free plan less that of the held one, never below 0: the held plan is open to the free one too,
        so that less than it only says that the free solve stopped within its gap. Worth is expected profit, or what
        ``risk`` makes of it."""
        return max(0.0, worth(self.free) - worth(self.held))

    @property
    def high(self) -> float:
        """The most that it can be, as far as the bound of the free solve proves it."""
        bound = self.free.summary["bound"]
        return np.inf if bound is None else max(self.price, float(bound) - worth(self.held))

    @property
    def moved_mwh(self) -> float:
        """Energy by which the held plan differs from the previous one."""
        return float(self.held.summary[SECTION]["moved_mwh"])


def price_of_stability(plan: Plan) -> PriceOfStability:
    """Solve the plan's scenario once more without its previous plan. Raises InputError for one that has none."""
    from optimizer.problem import Problem as ToSolve

    _section_of(plan)
    return PriceOfStability(ToSolve(without_previous_plan(plan.scenario)).solve(), plan)


def worth(plan: Plan) -> float:
    """The objective before the cost of changes: expected profit, or that and the risk's measure."""
    return float(plan.summary["objective"]) + float(plan.summary.get(SECTION, {}).get("cost", 0.0))


def _section_of(plan: Plan) -> PreviousPlan:
    if plan.scenario.previous_plan is None:
        raise InputError([Problem(SECTION, "the scenario was planned without an earlier plan", file=_name(plan))])
    return plan.scenario.previous_plan


def _name(plan: Plan) -> str | None:
    file = plan.scenario._file
    return None if file is None else file.name
