"""Nothing that comes later can be seen in a decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backtest_case import END, START, write_case

import optimizer as opt
from optimizer.backtest.engine import run_policy
from optimizer.backtest.policies import AlwaysOn, ByStrikePrice, Optimized, Policy, Stochastic
from optimizer.backtest.reading import read_case
from optimizer.backtest.record import Decision
from optimizer.backtest.schedules import Schedule
from optimizer.backtest.workshop import Workshop
from optimizer.forecasting import History
from optimizer.rebasing import without_values

POLICIES = [Optimized(), Optimized("schedule", recourse=False), Stochastic(), ByStrikePrice(), AlwaysOn()]
FORECASTS = [{"kind": "seasonal_naive", "columns": ["m.price"], "spread": True, "look_back_days": 30}]
MORNING = [100.0, 140.0, 90.0, 120.0, 100.0, 118.0] * 2


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_another_future_changes_no_decision_before_it(policy: Policy, tmp_path: Path) -> None:
    """Proves: two days that part at noon have the same decisions and the same money until noon, in every window and
    with recourse step by step. Sensitivity: one value of the afternoon in a window of the morning would change it."""
    done = []
    for afternoon in (0.0, 400.0):
        folder = tmp_path / f"{afternoon:g}"
        folder.mkdir()
        case = read_case(write_case(folder, [*MORNING, *[afternoon] * 12]), START, END)
        done.append(run_policy(case, policy))
    for one, other in zip(done[0][:2], done[1][:2], strict=True):
        assert one.money == other.money
        assert one.expected_profit == other.expected_profit
        for name, values in one.done.values.items():
            np.testing.assert_array_equal(values, other.done.values[name])
    assert done[0][2].money != done[1][2].money


class Watching(Optimized):
    """Decides as the deterministic policy does, and keeps what it was shown."""

    shown: list[tuple[Decision, Schedule]] = []  # noqa: RUF012

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        schedule = super().decide(decision, workshop)
        self.shown.append((decision, schedule))
        return schedule


def test_a_poisoned_future_is_not_there(tmp_path: Path) -> None:
    """Proves: each window's decision is the same with every later value of the history replaced by NaN, its history
    ends with what was known, and the scenario it is given holds no value of the data at all."""
    case = read_case(write_case(tmp_path, MORNING * 2), START, END)
    watching = Watching()
    windows = run_policy(case, watching)
    for (decision, schedule), window in zip(watching.shown, windows, strict=True):
        known = 48 + window.first
        poisoned = np.where(np.arange(72) < known, case.record.history.raw("m.price"), np.nan)
        history = History(
            {"m.price": poisoned}, case.record.history.start, case.record.history.step, case.record.history.timezone
        )
        again = Optimized().decide(replace(decision, known=history.at(decision.at)), Workshop())
        for name, values in again.targets.items():
            np.testing.assert_array_equal(values, schedule.targets[name])
        assert len(decision.known.raw("m.price")) == known
        with pytest.raises(opt.InputError, match="cut at"):
            decision.known.at(END)
        with pytest.raises(ValueError, match="without its data files"):
            _ = decision.blank.sites[0].contracts[0].price_per_mwh.values  # type: ignore[attr-defined]


def test_the_blank_scenario_keeps_what_is_no_data(tmp_path: Path) -> None:
    case = read_case(write_case(tmp_path, MORNING * 2), START, END)
    blank = without_values(case.record.scenario)
    assert blank.sites[0].assets[0].hashprice_per_ph_day.values[0, 0] == 48.0  # type: ignore[attr-defined]


def test_within_a_window_only_the_steps_that_have_come_are_seen(tmp_path: Path) -> None:
    """Proves: two days that part at 03:00, in the middle of a window, have the same battery until then, although it is
    set again in each step. Sensitivity: with the whole window seen at its start, it would charge at 100 for the hour at
    400, and not for the one at 0."""
    battery = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 4, "charge_efficiency": 1.0}
    battery |= {"discharge_efficiency": 1.0, "soc_start_mwh": 2}
    contracts = [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"},
        {"kind": "export", "name": "back", "price_per_mwh": {"series": "m.price", "add": -0.001}},
    ]
    done = []
    for rest in (0.0, 400.0):
        folder = tmp_path / f"{rest:g}"
        folder.mkdir()
        day = [100.0, 100.0, 100.0, *[rest] * 3, *[100.0] * 18]
        grid = {"import_limit_mw": 10, "export_limit_mw": 10}
        path = write_case(folder, day, assets=[battery], contracts=contracts, grid=grid)
        done.append(run_policy(read_case(path, START, END), Optimized())[0].done.values)
    one, other = ({name: values for name, values in values.items() if "charge" in name} for values in done)
    assert one
    for name, values in one.items():
        np.testing.assert_array_equal(values[..., :3], other[name][..., :3])
    assert any((values[..., 3:] != other[name][..., 3:]).any() for name, values in one.items())
