"""How much memory a scenario will take to build and to solve, before it is built; one that will not fit is refused.

Rows, columns and entries are counted by compiling a few short windows of the scenario, spread over its horizon, and
scaled by steps. What each takes is measured (docs/solver.md): a program is held a few times over, as the rules'
entries, as the matrix, in HiGHS before and after its presolve, in factors, and as results.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import InputError, Problem
from optimizer.free_memory import free_memory_bytes
from optimizer.model import build_model, light_model
from optimizer.parts import place
from optimizer.rebasing import rebased, window
from optimizer.rebinding import UNTRACEABLE, LightCompiled
from optimizer.scenario import Scenario
from optimizer.start_plan import MANY_DECISIONS

log = logging.getLogger(__name__)

BYTES_PER_ENTRY, BYTES_PER_ROW, BYTES_PER_COLUMN = 320.0, 600.0, 600.0
"""Of a linear program, at the peak of building, solving (dual simplex) and reading the results."""
WHOLE_FACTOR = 1.5
"""By how much more is taken with whole decisions: HiGHS holds cuts, a tree and a second presolved problem."""
BYTES_PER_ENTRY_BY_WINDOWS = 620.0
"""Where HiGHS sees only the relaxation of the whole, and whole decisions window by window."""
WHOLE_BYTES = 40e6
"""What HiGHS takes for the search in any case."""
MOST_BYTES_PER_CELL = 40_000.0
"""More than any kind takes for a step and a member; where even this fits, nothing is counted."""
WINDOWS, MOST_CELLS_PER_WINDOW, LONGEST_WINDOW = 3, 20_000, 168
"""Windows that are compiled, and the most steps × members × components of each, and its most steps."""
USABLE = 0.9
"""Share of the free memory that may be planned with."""


@dataclass(frozen=True)
class Estimate:
    """Expected size of a scenario's arrays, and the memory for building and solving it."""

    rows: int
    columns: int
    entries: int
    whole: int
    """Whole decisions."""
    by_windows: bool = False
    """Whether whole decisions are taken window by window (``solver.start_plan``)."""

    @property
    def memory_bytes(self) -> float:
        """Memory at the peak, beyond what the process has taken with the scenario read."""
        if self.by_windows:
            return WHOLE_BYTES + BYTES_PER_ENTRY_BY_WINDOWS * self.entries
        linear = BYTES_PER_ENTRY * self.entries + BYTES_PER_ROW * self.rows + BYTES_PER_COLUMN * self.columns
        return WHOLE_BYTES + WHOLE_FACTOR * linear if self.whole else linear


def check_memory(scenario: Scenario) -> None:
    """Refuse a scenario that will not fit into the memory that is free. Raises InputError with the estimate."""
    free = free_memory_bytes()
    if free is None or MOST_BYTES_PER_CELL * cells(scenario) <= USABLE * free:
        return
    expected = estimate(scenario)
    log.debug("memory: %.2f GB expected, %.2f GB free", expected.memory_bytes / 1e9, free / 1e9)
    if expected.memory_bytes > USABLE * free:
        raise InputError([_refusal(scenario, expected, free)])


def cells(scenario: Scenario) -> int:
    """Steps × members × components: what the size of a scenario goes by."""
    listed = (scenario.contracts, scenario.workloads)
    of_sites = (
        entries for site in scenario.sites for entries in (site.assets, site.contracts, site.cooling, site.workloads)
    )
    components = len(scenario.sites) + sum(len(entries) for entries in (*listed, *of_sites))
    return scenario.horizon.steps * scenario.members * components


def estimate(scenario: Scenario) -> Estimate:
    """Size of a scenario, from windows spread over its horizon; exact where one window holds all of it."""
    steps = scenario.horizon.steps
    per_step = cells(scenario) // steps
    length = min(steps, LONGEST_WINDOW, max(1, MOST_CELLS_PER_WINDOW // per_step))
    count = min(WINDOWS, max(1, steps // length))
    firsts = [(steps - length) * number // max(1, count - 1) for number in range(count)]
    sizes = [_arrays(rebased(scenario, horizon=window(scenario, first, length))).size for first in firsts]
    scale = steps / (length * count)
    rows, columns, entries, whole = (
        round(scale * sum(size[name] for size in sizes)) for name in ("rows", "columns", "nonzeros", "integers")
    )
    asked = scenario.solver.start_plan
    return Estimate(rows, columns, entries, whole, asked is True or (asked == "auto" and whole >= MANY_DECISIONS))


def _arrays(scenario: Scenario) -> Arrays:
    parts, _ = place(scenario)
    try:
        return LightCompiled(light_model(scenario, parts)).arrays
    except UNTRACEABLE:  # as a build does then (optimizer.problem), which says so
        parts, _ = place(scenario)
        return Compiled(build_model(scenario, parts, fast=True), sampled_rows=0).arrays


def _refusal(scenario: Scenario, expected: Estimate, free: float) -> Problem:
    members = f" with {scenario.members} members" if scenario.members > 1 else ""
    message = (
        f"{scenario.horizon.steps} steps{members} at {len(scenario.sites)} site(s) need about "
        f"{expected.memory_bytes / 1e9:.1f} GB to plan ({expected.rows:,} rows, {expected.columns:,} columns, "
        f"{expected.entries:,} entries), and {free / 1e9:.1f} GB are free"
    )
    ways = ["plan a shorter horizon, in windows that follow each other"]
    if scenario.members > 1:
        ways.append("reduce the members of the ensemble")
    if len(scenario.sites) > 1:
        ways.append("plan sites that share nothing each by itself")
    return Problem("horizon.steps", message, hint="; ".join([*ways, "or use a machine with more memory"]))
