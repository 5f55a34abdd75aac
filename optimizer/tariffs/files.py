"""Tariff files by their suffix: a record of the Utility Rate Database (JSON), or a window table (CSV)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optimizer.errors import did_you_mean, with_hint
from optimizer.tariffs import TariffFileError
from optimizer.tariffs.urdb import read_urdb
from optimizer.tariffs.window_table import read_window_table

_LARGEST_BYTES = 16 * 1024**2
_SUFFIXES = (".json", ".csv")


def read_tariff(path: Path) -> list[dict[str, Any]]:
    """The charges of a tariff file, as a scenario file would list them.

    Raises :class:`TariffFileError` with everything for which the file is refused.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise TariffFileError([f"unknown kind of tariff file; must be one of {', '.join(_SUFFIXES)}"])
    text = _text(path)
    if not text.strip():
        raise TariffFileError(["is empty"])
    return read_window_table(text) if path.suffix.lower() == ".csv" else read_urdb(_parsed(text))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:  # one byte more than allowed tells that there is too much, also from a pipe
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        beside = path.parent.iterdir() if path.parent.is_dir() else iter(())
        hint = did_you_mean(path.name, (other.name for other in beside if other.is_file()))
        raise TariffFileError([with_hint("the file is not there", hint)]) from None
    except IsADirectoryError:
        raise TariffFileError(["is a folder, not a tariff file"]) from None
    except OSError as error:
        raise TariffFileError([f"cannot be read: {error.strerror}"]) from error
    if len(content) > _LARGEST_BYTES:
        raise TariffFileError([f"is larger than {_LARGEST_BYTES // 1024**2} MiB"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TariffFileError([f"row {line}: is not UTF-8 text; save the file as UTF-8"]) from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise TariffFileError(["is nested too deeply"]) from None
    except json.JSONDecodeError as error:
        raise TariffFileError([f"is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"]) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TariffFileError([f"{twice}: is there twice"])
    return found


def _refuse_constant(name: str) -> None:
    raise TariffFileError([f"found {name}; must be a finite number"])
