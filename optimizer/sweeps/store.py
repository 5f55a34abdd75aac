"""A sweep's folder: points are kept as they are solved, so that a sweep that was ended, however, can go on.

``manifest.json`` says what was asked for, ``points.jsonl`` holds one line per point, appended and forced to disk before
the next one. The results (``sweep.nc``, ``points.csv``) are made of them when all points are there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from optimizer.errors import InputError, OutputError, Problem, path_text, shown
from optimizer.output_folder import write_whole
from optimizer.sweeps.points import FAILED, Groundwork, Record
from optimizer.sweeps.variations import Variations

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FORMAT = 1
MANIFEST, POINTS, DATASET, TABLE = "manifest.json", "points.jsonl", "sweep.nc", "points.csv"
_MOST_SHOWN = 10


def manifest(ground: Groundwork, found: Variations, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """All that the points depend on: scenario, what its files hold, variations and versions."""
    return {
        "format": FORMAT,
        "scenario": ground.raw.data,
        "data": dict(fingerprints),
        "variations": {", ".join(axis.paths): [list(row) for row in axis.rows] for axis in found.axes},
        "versions": dict(ground.versions),
    }


class Store:
    """The folder of one sweep, open for one process at a time.

    Entering it raises InputError where the folder cannot be written, where another sweep is writing, where there is a
    sweep already that was not asked to go on, and where that sweep is another one (with the differences).
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any], points: int, *, resume: bool) -> None:
        self.folder = folder
        self.records: dict[int, Record] = {}
        """Points that an earlier run has finished, by number."""
        self._asked = json.loads(json.dumps(asked))  # as it will be read back: tuples are lists, and so on
        self._points = points
        self._resume = resume
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except OSError as error:
            self._close()
            raise self._refused(f"results cannot be written here: {error.strerror or error}") from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def keep(self, number: int, record: Record) -> None:
        """Add a point, for good: once this returns, not even a power cut loses it. Raises OutputError."""
        assert self._file is not None
        try:
            self._file.write(json.dumps({"point": number} | record).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(
                f"point {number} could not be written to {self.folder}: {error.strerror or error}; "
                "the points before it are kept"
            ) from error

    def write_results(self, dataset: xr.Dataset) -> None:
        """Write the results beside the points. Raises OutputError, with the points kept."""
        try:
            for name, content in (
                (DATASET, bytes(dataset.to_netcdf(engine="h5netcdf"))),
                (TABLE, point_table(dataset).to_csv(index=False, lineterminator="\n").encode()),
            ):
                partial = self.folder / f".{name}.partial"
                partial.write_bytes(content)
                partial.replace(self.folder / name)
        except OSError as error:
            raise OutputError(f"results could not be written to {self.folder}: {error.strerror or error}") from error

    def _open(self) -> None:
        known = self.folder / MANIFEST
        if known.is_file() and not self._resume:
            raise self._refused("holds a sweep already", hint="go on with --resume, or choose another folder")
        if not known.is_file() and (self.folder / POINTS).exists():
            raise self._refused(f"{POINTS} of other origin would be lost", hint="choose another folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / POINTS).open("ab")
        _lock(self._file, self)
        if known.is_file():
            self._compare(known)
            self._read_points()
        else:
            write_whole(known, json.dumps(self._asked, indent=1) + "\n", "the manifest of the sweep")

    def _compare(self, known: Path) -> None:
        """Refuse to mix points of two different sweeps."""
        try:
            before = json.loads(known.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._refused(f"{MANIFEST} cannot be read: {error}") from error
        found = list(differences(before, self._asked))
        if found:
            hint = "finish it as it was, or choose another folder"
            problems = [self._problem("holds another sweep than the one asked for", hint=hint)]
            problems += [Problem(place, what, file=MANIFEST) for place, what in found[:_MOST_SHOWN]]
            if len(found) > _MOST_SHOWN:
                problems.append(Problem("", f"{len(found) - _MOST_SHOWN} more differences", file=MANIFEST))
            raise InputError(problems)

    def _read_points(self) -> None:
        """Take the points that are complete; what was being written when the process was killed is cut off."""
        assert self._file is not None
        path, end = self.folder / POINTS, 0
        for line in path.read_bytes().splitlines(keepends=True):
            record = _record(line) if line.endswith(b"\n") else None
            if record is None:
                break
            end += len(line)
            number = record.pop("point")
            if not 0 <= number < self._points:
                raise self._refused(f"{POINTS} has point {number}, and the sweep has {self._points}")
            self.records[number] = record
        self._file.truncate(end)
        self.records = {n: record for n, record in self.records.items() if record["status"] != FAILED}

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _refused(self, message: str, **details: Any) -> InputError:
        return InputError([self._problem(message, **details)])

    def _problem(self, message: str, **details: Any) -> Problem:
        return Problem("", message, file=str(self.folder), **details)


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and {"point", "status"} <= record.keys() else None


def _lock(file: IO[bytes], store: Store) -> None:
    """Keep other sweeps out of the folder for as long as the file is open, or the process lives."""
    try:
        import fcntl
    except ImportError:  # not on every system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise store._refused("another sweep is writing here") from None


def differences(before: Any, now: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str, str]]:
    """Places at which two manifests differ, and how."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from differences(before.get(key, ...), now.get(key, ...), (*place, key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, (*place, number))
    elif before != now:
        if place[:1] == ("data",) and ... not in (before, now):
            yield str(place[-1]), "its content has changed"
        else:
            was, is_now = ("not there" if value is ... else shown(value) for value in (before, now))
            yield path_text(place), f"was {was}, is {is_now}"


def point_table(dataset: xr.Dataset) -> pd.DataFrame:
    """One row per point: what was varied, and every figure that is one number or text per point."""
    dims = dataset["status"].dims
    plain = dataset[[name for name, variable in dataset.data_vars.items() if variable.dims == dims]]
    table = plain.to_dataframe().reset_index()
    return table[list(dict.fromkeys([*plain.coords, *table.columns]))]
