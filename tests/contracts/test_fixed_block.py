"""Fixed block: sunk cost and resale, take-or-pay by settlement period, on cases worked by hand."""

from collections.abc import Mapping
from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt


def block(volume: Any, price: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "fixed_block", "name": "ppa", "volume_mw": volume, "price_per_mwh": price} | fields


def resold(price: Any, sunk: float, **fields: Any) -> dict[str, Any]:
    """A fleet of break-even 114.29 with a block of just its power."""
    return site_case(steps=4, contracts=[block(3.5, sunk, resale={"price_per_mwh": price} | fields)], assets=[fleet()])


@pytest.mark.parametrize("sunk", [0.0, 33.0, 200.0])
def test_with_resale_the_schedule_does_not_depend_on_the_sunk_price(sunk: float) -> None:
    """Proves: a used MWh costs its resale (100, 120, -50, 114), so hours 1, 3 and 4 run for 400 each and hour 2 is
    resold for 420: 1620 less 14 MWh at the sunk price. Sensitivity: a marginal price of 200 would stop the fleet;
    paying only what is used would move the profit by 10.5 MWh."""
    plan = solved(resold([100, 120, -50, 114], sunk))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0, 3.5, 3.5])
    assert series(plan, "resold_mw", "ppa") == pytest.approx([0, 3.5, 0, 0])
    assert plan.expected_profit == pytest.approx(1620 - 14 * sunk)
    assert plan.summary["ledger"].get("ppa_block", 0.0) == pytest.approx(-14 * sunk)
    assert booked(plan, "ppa_resale") == pytest.approx(420)


def test_the_resale_fee_lowers_what_a_resold_mwh_brings() -> None:
    """Proves: with a fee of 6, hour 2 brings 114 * 3.5 = 399 < 400 and is not resold: 1600. Sensitivity: without
    the fee 1620, with the fee charged on the whole block 1516."""
    plan = solved(resold([100, 120, -50, 114], 0.0, fee_per_mwh=6))
    assert plan.expected_profit == pytest.approx(1600)
    assert series(plan, "resold_mw", "ppa") == [0, 0, 0, 0]


def test_the_rest_of_a_larger_block_is_sold_whatever_it_brings() -> None:
    """Proves: of 5 MW, 1.5 MW are resold at -50: 400 - 75. Sensitivity: dropping the surplus for nothing gives 400."""
    case = site_case(steps=1, contracts=[block(5, 0, resale={"price_per_mwh": -50})], assets=[fleet()])
    assert profit(case) == pytest.approx(325)


def test_resale_differs_by_member_and_the_block_does_not() -> None:
    """Proves: 0.25 * 400 + 0.75 * 3.5 * 200 - 3.5 * 30 = 520. Sensitivity: one schedule for both members gives at
    most 507.5."""
    case = site_case(
        steps=1,
        contracts=[block(3.5, 30, resale={"price_per_mwh": [[50], [200]]})],
        assets=[fleet()],
        probabilities=[0.25, 0.75],
    )
    assert profit(case) == pytest.approx(520)


@pytest.mark.parametrize(("fraction", "cost"), [(0.0, 200), (0.5, 200), (0.8, 320), (1.0, 400)])
def test_take_or_pay_charges_the_energy_not_taken(fraction: float, cost: float) -> None:
    """Proves: of 8 MWh at 50 only 4 are used: 50 * max(4, phi * 8). Sensitivity: without the shortfall always 200."""
    plan = solved(
        site_case(
            steps=4,
            contracts=[block(2, 50, take_or_pay_fraction=fraction), spot(200)],
            house_load_mw=1,
        )
    )
    assert plan.expected_profit == pytest.approx(-cost)
    assert booked(plan, "ppa_energy") == pytest.approx(-200)


def test_energy_owed_is_used_before_cheaper_supply_and_no_more_than_that() -> None:
    """Proves: 8 MWh needed, block at 50 with 6.4 owed, spot at 20: 6.4 * 50 + 1.6 * 20 = 352. Sensitivity: by price
    alone 8 * 20 + 320 = 480; treating the whole block as sunk 400."""
    case = site_case(steps=4, contracts=[block(2, 50, take_or_pay_fraction=0.8), spot(20)], house_load_mw=2)
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-352)
    assert sum(series(plan, "delivered_mw", "ppa")) == pytest.approx(6.4)


@pytest.mark.parametrize(("period", "cost"), [("day", 350), ("horizon", 300), ("month", 300)])
def test_take_or_pay_is_settled_by_period_and_counts_covered_steps_only(period: str, cost: float) -> None:
    """Proves: 2 MW at 50 from 22:00 to 02:00, loads 1, 1, 2, 2, three quarters owed. By day: max(2, 3) + max(4, 3)
    = 7 MWh = 350; over the horizon max(6, 6) = 300. Sensitivity: owing the whole days would cost 1800."""
    case = site_case(
        steps=4,
        start="2024-08-19T22:00",
        contracts=[block(2, 50, take_or_pay_fraction=0.75, settlement_period=period), spot(200)],
        house_load_mw=[1, 1, 2, 2],
    )
    assert profit(case) == pytest.approx(-cost)


def test_a_shortfall_is_charged_at_the_volume_weighted_mean_price() -> None:
    """Proves: block of 3 MW at 40, then 1 MW at 60, load 1: 40 + 60 and 2 MWh short at 180 / 4 = 45: 190.
    Sensitivity: at the plain mean of 50 it would be 200, at the dearest price 220."""
    plan = solved(site_case(steps=2, contracts=[block([3, 1], [40, 60]), spot(200)], house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-190)
    assert booked(plan, "ppa_shortfall") == pytest.approx(-90)


def test_the_shortfall_counts_energy_and_not_power() -> None:
    """Proves: a block of 2 MW over two half hours holds 2 MWh, 1 is used and 1 short: 100. Sensitivity: adding MW
    gives 150 or 200."""
    case = site_case(steps=2, step="30min", contracts=[block(2, 50), spot(200)], house_load_mw=1)
    assert profit(case) == pytest.approx(-100)


@pytest.mark.parametrize(
    ("fields", "lowest"),
    [
        ({"resale": {"price_per_mwh": [-7, 9], "fee_per_mwh": 1}}, [-8, 8]),
        ({"take_or_pay_fraction": 0.0}, [40, 60]),
        ({}, [-5, 15]),
    ],
)
def test_lowest_price_of_a_further_mwh(fields: dict[str, Any], lowest: list[float]) -> None:
    """Proves: it is the forgone resale less fee; without take-or-pay the price; with it the price less the
    shortfall saved, at the mean of 45. Sensitivity: taking 0 for it would allow a battery to burn the block in the
    cheap hour."""
    case = site_case(steps=2, contracts=[block([3, 1], [40, 60], **fields), spot(200)])
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["ppa"].frame
    assert frame.lowest_buy_price[0].tolist() == pytest.approx(lowest)


def test_a_block_without_volume_delivers_nothing() -> None:
    case = site_case(steps=2, contracts=[block([0, 1], 40), spot(200)], house_load_mw=1)
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["ppa"].frame
    assert frame.lowest_buy_price[0].tolist() == [200, 0]
    assert profit(case) == pytest.approx(-240)


# ---------------------------------------------------------------------- shaped blocks
ON_PEAK = {"weekdays": "workdays", "hours": [6, 22]}


@pytest.mark.parametrize(
    ("fields", "profit_", "unshaped"),
    [({}, -400, -300), ({"resale": {"price_per_mwh": 100}}, -200, 0)],
)
def test_outside_its_window_a_block_has_no_volume(fields: dict[str, Any], profit_: float, unshaped: float) -> None:
    """Proves: 2 MW at 50 from 6:00 on a Monday, load 1 from 5:00 to 8:00, spot at 200. Take-or-pay: 200 + 4 * 50 = 400;
    with resale at 100: 200 + 4 * 50 - 2 * 100 = 200. Sensitivity: all hours count: 6 * 50 = 300, and 300 - 300 = 0."""
    case: dict[str, Any] = {"steps": 3, "start": "2024-08-19T05:00", "house_load_mw": 1}
    plan = solved(site_case(contracts=[block(2, 50, window=ON_PEAK, **fields), spot(200)], **case))
    assert plan.expected_profit == pytest.approx(profit_)
    assert series(plan, "delivered_mw", "ppa") == [0, 1, 1]
    assert profit(site_case(contracts=[block(2, 50, **fields), spot(200)], **case)) == pytest.approx(unshaped)


def test_a_shaped_block_delivers_nothing_on_weekends_and_is_no_further_mwh_there() -> None:
    case = site_case(
        steps=2, step="1d", start="2024-08-18", contracts=[block(2, 50, window={"weekdays": "workdays"}), spot(90)]
    )
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["ppa"].frame
    assert frame.lowest_buy_price[0].tolist() == [90, 0]
    assert frame.part.component.most_delivered_mw(frame).tolist() == [[0, 2]]  # type: ignore[attr-defined]


def test_a_window_that_fits_no_step_is_refused_and_one_outside_the_horizon_is_an_empty_block() -> None:
    case = site_case(steps=2, contracts=[block(2, 50, window={"hours": [6.5, 22]}), spot(90)])
    assert "contracts[0].window.hours: steps of 1h do not begin at 6.5 h" in refusals(case)
    january = site_case(steps=2, contracts=[block(2, 50, window={"months": [1]}), spot(90)], house_load_mw=1)
    assert profit(january) == pytest.approx(-180)


# ---------------------------------------------------------------------- a period that several runs share
def four_hours(first: int, end: int, **fields: Any) -> Mapping[str, Any]:
    contract = block([3, 1, 2, 2][first:end], [40, 60, 50, 30][first:end], take_or_pay_fraction=0.8, **fields)
    return site_case(
        steps=end - first,
        start=start_of(first),
        contracts=[contract, spot(200)],
        house_load_mw=[1, 0, 2, 1][first:end],
    )


@pytest.mark.parametrize("edges", [(0, 1, 4), (0, 2, 4), (0, 3, 4), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("period", ["day", "month", "year"])
def test_runs_in_a_row_book_what_one_run_books(edges: tuple[int, ...], period: str) -> None:
    """Proves: 8 MWh offered for 340, 4 taken for 170, 2.4 short at 42.5, wherever the runs meet. Sensitivity: settled
    run by run, cut in the middle, 2.2 at 45 and 0.2 at 40 are short: 107 instead of 102."""
    plans = in_a_row(lambda first, end: four_hours(first, end, settlement_period=period), *edges)
    assert ledger_of(plans) == {"ppa_energy": -170, "ppa_shortfall": -102, "spot_energy": 0}
    (states,) = plans[-1].summary["carry"]["components"].values()
    assert [value for by_period in states.values() for value in by_period.values()] == pytest.approx([4, 8, 340])


def test_a_period_that_ends_with_the_run_is_not_carried() -> None:
    for fields in ({"settlement_period": "horizon"}, {"settlement_period": "step"}):
        assert solved(dict(four_hours(0, 2, **fields))).summary["carry"]["components"] == {}
    resold = block(1, 30, resale={"price_per_mwh": 5})
    assert solved(site_case(steps=1, contracts=[resold])).summary["carry"]["components"] == {}


def after(taken: float, label: str = "2024-08", load_mw: float = 1) -> dict[str, Any]:
    """Two hours of 2 MW at 50, half of it owed, spot at 20, after a run that took so much of 4 MWh."""
    states = {"taken_mwh": {label: taken}, "offered_mwh": {label: 4.0}, "offered_value": {label: 200.0}}
    case = site_case(steps=2, contracts=[block(2, 50, take_or_pay_fraction=0.5), spot(20)], house_load_mw=load_mw)
    return case | {"carry": {"at": "2024-08-19T00:00", "components": {"ppa": states}}}


def test_energy_taken_before_the_horizon_frees_the_schedule() -> None:
    """Proves: of 8 MWh half are owed and all 4 were taken, so the load is bought at spot for 40. Sensitivity: with the
    obligation of this run alone, 2 MWh are taken at 50; what July took does not count."""
    plan = solved(after(4.0))
    assert plan.expected_profit == pytest.approx(-40)
    assert profit(after(4.0, "2024-07")) == pytest.approx(-100)


def test_a_shortfall_made_up_for_is_paid_back() -> None:
    """Proves: the run before has paid 2 MWh short, 100. Taking all 4 MWh here for 200 makes up for it: 100 come back.
    Sensitivity: without the carry only the 2 MWh owed are taken and 2 bought at 20: 140; without paying back 200."""
    plan = solved(after(0.0, load_mw=2))
    assert plan.expected_profit == pytest.approx(-100)
    assert booked(plan, "ppa_shortfall") == pytest.approx(100)
    assert sum(series(plan, "delivered_mw", "ppa")) == pytest.approx(4)


@pytest.mark.parametrize(("taken", "lowest"), [(4.0, 50), (3.0, 0)])
def test_the_lowest_price_counts_what_was_taken_before(taken: float, lowest: float) -> None:
    """Proves: a MWh costs its price where nothing is owed any more, else nothing (the shortfall it saves)."""
    frame = opt.build(opt.scenario_from_dict(after(taken))).parts.components["ppa"].frame
    component = frame.part.component
    assert component.lowest_buy_price(frame).tolist() == [[lowest, lowest]]  # type: ignore[attr-defined]


def test_a_block_beyond_the_grid_connection_is_refused() -> None:
    case = site_case(steps=2, contracts=[block([2, 6], 40)], grid={"import_limit_mw": 5})
    text = refusals(case)
    assert "contracts[0].volume_mw" in text
    assert "2024-08-19T01:00" in text
    assert "at most 5 MW" in text


def test_a_block_beyond_the_connection_in_some_hours_only_is_a_warning() -> None:
    case = site_case(steps=2, contracts=[block(4, 40)], grid={"import_limit_mw": [5, 1]})
    assert "paid all the same" in warnings_of(case)
    assert profit(case) == pytest.approx(-320)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"resale": {"price_per_mwh": 5}, "take_or_pay_fraction": 0.8}, "for a block without resale"),
        ({"resale": {"price_per_mwh": 5}, "settlement_period": "day"}, "for a block without resale"),
        ({"resale": {"price_per_mwh": 5, "fee_per_mwh": -1}}, "resale.fee_per_mwh"),
        ({"resale": {"fee_per_mwh": 1}}, "resale.price_per_mwh: is missing"),
        ({"volume_mw": -2}, "contracts[0].volume_mw"),
        ({"price_per_mwh": -2}, "contracts[0].price_per_mwh"),
        ({"take_or_pay_fraction": 1.2}, "must be at most 1"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=2, contracts=[block(2, 50) | fields]))


def test_a_block_may_differ_by_member() -> None:
    """Proves: of 1 MW at 50 or 2 MW at 60 nothing can be used, and take-or-pay costs 0.5 * 50 + 0.5 * 120 = 85.
    Sensitivity: with the first member's volume and price for both it would cost 50."""
    case = site_case(steps=1, contracts=[block([[1], [2]], [[50], [60]])], probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(-85.0)


@pytest.mark.parametrize("fields", [{"resale": {"price_per_mwh": [20, 150]}}, {"take_or_pay_fraction": 0.8}])
@pytest.mark.parametrize("window", [None, ON_PEAK])
def test_the_audit_notices_falsified_results(fields: dict[str, Any], window: Any) -> None:
    contracts = [block(5, 30, window=window, **fields), spot(100)]
    case = site_case(steps=2, start="2024-08-19T05:00", contracts=contracts, assets=[fleet()])
    assert unnoticed(solved(case), "ppa") == []
