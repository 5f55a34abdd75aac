"""Pools that differ: how fast a job runs on each, and when its data are there.

Work is counted in node-hours of a node at full speed. A node of pool ``p`` does ``speed[p]`` of it per hour
(``speed_by_pool``; 1 where nothing is said), so that one job may run on nodes of several types::

    pace[p,t] = speed[p] * nodes[p,t]

The data of a job lie at the pool ``data_at``; moving them to another pool takes ``data_move_hours`` from the job's
release (or from the start of the horizon, if it was released before), and the job starts there no earlier::

    nodes[p,t] = 0   in steps that begin before max(release, 0) + data_move_hours[p]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.component import Floats
from optimizer.named_pools import PoolName
from optimizer.quantities import Hours, Positive
from optimizer.workload import Workload


class JobPlaces(Workload):
    """Fields of a job that may run on different pools."""

    speed_by_pool: dict[PoolName, Positive] | None = None
    """Speed of a node by pool, ``{h100: 1.0, a100: 0.45}``, in nodes at full speed; 1 for pools not named."""
    data_at: PoolName | None = None
    """Pool at which the job's data lie."""
    data_move_hours: Hours | dict[PoolName, Hours] | None = None
    """Hours to bring the data to a pool other than ``data_at``; or by pool (0 for pools not named)."""

    @property
    def pool_names(self) -> list[str]:
        """Pools as the job names them, in their order."""
        return [self.pool] if isinstance(self.pool, str) else list(self.pool)

    @property
    def pool_speeds(self) -> Floats:
        """Full-speed nodes that a node of each pool is worth, (pools,)."""
        given = self.speed_by_pool or {}
        return np.array([given.get(name, 1.0) for name in self.pool_names])

    @property
    def move_hours(self) -> tuple[float, ...]:
        """Hours until the data are at each pool, by pool."""
        moves = self.data_move_hours
        if moves is None:
            return (0.0,) * len(self.pool_names)
        if isinstance(moves, dict):
            return tuple(0.0 if name == self.data_at else moves.get(name, 0.0) for name in self.pool_names)
        return tuple(0.0 if name == self.data_at else moves for name in self.pool_names)

    def place_problems(self) -> Iterator[str]:
        """Pools named by these fields on which the job does not run, and moves that say nothing."""
        known = self.pool_names
        for name in self.speed_by_pool or {}:
            if name not in known:
                yield f"speed_by_pool names {name}, on which the job does not run; must be {' or '.join(known)}"
        moves = self.data_move_hours
        if isinstance(moves, dict):
            for name in moves:
                if name not in known:
                    yield f"data_move_hours names {name}, on which the job does not run; must be {' or '.join(known)}"
            if self.data_at is not None and moves.get(self.data_at, 0.0) > 0:
                yield f"data_move_hours gives hours to {self.data_at}, where the data are already (data_at)"
        elif moves is not None and self.data_at is None:
            yield "data_move_hours: one number for all pools needs data_at, the pool at which the data lie"
        if self.data_at is not None and moves is None:
            yield "data_at needs data_move_hours: without them the data are everywhere at once"
