"""The first step, and the member, in which something holds: for messages about series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.frame import Frame


@dataclass(frozen=True)
class First:
    """Where a condition on (members, steps) first holds in time."""

    member: int
    step: int
    words: str
    """``at 2024-08-19T01:00-05:00 (2024-08-19T06:00Z) in member 1``; the member is left out where there is only one."""


def first(f: Frame, holds: NDArray[np.bool_]) -> First | None:
    """The first step in which ``holds`` (members, steps) is true of any member; None if it never is."""
    if not holds.any():
        return None
    step = int(np.argmax(holds.any(axis=0)))
    member = int(np.argmax(holds[:, step]))
    words = f"at {f.horizon.describe(f.horizon.utc[step])}"
    return First(member, step, words + (f" in member {member}" if f.members_count > 1 else ""))
