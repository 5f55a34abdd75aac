"""The bill in the report: by contract, line and month, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from report_page import TDU, TURN_OF_MONTH, bill_rows, plan_of, portfolio, site
from small_case import site_case, spot

from optimizer.reporting.page import page


def test_the_bill_by_month_with_quantities_mean_prices_and_sums() -> None:
    """Proves: 1, 2 | 3, 4 MW at 10, 20 | 30, 40 around the turn of the month cost 50 for 3 MWh and 250 for 7; peaks of
    2 and 4 MW cost 2000 and 4000 at 1 per kW. Sensitivity: cut in UTC months (22:00 in Chicago is 3:00 there) all
    would be September's; kW of two months added up would say 6000 kW."""
    case = site_case(
        steps=4,
        start=TURN_OF_MONTH,
        timezone="America/Chicago",
        house_load_mw=[1, 2, 3, 4],
        contracts=[spot([10, 20, 30, 40]), TDU],
    )
    plan = plan_of(case)
    rows = bill_rows(page(plan))
    assert rows == {
        "contract, line": ["2024-08", "2024-09", "total", "per unit"],
        "spot [index supply] spot_energy": ["-50.00 [3 MWh]", "-250.00 [7 MWh]", "-300.00 [10 MWh]", "-30.00 [/MWh]"],
        "tdu [demand charge] tdu_demand": [
            "-2,000.00 [2,000.0 kW]",
            "-4,000.00 [4,000.0 kW]",
            "-6,000.00",
            "-1.00 [/kW]",
        ],
        "total": ["-2,050.00", "-4,250.00", "-6,300.00", ""],
    }
    assert plan.expected_profit == pytest.approx(-6300)


def test_the_bill_is_expected_over_the_members_with_their_band() -> None:
    """Proves: 1 MW for two hours at 10, 20 or 60 (probabilities 0.5, 0.3, 0.2) costs 46 expected, at most 120 and at
    least 20. Sensitivity: the plain mean of the members would be 60."""
    prices = [[10, 10], [20, 20], [60, 60]]
    text = page(plan_of(site_case(steps=2, house_load_mw=1, contracts=[spot(prices)], probabilities=[0.5, 0.3, 0.2])))
    assert "expected over the members" in text
    assert bill_rows(text) == {
        "contract, line": ["2024-08", "per unit"],
        "spot [index supply] spot_energy": ["-46.00 [2 MWh]", "-23.00 [/MWh]"],
        "total": ["-46.00", ""],
        "total, 10 % quantile": ["-120.00", ""],
        "total, 90 % quantile": ["-20.00", ""],
    }


def test_contracts_of_several_lines_and_bundles_have_their_sum() -> None:
    """Proves: of a block of 3 MW at 40, 1 MW is used and 2 resold at 50: -120 + 100. A tariff of 5 per MWh and a tenth
    on it: 5.50. Sensitivity: contracts of the bundle on their own would show no 5.50."""
    charges = [
        {"kind": "surcharge", "name": "rider", "per_mwh": 5},
        {"kind": "surcharge", "name": "tax", "on": ["rider"], "fraction": 0.1},
    ]
    contracts: list[dict[str, Any]] = [
        {"kind": "fixed_block", "name": "ppa", "volume_mw": 3, "price_per_mwh": 40, "resale": {"price_per_mwh": 50}},
        {"kind": "tariff", "name": "util", "charges": charges},
    ]
    rows = bill_rows(page(plan_of(site_case(steps=1, house_load_mw=1, contracts=contracts))))
    assert rows["ppa [fixed block]"] == ["-20.00", ""]
    assert rows["ppa_block"] == ["-120.00 [3 MWh]", "-40.00 [/MWh]"]
    assert rows["ppa_resale"] == ["100.00 [2 MWh]", "50.00 [/MWh]"]
    assert rows["util []"] == ["-5.50", ""]
    assert rows["util-rider_energy"] == ["-5.00 [1 MWh]", "-5.00 [/MWh]"]
    assert rows["util-tax_on_util-rider_energy"] == ["-0.50", ""]
    assert rows["total"] == ["-25.50", ""]


def test_what_goes_both_ways_has_no_mean_price() -> None:
    """Proves: of 2 MW bought in advance 3, then 1.5 are used: 1 MWh is bought at 200 and 0.5 sold at 20, 190 for half
    a MWh net. Sensitivity: as a mean price that would be 380 per MWh, which nobody paid."""
    contract = {
        "kind": "two_settlement",
        "name": "dam",
        "day_ahead_price_per_mwh": 30,
        "real_time_price_per_mwh": [200, 20],
        "position_mw": 2,
    }
    case = site_case(steps=2, house_load_mw=[3, 1.5], contracts=[contract], grid={"import_limit_mw": 9})
    rows = bill_rows(page(plan_of(case)))
    assert rows["dam_imbalance"] == ["-190.00 [0.5 MWh]", ""]
    assert rows["dam_day_ahead"] == ["-120.00 [4 MWh]", "-30.00 [/MWh]"]


def test_more_than_two_years_are_billed_by_year() -> None:
    """Proves: 1 MW at 1 per MWh: 366 and 365 days of 24, then one. Sensitivity: 25 months in columns are not read."""
    case = site_case(steps=732, step="1d", start="2024-01-01T00:00", house_load_mw=1, contracts=[spot(1)])
    rows = bill_rows(page(plan_of(case)))
    assert rows["contract, line"] == ["2024", "2025", "2026", "total", "per unit"]
    assert [cell.split(" [")[0] for cell in rows["total"][:4]] == ["-8,784.00", "-8,760.00", "-24.00", "-17,568.00"]


def test_contracts_of_the_portfolio_name_their_sites() -> None:
    case = portfolio([site("a", 1), site("b", 2)], TDU)
    rows = bill_rows(page(plan_of(case)))
    assert rows["a.spot [index supply, a] spot_energy"][0] == "-100.00 [2 MWh]"
    assert rows["b.spot [index supply, b] spot_energy"][0] == "-200.00 [4 MWh]"
    assert rows["tdu [demand charge, portfolio: a, b] tdu_demand"][0] == "-3,000.00 [3,000.0 kW]"
