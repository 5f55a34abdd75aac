"""What has been done of a backtest, kept window by window, so that a run that was killed goes on where it was.

Each policy has a file with one line a window: the window as JSON, the large arrays packed, and a digest of the line
that takes in the digest of the line before. The first line says what is being backtested; a file of another scenario,
other data or another version, or one that was written to, is refused. A line that was cut off by a kill is dropped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, OutputError, Problem

FORMAT = 1
Floats = NDArray[np.float64]


@dataclass
class Checkpoint:
    """The windows of one policy on disk."""

    path: Path
    case: Mapping[str, str]
    """What is backtested: name and digest of each part that a result depends on."""

    def read(self) -> list[dict[str, Any]]:
        """The windows that are there; none where the file is not. Raises InputError for a file that does not fit."""
        if not self.path.is_file():
            return []
        lines = self.path.read_bytes().split(b"\n")
        windows: list[dict[str, Any]] = []
        digest, kept = "", 0
        for number, line in enumerate(lines):
            if not line:
                continue
            entry = self._entry(line, digest, number, is_last=number == len(lines) - 1)
            if entry is None:
                break
            digest, kept = entry["digest"], kept + len(line) + 1
            if number == 0:
                self._check_case(entry["content"])
            else:
                windows.append(entry["content"])
        there = self.path.stat().st_size
        with self.path.open("r+b") as file:
            if kept < there:
                file.truncate(kept)
            elif kept > there:  # killed before the end of the line
                file.seek(there)
                file.write(b"\n")
        self._digest, self._size = digest, kept
        return windows

    def start(self) -> None:
        """Begin a new file."""
        self._digest, self._size = "", 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        self.append({"format": FORMAT, "case": dict(self.case)})

    def cut(self, windows: int) -> None:
        """Keep only the first windows."""
        lines = self.path.read_bytes().split(b"\n")[: windows + 1]
        self._digest = json.loads(lines[-1])["digest"]
        temporary = self.path.with_suffix(".tmp")
        self._size = temporary.write_bytes(b"\n".join(lines) + b"\n")
        temporary.replace(self.path)

    def append(self, content: Mapping[str, Any]) -> None:
        """Add a line, and see to it that it is on the disk."""
        text = json.dumps(content, separators=(",", ":"))
        self._digest = _digest(self._digest, text)
        line = json.dumps({"digest": self._digest, "content": text}).encode() + b"\n"
        try:
            with self.path.open("ab") as file:
                if file.tell() != self._size:
                    raise OutputError(f"the checkpoint {self.path} is being written by another run")
                self._size += file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"the checkpoint {self.path} cannot be written: {error.strerror}") from error

    def _entry(self, line: bytes, before: str, number: int, *, is_last: bool) -> dict[str, Any] | None:
        """A line's content; None for a last one that was cut off. Raises InputError for one that was changed."""
        try:
            entry = json.loads(line)
            text, digest = entry["content"], entry["digest"]
            content = json.loads(text)
        except (ValueError, KeyError, TypeError):
            if is_last and number:
                return None
            raise self._refusal(f"line {number + 1} is not what was written there") from None
        if digest != _digest(before, text):
            raise self._refusal(f"line {number + 1} does not follow from the line before it")
        return {"digest": digest, "content": content}

    def _check_case(self, content: Any) -> None:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise self._refusal("it is no checkpoint of this version")
        there = content["case"]
        changed = [name for name in {**there, **self.case} if there.get(name) != self.case.get(name)]
        if changed:
            raise self._refusal(f"it is of another case: other {', '.join(changed)}")

    def _refusal(self, why: str) -> InputError:
        hint = "delete it, or write to another folder"
        return InputError(
            [Problem("", f"the checkpoint cannot be gone on from: {why}", hint=hint, file=str(self.path))]
        )


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """An array for a line, exactly."""
    content = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 3)).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": content}


def unpacked(entry: Mapping[str, Any]) -> NDArray[Any]:
    """The array of :func:`packed`."""
    content = zlib.decompress(base64.b64decode(entry["data"]))
    return np.frombuffer(content, np.dtype(entry["dtype"])).reshape(entry["shape"]).copy()


def digest_of(*contents: bytes | str) -> str:
    """A digest of contents, in hexadecimal."""
    found = hashlib.sha256()
    for content in contents:
        found.update(content.encode() if isinstance(content, str) else content)
        found.update(b"\0")
    return found.hexdigest()


def _digest(before: str, text: str) -> str:
    return digest_of(before, text)[:24]
