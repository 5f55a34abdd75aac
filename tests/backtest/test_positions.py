"""What is bought day ahead: hedged by default, told apart from flexibility, and never taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backtest_case import END, START, write_case

from optimizer.backtest.reading import read_case
from optimizer.backtest.running import backtest
from optimizer.backtest.schedules import hedged
from optimizer.backtest.workshop import Workshop
from optimizer.problem import Problem
from optimizer.rebasing import rebased
from optimizer.scenario import Ensemble

DAY = [100.0] * 12 + [200.0] * 12
"""Real-time prices of a day of which 100 is expected; mining 3.5 MW earns 400 an hour."""


def case(folder: Path, *, settings: dict[str, Any] | None = None, **contract: Any) -> Path:
    """The fleet on a contract with a position, day ahead 60 in all hours and known by then; 10 MW of connection."""
    one_price = {"real_time_price_per_mwh": "m.price"} if "short_price_per_mwh" not in contract else {}
    own = {"kind": "two_settlement", "name": "ts", "day_ahead_price_per_mwh": "m.da"} | one_price | contract
    return write_case(
        folder,
        DAY,
        columns={"da": [60.0] * 72},
        settings={"published": {"m.da": "always"}} | (settings or {}),
        contracts=[own],
        grid={"import_limit_mw": 10},
    )


def test_a_hedge_buys_what_is_expected_to_be_used(tmp_path: Path) -> None:
    """Proves: 3.5 MW are bought at 60 in every hour. At 100 they are used (400 - 210 = 190), at 200 sold (700 - 210 =
    490), 12 hours each: 8,160. Against real time the position earns 3.5 * (12 * 40 + 12 * 140) = 7,560 for every
    policy alike, and 10 MW of foresight 21,600; what is left is flexibility: 600, all of it captured.
    Sensitivity: with the positions in it the capture would be 3,600 / 17,640 = 20 %."""
    found = backtest(case(tmp_path), START, END, policies=["deterministic"])
    table = found.table
    assert found.plans["deterministic"].dispatch["position_mw"].sel(component="ts").to_numpy() == pytest.approx(3.5)
    assert table["profit"]["deterministic"] == pytest.approx(12 * 190 + 12 * 490)
    assert table["trading"].to_dict() == pytest.approx(
        {"deterministic": 7_560, "always_on": 7_560, "perfect_foresight": 21_600}
    )
    assert table["capture"]["deterministic"] == pytest.approx(1.0)
    assert table["capture_with_trading"]["deterministic"] == pytest.approx(3_600 / 17_640)
    assert found.monthly_capture["deterministic"].to_list() == pytest.approx([1.0])
    assert found.regret("deterministic").to_numpy() == pytest.approx(0.0)
    assert found.regret("always_on").to_numpy() == pytest.approx([0.0] * 12 + [300.0] * 12)


def test_an_optimised_position_is_a_bet(tmp_path: Path) -> None:
    """Proves: as 100 is expected, 10 MW are bought at 60, and earn what they earn whatever the fleet does."""
    found = backtest(case(tmp_path, settings={"positions": "optimize"}), START, END, policies=["deterministic"])
    assert found.table["trading"]["deterministic"] == pytest.approx(21_600)
    assert found.table["profit"]["deterministic"] == pytest.approx(600 + 21_600)


@pytest.mark.parametrize("policy", ["schedule", "ensemble"])
@pytest.mark.parametrize("prices", ["one", "two"])
def test_a_hedged_plan_earns_what_it_expects_where_all_is_known(policy: str, prices: str, tmp_path: Path) -> None:
    """Proves: settled on its own forecast, a plan with a hedge earns what it was expected to, to rounding; with one
    price, where the position hangs on nothing else, and with two, where it is planned again. With 60 for a shortage
    and 50 for a surplus all 3.5 MW are used, bought at 60: 24 * (400 - 210)."""
    pair: dict[str, Any] = {"short_price_per_mwh": 80.0, "long_price_per_mwh": 50.0} if prices == "two" else {}
    known = {"published": {"m.da": "always", "m.price": "always"} if not pair else {"m.da": "always"}, "every": "1d"}
    path = write_case(
        tmp_path,
        DAY,
        columns={"da": [60.0] * 72},
        steps=24,
        settings=known,
        contracts=[
            {"kind": "two_settlement", "name": "ts", "day_ahead_price_per_mwh": "m.da"}
            | (pair or {"real_time_price_per_mwh": "m.price"})
        ],
        grid={"import_limit_mw": 10},
    )
    found = backtest(path, START, END, policies=[policy])
    (window,) = found.windows[policy]
    assert found.plans[policy].expected_profit == pytest.approx(window.expected_profit, rel=1e-9)
    # with one price known ahead, the fleet stands still at 200 and nothing is bought for it
    assert window.expected_profit == pytest.approx(24 * 190 if pair else 12 * 190)


def test_what_was_bought_is_not_taken_back_by_a_cooler_day(tmp_path: Path) -> None:
    """Proves: on a day at 20 degrees after days at 40, cooling takes 10 instead of 20 % of the machines' power. The
    position of 3.5 * 1.2 = 4.2 MW is kept in all hours, and the 0.35 MW that are not used are sold.
    Sensitivity: limited by what the day itself can use, it would be cut to 3.85 MW in every hour, 24 times."""
    hall = {"kind": "hall", "name": "air", "heat_limit_mw": 5}
    hall |= {"overhead": {"temperature_c": "m.air", "table": [[0, 0.0], [50, 0.25]]}}
    fleet = {"kind": "miner_fleet", "name": "m", "machines": 1000, "cooling": "air", "hashprice_per_ph_day": 96}
    fleet |= {"modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}]}
    # the hour from which on it is as hot as it was, at the end of each window, so that a window has one such hour
    air = [40.0] * 48 + ([20.0] * 5 + [40.0]) * 4
    path = write_case(
        tmp_path,
        [100.0] * 24,
        columns={"da": [60.0] * 72, "air": air},
        steps=6,
        settings={"published": {"m.da": "always"}},
        contracts=[
            {"kind": "two_settlement", "name": "ts", "day_ahead_price_per_mwh": "m.da", "virtual": False}
            | {"real_time_price_per_mwh": "m.price"}
        ],
        cooling=[hall],
        assets=[fleet],
        grid={"import_limit_mw": 10},
    )
    found = backtest(path, START, END, policies=["schedule"])
    position = found.plans["schedule"].dispatch["position_mw"].sel(component="ts").to_numpy()[0]
    assert found.windows["schedule"][0].done.values["parts[ts].position"][..., :6] == pytest.approx(4.2)
    assert position[:6] == pytest.approx(4.2)
    assert not [name for name in found.not_done("schedule")["variable"] if "position" in name]
    assert np.isfinite(position).all()


def test_expected_use_is_what_members_use_and_not_the_position_of_least_variance(tmp_path: Path) -> None:
    """Proves: nine members at 50, in which the fleet runs (400 - 175 = 225 an hour), and one at 1,000, in which it
    stands still; day ahead 130. Expected use is 0.9 * 3.5 = 3.15 MW; at their mean, 145, the fleet stands still, and
    nothing is bought. The hour earns 225 - 80 x, or 870 x: its standard deviation 0.3 * |225 - 950 x| is 67.5 without a
    position, 830.25 with the expected use, and nothing with 225 / 950 MW. Sensitivity: of a load that runs at any price
    it is nothing at just what it uses."""
    scenario = read_case(case(tmp_path), START, END).record.scenario
    paths = np.array([[50.0] * 24] * 9 + [[1000.0] * 24])
    day_ahead = np.full((1, 24), 130.0)

    def bought(prices: np.ndarray[Any, Any]) -> float:
        columns = {("m", "price"): prices, ("m", "da"): day_ahead}
        problem = Problem(rebased(scenario, columns=columns, ensemble=Ensemble(members=len(prices))))
        outcome = Workshop().planned(problem)
        assert outcome.values is not None
        (position,) = hedged(problem, outcome.values).values()
        assert np.ptp(position) == pytest.approx(0.0, abs=1e-9)
        return float(position[0])

    assert bought(paths) == pytest.approx(3.15)
    assert bought(paths.mean(axis=0, keepdims=True)) == pytest.approx(0.0)

    def deviation(position: float, used: np.ndarray[Any, Any]) -> float:
        earned = 400.0 / 3.5 * used - paths[:, 0] * (used - position) - 130.0 * position
        return float(earned.std())

    stops, runs = np.array([3.5] * 9 + [0.0]), np.full(10, 3.5)
    assert deviation(0.0, stops) == pytest.approx(67.5)
    assert deviation(3.15, stops) == pytest.approx(830.25)
    assert deviation(225 / 950, stops) == pytest.approx(0.0, abs=1e-9)
    assert deviation(3.5, runs) == pytest.approx(0.0, abs=1e-9)
