"""Speed of a training job by the number of its nodes: the concave envelope of a scaling table.

A table of ``(nodes, equivalent)`` says how many nodes at full speed a job on ``nodes`` nodes is worth. Between two
points a job may share its time between both sizes, so only the upper concave envelope (from (0, 0)) counts; beyond the
last point more nodes do not help::

    speed <= slope_k * nodes + intercept_k      for every piece k of the envelope
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.component import Floats
from optimizer.hull import upper_hull


@dataclass(frozen=True)
class Scaling:
    """Points of the envelope by rising number of nodes; the first is (0, 0)."""

    nodes: Floats
    equivalent: Floats

    def speed(self, nodes: float | Floats) -> Floats:
        """Full-speed nodes that a number of nodes is worth."""
        return np.asarray(np.interp(np.asarray(nodes, np.float64), self.nodes, self.equivalent), np.float64)

    @property
    def pieces(self) -> tuple[Floats, Floats]:
        """Slopes and intercepts of the envelope, the last piece level."""
        slopes = np.append(np.diff(self.equivalent) / np.diff(self.nodes), 0.0)
        return slopes, self.equivalent - slopes * self.nodes


def scaling_of(table: Sequence[tuple[float, float]], speed_left: float = 1.0) -> Scaling:
    """The envelope of a table, with the share of the speed that other losses leave."""
    points = [(0.0, 0.0), *((float(n), float(e)) for n, e in table)]
    kept = upper_hull(points)
    return Scaling(np.array([points[i][0] for i in kept]), np.array([points[i][1] for i in kept]) * speed_left)


def dominated(table: Sequence[tuple[float, float]]) -> list[float]:
    """Numbers of nodes in a table that lie below the envelope."""
    envelope = scaling_of(table)
    return [n for n, equivalent in table if equivalent < float(envelope.speed(n)) * (1 - 1e-9)]
