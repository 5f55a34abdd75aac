"""What one run hands on to the next: read, checked and written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_case import fleet, refusals, site_case, solved, spot

import optimizer as opt
from optimizer.carry import CarriedStates, handed_on_by_time
from optimizer.horizon import Horizon


def case(carry: Any, **more: Any) -> dict[str, Any]:
    return site_case(steps=2, contracts=[spot(40)], assets=[fleet()], **more) | {"carry": carry}


def test_states_by_member_and_by_period() -> None:
    states = CarriedStates({"level": 3.0, "peaks_mw": {"2024-07": 80.0, "2024-08": (70.0, 71.0)}}, 2)
    assert states.number("level").tolist() == [3.0, 3.0]
    assert states.number("other", 1.5).tolist() == [1.5, 1.5]
    assert {k: v.tolist() for k, v in states.by_period("peaks_mw").items()} == {
        "2024-07": [80.0, 80.0],
        "2024-08": [70.0, 71.0],
    }
    assert states.by_period("level") == {}
    assert "level" in states
    assert "other" not in states


def test_a_plan_says_when_its_states_hold() -> None:
    """Proves: the end of the last step, in local time. Sensitivity: the start of the last step would be 01:00."""
    plan = solved(site_case(steps=2, contracts=[spot(40)], assets=[fleet()], timezone="America/Chicago"))
    assert plan.summary["carry"]["at"] == "2024-08-19T02:00-05:00"


def test_states_of_another_start_are_refused() -> None:
    message = refusals(case({"at": "2024-08-20T00:00"}))
    assert "carry.at" in message
    assert "the horizon starts at 2024-08-19T00:00" in message


def test_unknown_components_and_keys_are_refused() -> None:
    at = "2024-08-19T00:00"
    assert "did you mean 'spot'" in refusals(case({"at": at, "components": {"spott": {"energy_mwh": 1.0}}}))
    assert "unknown state" in refusals(case({"at": at, "components": {"spot": {"energy": 1.0}}}))
    solar = {"kind": "renewable", "name": "pv", "technology": "solar", "capacity_mw": 1, "profile": 1.0}
    nothing = site_case(steps=2, contracts=[spot(40)], assets=[solar])
    assert "carries no state" in refusals(nothing | {"carry": {"at": at, "components": {"pv": {"x": 1.0}}}})
    assert "carry.sites.b: there is no site of this name" in refusals(case({"at": at, "sites": {"b": {}}}))
    assert "unknown state" in refusals(case({"at": at, "sites": {"a": {"export_mw": 1.0}}}))


@pytest.mark.parametrize("value", ["much", [1.0, "x"], {"2024-08": "x"}, [], True])
def test_states_are_numbers(value: Any) -> None:
    assert "carry" in refusals(case({"at": "2024-08-19T00:00", "components": {"spot": {"energy_mwh": value}}}))


def test_the_carry_is_part_of_the_scenario_as_written_back() -> None:
    scenario = opt.scenario_from_dict(case({"at": "2024-08-19T00:00"}))
    assert scenario.model_dump(mode="json", exclude_none=True)["carry"]["at"] == "2024-08-19T00:00"


def test_states_of_another_form_are_refused() -> None:
    """Proves: a plain number where one by period is meant is refused, not taken as nothing."""
    capped = site_case(steps=2, contracts=[spot(40, energy_cap_mwh=5.0, settlement_period="day")], assets=[fleet()])
    for value, accepted in ((3.0, False), ({"2024-08-19": 3.0}, True)):
        carry = {"at": "2024-08-19T00:00", "components": {"spot": {"energy_mwh": value}}}
        if accepted:
            assert solved(capped | {"carry": carry}).dispatch["import_mw"].sum() == pytest.approx(2.0)
        else:
            assert "has another form" in refusals(capped | {"carry": carry})


def test_a_list_needs_one_number_per_member() -> None:
    carry = {"at": "2024-08-19T00:00", "components": {"spot": {"energy_mwh": {"2024-08": [1.0, 2.0, 3.0]}}}}
    assert "2 (one per member)" in refusals(case(carry, probabilities=[0.5, 0.5]))


def test_states_by_time() -> None:
    """Proves: times are told in steps before the horizon; what is older than asked for, or of another group, is left
    out, and two stamps of one instant are one time."""
    horizon = Horizon(timezone="UTC", start="2024-08-19T00:00", steps=4)
    stamps = {"a/2024-08-18T23:00+00:00": 2.0, "a/2024-08-18T21:00-01:00": (1.0, 4.0), "b/2024-08-18T20:00": 9.0}
    states = CarriedStates({"switched": stamps}, 2)
    assert states.history("switched", horizon, 3, "a").tolist() == [[0.0, 1.0, 2.0], [0.0, 4.0, 2.0]]
    assert states.history("switched", horizon, 1, "b").tolist() == [[0.0], [0.0]]
    assert states.reach("switched", horizon) == 4
    assert states.history("other", horizon, 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_what_is_handed_on_by_time_is_labelled_with_the_start_of_the_step() -> None:
    """Proves: of the steps before and in the run, those within reach of its end, in local time."""
    horizon = Horizon(timezone="America/Chicago", start="2024-08-19T00:00", steps=2)
    past = np.array([[5.0, 7.0, 0.0, 3.0]])
    handed = handed_on_by_time(horizon, past, 3, "h")
    assert {label: value.tolist() for label, value in handed.items()} == {
        "h/2024-08-18T23:00-05:00": [7.0],
        "h/2024-08-19T01:00-05:00": [3.0],
    }


STRANGE = [
    ("started", {"tomorrow": 1.0}, "found 'tomorrow'; a time is written as"),
    ("started", {"2024-08-18T23:00": -1.0}, "of 2024-08-18T23:00; found -1.0; must be at least 0"),
    ("started", {"2024-08-19T00:00": 1.0}, "a time is not before the horizon"),
    ("started", {"2024-08-18T23:00": 900.0}, "more units are within their minimum up time than run"),
    ("units_on", 1001.0, "is not a number of the units; found 1001.0; must be from 0 to 1000"),
    ("units_on", -1.0, "is not a number of the units"),
    ("units_on", {"2024-08": 1.0}, "has another form"),
]


@pytest.mark.parametrize(("key", "value", "message"), STRANGE)
def test_states_that_no_run_can_have_left_are_refused(key: str, value: Any, message: str) -> None:
    data = site_case(steps=2, contracts=[spot(40)], assets=[fleet(min_up_hours=3)])
    carry = {"at": "2024-08-19T00:00", "components": {"m": {"units_on": 500.0} | {key: value}}}
    assert message in refusals(data | {"carry": carry})
