"""Block rates: the order in which blocks fill, and months that are already running, on cases worked by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from small_case import booked, fleet, profit, series, site_case, solved

import optimizer as opt


def tariff(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "energy_tariff", "name": "t", "rates": list(rates)} | fields


def blocks(*pairs: tuple[float | None, float], **fields: Any) -> dict[str, Any]:
    """A rate whose blocks are given as (end in MWh, price)."""
    return {"blocks": [_block(end, price) for end, price in pairs]} | fields


def _block(end: float | None, price: float) -> dict[str, float]:
    return {"price_per_mwh": price} if end is None else {"up_to_mwh": end, "price_per_mwh": price}


def with_fleet(steps: int, *rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A fleet that earns 400 an hour for 3.5 MWh; whole hours pay or not, whichever hour it is."""
    return site_case(steps=steps, contracts=[tariff(*rates)], assets=[fleet()], **fields)


# ---------------------------------------------------------------------- order of the blocks
def test_the_fleet_stops_at_the_edge_of_a_rising_block() -> None:
    """Proves: break-even 114.29; 7 MWh at 50 and the rest at 150: two of four hours run, 800 - 350 = 450.
    Sensitivity: at the first block's price all four run for 900; blocks counted by step would do the same."""
    plan = solved(with_fleet(4, blocks((7, 50), (None, 150))))
    assert plan.expected_profit == pytest.approx(450)
    assert sum(series(plan, "power_mw", "m")) == pytest.approx(7)
    assert plan.summary["size"]["integers"] == 0


@pytest.mark.parametrize(("hours", "earned"), [(2, 0.0), (3, 80.0), (4, 410.0)])
def test_a_cheap_block_is_reached_only_through_the_dear_one(hours: int, earned: float) -> None:
    """Proves: 7 MWh at 150, then 20. Two hours would cost 1050 for 800, so none runs; three cost 1120 for 1200, four
    1190 for 1600. Sensitivity: without binaries the cheap block is taken first: 660 in two hours, 990 in three, 1320
    in four."""
    plan = solved(with_fleet(hours, blocks((7, 150), (None, 20))))
    assert plan.expected_profit == pytest.approx(earned)
    assert plan.summary["size"]["integers"] == 1


@pytest.mark.parametrize(("hours", "earned"), [(2, 225.0), (3, 430.0), (4, 760.0)])
def test_prices_that_rise_and_fall(hours: int, earned: float) -> None:
    """Proves: 3.5 MWh at 50, 3.5 at 150, then 20: hours cost 175, 525, 70, 70. Two: only the first pays, 225; three:
    1200 - 770 = 430; four: 1600 - 840. Sensitivity: taking the cheapest block first earns 660 in two hours."""
    assert profit(with_fleet(hours, blocks((3.5, 50), (7, 150), (None, 20)))) == pytest.approx(earned)


@pytest.mark.parametrize("prices", list(permutations([30.0, -10.0, 80.0])))
@pytest.mark.parametrize("energy", [1.0, 3.0, 6.0])
def test_what_is_used_costs_the_sum_over_its_blocks(prices: tuple[float, ...], energy: float) -> None:
    """Proves: with blocks of 2, 2 and the rest, in any order of prices, also one below 0, a fixed load pays block by
    block. Sensitivity: a formulation that fills cheap blocks first pays less in four of the six orders."""
    rate = blocks((2, prices[0]), (4, prices[1]), (None, prices[2]))
    cost = prices[0] * min(energy, 2) + prices[1] * min(max(energy - 2, 0), 2) + prices[2] * max(energy - 4, 0)
    plan = solved(site_case(steps=2, contracts=[tariff(rate)], house_load_mw=energy / 2))
    assert plan.expected_profit == pytest.approx(-cost)


def test_blocks_count_energy_and_not_power() -> None:
    """Proves: 4 half hours of 1 MW are 2 MWh: 1 at 10 and 1 at 50. Sensitivity: adding MW gives 10 + 150."""
    case = site_case(steps=4, step="30min", contracts=[tariff(blocks((1, 10), (None, 50)))], house_load_mw=1)
    assert profit(case) == pytest.approx(-60)


@pytest.mark.parametrize(("period", "cost"), [("month", 10 + 3 * 50), ("day", 2 * (10 + 50))])
def test_blocks_start_anew_with_each_settlement_period(period: str, cost: float) -> None:
    """Proves: 2 MWh on each of two days; the first MWh of a period costs 10, the others 50."""
    contract = tariff(blocks((1, 10), (None, 50)), settlement_period=period)
    case = site_case(steps=4, start="2024-08-19T22:00", contracts=[contract], house_load_mw=1)
    assert profit(case) == pytest.approx(-cost)


def test_blocks_start_anew_with_a_month_and_are_not_scaled() -> None:
    """Proves: 2 hours before and 3 after midnight of the 1st, blocks of 2 MWh: 2 * 10 + 2 * 10 + 50 = 90, booked at the
    end of each month. Sensitivity: one account for both months costs 20 + 150, blocks scaled by the share covered
    (2 h of 744) cost about 250."""
    contract = tariff(blocks((2, 10), (None, 50)))
    case = site_case(steps=5, start="2024-08-31T22:00", contracts=[contract], house_load_mw=1)
    plan = solved(case)
    assert plan.money["t", "t_energy"][0].tolist() == pytest.approx([0, -20, 0, 0, -70])


def test_each_rate_fills_blocks_of_its_own() -> None:
    """Proves: 2 peak hours cost 100 + 300, 2 others 10 + 30: 440. Sensitivity: one count of energy for both rates would
    bill the later two hours in their second blocks: 10 + 30 + 300 + 300."""
    rates = [
        blocks((1, 10), (None, 30)) | {"name": "rest", "window": {"hours": [19, 13]}},
        blocks((1, 100), (None, 300)) | {"name": "peak", "window": {"hours": [13, 19]}},
    ]
    plan = solved(site_case(steps=4, start="2024-08-19T11:00", contracts=[tariff(*rates)], house_load_mw=1))
    assert booked(plan, "t_rest") == pytest.approx(-40)
    assert booked(plan, "t_peak") == pytest.approx(-400)


def test_blocks_of_members_are_apart() -> None:
    """Proves: member 0 uses 1 MWh at 10, member 1 uses 3: 10 + 2 * 50. Sensitivity: a count over both would bill 4."""
    case = site_case(
        steps=1, contracts=[tariff(blocks((1, 10), (None, 50)))], house_load_mw=[[1], [3]], probabilities=[0.5, 0.5]
    )
    assert solved(case).profit_by_member.tolist() == pytest.approx([-10, -110])


def test_a_contract_of_the_portfolio_counts_the_energy_of_its_sites_together() -> None:
    """Proves: sites of 1 and 2 MW use 3 MWh: 2 at 100 and 1 at 20, falling. Sensitivity: a count by site would never
    reach the cheap block with 1 MWh and pay 300."""
    case = site_case(steps=1, contracts=[], house_load_mw=1)
    case["sites"].append(case["sites"][0] | {"name": "b", "house_load_mw": 2})
    case["contracts"] = [tariff(blocks((2, 100), (None, 20)))]
    assert profit(case) == pytest.approx(-220)


# ---------------------------------------------------------------------- months that are already running
def test_a_running_month_starts_where_it_stands_in_the_blocks() -> None:
    """Proves: 3.5 of 7 MWh at 50 have been used: one hour runs, 400 - 175 = 225. Sensitivity: from the start of the
    blocks two hours run for 450; billing the MWh to date again would cost 175 more."""
    plan = solved(with_fleet(4, blocks((7, 50), (None, 150), month_to_date_mwh=3.5)))
    assert plan.expected_profit == pytest.approx(225)
    assert plan.summary["carry"]["components"]["t"] == {"energy_mwh": {"2024-08/energy": pytest.approx(7)}}


def test_the_carry_of_the_run_before_wins_and_may_differ_by_member() -> None:
    """Proves: of 7 MWh at 150 before 20 all is used in member 0 and none in member 1: 1 hour earns 400 - 70 = 330, and
    0. Sensitivity: month_to_date_mwh (all used) in both members gives 330 twice."""
    case = with_fleet(1, blocks((7, 150), (None, 20), month_to_date_mwh=9), probabilities=[0.5, 0.5])
    energy = {"energy_mwh": {"2024-08/energy": [7.0, 0.0], "2024-07/energy": 99.0}}
    case["carry"] = {"at": "2024-08-19T00:00", "components": {"t": energy}}
    assert solved(case).profit_by_member.tolist() == pytest.approx([330, 0])


@pytest.mark.parametrize("prices", [(50.0, 150.0, 20.0), (20.0, 50.0, 150.0), (150.0, 50.0, 20.0)])
def test_two_runs_in_a_row_bill_what_one_long_run_bills(prices: tuple[float, ...]) -> None:
    """Proves: 30 hours over two months and two rates, cut after 13: the carry makes up for it. Sensitivity: a second
    run that starts in the first blocks bills a difference of at least 5 MWh at another price."""
    load = (1 + np.arange(30) % 4).astype(float).tolist()
    rates = [
        blocks((8, prices[0]), (20, prices[1]), (None, prices[2]), name="rest", window={"hours": [19, 13]}),
        blocks((5, prices[0]), (9, prices[1]), (None, prices[2]), name="peak", window={"hours": [13, 19]}),
    ]

    def run(start: str, hours: slice, carry: Any = None) -> opt.Plan:
        case = site_case(
            steps=len(load[hours]), start=start, contracts=[tariff(*rates)], house_load_mw=load[hours], timezone="UTC"
        )
        return solved(case | ({} if carry is None else {"carry": carry}))

    whole = run("2024-08-31T10:00", slice(0, 30))
    first = run("2024-08-31T10:00", slice(0, 11))
    second = run("2024-08-31T21:00", slice(11, 30), first.summary["carry"])
    for line in ("t_rest", "t_peak"):
        assert booked(first, line) + booked(second, line) == pytest.approx(booked(whole, line))
    assert second.summary["carry"]["components"]["t"] == whole.summary["carry"]["components"]["t"]
    alone = run("2024-08-31T21:00", slice(11, 30))
    assert abs(alone.expected_profit - second.expected_profit) > 50
