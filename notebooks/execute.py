"""Runs every notebook of this folder from a clean kernel; an error in a cell ends with exit code 1. Writes nothing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
CELL_TIMEOUT_S = 300


def main() -> int:
    """Run them all; returns 1 if one fails."""
    failed = False
    for path in sorted(FOLDER.glob("*.ipynb")):
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        where = {"metadata": {"path": str(FOLDER)}}
        client = NotebookClient(notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=where)
        try:
            client.execute()
        except CellExecutionError as error:
            failed = True
            print(f"{path.name}: failed\n{error}", file=sys.stderr)
            continue
        print(f"{path.name}: {time.perf_counter() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
