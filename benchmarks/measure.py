"""Wall and CPU time of repeated calls in this process; time and peak memory of commands in processes of their own."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LAUNCHER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - started
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""
"""Started by a small process: the peak memory of a new process counts that of the one it was forked from."""
PACKAGES = ("numpy", "scipy", "pandas", "pyomo", "highspy", "xarray", "pydantic", "linopy", "pypsa")


@dataclass
class Stopwatch:
    """Times by name, one entry per repetition: (wall seconds, CPU seconds of all threads)."""

    times: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.times[name].append((time.perf_counter() - wall, time.process_time() - cpu))

    def of(self, name: str, call: Callable[[], Any]) -> Any:
        """Result of a call that is measured."""
        with self.measuring(name):
            return call()

    def median(self, *names: str, clock: str = "wall_s") -> float:
        """Median over the repetitions of the sum of several phases."""
        column = 0 if clock == "wall_s" else 1
        repetitions = zip(*(self.times[name] for name in names), strict=True)
        return statistics.median(sum(times[column] for times in phases) for phases in repetitions)

    def table(self) -> dict[str, dict[str, Any]]:
        return {name: spread([t[0] for t in rows], [t[1] for t in rows]) for name, rows in self.times.items()}


def spread(wall: Sequence[float], cpu: Sequence[float]) -> dict[str, Any]:
    """Median and range of repeated times, seconds."""

    def described(values: Sequence[float]) -> dict[str, float]:
        return {"median": statistics.median(values), "min": min(values), "max": max(values)}

    return {"wall_s": described(wall), "cpu_s": described(cpu), "repetitions": len(wall)}


def command(
    arguments: Sequence[str | Path], repetitions: int, folder: Path, after: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Times and peak memory (largest of the repetitions) of a command; ``after`` is called after each repetition.

    Raises CalledProcessError if the command fails.
    """
    wall, cpu, peak_mb = [], [], []
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER]
    for _ in range(repetitions):
        told = subprocess.run([*launcher, *map(str, arguments)], cwd=folder, check=True, capture_output=True, text=True)
        code, seconds, cpu_s, peak_kib = json.loads(told.stdout)
        if code:
            raise subprocess.CalledProcessError(code, arguments, stderr=told.stderr)
        wall.append(seconds)
        cpu.append(cpu_s)
        peak_mb.append(peak_kib / 1024)
        if after is not None:
            after()
    return spread(wall, cpu) | {"peak_mb": max(peak_mb)}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in PACKAGES if find_spec(name) is not None},
    }
