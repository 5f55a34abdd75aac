"""Forecasts of the real prices of 2024. The data are not part of the project: where they are absent, the tests are
skipped."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from optimizer.forecasting import ResidualBootstrap, Verification, issue, reduce

pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")


def _benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "forecast_skill.py"
    specification = importlib.util.spec_from_file_location("forecast_skill", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


benchmark = _benchmark()
needs_real_data = pytest.mark.skipif(
    not benchmark.ALIGNED.is_file(), reason="the real data of 2024 are not beside the project"
)


@needs_real_data
def test_the_residual_bootstrap_beats_the_naive_forecasts_and_is_calibrated() -> None:
    """Proves: on 33 issues of 2024, every tenth day, through freeze, spikes and both changes of the clocks, the CRPS is
    at least 25 % below persistence (docs/forecasts.md: 37 % on all weeks), and 80 % intervals hold 72 to 88 %."""
    record = benchmark.ercot()
    found = Verification((benchmark.RT,), spike_above={benchmark.RT: benchmark.SPIKE})
    windows = list(benchmark.horizons(benchmark.FIRST, benchmark.LAST, 10, 48, benchmark.ZONE))
    names = ("persistence", "same hour of the day before", "day-ahead price alone (one path)", "residual bootstrap")
    competitors = {name: benchmark.forecasters()[name] for name in names}
    benchmark.verified(found, competitors, record, windows, 40)
    table = found.table().set_index("forecaster")
    best = table.loc["residual bootstrap"]
    assert best["skill"] > 0.25
    assert best["crps"] < table["crps"].drop("residual bootstrap").min()
    assert 0.72 < best["coverage"] < 0.88
    assert best["spike_recall"] > table.loc["day-ahead price alone (one path)", "spike_recall"]
    assert found.pit_histogram("residual bootstrap", benchmark.RT, bins=5).max() < 0.27


@needs_real_data
def test_the_day_of_the_spike_of_may_is_forecast_with_a_chance_of_spikes() -> None:
    """Proves: on 8 May real time went above 3,000; the forecast of the midnight before gives more than one member in a
    hundred a price above 300 in the evening, and the reduction to 15 members keeps some of it."""
    window = next(iter(benchmark.horizons("2024-05-08", "2024-05-08", 1, 24, benchmark.ZONE)))
    forecaster = ResidualBootstrap({benchmark.RT: benchmark.DA}, limits=benchmark.CAPS)
    ensemble = issue(forecaster, benchmark.ercot(), window.start, window, 200)
    evening = ensemble.values(benchmark.RT)[:, 17:22].max(axis=1)
    assert np.mean(evening > 300.0) > 0.01
    reduced = reduce(ensemble, 15).reduced
    assert reduced.probabilities[reduced.values(benchmark.RT)[:, 17:22].max(axis=1) > 300.0].sum() > 0.0


@needs_real_data
def test_block_counts_tell_the_retarget_of_the_real_network() -> None:
    """Proves: over 2022 to 2024, 14 days ahead, the difficulty is forecast with a third of persistence's CRPS, and the
    80 % interval of the hashprice, which also holds the luck of blocks, covers 65 to 90 %."""
    if not benchmark.BITCOIN.is_file():
        pytest.skip("the daily data of the network are not beside the project")
    table = benchmark.bitcoin(21, 40).set_index(["forecaster", "variable"])
    assert table.loc[("network with block counts", "difficulty_mean"), "skill"] > 0.5
    assert 0.65 < table.loc[("network with block counts", "hashprice"), "coverage"] < 0.9
