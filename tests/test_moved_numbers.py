"""Numbers of a scenario moved: one way for who values them and for who looks for a plan."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
import small_case

import optimizer as opt
from optimizer.explanation.levers import Variants
from optimizer.infeasibility.levers import levers_of
from optimizer.infeasibility.proposal import change_of
from optimizer.moved_numbers import attribute_of, held_in, moved, moved_time, scaled
from optimizer.parts import place

CHICAGO = ZoneInfo("America/Chicago")
BATTERY = {"kind": "battery", "name": "b", "power_mw": 3, "energy_mwh": 5, "soc_start_mwh": 1}
GRID = {"import_limit_mw": 7}


@pytest.mark.parametrize(
    ("value", "by", "written"),
    [
        (3, 2, 5),
        (3, 0.5, 3.5),
        (2.5, -1, 1.5),
        ("grid.price", 4.0, {"series": "grid.price", "add": 4.0}),
        ([1.0, 2.0], 4.0, {"series": [1.0, 2.0], "add": 4.0}),
        ({"series": "grid.price", "scale": 2, "add": 1.0}, 4.0, {"series": "grid.price", "scale": 2, "add": 5.0}),
        ({"table": [[-5, 10.0], [30, 7.5]]}, 0.5, {"table": [[-5, 10.5], [30, 8.0]]}),
        ("2024-08-19T06:00", 24, "2024-08-20T06:00"),
        ("2024-08-19", 0.5, "2024-08-19T00:30"),
    ],
)
def test_more_of_what_stands_there(value: Any, by: float, written: Any) -> None:
    """Proves: a number, a series, a table and a time are each moved as the file writes them; a whole number moved by
    whole units stays whole."""
    found = moved(value, by, CHICAGO)
    assert found == written
    assert type(found) is type(written)


@pytest.mark.parametrize("value", [True, None, [], [{"depth": 1.0}], {"kind": "spot"}])
def test_what_is_no_number_is_not_moved(value: Any) -> None:
    """Proves: a switch, nothing, lists of parts and parts are no numbers; neither can they be scaled."""
    assert moved(value, 1.0, CHICAGO) is None
    assert scaled(value, 2.0) is None


def test_scaled_series_keep_what_is_added() -> None:
    """Proves: ``(2 x + 3) * 1.5 = 3 x + 4.5``; nothing is added where nothing was. Scaling the series alone would give
    ``3 x + 3``."""
    assert scaled({"series": "grid.price", "scale": 2, "add": 3}, 1.5) == {
        "series": "grid.price",
        "scale": 3.0,
        "add": 4.5,
    }
    assert scaled("grid.price", 1.5) == {"series": "grid.price", "scale": 1.5}
    assert scaled(4, 1.5) == 6.0


def test_a_time_moves_by_hours_and_not_by_the_wall_clock() -> None:
    """Proves: on 3 November 2024 clocks in Chicago go back at 02:00, so 24 hours after noon of the day before is 11:00;
    the hour that is shown twice is written with its offset. On the wall clock it would be noon."""
    assert moved_time("2024-11-02T12:00", 24, CHICAGO) == "2024-11-03T11:00"
    assert moved_time("2024-11-03T00:30", 1, CHICAGO) == "2024-11-03T01:30-05:00"
    assert moved_time("2024-11-03T00:30", 2, CHICAGO) == "2024-11-03T01:30-06:00"
    assert moved_time("2024-03-10T01:30", 1, CHICAGO) == "2024-03-10T03:30"
    assert moved_time("2024-08-19T06:00:30", -1, CHICAGO) == "2024-08-19T05:00:30"


def test_keys_of_the_file_lead_to_attributes() -> None:
    """Proves: a battery's ``power_mw`` is found by its key, an unlimited import is None, and what lies below it too."""
    scenario = opt.scenario_from_dict(
        small_case.site_case(steps=1, contracts=[small_case.spot(40.0)], assets=[BATTERY])
    )
    site, battery = scenario.sites[0], scenario.sites[0].assets[0]
    assert attribute_of(battery, "power_mw") == "power_limit_mw"
    assert attribute_of(battery, "energy_mwh") == "energy_mwh"
    assert held_in(battery, "power_mw") == 3.0
    assert held_in(site, "grid.import_limit_mw") is None
    assert held_in(site, "grid.import_limit_mw.values") is None


def test_valuing_and_repairing_write_the_same() -> None:
    """Proves: an import limit of 7 MW, moved by 2.5, is read as the same number whether a planner
    asks what they are worth or which change makes a plan possible."""
    case = small_case.site_case(
        steps=2, contracts=[small_case.spot(40.0)], assets=[BATTERY], grid={"import_limit_mw": 7}
    )
    scenario = opt.scenario_from_dict(case)
    parts, _ = place(scenario)
    levers = {lever.path: lever for lever in levers_of(parts, scenario, ["a"])}
    path = "sites.a.grid.import_limit_mw"
    repaired = change_of(levers[path], 2.5, scenario).in_memory
    valued = Variants(scenario).more(path, 2.5).sites[0].grid.import_limit_mw
    assert valued is not None
    assert repaired.values.tolist() == valued.values.tolist() == [[9.5, 9.5]]
    assert repaired.raw == valued.raw == 9.5
