"""Demand charge: what is refused, and what is allowed but odd."""

from typing import Any

import numpy as np
import pytest
from demand_case import INSIDE, charge, cost_of, fleet_case, load_case, tiers
from small_case import refusals, warnings_of

import optimizer as opt


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "give either rate_per_kw_month or tiers"),
        ({"rate_per_kw_month": 1, "tiers": tiers((None, 1))}, "give either rate_per_kw_month or tiers"),
        ({"rate_per_kw_month": -1}, "rate_per_kw_month: found -1; must be at least 0"),
        ({"rate_per_kw_month": [1] * 11}, "contracts[1].rate_per_kw_month"),
        ({"rate_per_kw_month": 1, "unit": "kva"}, "unit: kva needs power_factor"),
        ({"rate_per_kw_month": 1, "power_factor": 0.9}, "power_factor is for unit: kva"),
        ({"rate_per_kw_month": 1, "unit": "kva", "power_factor": 1.1}, "power_factor: found 1.1"),
        ({"rate_per_kw_month": 1, "month_to_date_peak_mw": -1}, "month_to_date_peak_mw"),
        ({"tiers": tiers((5, 1), (2, 2), (None, 3))}, "tiers 0 and 1 are out of order or overlap: up to 5 MW, then up"),
        ({"tiers": tiers((5, 1), (5, 2), (None, 3))}, "up_to_mw must rise"),
        ({"tiers": tiers((None, 1), (2, 2), (None, 3))}, "tier 0 has no up_to_mw; only the last tier is open"),
        ({"tiers": tiers((2, 1), (4, 2))}, "the last tier ends at 4 MW"),
        ({"tiers": tiers((0, 1), (None, 2))}, "tiers[0].up_to_mw"),
        ({"tiers": []}, "contracts[1].tiers"),
        ({"rate_per_kw_month": 1, "window": {"hours": [7.5, 9]}}, "contracts[1].window.hours"),
        ({"rate_per_kw_month": 1, "window": {"months": [13]}}, "window.months[0]"),
        ({"rate_per_kw_month": 1, "ratchet": {"fraction": 1.5}}, "ratchet.fraction"),
        ({"rate_per_kw_month": 1, "ratchet": {"fraction": 0.5, "previous_months": 0}}, "ratchet.previous_months"),
        ({"rate_per_kw_month": 1, "ratchet": {"fraction": 0.5, "history_mw": {"July": 1}}}, "written as 2024-07"),
        ({"rate_per_kw_month": 1, "ratchet": {"fraction": 0.5, "history_mw": {"2024-13": 1}}}, "found '2024-13'"),
        ({"rate_per_kw_month": 1, "rate_per_kw": 1}, "did you mean 'rate_per_kw_month'?"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(load_case([1, 1], charge(**fields)))


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        ({"previous_months": 3, "history_mw": {"2024-06": 1}}, "no peak is known: 2024-05, 2024-07"),
        ({"previous_months": 14, "months": [1, 7], "history_mw": {"2024-01": 1}}, "no peak is known: 2023-07, 2024-07"),
        ({"previous_months": "year", "months": [7, 8, 9]}, "no peak is known: 2024-07, 2024-09"),
    ],
)
def test_look_back_months_without_history_are_refused(rule: dict[str, Any], missing: str) -> None:
    text = refusals(load_case([1, 1], charge(1, ratchet={"fraction": 0.5} | rule)))
    assert "contracts[1].ratchet.history_mw" in text
    assert missing + "; give their peaks" in text


def test_a_carried_peak_is_history_too() -> None:
    case = load_case([1, 1], charge(1, ratchet={"fraction": 0.5, "previous_months": 1}))
    assert "2024-07" in refusals(case)
    carried = {"at": "2024-08-01T00:00", "components": {"tdu": {"peaks_mw": {"2024-07": 6}}}}
    assert cost_of(case | {"carry": carried}) == pytest.approx(3000)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"peaks_mw": 3}, "peaks_mw of the carry is one number for all months"),
        ({"peaks_mw": {"August": 3}}, "found 'August'; a month is written as 2024-07"),
        ({"peaks_mw": {"2024-08": -3}}, "peaks_mw of the carry, 2024-08; found -3.0; must be at least 0"),
        ({"peak_mw": {"2024-08": 3}}, "peak_mw"),
        ({"peaks_mw": {"2024-08": 30}}, "above the connection"),
    ],
)
def test_carried_peaks_that_make_no_sense_are_refused(state: dict[str, Any], words: str) -> None:
    case = load_case([1, 1], charge(1), start=INSIDE, grid={"import_limit_mw": 5})
    assert words in refusals(case | {"carry": {"at": INSIDE, "components": {"tdu": state}}})


def test_a_peak_so_far_above_the_connection_is_refused() -> None:
    """Proves: the largest connection of the horizon counts, with room for the rounding of a plan's own peak."""
    grid = {"import_limit_mw": [5, 7]}
    text = refusals(load_case([1, 1], charge(1, month_to_date_peak_mw=8), start=INSIDE, grid=grid))
    assert "contracts[1].month_to_date_peak_mw: the peak of 2024-08 so far is above the connection" in text
    assert "found 8" in text
    assert "at most 7 MW" in text
    assert cost_of(load_case([1, 1], charge(1, month_to_date_peak_mw=7 + 1e-7), start=INSIDE, grid=grid)) == 0.0


@pytest.mark.parametrize(
    ("fields", "start", "words"),
    [
        ({}, INSIDE, "the horizon starts inside 2024-08, and no peak so far is given"),
        (
            {"month_to_date_peak_mw": 1},
            "2024-08-01",
            "has no effect: the horizon starts with 2024-08, not inside of it",
        ),
        (
            {"month_to_date_peak_mw": 1, "window": {"months": [9]}},
            INSIDE,
            "has no effect: the window has no hours in 2024-08",
        ),
        (
            {"window": {"hours": [13, 19]}, "month_to_date_peak_mw": 1},
            INSIDE,
            "window: no step of the horizon lies in it",
        ),
        (
            {"ratchet": {"fraction": 0.5, "previous_months": 1, "history_mw": {"2024-07": 1, "2024-08": 2}}},
            "2024-08-01",
            "has no effect for 2024-08, which the horizon covers",
        ),
    ],
)
def test_what_is_odd_is_a_warning(fields: dict[str, Any], start: str, words: str) -> None:
    assert words in warnings_of(load_case([1, 1], charge(1, **fields), start=start))


def test_nothing_is_odd_about_a_prorated_part_of_a_month() -> None:
    assert warnings_of(load_case([1, 1], charge(1, prorate=True), start=INSIDE)) == ""
    carried = {"at": INSIDE, "components": {"tdu": {"peaks_mw": {"2024-08": 3}}}}
    assert warnings_of(load_case([1, 1], charge(1), start=INSIDE) | {"carry": carried}) == ""


def test_falling_rates_without_a_largest_load_are_refused() -> None:
    """Proves: where neither machines nor the connection have a limit, the field to give is named; rising rates need
    none."""
    for steps, refused in ((tiers((2, 3), (None, 1)), True), (tiers((2, 1), (None, 3)), False)):
        scenario = opt.scenario_from_dict(fleet_case(charge(tiers=steps)))
        frame = opt.build(scenario).parts.components["tdu"].frame
        frame.__dict__["largest_load_mw"] = np.full(frame.shape, np.inf)
        found = list(frame.part.component.check(frame))
        assert [f.field for f in found] == (["tiers"] if refused else [])
        assert all("grid.import_limit_mw" in str(f.hint) for f in found)


def test_bad_input_is_reported_all_at_once() -> None:
    contract = charge(1, month_to_date_peak_mw=8, ratchet={"fraction": 0.5, "previous_months": 1})
    text = refusals(load_case([1, 1], contract, start=INSIDE, grid={"import_limit_mw": 5}))
    assert "above the connection" in text
    assert "no peak is known: 2024-07" in text
