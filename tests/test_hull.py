"""Upper envelopes: the measured ladder, ties, and what holds for any points."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optimizer.hull import upper_hull

LADDER = [(1740, 65), (1800, 70), (1850, 76), (2000, 80), (2150, 83), (2300, 87), (2500, 92), (2700, 96), (2970, 100)]

Points = list[tuple[float, float]]
whole = st.integers(0, 40).map(float)
points_of_a_curve = st.lists(st.tuples(whole, whole), min_size=1, max_size=12)


def test_the_measured_ladder() -> None:
    """Proves: from the origin the hull keeps 1850, 2000, 2500, 2700 and 2970 W. Sensitivity: the lower hull keeps
    1740 W."""
    points: Points = [(0.0, 0.0), *LADDER]
    assert [points[i][0] for i in upper_hull(points)] == [0, 1850, 2000, 2500, 2700, 2970]


def test_break_evens_of_the_ladder() -> None:
    """Proves: 1000 * HP / (24 * marginal J/TH) at HP = 40 is 44.4, 40.0, 33.3 and 24.7 for the steps beyond 1850 W."""
    points: Points = [(0.0, 0.0), *LADDER]
    kept = [points[i] for i in upper_hull(points)]
    marginal = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(kept)]
    assert [1000 * 40 / (24 * m) for m in marginal[1:]] == pytest.approx([44.444, 40.0, 33.333, 24.691], abs=1e-3)


def test_without_the_origin_the_lowest_step_is_an_end_of_the_curve() -> None:
    assert [LADDER[i][0] for i in upper_hull(LADDER)] == [1740, 1850, 2000, 2500, 2700, 2970]


@pytest.mark.parametrize(
    ("points", "rising", "every"),
    [
        ([(1, 1)], [0], [0]),
        ([(0, 0), (1, 1), (2, 2)], [0, 2], [0, 2]),
        ([(2, 2), (0, 0), (1, 1.5)], [1, 2, 0], [1, 2, 0]),
        ([(0, 0), (1, 5), (2, 5)], [0, 1], [0, 1, 2]),
        ([(0, 0), (1, 5), (2, 3)], [0, 1], [0, 1, 2]),
        ([(0, 0), (1, 5), (2, 3), (3, 3)], [0, 1], [0, 1, 3]),
        ([(1, 3), (1, 5)], [1], [1]),
        ([(1, 5), (1, 5), (0, 0)], [2, 0], [2, 0]),
    ],
)
def test_ties_lines_and_falling_ends(points: Points, rising: list[int], every: list[int]) -> None:
    assert upper_hull(points) == rising
    assert upper_hull(points, rising=False) == every


@given(points_of_a_curve, st.integers(0, 40).map(lambda n: n / 8))
@example([(0.0, 0.0), (1.0, 1.0), (1.0, 2.0)], 0.5)
def test_no_point_beats_the_hull_at_any_cost_of_x(points: Points, cost: float) -> None:
    """Proves: whatever x costs, a kept point is as good as any; of a falling curve too, where x may earn something."""
    kept = [points[i] for i in upper_hull(points)]
    assert max(y - cost * x for x, y in kept) == pytest.approx(max(y - cost * x for x, y in points))
    kept = [points[i] for i in upper_hull(points, rising=False)]
    for slope in (cost, -cost):
        assert max(y - slope * x for x, y in kept) == pytest.approx(max(y - slope * x for x, y in points))


@given(points_of_a_curve)
def test_kept_points_bend_downwards(points: Points) -> None:
    """Proves: x rises and slopes fall strictly, so each kept point is best at some cost: none could be left out."""
    for rising in (True, False):
        kept = [points[i] for i in upper_hull(points, rising=rising)]
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(kept)]
        assert all(a > b for a, b in pairwise(slopes))
        assert not rising or all(slope > 0 for slope in slopes)
