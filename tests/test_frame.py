"""What a component's frame remembers, and what it shares with the frame of its site."""

from __future__ import annotations

import numpy as np
import pytest
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer import free_memory
from optimizer.frame import Frame
from optimizer.parts import Parts, place

WIRES = {"kind": "demand_charge", "name": "wires", "rate_per_kw_month": 4.0}


def parts(prices: list[float], start: str = "2024-08-31T20:00") -> Parts:
    case = site_case(steps=len(prices), start=start, contracts=[spot(prices), WIRES], assets=[fleet()])
    return place(opt.scenario_from_dict(case))[0]


def frame(label: str = "m", prices: tuple[float, ...] = (10.0, 20.0)) -> Frame:
    return parts(list(prices)).components[label].frame


def test_what_is_worked_out_once_cannot_be_changed() -> None:
    """Proves: the work is done once for each key, and the array that all get refuses to be written to, while the one
    that it was made from is left alone."""
    own, calls = np.ones(3), []

    def work() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        calls.append(1)
        return own

    found = frame()
    first = found.remembered("figures", work)
    assert found.remembered("figures", work) is first
    assert len(calls) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 2.0
    own[0] = 2.0  # still its owner's
    assert found.remembered("others", lambda: 5) == 5


def test_a_frame_of_other_data_remembers_nothing_of_the_first() -> None:
    """Proves: months and prices are those of the frame's own scenario and horizon."""
    august, september = parts([1.0] * 4), parts([2.0] * 4, start="2024-09-01T00:00")
    months = [p.components["wires"].component.months(p.components["wires"].frame).labels for p in (august, september)]
    assert months == [("2024-08",), ("2024-09",)]
    prices = [found.components["m"].frame.lowest_buy_price.tolist() for found in (august, september)]
    assert prices == [[[1.0] * 4], [[2.0] * 4]]


def test_a_horizon_that_is_cut_forgets_what_was_worked_out_of_the_whole() -> None:
    """Proves: two months and six prices of the whole, one month and two prices of its first two steps. Sensitivity: a
    carry from a part of a plan would bill the month that comes."""
    found = parts([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], start="2024-08-31T22:00")
    wires, fleet_frame = found.components["wires"], found.components["m"].frame
    assert wires.component.months(wires.frame).labels == ("2024-08", "2024-09")
    assert fleet_frame.lowest_buy_price.tolist() == [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    found.cut_after(2)
    assert wires.component.months(wires.frame).labels == ("2024-08",)
    assert fleet_frame.lowest_buy_price.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("value", [3.0, [[1.0, 2.0]], [1.0, 2.0], [[7.0]]])
def test_a_value_over_members_and_steps(value: object) -> None:
    """Proves: a number, a row, a whole table and a table of one are spread as numpy spreads them, and none can be
    written to."""
    found = frame().full(value)
    assert found.tolist() == np.broadcast_to(np.asarray(value), (1, 2)).tolist()
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1.0


def test_free_memory_is_read_again_after_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: within the time the system is not asked again, after it it is; another root is always read."""
    now, told = [100.0], [8e9]
    monkeypatch.setattr(free_memory, "_last", None)
    monkeypatch.setattr(free_memory.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(free_memory, "_of_the_machine", lambda root: iter([told[0]]))
    monkeypatch.setattr(free_memory, "_of_control_groups", lambda root: iter(()))
    monkeypatch.setattr(free_memory, "_of_the_process", lambda root: iter(()))
    assert free_memory.free_memory_bytes() == 8e9
    told[0] = 1e9
    now[0] += 0.4
    assert free_memory.free_memory_bytes() == 8e9
    now[0] += 0.2
    assert free_memory.free_memory_bytes() == 1e9
    told[0] = 2e9
    assert free_memory.free_memory_bytes(free_memory.Path("/nowhere")) == 2e9
