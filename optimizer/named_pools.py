"""The pools that a workload names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from optimizer.component import Floats
from optimizer.frame import Frame, Part

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool

PoolName = Annotated[
    str, Field(strict=True, pattern=r"^([A-Za-z][A-Za-z0-9_-]*\.)?[A-Za-z][A-Za-z0-9_-]*$", max_length=129)
]


def pool_of(part: Part) -> GpuPool:
    """The pool that a reference resolved to."""
    pool: GpuPool = part.component  # type: ignore[assignment]
    return pool


def nodes_available(f: Frame) -> Floats:
    """Nodes of each pool that a workload names, (pools, members, steps)."""
    return np.stack([pool_of(part).available_nodes(part.frame) for part in f.hosts("pool")])
