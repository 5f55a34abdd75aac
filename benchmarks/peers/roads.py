"""The formulations that are compared, by name, and the packages that each needs beside those of this project."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dispatch_case import Size


@dataclass(frozen=True)
class Entry:
    """Where a formulation is found."""

    module: str
    name: str
    needs: tuple[str, ...] = ()
    one_member_only: bool = False
    same_rows: bool = True
    """Whether rows and columns are one by one those of the other formulations."""


ROADS = {
    "this project": Entry("peers.this_project", "ThisProject"),
    "floor": Entry("peers.floor", "Floor"),
    "linopy": Entry("peers.with_linopy", "WithLinopy", ("linopy",)),
    "Pyomo, appsi": Entry("peers.ordinary_pyomo", "PyomoAppsi"),
    "Pyomo, solver": Entry("peers.ordinary_pyomo", "PyomoSolver"),
    "PyPSA": Entry("peers.with_pypsa", "WithPypsa", ("pypsa", "linopy"), one_member_only=True, same_rows=False),
}


def road(name: str) -> Any:
    """A new formulation; ModuleNotFoundError where a package is missing."""
    entry = ROADS[name]
    return getattr(import_module(entry.module), entry.name)()


def why_not(name: str, size: Size) -> str | None:
    """Why a formulation cannot be measured at a size, or None."""
    entry = ROADS[name]
    missing = [package for package in entry.needs if find_spec(package) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    if entry.one_member_only and size.members > 1:
        return "has no here-and-now position by step, so one member only"
    return None
