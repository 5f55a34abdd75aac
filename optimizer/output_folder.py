"""A folder that results are put into whole or not at all."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from optimizer.errors import InputError, OutputError, Problem

SUMMARY = "summary.json"
RESULT_FILES = (
    "dispatch.nc",
    "dispatch.csv",
    "ledger.csv",
    "meter.csv",
    "bill.csv",
    "carry.yaml",
    "inputs.nc",
    "explanation.nc",
    "scenario.yaml",
    "solver.log",
    "report.html",
    SUMMARY,
)
"""What a results folder holds, in the order in which it is put in: the summary, which says that all is there, last."""


class OutputFolder:
    """Files are made in a hidden folder inside ``folder`` and moved in together by :meth:`publish`.

    Leaving the ``with`` block without that leaves no trace, and results of an earlier run as they were. Entering
    raises InputError where the folder cannot be written or holds files of the same names that are no results: better
    before a long solve than after.
    """

    def __init__(
        self, folder: Path, files: tuple[str, ...] = RESULT_FILES, what: str = "results", *, replaces: bool = False
    ) -> None:
        """``replaces``: files of the same names are replaced, whatever they are."""
        self.folder = folder
        self.staging = folder
        self._files = files
        self._what = what
        self._replaces = replaces
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except OSError as error:
            self._clear()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutputError(f"{self._what} cannot be written to {self.folder}: {error.strerror}") from error
            raise self._refused(error.strerror or str(error)) from error
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def publish(self) -> None:
        """Move the complete files in, in place of an earlier run's; if that fails, all is as before."""
        replaced = self.staging / "replaced"
        replaced.mkdir()
        made = {path.name for path in self.staging.iterdir()} - {replaced.name}
        with uninterrupted():
            moved_out: list[str] = []
            moved_in: list[str] = []
            try:
                for name in reversed(self._files):
                    if (self.folder / name).exists():
                        (self.folder / name).replace(replaced / name)
                        moved_out.append(name)
                for name in [name for name in self._files if name in made]:
                    (self.staging / name).replace(self.folder / name)
                    moved_in.append(name)
            except OSError:
                for name in moved_in:
                    (self.folder / name).unlink()
                for name in reversed(moved_out):
                    (replaced / name).replace(self.folder / name)
                raise

    def _prepare(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise self._refused("it is a file")
        others = [name for name in self._files if (self.folder / name).exists()]
        if others and not self._replaces and not (SUMMARY in self._files and _holds_results(self.folder)):
            raise self._refused(f"{', '.join(others)} of other origin would be lost", hint="choose another folder")
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.folder))

    def _clear(self) -> None:
        with uninterrupted():
            if self.staging != self.folder:
                shutil.rmtree(self.staging, ignore_errors=True)
            with suppress(OSError):  # a folder that holds something by now stays
                for folder in self._made:
                    folder.rmdir()

    def _refused(self, why: str, hint: str | None = None) -> InputError:
        return InputError(
            [Problem("", f"{self._what} cannot be written here: {why}", hint=hint, file=str(self.folder))]
        )


def write_whole(path: Path, text: str, what: str) -> Path:
    """Write one file, whole or not at all, in place of one that is there; ``what`` names it in errors.

    Raises InputError where it cannot be written, OutputError where the disk is full; all is then as it was before.
    """
    if path.is_dir():
        raise InputError([Problem("", f"{what} cannot be written here: it is a folder", file=str(path))])
    with OutputFolder(path.parent, (path.name,), what, replaces=True) as output:
        try:
            (output.staging / path.name).write_text(text, encoding="utf-8")
            output.publish()
        except OSError as error:
            raise OutputError(f"{what} could not be written to {path}: {error.strerror or error}") from error
    return path


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    held: list[int] = []
    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda caught, _: held.append(caught))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for caught in held:
        signal.raise_signal(caught)


def _holds_results(folder: Path) -> bool:
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and {"format", "expected_profit", "ledger"} <= summary.keys()
