"""The files to which a scenario, or a point of a sweep, refers: what they hold, and having them where they are not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from optimizer.data_files import Tables
from optimizer.sweeps.variations import Variations


def read_files(data: Mapping[str, Any], found: Variations, folder: Path) -> dict[str, bytes]:
    """Content of all files that are named in the scenario, or are a value that is varied, by the name given there."""
    values = {value for axis in found.axes for row in axis.rows for value in row if isinstance(value, str)}
    content: dict[str, bytes] = {}
    for name in sorted({*_named(data), *values}):
        with suppress(OSError, ValueError):  # a text that is no file's name, or not that of a readable one
            if (folder / name).is_file():
                content[name] = (folder / name).read_bytes()
    return content


def fingerprints(content: Mapping[str, bytes], tables: Mapping[Path, Tables]) -> dict[str, str]:
    """Hashes of the content of files, and of the series of a scenario whose files are gone."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    for path, parts in tables.items():
        if not path.is_file():
            rows = [pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes() for table in parts.values()]
            hashes[path.name] = hashlib.sha256(b"".join(rows)).hexdigest()
    return hashes


class FilesAtHand:
    """A folder with the given small files, and the tables of data files as if they had been read from there.

    Where they are all there already, that is the folder in which they are; on another machine, one that lives as long
    as this object.
    """

    def __init__(self, folder: Path, small: Mapping[str, bytes], tables: Mapping[Path, Tables]) -> None:
        self.folder, self.tables = folder, dict(tables)
        self._own: TemporaryDirectory[str] | None = None
        if all((folder / name).is_file() for name in small):
            return
        self._own = TemporaryDirectory(prefix="optimizer-sweep-")
        self.folder = Path(self._own.name)
        for name, content in small.items():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                continue  # it would not be in the folder: told where it is missed
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        self.tables |= {_moved(path, folder, self.folder): table for path, table in tables.items()}

    def close(self) -> None:
        """Remove a folder that was made."""
        if self._own is not None:
            self._own.cleanup()


def without_data(content: Mapping[str, bytes], tables: Iterable[Path], folder: Path) -> dict[str, bytes]:
    """The files that are not data files, which travel as tables."""
    read = set(tables)
    return {name: data for name, data in content.items() if folder / name not in read}


def _moved(path: Path, old: Path, new: Path) -> Path:
    return new / path.relative_to(old) if path.is_relative_to(old) else path


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value["file"]
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)
