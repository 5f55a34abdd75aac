"""Machines and stores that go on in the state in which an earlier run has left them."""

from __future__ import annotations

from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from pool_case import pool, pool_case, rental
from small_case import BREAK_EVEN, booked, fleet, refusals, series, site_case, solved, spot, unnoticed

import optimizer as opt


def hours(first: int, end: int, prices: list[float], *assets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    case = site_case(steps=end - first, contracts=[spot(prices[first:end])], assets=assets, **fields)
    case["horizon"]["start"] = start_of(first)
    return case


def carried(key: str, value: Any, component: str = "m", **more: Any) -> dict[str, Any]:
    return {"carry": {"at": "2024-08-19T00:00", "components": {component: {key: value} | more}}}


# ---------------------------------------------------------------------- commitment
def test_a_minimum_up_time_goes_on_in_the_next_run() -> None:
    """Proves: 1000 machines started in hour 0 for at least 4 h run through hours 2 and 3 at 300 per MWh, which cost
    1050 - 400 = 650 each. Sensitivity: a start that is forgotten lets them stop, and the second run loses nothing."""
    prices = [0.0, 0.0, 300.0, 300.0, 300.0]
    machines = fleet(min_up_hours=4, running_before=0)
    first, second = in_a_row(lambda a, e: hours(a, e, prices, machines), 0, 2, 5)
    states = first.summary["carry"]["components"]["m"]
    assert states == {"units_on": 1000.0, "started": {"2024-08-19T00:00+00:00": 1000.0}}
    assert series(second, "stopped", "m") == [0.0, 0.0, 1000.0]
    assert second.expected_profit == pytest.approx(-2 * 650.0)
    assert unnoticed(second, "m") == []


def test_a_minimum_down_time_goes_on_in_the_next_run() -> None:
    """Proves: stopped in hour 1 for at least 3 h, nothing runs in hours 2 and 3, though power is free there.
    Sensitivity: without the stop they earn 400 in each of three hours, 1200."""
    prices = [0.0, 300.0, 0.0, 0.0, 0.0]
    machines = fleet(min_down_hours=3)
    first, second = in_a_row(lambda a, e: hours(a, e, prices, machines), 0, 2, 5)
    assert first.summary["carry"]["components"]["m"]["stopped"] == {"2024-08-19T01:00+00:00": 1000.0}
    assert second.expected_profit == pytest.approx(400.0)
    assert solved(hours(2, 5, prices, machines)).expected_profit == pytest.approx(1200.0)


def test_the_minutes_that_a_start_loses_go_on_in_the_next_run() -> None:
    """Proves: a start of 90 lost minutes in the hour before costs half of the first hour: 200 of 400."""
    case = site_case(steps=2, contracts=[spot(0.0)], assets=[fleet(start_lost_minutes=90)])
    plan = solved(case | carried("units_on", 1000.0, started={"2024-08-18T23:00": 1000.0}))
    assert booked(plan, "mining_revenue") == pytest.approx(200.0 + 400.0)
    assert booked(solved(case | carried("units_on", 1000.0)), "mining_revenue") == pytest.approx(800.0)
    assert unnoticed(plan, "m") == []


def test_minimum_times_longer_than_the_run_that_follows() -> None:
    """Proves: a minimum up time of 6 h, 2 h of it gone, holds for all 3 h of the next run."""
    machines = fleet(min_up_hours=6)
    states = carried("units_on", 1000.0, started={"2024-08-18T22:00": 1000.0})
    plan = solved(site_case(steps=3, contracts=[spot(300.0)], assets=[machines]) | states)
    assert plan.expected_profit == pytest.approx(-3 * 650.0)
    assert plan.summary["carry"]["components"]["m"]["started"] == {"2024-08-18T22:00+00:00": 1000.0}


def test_the_starts_of_a_day_are_counted_over_runs() -> None:
    """Proves: of one start a day 600 have been used by noon, so that 400 machines start in the afternoon.
    Sensitivity: a fresh day would let all 1000 start."""
    machines = fleet(max_starts_per_day=1, running_before=0)
    fresh = site_case(steps=2, contracts=[spot(0.0)], assets=[machines], start="2024-08-19T12:00")
    used = {"at": "2024-08-19T12:00", "components": {"m": {"units_on": 0.0, "starts": {"2024-08-19": 600.0}}}}
    assert solved(fresh).expected_profit == pytest.approx(800.0)
    plan = solved(fresh | {"carry": used})
    assert plan.expected_profit == pytest.approx(320.0)
    assert plan.summary["carry"]["components"]["m"]["starts"] == {"2024-08-19": 1000.0}


def test_units_committed_for_all_members_are_carried_as_one_number() -> None:
    machines = fleet(commit="day_ahead", min_up_hours=2)
    case = site_case(steps=2, contracts=[spot(0.0)], assets=[machines], probabilities=[0.5, 0.5])
    assert "the units are the same in all members" in refusals(case | carried("units_on", [1.0, 2.0]))
    assert solved(case | carried("units_on", 1.0)).expected_profit == pytest.approx(800.0)


# ---------------------------------------------------------------------- stores
BATTERY = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 2, "soc_start_mwh": 1}


def test_the_level_of_a_battery_is_carried_but_its_end_rule_is_that_of_the_file() -> None:
    """Proves: left at 2 MWh, it sells one and keeps 1 MWh, its end level. Sensitivity: with the file's start of 1 MWh
    there is nothing to sell (0); with the carried level as end level neither."""
    case = site_case(steps=1, contracts=[spot(100.0)], assets=[BATTERY], house_load_mw=1.0)
    plan = solved(case | carried("soc_mwh", 2.0, "b"))
    assert plan.expected_profit == pytest.approx(0.0)
    assert solved(case).expected_profit == pytest.approx(-100.0)
    assert plan.summary["carry"]["components"]["b"] == {"soc_mwh": 1.0}
    assert unnoticed(plan, "b") == []


def test_a_level_too_low_for_the_end_rule_is_brought_as_high_as_it_goes() -> None:
    """Proves: from 0 MWh one hour of 0.5 MW leaves 0.5 of the 1 MWh asked for, with a warning and no refusal."""
    slow = BATTERY | {"power_mw": 0.5}
    case = site_case(steps=1, contracts=[spot(100.0)], assets=[slow]) | carried("soc_mwh", 0.0, "b")
    assert series(solved(case), "soc_mwh", "b") == [0.5]
    warned = [str(warning) for warning in opt.scenario_from_dict(case).warnings]
    assert any("not reached at full charging" in text and "as high as it goes" in text for text in warned)
    assert "not reached at full charging" in refusals(
        site_case(steps=1, contracts=[spot(1.0)], assets=[slow | {"soc_start_mwh": 0, "soc_end_mwh": 1}])
    )


def test_levels_that_no_battery_can_have_are_refused() -> None:
    case = site_case(steps=1, contracts=[spot(100.0)], assets=[BATTERY])
    assert "is no level of this battery; found 3.0; must be from 0 to 2 MWh" in refusals(
        case | carried("soc_mwh", 3.0, "b")
    )
    deep = BATTERY | {"depth_wear": [{"depth": 0.5, "cost_per_mwh": 1}, {"depth": 1, "cost_per_mwh": 9}]}
    case = site_case(steps=1, contracts=[spot(100.0)], assets=[deep])
    wrong = carried("soc_mwh", 2.0, "b", segment_mwh={"to 0.5": 1.0, "to 1": 0.5})
    assert "do not add up to the level carried" in refusals(case | wrong)
    assert "there is no such segment" in refusals(case | carried("segment_mwh", {"to 0.7": 1.0}, "b"))


def test_what_each_depth_segment_holds_is_carried() -> None:
    """Proves: 1 MWh left in the deep segment costs 9 to sell, not the 1 of the shallow one: it pays at 5 per MWh from
    the shallow segment only. Sensitivity: a level alone would be taken to lie in the shallow segment."""
    deep = BATTERY | {
        "depth_wear": [{"depth": 0.5, "cost_per_mwh": 1}, {"depth": 1, "cost_per_mwh": 9}],
        "soc_end_mwh": 0,
    }
    case = site_case(steps=1, contracts=[spot(5.0)], assets=[deep], house_load_mw=1.0)
    level = carried("soc_mwh", 1.0, "b")
    at_depth = carried("soc_mwh", 1.0, "b", segment_mwh={"to 0.5": 0.0, "to 1": 1.0})
    assert solved(case | level).expected_profit == pytest.approx(-1.0)
    assert solved(case | at_depth).expected_profit == pytest.approx(-5.0)


# ---------------------------------------------------------------------- site and pool
def test_the_ramp_limit_goes_on_from_the_last_step() -> None:
    """Proves: from 3.5 MW at most 1 MW an hour is shed, so that 2.5 and 1.5 MW are drawn at 300 per MWh."""
    grid = {"ramp_limit_mw_per_hour": 1.0}
    first, second = in_a_row(lambda a, e: hours(a, e, [0.0, 300.0, 300.0], fleet(), grid=grid), 0, 1, 3)
    # the first run does not see the price to come
    assert first.summary["carry"]["sites"] == {"a": {"net_import_mw": 3.5}}
    assert second.dispatch["import_mw"].to_numpy().ravel().tolist() == pytest.approx([2.5, 1.5])
    assert second.expected_profit == pytest.approx(-(300 - BREAK_EVEN) * 4.0)


def test_nodes_that_were_off_have_to_be_woken() -> None:
    """Proves: of 10 nodes left off, woken for 90 minutes at 2 kW idle, none is rented for an hour and half of them for
    the second; nodes whose state is not known are awake. (Energy is free; a node-hour brings 8.)"""

    def case(first: int, end: int) -> dict[str, Any]:
        wanted = [0, 10, 10, 10]
        data = pool_case(0.0, end - first, rental(max_nodes=wanted[first:end]), on=pool(wake_minutes=90))
        data["horizon"]["start"] = start_of(first)
        return data

    off = {"carry": {"at": start_of(1), "components": {"h": {"off_nodes": 10.0, "available_nodes": 10.0}}}}
    plan = solved(case(1, 4) | off)
    assert plan.expected_profit == pytest.approx(8 * (0 + 5 + 10))
    assert solved(case(1, 4)).expected_profit == pytest.approx(8 * 30)
    assert unnoticed(plan, "h") == []
    woken = {"off_nodes": 0.0, "woken": {start_of(0): 10.0}}
    started = solved(case(1, 4) | {"carry": {"at": start_of(1), "components": {"h": woken}}})
    assert started.expected_profit == pytest.approx(8 * (5 + 10 + 10))
    out = pool(wake_minutes=60, maintenance=[{"from": start_of(0), "until": start_of(9), "nodes": 4}])
    small = pool_case(0.0, 2, rental(max_nodes=6), on=out)
    rested = {"off_nodes": 6.0, "available_nodes": 6.0}
    both = solved(small | {"carry": {"at": start_of(0), "components": {"h": rested}}})
    assert both.expected_profit == pytest.approx(8 * 6)  # none of the six has become unavailable: all have to wake
    too_many = {"carry": {"at": start_of(1), "components": {"h": {"off_nodes": 11.0}}}}
    assert "is not a number of the nodes; found 11.0" in refusals(case(1, 4) | too_many)


def test_runs_in_a_row_book_what_one_run_books() -> None:
    """Proves: with the same price every hour both ways decide the same, and the lines add up to the cent."""
    engine = {
        "kind": "generator",
        "name": "gen",
        "unit_mw": 2,
        "min_load": 0.5,
        "heat_rate_gj_per_mwh": 9,
        "fuel_price_per_gj": 4,
        "start_cost": 50,
        "min_up_hours": 3,
        "running_before": 0,
    }

    def case(first: int, end: int) -> dict[str, Any]:
        return hours(first, end, [200.0] * 6, engine, BATTERY | {"power_mw": 0}, house_load_mw=2.0)

    assert ledger_of(in_a_row(case, 0, 2, 3, 6)) == ledger_of(in_a_row(case, 0, 6))
