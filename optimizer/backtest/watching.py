"""Live progress of policies in processes of their own: what they write window by window is read along."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
PAUSE_S = 0.5
"""Between two looks at the files."""


@dataclass(frozen=True)
class Step:
    """How far a backtest has come: one window more of a policy, and the money that its windows book so far."""

    policy: str
    done: int
    total: int
    money: float


@dataclass
class Watched:
    """The checkpoint of one policy, read along while another process writes it."""

    policy: str
    path: Path
    total: int
    """Windows in all."""
    _read: int = 0
    _windows: int = 0
    _money: float = 0.0

    def news(self) -> Step | None:
        """How far the policy has come, where that is further than at the last call."""
        try:
            if self.path.stat().st_size < self._read:  # begun anew, or cut to where the solver forgets
                self._read, self._windows, self._money = 0, 0, 0.0
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
        except OSError:  # not there yet
            return None
        if not newline:
            return None
        before = self._windows
        for line in whole.split(b"\n"):
            self._take(line)
        self._read += len(whole) + 1
        return Step(self.policy, self._windows, self.total, self._money) if self._windows != before else None

    def _take(self, line: bytes) -> None:
        try:
            content = json.loads(json.loads(line)["content"])
            if "number" in content:  # the first line says what is backtested
                self._windows, self._money = self._windows + 1, self._money + sum(content["money"].values())
        except (ValueError, KeyError, TypeError):  # who goes on from it refuses it, with the reason
            log.debug("%s holds a line that cannot be read", self.path)


@contextmanager
def watched(files: Sequence[Watched], progress: Callable[[Step], None]) -> Iterator[None]:
    """Call ``progress``, from a thread, whenever a file has grown by a window, and once more at the end."""
    over = threading.Event()

    def look() -> None:
        for file in files:
            step = file.news()
            if step is not None:
                progress(step)

    def watch() -> None:
        while not over.wait(PAUSE_S):
            look()

    thread = threading.Thread(target=watch, name="optimizer-backtest-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


def windows_kept(folder: Path) -> int:
    """Windows in the checkpoints of a folder; 0 where there are none."""
    files = [Watched(path.stem, path, 0) for path in folder.glob("*.jsonl")]
    return sum(step.done for step in (file.news() for file in files) if step is not None)
