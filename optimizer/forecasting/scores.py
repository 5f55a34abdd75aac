"""Scores of forecast members against what came, by the library scoringrules where it has them.

scoringrules (Zanetta and Allen) is an extra: ``pip install 'hybrid-compute-optimizer[forecast]'``. Definitions:
Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359 (2007). All scores are the better, the smaller.

Arguments: `values` members by step (M, T), `outcome` (T,), `probabilities` of the members (M,).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from optimizer.forecasting.ensemble import weighted_quantiles
from optimizer.forecasting.history import FloatArray

PINBALL_LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def crps(values: FloatArray, outcome: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Continuous ranked probability score at each step, ``E|X - y| - E|X - X'| / 2``, in the unit of the values, (T,).

    Of one member it is the absolute error.
    """
    weights = np.broadcast_to(probabilities, (values.shape[1], len(values)))
    score = _library().crps_ensemble(outcome, values.T, ens_w=weights, estimator="nrg")
    return np.asarray(score, dtype=np.float64)


def pinball(
    values: FloatArray, outcome: FloatArray, probabilities: FloatArray, levels: Sequence[float] = PINBALL_LEVELS
) -> FloatArray:
    """Quantile (pinball) loss of the members' quantiles, shape (levels, T)."""
    quantiles = weighted_quantiles(values, probabilities, levels)
    library = _library()
    return np.stack(
        [np.asarray(library.quantile_score(outcome, q, level)) for q, level in zip(quantiles, levels, strict=True)]
    )


def energy_score(
    values: Sequence[FloatArray], outcomes: Sequence[FloatArray], probabilities: FloatArray, scales: Sequence[float]
) -> float:
    """Energy score of whole paths of several variables together, each divided by its scale.

    ``E|X - y| - E|X - X'| / 2`` with the Euclidean norm over variables and steps, divided by the square root of their
    number: it also judges the dependence between them.
    """
    members = np.concatenate([array / scale for array, scale in zip(values, scales, strict=True)], axis=1)
    path = np.concatenate([array / scale for array, scale in zip(outcomes, scales, strict=True)])
    score = _library().es_ensemble(path, members, ens_w=probabilities)
    return float(score) / float(np.sqrt(len(path)))


def probability_integral_transform(
    values: FloatArray, outcome: FloatArray, probabilities: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Share of probability below each outcome, drawn at random where members equal it, (T,).

    Of a calibrated forecast it is evenly distributed between 0 and 1, up to the grain of the members.
    """
    below = probabilities @ (values < outcome)
    equal = probabilities @ (values == outcome)
    # an outcome between two members may lie anywhere in the gap of one member's probability that it opens
    grain = (1.0 + len(values)) / len(values)
    return np.asarray((below + rng.random(len(outcome)) * (equal + 1.0 / len(values))) / grain)


def covered(
    values: FloatArray, outcome: FloatArray, probabilities: FloatArray, level: float = 0.8
) -> npt.NDArray[np.bool_]:
    """Whether the outcome lies in the central interval of probability `level`, (T,)."""
    low, high = weighted_quantiles(values, probabilities, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return np.asarray((outcome >= low) & (outcome <= high))


@dataclass(frozen=True)
class SpikeCount:
    """Steps with and without spikes, and with and without a warning."""

    caught: int = 0
    """Spikes for which there was a warning."""
    missed: int = 0
    """Spikes for which there was none."""
    false_alarms: int = 0
    """Warnings without a spike."""

    @property
    def recall(self) -> float:
        """Share of the spikes with a warning; NaN without spikes."""
        spikes = self.caught + self.missed
        return self.caught / spikes if spikes else float("nan")

    @property
    def precision(self) -> float:
        """Share of the warnings that came true; NaN without warnings."""
        warnings = self.caught + self.false_alarms
        return self.caught / warnings if warnings else float("nan")

    def __add__(self, other: SpikeCount) -> SpikeCount:
        return SpikeCount(
            self.caught + other.caught, self.missed + other.missed, self.false_alarms + other.false_alarms
        )


def spike_count(
    values: FloatArray, outcome: FloatArray, probabilities: FloatArray, above: float, chance: float = 0.1
) -> SpikeCount:
    """Outcomes `above` a level, against warnings: steps in which the members give that at least the `chance`."""
    warned = probabilities @ (values > above) >= chance - 1e-12
    spike = outcome > above
    return SpikeCount(int((warned & spike).sum()), int((~warned & spike).sum()), int((warned & ~spike).sum()))


def skill(score: float, reference: float) -> float:
    """Share of the reference's score that is saved: 1 is perfect, 0 as good as the reference, below 0 worse."""
    return 1.0 - score / reference if reference else float("nan")


def _library() -> ModuleType:
    try:
        return importlib.import_module("scoringrules")
    except ImportError as error:
        raise ImportError(
            "scoringrules is needed to score forecasts: pip install 'hybrid-compute-optimizer[forecast]'"
        ) from error
