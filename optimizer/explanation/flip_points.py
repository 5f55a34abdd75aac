"""For each hour, the price of power at which each thing that runs would run less, and each that rests would run.

The price of power in an hour is what the site pays for one MWh more, or gets for one MWh that it sells, whatever its
contracts: the money of its net import changes by ``s`` per MWh in that hour alone, and nothing else does. The plan as a
function of s (:mod:`optimizer.explanation.parametric`) has breaks; the first one above 0 at which a component draws
less, and the first below 0 at which it draws more, are its flip points. All couplings count: a job that is moved to
another hour, a battery, the peak that is paid for anyway. They are told as prices: s on top of what the plan pays for
the last MWh of the hour.

Whole decisions stay as planned, unless they are asked to be taken anew; then each break is as sharp as the gap allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.explanation.fixed_plan import FixedPlan, Powers, solved_plan
from optimizer.explanation.parametric import Break, Parametric, Point
from optimizer.parallel import Count, Pace
from optimizer.problem import Problem as Solvable
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
REACH_PER_MWH = 200.0
"""How far the price is moved up and down by default."""
CHANGES_MW = 1e-3
"""Change of power from which on a component has changed."""


@dataclass(frozen=True)
class Flip:
    """Flip points of one component in one step; NaN where it does not change within reach."""

    site: str
    """Whose price of power is moved."""
    component: str
    step: int
    power_mw: float
    """Expected over the members, as planned."""
    price_per_mwh: float
    """What the last MWh of the step costs as planned."""
    less_above: float
    """Price of power in this step above which it draws less (or feeds in more)."""
    then_less_mw: float
    more_below: float
    """Price of power in this step below which it draws more (or feeds in less)."""
    then_more_mw: float


@dataclass(frozen=True)
class FlipPoints:
    """Flip points of a scenario; ``reoptimised`` says whether whole decisions were taken anew."""

    scenario: Scenario
    flips: tuple[Flip, ...]
    reach_per_mwh: float
    reoptimised: bool
    solves: int

    @property
    def table(self) -> pd.DataFrame:
        """One row per site, component and step."""
        import pandas as pd

        frame = pd.DataFrame([flip.__dict__ for flip in self.flips], columns=list(Flip.__dataclass_fields__))
        frame.insert(0, "time_local", self.scenario.horizon.local[frame.pop("step").to_numpy(dtype=int)])
        return frame


def flip_points(
    scenario: Scenario | Solvable,
    *,
    components: Iterable[str] | None = None,
    steps: Sequence[int] | None = None,
    reach_per_mwh: float = REACH_PER_MWH,
    reoptimise: bool = False,
    progress: Callable[[Count], None] | None = None,
) -> FlipPoints:
    """Flip points of ``components`` (by label; default: all) in ``steps`` (default: all).

    ``reach_per_mwh`` says how far the price is moved up and down. Raises InputError for components and steps that are
    not there, and for plans that weigh risk: what a price does to them is not told by the expected money alone.
    """
    problem = scenario if isinstance(scenario, Solvable) else Solvable(scenario)
    wanted, hours = _checked(problem, components, steps, reach_per_mwh)
    _, fixed = solved_plan(problem)
    powers = Powers(problem)
    flips: list[Flip] = []
    curve = Parametric(fixed, np.zeros(len(fixed.whole)), reoptimise=reoptimise)
    sites = list(problem.parts.sites)
    pace = Pace(len(hours))
    for step in hours:
        for site in sites:
            here = [label for label in wanted if problem.parts.components[label].site in (site, None)]
            if here:
                curve.turn(net_import(problem, site, step))
                flips += _flips(curve, fixed, powers, site, step, here, reach_per_mwh)
        if progress is not None:
            progress(pace.step())
    return FlipPoints(problem.scenario, tuple(flips), reach_per_mwh, reoptimise, curve.solves)


def _checked(
    problem: Solvable, components: Iterable[str] | None, steps: Sequence[int] | None, reach: float
) -> tuple[list[str], list[int]]:
    known = list(Powers(problem).labels)
    wanted = known if components is None else list(components)
    hours = list(range(problem.scenario.horizon.steps)) if steps is None else [int(step) for step in steps]
    problems = [
        Problem("component", value=name, allowed=f"one of: {', '.join(known)}", hint=did_you_mean(name, known))
        for name in wanted
        if name not in known
    ]
    most = problem.scenario.horizon.steps - 1
    problems += [Problem("step", value=s, allowed=f"0 to {most}") for s in hours if not 0 <= s <= most]
    if not reach > 0:
        problems.append(Problem("reach_per_mwh", value=reach, allowed="above 0"))
    problems += weighs_risk(problem.scenario)
    if problems:
        raise InputError(problems)
    return wanted, hours


def weighs_risk(scenario: Scenario) -> list[Problem]:
    """The problem that prices of a plan are asked for that weighs risk."""
    if scenario.risk.beta == 0.0:
        return []
    message = "prices at which a plan would change are worked out for the expected profit only"
    return [Problem("risk.weight", message, value=scenario.risk.weight, hint="set it to 0")]


def net_import(problem: Solvable, site: str, steps: int | slice) -> Floats:
    """Money per unit of the price by column: less for each MWh imported in the steps, more for each exported."""
    block = problem.compiled.model.sites[site]
    direction = np.zeros(len(problem.arrays.cost))
    mwh = problem.scenario.ensemble.weights * problem.scenario.horizon.step_h
    for power, sign in ((block.import_mw, -1.0), (block.export_mw, 1.0)):
        columns = problem.compiled.columns(power)[:, steps]
        direction[columns] = sign * (mwh if columns.ndim == 1 else mwh[:, np.newaxis])
    return direction


def price_of_power(fixed: FixedPlan, site: str, step: int) -> float:
    """What one MWh more costs at the site's meter in a step, or one less earns where it sells; expected, per MWh."""
    problem = fixed.problem
    block = problem.compiled.model.sites[site]
    imported = fixed.base.values[problem.compiled.columns(block.import_mw)[:, step]].sum()
    exported = fixed.base.values[problem.compiled.columns(block.export_mw)[:, step]].sum()
    rule, sign = (block.sold, -1.0) if exported > imported else (block.bought, 1.0)
    rows = next(found for found in problem.compiled.blocks if found.constraint is rule)
    dual = fixed.base.rows[rows.rows].reshape([s.size for s in rows.sets])[:, step]
    return float(sign * dual.sum() / problem.scenario.horizon.step_h)


def _flips(
    curve: Parametric, fixed: FixedPlan, powers: Powers, site: str, step: int, labels: list[str], reach: float
) -> list[Flip]:
    now, price = curve.at(0.0), price_of_power(fixed, site, step)
    above = _changes(curve.breaks(now, curve.at(reach)), now, powers, step, labels, -1.0)
    curve.back()
    below = _changes(reversed(list(curve.breaks(curve.at(-reach), now))), now, powers, step, labels, 1.0)
    curve.back()
    planned = powers.in_step(now.plan, step)
    nothing = (np.nan, np.nan)
    return [
        Flip(
            site,
            label,
            step,
            planned[label],
            price,
            price + above.get(label, nothing)[0],
            above.get(label, nothing)[1],
            price + below.get(label, nothing)[0],
            below.get(label, nothing)[1],
        )
        for label in labels
    ]


def _changes(
    breaks: Iterable[Break], now: Point, powers: Powers, step: int, labels: list[str], sign: float
) -> dict[str, tuple[float, float]]:
    """By component, the first break at which its power has moved to one side, and its power beyond it, MW."""
    found: dict[str, tuple[float, float]] = {}
    planned: dict[str, Any] = powers.in_step(now.plan, step)
    for at in breaks:
        beyond = powers.in_step((at.after if sign < 0 else at.before).plan, step)
        for label in labels:
            if label not in found and sign * (beyond[label] - planned[label]) > CHANGES_MW:
                found[label] = at.at, beyond[label]
        if len(found) == len(labels):
            break
    return found
