"""Forecasts of many issues held against what came: one table of scores by forecaster and variable."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Problem
from optimizer.forecasting import scores
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray, History, refusal
from optimizer.horizon import Horizon


@dataclass
class _Tally:
    """Scores of one forecaster for one variable, an array over steps for each issue."""

    crps: list[FloatArray] = field(default_factory=list)
    error: list[FloatArray] = field(default_factory=list)
    pinball: list[FloatArray] = field(default_factory=list)
    covered: list[FloatArray] = field(default_factory=list)
    pit: list[FloatArray] = field(default_factory=list)
    spikes: scores.SpikeCount = field(default_factory=scores.SpikeCount)


class Verification:
    """Collects forecasts of several forecasters and their outcomes.

    Give every forecaster the same issues: :meth:`table` refuses to compare others.
    """

    def __init__(
        self,
        variables: tuple[str, ...],
        *,
        spike_above: dict[str, float] | None = None,
        chance: float = 0.1,
        coverage: float = 0.8,
    ) -> None:
        """`spike_above` says by variable what a spike is; a warning is a probability of one of at least `chance`."""
        self.variables = variables
        self.spike_above = dict(spike_above or {})
        self.chance, self.coverage = chance, coverage
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._energy: dict[str, list[float]] = {}
        self._issues: dict[str, list[tuple[pd.Timestamp, pd.Timestamp, int]]] = {}
        self._scales: list[float] = []

    def add(self, forecaster: str, ensemble: ForecastEnsemble, record: History) -> None:
        """Score one forecast against the whole record of what came.

        Raises InputError, naming the variable and the first bad stamp, where the record does not cover the horizon.
        """
        outcomes = {name: outcome(record, name, ensemble.horizon) for name in self.variables}
        if not self._scales:  # of the record, so that all forecasters are judged in the same unit
            spreads = [float(np.nanstd(record.raw(name))) for name in self.variables]
            self._scales = [spread or 1.0 for spread in spreads]
        weights = ensemble.probabilities
        rng = np.random.default_rng(int(ensemble.issued_at.timestamp()))
        for name, path in outcomes.items():
            values = ensemble.values(name)
            tally = self._tallies.setdefault((forecaster, name), _Tally())
            tally.crps.append(scores.crps(values, path, weights))
            tally.error.append(np.abs(ensemble.quantiles(name, [0.5])[0] - path))
            tally.pinball.append(scores.pinball(values, path, weights).mean(axis=0))
            tally.covered.append(scores.covered(values, path, weights, self.coverage).astype(np.float64))
            tally.pit.append(scores.probability_integral_transform(values, path, weights, rng))
            if name in self.spike_above:
                tally.spikes += scores.spike_count(values, path, weights, self.spike_above[name], self.chance)
        members = [ensemble.values(name) for name in self.variables]
        energy = scores.energy_score(members, list(outcomes.values()), weights, self._scales)
        self._energy.setdefault(forecaster, []).append(energy)
        horizon = ensemble.horizon
        self._issues.setdefault(forecaster, []).append((horizon.start_utc, horizon.end_utc, horizon.steps))

    def table(self, reference: str = "persistence") -> pd.DataFrame:
        """A row per forecaster and variable.

        Columns: `issues`, `crps` and `median_error` (mean absolute error of the median), `pinball` (mean over
        levels), all in the unit of the variable; `coverage` of the central interval; `spikes`, `spike_recall`,
        `spike_precision`; `energy_score` of all variables together; `skill` of the CRPS against the `reference`
        (NaN if it is not among the forecasters).
        Raises InputError where forecasters were not given the same issues.
        """
        self._check_same_issues()
        rows = []
        for (forecaster, name), tally in self._tallies.items():
            mean = float(np.concatenate(tally.crps).mean())
            base = self._tallies.get((reference, name))
            spikes = tally.spikes
            rows.append(
                {
                    "forecaster": forecaster,
                    "variable": name,
                    "issues": len(tally.crps),
                    "crps": mean,
                    "skill": scores.skill(mean, float(np.concatenate(base.crps).mean())) if base else float("nan"),
                    "median_error": float(np.concatenate(tally.error).mean()),
                    "pinball": float(np.concatenate(tally.pinball).mean()),
                    "coverage": float(np.concatenate(tally.covered).mean()),
                    "energy_score": float(np.mean(self._energy[forecaster])),
                    "spikes": spikes.caught + spikes.missed,
                    "spike_recall": spikes.recall,
                    "spike_precision": spikes.precision,
                }
            )
        return pd.DataFrame(rows)

    def by_lead(self, forecaster: str, variable: str) -> FloatArray:
        """Mean CRPS by step from the start of the horizon, (T,), for issues of equal length."""
        return np.asarray(np.mean(self._tally(forecaster, variable).crps, axis=0))

    def pit_histogram(self, forecaster: str, variable: str, bins: int = 10) -> FloatArray:
        """Share of outcomes in each tenth (or other part) of the members' distribution; calibrated: all alike."""
        pit = np.concatenate(self._tally(forecaster, variable).pit)
        return np.histogram(pit, bins=bins, range=(0.0, 1.0))[0] / len(pit)

    def _tally(self, forecaster: str, variable: str) -> _Tally:
        if (forecaster, variable) not in self._tallies:
            known = ", ".join(sorted({f"{f}/{v}" for f, v in self._tallies}))
            raise refusal(f"{forecaster}/{variable}", "no forecasts were added", f"there are {known or 'none'}")
        return self._tallies[forecaster, variable]

    def _check_same_issues(self) -> None:
        first, *others = self._issues.items() or [("", [])]
        for name, issues in others:
            if issues != first[1]:
                message = f"{name} and {first[0]} were not given the same issues, so they cannot be compared"
                raise InputError([Problem("verification", message)])


def outcome(record: History, name: str, horizon: Horizon) -> FloatArray:
    """What came at the steps of `horizon`, (T,). InputError, with the first bad stamp, where it is not known."""
    path = record.ahead(name, horizon)
    blank = np.isnan(path)
    if blank.any():
        when = horizon.describe(horizon.utc[int(np.argmax(blank))])
        raise refusal(name, f"what came is not known at {when} ({int(blank.sum())} of {horizon.steps} steps)")
    return path
