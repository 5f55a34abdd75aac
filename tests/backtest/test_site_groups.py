"""Sites that share nothing are decided apart: which these are, and that it comes to the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from backtest_case import END, START, write_case
from small_case import fleet

from optimizer.backtest.engine import Window, run_policy
from optimizer.backtest.policies import FORESIGHT, by_name
from optimizer.backtest.reading import Case, read_case
from optimizer.backtest.running import backtest
from optimizer.backtest.settlement import settled
from optimizer.backtest.site_groups import case_of, groups_for, independent_groups, together
from optimizer.problem import Problem
from optimizer.scenario import Risk

RNG = np.random.default_rng(3)
NORTH = (np.tile(RNG.uniform(60.0, 180.0, 24), 3) + RNG.normal(0.0, 15.0, 72)).round(2).tolist()
SOUTH = (RNG.uniform(60.0, 180.0, 24) + RNG.normal(0.0, 15.0, 24)).round(2).tolist()
"""Prices of the day at two sites, at which a fleet pays in some hours."""


def supply(column: str) -> list[dict[str, Any]]:
    return [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": {"series": column, "add": 1.0}},
        {"kind": "export", "name": "back", "price_per_mwh": column},
    ]


def battery(energy_mwh: float) -> dict[str, Any]:
    return {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": energy_mwh, "charge_efficiency": 0.9} | {
        "discharge_efficiency": 0.95,
        "soc_start_mwh": 1,
        "soc_end_mwh": 1,
    }


def site(name: str, column: str, **own: Any) -> dict[str, Any]:
    return {"name": name, "contracts": supply(column), "assets": [fleet("m"), battery(3.0)]} | own


def pool(name: str) -> dict[str, Any]:
    return {"kind": "gpu_pool", "name": name, "nodes": 10, "idle_kw": 2.0, "full_kw": 10.0}


def job(*pools: str) -> dict[str, Any]:
    return {"kind": "training_job", "name": "train", "class": "malleable", "min_nodes": 0, "max_nodes": 10} | {
        "pool": list(pools),
        "work_node_hours": 20,
        "value": 500.0,
    }


def three_sites(folder: Path, **sections: Any) -> Path:
    """Sites ``a`` (whose battery has a name of its own), ``b`` and ``c``; ``b`` also has a charge on its peak."""
    path = write_case(
        folder, SOUTH, SOUTH[12:] + SOUTH + SOUTH[:12], columns={"north": NORTH},
        settings={"members": 4, "forecasts": [{"kind": "seasonal_naive", "columns": ["m.north"], "spread": False}]},
    )  # fmt: skip
    peak = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 0.05}
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    case["sites"] = [
        site("a", "m.price", assets=[fleet("m"), battery(4.0) | {"name": "store"}], grid={"export_limit_mw": 9}),
        site("b", "m.north", contracts=[*supply("m.north"), peak], grid={"export_limit_mw": 9}),
        site("c", "m.price", grid={"export_limit_mw": 9}),
    ]
    path.write_text(yaml.safe_dump(case | sections), encoding="utf-8")
    return path


def groups(path: Path) -> list[tuple[str, ...]]:
    return independent_groups(read_case(path, START, END).record.scenario)


# ---------------------------------------------------------------------- which sites share something
def test_sites_without_anything_in_common_are_groups_of_their_own(tmp_path: Path) -> None:
    assert groups(three_sites(tmp_path)) == [("a",), ("b",), ("c",)]


def test_a_contract_of_the_portfolio_ties_the_sites_that_it_spans(tmp_path: Path) -> None:
    """Proves: one of two sites ties these, and one of all ties all."""
    two = {"kind": "demand_charge", "name": "both", "rate_per_kw_month": 1.0, "sites": ["a", "c"]}
    assert groups(three_sites(tmp_path, contracts=[two])) == [("a", "c"), ("b",)]
    every = {name: value for name, value in two.items() if name != "sites"}
    assert groups(three_sites(tmp_path, contracts=[every])) == [("a", "b", "c")]


def test_work_ties_the_sites_of_its_pools(tmp_path: Path) -> None:
    """Proves: a shared job ties the two sites at which it may run, and a group of one keeps what is its own alone."""
    path = three_sites(tmp_path, workloads=[job("a.gpu", "b.gpu")])
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    for number in (0, 1):
        case["sites"][number]["assets"].append(pool("gpu"))
    path.write_text(yaml.safe_dump(case), encoding="utf-8")
    whole = read_case(path, START, END)
    assert independent_groups(whole.record.scenario) == [("a", "b"), ("c",)]
    assert [each.name for each in case_of(whole, ("a", "b")).record.scenario.workloads] == ["train"]
    assert case_of(whole, ("c",)).record.scenario.workloads == ()


def test_who_weighs_the_tail_of_all_profits_decides_for_all(tmp_path: Path) -> None:
    """Proves: the tail of two sites together is not that of each; and a policy that does not say that it decides by
    site is handed the whole."""
    case = read_case(three_sites(tmp_path), START, END)
    three, one = [("a",), ("b",), ("c",)], [("a", "b", "c")]
    assert groups_for(case, by_name("ensemble", case.settings, Risk())) == three
    assert groups_for(case, by_name("risk_averse", case.settings, Risk(weight=0.5))) == one

    class Own:
        name, recourse = "own", False

    assert groups_for(case, Own()) == one  # type: ignore[arg-type]


# ---------------------------------------------------------------------- that it comes to the same
def decided_apart(case: Case, name: str) -> list[Window]:
    policy = by_name(name, case.settings, Risk())
    return together(case, {group: run_policy(case_of(case, group), policy) for group in groups_for(case, policy)})


@pytest.mark.parametrize("policy", ["schedule", "deterministic", "ensemble", "strike_price", "always_on"])
def test_decided_apart_is_decided_together(policy: str, tmp_path: Path) -> None:
    """Proves: windows, states, money by line and settled profit of three sites decided apart are those of the three in
    one problem, to 1e-9; the forecasts are the very same."""
    case = read_case(three_sites(tmp_path), START, END)
    one, apart = run_policy(case, by_name(policy, case.settings, Risk())), decided_apart(case, policy)
    for whole, joined in zip(one, apart, strict=True):
        assert joined.expected_profit == pytest.approx(whole.expected_profit, rel=1e-9)
        assert joined.money == pytest.approx(whole.money, rel=1e-9, abs=1e-7)
        assert joined.done.values.keys() == whole.done.values.keys()
        for name, values in whole.done.values.items():
            np.testing.assert_allclose(joined.done.values[name], values, rtol=1e-9, atol=1e-7)
            assert (joined.done.steps_of[name] == whole.done.steps_of[name]).all()
        assert joined.carry.keys() == whole.carry.keys()
        assert joined.carry["components"].keys() == whole.carry["components"].keys()
        for label, states in whole.carry["components"].items():
            for key, state in states.items():
                assert joined.carry["components"][label][key] == pytest.approx(state, rel=1e-9, abs=1e-7)
        assert joined.is_on == whole.is_on
        for column, values in whole.expected.items():
            assert (joined.expected[column] == values).all()
    problem = Problem(case.record.scenario)
    profits = [problem.plan_of(settled(problem, [w.done for w in windows])).expected_profit for windows in (one, apart)]
    assert profits[1] == pytest.approx(profits[0], rel=1e-9)


def test_the_money_of_all_sites_adds_up_in_processes_of_their_own(tmp_path: Path) -> None:
    """Proves: in three processes, with a checkpoint for each site, the run earns what each site as a scenario of its
    own earns together, and goes on from the checkpoints to the same; foresight earns more."""
    path, out = three_sites(tmp_path), tmp_path / "out"
    found = backtest(path, START, END, policies=["deterministic"], out=out, jobs=3)
    names = sorted(each.name for each in (out / "checkpoints").iterdir())
    assert names == sorted(f"{p}@{s}.jsonl" for p in ("always_on", "deterministic") for s in "abc")
    whole, total = yaml.safe_load(path.read_text(encoding="utf-8")), 0.0
    for number, name in enumerate("abc"):
        column = "price" if name != "b" else "north"
        alone = whole | {"sites": [whole["sites"][number]]}
        if column == "price":
            alone["backtest"] = {key: value for key, value in whole["backtest"].items() if key != "forecasts"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(alone), encoding="utf-8")
        total += backtest(tmp_path / f"{name}.yaml", START, END, policies=["deterministic"]).table["profit"].iloc[0]
    profit = found.table["profit"]
    assert profit["deterministic"] == pytest.approx(total, rel=1e-9)
    assert profit[FORESIGHT] > profit["deterministic"] > profit["always_on"]
    again = backtest(path, START, END, policies=["deterministic"], out=out)
    assert again.table["profit"]["deterministic"] == profit["deterministic"]
    assert [window.done.first for window in again.windows["deterministic"]] == [0, 6, 12, 18]


def test_states_at_the_start_go_to_the_site_that_they_are_of(tmp_path: Path) -> None:
    """Proves: what the batteries hold at first is that of the file, under the names that they have in the whole
    (``b.b``, and ``store``, which is the only one), and comes back under them."""
    carry = {"at": START, "components": {"b.b": {"soc_mwh": 2.5}, "store": {"soc_mwh": 3.5}}}
    case = read_case(three_sites(tmp_path, carry=carry), START, END)
    own = [case_of(case, (name,)).record.scenario.carry for name in "abc"]
    assert [each.components for each in own if each is not None] == [
        {"store": {"soc_mwh": 3.5}},
        {"b": {"soc_mwh": 2.5}},
        {},
    ]
    last = decided_apart(case, "schedule")[-1].carry["components"]
    assert {"a.m", "b.m", "c.m", "store", "b.b", "c.b", "tdu"} >= last.keys() >= {"store", "b.b", "c.b", "tdu"}
