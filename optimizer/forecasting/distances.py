"""Distances between members, and between an ensemble and a smaller one made of some of its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from optimizer.errors import InputError, Problem
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray

IntArray = npt.NDArray[np.int64]


def member_distances(ensemble: ForecastEnsemble, weights: Mapping[str, float] | None = None) -> FloatArray:
    """Root mean square difference of each two members over steps and variables, shape (M, M).

    Each variable is divided by its standard deviation over members and steps about the step's mean, and multiplied by
    its weight (default 1); a variable in which all members agree does not count.
    Raises InputError for weights of variables that are not there or below 0, and where nothing counts.
    """
    for name, weight in (weights or {}).items():
        ensemble.values(name)
        if not (np.isfinite(weight) and weight >= 0):
            raise InputError([Problem(f"weights.{name}", value=weight, allowed="at least 0")])
    squares = np.zeros((ensemble.members, ensemble.members))
    for name in ensemble.names:
        weight = 1.0 if weights is None else weights.get(name, 0.0)
        values = ensemble.values(name) - ensemble.mean(name)
        spread = float(np.sqrt(ensemble.probabilities @ (values**2).mean(axis=1)))
        if weight and spread > 0.0:
            scaled = values * (weight / spread / np.sqrt(values.shape[1]))
            products = scaled @ scaled.T
            square = np.diag(products)
            squares += np.maximum(square[:, np.newaxis] + square - 2.0 * products, 0.0)
    np.fill_diagonal(squares, 0.0)
    return np.asarray(np.sqrt(squares))


def transport_distance(distances: FloatArray, probabilities: FloatArray, kept: Sequence[int]) -> float:
    """Kantorovich distance to the kept members with the best probabilities: each member goes to the nearest kept."""
    return float(probabilities @ distances[:, list(kept)].min(axis=1))


def nearest_probabilities(distances: FloatArray, probabilities: FloatArray, kept: Sequence[int]) -> FloatArray:
    """Probabilities of the kept members when each other member's goes to the nearest of them."""
    nearest = np.argmin(distances[:, list(kept)], axis=1)
    return np.asarray(np.bincount(nearest, weights=probabilities, minlength=len(kept)), dtype=np.float64)


def energy_distance(
    distances: FloatArray, probabilities: FloatArray, kept: Sequence[int], weights: FloatArray
) -> float:
    """Energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` between all members and the kept ones (squared form).

    Székely and Rizzo, J. Stat. Plan. Inference 143, 1249 (2013). Zero only if both have the same distribution.
    """
    numbers = list(kept)
    across = probabilities @ distances[:, numbers] @ weights
    within = probabilities @ distances @ probabilities
    between = weights @ distances[np.ix_(numbers, numbers)] @ weights
    return max(float(2.0 * across - within - between), 0.0)


def energy_probabilities(distances: FloatArray, probabilities: FloatArray, kept: Sequence[int]) -> FloatArray:
    """Probabilities of the kept members that make the energy distance least (a least-squares problem with bounds).

    With the kernel ``k(x, y) = |x - z| + |y - z| - |x - y|`` (z any member) the energy distance is the square of a
    norm of the difference, so it is a non-negative least-squares problem once the sum is tied to 1.
    """
    numbers = list(kept)
    at = numbers[0]
    kernel = distances[:, [at]] + distances[at] - distances
    gram = kernel[np.ix_(numbers, numbers)]
    target = kernel[numbers] @ probabilities
    scale = max(float(gram.max()), 1e-12)
    values, vectors = np.linalg.eigh(gram)
    positive = values > 1e-10 * scale
    root = np.sqrt(values[positive])
    factor = root[:, np.newaxis] * vectors[:, positive].T
    aim = (vectors[:, positive].T @ target) / root
    tie = 1e4 * np.sqrt(scale)
    found, _ = nnls(np.vstack([factor, np.full(len(numbers), tie)]), np.append(aim, tie))
    return np.asarray(found / found.sum())
