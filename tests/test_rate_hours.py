"""Hours of rates: every hour of the horizon has exactly one, and so should every hour of the year."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import refusals, site_case, warnings_of

DAY, NIGHT = {"hours": [7, 22]}, {"hours": [22, 7]}


def tariff(**windows: Any) -> dict[str, Any]:
    """Rates by name, each with its window, its windows, or none."""
    rates = []
    for name, hours in windows.items():
        where = {} if hours is None else {"windows" if isinstance(hours, list) else "window": hours}
        rates.append({"name": name, "price_per_mwh": 1} | where)
    return {"kind": "energy_tariff", "name": "t", "rates": rates}


def case(contract: dict[str, Any], steps: int = 24, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = site_case(steps=steps, contracts=[contract], **fields)
    return found


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (tariff(day=DAY), "no rate applies (of day) at 2024-08-19T00:00"),
        (tariff(day=DAY, night={"hours": [23, 7]}), "no rate applies (of day, night) at 2024-08-19T22:00"),
        (tariff(day=DAY, night={"hours": [21, 7]}), "several rates apply (day, night) at 2024-08-19T21:00"),
        (tariff(night=NIGHT, day=DAY, all=None), "several rates apply (night, all) at 2024-08-19T00:00"),
        (tariff(day=DAY, night={"hours": [22, 6.5]}), "rates[1].window.hours"),
        (tariff(day=DAY, night=[{"hours": [22, 24]}, {"hours": [0, 6.5]}]), "rates[1].windows[1].hours"),
    ],
)
def test_the_first_hour_without_a_rate_or_with_several_is_refused(contract: dict[str, Any], words: str) -> None:
    text = refusals(case(contract))
    assert words in text
    assert "contracts[0].rates" in text


def test_both_kinds_of_hours_are_told_at_once() -> None:
    text = refusals(case(tariff(day=DAY, night={"hours": [21, 5]})))
    assert "several rates apply (day, night) at 2024-08-19T21:00" in text
    assert "no rate applies (of day, night) at 2024-08-19T05:00" in text


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (
            tariff(day=DAY, night=NIGHT | {"months": [8]}),
            "outside of the horizon, no rate applies (of day, night) at 2024-01-01 00:00 (a Monday)",
        ),
        (
            tariff(day=DAY, night=NIGHT, sunday={"weekdays": ["sun"]}),
            "outside of the horizon, several rates apply (night, sunday) at 2024-01-07 00:00 (a Sunday)",
        ),
        (
            tariff(day=DAY | {"holidays": ["2024-12-25"], "weekdays": ["mon"]}, rest=[NIGHT, {"weekdays": ["sun"]}]),
            "outside of the horizon, no rate applies (of day, rest) at 2024-01-02 07:00 (a Tuesday)",
        ),
    ],
)
def test_such_hours_of_the_rest_of_the_year_are_a_warning(contract: dict[str, Any], words: str) -> None:
    assert words in warnings_of(case(contract))


@pytest.mark.parametrize(("step", "steps"), [("15min", 96), ("1h", 24), ("1d", 2)])
def test_rates_that_hold_every_hour_once_give_no_warning(step: str, steps: int) -> None:
    halves = tariff(first={"months": [1, 2, 3, 4, 5, 6]}, second={"months": [7, 8, 9, 10, 11, 12]})
    assert warnings_of(case(halves, steps, step=step)) == ""


def test_hours_within_one_rate_may_meet() -> None:
    """Proves: a rate in the hours of any of its windows; the night of a weekend is in two of them."""
    contract = tariff(day=DAY | {"weekdays": "workdays"}, rest=[NIGHT, {"weekdays": "weekend"}])
    assert warnings_of(case(contract)) == ""


def test_edges_within_the_hour_are_told_apart_where_steps_can() -> None:
    contract = tariff(day={"hours": [7.25, 22]}, night={"hours": [22, 7.25]})
    assert warnings_of(case(contract, 96, step="15min")) == ""
    early = tariff(day={"hours": [7.25, 22]}, night={"hours": [22, 7]})
    assert "no rate applies (of day, night) at 2024-08-19T07:00" in refusals(case(early, 96, step="15min"))
