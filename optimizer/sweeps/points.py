"""One point of a sweep, solved: what a worker does, in this process, in one of its own, or on a cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from optimizer import __version__
from optimizer.data_files import Tables, tables_of
from optimizer.errors import InputError, OptimizerError, WithoutPlanError
from optimizer.loading import checked, read_raw
from optimizer.parallel import Done
from optimizer.scenario import Scenario
from optimizer.scenario_file import RawScenario
from optimizer.summary import PACKAGES
from optimizer.sweeps.files import FilesAtHand
from optimizer.sweeps.reading import Reader

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from optimizer.problem import Problem
    from optimizer.solving import Memory

log = logging.getLogger("optimizer")
Record = dict[str, Any]
"""What is kept of a point: plain data, as JSON can hold it."""
TAKEN = (
    "objective", "expected_profit", "cvar", "bound", "mip_gap", "stopped_by", "road", "energy_mwh", "ledger",
    "peak_import_mw", "peak_import_mw_by_site", "work_done", "served_fraction", "co2_t",
)  # fmt: skip
"""Figures of the plan's summary that are kept."""
FAILED = "failed"
"""Status of a point whose solution failed for reasons beside the scenario; it is tried again when a sweep goes on."""
_THREADS = "solver.threads"


@dataclass(frozen=True)
class Groundwork:
    """What all points of a sweep have in common; all of it can be sent to another process, or another machine."""

    raw: RawScenario
    """The scenario as it is written."""
    folder: Path
    """Folder against which its data files are meant."""
    tables: Mapping[Path, Tables]
    """The data files, as far as they have been read."""
    small: Mapping[str, bytes]
    """Its other files (tariffs), by the name under which the scenario refers to them."""
    reference: Mapping[str, Any]
    """Values of the point from whose solution HiGHS starts all others (:class:`PointSolver`)."""
    versions: Mapping[str, str]
    """Versions with which all points are to be solved."""


@dataclass(frozen=True)
class Point:
    """Values by path, and whether the scenario with these values has been accepted already."""

    values: Mapping[str, Any]
    is_accepted: bool = False


Solve = Callable[[Iterable[Point], Groundwork], Generator[Done[Record], None, None]]
"""Solves points, each yielded as soon as it is done."""


def groundwork(scenario: Scenario | str | Path) -> tuple[Groundwork, Reader, Scenario]:
    """Read a scenario, once: what is the same at all points, what reads points, and the scenario itself.

    Raises InputError if it is refused; its warnings are logged.

    A scenario that is an object stands for itself: where its data files are gone or say something else by now, its
    series are taken from it, under the names of the places where they stand.
    """
    if isinstance(scenario, Scenario):
        raw, folder, tables = taken_apart(scenario)
    else:
        raw = read_raw(scenario)
        folder, tables = raw.folder, {}
    ground = Groundwork(raw, folder, tables, {}, {}, versions())
    reader = Reader(ground)
    base = reader.scenario(raw)
    for warning in base.warnings:
        log.warning("%s", warning)
    return ground, reader, base


def taken_apart(scenario: Scenario) -> tuple[RawScenario, Path, dict[Path, Tables]]:
    """A scenario as plain data, the folder of its files, and tables of those that are not to be read any more."""
    from optimizer.plan_files import resolved

    raw = RawScenario(scenario.model_dump(mode="json", by_alias=True, exclude_unset=True), path=scenario._file)
    try:
        again = checked(raw, scenario._folder)
    except InputError:
        again = None
    if again is not None and _same(again, scenario):
        return raw, scenario._folder, {}
    document, inputs = resolved(scenario)
    tables = {} if inputs is None else {scenario._folder / "inputs.nc": tables_of(inputs)}
    return RawScenario(document, path=scenario._file), scenario._folder, tables


def _same(one: Any, other: Any) -> bool:
    """Whether two scenarios, or parts of them, say the same; pydantic's own comparison would also look at what has been
    worked out from the fields, and arrays of that have no single truth."""
    if isinstance(one, BaseModel):
        names = type(one).model_fields
        return type(one) is type(other) and all(_same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return bool(one == other)


def versions() -> dict[str, str]:
    """Versions of what a plan depends on."""
    return {"optimizer": __version__} | {name: version(name) for name in PACKAGES}


def make_ready(ground: Groundwork) -> Callable[[Point], Record]:
    """A worker's function."""
    return PointSolver(ground).record


class PointSolver:
    """Solves points, one after the other, each bound anew to the structure of the one before.

    Before the first one, each worker solves the reference point for itself, and HiGHS starts every point from what that
    has left. Were it to start from the point before, a plan within the asked gap could depend on which points the same
    worker has happened to solve, and a sweep that was resumed would differ.
    """

    def __init__(self, ground: Groundwork) -> None:
        found = versions()
        if found != ground.versions:
            raise RuntimeError(f"this worker has other versions: {found}, not {dict(ground.versions)}")
        self._ground = ground
        self._files = FilesAtHand(ground.folder, ground.small, ground.tables)
        self._reader = Reader(replace(ground, folder=self._files.folder, tables=self._files.tables))
        self._last: Problem | None = None
        self._start: tuple[Memory, tuple[int, ...]] | None = None

    def record(self, point: Point) -> Record:
        """What is kept of a point; failures are told by its ``status`` and ``reason``."""
        started, cpu = time.perf_counter(), time.process_time()
        figures: Record = {}
        try:
            with _quietly():
                plan = self._plan(point)
        except InputError as error:
            status, reason = "refused", str(error)
        except WithoutPlanError as error:
            status, reason = error.status, str(error)
        except OptimizerError as error:
            status, reason = FAILED, str(error)
        except Exception as error:
            log.debug("point %s", dict(point.values), exc_info=True)
            status, reason = FAILED, f"{type(error).__name__}: {error}"
        else:
            found = plan.figures
            status, reason = plan.status, "" if plan.status == "optimal" else f"stopped: {found['stopped_by']}"
            figures = {name: found[name] for name in TAKEN if found.get(name) is not None}
            figures["solve_s"] = found["timing_s"]["solve"]
        spent = {"point_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}
        return {"status": status, "reason": reason} | figures | spent

    def _plan(self, point: Point) -> Plan:
        from optimizer.problem import build
        from optimizer.solving import Memory

        if self._start is None:
            self._start = self._reference()
        left, shape = self._start
        self._last = problem = build(self._scenario(point), like=self._last)
        fits = problem.arrays.matrix.shape == shape
        problem.go_on_from(copy(left) if fits else Memory())
        return _uninterrupted(problem.solve())

    def _reference(self) -> tuple[Memory, tuple[int, ...]]:
        """What the solution of the reference point has left, and the shape of its matrix; nothing if it has no plan."""
        from optimizer.problem import build
        from optimizer.solving import Memory

        try:
            self._last = build(self._scenario(Point(self._ground.reference)))
            _uninterrupted(self._last.solve())
        except Exception:  # told where the point itself is solved
            return Memory(), ()
        return copy(self._last.memory), self._last.arrays.matrix.shape

    def _scenario(self, point: Point) -> Scenario:
        scenario = self._reader.at(point.values, is_accepted=point.is_accepted)
        if _THREADS in point.values:
            return scenario
        return scenario.model_copy(update={"solver": scenario.solver.model_copy(update={"threads": 1})})


def _uninterrupted(plan: Plan) -> Plan:
    """The plan, unless Ctrl-C has cut its search short: a sweep keeps no such points."""
    if plan.figures["stopped_by"] == "interrupt":
        raise KeyboardInterrupt
    return plan


@contextmanager
def _quietly() -> Iterator[None]:
    """No warnings of single points: what they would say stands in their records."""
    level = log.level
    log.setLevel(max(logging.ERROR, log.getEffectiveLevel()))
    try:
        yield
    finally:
        log.setLevel(level)
