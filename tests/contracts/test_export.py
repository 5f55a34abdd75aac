"""Export, on a battery of 4 MWh and 2 MW that is sold out over three hours."""

from typing import Any

import pytest
from small_case import booked, profit, refusals, series, site_case, solved, spot, unnoticed

BATTERY = {
    "kind": "battery",
    "name": "b",
    "power_mw": 2,
    "energy_mwh": 4,
    "soc_start_mwh": 4,
    "soc_end_mwh": 0,
}


def case(price: Any, *, export_limit_mw: Any = 10, **fields: Any) -> dict[str, Any]:
    contract = {"kind": "export", "name": "sell", "price_per_mwh": price} | fields
    return site_case(
        steps=3,
        contracts=[spot(500), contract],
        assets=[BATTERY],
        grid={"export_limit_mw": export_limit_mw},
    )


def test_energy_is_sold_where_price_less_fee_is_highest() -> None:
    """Proves: 2 MW at 50 - 5 and 2 MW at 40 - 5 bring 160. Sensitivity: without the fee 180, with the fee added 200."""
    plan = solved(case([50, 20, 40], fee_per_mwh=5))
    assert plan.expected_profit == pytest.approx(160)
    assert series(plan, "sold_mw", "sell") == pytest.approx([2, 0, 2])
    assert booked(plan, "sell_revenue") == pytest.approx(160)


def test_the_contract_limits_what_it_takes() -> None:
    """Proves: 1.5 * 45 + 1 * 15 + 1.5 * 35 = 135. Sensitivity: without limit_mw 160."""
    plan = solved(case([50, 20, 40], fee_per_mwh=5, limit_mw=1.5))
    assert plan.expected_profit == pytest.approx(135)
    assert series(plan, "sold_mw", "sell") == pytest.approx([1.5, 1, 1.5])


def test_the_grid_connection_limits_what_is_sold() -> None:
    """Proves: 1 MW at 45, 15 and 35 bring 95. Sensitivity: without the grid's limit 160."""
    assert profit(case([50, 20, 40], fee_per_mwh=5, export_limit_mw=1)) == pytest.approx(95)


def test_nothing_is_sold_below_the_fee() -> None:
    """Proves: at -10 and at 3 less a fee of 5 nothing is sold; hour 3 brings 2 * 5 = 10. Sensitivity: a forced sale
    loses money."""
    assert profit(case([-10, 3, 10], fee_per_mwh=5)) == pytest.approx(10)


def test_spot_is_not_bought_to_be_sold_through_the_same_connection() -> None:
    """Proves: with exports at 600 and spot at 500 only the battery's 4 MWh are sold: 600 * 4 = 2400, and what could
    be charged at 500 has no hour left to be sold in above the 2 MW. Sensitivity: buying and selling at once adds
    100 on each of 10 MW."""
    assert profit(case([0, 600, 600])) == pytest.approx(2400)


def test_an_export_contract_needs_a_connection() -> None:
    text = refusals(case(40, export_limit_mw=0))
    assert "sites[0].contracts[1].kind" in text
    assert "grid.export_limit_mw" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"limit_mw": -1}, "contracts[1].limit_mw"),
        ({"fee_per_mwh": -1}, "contracts[1].fee_per_mwh"),
        ({"fee_per_mw": 1}, "did you mean 'fee_per_mwh'?"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(40, **fields))


def test_the_audit_notices_falsified_results() -> None:
    assert unnoticed(solved(case([50, 20, 40], fee_per_mwh=5)), "sell") == []
