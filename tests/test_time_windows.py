"""When columns fall, windows over them, and parts of a problem."""

from __future__ import annotations

import numpy as np
from array_case import INF, arrays_of
from pool_case import at, job, pool_case, two_sites

import optimizer as opt
from optimizer.condensed import condensed
from optimizer.subproblem import Whole
from optimizer.time_windows import Decisions, Spans, decisions_of, groups_backward, spans_of, window_ends


def test_the_steps_of_decisions() -> None:
    """Proves: runs fall in the first step of their block, starts in their own, the choice of a pool at the release.
    Sensitivity: the number of a block or of a pool taken for a step."""
    gang = job("p", work_node_hours=8, gang_nodes=4, block_hours=2, release=at(1), **{"class": "preemptible"})
    rigid = job("r", work_node_hours=8, gang_nodes=4, release=at(3), **{"class": "rigid"})
    case = pool_case(10, 9, gang, rigid)
    case["sites"][0]["contracts"].append({"kind": "demand_charge", "name": "d", "rate_per_kw_month": 1})
    problem = opt.build(opt.scenario_from_dict(case))
    decisions = decisions_of(problem.compiled)
    blocks = {label: part.block for label, part in problem.parts.components.items()}

    def steps(variable: object) -> list[int]:
        columns = problem.compiled.columns(variable).reshape(-1)
        assert decisions.timed[columns].all()
        return decisions.step[columns].tolist()

    assert steps(blocks["p"].run) == [-1, 1, 3, 5, 7]
    assert steps(blocks["r"].start) == [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert steps(blocks["h"].idle) == list(range(9))
    assert not decisions.timed[problem.compiled.columns(blocks["d"].peak_mw)].any()
    first, second = (problem.compiled.columns(v).reshape(-1)[0] for v in (blocks["p"].run, blocks["r"].start))
    assert decisions.component[first] != decisions.component[second]


def test_the_sites_of_decisions() -> None:
    """Proves: what stands at a site has its number, what several share has none; of a single site all have the same."""
    shared = job("j", work_node_hours=8, pool=["a.h", "b.h"])
    two = opt.build(opt.scenario_from_dict(two_sites([10, 20], 4, shared)))
    blocks = two.parts.components
    places = decisions_of(two.compiled).place
    found = {
        label: places[two.compiled.columns(blocks[label].block.idle).reshape(-1)].tolist() for label in ("a.h", "b.h")
    }
    assert found == {"a.h": [0] * 4, "b.h": [1] * 4}
    assert set(places[two.compiled.columns(blocks["j"].block.progress).reshape(-1)].tolist()) == {-1}
    one = opt.build(opt.scenario_from_dict(pool_case(10, 4, job("j", work_node_hours=8))))
    assert set(decisions_of(one.compiled).place.tolist()) == {0}


def test_a_peak_spans_the_steps_it_is_over() -> None:
    """Proves: a column without a step spans those of the rows' columns, and money that follows from it alone spans the
    same; one that is in no row with any step spans all."""
    rows = [(-INF, [0, 1, 0, -1, 0, 0], 0.0), (-INF, [0, 0, 1, -1, 0, 0], 0.0), (-INF, [0, 0, 0, 2, -1, 0], 0.0)]
    arrays = arrays_of([3, 3, 3, 0, -1, 1], [*rows, (-INF, [0, 0, 0, 0, 0, 1.5], 1)], integer=[1, 1, 1, 0, 0, 1])
    decisions = Decisions(np.array([4, 5, 6, 0, 0, 0]), np.zeros(6, np.int64), np.arange(6) < 3, np.zeros(6, np.int64))
    whole = condensed(arrays)
    assert whole is not None
    spans = spans_of(arrays, decisions, whole)
    kept = whole.representatives().tolist()
    found = dict(zip(kept, zip(spans.first.tolist(), spans.last.tolist(), strict=True), strict=True))
    assert found == {1: (5, 5), 2: (6, 6), 3: (5, 6), 4: (5, 6)}
    assert spans.within(6, 7).tolist() == [False, True, True, True]


def test_windows_hold_few_decisions() -> None:
    """Proves: a window ends before the step that would be too much for it, and after its share of the time at most;
    a single step may hold more."""
    assert window_ends(np.array([0, 0, 1, 2, 2, 2, 3]), 3, 4) == [1.0, 2.0, 3.0, 4.0]
    assert window_ends(np.array([0, 0, 1, 2, 2, 2, 2, 3]), 3, 1) == [2.0, 3.0, 4.0]
    assert window_ends(np.array([7, 7]), 9, 3) == [8.0]


def test_groups_follow_each_other_and_overlap() -> None:
    """Proves: of three components, latest first, the groups hold the last two and then all but the last."""
    arrays = arrays_of(np.ones(6), [(-INF, np.ones(6), 3.0)])
    decisions = Decisions(
        np.array([0, 1, 4, 5, 8, 9]), np.array([0, 0, 1, 1, 2, 2]), np.ones(6, bool), np.zeros(6, np.int64)
    )
    small = condensed(arrays)
    assert small is not None
    spans = spans_of(arrays, decisions, small)
    groups = [np.flatnonzero(group).tolist() for group in groups_backward(spans, np.ones(6, bool), 3)]
    assert groups == [[2, 3, 4, 5], [0, 1, 2, 3], [0, 1]]


def test_a_part_counts_what_is_held() -> None:
    """Proves: of a + b + c <= 2 with b held at 0.75 the part leaves a <= 1.25 (c is held at 0), and its objective
    counts the 0.75 that b earns. The row of c alone is not in it. Sensitivity: a side that is not moved lets a be 2."""
    arrays = arrays_of([1, 1, 1], [(-INF, [1, 1, 1], 2.0), (-INF, [0, 0, 1], 1.0)], upper=2.0, integer=True)
    whole = Whole(arrays)
    part = whole.part(np.array([True, False, False]), np.array([9.0, 0.75, 0.0]), np.zeros(3, bool))
    assert part.arrays.size == {"rows": 1, "columns": 1, "nonzeros": 1, "integers": 0}
    assert part.arrays.row_upper.tolist() == [1.25]
    assert part.arrays.offset == 0.75
    assert part.put(np.array([1.25]), np.array([9.0, 0.75, 0.0])).tolist() == [1.25, 0.75, 0.0]
    assert whole.violation(np.array([1.25, 0.75, 0.0])) == 0.0
    assert whole.violation(np.array([1.5, 0.75, 0.0])) == 0.25 / 2.25


def test_the_columns_around_a_decision() -> None:
    """Proves: of two sites with a column in each of 20 steps, a decision of the first in step 10 has around it, for 7
    columns, the steps 8 to 14 of its own site (a third of the 6 to spare before it, two thirds behind) and what both
    share; with as many columns to spare as there are, all."""
    step = np.array([*range(20), *range(20), 19])
    first, place = np.array([*range(20), *range(20), 0]), np.array([0] * 20 + [1] * 20 + [-1])
    spans = Spans(first, step, step, np.zeros(41, np.int64), place)
    chosen = np.arange(41) == 10
    assert np.flatnonzero(spans.around(chosen, 7)).tolist() == [8, 9, 10, 11, 12, 13, 14, 40]
    assert spans.around(chosen, 41).all()
