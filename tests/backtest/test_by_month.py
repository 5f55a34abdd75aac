"""Months that each begin anew, side by side; and a run that begins from a state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from backtest_case import END, START, write_case
from command_line import optimizer

import optimizer as opt
from optimizer.backtest.by_month import backtest_by_month, month_edges
from optimizer.backtest.running import backtest


def two_months(folder: Path) -> Path:
    """The small case with data from 29 August to 2 September: cheap in August, dear in September."""
    path = write_case(folder, [100.0] * 24)
    stamps = pd.date_range("2024-08-29T00:00", "2024-09-02T23:00", freq="h", tz="UTC")
    price = np.where(stamps.month == 8, 100.0, 200.0)
    pd.DataFrame({"time": stamps, "price": price}).to_csv(folder / "m.csv", index=False)
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    case["horizon"]["start"] = "2024-08-31T00:00"
    path.write_text(yaml.safe_dump(case), encoding="utf-8")
    return path


def test_months_add_up_and_are_kept_apart(tmp_path: Path) -> None:
    """Proves: one day of August earns 24 * 50, in the first of September who never stops loses 24 * 300 and who reacts
    nothing, in processes of their own. Together the capture is whole. Each month has its folder."""
    case = two_months(tmp_path)
    found = backtest_by_month(
        case, "2024-08-31T00:00", "2024-09-02T00:00", policies=["deterministic"], out=tmp_path / "out", jobs=2
    )
    assert list(found.months) == ["2024-08", "2024-09"]
    assert found.profit["deterministic"].tolist() == pytest.approx([1200, 0], abs=1e-6)
    assert found.profit["always_on"].tolist() == pytest.approx([1200, -7200])
    assert found.table["profit"].to_dict() == pytest.approx(
        {"deterministic": 1200, "always_on": -6000, "perfect_foresight": 1200}
    )
    assert found.table["capture"]["deterministic"] == pytest.approx(1.0)
    assert found.failures == {}
    assert (tmp_path / "out" / "2024-09" / "checkpoints" / "deterministic.jsonl").is_file()


def test_edges_of_months() -> None:
    """Proves: the first and the last month may be cut, and a whole month is one part."""
    assert month_edges("2024-08-30T06:00", "2024-10-01T00:00") == [
        ("2024-08-30T06:00", "2024-09-01T00:00", "2024-08"),
        ("2024-09-01T00:00", "2024-10-01T00:00", "2024-09"),
    ]


def test_a_backtest_begins_from_carried_states(tmp_path: Path) -> None:
    """Proves: with 2 MWh in the battery instead of none, 2 * 200 more are earned in the dear hour. Sensitivity: states
    of another instant are refused."""
    battery = {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": 4, "charge_efficiency": 1.0}
    battery |= {"discharge_efficiency": 1.0, "soc_start_mwh": 0}
    contracts = [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": {"series": "m.price", "add": 1000}},
        {"kind": "export", "name": "back", "price_per_mwh": "m.price"},
    ]
    path = write_case(
        tmp_path,
        [100.0] * 3 + [200.0] + [100.0] * 20,
        settings={"published": {"m.price": "always"}},
        assets=[battery],
        contracts=contracts,
        grid={"import_limit_mw": 10, "export_limit_mw": 10},
    )
    plan = opt.optimize(opt.load(path, ["horizon.steps=1"]))
    carry = plan.summary["carry"]
    carry["at"] = "2024-08-20T00:00+00:00"
    carry["components"]["b"]["soc_mwh"] = 2.0
    (tmp_path / "carry.yaml").write_text(yaml.safe_dump({"carry": carry}), encoding="utf-8")
    full = backtest(path, START, END, policies=["deterministic"], carry=tmp_path / "carry.yaml")
    assert full.table["profit"]["deterministic"] == pytest.approx(400)
    assert backtest(path, START, END, policies=["deterministic"]).table["profit"]["deterministic"] == pytest.approx(0)
    with pytest.raises(opt.InputError, match="2024-08-20T00:00"):
        backtest(path, "2024-08-20T06:00", END, policies=["deterministic"], carry=tmp_path / "carry.yaml")


def test_months_on_the_command_line(tmp_path: Path) -> None:
    """Proves: sums over both months side by side; without both ends, or from a state, exit code 2 and nothing done."""
    case = two_months(tmp_path)
    span = ("--from", "2024-08-31T00:00", "--to", "2024-09-02T00:00")
    ran = optimizer("backtest", case, *span, "--policy", "deterministic", "--by-month", "--out", tmp_path / "o")
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line.strip()}
    assert rows["deterministic"] == ["1,200", "0", "100.0", "%"]
    assert rows["always_on"] == ["-6,000", "0", "0.0", "%"]
    told = json.loads(optimizer("backtest", case, *span, "--by-month", "--out", tmp_path / "o", "--json").out)
    assert list(told["months"]) == ["2024-08", "2024-09"]
    for arguments, why in ((span[:2], "needs --from and --to"), ((*span, "--carry", case), "begins anew")):
        refused = optimizer("backtest", case, *arguments, "--by-month", "--out", tmp_path / "p")
        assert (refused.code, refused.out) == (2, "")
        assert why in refused.err
