"""Service-level credits by month: which level pays, months that are cut, and runs in a row, worked by hand.

A unit brings 1 and takes 1 kWh: at 10 per MWh it costs 0.01, at 2000 it costs 2.
"""

from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from pool_case import pool_case, service
from small_case import START, booked, profit, refusals, series, solved, unnoticed


def tiers(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"below": below, "credit_fraction": fraction} for below, fraction in pairs]


@pytest.mark.parametrize(
    ("lowest", "expected", "served"), [(0.3, 6.9, 0.0), (0.4, 6.7, 2.0)], ids=["give it back", "keep the level"]
)
def test_the_level_is_kept_where_that_costs_less_than_the_credits(
    lowest: float, expected: float, served: float
) -> None:
    """Proves: of 20 units, 10 in the dear hour. All served -0.1, 99 % 0.1, 60 % (2 of the dear ones): 12 - 0.1 - 4 less
    10 % of 12: 6.7, half: 10 - 0.1 less 30 or 40 % of 10: 6.9 or 5.9. Sensitivity: without credits 9.9."""
    work = service(demand_per_hour=10, credits=tiers((0.99, 0.1), (0.6, lowest)))
    plan = solved(pool_case([10, 2000], 2, work))
    assert plan.expected_profit == pytest.approx(expected)
    assert series(plan, "served", "s") == pytest.approx([10.0, served])
    assert booked(plan, "inference_credits") == pytest.approx(-0.3 * 10 if served == 0 else -0.1 * 12)
    assert unnoticed(plan, "s") == []


def test_no_credit_is_due_at_the_level_itself() -> None:
    """Proves: half served at a level of half. Sensitivity: a level that counts as missed at equality gives 4.9."""
    work = service(demand_per_hour=10, credits=tiers((0.5, 0.5)))
    assert profit(pool_case([10, 2000], 2, work)) == pytest.approx(9.9)


def test_each_month_is_judged_on_its_own() -> None:
    """Proves: the last hour of August is served, the first of September not, and of nothing nothing is given back.
    Sensitivity: both together 6.9."""
    work = service(demand_per_hour=10, credits=tiers((0.99, 0.1), (0.6, 0.3)))
    plan = solved(pool_case([10, 2000], 2, work, start="2024-08-31T23:00"))
    assert plan.expected_profit == pytest.approx(9.9)


def test_each_member_is_judged_on_its_own() -> None:
    """Proves: the member at [10, 2000] gives back 3, the other one nothing: (6.9 + 19.8) / 2. Sensitivity: shares
    averaged over the members (75 %) give back a tenth in both."""
    work = service(demand_per_hour=10, credits=tiers((0.99, 0.1), (0.6, 0.3)))
    case = pool_case([[10, 2000], [10, 10]], 2, work, probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx((6.9 + 19.8) / 2)


def run(first: int, end: int) -> dict[str, Any]:
    prices = [10.0, 10.0, 2000.0, 2000.0]
    work = service(demand_per_hour=10, credits=tiers((0.99, 0.1), (0.6, 0.4)))
    return pool_case(prices[first:end], end - first, work, start=start_of(first))


def test_runs_in_a_row_book_what_one_long_run_books() -> None:
    """Proves: of 40 units, 24 (60 %) are served: 24 - 0.2 - 8 less 2.4. The first run books no credit, the second one
    serves 4 more and books 2.4. Sensitivity: a second run that starts anew serves 12 or nothing of 20."""
    plans = in_a_row(run, 0, 2, 4)
    (long,) = in_a_row(run, 0, 4)
    assert long.expected_profit == pytest.approx(13.4)
    assert booked(plans[0], "inference_credits") == pytest.approx(0.0)
    assert sum(series(plans[1], "served", "s")) == pytest.approx(4.0)
    assert ledger_of(plans) == pytest.approx(ledger_of([long]))


def test_a_month_that_recovers_takes_credits_back() -> None:
    """Proves: half of 10 units served before (a credit of 2 booked); 90 more are all served: 95 %, a tenth of 95 is due
    in all, 7.5 of it still to be booked. Sensitivity: the horizon alone gives back nothing, the month without what was
    booked 9.5."""
    states = {"month_demand": {"2024-08": 10.0}, "month_served": {"2024-08": 5.0}, "month_revenue": {"2024-08": 5.0}}
    work = service(demand_per_hour=90, credits=tiers((0.99, 0.1), (0.6, 0.4)))
    plan = solved(pool_case(0, 1, work) | {"carry": {"at": START, "components": {"s": states}}})
    assert booked(plan, "inference_credits") == pytest.approx(2.0 - 9.5)
    assert plan.summary["carry"]["components"]["s"]["month_served"] == {"2024-08": pytest.approx(95.0)}


def test_input_that_is_paid_apart_is_given_back_too() -> None:
    """Proves: of 20 units the 5 that are cheap are served, and bring 5 and, with 2 of input at 0.5 each, 5 more; 90 %
    of all is given back. Sensitivity: of the output alone 4.5."""
    work = service(
        demand_per_hour=[5, 15],
        prefill={"demand_per_hour": [10, 30], "revenue_per_unit": 0.5},
        prefill_capacity_per_node_hour=40,
        credits=tiers((0.4, 0.9)),
    )
    assert booked(solved(pool_case([10, 1e5], 2, work)), "inference_credits") == pytest.approx(-9.0)


def test_tiers_out_of_order_are_refused() -> None:
    for wrong, message in (
        (tiers((0.9, 0.1), (0.99, 0.2)), "tiers must fall in below"),
        (tiers((0.99, 0.2), (0.9, 0.1)), "a lower tier gives back more"),
    ):
        assert message in refusals(pool_case(0, 1, service(demand_per_hour=1, credits=wrong)))
