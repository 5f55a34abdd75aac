"""Hours of tariff files as windows: each hour in exactly one window, and in as few as the calendar needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.tariffs.hours import SHAPE, Hours, described, in_force, of_like_months, windows


def counted(found: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many windows hold each hour, read off the windows one by one."""
    times = np.zeros(SHAPE, dtype=np.int64)
    for window in found:
        for month in window.get("months", range(1, 13)):
            for day, name in enumerate(("workdays", "weekend")):
                if window.get("weekdays", name) != name:
                    continue
                for start, end in window.get("hours", [[0, 24]]):
                    times[month - 1, day, start:end] += 1
    return times


def hours(months: list[int], days: list[int], start: int, end: int) -> Hours:
    inside = np.zeros(SHAPE, dtype=bool)
    for month in months:
        for day in days:
            inside[month - 1, day, start:end] = True
    return inside


@given(st.integers(0, 2**31), st.sampled_from([0.02, 0.5, 0.98]))
def test_windows_hold_each_hour_exactly_once(seed: int, share: float) -> None:
    """Proves: no hour is lost, none is held twice, and none is added, whatever the schedule."""
    inside = np.random.default_rng(seed).random(SHAPE) < share
    assert (counted(windows(inside)) == inside).all()
    assert (
        np.sum(
            [counted(windows(group)) for group in of_like_months(inside)] or [np.zeros(SHAPE, dtype=np.int64)], axis=0
        )
        == inside
    ).all()


def test_what_is_not_restricted_is_left_out() -> None:
    """Proves: 17 to 21 by the hours' ends is 16:00 to 21:00; a whole day, week or year needs no word."""
    assert windows(hours([6, 7], [0], 16, 21)) == [{"months": [6, 7], "weekdays": "workdays", "hours": [[16, 21]]}]
    assert windows(hours(list(range(1, 13)), [0, 1], 0, 24)) == [{}]
    assert in_force(hours(list(range(1, 13)), [0, 1], 0, 24)) == {}
    assert in_force(hours([1], [0, 1], 0, 24)) == {"window": {"months": [1]}}
    both = hours([1], [0], 0, 24) | hours([1], [1], 3, 4)
    assert [w["weekdays"] for w in in_force(both)["windows"]] == ["workdays", "weekend"]


def test_hours_around_midnight_are_two_spans_of_a_day() -> None:
    inside = hours([3], [0, 1], 22, 24) | hours([3], [0, 1], 0, 6)
    assert windows(inside) == [{"months": [3], "hours": [[0, 6], [22, 24]]}]


def test_months_with_the_same_hours_are_one_group() -> None:
    inside = hours([1, 2, 12], [0, 1], 8, 9) | hours([6], [0], 8, 9)
    assert [np.flatnonzero(group.any(axis=(1, 2))).tolist() for group in of_like_months(inside)] == [[0, 1, 11], [5]]


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (hours([1, 2, 5], [0], 16, 21), "Jan to Feb, May, workdays, 16:00 to 21:00"),
        (hours(list(range(1, 13)), [0, 1], 0, 24), "every month, every day, 0:00 to 24:00"),
        (hours([1], [0], 1, 2) | hours([2], [1], 3, 4), "Jan, workdays, 1:00 to 2:00 (and 1 more)"),
    ],
)
def test_hours_in_words(inside: Hours, words: str) -> None:
    assert described(inside) == words
