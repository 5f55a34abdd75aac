"""Windows of whole decisions that are made side by side, and what becomes of what two of them want."""

from __future__ import annotations

import itertools
import logging
import time
from typing import Any

import numpy as np
import pytest
from array_case import INF, arrays_of, in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import decision_windows, relax_and_fix
from optimizer.condensed import Condensed
from optimizer.decision_windows import batches_of, put_together, windows_between
from optimizer.relax_and_fix import Search
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

HOURS = 8


@pytest.fixture
def two_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of one step, with nothing around them decided anew, in two stretches of four."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 1)
    monkeypatch.setattr(relax_and_fix, "FITS_COLUMNS", 0)
    monkeypatch.setattr(relax_and_fix, "REGION_COLUMNS", 1)
    monkeypatch.setattr(relax_and_fix, "DOUBLINGS", 0)


def search(cost: Any, rows: list[Any], *, threads: int, upper: Any = 1.0) -> Search:
    """A search over hours with a decision each; columns beyond them span all hours and are no decisions."""
    count = len(cost)
    first = np.where(np.arange(count) < HOURS, np.arange(count), 0)
    last = np.where(np.arange(count) < HOURS, np.arange(count), HOURS - 1)
    nothing = np.zeros(count, np.int64)
    arrays = arrays_of(cost, rows, 0.0, upper, np.arange(count) < HOURS)
    small = Condensed(arrays, np.arange(count), np.zeros(count))
    options = SolverOptions(mip_rel_gap=0.0, threads=threads, start_plan=True)
    return Search(small, Spans(first, last, last, nothing, nothing), options, time.perf_counter(), None)


@pytest.mark.usefixtures("two_stretches")
@pytest.mark.parametrize(("budget", "taken"), [(1.0, [0]), (2.0, [0, 4]), (3.0, [0, 1, 4])])
def test_two_windows_do_not_spend_the_same_budget(
    budget: float, taken: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: hours 0 and 4, then 1 and 5 and so on, are decided at once, and each by itself would take the last unit
    of a budget that nobody has used so far. With a budget of one, hour 4 is decided again and goes without; with two,
    both are taken as they are, and hours 1 and 5 see that nothing is left; with three, hour 5 goes without."""
    found = in_new_thread(
        lambda: search(np.arange(1.0, HOURS + 1), [(-INF, np.ones(HOURS), budget)], threads=2).relaxed_and_fixed
    )
    with caplog.at_level(logging.DEBUG, logger="optimizer.relax_and_fix"):
        values = in_new_thread(lambda: found(np.zeros(HOURS)))
    assert values is not None
    assert np.flatnonzero(values).tolist() == taken
    assert ("decided again" in caplog.text) == (budget != 2.0)
    assert "window 4 of 4" in caplog.text


@pytest.mark.usefixtures("two_stretches")
def test_what_both_add_to_a_sum_is_added(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: a bill that sums up all hours is changed by both of two windows, and their changes are added: with eight
    hours worth 2 that cost 1 on the bill all are run, the bill is 8, and no window has to be decided again."""
    bill = (0.0, [*-np.ones(HOURS), 1.0], 0.0)
    case = search([2.0] * HOURS + [-1.0], [bill], threads=2, upper=[1.0] * HOURS + [100.0])
    with caplog.at_level(logging.DEBUG, logger="optimizer.relax_and_fix"):
        values = in_new_thread(lambda: case.relaxed_and_fixed(np.zeros(HOURS + 1)))
    assert values is not None
    assert values.tolist() == [1.0] * HOURS + [8.0]
    assert "decided again" not in caplog.text


@pytest.mark.usefixtures("two_stretches")
def test_where_stretches_leave_no_plan_windows_follow_each_other(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: eight hours of which each may be run only if the one after it is (x_t <= x_(t+1)), and of which two have
    to be run, from a start in which none is: nobody can begin but the last hour, so no window of the first stretch has
    a reason to fail, and the rule of two is broken until the last; what cannot be planned ends without a plan."""
    rows: list[Any] = [(-INF, np.eye(HOURS)[t] - np.eye(HOURS)[t + 1], 0.0) for t in range(HOURS - 1)]
    rows.append((2.0, np.ones(HOURS), INF))
    with caplog.at_level(logging.INFO, logger="optimizer.relax_and_fix"):
        values = in_new_thread(lambda: search(np.ones(HOURS), rows, threads=2).relaxed_and_fixed(np.zeros(HOURS)))
    assert values is None
    assert "one after another" in caplog.text


@settings(max_examples=15, deadline=None)
@given(
    cost=st.lists(st.integers(-3, 9), min_size=HOURS, max_size=HOURS),
    size=st.lists(st.integers(1, 5), min_size=HOURS, max_size=HOURS),
    budget=st.integers(0, 20),
)
def test_side_by_side_keeps_to_every_rule_and_is_repeatable(cost: list[int], size: list[int], budget: int) -> None:
    """Proves: with two threads as with one, hours of random worth and size under a random budget are whole and within
    it, and two runs with two threads decide the same."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("DECISIONS_PER_WINDOW", 1), ("FITS_COLUMNS", 0), ("REGION_COLUMNS", 3)):
            patch.setattr(relax_and_fix, name, value)
        for threads in (1, 2, 2):
            case = search(np.array(cost, float), [(-INF, np.array(size, float), float(budget))], threads=threads)
            values = in_new_thread(lambda case=case: case.relaxed_and_fixed(np.zeros(HOURS)))
            assert values is not None
            assert set(values.tolist()) <= {0.0, 1.0}
            assert Whole(case.small.arrays).violation(values) <= 1e-9
            found.append(values.tolist())
    assert found[1] == found[2]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2)), min_size=1, unique=True), st.integers(1, 8))
def test_each_window_is_in_one_batch_and_each_stretch_in_order(ends: list[tuple[int, int]], threads: int) -> None:
    """Proves: windows cover the steps of each site once; batches hold each of them once, no more at a time than there
    are threads, and windows of a batch lie as many windows apart as a stretch has, at least LEAST_WINDOWS."""
    windows = windows_between(sorted((float(end), place) for end, place in ends))
    for place in {place for _, place in ends}:
        own = [window for window in windows if window.place == place]
        assert own[0].begin == -np.inf
        assert all(one.end == other.begin for one, other in itertools.pairwise(own))
    batches = batches_of(windows, threads)
    assert sorted(windows.index(w) for batch in batches for w in batch) == list(range(len(windows)))
    assert max(map(len, batches)) <= threads
    for batch in batches:
        numbers = [windows.index(window) for window in batch]
        assert all(other - one >= decision_windows.LEAST_WINDOWS for one, other in itertools.pairwise(numbers))
    assert threads > 1 or batches == [[window] for window in windows]


def test_changes_are_added_where_both_have_any() -> None:
    """Proves: of values 1, 1, 1, 1 that one plan changes to 1, 3, 1, 3 and the other to 1, 1, 4, 4, what one alone has
    changed is taken as it is, and the sum of both changes, 1 + 2 + 3 = 6, ends at the bound of 5."""
    before, low, high = np.ones(4), np.zeros(4), np.full(4, 5.0)
    one, other = np.array([1.0, 3, 1, 3]), np.array([1.0, 1, 4, 4])
    assert put_together(before, one, other, low, high).tolist() == [1.0, 3.0, 4.0, 5.0]
