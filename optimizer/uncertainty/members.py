"""The same scenario with other members: the mean of all, one alone, or a few of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.carry import Carry
from optimizer.errors import InputError, Problem
from optimizer.quantities import Series
from optimizer.rebasing import _mapped, with_fields
from optimizer.scenario import Ensemble, Scenario

Floats = NDArray[np.float64]


def mean_member(scenario: Scenario) -> Scenario:
    """One member: the probability-weighted mean of every series, as a deterministic plan takes the forecast.

    A series of zeros and ones (hours that are called, or not) is at what is more likely, 1 where both are alike.
    """
    return _recombined(scenario, scenario.ensemble.weights[np.newaxis], Ensemble())


def selected_members(scenario: Scenario, members: Sequence[int], probabilities: Sequence[float]) -> Scenario:
    """Only these members, numbered from 0, with these probabilities.

    Raises InputError for members that are not there, none at all, or probabilities that do not fit.
    """
    numbers = [int(member) for member in members]
    strange = [number for number in numbers if not 0 <= number < scenario.members]
    if strange or not numbers:
        raise InputError([Problem("members", value=strange or numbers, allowed=f"within 0 to {scenario.members - 1}")])
    total = float(np.sum(probabilities))
    if len(probabilities) != len(numbers) or abs(total - 1.0) > 1e-6 or min(probabilities) < 0.0:
        allowed = f"{len(numbers)} numbers, at least 0, that add up to 1"
        raise InputError([Problem("probabilities", value=list(map(float, probabilities)), allowed=allowed)])
    shares = np.zeros((len(numbers), scenario.members))
    shares[np.arange(len(numbers)), numbers] = 1.0
    ensemble = Ensemble(members=len(numbers), probabilities=tuple(map(float, probabilities)))
    return _recombined(scenario, shares, ensemble)


def one_member(scenario: Scenario, member: int) -> Scenario:
    """A member alone, as if it were certain."""
    return selected_members(scenario, [member], [1.0])


def _recombined(scenario: Scenario, shares: Floats, ensemble: Ensemble) -> Scenario:
    """New members as weighted means of the old ones, ``shares`` (new, old); series are then written out, so that the
    scenario no longer depends on its data files."""

    def mixed(series: Series, place: str) -> Series:
        if not series.varies_by_member:
            return series
        values = shares @ series.values
        if np.isin(series.values, (0.0, 1.0)).all():
            values = np.floor(values + 0.5)
        raw = values.tolist() if len(values) > 1 else values[0].tolist()
        return Series(raw, values, series._kind)

    changed: dict[str, Any] = {
        name: _mapped(getattr(scenario, name), mixed, name) for name in ("sites", "contracts", "workloads")
    }
    changed |= {"ensemble": ensemble, "carry": _mixed_carry(scenario.carry, shares)}
    result = with_fields(scenario, changed)
    result._file, result._folder, result._warnings = scenario._file, scenario._folder, scenario._warnings
    return result


def _mixed_carry(carry: Carry | None, shares: Floats) -> Carry | None:
    if carry is None:
        return None

    def mixed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: mixed(item) for key, item in value.items()}
        return tuple((shares @ np.asarray(value)).tolist()) if isinstance(value, tuple) else value

    return with_fields(carry, {"components": mixed(carry.components)})
