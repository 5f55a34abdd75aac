"""Index supply: the bill, its limits and its caps, on cases worked by hand."""

import pytest
from small_case import booked, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of


def test_the_price_carries_losses_and_adder() -> None:
    """Proves: 2 MW for 3 h at 50 * 1.1 + 5 = 60 cost 360. Sensitivity: without losses 330, with losses on the adder
    363."""
    case = site_case(steps=3, contracts=[spot(50, loss_factor=1.1, adder_per_mwh=5)], house_load_mw=2)
    assert profit(case) == pytest.approx(-360)


def test_power_is_billed_by_the_length_of_the_step() -> None:
    """Proves: 4 MW over four quarter hours at 50 cost 200. Sensitivity: without the step's length 800."""
    assert profit(site_case(steps=4, step="15min", contracts=[spot(50)], house_load_mw=4)) == pytest.approx(-200)


def test_the_power_limit_sends_the_rest_to_dearer_supply() -> None:
    """Proves: (3 * 20 + 2 * 60) * 2 h = 360. Sensitivity: without limit_mw 200."""
    plan = solved(site_case(steps=2, contracts=[spot(20, "cheap", limit_mw=3), spot(60, "dear")], house_load_mw=5))
    assert plan.expected_profit == pytest.approx(-360)
    assert series(plan, "delivered_mw", "cheap") == [3, 3]
    assert booked(plan, "dear_energy") == pytest.approx(-240)


@pytest.mark.parametrize(("period", "cost"), [("step", 180), ("day", 500), ("horizon", 840)])
def test_the_energy_cap_holds_in_each_settlement_period(period: str, cost: float) -> None:
    """Proves: 3 MW over two hours before and two after midnight, cap 4 MWh, other supply at 100. A cap per day
    leaves 3 + 1 MWh at 10 and 20 and 2 at 100, twice: 500. Over the horizon 4 at 10 and 8 at 100: 840; per step it
    does not bind: 180, as without it."""
    cheap = spot([10, 20, 10, 20], "cheap", energy_cap_mwh=4, settlement_period=period)
    case = site_case(steps=4, start="2024-08-19T22:00", contracts=[cheap, spot(100, "dear")], house_load_mw=3)
    assert profit(case) == pytest.approx(-cost)


def test_months_are_local() -> None:
    """Proves: at 23:00 on 31 August in Chicago (04:00 UTC) the cap of August ends an hour later, so 1 MWh is left
    at 10 in each hour and 1 costs 100: 220. Sensitivity: months in UTC put both hours in September: 1 * 10 + 3 *
    100 = 310."""
    case = site_case(
        steps=2,
        start="2024-08-31T23:00",
        timezone="America/Chicago",
        contracts=[spot(10, "cheap", energy_cap_mwh=1), spot(100, "dear")],
        house_load_mw=2,
    )
    assert profit(case) == pytest.approx(-220)


def test_members_pay_their_own_price() -> None:
    """Proves: 0.25 * 10 + 0.75 * 30 = 25. Sensitivity: equal weights give 20."""
    case = site_case(steps=1, contracts=[spot([[10], [30]])], house_load_mw=1, probabilities=[0.25, 0.75])
    assert profit(case) == pytest.approx(-25)


def test_a_negative_price_pays_for_the_load_only() -> None:
    """Proves: 2 MWh at -50 bring 100, and no more can be drawn than there is load for (otherwise the plan is
    unbounded)."""
    assert profit(site_case(steps=1, contracts=[spot(-50)], house_load_mw=2)) == pytest.approx(100)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"loss_factor": 0.9}, "contracts[0].loss_factor: found 0.9; must be at least 1"),
        ({"limit_mw": -1}, "contracts[0].limit_mw"),
        ({"price_per_mwh": [1, 2, 3]}, "found 3 values; must be one for each of 2 steps"),
        ({"price_per_mwh": float("nan")}, "must be a finite number"),
        ({"price_mwh": 3}, "price_per_mwh"),
        ({"settlement_period": "week"}, "settlement_period"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, object], words: str) -> None:
    assert words in refusals(site_case(steps=2, contracts=[spot(50) | fields]))


def test_a_period_without_a_cap_is_pointed_out() -> None:
    warning = warnings_of(site_case(steps=2, contracts=[spot(50, settlement_period="day")]))
    assert "contracts[0].settlement_period: has no effect without energy_cap_mwh" in warning
    assert warnings_of(site_case(steps=2, contracts=[spot(50)])) == ""


def test_the_audit_notices_falsified_results() -> None:
    case = site_case(steps=2, contracts=[spot(20, "cheap", limit_mw=3), spot(60, "dear")], house_load_mw=5)
    assert unnoticed(solved(case), "cheap") == []
