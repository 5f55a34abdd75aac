"""The relaxation put together from windows of time: where they meet, what they prove, and when the whole is solved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from array_case import INF, arrays_of

from optimizer import relaxation
from optimizer.compiled import Arrays
from optimizer.relaxation import Relaxation
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

OPTIONS = SolverOptions(mip_rel_gap=0.01, threads=1)
EARNED = np.array([3.0, 3, 3, 3, 2, 2, 2, 2])


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each linear program that is solved, in windows of four columns."""
    monkeypatch.setattr(relaxation, "WINDOW_COLUMNS", 4)
    found: list[int] = []
    solve = relaxation.run_highs

    def counted(highs: Any, *arguments: Any) -> bool:
        found.append(highs.getNumRow())
        return solve(highs, *arguments)

    monkeypatch.setattr(relaxation, "run_highs", counted)
    return found


def relaxed(arrays: Arrays, first: list[int], last: list[int]) -> Relaxation:
    spans = Spans(np.array(first), np.array(last), np.array(first), *np.zeros((2, len(first)), np.int64))
    return relaxation.relaxation(Whole(arrays), spans, OPTIONS, 60.0)


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
