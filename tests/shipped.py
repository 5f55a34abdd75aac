"""The shipped scenarios, each solved once per test run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import optimizer as opt

FOLDER = Path(__file__).parents[1] / "scenarios"
STEMS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def solved(stem: str) -> tuple[opt.Problem, opt.Plan]:
    """Problem and audited plan of a shipped scenario."""
    problem = opt.build(opt.load(FOLDER / f"{stem}.yaml"))
    return problem, problem.solve()
