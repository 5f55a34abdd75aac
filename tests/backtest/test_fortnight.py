"""The shipped fortnight: three of its days, on prices that no forecast knew."""

from __future__ import annotations

import numpy as np
import pytest
import shipped

from optimizer.backtest.fan import skill
from optimizer.backtest.reading import read_case
from optimizer.backtest.result import Backtest
from optimizer.backtest.running import backtest

FILE = shipped.FOLDER / "backtest_fortnight.yaml"


@pytest.fixture(scope="module")
def three_days() -> Backtest:
    return backtest(FILE, "2024-08-28T00:00", "2024-08-31T00:00", policies=["ensemble", "strike_price"])


def test_all_come_to_the_end_below_what_is_proven(three_days: Backtest) -> None:
    """Proves: three windows each, no failure, nobody beyond the bound, capture on the scale between its ends."""
    assert three_days.failures == {}
    assert {name: len(windows) for name, windows in three_days.windows.items()} == {
        "ensemble": 3,
        "strike_price": 3,
        "always_on": 3,
    }
    assert (three_days.table["profit"] <= three_days.bound * (1 + 1e-9)).all()
    captured = three_days.table["capture"]
    assert captured["always_on"] == pytest.approx(0.0)
    assert 0.0 < captured["strike_price"] < 1.0
    assert 0.0 < captured["ensemble"] < 1.0


def test_what_is_bought_day_ahead_is_kept_in_real_time(three_days: Backtest) -> None:
    """Proves: the position of each window is that of the settlement, hour by hour, but for what is in the record of
    what was not done. Sensitivity: a settlement that chose positions afresh would take the better of both prices."""
    plan = three_days.plans["ensemble"]
    settled = plan.dispatch["position_mw"].sel(component="power").to_numpy()[0]
    done = np.concatenate(
        [window.done.values["parts[power].position"].ravel() for window in three_days.windows["ensemble"]]
    )
    assert done == pytest.approx(settled, abs=1e-6)
    assert 0.0 < done.mean() < 60.0


def test_the_forecast_beats_persistence() -> None:
    """Proves: over the fortnight the members are nearer to what came than the last value known, by a fifth at least
    (CRPS), for all that the residuals of past days are drawn of. Sensitivity: without a rule, like the day before, the
    demand has a skill of -0.13."""
    pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")
    table = skill(read_case(FILE)).set_index(["forecaster", "variable"])
    for variable in ("market.lz_west_rt", "market.t_db_c", "market.chat_mtok"):
        found = table.loc[("forecast", variable)]
        assert found["issues"] == 14
        assert found["skill"] > 0.2
