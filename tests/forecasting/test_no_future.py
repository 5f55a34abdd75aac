"""No forecaster sees the future: enforced by the cut, and shown by poisoning it and by changing it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_history import hourly, wild_market, window

from optimizer.errors import InputError
from optimizer.forecasting import (
    Autoregression,
    BitcoinForecast,
    ForecastEnsemble,
    Forecaster,
    History,
    OwnFunction,
    Persistence,
    ResidualBootstrap,
    SeasonalNaive,
    Together,
    issue,
)
from optimizer.horizon import Horizon

DAYS, ISSUED = 80, "2024-03-15T00:00"
RECORD = wild_market(DAYS)
HORIZON = window(ISSUED, 48)
LEADERS = {"rt": "da"}


def last_hour(known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int) -> Mapping[str, Any]:
    return {"rt": np.full(horizon.steps, known.past("rt").iloc[-1])}


FORECASTERS: dict[str, Forecaster] = {
    "persistence": Persistence(("rt", "da", "temperature")),
    "persistence without spread": Persistence(("rt", "da"), spread=False),
    "day before": SeasonalNaive(("rt", "temperature"), "day"),
    "week before": SeasonalNaive(("rt", "temperature")),
    "bootstrap": ResidualBootstrap(LEADERS, ("temperature",)),
    "bitcoin": BitcoinForecast(fewest_days=60),
    "together": Together((ResidualBootstrap(LEADERS), BitcoinForecast())),
    "own": OwnFunction(last_hour),
    "autoregression": Autoregression(LEADERS, ("temperature",)),
}

NEED_LITTLE = ("own", "persistence without spread")


def forecast(name: str, record: History = RECORD, **changed: Any) -> ForecastEnsemble:
    arguments: dict[str, Any] = {"issued_at": ISSUED, "horizon": HORIZON, "members": 12, "seed": 5} | changed
    if name == "autoregression":
        pytest.importorskip("statsmodels", reason="the extra `forecast` is not installed")
    return issue(FORECASTERS[name], record, **arguments)


@cache
def of_the_record(name: str) -> ForecastEnsemble:
    """The forecast from the record as it is, which many tests compare with."""
    return forecast(name)


def with_other_future(value: float) -> History:
    """The record with all that was not published at the issue replaced."""
    cut = RECORD.at(ISSUED)
    columns = {}
    for name in RECORD.names:
        columns[name] = np.array(RECORD.raw(name))
        columns[name][cut.known_steps(name) :] = value
    return hourly(columns, published={name: rule.text for name, rule in RECORD.published.items()})


@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.parametrize("poison", [np.nan, 1e9, -77.0])
def test_the_future_does_not_change_a_forecast(name: str, poison: float) -> None:
    """Proves: with blanks, absurd or other values in all that was not published yet, the members are the same to the
    last bit. Sensitivity: one value taken from after the issue shows as 1e9 or as an error."""
    assert of_the_record(name).data.identical(forecast(name, with_other_future(poison)).data)


@pytest.mark.parametrize("name", FORECASTERS)
def test_the_same_seed_gives_the_same_members(name: str) -> None:
    found = of_the_record(name)
    assert found.data.identical(forecast(name).data)
    assert found.members == 12
    assert found.probabilities.sum() == pytest.approx(1.0)
    assert found.issued_at == pd.Timestamp(ISSUED, tz="UTC")
    if name not in NEED_LITTLE:
        assert not found.data.identical(forecast(name, seed=6).data)


@pytest.mark.parametrize("name", FORECASTERS)
def test_what_is_published_is_forecast_as_it_is(name: str) -> None:
    """Proves: the day-ahead price of the first day is the same in all members, to the last bit."""
    found = of_the_record(name)
    if "da" in found.names:
        published = RECORD.at(ISSUED).ahead("da", HORIZON)[:24]
        np.testing.assert_array_equal(found.values("da")[:, :24], np.broadcast_to(published, (12, 24)))


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecast_after_the_decision_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"issued at 2024-03-15T01:00.*after the decision at 2024-03-15T00:00"):
        forecast(name, issued_at="2024-03-15T01:00")
    moment = pd.Timestamp("2024-03-15T01:00", tz="UTC")
    with pytest.raises(InputError, match=r"after the decision"):  # also without the door
        FORECASTERS[name].forecast(RECORD.at(moment), moment, HORIZON, 12, 5)


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecast_long_before_its_horizon(name: str) -> None:
    """Proves: issued at 10:00 for the next day, as a day-ahead market asks; prices of that day are not out yet."""
    found = forecast(name, issued_at="2024-03-14T10:00")
    assert np.isfinite(found.data.to_array()).all()
    if "da" in found.names and name != "persistence without spread":
        assert (np.ptp(found.values("da"), axis=0) > 0).any()


@pytest.mark.parametrize("name", [name for name in FORECASTERS if name not in NEED_LITTLE])
def test_a_short_history_is_refused_with_variable_and_stamps(name: str) -> None:
    with pytest.raises(InputError, match=r"the history begins at 2024-01-01T00:00.* the look-back needs it from 2023-"):
        forecast(name, issued_at="2024-01-02T00:00", horizon=window("2024-01-02T00:00", 48))


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_hole_in_the_look_back_is_refused_with_variable_and_stamp(name: str) -> None:
    columns = {column: np.array(RECORD.raw(column)) for column in RECORD.names}
    for column in columns:
        columns[column][24 * 70 + 3] = np.nan
    holed = hourly(columns, published={column: rule.text for column, rule in RECORD.published.items()})
    with pytest.raises(InputError, match=r"^(rt|da|temperature|btc_\w+): the history has 1 blanks.*2024-03-11T03:00"):
        forecast(name, holed)


def test_the_door_checks_what_comes_out() -> None:
    def another_horizon(*arguments: Any) -> ForecastEnsemble:
        return ForecastEnsemble.from_arrays({"rt": np.ones((12, 24))}, window(ISSUED, 24), ISSUED)

    def later(*arguments: Any) -> ForecastEnsemble:
        return ForecastEnsemble.from_arrays({"rt": np.ones((12, 48))}, HORIZON, "2024-03-15T02:00")

    def more(*arguments: Any) -> ForecastEnsemble:
        return ForecastEnsemble.from_arrays({"rt": np.ones((50, 48))}, HORIZON, ISSUED)

    for function, message in (
        (another_horizon, "another horizon"),
        (later, "was issued at 2024-03-15T02:00"),
        (more, "holds 50 members; 12 were asked for; reduce them"),
    ):
        with pytest.raises(InputError, match=message):
            issue(OwnFunction(function), RECORD, ISSUED, HORIZON, 12)
    with pytest.raises(InputError, match="found 0; must be at least 1"):
        forecast("own", members=0)


def test_parts_that_do_not_go_together_are_refused() -> None:
    def unequal(*arguments: Any) -> ForecastEnsemble:
        weights = [0.5, *([0.5 / 11] * 11)]
        return ForecastEnsemble.from_arrays({"x": np.ones((12, 48))}, HORIZON, ISSUED, probabilities=weights)

    with pytest.raises(InputError, match="differ in their probabilities"):
        issue(Together((OwnFunction(last_hour), OwnFunction(unequal))), RECORD, ISSUED, HORIZON, 12)
    with pytest.raises(InputError, match="none is given"):
        issue(Together(()), RECORD, ISSUED, HORIZON, 12)
