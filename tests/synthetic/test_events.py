"""Hours of events: where the stress is highest, one block a local day, as many as asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.events import event_hours

TIMEZONE = "America/Chicago"


def test_three_days_by_hand() -> None:
    """Proves: of three days, the block of two hours with the highest mean on the two highest days."""
    stress = np.zeros((1, 72))
    stress[0, [17, 18, 40, 41, 42, 65]] = [5.0, 6.0, 3.0, 9.0, 8.0, 4.0]
    called = event_hours(Clock("2024-08-19T00:00", 72, TIMEZONE), stress, events=2, hours_each=2)
    assert np.flatnonzero(called[0]).tolist() == [17, 18, 41, 42]


def test_blocks_stay_within_a_day_and_below_the_level_nothing_is_called() -> None:
    """Proves: stress highest across midnight is met by a block on one side of it. Sensitivity: a block of hours 23 and
    0 would have the mean 9."""
    clock = Clock("2024-08-19T00:00", 48, TIMEZONE)
    stress = np.zeros((2, 48))
    stress[0, 22:26] = [1.0, 9.0, 9.0, 2.0]
    called = event_hours(clock, stress, events=1, hours_each=2, at_least=5.2)
    assert np.flatnonzero(called[0]).tolist() == [24, 25]
    assert called[1].sum() == 0.0


def test_no_room_for_an_event() -> None:
    short = Clock("2024-08-19T22:00", 3, TIMEZONE)
    assert event_hours(short, np.ones((1, 3)), events=1, hours_each=4).sum() == 0.0
    assert event_hours(short, np.ones((1, 3)), events=9, hours_each=3).sum() == 0.0  # would cross midnight
    assert event_hours(short, np.ones((1, 3)), events=9, hours_each=2).tolist() == [[1.0, 1.0, 0.0]]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    hours=st.integers(1, 200),
    events=st.integers(0, 5),
    each=st.integers(1, 6),
    paths=st.integers(1, 3),
)
def test_never_more_than_asked_for(seed: int, hours: int, events: int, each: int, paths: int) -> None:
    clock = Clock("2024-11-01T05:00", hours, TIMEZONE)
    stress = np.random.default_rng(seed).random((paths, hours))
    called = event_hours(clock, stress, events=events, hours_each=each)
    assert called.shape == stress.shape
    assert set(np.unique(called)) <= {0.0, 1.0}
    assert (called.sum(axis=1) <= events * each).all()
    for path in called:
        for day in np.unique(clock.local.date):
            assert path[clock.local.date == day].sum() in (0, each)
