"""Energy tariff: prices by time of use, step and member, and bad input; its blocks: ``tests/test_energy_blocks.py``."""

from __future__ import annotations

from typing import Any

import pytest
from roads import assert_same_model
from small_case import (
    booked,
    by_member,
    fleet,
    profit,
    refusals,
    series,
    site_case,
    solved,
    spot,
    unnoticed,
    warnings_of,
)

import optimizer as opt

PEAK = {"name": "peak", "window": {"hours": [13, 19]}, "price_per_mwh": 200}
REST = {"name": "rest", "window": {"hours": [19, 13]}, "price_per_mwh": 20}


def tariff(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "energy_tariff", "name": "t", "rates": list(rates)} | fields


def flat(price: Any, **fields: Any) -> dict[str, Any]:
    return tariff({"price_per_mwh": price}, **fields)


def blocks(*pairs: tuple[float | None, float], **fields: Any) -> dict[str, Any]:
    """A rate whose blocks are given as (end in MWh, price)."""
    return {"blocks": [_block(end, price) for end, price in pairs]} | fields


def _block(end: float | None, price: float) -> dict[str, float]:
    return {"price_per_mwh": price} if end is None else {"up_to_mwh": end, "price_per_mwh": price}


def lowest_price(case: dict[str, Any]) -> list[float]:
    frame = opt.build(opt.scenario_from_dict(case)).parts.sites["a"].frame
    return [float(price) for price in frame.lowest_buy_price[0]]


# ---------------------------------------------------------------------- one price, time of use
def test_a_flat_year_of_ten_thousand_kwh_costs_a_thousand() -> None:
    """Proves: 10,000 kWh at 0.10 per kWh (100 per MWh) are 1,000.00. Sensitivity: 0.10 read as per MWh gives 1.00."""
    case = site_case(steps=8760, start="2023-01-01T00:00", contracts=[flat(100)], house_load_mw=10 / 8760)
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-1000.00, abs=0.005)
    assert booked(plan, "t_energy") == pytest.approx(-1000.00, abs=0.005)


def test_each_hour_is_charged_at_its_rate() -> None:
    """Proves: a day of 1 MW has 6 hours at 200 and 18 at 20: 1200 + 360; a fleet rests at 13:00 to 19:00 of the local
    clock. Sensitivity: with windows in UTC it would rest from 8:00 to 14:00."""
    case = site_case(steps=24, contracts=[tariff(PEAK, REST)], house_load_mw=1, timezone="America/Chicago")
    plan = solved(case)
    assert booked(plan, "t_peak") == pytest.approx(-1200)
    assert booked(plan, "t_rest") == pytest.approx(-360)
    case["sites"][0]["assets"] = [fleet()]
    running = series(solved(case), "power_mw", "m")
    assert [hour for hour, power in enumerate(running) if power == 0] == [13, 14, 15, 16, 17, 18]


def test_a_rate_may_have_several_windows_and_they_may_meet() -> None:
    """Proves: on a Saturday and a Sunday all 48 hours are at 20: 960. Sensitivity: with the first window alone 6 hours
    of each day would have no rate."""
    weekend = {"weekdays": "weekend"}
    rest = {"name": "rest", "windows": [{"hours": [19, 13]}, weekend], "price_per_mwh": 20}
    peak = PEAK | {"window": {"hours": [13, 19], "weekdays": "workdays"}}
    case = site_case(steps=48, start="2024-08-24T00:00", contracts=[tariff(peak, rest)], house_load_mw=1)
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-960)
    assert "t_peak" not in plan.summary["ledger"]


def test_a_price_may_differ_by_step_and_member_and_the_adder_comes_on_top() -> None:
    """Proves: hour 1 costs 10 and 30, hour 2 20 and 40, each plus 5: 0.25 * 40 + 0.75 * 80 = 70. Sensitivity: the
    first member's prices for both give 40, without the adder it is 60."""
    contract = flat([[10, 20], [30, 40]], adder_per_mwh=5)
    plan = solved(site_case(steps=2, contracts=[contract], house_load_mw=1, probabilities=[0.25, 0.75]))
    assert plan.expected_profit == pytest.approx(-70)
    assert booked(plan, "t_adder") == pytest.approx(-10)
    assert booked(plan, "t_energy") == pytest.approx(-60)


def test_rates_and_adder_are_per_mwh_and_not_per_mw() -> None:
    """Proves: 3 half hours of 2 MW are 3 MWh at 20 and 1: 63. Sensitivity: adding MW gives 126, or 123 or 66."""
    case = site_case(steps=3, step="30min", contracts=[flat(20, adder_per_mwh=1)], house_load_mw=2)
    assert profit(case) == pytest.approx(-63)


def test_the_limit_holds_and_the_rest_is_bought_elsewhere() -> None:
    """Proves: 2 MW at 20 and 1 MW at 90 are 130. Sensitivity: without the limit 60."""
    case = site_case(steps=1, contracts=[flat(20, limit_mw=2), spot(90)], house_load_mw=3)
    assert profit(case) == pytest.approx(-130)


# ---------------------------------------------------------------------- what a further MWh costs
def test_the_lowest_price_is_that_of_the_cheapest_block_and_the_adder() -> None:
    """Proves: 12:00 has blocks of 50 and -3, 13:00 one price of 200, both with 1 on top. Sensitivity: the first block's
    price would hide that a MWh may be paid for."""
    rates = [blocks((1, 50), (None, -3)) | {"name": "rest", "window": {"hours": [19, 13]}}, PEAK]
    case = site_case(steps=2, start="2024-08-19T12:00", contracts=[tariff(*rates, adder_per_mwh=1)])
    assert lowest_price(case) == pytest.approx([-2, 201])


def test_prices_for_the_report() -> None:
    rates = [blocks((1, 50), (None, -3)) | {"name": "rest", "window": {"hours": [19, 13]}}, PEAK]
    case = site_case(steps=2, start="2024-08-19T12:00", contracts=[tariff(*rates, adder_per_mwh=1), flat(7, name="f")])
    part = opt.build(opt.scenario_from_dict(case)).parts.components["t"]
    found = {name: prices[0].tolist() for name, prices in part.component.prices(part.frame).items()}  # type: ignore[attr-defined]
    assert found == {"t block 1": [51, 201], "t block 2": [-2, 201]}


# ---------------------------------------------------------------------- audit and refusals
def test_both_roads_make_the_same_model() -> None:
    rate = blocks((5, 150), (9, 20), (None, 80), name="rest", window={"hours": [19, 13]}, month_to_date_mwh=2)
    case = site_case(steps=4, start="2024-08-31T22:00", contracts=[tariff(rate, PEAK, adder_per_mwh=2)])
    assert_same_model(opt.scenario_from_dict(case))


@pytest.mark.parametrize("prices", [(50.0, 150.0), (150.0, 20.0)])
def test_the_audit_notices_falsified_results(prices: tuple[float, float]) -> None:
    rate = blocks((5, prices[0]), (None, prices[1])) | {"name": "rest", "window": {"hours": [19, 13]}}
    contracts = [tariff(rate, PEAK, adder_per_mwh=2, limit_mw=3.0), spot(100)]
    case = site_case(steps=4, start="2024-08-19T11:00", contracts=contracts, assets=[fleet()], house_load_mw=0.5)
    assert unnoticed(solved(case), "t") == []


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (tariff(PEAK, REST | {"name": "peak"}), "the name peak is used twice"),
        (tariff(PEAK | {"name": "adder"}, REST), "cannot be named adder"),
        (tariff(PEAK | {"blocks": [{"price_per_mwh": 1}]}, REST), "give either price_per_mwh or blocks"),
        (tariff({}), "give either price_per_mwh or blocks"),
        (tariff(PEAK | {"windows": [{"hours": [1, 2]}]}, REST), "give either window or windows"),
        (tariff(), "rates: needs at least 1 entry"),
        (tariff(blocks((5, 1), (5, 2), (None, 3))), "blocks 0 and 1 are out of order"),
        (tariff(blocks((5, 1), (4, 2), (None, 3))), "blocks 0 and 1 are out of order"),
        (tariff(blocks((5, 1), (6, 2))), "the last block ends at 6 MWh"),
        (tariff(blocks((None, 1), (None, 2))), "block 0 has no up_to_mwh"),
        (tariff(blocks((0, 1), (None, 2))), "blocks[0].up_to_mwh"),
        (tariff(blocks((None, float("inf")))), "blocks[0].price_per_mwh"),
        (tariff(blocks((None, 1), month_to_date_mwh=-1)), "month_to_date_mwh"),
        (tariff(blocks((None, 1), month_to_date_mwh=1), settlement_period="day"), "blocks are settled by day"),
        (tariff(REST | {"window": None}, settlement_period="year"), "settlement_period"),
        (flat(20, limit_mw=-1), "limit_mw"),
        (flat(20, charged_on="import"), "charged_on: unknown key"),
    ],
)
def test_bad_fields_are_refused(contract: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=24, contracts=[contract]))


def test_a_carry_that_fits_no_rate_is_refused() -> None:
    case = site_case(steps=1, contracts=[tariff(blocks((7, 150), (None, 20)))], assets=[fleet()])
    for energy in ({"2024-08/offpeak": 1.0}, {"2024-08": 1.0}, {"2024-08/energy": -1.0}):
        case["carry"] = {"at": "2024-08-19T00:00", "components": {"t": {"energy_mwh": energy}}}
        text = refusals(case)
        assert f"{next(iter(energy))}: {next(iter(energy.values())):g}" in text
        assert "2024-08/energy" in text


@pytest.mark.parametrize(
    ("start", "contract", "words"),
    [
        ("2024-08-01T00:00", tariff(blocks((None, 1), month_to_date_mwh=1)), "as the horizon starts with a month"),
        ("2024-08-19T00:00", flat(1) | {"settlement_period": "day"}, "has no effect without blocks"),
        (
            "2024-08-19T00:00",
            tariff({"price_per_mwh": 1, "month_to_date_mwh": 3}),
            "rates[0].month_to_date_mwh: has no effect without blocks",
        ),
    ],
)
def test_what_is_odd_is_a_warning(start: str, contract: dict[str, Any], words: str) -> None:
    text = warnings_of(site_case(steps=24, start=start, contracts=[contract]))
    assert words in text.replace("found 3.0; ", "")


def test_the_schedule_of_a_member_is_its_own() -> None:
    """Proves: at 50 in member 0 the fleet runs, at 150 in member 1 it rests."""
    case = site_case(steps=1, contracts=[flat([[50], [150]])], assets=[fleet()], probabilities=[0.5, 0.5])
    assert by_member(solved(case), "delivered_mw", "t") == [[3.5], [0.0]]
