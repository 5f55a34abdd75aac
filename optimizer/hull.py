"""Upper concave envelopes: the part of a power (or size) curve that an optimal plan can use."""

from __future__ import annotations

from collections.abc import Sequence


def upper_hull(points: Sequence[tuple[float, float]], *, rising: bool = True) -> list[int]:
    """Indices of the points on the upper concave envelope, by rising x.

    Mixing two neighbouring points of the envelope beats every point between and below them; such points are
    dominated. Points on a straight line between neighbours are dropped too: they add nothing. ``rising`` also drops
    what comes after the highest point, which is right where more of x is never worth anything by itself (it is not
    where x is power that somebody pays to be drawn).
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    kept: list[int] = []
    for index in order:
        x, y = points[index]
        if kept and (x == points[kept[-1]][0] or (rising and y <= points[kept[-1]][1])):
            continue
        while len(kept) >= 2 and _slope(points[kept[-2]], points[kept[-1]]) <= _slope(points[kept[-1]], (x, y)):
            kept.pop()
        kept.append(index)
    return kept


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])
