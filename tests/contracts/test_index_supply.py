"""Index supply: the bill, its limits and its caps, on cases worked by hand."""

from collections.abc import Mapping
from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import booked, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt


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


# ---------------------------------------------------------------------- collar
def test_the_collar_is_on_the_index_before_losses_and_adder() -> None:
    """Proves: indices of -10, 40 and 500 count as 0, 40 and 100: 5 + 49 + 115 = 169. Sensitivity: without a collar
    598; with the cap on the price after losses 159, after losses and adder 154."""
    contract = spot([-10, 40, 500], price_cap_per_mwh=100, price_floor_per_mwh=0, loss_factor=1.1, adder_per_mwh=5)
    plan = solved(site_case(steps=3, contracts=[contract], house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-169)
    assert booked(plan, "spot_energy") == pytest.approx(-169)


@pytest.mark.parametrize(("fields", "cost"), [({"price_cap_per_mwh": 60}, 50), ({"price_floor_per_mwh": 20}, 120)])
def test_cap_and_floor_stand_alone(fields: dict[str, Any], cost: float) -> None:
    """Proves: -10 and 100 capped at 60, or held above 20."""
    assert profit(site_case(steps=2, contracts=[spot([-10, 100], **fields)], house_load_mw=1)) == pytest.approx(-cost)


def test_the_collar_may_differ_by_step_and_member() -> None:
    """Proves: 100 is capped at 50 | 80, then at 90 for both: 0.5 * 140 + 0.5 * 170 = 155."""
    contract = spot(100, price_cap_per_mwh=[[50, 90], [80, 90]])
    case = site_case(steps=2, contracts=[contract], house_load_mw=1, probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(-155)


def test_a_floor_keeps_the_lowest_price_of_a_further_mwh_from_falling_below_zero() -> None:
    """Proves: no binary against burning energy is needed where the floor is 0. Sensitivity: the index alone is -10."""
    frame = opt.build(opt.scenario_from_dict(site_case(steps=1, contracts=[spot(-10, price_floor_per_mwh=0)])))
    assert frame.parts.sites["a"].frame.lowest_buy_price.tolist() == [[0]]


def test_a_cap_below_the_floor_is_refused() -> None:
    contract = spot(50, price_cap_per_mwh=[30, 10], price_floor_per_mwh=20)
    text = refusals(site_case(steps=2, contracts=[contract]))
    assert "contracts[0].price_cap_per_mwh: below price_floor_per_mwh, first at 2024-08-19T01:00" in text
    assert "must be at least the floor of 20" in text


# ---------------------------------------------------------------------- a cap that runs over several plans
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_runs_in_a_row_share_the_cap_of_a_period(cut: int) -> None:
    """Proves: 2 MW for 4 hours, 5 MWh at 10 and 3 at 100, wherever the runs meet. Sensitivity: a cap that starts anew
    in the second run saves 90 per MWh."""

    def case(first: int, end: int) -> Mapping[str, Any]:
        contracts = [spot(10, "cheap", energy_cap_mwh=5), spot(100, "dear")]
        return site_case(steps=end - first, start=start_of(first), contracts=contracts, house_load_mw=2)

    plans = in_a_row(case, 0, cut, 4)
    assert ledger_of(plans) == {"cheap_energy": -50, "dear_energy": -300}
    assert plans[-1].summary["carry"]["components"] == {"cheap": {"energy_mwh": {"2024-08": pytest.approx(5)}}}


@pytest.mark.parametrize(
    ("carried", "cost"), [({"2024-08": 4.0}, 110), ({"2024-07": 4.0}, 20), ({"2024-08": 9.0}, 200)]
)
def test_only_what_was_taken_in_the_same_period_counts(carried: dict[str, float], cost: float) -> None:
    """Proves: of a cap of 5 MWh, 4 taken in August leave 1, in July all, and 9 none (with a warning)."""
    case = site_case(steps=2, contracts=[spot(10, "cheap", energy_cap_mwh=5), spot(100, "dear")], house_load_mw=1)
    case |= {"carry": {"at": "2024-08-19T00:00", "components": {"cheap": {"energy_mwh": carried}}}}
    assert profit(case) == pytest.approx(-cost)
    assert ("nothing is left" in warnings_of(case)) == (cost == 200)


def test_what_a_metered_load_can_have_taken() -> None:
    """Proves: power up to limit_mw, energy up to what is left of the cap in each period, for a bill without a plan."""
    contract = spot(10, limit_mw=3, energy_cap_mwh=5, settlement_period="day")
    case = site_case(steps=4, start="2024-08-19T22:00", contracts=[contract])
    case |= {"carry": {"at": "2024-08-19T22:00", "components": {"spot": {"energy_mwh": {"2024-08-19": 4.0}}}}}
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["spot"].frame
    supply: Any = frame.part.component
    cap = supply.energy_cap(frame)
    assert supply.most_delivered_mw(frame).tolist() == [[3, 3, 3, 3]]
    assert (cap.codes.tolist(), cap.most_mwh.tolist()) == ([0, 0, 1, 1], [[1, 5]])


def test_without_a_cap_and_over_the_horizon_nothing_is_carried() -> None:
    over_horizon: dict[str, Any] = {"energy_cap_mwh": 5, "settlement_period": "horizon"}
    for fields in ({}, over_horizon):
        plan = solved(site_case(steps=1, contracts=[spot(10, **fields)], house_load_mw=1))
        assert plan.summary["carry"]["components"] == {}


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
    cheap = spot(20, "cheap", limit_mw=3, price_cap_per_mwh=15, energy_cap_mwh=9)
    case = site_case(steps=2, contracts=[cheap, spot(60, "dear")], house_load_mw=5)
    assert unnoticed(solved(case), "cheap") == []
