"""Prices over the whole horizon at which the plan would change: hashprice, price of bitcoin, GPU hour, and of power.

A component's own price (:attr:`optimizer.component.Component.earns_at`) is scaled, all hours alike. What the plan earns
at it as a function of the scale is convex (:mod:`optimizer.explanation.parametric`), so that what is earned at it only
grows with it, and three levels are well defined:

* ``less_below``: the nearest level below today's at which the plan does less for this price;
* ``more_above``: the nearest level above today's at which it does more;
* ``stops_below``: the break-even: below it, the plan does no more for this price than it would for nothing at all.

The price of power is moved in all hours and at all sites by the same amount per MWh (as in
:mod:`optimizer.explanation.flip_points`, for all hours at once). ``stops_above`` of a component is the level above
which it draws no more energy than at the end of the reach; energy need not fall steadily with the price, so that this
level is found by halving, and is one at which it stops.

The rest of the plan adapts at every level: other machines take the power, batteries move it, and a peak that is paid
for anyway is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.explanation.fixed_plan import FixedPlan, Powers, solved_plan
from optimizer.explanation.flip_points import REACH_PER_MWH, net_import, weighs_risk
from optimizer.explanation.levers import Variants, prices_of
from optimizer.explanation.parametric import Break, Parametric, Point
from optimizer.problem import Problem as Solvable
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
NOTHING = 1e-6
"""Share of what is earned at a price, or of the energy, that counts as nothing."""
WITHIN_PER_MWH = 0.01
"""How closely the price of power is found at which something stops."""
HIGHEST_SCALE = 2.0
"""Up to which multiple of today's price a break is looked for."""


@dataclass(frozen=True)
class BreakEven:
    """Levels of a component's own price, as means over the horizon; NaN where there is none within 0 to twice today's
    price."""

    component: str
    path: str
    words: str
    now: float
    stops_below: float
    less_below: float
    more_above: float


@dataclass(frozen=True)
class PowerBreakEven:
    """What has to be added to the price of power in all hours so that a component stops; NaN where it does not within
    reach, or draws nothing as it is."""

    component: str
    energy_mwh: float
    stops_above_per_mwh: float


@dataclass(frozen=True)
class BreakEvens:
    """Break-even prices of a scenario; ``reoptimised`` says whether whole decisions were taken anew."""

    scenario: Scenario
    prices: tuple[BreakEven, ...]
    power: tuple[PowerBreakEven, ...]
    reoptimised: bool

    @property
    def table(self) -> pd.DataFrame:
        """One row per price at which a component earns."""
        import pandas as pd

        return pd.DataFrame([p.__dict__ for p in self.prices], columns=list(BreakEven.__dataclass_fields__))

    @property
    def power_table(self) -> pd.DataFrame:
        """One row per component that draws power."""
        import pandas as pd

        return pd.DataFrame([p.__dict__ for p in self.power], columns=list(PowerBreakEven.__dataclass_fields__))


def break_even(
    scenario: Scenario | Solvable,
    components: Sequence[str] | None = None,
    *,
    reach_per_mwh: float = REACH_PER_MWH,
    reoptimise: bool = False,
) -> BreakEvens:
    """Break-even prices of ``components`` (by label; default: all). Raises InputError for components that are not
    there, and for plans that weigh risk."""
    problem = scenario if isinstance(scenario, Solvable) else Solvable(scenario)
    known = list(problem.parts.components)
    problems = [
        Problem("component", value=name, allowed=f"one of: {', '.join(known)}", hint=did_you_mean(name, known))
        for name in components or ()
        if name not in known
    ] + weighs_risk(problem.scenario)
    if problems:
        raise InputError(problems)
    wanted = set(known if components is None else components)
    _, fixed = solved_plan(problem)
    variants = Variants(problem.scenario)
    prices = [
        found
        for label, path, words in prices_of(problem.scenario)
        if label in wanted and (found := _of_price(label, path, words, fixed, variants, reoptimise=reoptimise))
    ]
    power = _of_power(fixed, wanted, reach_per_mwh, reoptimise=reoptimise)
    return BreakEvens(problem.scenario, tuple(prices), tuple(power), reoptimise)


# ---------------------------------------------------------------------- a component's own price
def _of_price(
    label: str, path: str, words: str, fixed: FixedPlan, variants: Variants, *, reoptimise: bool
) -> BreakEven | None:
    """None for a price that does more than to price (then a plan at another level is another problem)."""
    found = _direction(path, fixed, variants)
    if found is None:
        return None
    direction, constant = found
    curve = Parametric(fixed, direction, constant=constant, reoptimise=reoptimise)
    now = curve.at(0.0)
    nothing = curve.at(-1.0)
    twice = curve.at(HIGHEST_SCALE - 1.0)
    level = variants.mean_of(path)
    most = max(abs(now.slope), abs(twice.slope))
    stops = np.nan
    if now.slope - nothing.slope > NOTHING * most:
        last = curve.first_break(nothing, now)
        stops = 0.0 if last is None else level * (1.0 + last.at)  # without a break, it is at no price at all
    return BreakEven(
        label,
        path,
        words,
        level,
        stops,
        _at_level(curve.first_break(now, nothing), level),
        _at_level(curve.first_break(now, twice), level),
    )


def _at_level(found: Break | None, level: float) -> float:
    return np.nan if found is None else level * (1.0 + found.at)


def _direction(path: str, fixed: FixedPlan, variants: Variants) -> tuple[Floats, float] | None:
    """Money per unit of the scale by column, and of the offset; None where more than money depends on the price, or
    not in proportion to it."""
    base = fixed.problem.arrays
    half, more = (Solvable(variants.scaled(path, factor), like=fixed.problem).arrays for factor in (0.5, 1.5))
    for other in (half, more):
        if other.matrix.shape != base.matrix.shape:
            return None
        for name in ("row_lower", "row_upper", "col_lower", "col_upper"):
            if not np.array_equal(getattr(base, name), getattr(other, name)):
                return None
        if not np.array_equal(base.matrix.data, other.matrix.data):
            return None
    rounding = 1e-9 * max(1.0, float(np.abs(base.cost).max(initial=0.0)))
    if np.abs(half.cost + more.cost - 2 * base.cost).max(initial=0.0) > rounding:
        return None
    return more.cost - half.cost, more.offset - half.offset


# ---------------------------------------------------------------------- the price of power
def _of_power(fixed: FixedPlan, wanted: set[str], reach: float, *, reoptimise: bool) -> list[PowerBreakEven]:
    problem = fixed.problem
    steps = slice(None)
    direction = np.add.reduce([net_import(problem, site, steps) for site in problem.parts.sites])
    curve = Parametric(fixed, direction, reoptimise=reoptimise)
    powers = Powers(problem)
    hours = problem.scenario.horizon.step_h
    points: dict[float, tuple[Point, dict[str, float]]] = {}

    def energy(at: float) -> dict[str, float]:
        if at not in points:
            point = curve.at(at)
            points[at] = point, {label: float(p.sum()) * hours for label, p in powers.of(point.plan).items()}
        return points[at][1]

    found = []
    now, last = energy(0.0), energy(reach)
    for label, mwh in now.items():
        if label not in wanted or mwh <= 0:
            continue
        stops = np.nan
        if last[label] < mwh * (1.0 - NOTHING):
            low, high = 0.0, reach
            while high - low > WITHIN_PER_MWH:
                middle = (low + high) / 2
                runs = energy(middle)[label] > last[label] + NOTHING * mwh
                low, high = (middle, high) if runs else (low, middle)
            stops = high
        found.append(PowerBreakEven(label, mwh, stops))
    return found
