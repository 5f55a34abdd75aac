"""Reserves down behind a plant: room in chillers that run, the spare kept, and the plant's own power of a call."""

from __future__ import annotations

from typing import Any

import pytest
from plant_case import case
from reserve_case import held, service
from small_case import series, solved

import optimizer as opt


def resting(*more: dict[str, Any], grid: dict[str, Any] | None = None, **fields: Any) -> opt.Plan:
    """Machines that rest at 130 per MWh and could be started on a call, at 10 per MW and hour."""
    machines = {"cooling": more[0]["name"]} if more else None
    data = case(130, *more, machines=machines, **fields)
    data["sites"][0]["contracts"].append(service(direction="down", price_per_mw_h=10))
    if grid is not None:
        data["sites"][0]["grid"] = grid
    return solved(data)


def test_a_call_is_borne_by_chillers_that_run() -> None:
    """Proves: a chiller that costs 0.1 * 130 = 13 to run gives room for 2 MW of reserve, worth 20; the second only for
    1.5 MW, worth 15: 35 - 26 = 9. At 0.15 MW a chiller costs 19.5: one runs, 0.5. Sensitivity: resting chillers would
    give 35 for nothing."""
    both = resting(running_kw=100)
    assert both.expected_profit == pytest.approx(9.0)
    one = resting(running_kw=150)
    assert one.expected_profit == pytest.approx(0.5)
    assert held(one, "rrs", "m") == pytest.approx([2.0])
    assert series(one, "chillers_running", "plant") == [1.0]


def test_a_call_leaves_the_spare_and_the_limits_alone() -> None:
    """Proves: N+1 of two chillers holds 2 MW; a loop of 1.5 MW holds 1.5; free cooling of 1 MW beside one chiller 3."""
    assert held(resting(reserve_units=1), "rrs", "m") == pytest.approx([2.0])
    assert held(resting(heat_limit_mw=1.5), "rrs", "m") == pytest.approx([1.5])
    free = {"temperature_c": 10, "return_c": 20, "ua_mw_per_k": 0.1}
    assert held(resting(chillers=1, free_cooling=free), "rrs", "m") == pytest.approx([3.0])
    switching = resting(chillers=1, free_cooling=free | {"integrated": False})
    assert held(switching, "rrs", "m") == pytest.approx([2.0])


def test_a_call_reaches_the_plant_through_a_hall() -> None:
    """Proves: with a tenth of fans, whose heat counts, 2 MW of chillers hold 2 / 1.1 MW; a hall of 1 MW holds 1 MW."""
    hall = {"kind": "hall", "name": "room", "overhead": 0.1, "plant": "plant"}
    assert held(resting(hall, chillers=1), "rrs", "m") == pytest.approx([2 / 1.1], abs=1e-6)
    assert held(resting(hall | {"heat_limit_mw": 1}, chillers=1), "rrs", "m") == pytest.approx([1.0])


def test_the_connection_has_room_for_the_cooling_of_a_call() -> None:
    """Proves: with a COP of 5 each MW brings 0.2 MW of compressors: 2.4 / 1.2 = 2 MW. On a curve the last slope counts:
    from [0.5, 0.25] to [1, 1] it is 1.5 times the mean: 2.6 / 1.3."""
    assert held(resting(grid={"import_limit_mw": 2.4}), "rrs", "m") == pytest.approx([2.0])
    steep = resting(grid={"import_limit_mw": 2.6}, part_load=[[0, 0], [0.5, 0.25], [1, 1]])
    assert held(steep, "rrs", "m") == pytest.approx([2.0])
