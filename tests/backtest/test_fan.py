"""Forecasts beside what came of them, on prices of which the forecasts are known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from backtest_case import END, START, write_case

from optimizer.backtest.fan import fan_around, skill
from optimizer.backtest.reading import Case, read_case

RISING = [float(hour) for hour in range(24)]
"""Prices of the day: 0 at midnight, 23 in the last hour."""


def rising(folder: Path, rule: dict[str, Any], before: Sequence[float] | float = 7.0, **settings: Any) -> Case:
    """The day of rising prices, after two days of others, decided every six hours."""
    asked = {"forecasts": [{"columns": ["m.price"]} | rule]} | settings
    return read_case(write_case(folder, RISING, before, settings=asked), START, END)


# ---------------------------------------------------------------------- the fan
def test_each_forecast_is_shown_until_the_next(tmp_path: Path) -> None:
    """Proves: around noon (six hours, so from 09:00 to 15:00) stand the forecasts of 06:00 and of 12:00, each of six
    hours: the last price known then, 5 and 11. Sensitivity: a forecast shown over its whole window of 12 hours would be
    5 at 17:00; one that saw its own first hour would be 6 and 12."""
    fan = fan_around(rising(tmp_path, {"kind": "persistence"}), "m.price", 12, days=0.25)
    assert fan.horizon.local[0].isoformat() == "2024-08-20T06:00:00+00:00"
    assert fan.outcome.tolist() == [float(hour) for hour in range(6, 18)]
    for shown in (fan.mean, fan.low, fan.high):  # a single member has no band
        assert shown.tolist() == [5.0] * 6 + [11.0] * 6


@pytest.mark.parametrize(("step", "first", "count"), [(0, 0, 6), (23, 18, 6), (12, 0, 24)])
def test_the_fan_ends_with_the_record(step: int, first: int, count: int, tmp_path: Path) -> None:
    """Proves: around the first and the last hour there is only what lies within the day, and a fan that is longer than
    the day shows it all."""
    days = 7.0 if count == 24 else 0.25
    fan = fan_around(rising(tmp_path, {"kind": "seasonal_naive"}), "m.price", step, days)
    assert fan.outcome.tolist() == RISING[first : first + count]
    assert fan.mean.tolist() == [7.0] * count


@pytest.mark.parametrize("last", [100.0, 200.0])
def test_the_band_is_that_of_past_errors(last: float, tmp_path: Path) -> None:
    """Proves: members repeat the errors of past days. Where days of 100 and of 200 take turns, the error on top of the
    last day leads either to the other or beyond the last, where it ends with the range of the look-back, each with a
    probability of half: a band from 100 to 200. Sensitivity: without the errors it would be the last day alone."""
    rule = {"kind": "seasonal_naive", "spread": True, "look_back_days": 20}
    rising(tmp_path, rule, members=60)
    other = 300.0 - last
    stamps = pd.date_range("2024-07-21T00:00", periods=31 * 24, freq="h", tz="UTC")
    prices = np.concatenate([np.repeat([other, last] * 15, 24), RISING])
    pd.DataFrame({"time": stamps, "price": prices}).to_csv(tmp_path / "m.csv", index=False)
    fan = fan_around(read_case(tmp_path / "case.yaml", START, END), "m.price", 0, days=0.25)
    np.testing.assert_allclose(fan.low, 100.0)
    np.testing.assert_allclose(fan.high, 200.0)
    assert np.all(np.abs(fan.mean - 150.0) < 10.0)


# ---------------------------------------------------------------------- skill
def test_skill_of_a_forecast_that_is_right(tmp_path: Path) -> None:
    """Proves: where every day is like the day before the seasonal forecast has no error, skill 1; persistence expects
    the last price known of each window: 23 at midnight, for hours 0 to 11, is off by 17.5 on average, 5 at 06:00 for 6
    to 17 by 6.5, 11 at noon for 12 to 23 by 6.5, and 17 at 18:00 for 18 to 23 by 3.5: (12 * 17.5 + 12 * 6.5 + 12 * 6.5
    + 6 * 3.5) / 42."""
    pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")
    table = skill(rising(tmp_path, {"kind": "seasonal_naive"}, RISING * 2)).set_index("forecaster")
    assert table["issues"].tolist() == [4, 4]
    assert table["crps"]["forecast"] == pytest.approx(0.0)
    assert table["skill"]["forecast"] == pytest.approx(1.0)
    assert table["crps"]["persistence"] == pytest.approx((12 * 17.5 + 12 * 6.5 + 12 * 6.5 + 6 * 3.5) / 42)
    assert table["median_error"]["persistence"] == pytest.approx(table["crps"]["persistence"])
    assert table["skill"]["persistence"] == pytest.approx(0.0)


def test_a_forecast_that_is_persistence_has_no_skill(tmp_path: Path) -> None:
    """Proves: 0 against itself; and the day before, which was dearer by 100, is worse than the last price known."""
    pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")
    table = skill(rising(tmp_path, {"kind": "persistence"})).set_index("forecaster")
    assert table["skill"]["forecast"] == pytest.approx(0.0)
    dear = [hour + 100.0 for hour in RISING]
    table = skill(rising(tmp_path, {"kind": "seasonal_naive"}, dear * 2)).set_index("forecaster")
    assert table["crps"]["forecast"] == pytest.approx(100.0)
    assert table["skill"]["forecast"] < 0


def test_what_is_known_for_good_is_not_scored(tmp_path: Path) -> None:
    pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")
    case = rising(tmp_path, {"kind": "persistence"}, published={"m.price": "always"})
    assert skill(case).empty
