"""What each policy earns on prices worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backtest_case import END, START, write_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.backtest.running import backtest

CHEAP_THEN_DEAR = [100.0] * 12 + [200.0] * 12


def test_a_price_that_nobody_expected(tmp_path: Path) -> None:
    """Proves: with the day before at 100 all are scheduled to mine. At 200 mining loses 700 - 400 = 300 an hour: the
    schedule loses 12 * 300 of the 12 * 50 it has earned, who may still react does not, and captures all there is.
    Sensitivity: settled on the forecast instead of on what happened, the schedule would have earned 1200."""
    case = write_case(tmp_path, CHEAP_THEN_DEAR)
    found = backtest(case, START, END, policies=["schedule", "deterministic", "strike_price"])
    profit = found.table["profit"]
    assert profit["schedule"] == pytest.approx(600 - 3600)
    assert profit["always_on"] == pytest.approx(600 - 3600)
    assert profit["deterministic"] == pytest.approx(600)
    assert profit["strike_price"] == pytest.approx(600)
    assert profit["perfect_foresight"] == pytest.approx(600)
    assert found.table["capture"]["schedule"] == pytest.approx(0.0)
    assert found.table["capture"]["deterministic"] == pytest.approx(1.0)
    assert found.regret("schedule").to_numpy() == pytest.approx([0.0] * 12 + [300.0] * 12)


def test_the_strike_price_has_a_dead_band(tmp_path: Path) -> None:
    """Proves: break-even is 400 / 3.5 = 114.29, and 95 % of it 108.57. On at 110 (+15), off at 120, still off at 110,
    on again at 108 (+22), and so on: 3 * (15 + 22) + 12 * 50. Sensitivity: without the band 3 * 15 more."""
    case = write_case(tmp_path, [110.0, 120.0, 110.0, 108.0] * 3 + [100.0] * 12)
    found = backtest(case, START, END, policies=["strike_price"])
    assert found.table["profit"]["strike_price"] == pytest.approx(3 * (15 + 22) + 12 * 50)
    assert found.table["profit"]["perfect_foresight"] == pytest.approx(3 * (15 + 15 + 22) + 12 * 50)


def test_what_is_known_ahead_is_planned_with(tmp_path: Path) -> None:
    """Proves: a price that is published before is the forecast, the schedule earns what it expected, to rounding."""
    case = write_case(tmp_path, CHEAP_THEN_DEAR, settings={"published": {"m.price": "always"}, "every": "1d"}, steps=24)
    found = backtest(case, START, END, policies=["schedule"])
    (window,) = found.windows["schedule"]
    assert window.expected_profit == pytest.approx(600, rel=1e-9)
    assert found.plans["schedule"].expected_profit == pytest.approx(window.expected_profit, rel=1e-9)


def test_energy_is_kept_between_windows(tmp_path: Path) -> None:
    """Proves: a battery that is charged in one window is discharged in the next. 100 MWh bought at 10 and sold at 500
    (no losses, nothing in it at either end), known ahead: 100 * 490. Sensitivity: a window that forgot what is stored
    could sell nothing in the second half, or would have to end empty in the first."""
    battery = {"kind": "battery", "name": "b", "power_mw": 50, "energy_mwh": 100, "charge_efficiency": 1.0}
    battery |= {"discharge_efficiency": 1.0, "soc_start_mwh": 0}
    contracts = [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"},
        {"kind": "export", "name": "back", "price_per_mwh": {"series": "m.price", "add": -0.001}},
    ]
    day = [300.0] * 4 + [10.0] * 2 + [300.0] * 4 + [500.0] * 2 + [300.0] * 12
    case = write_case(
        tmp_path,
        day,
        settings={"published": {"m.price": "always"}, "recourse": False},
        assets=[battery],
        contracts=contracts,
        grid={"import_limit_mw": 100, "export_limit_mw": 100},
    )
    found = backtest(case, START, END, policies=["deterministic"])
    assert found.table["profit"]["deterministic"] == pytest.approx(100 * 490, rel=1e-4)


def test_a_peak_of_the_month_is_billed_once(tmp_path: Path) -> None:
    """Proves: 3.5 MW at 1 a kW and month, set in the first window, cost 3,500 in the settlement of the day, however
    many windows there are; each later window knows that the peak has been set and mines on."""
    charge = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 1.0}
    contracts = [{"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}, charge]
    free = [0.0] * 24
    case = write_case(tmp_path, free, 0.0, contracts=contracts, settings={"published": {"m.price": "always"}})
    found = backtest(case, START, END, policies=["deterministic"])
    assert found.table["profit"]["deterministic"] == pytest.approx(24 * 400 - 3500)
    assert [sum(w.money.values()) for w in found.windows["deterministic"]][1:] == pytest.approx([2400.0] * 3)


def test_less_demand_than_expected_is_not_served(tmp_path: Path) -> None:
    """Proves: nodes were set for 100 units an hour; 40 come and 40 are served and paid, the nodes stand as set."""
    demand = [100.0] * 48 + [40.0] * 24
    assets = [{"kind": "gpu_pool", "name": "p", "nodes": 20, "idle_kw": 0.0, "full_kw": 10.0}]
    service = {"kind": "inference_service", "name": "chat", "pool": "p", "demand_per_hour": "m.demand", "unit": "Mtok"}
    service |= {"capacity_per_node_hour": 10.0, "revenue_per_unit": 2.0, "shed_penalty_per_unit": 1.0}
    case = write_case(
        tmp_path, [0.0] * 24, 0.0, columns={"demand": demand}, assets=assets, workloads=[service],
        settings={"recourse": False},
    )  # fmt: skip
    found = backtest(case, START, END, policies=["schedule"])
    assert found.plans["schedule"].summary["ledger"]["inference_revenue"] == pytest.approx(24 * 40 * 2.0)
    assert found.table["profit"]["schedule"] == pytest.approx(24 * 80.0)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.lists(st.floats(-50, 400).map(lambda x: round(x, 1)), min_size=24, max_size=24))
def test_nobody_beats_perfect_foresight(day: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Proves: no policy earns more than the bound of perfect foresight, and all windows together book what the
    settlement says (there are no charges beyond single hours here)."""
    case = write_case(tmp_path_factory.mktemp("case"), day)
    found = backtest(case, START, END, policies=["schedule", "deterministic", "strike_price"])
    for name, plan in found.plans.items():
        assert plan.expected_profit <= found.bound + 1e-6
        if name in found.windows:
            booked = sum(sum(window.money.values()) for window in found.windows[name])
            assert booked == pytest.approx(plan.expected_profit, abs=1e-5)
    best = np.maximum(400 - 3.5 * np.array(day), 0.0).sum()
    assert found.table["profit"]["perfect_foresight"] == pytest.approx(best)
    assert found.table["profit"]["deterministic"] == pytest.approx(best)  # a fleet without coupling reacts at once
