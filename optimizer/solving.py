"""Which road leads from the arrays to a plan, and what one solve leaves for the next.

Every road ends in an :class:`~optimizer.highs.Outcome` with the plan, a proven bound and the name of the road. What is
learnt on the way (a basis, the plan) is kept in a :class:`Memory`, which problems of one structure share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.highs import Outcome, Progress, solve
from optimizer.mip_road import solve_whole
from optimizer.start_plan import decisions_of, solve_from_start, worth_it

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

Floats = NDArray[np.float64]


@dataclass
class Memory:
    """What earlier solves of problems with the same rows and columns have left. Never changes what is optimal."""

    basis: Any = field(default=None, repr=False)
    """HiGHS's basis of the linear relaxation, to go on from."""
    values: Floats | None = field(default=None, repr=False)
    """Values of the columns in the last plan."""
    before: Floats | None = None
    """Whole decisions of the plan before, by column, to begin with; NaN where it says nothing of one."""


def find_plan(
    arrays: Arrays,
    options: SolverOptions,
    *,
    compiled: Compiled | None = None,
    memory: Memory | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """The best plan for the arrays with its proven bound, by the road that suits them.

    ``compiled`` says what the columns are (None where a user has changed the model); ``memory`` is read and written.
    """
    if not arrays.integer.any():
        outcome = solve(arrays, options, progress=progress)
        outcome.road = "linear program"
    elif compiled is not None and worth_it(arrays, options):
        outcome = solve_from_start(arrays, decisions_of(compiled), options, progress=progress)
    elif options.rounding:
        known = Memory() if memory is None else memory
        outcome, basis = solve_whole(arrays, options, basis=known.basis, before=known.before, progress=progress)
        if basis is not None:
            known.basis = basis
    else:
        outcome = solve(arrays, options, progress=progress)
    if memory is not None and outcome.values is not None:
        memory.values = outcome.values
    return outcome
