"""What is said of a search that was stopped before it had a plan."""

from __future__ import annotations

import numpy as np
import pytest
from test_highs import hard

from optimizer.highs import Outcome, solve
from optimizer.scenario import SolverOptions
from optimizer.stopped_early import without_plan


def outcome(bound: float, bound_after_s: float) -> Outcome:
    return Outcome(
        "no_plan", "time limit reached", np.nan, bound, np.inf, None, seconds=12.34, bound_after_s=bound_after_s
    )


@pytest.mark.parametrize(
    ("found", "whole", "said", "advised"),
    [
        (
            outcome(1234.5, 7.04),
            3,
            "the linear relaxation took 7.0 s, no plan can earn more than 1,234.50.",
            "now 12); accept a coarser goal (solver.mip_rel_gap); have a first plan made window by window",
        ),
        (
            outcome(np.inf, np.nan),
            3,
            "the linear relaxation was not solved to its end, nothing is proven.",
            "now 12); plan a shorter horizon or fewer members",
        ),
        (
            outcome(1234.5, np.nan),
            0,
            "the linear program was not solved to its end, no plan can earn more than 1,234.50.",
            "now 12); plan a shorter horizon or fewer members",
        ),
    ],
)
def test_words(found: Outcome, whole: int, said: str, advised: str) -> None:
    """Proves: what was reached (bound, seconds of the relaxation) is said, and only what can help is advised: a coarser
    gap is of no use to somebody whose relaxation was not solved."""
    text = without_plan(found, SolverOptions(time_limit_s=12.0, start_plan=False), whole)
    assert text.startswith("HiGHS stopped (time limit reached) after 12.3 s before it found a plan; ")
    assert said in text
    assert advised in text
    assert ("coarser" in text) == np.isfinite(found.bound_after_s)


def test_a_search_that_is_really_stopped() -> None:
    stopped = solve(hard(), SolverOptions(time_limit_s=1e-6, threads=1))
    assert "the linear relaxation was not solved to its end" in without_plan(stopped, SolverOptions(), 60)
