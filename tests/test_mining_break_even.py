"""Break-evens of fleets in the summary, and fleets that are due for retirement, worked by hand.

1000 machines of 200 TH/s and 3500 W at a hashprice of 48 earn 400 an hour for 3.5 MWh: 114.29 per MWh.
"""

from typing import Any

import pytest
from small_case import BREAK_EVEN, fleet, site_case, solved, spot

import optimizer as opt

TWO_MODES = [{"name": "eco", "hash_th_s": 100, "power_w": 1500}, {"name": "high", "hash_th_s": 200, "power_w": 3500}]
"""Break-evens 200 / 1.5 = 133.3 for eco and (400 - 200) / 2 = 100 for high."""


def figures(plan: opt.Plan, fleet_name: str = "m") -> tuple[float, float]:
    """Break-even of the best and of the last step."""
    sections = ("break_even_per_mwh", "last_step_break_even_per_mwh")
    best, last = (float(plan.summary[section][fleet_name]) for section in sections)
    return best, last


def case(price: Any, steps: int = 1, **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[spot(price)], assets=[fleet(**fields)])


@pytest.mark.parametrize(
    ("fields", "best", "last"),
    [
        ({}, BREAK_EVEN, BREAK_EVEN),
        ({"modes": TWO_MODES}, 200 / 1.5, 100),
        ({"modes": TWO_MODES, "start_cost": 0.1}, 200 / 1.5, 100),
        ({"pool_fee": 0.1, "uptime": 0.5}, 0.45 * BREAK_EVEN, 0.45 * BREAK_EVEN),
        ({"standby_w": 500}, 400 / 3, 400 / 3),
        ({"hashprice_per_ph_day": [48, 96]}, 1.5 * BREAK_EVEN, 1.5 * BREAK_EVEN),
    ],
)
def test_break_evens(fields: dict[str, Any], best: float, last: float) -> None:
    """Proves: revenue per MWh of the step alone, above standby, as a mean over the horizon. Sensitivity: the mean
    instead of the marginal efficiency gives 114.3 for the last of two steps."""
    assert figures(solved(case([50, 50], 2, **fields))) == pytest.approx((best, last))


def test_the_plan_switches_at_the_break_even() -> None:
    """Proves: what is reported is where the plan switches, with 10 % of cooling on 80 % of heat: 400 / 3.5 / 1.08.
    Sensitivity: without the cooling 114.29, at which it would rest."""
    hall = {"kind": "hall", "name": "air", "overhead": 0.1}
    break_even = BREAK_EVEN / 1.08
    for price, running in ((break_even - 0.1, 1000), (break_even + 0.1, 0)):
        assets = [fleet(cooling="air", heat_fraction=0.8)]
        plan = solved(site_case(steps=1, contracts=[spot(price)], assets=assets, cooling=[hall]))
        assert figures(plan) == pytest.approx((break_even, break_even))
        assert plan.dispatch["m.running"].sum() == pytest.approx(running)


def test_what_stands_behind_the_hall_counts() -> None:
    """Proves: 0.1 MW of fans per MW, and a loop with 0.2 MW per MW of heat and of fans: 0.1 + 0.2 * 1.1 = 0.32.
    Sensitivity: 0.1 without the loop, 0.3 without the heat of the fans."""
    cooling = [
        {"kind": "hall", "name": "air", "overhead": 0.1, "plant": "loop"},
        {"kind": "hall", "name": "loop", "overhead": 0.2},
    ]
    plan = solved(site_case(steps=1, contracts=[spot(50)], assets=[fleet(cooling="air")], cooling=cooling))
    assert figures(plan)[0] == pytest.approx(BREAK_EVEN / 1.32)


def test_heat_lowers_the_break_even() -> None:
    """Proves: 0.8 of the hash for 1.1 of the power at 45 °C: 114.29 * 0.8 / 1.1, mean of two hours."""
    ambient = {"temperature_c": [25, 45], "hash_factor": [[25, 1.0], [45, 0.8]], "power_factor": [[25, 1.0], [45, 1.1]]}
    best, _ = figures(solved(case(50, 2, ambient=ambient)))
    assert best == pytest.approx(BREAK_EVEN * (1 + 0.8 / 1.1) / 2)


def test_the_members_count_by_their_probability() -> None:
    """Proves: 0.75 * 114.29 + 0.25 * 228.57. Sensitivity: 171.4 without weights."""
    data = case(50, hashprice_per_ph_day=[[48], [96]])
    data["ensemble"] = {"members": 2, "probabilities": [0.75, 0.25]}
    assert figures(solved(data))[0] == pytest.approx(1.25 * BREAK_EVEN)


# ---------------------------------------------------------------------- fleets that stand still
def test_a_fleet_below_the_price_throughout_is_named_with_the_hashprice_it_needs() -> None:
    """Proves: the cheapest hour costs 140, for which 48 * 140 / 114.29 = 58.8 would do. Sensitivity: 84 by the dearest
    hour."""
    plan = solved(case([200, 140, 160], 3))
    assert plan.summary["never_worth_running"]["m"] == pytest.approx(58.8)
    again = solved(case([200, 140, 160], 3, hashprice_per_ph_day=58.9))
    assert "never_worth_running" not in again.summary


def test_hours_in_which_it_cannot_run_do_not_count() -> None:
    """Proves: at 50 no machine is available; the cheapest hour with machines costs 160: 67.2."""
    plan = solved(case([200, 50, 160], 3, availability=[1, 0, 1]))
    assert plan.summary["never_worth_running"]["m"] == pytest.approx(67.2)


def test_a_fleet_that_runs_in_one_hour_is_not_named() -> None:
    plan = solved(case([200, 110], 2))
    assert not {"never_worth_running", "never_ran"} & plan.summary.keys()


def test_a_fleet_that_another_one_keeps_out_is_named_apart() -> None:
    """Proves: 3.5 MW of connection go to the better fleet; the other would earn 57.14 - 50 per MWh in the cheaper hour
    and is not for the scrap heap."""
    assets = [fleet("new"), fleet("old", hashprice_per_ph_day=24)]
    data = site_case(steps=2, contracts=[spot([55, 50])], assets=assets, grid={"import_limit_mw": 3.5})
    summary = solved(data).summary
    assert summary["never_ran"] == {"old": pytest.approx(BREAK_EVEN / 2 - 50)}
    assert "never_worth_running" not in summary
    assert summary["break_even_per_mwh"] == {"new": pytest.approx(BREAK_EVEN), "old": pytest.approx(BREAK_EVEN / 2)}
