"""Schedules and money of two plans side by side, and why they differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_case import job, pool_case
from shipped import solved as shipped
from small_case import fleet, site_case, spot
from stable_case import NEW_PRICES, OLD_PRICES

import optimizer as opt
from optimizer.comparison.attribution import between
from optimizer.comparison.comparing import Comparison, compare
from optimizer.plan import Plan


def plan_of(price: Any, *assets: dict[str, Any], **fields: Any) -> Plan:
    case = site_case(steps=fields.pop("steps", 4), contracts=[spot(price)], assets=assets or [fleet()], **fields)
    return opt.optimize(opt.scenario_from_dict(case))


@pytest.fixture(scope="module")
def two() -> tuple[Plan, Plan]:
    """Yesterday and today: other prices, twice the machines, one more fleet, and a load that is always there."""
    return plan_of(OLD_PRICES), plan_of(NEW_PRICES, fleet(machines=2000), fleet("n"), house_load_mw=1.0)


# ---------------------------------------------------------------------- by hand
def test_schedule_by_hand(two: tuple[Plan, Plan]) -> None:
    """Proves: energy, hours and largest difference of each component, and the peak, as they are on paper."""
    found = compare(*two)
    m = found.energy.loc["m"]
    assert (m.a_mwh, m.b_mwh, m.change_mwh) == pytest.approx((7.0, 14.0, 7.0))
    assert (m.hours_that_differ, m.largest_change_mw, m["at"].hour) == (3.0, pytest.approx(7.0), 1)
    n = found.energy.loc["n"]
    assert (n.a_mwh, n.b_mwh, n.hours_that_differ) == pytest.approx((0.0, 7.0, 2.0))
    assert "brings 114.3 and costs 110.0" in found.hours["reason_b"][0]
    assert found.hours["reason_a"][0].startswith("Rests")
    hours = [(r.time_local.hour, r.component, r.change_mw) for r in found.hours.itertuples()]
    assert hours == [(1, "m", 7.0), (0, "m", 3.5), (0, "n", 3.5), (1, "n", 3.5), (2, "m", -3.5)]
    peak = found.figures.set_index("figure").loc["peak_import_mw"]
    assert (peak.a, peak.b, peak.change) == pytest.approx((3.5, 11.5, 8.0))


def test_money_by_hand(two: tuple[Plan, Plan]) -> None:
    """Proves: lines of components that only one plan has count as 0 in the other, and the changes add up to that of the
    profit: 450 = 800 - 350 and 290 = 2400 - 2110."""
    found = compare(*two)
    lines = {(r.component, r.line): (r.a, r.b) for r in found.money.itertuples()}
    assert lines == {
        ("spot", "spot_energy"): pytest.approx((-350.0, -2110.0)),
        ("m", "mining_revenue"): pytest.approx((800.0, 1600.0)),
        ("n", "mining_revenue"): pytest.approx((0.0, 800.0)),
    }
    assert found.profits == pytest.approx((450.0, 290.0))
    assert found.money["change"].sum() == pytest.approx(found.profit_change, abs=1e-9)


def test_why_by_hand(two: tuple[Plan, Plan]) -> None:
    """Proves: piece by piece in the file's order. The load costs 4 MWh at 100 on average; the new prices cost 30 for
    the load (430 instead of 400) and 210 for the fleet (225 + 15 instead of 2 * 225); each fleet of 1000 machines more
    earns 240. The pieces add up exactly."""
    why = compare(*two, why=True).why
    assert why is not None
    assert why["what"].tolist() == ["sites.a", "sites.a.contracts.spot", "sites.a.assets.m", "sites.a.assets.n"]
    assert why["change"].tolist() == pytest.approx([-400.0, -240.0, 240.0, 240.0])
    assert why["change"].sum() == pytest.approx(-160.0, abs=1e-9)
    assert why["profit"].iloc[-1] == two[1].expected_profit
    assert (why["proven_within"] < 1e-6).all()


def test_when_jobs_finish() -> None:
    """Proves: a job that gets half the nodes finishes an hour later; work and time are told."""
    a, b = (
        opt.optimize(opt.scenario_from_dict(pool_case([10.0, 20.0, 90.0], 3, job(work_node_hours=10, max_nodes=nodes))))
        for nodes in (10, 5)
    )
    j = compare(a, b).energy.loc["j"]
    assert (j.a_finished.hour, j.b_finished.hour) == (1, 2)


# ---------------------------------------------------------------------- identities
def test_a_plan_against_itself(two: tuple[Plan, Plan], tmp_path: Path) -> None:
    """Proves: nothing differs, also against its own results folder, and with ``why``."""
    plan = two[1]
    plan.save(tmp_path / "r")
    for other in (plan, tmp_path / "r", str(tmp_path / "r"), plan.scenario):
        found = compare(plan, other, why=True)
        assert found.is_empty, found
        assert not found.inputs
        assert found.hours.empty
        assert found.figures.empty
        assert np.abs(found.money["change"]).max() < 1e-9
    assert "do not differ" in compare(plan, plan).write_html(tmp_path / "c.html").read_text()


PRICES = st.lists(st.integers(-20, 190).map(float), min_size=4, max_size=4)


@settings(max_examples=15, deadline=None)
@given(a=PRICES, b=PRICES, machines=st.sampled_from([1000, 1500]), load=st.sampled_from([0.0, 0.5]))
def test_antisymmetry(a: list[float], b: list[float], machines: int, load: float) -> None:
    """Proves, of any prices: A against B is B against A with the sign turned, lines add up to the profit, and so do the
    pieces of the input, in either direction."""
    one = plan_of(a)
    other = plan_of(b, fleet(machines=machines), house_load_mw=load)
    there, back = compare(one, other, why=True), compare(other, one, why=True)
    assert there.profit_change == pytest.approx(-back.profit_change, abs=1e-9)
    assert _by_line(there) == pytest.approx({key: -value for key, value in _by_line(back).items()}, abs=1e-9)
    assert [c.path for c in there.inputs] == [c.path for c in back.inputs]
    assert len(there.hours) == len(back.hours)
    for found in (there, back):
        assert found.money["change"].sum() == pytest.approx(found.profit_change, abs=1e-9)
        assert found.why is not None
        assert found.why["change"].sum() == pytest.approx(found.profit_change, abs=1e-9)


def _by_line(found: Comparison) -> dict[tuple[str, str], float]:
    return {(r.component, r.line): r.change for r in found.money.itertuples()}


def test_all_pieces_of_the_other_are_the_other(two: tuple[Plan, Plan]) -> None:
    """Proves: with every piece exchanged, the scenario in between is the other one: same profit."""
    a, b = two[0].scenario, two[1].scenario
    pieces = {change.group for change in compare(*two).inputs}
    assert opt.optimize(between(a, b, pieces)).expected_profit == pytest.approx(two[1].expected_profit)
    assert opt.optimize(between(a, b, set())).expected_profit == pytest.approx(two[0].expected_profit)


def test_shipped_scenario_with_members() -> None:
    """Proves: on a shipped scenario of two sites and three members, money adds up to 1e-9 of the profit, and the pieces
    of three changes to the whole difference."""
    _, plan = shipped("two_sites_72h")
    changes = ["sites.west.assets.s21.machines=9000", "sites.west.contracts.spot.price_per_mwh.scale=1.1"]
    file = plan.scenario._file
    assert file is not None
    found = compare(plan, opt.load(file, changes), why=True)
    assert [c.path for c in found.inputs] == [
        "sites.west.contracts.spot.price_per_mwh",
        "sites.west.assets.s21.machines",
    ]
    assert found.money["change"].sum() == pytest.approx(found.profit_change, abs=1e-9 * abs(plan.expected_profit))
    assert found.why is not None
    assert found.why["change"].sum() == pytest.approx(found.profit_change, abs=1e-6)
    assert any("3 members" in note for note in found.notes)


# ---------------------------------------------------------------------- pieces that belong together
def test_pieces_that_only_go_together() -> None:
    """Proves: a pool that goes with its job is exchanged together with it, as neither scenario in between is one."""
    with_job = pool_case(50.0, 4, job(work_node_hours=10))
    without = pool_case(50.0, 4)
    without["sites"][0]["assets"] = [fleet()]
    without["sites"][0].pop("workloads")
    found = compare(opt.scenario_from_dict(with_job), opt.scenario_from_dict(without), why=True)
    assert found.why is not None
    assert found.why["what"].tolist() == ["sites.a.assets.m", "sites.a.assets.h, sites.a.workloads.j"]
    assert found.why["change"].sum() == pytest.approx(found.profit_change, abs=1e-9)
    assert found.why["change"].iloc[0] == pytest.approx(4 * (400 - 3.5 * 50))


def test_no_plan_in_between() -> None:
    """Proves: a step without a plan (more load than the smaller contract delivers) is taken together with the next."""
    small = site_case(steps=1, contracts=[spot(50.0, limit_mw=2.0)], house_load_mw=1.0)
    big = site_case(steps=1, contracts=[spot(50.0, limit_mw=4.0)], house_load_mw=3.0)
    found = compare(opt.scenario_from_dict(small), opt.scenario_from_dict(big), why=True)
    assert found.why is not None
    assert found.why["what"].tolist() == ["sites.a, sites.a.contracts.spot"]
    assert found.why["change"].tolist() == pytest.approx([-100.0])


def test_another_ensemble() -> None:
    """Proves: where the number of members changes, the series that have them go with the ensemble."""
    a = site_case(steps=1, contracts=[spot([[50.0], [70.0]])], assets=[fleet()], probabilities=[0.5, 0.5])
    b = site_case(steps=1, contracts=[spot([[50.0], [60.0], [90.0]])], assets=[fleet()], probabilities=[0.2, 0.4, 0.4])
    found = compare(opt.scenario_from_dict(a), opt.scenario_from_dict(b), why=True)
    assert found.why is not None
    assert found.why["what"].tolist() == ["ensemble, sites.a.contracts.spot"]
    assert found.why["change"].tolist() == pytest.approx([-3.5 * (70.0 - 60.0)])


# ---------------------------------------------------------------------- other times, and what is refused
def test_overlap() -> None:
    """Proves: of horizons that differ the common hours are compared, money where it is booked in them, and said so."""
    a = plan_of([50.0, 60.0, 70.0, 80.0])
    b = plan_of([90.0, 150.0, 50.0], steps=3, start="2024-08-19T02:00")
    found = compare(a, b, why=True)
    assert (found.overlap.steps, found.overlap.is_whole, found.why) == (2, False, None)
    assert found.profits == pytest.approx((800 - 3.5 * 150, 400 - 3.5 * 90))
    assert found.money["change"].sum() == pytest.approx(found.profit_change, abs=1e-9)
    assert found.energy.loc["m", "hours_that_differ"] == 1.0
    assert "horizons differ" in found.notes[0]
    assert "not attributed" in found.notes[1]


def test_other_steps() -> None:
    """Proves: steps of half an hour are put together to those of an hour: powers by their mean, money by its sum."""
    a = plan_of([50.0, 150.0], steps=2)
    b = plan_of([50.0, 150.0, 150.0, 150.0], step="30min")
    found = compare(a, b)
    assert found.power_mw["m"][1].tolist() == pytest.approx([1.75, 0.0])
    assert found.profit_change == pytest.approx(-112.5)
    assert "sites.a.contracts.spot.price_per_mwh" in {c.path for c in found.inputs}


def test_what_is_refused(tmp_path: Path) -> None:
    """Proves: other currencies, times that do not meet, and what is no plan and no scenario, all of it at once."""
    a = plan_of(50.0)
    case = site_case(steps=4, contracts=[spot(50.0)], assets=[fleet()])
    with pytest.raises(opt.InputError, match="is in USD, small in EUR"):
        compare(a, opt.scenario_from_dict(case | {"currency": "EUR"}))
    with pytest.raises(opt.InputError, match="no step in common"):
        compare(a, plan_of(50.0, start="2024-09-19T00:00"))
    with pytest.raises(opt.InputError, match="cannot be put together"):
        compare(plan_of(50.0, steps=2, step="20min"), plan_of(50.0, steps=2, step="30min"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.yaml").write_text("format: 7\n")
    for bad, told in (("empty", "is no results folder"), ("gone", "is not there"), ("text.yaml", "format")):
        with pytest.raises(opt.InputError, match=told):
            compare(a, tmp_path / bad)
    with pytest.raises(opt.InputError) as caught:
        compare(tmp_path / "empty", tmp_path / "gone")
    assert len(caught.value.problems) == 2
    assert all("a results folder" in str(problem) for problem in caught.value.problems)


def test_as_plain_data(two: tuple[Plan, Plan]) -> None:
    """Proves: the comparison is valid JSON without NaN, with the same figures, and its text says what it is."""
    found = compare(*two, why=True, names=("old", "new"))
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["expected_profit"] == pytest.approx({"a": 450.0, "b": 290.0, "change": -160.0})
    assert [row["change_mw"] for row in told["hours"]] == found.hours["change_mw"].tolist()
    assert told["hours"][0]["time_local"].startswith("2024-08-19T01:00")
    assert told["why"][0]["what"] == "sites.a"
    assert "'new' with 'old'" in repr(found)
    assert "-160.00 USD" in repr(found)


def test_notes_for_the_reader() -> None:
    """Proves: plans that were stopped early are named with what is proven of them, and strangers are told apart."""
    a, b = plan_of(50.0), plan_of(50.0, fleet("other"), house_load_mw=1.0)
    a.figures = a.figures | {"status": "feasible", "mip_gap": 0.025}
    b.figures = b.figures | {"status": "feasible", "mip_gap": None}
    case = site_case(steps=4, contracts=[spot(50.0, name="index")], assets=[fleet("other")])
    found = compare(a, opt.scenario_from_dict(case))
    assert any("no component in common" in note for note in found.notes)
    assert any("A was stopped" in note and "2.5 %" in note for note in found.notes)
    assert any("B was stopped" in note and "no bound" in note for note in compare(a, b).notes)
