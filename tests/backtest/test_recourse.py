"""What is set in a step: with the forecast of that step, and with all members of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from backtest_case import END, START, write_case
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optimizer.backtest.engine import run_policy
from optimizer.backtest.execution import Execution
from optimizer.backtest.policies import Optimized, Policy, Stochastic, reduced
from optimizer.backtest.reading import Case, read_case
from optimizer.backtest.record import Decision
from optimizer.backtest.recourse import forecast_after
from optimizer.backtest.settings import BacktestSettings
from optimizer.backtest.workshop import Workshop
from optimizer.forecasting import ForecastEnsemble, History, OwnFunction
from optimizer.horizon import Horizon
from optimizer.rebasing import window, without_values

BATTERY = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 1, "charge_efficiency": 1.0}
BATTERY |= {"discharge_efficiency": 1.0, "soc_start_mwh": 1, "soc_end_mwh": 0}
CONTRACTS: list[dict[str, Any]] = [
    {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"},
    {"kind": "export", "name": "back", "price_per_mwh": {"series": "m.price", "add": -0.001}},
]
SELLING: list[dict[str, Any]] = [{**CONTRACTS[0], "price_per_mwh": {"series": "m.price", "add": 1000}}, CONTRACTS[1]]
"""Nothing is bought: what has been sold is not had again."""
GRID = {"import_limit_mw": 10, "export_limit_mw": 10}


def battery_case(folder: Path, day: list[float], **given_settings: Any) -> Case:
    """A full battery of 1 MWh that sells at the day's prices, decided once for three hours."""
    own = {"every": "3h", "members": 2} | given_settings
    path = write_case(folder, day, steps=3, settings=own, assets=[BATTERY], contracts=SELLING, grid=GRID)
    return read_case(path, START, "2024-08-20T03:00")


def one_or_other(
    known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
) -> Mapping[str, np.ndarray]:
    """60 in the first hour; then 100 in the second or in the third, and 0 in the other: 50 on average."""
    paths = np.array([[60.0, 100.0, 0.0], [60.0, 0.0, 100.0]])
    return {"m.price": paths[:, 3 - horizon.steps :]}


def sold_mw(case: Case, policy: Policy) -> list[float]:
    """What the battery sells in each of the three hours."""
    scenario = case.record.scenario
    horizon = window(scenario, 0, 3)
    known = case.record.history.at(horizon.start_utc)
    blank = without_values(scenario)
    decision = Decision(0, 3, horizon, known, blank, None, OwnFunction(one_or_other), case.settings)
    workshop = Workshop()
    schedule = policy.decide(decision, workshop)
    done = Execution(case.record, workshop).carried_out(decision, 0, schedule, recourse=True)
    return next(values for name, values in done.values.items() if "discharge" in name).ravel().tolist()


@pytest.mark.parametrize("day", [[60.0, 0.0, 100.0], [60.0, 100.0, 0.0]])
def test_energy_is_kept_for_the_best_hour_of_each_member(day: list[float], tmp_path: Path) -> None:
    """Proves: 60 now, and 100 in one of the next two hours, nobody knows in which. With all members it is worth 100 to
    wait. With their mean, 50 in both, the battery sells at 60. Sensitivity: set with the mean, 40 would be lost."""
    case = battery_case(tmp_path, [*day, *[50.0] * 21])
    assert sold_mw(case, Stochastic()) == pytest.approx([0.0, float(day[1] == 100), float(day[2] == 100)], abs=1e-6)
    assert sold_mw(case, Optimized()) == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_what_is_set_now_is_one_decision_for_all_members(tmp_path: Path) -> None:
    """Proves: 60 now and either 110 or 0 in both hours to come, 55 on average: sold now. Sensitivity: decided apart for
    each member, half of it would be kept for the dear one."""

    def dear_or_free(known: History, at: pd.Timestamp, horizon: Horizon, members: int, seed: int) -> dict[str, Any]:
        return {"m.price": np.array([[60.0, 110.0, 110.0], [60.0, 0.0, 0.0]])[:, 3 - horizon.steps :]}

    case = battery_case(tmp_path, [60.0, 110.0, 110.0, *[50.0] * 21])
    horizon = window(case.record.scenario, 0, 3)
    known = case.record.history.at(horizon.start_utc)
    blank = without_values(case.record.scenario)
    decision = Decision(0, 3, horizon, known, blank, None, OwnFunction(dear_or_free), case.settings)
    workshop = Workshop()
    schedule = Stochastic().decide(decision, workshop)
    done = Execution(case.record, workshop).carried_out(decision, 0, schedule, recourse=True)
    sold = next(values for name, values in done.values.items() if "discharge" in name).ravel()
    assert sold.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize(("reissue", "charged"), [(True, 0.0), (False, 1.0)])
def test_forecasts_are_issued_again_in_each_step(reissue: bool, charged: float, tmp_path: Path) -> None:
    """Proves: prices are taken to stay as they are. From 02:00 on they are 10: who still believes the 100 of midnight
    buys at 10 to sell at 100, who forecasts again knows of no better price. Sensitivity: the other way round."""
    battery = BATTERY | {"soc_start_mwh": 0}
    rule = {"kind": "persistence", "columns": ["m.price"]}
    own = {"every": "6h", "members": 1, "forecasts": [rule], "reissue": reissue}
    day = [100.0, 100.0, *[10.0] * 22]
    path = write_case(tmp_path, day, steps=6, settings=own, assets=[battery], contracts=CONTRACTS, grid=GRID)
    first, *_ = run_policy(read_case(path, START, END), Optimized())
    name = next(name for name in first.done.values if "charge" in name and "discharge" not in name)
    assert first.done.values[name].sum() == pytest.approx(charged, abs=1e-6)


def test_a_poisoned_future_changes_no_forecast_of_a_step(tmp_path: Path) -> None:
    """Proves: with every value after a step replaced by NaN, the forecast of the steps after it is the same."""
    rule = {"kind": "seasonal_naive", "columns": ["m.price"]}
    case = battery_case(tmp_path, [float(hour) for hour in range(24)], forecasts=[rule])
    scenario = case.record.scenario
    horizon = window(scenario, 0, 3)
    blank = without_values(scenario)
    for step in (0, 1):
        history = case.record.history
        kept = np.arange(len(history.raw("m.price"))) <= 48 + step
        poisoned = History(
            {"m.price": np.where(kept, history.raw("m.price"), np.nan)}, history.start, history.step, history.timezone
        )
        found = []
        for record in (case.record, replace(case.record, history=poisoned)):
            known = record.history.at(horizon.start_utc)
            rules = case.settings.forecasts[0].forecaster()
            decision = Decision(0, 3, horizon, known, blank, None, rules, case.settings)
            ahead = forecast_after(decision, record, 0, step, few=None)
            assert ahead is not None
            found.append(ahead.mean["m", "price"])
        np.testing.assert_array_equal(found[0], found[1])
        assert len(found[0]) == 2 - step


@settings(deadline=None, max_examples=50)
@given(
    values=arrays(np.float64, (8, 3), elements=st.floats(-50, 300).map(lambda x: round(x, 2))),
    few=st.integers(1, 7),
)
def test_few_members_have_the_mean_of_all(values: np.ndarray, few: int) -> None:
    """Proves: members that stay are moved towards the mean of all, and never out of the range of all. Sensitivity: two
    of eight members, as they are, are off by tens."""
    horizon = Horizon(start="2024-08-20T00:00", steps=3, step="1h", timezone="UTC")
    forecast = ForecastEnsemble.from_arrays({"p": values}, horizon, "2024-08-20T00:00")
    found = reduced(forecast, few)
    assert found.members == few
    low, high = values.min(axis=0), values.max(axis=0)
    assert (found.values("p") >= low).all()
    assert (found.values("p") <= high).all()
    inside = ((found.values("p") > low) & (found.values("p") < high)).all(axis=0)
    assert found.mean("p")[inside] == pytest.approx(forecast.mean("p")[inside], abs=1e-8)


def test_settings_say_how_it_is_done() -> None:
    plain = BacktestSettings()
    assert (plain.reissue, plain.positions) == (True, "hedge")
