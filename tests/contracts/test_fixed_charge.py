"""Fixed charge: by covered share of months and days, sunk, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed

import optimizer as opt
from optimizer.audit import AuditView, Findings


def fixed(**fields: Any) -> dict[str, Any]:
    return {"kind": "fixed_charge", "name": "meter"} | fields


def case(charge: dict[str, Any], steps: int, start: str, **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, start=start, contracts=[spot(0), charge], **fields)


@pytest.mark.parametrize(
    ("charge", "amounts"),
    [
        ({"per_month": 310}, [-10, -10.333333]),
        ({"per_day": 24}, [-24, -24]),
        ({"per_month": 310, "per_day": 24}, [-34, -34.333333]),
        ({"per_month": -310}, [10, 10.333333]),
    ],
)
def test_months_and_days_are_billed_by_the_share_covered(charge: dict[str, float], amounts: list[float]) -> None:
    """Proves: 31 August and 1 September are a day each of months of 31 and 30 days, booked at midnight. Sensitivity:
    whole months cost 620, months of 30 days 20.67."""
    plan = solved(case(fixed(**charge), 48, "2024-08-31T00:00"))
    booked_in = plan.money["meter", "meter_fixed"][0]
    assert [booked_in[23], booked_in[47]] == pytest.approx(amounts, abs=1e-5)
    assert plan.expected_profit == pytest.approx(sum(amounts), abs=1e-5)
    assert unnoticed(plan, "meter") == []


def test_a_part_of_a_day_is_a_part_of_a_day() -> None:
    """Proves: 18:00 to 06:00 is a quarter of two days: 0.5 * 24. Sensitivity: both days whole cost 48."""
    assert profit(case(fixed(per_day=24), 12, "2024-08-19T18:00")) == pytest.approx(-12)


@pytest.mark.parametrize(("start", "steps"), [("2024-03-10T00:00", 23), ("2024-11-03T00:00", 25)])
def test_a_day_of_23_or_25_hours_is_one_day(start: str, steps: int) -> None:
    """Proves: the local day of a change of the clock costs 24. Sensitivity: by hours 23 or 25."""
    local = case(fixed(per_day=24), steps, start, timezone="America/Chicago")
    assert profit(local) == pytest.approx(-24)


@pytest.mark.parametrize("amount", [0.0, 7440.0, -7440.0])
def test_it_changes_no_schedule(amount: float) -> None:
    """Proves: 4 of 744 hours at 7440 a month cost 40; hours below break-even run, whatever the amount. Sensitivity: an
    amount spread over the MWh used would stop the hour at 114."""
    contracts = [spot([100, 120, -50, 114]), fixed(per_month=amount)]
    plan = solved(site_case(steps=4, contracts=contracts, assets=[fleet()]))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0, 3.5, 3.5])
    assert plan.expected_profit == pytest.approx(626 - 4 / 744 * amount)


def test_it_is_charged_once_for_a_portfolio() -> None:
    """Proves: one meter charge for two sites, 10 a day. Sensitivity: one for each costs 20."""
    two = case(fixed(per_day=10), 24, "2024-08-19T00:00")
    site = two["sites"][0] | {"contracts": [spot(0)]}
    two["sites"] = [site, site | {"name": "b"}]
    two["contracts"] = [fixed(per_day=10)]
    assert profit(two) == pytest.approx(-10)


@pytest.mark.parametrize(
    ("charge", "unit", "quantity"),
    [
        ({"per_month": 310}, "months", 1 / 31),
        ({"per_day": 24}, "days", 1.0),
        ({"per_month": 1, "per_day": 1}, "", None),
    ],
)
def test_the_bill_says_what_is_billed(charge: dict[str, float], unit: str, quantity: float | None) -> None:
    plan = solved(case(fixed(**charge), 24, "2024-08-31T00:00"))
    part = opt.build(plan.scenario).parts.components["meter"]
    line = part.component.bill(AuditView(part.frame, plan.dispatch, Findings()))["meter_fixed"]  # type: ignore[attr-defined]
    assert line.unit == unit
    assert (line.quantity is None) if quantity is None else line.quantity[0, -1] == pytest.approx(quantity)
    assert line.amounts.sum() == pytest.approx(booked(plan, "meter_fixed"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "give per_month, per_day, or both"),
        ({"per_month": "ten"}, "per_month"),
        ({"per_day": float("inf")}, "per_day"),
        ({"per_year": 10}, "per_year: unknown key"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(fixed(**fields), 2, "2024-08-19T00:00"))
