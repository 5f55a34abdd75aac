"""The relaxation put together from windows of time: where they meet, what they prove, and when the whole is solved."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pytest
from array_case import INF, arrays_of
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import dual_regions, relaxation, relaxed_windows
from optimizer.compiled import Arrays
from optimizer.dual_bound import DualBound
from optimizer.dual_regions import DualRegions
from optimizer.relaxation import Relaxation
from optimizer.relaxed_windows import RelaxedWindows, Stitched
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

OPTIONS = SolverOptions(mip_rel_gap=0.01, threads=1)
EARNED = np.array([3.0, 3, 3, 3, 2, 2, 2, 2])


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each linear program that is solved, in windows of four columns."""
    monkeypatch.setattr(relaxed_windows, "WINDOW_COLUMNS", 4)
    found: list[int] = []
    solve = relaxation.run_highs

    def counted(highs: Any, *arguments: Any) -> bool:
        found.append(highs.getNumRow())
        return solve(highs, *arguments)

    for module in (relaxation, relaxed_windows, dual_regions):
        monkeypatch.setattr(module, "run_highs", counted)
    return found


def relaxed(
    arrays: Arrays, first: list[int], last: list[int], place: list[int] | None = None, **options: Any
) -> Relaxation:
    nothing = np.zeros(len(first), np.int64)
    spans = Spans(
        np.array(first), np.array(last), np.array(first), nothing, nothing if place is None else np.array(place)
    )
    return relaxation.relaxation(Whole(arrays), spans, OPTIONS.model_copy(update=options), 60.0)


def two_months(rows: list[Any]) -> Arrays:
    """Eight hours in two months of four, each hour worth 3 or 2 when run; the months' peaks cost 10 and 9."""
    peaks = [(-INF, [*np.eye(8)[hour], *(-np.eye(2)[hour // 4])], 0.0) for hour in range(8)]
    return arrays_of([*EARNED, -10, -9], [*peaks, *rows], integer=False)


MONTHS = [*range(8), 0, 4], [*range(8), 3, 7]


def test_windows_meet_between_months(runs: list[int]) -> None:
    """Proves: the first month runs, for 12 - 10 = 2, the second does not, as 8 < 9; two windows find that and prove it
    (to rounding) without the whole being solved. An edge that cuts a month in two proves less: hours of the month would
    pay for the peak twice."""
    found = relaxed(two_months([]), *MONTHS)
    assert found.values is not None
    assert found.values.tolist() == [1.0] * 4 + [0.0] * 4 + [1.0, 0.0]
    assert found.bound == pytest.approx(2.0, abs=1e-9)
    assert found.bound >= 2.0
    assert len(runs) == 2


def test_a_budget_that_no_window_sees_is_proven_on_the_whole(runs: list[int]) -> None:
    """Proves: with at most 2 hours in all and no peaks to pay, the first month's window would run all of its hours, and
    the second would have to take them back; the whole is solved, for 6 (two of the hours worth 3)."""
    budget = (-INF, [1.0] * 8 + [0, 0], 2.0)
    arrays = two_months([budget])
    arrays.cost[8:] = 0.0
    found = relaxed(arrays, *MONTHS)
    assert found.values is not None
    assert EARNED @ found.values[:8] == pytest.approx(6.0)
    assert found.bound == pytest.approx(6.0, abs=1e-9)
    assert runs[-1] == 9


def test_a_state_without_bounds_takes_its_duals_from_one_window(runs: list[int]) -> None:
    """Proves: work done on a job, a state without bounds over all hours, does not spoil the bound, though windows may
    price the work differently: the bound is finite and at least the optimum, 3 for each of 4 hours of work.

    done_t = done_(t-1) + run_t, the job is worth 3 per hour and 4 hours at most; running costs 0.
    """
    hours = 8
    rows: list[Any] = []
    for hour in range(hours):
        row = np.zeros(2 * hours)
        row[hours + hour], row[hour] = 1.0, -1.0
        if hour:
            row[hours + hour - 1] = -1.0
        rows.append((0.0, row, 0.0))
    rows.append((-INF, np.eye(2 * hours)[-1], 4.0))
    cost = np.zeros(2 * hours)
    cost[-1] = 3.0
    arrays = arrays_of(cost, rows, [0.0] * hours + [-INF] * hours, [1.0] * hours + [INF] * hours, integer=False)
    steps = [*range(hours), *range(hours)]
    found = relaxed(arrays, steps, steps)
    assert found.values is not None
    assert np.isfinite(found.bound)
    assert found.bound == pytest.approx(12.0, rel=0.01)
    assert found.bound >= 12.0 - 1e-9


def test_what_has_no_solution_is_left_to_others(runs: list[int]) -> None:
    """Proves: of limits that contradict each other no values and no bound are told."""
    found = relaxed(two_months([(9.0, [1.0] * 8 + [0, 0], INF)]), *MONTHS)
    assert found.values is None
    assert found.bound == np.inf
    assert runs


def four_seasons(budget: float = INF) -> tuple[Arrays, list[int], list[int]]:
    """A store of 2 over 16 hours that takes 1 an hour at 1 in hours 0 to 7, and gives 1 an hour for 5 afterwards: the
    best is to fill it once and to empty it once, for 2 * (5 - 1) = 8. ``budget``: hours of giving in all.

    kept_t = kept_(t-1) + in_t - out_t.
    """
    hours = 16
    cost = np.concatenate([np.full(8, -1.0), np.full(8, -9.0), np.zeros(8), np.full(8, 5.0), np.zeros(hours)])
    rows: list[Any] = []
    for hour in range(hours):
        row = np.zeros(3 * hours)
        row[[hour, hours + hour, 2 * hours + hour]] = -1.0, 1.0, 1.0
        if hour:
            row[2 * hours + hour - 1] = -1.0
        rows.append((0.0, row, 0.0))
    rows.append((-INF, [0.0] * hours + [1.0] * hours + [0.0] * hours, budget))
    arrays = arrays_of(cost, rows, 0.0, [1.0] * 2 * hours + [2.0] * hours, integer=False)
    return arrays, [*range(hours)] * 3, [*range(hours)] * 3


def test_stretches_side_by_side_hand_their_state_on(runs: list[int]) -> None:
    """Proves: with two threads the second half of the hours is planned as if the store were empty before, for nothing;
    the hours around the seam, solved anew, carry 2 over to it, and the values are the optimum, 8, within all rows."""
    arrays, first, last = four_seasons()
    found = relaxed(arrays, first, last, threads=2)
    assert found.values is not None
    assert arrays.cost @ found.values == pytest.approx(8.0)
    assert Whole(arrays).violation(found.values) <= 1e-9
    assert found.bound == pytest.approx(8.0, rel=OPTIONS.mip_rel_gap)
    assert found.bound >= 8.0
    assert any(rows < 8 for rows in runs)


def test_stretches_that_do_not_fit_are_solved_one_after_the_other(
    runs: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: of work that is done four hours in all, and earns 2 in hours 0 to 3 and 10 to 15 and 0.5 in between, the
    first half does all, and the second, which begins as if nothing were done, would do it again; what is done cannot
    fall at the seam, so the second half is planned once more after the first, and nothing is done twice: 8.

    done_t = done_(t-1) + run_t <= 4.
    """
    monkeypatch.setattr(relaxed_windows, "WIDENINGS", 0)
    hours = 16
    cost = np.concatenate([np.full(4, 2.0), np.full(6, 0.5), np.full(6, 2.0), np.zeros(hours)])
    rows = [(0.0, [*-np.eye(hours)[t], *(np.eye(hours)[t] - np.eye(hours, k=-1)[t])], 0.0) for t in range(hours)]
    arrays = arrays_of(cost, rows, 0.0, [1.0] * hours + [4.0] * hours, integer=False)
    with caplog.at_level(logging.DEBUG, logger="optimizer.relaxed_windows"):
        found = relaxed(arrays, [*range(hours)] * 2, [*range(hours)] * 2, threads=2)
    assert "solved again from the one before" in caplog.text
    assert found.values is not None
    assert Whole(arrays).violation(found.values) <= 1e-9
    assert cost @ found.values == pytest.approx(8.0)
    assert found.bound == pytest.approx(8.0, rel=OPTIONS.mip_rel_gap)
    assert found.bound >= 8.0


def test_the_order_in_which_threads_end_does_not_matter(runs: list[int]) -> None:
    """Proves: one run after the other, in two threads, has the same values and the same bound to the last bit."""
    arrays, first, last = four_seasons()
    one, other = (relaxed(arrays, first, last, threads=2) for _ in range(2))
    assert one.values is not None
    assert one.values.tolist() == (other.values.tolist() if other.values is not None else None)
    assert one.bound == other.bound


def test_each_site_has_windows_of_its_own(runs: list[int]) -> None:
    """Proves: two sites of eight hours each, an hour worth 3 or 2, share 1.5 of an hour; each is
    solved by itself with the other held (four programs of less than the 8 rows), and the second takes what the first
    has left, or gives way to it: 3 for the first site and 1.5 * 2 - 1 = half of 2 for the second, eight times."""
    hours = 8
    rows: list[Any] = [(-INF, [*np.eye(hours)[hour], *np.eye(hours)[hour]], 1.5) for hour in range(hours)]
    arrays = arrays_of([3.0] * hours + [2.0] * hours, rows, integer=False)
    found = relaxed(arrays, [*range(hours)] * 2, [*range(hours)] * 2, [0] * hours + [1] * hours, threads=1)
    assert found.values is not None
    assert arrays.cost @ found.values == pytest.approx(8 * (3.0 + 0.5 * 2.0))
    assert Whole(arrays).violation(found.values) <= 1e-9
    assert found.bound == pytest.approx(32.0, rel=0.01)


def one_month() -> tuple[Arrays, Spans]:
    """Eight hours worth 3 or 2 under one peak that costs 18: all are run, for 20 - 18 = 2."""
    peaks = [(-INF, [*np.eye(8)[hour], -1.0], 0.0) for hour in range(8)]
    arrays = arrays_of([*EARNED, -18.0], peaks, integer=False)
    nothing = np.zeros(9, np.int64)
    first = np.array([*range(8), 0])
    return arrays, Spans(first, np.array([*range(8), 7]), first, nothing, nothing)


def better_duals(duals: Any, threads: int) -> tuple[Any, float, float]:
    """Duals of the month after a round over the hours 2 to 6, what they prove, and what those before have proven."""
    arrays, spans = one_month()
    proof, options = DualBound(arrays), OPTIONS.model_copy(update={"threads": threads})
    windows = RelaxedWindows(Whole(arrays), spans, np.zeros(9, bool), options, 60.0)
    windows.edges, windows.around = [-np.inf, 4.0, np.inf], 2.0
    regions = DualRegions(arrays, proof, windows, options, time.perf_counter() + 60.0)
    before = proof.of(duals)
    return *regions.improved(duals, before), before


def test_the_best_duals_of_a_region_are_found() -> None:
    """Proves: without any duals the hours are worth 20 and nobody pays for the peak; the five hours around the edge,
    worth 12, cannot pay 18 and so pay all that they earn: 20 - 12 = 8 is proven. Each of them pays at least what it
    earns, together they pay 18 at most, and no other hour pays."""
    found, bound, before = better_duals(np.zeros(8), 1)
    assert before == pytest.approx(20.0)
    assert bound == pytest.approx(8.0)
    assert (found[2:7] >= EARNED[2:7] - 1e-9).all()
    assert found.sum() <= 18.0 + 1e-9
    assert found[[0, 1, 7]].tolist() == [0.0, 0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1.0, 6.0), min_size=8, max_size=8))
def test_better_duals_never_prove_less_nor_too_much(duals: list[float]) -> None:
    """Proves: whatever the duals before, those after a round prove no more, and never less than the optimum, 2."""
    _, bound, before = better_duals(np.array(duals), 1)
    assert 2.0 <= bound <= before


def test_the_whole_is_not_solved_where_better_duals_are_enough(
    runs: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: above a number of columns, a bound that is too far from the value of the windows is first made better
    around their edges; where that is enough, the whole is not solved. The windows' duals are taken away to that end:
    six hours, each worth 1 where the one before is run as well, for 6 in all."""
    arrays = arrays_of(np.ones(6), [(-INF, np.eye(6)[t] - np.eye(6, k=-1)[t], 0.0) for t in range(1, 6)], integer=False)
    arrays.col_upper[0] = 0.5
    monkeypatch.setattr(relaxed_windows, "WINDOW_COLUMNS", 2)
    monkeypatch.setattr(relaxation, "REGIONS_COLUMNS", 5)
    monkeypatch.setattr(relaxation, "WITHIN_REACH", np.inf)
    take = Stitched.take

    def without_duals(self: Stitched, *given: Any) -> None:
        take(self, *given)
        self.duals[:] = 0.0

    monkeypatch.setattr(Stitched, "take", without_duals)
    with caplog.at_level(logging.INFO, logger="optimizer.relaxation"):
        found = relaxed(arrays, [*range(6)], [*range(6)])
    assert "from regions" in caplog.text
    assert found.values is not None
    assert np.ones(6) @ found.values == pytest.approx(3.0)
    assert 3.0 <= found.bound <= 5.5
    assert runs
