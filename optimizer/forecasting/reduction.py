"""Few members in place of many, chosen so that the distribution changes least, with the loss shown.

Three ways, by `method`:

* `forward`: fast forward selection (Heitsch and Römisch, Comput. Optim. Appl. 24, 187, 2003, algorithm 2.4): one
  member after the other, each time the one that leaves the least Kantorovich distance.
* `medoids`: from there, kept members are exchanged for others as long as that makes the distance smaller (k-medoids,
  partitioning around medoids: Kaufman and Rousseeuw 1990, with the members' probabilities).
* `energy`: members and probabilities that make the energy distance small (Székely and Rizzo 2013), one member after
  the other, then exchanged as long as that helps. It compares distributions, not each member with the nearest kept one,
  so the tails come out truer and the typical member less so.

In the first two, the probability of a member left out goes to the nearest kept one. Probabilities add up to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from optimizer.errors import InputError, Problem
from optimizer.forecasting.distances import (
    IntArray,
    energy_distance,
    energy_probabilities,
    member_distances,
    nearest_probabilities,
    transport_distance,
)
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray

Method = Literal["forward", "medoids", "energy"]
Plan = TypeVar("Plan")
_EXCHANGES = 2
"""Rounds of exchanges for the least energy distance: later ones gain less than a thousandth."""
_TRIED = 10
"""Candidates that are tried exactly for each place, the best by the slope of the energy distance."""


@dataclass(frozen=True)
class Reduction:
    """A reduced ensemble and what was lost."""

    full: ForecastEnsemble
    """All members."""
    reduced: ForecastEnsemble
    """The kept members with their new probabilities."""
    kept: tuple[int, ...]
    """Numbers of the kept members among all."""
    transport: float
    """Kantorovich distance between the two, in standard deviations of the variables (root mean square over steps)."""
    transport_of_one: float
    """The same distance if only the best single member were kept: what 0 % of the members' spread means."""
    energy: float
    """Energy distance between the two (squared form), in the same unit."""
    energy_of_one: float
    """The same if only the best single member were kept."""

    @property
    def lost_share(self) -> float:
        """Kantorovich distance as a share of that of the best single member: 0 nothing lost, 1 all spread lost."""
        return self.transport / self.transport_of_one if self.transport_of_one else 0.0

    def moments(self) -> dict[str, dict[str, float]]:
        """By variable: mean, standard deviation (over members, mean of the steps) and highest decile, before and
        after."""
        found = {}
        for name in self.full.names:
            found[name] = {
                f"{what}_{when}": value
                for when, ensemble in (("before", self.full), ("after", self.reduced))
                for what, value in _moments(ensemble, name).items()
            }
        return found


def reduce(
    ensemble: ForecastEnsemble,
    members: int,
    method: Method = "forward",
    weights: Mapping[str, float] | None = None,
) -> Reduction:
    """Keep `members` of the ensemble; `weights` say by variable what counts (default: all alike).

    Give weight to what the plan's money depends on, such as the price. Members stay in their order.
    Raises InputError for a number of members that is not 1 to all of them, and for an unknown method or variable.
    """
    if not 1 <= members <= ensemble.members:
        raise InputError([Problem("members", value=members, allowed=f"1 to {ensemble.members}")])
    distances, probabilities = member_distances(ensemble, weights), ensemble.probabilities
    match method:
        case "forward":
            kept = _forward(distances, probabilities, members)
        case "medoids":
            kept = _medoids(distances, probabilities, _forward(distances, probabilities, members))
        case "energy":
            kept = _least_energy(distances, probabilities, members)
        case _:
            raise InputError([Problem("method", value=method, allowed="forward, medoids or energy")])
    kept = sorted(kept)
    best = energy_probabilities if method == "energy" else nearest_probabilities
    after = best(distances, probabilities, kept)
    one = _forward(distances, probabilities, 1)
    return Reduction(
        full=ensemble,
        reduced=ensemble.selected(kept, after),
        kept=tuple(kept),
        transport=transport_distance(distances, probabilities, kept),
        transport_of_one=transport_distance(distances, probabilities, one),
        energy=energy_distance(distances, probabilities, kept, after),
        energy_of_one=energy_distance(distances, probabilities, one, np.ones(1)),
    )


@dataclass(frozen=True)
class ProfitLoss:
    """What the reduced problem says of the profit, and what its decisions cost."""

    full: float
    """Expected profit of the plan made for all members."""
    reduced: float
    """Expected profit that the reduced problem promises."""
    implemented: float | None
    """Expected profit over all members when the here-and-now decisions of the reduced problem are carried out."""

    @property
    def promised_too_much(self) -> float:
        """Promise of the reduced problem less the profit of the full one."""
        return self.reduced - self.full

    @property
    def loss(self) -> float | None:
        """Profit lost by deciding on the reduced members (at least 0, to the gap of the solver)."""
        return None if self.implemented is None else self.full - self.implemented


def profit_loss(
    reduction: Reduction,
    plan: Callable[[ForecastEnsemble], Plan],
    profit: Callable[[Plan], float],
    carried_out: Callable[[Plan, ForecastEnsemble], float] | None = None,
) -> ProfitLoss:
    """What the reduction costs in money, by callables so that any planner serves.

    `plan` plans for an ensemble, `profit` is a plan's expected profit, and `carried_out` the expected profit over an
    ensemble when a plan's here-and-now decisions are kept and the recourse is chosen anew.
    """
    whole, small = plan(reduction.full), plan(reduction.reduced)
    implemented = None if carried_out is None else carried_out(small, reduction.full)
    return ProfitLoss(profit(whole), profit(small), implemented)


def _forward(distances: FloatArray, probabilities: FloatArray, members: int) -> list[int]:
    """Fast forward selection."""
    nearest = np.full(len(probabilities), np.inf)
    kept: list[int] = []
    for _ in range(members):
        left = probabilities @ np.minimum(distances, nearest[:, np.newaxis])
        left[kept] = np.inf
        best = int(np.argmin(left))
        kept.append(best)
        nearest = np.minimum(nearest, distances[:, best])
    return kept


def _medoids(distances: FloatArray, probabilities: FloatArray, kept: list[int]) -> list[int]:
    """Exchange kept members for others, the best exchange first, until none makes the distance smaller."""
    current = transport_distance(distances, probabilities, kept)
    while True:
        best, swap = current, (-1, -1)
        for place in range(len(kept)):
            others = [member for number, member in enumerate(kept) if number != place]
            nearest = distances[:, others].min(axis=1) if others else np.full(len(probabilities), np.inf)
            left = probabilities @ np.minimum(distances, nearest[:, np.newaxis])
            candidate = int(np.argmin(left))
            if left[candidate] < best - 1e-12 * max(current, 1e-12):
                best, swap = float(left[candidate]), (place, candidate)
        if swap[0] < 0:
            return kept
        kept = [*kept[: swap[0]], *kept[swap[0] + 1 :], swap[1]]
        current = best


def _least_energy(distances: FloatArray, probabilities: FloatArray, members: int) -> list[int]:
    """One member after the other, then each is exchanged once or twice for a better one, if there is one."""
    kept: list[int] = []
    current = np.inf
    for _ in range(members):
        best, current = _best_addition(distances, probabilities, kept)
        kept.append(best)
    for _ in range(_EXCHANGES):
        before = current
        for place in range(members):
            others = [member for number, member in enumerate(kept) if number != place]
            best, energy = _best_addition(distances, probabilities, others)
            if energy < current:
                kept[place], current = best, energy
        if current > (1.0 - 1e-3) * before:
            break
    return kept


def _best_addition(distances: FloatArray, probabilities: FloatArray, kept: list[int]) -> tuple[int, float]:
    """The member that makes the energy distance least together with the kept ones, and that distance."""
    tried = _promising(distances, probabilities, kept)
    found = []
    for candidate in tried:
        chosen = [*kept, int(candidate)]
        weights = energy_probabilities(distances, probabilities, chosen)
        found.append(energy_distance(distances, probabilities, chosen, weights))
    best = int(np.argmin(found))
    return int(tried[best]), found[best]


def _promising(distances: FloatArray, probabilities: FloatArray, kept: list[int]) -> IntArray:
    """Members along which the energy distance falls fastest from the kept ones: the best few."""
    free = np.setdiff1d(np.arange(len(probabilities)), kept)
    if len(free) <= _TRIED:
        return np.asarray(free, dtype=np.int64)
    potential = distances @ probabilities
    if kept:
        weights = energy_probabilities(distances, probabilities, kept)
        potential = potential - distances[:, kept] @ weights
    return np.asarray(free[np.argsort(potential[free], kind="stable")[:_TRIED]], dtype=np.int64)


def _moments(ensemble: ForecastEnsemble, name: str) -> dict[str, float]:
    values, probabilities = ensemble.values(name), ensemble.probabilities
    mean = probabilities @ values
    spread = np.sqrt(probabilities @ (values - mean) ** 2)
    return {
        "mean": float(mean.mean()),
        "spread": float(spread.mean()),
        "highest_decile": float(ensemble.quantiles(name, [0.9])[0].mean()),
    }
