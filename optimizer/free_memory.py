"""Memory that this process may still take: the machine's, its control group's, its own limit; the least of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
"""Where the system's own files are looked for."""
STALE_AFTER_S = 0.5


def free_memory_bytes(root: Path = ROOT) -> float | None:
    """Bytes that may still be taken; None where the system does not say (then nothing is refused for its size).

    Of this system, what was read less than half a second ago is not read again: a run of small problems asks for it
    more often than it changes.
    """
    global _last
    now = time.monotonic()
    if root is ROOT and _last is not None and now - _last[0] < STALE_AFTER_S:
        return _last[1]
    found = [*_of_the_machine(root), *_of_control_groups(root), *_of_the_process(root)]
    free = min(found) if found else None
    if root is ROOT:
        _last = now, free
    return free


_last: tuple[float, float | None] | None = None
"""When the system was last asked, and what it said."""


def _of_the_machine(root: Path) -> Iterator[float]:
    lines = _lines(root / "proc/meminfo")
    told = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    if told:
        yield float(told[0]) * 1024
        return
    try:  # systems without /proc
        yield float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return


def _of_control_groups(root: Path) -> Iterator[float]:
    """What the groups of the process (versions 1 and 2) and those above them leave; inside a container the group's own
    folder is often the top one."""
    base = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, place = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = base / "memory" if controllers else base
        limit, used = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        )
        inner = top / place.strip().lstrip("/")
        for folder in (inner, *inner.parents):
            if folder == top.parent:
                break
            bytes_allowed, bytes_used = _number(folder / limit), _number(folder / used)
            if bytes_allowed is not None and bytes_used is not None:
                yield max(0.0, bytes_allowed - bytes_used + _given_back(folder))


def _given_back(folder: Path) -> float:
    """Files in the cache that the system drops when memory is needed; a group counts them as used."""
    told = [line.split()[1] for line in _lines(folder / "memory.stat") if line.startswith(("inactive_file ",))]
    return float(told[0]) if told else 0.0


def _of_the_process(root: Path) -> Iterator[float]:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    told = [line.split()[1] for line in _lines(root / "proc/self/status") if line.startswith("VmSize:")]
    if limit != resource.RLIM_INFINITY and told:
        yield max(0.0, limit - float(told[0]) * 1024)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _number(file: Path) -> float | None:
    lines = _lines(file)
    return float(lines[0]) if lines and lines[0].strip().isdigit() else None
