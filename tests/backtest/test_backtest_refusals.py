"""What a backtest cannot be made of is refused before the first window, or named where it happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from backtest_case import END, START, write_case

import optimizer as opt
from optimizer.backtest.policies import Optimized
from optimizer.backtest.record import Decision
from optimizer.backtest.running import backtest
from optimizer.backtest.schedules import Schedule
from optimizer.backtest.workshop import Workshop
from optimizer.errors import InfeasibleError

FLAT = [100.0] * 24


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2024-08-17T00:00", END, "is no step of the time that the data cover"),
        (START, "2024-08-22T00:00", "is no step of the time that the data cover"),
        (START, "2024-08-20T00:30", "is no step"),
        (END, START, "before it has begun"),
        ("tomorrow", END, "a time is written as"),
        ("2024-08-18T00:00", END, "the look-back needs it"),
    ],
)
def test_times_that_the_data_do_not_cover(start: str, end: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(opt.InputError, match=told):
        backtest(write_case(tmp_path, FLAT), start, end, policies=["schedule"])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"every": "90min"}, "whole number of the scenario's steps"),
        ({"every": "1d"}, "24 steps are carried out, but only 12 planned"),
        ({"published": {"m.prise": "always"}}, "did you mean 'm.price'"),
        ({"forecasts": [{"kind": "persistence", "columns": ["m.prise"]}]}, "did you mean 'm.price'"),
        ({"published": {"m.price": "sometimes"}}, "when a value is published is written as"),
        ({"policies": ["risk_averse"]}, "risk.weight is 0"),
        ({"policies": ["clever"]}, "clever"),
        ({"forecasts": [{"kind": "oracle"}]}, "oracle"),
        ({"forecasts": [{"kind": "autoregression"}]}, "forecasts no column; give leaders or others"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(opt.InputError, match=told):
        backtest(write_case(tmp_path, FLAT, settings=settings), START, END)


def test_unknown_policies_and_sources_are_told_together(tmp_path: Path) -> None:
    case = write_case(tmp_path, FLAT)
    with pytest.raises(opt.InputError) as refused:
        backtest(case, START, END, policies=["clever", "lucky", "schedule"])
    assert "clever" in str(refused.value)
    assert "lucky" in str(refused.value)
    with pytest.raises(opt.InputError, match="no data source of this name"):
        backtest(case, START, END, history={"market": case})


def test_a_hole_in_what_happened_is_named(tmp_path: Path) -> None:
    """Proves: a blank price in the middle of the day is refused with file, column and time."""
    case = write_case(tmp_path, FLAT)
    table = pd.read_csv(tmp_path / "m.csv")
    table.loc[60, "price"] = np.nan
    table.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(opt.InputError, match=r"(?s)price.*2024-08-20T12:00"):
        backtest(case, START, END, policies=["schedule"])


class Failing(Optimized):
    """Finds no plan in its third window."""

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        if decision.number == 2:
            raise InfeasibleError("there is no power left")
        return super().decide(decision, workshop)


def test_a_window_without_a_decision_is_a_failure(tmp_path: Path) -> None:
    """Proves: the policy ends there, with window, time and reason; what it did before is kept, the others go on."""
    case = write_case(tmp_path, FLAT)
    found = backtest(case, START, END, policies=[Failing("own"), "schedule"], out=tmp_path / "out")
    assert found.failures == {"own": "own: window 2, from 2024-08-20T12:00+00:00 (2024-08-20T12:00Z): "
                              "there is no power left"}  # fmt: skip
    assert "own" not in found.plans
    assert found.table["profit"]["schedule"] == pytest.approx(24 * 50)
    assert (tmp_path / "out" / "checkpoints" / "own.jsonl").read_text().count("\n") == 3


class Impossible(Optimized):
    """Wants twice the machines that there are."""

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        schedule = super().decide(decision, workshop)
        return Schedule(
            {name: values + 1000.0 for name, values in schedule.targets.items()},
            schedule.expected,
            schedule.expected_profit,
        )


def test_what_cannot_be_carried_out_is_booked(tmp_path: Path) -> None:
    """Proves: of 2000 machines wanted the 1000 that are there run; each of the 24 hours is in the record."""
    found = backtest(write_case(tmp_path, FLAT), START, END, policies=[Impossible("own", recourse=False)])
    record = found.not_done("own")
    assert len(record) == 24
    assert record["planned"].tolist() == [2000.0] * 24
    assert record["done"].to_numpy() == pytest.approx(1000.0)
    assert found.table["profit"]["own"] == pytest.approx(24 * 50)
