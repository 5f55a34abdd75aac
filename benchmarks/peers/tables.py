"""The figures of the comparison as markdown tables, and their place in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peers.one_run import PHASES

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
OWN, FLOOR = "this project", "floor"
OVERHEAD = "build, hand over and results"

Run = dict[str, Any]


def into_document(marker: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers ``<!-- MARKER: begin -->`` and ``<!-- MARKER: end -->``.

    Raises ValueError if the document does not hold both.
    """
    page = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {marker}: begin -->", f"<!-- {marker}: end -->"
    before, found, rest = page.partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise ValueError(f"{document.name} does not hold {begin} … {end}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table whose first column is text."""
    lines = [" | ".join(header), " | ".join(["---", *["---:"] * (len(header) - 1)])]
    return "\n".join(f"| {line} |" for line in [*lines, *(" | ".join(row) for row in rows)])


def peers_tables(result: dict[str, Any]) -> str:
    """All tables of the comparison."""
    by_size = _by_size(result["runs"])
    told = result["machine"]
    system = (
        f"{told['processor']}, {told['cores']} cores, {told['memory_gb']} GB; Python {told['python']}, "
        + ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    )
    return "\n\n".join(
        [
            f"Measured on {system}; load average {told['load_average']} at the end.",
            "**Build, hand-over and results** (CPU time, medians; largest and smallest in brackets for this project):",
            _ratios(by_size, list(dict.fromkeys(run["road"] for run in result["runs"]))),
            "**By phase**, CPU ms (medians):",
            _phases(by_size),
            "**Peak memory** up to the results, without the solve where that is larger; MB above the process after its "
            "imports, which take what the last line says:",
            _memory(by_size, list(dict.fromkeys(run["road"] for run in result["runs"]))),
            "**Left out**: " + _left_out(result["left_out"]),
        ]
    )


def size_name(run: Run) -> str:
    """Hours x sites x members."""
    return f"{run['hours']} × {run['sites']} × {run['members']}"


def _by_size(runs: list[Run]) -> dict[str, dict[str, Run]]:
    found: dict[str, dict[str, Run]] = {}
    for run in runs:
        found.setdefault(size_name(run), {})[run["road"]] = run
    return found


def _cpu_s(run: Run, phase: str = OVERHEAD) -> float:
    spread = run[phase] if phase == OVERHEAD else run["phases"][phase]
    return float(spread["cpu_s"]["median"])


def _short(number: float) -> str:
    """Two or three digits that say something."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _ratios(by_size: dict[str, dict[str, Run]], roads: list[str]) -> str:
    peers = [road for road in roads if road not in (OWN, FLOOR)]
    header = ["hours × sites × members", "rows", "non-zeros", "floor, ms", "this project, ms", "times the floor"]
    header += [f"{road}, times ours" for road in peers]
    rows = []
    for name, found in by_size.items():
        if OWN not in found or FLOOR not in found:
            continue
        own, floor = found[OWN], found[FLOOR]
        spread = own[OVERHEAD]["cpu_s"]
        row = [
            name, f"{own['rows']:,}", f"{own['nonzeros']:,}", _short(_cpu_s(floor) * 1e3),
            f"{_short(_cpu_s(own) * 1e3)} ({_short(spread['min'] * 1e3)} … {_short(spread['max'] * 1e3)})",
            f"{_cpu_s(own) / _cpu_s(floor):.1f}",
        ]  # fmt: skip
        row += [_short(_cpu_s(found[road]) / _cpu_s(own)) if road in found else "" for road in peers]
        rows.append(row)
    return table(header, rows)


def _phases(by_size: dict[str, dict[str, Run]]) -> str:
    """The sizes at which most formulations were measured: the largest, and the one that is solved."""
    most = max(len(found) for found in by_size.values())
    shown = [name for name, found in by_size.items() if len(found) == most][-1:]
    solved = [name for name, found in by_size.items() if "solve" in next(iter(found.values()))["phases"]][-1:]
    rows = []
    for name in dict.fromkeys(solved + shown):
        for road, run in by_size[name].items():
            times = [_short(_cpu_s(run, phase) * 1e3) if phase in run["phases"] else "" for phase in PHASES]
            rows.append([f"{name}: {road}", f"{run['rows']:,}", f"{run['columns']:,}", f"{run['nonzeros']:,}", *times])
    return table(["", "rows", "columns", "non-zeros", *PHASES], rows)


def memory_mb(run: Run) -> float:
    """Peak of read, build, hand-over and results above the process after its imports; the solve is HiGHS's own."""
    peaks = run["peak_mb"]
    peak = peaks["hand over"] if "solve" in peaks else peaks["results"]
    return float(peak - run["baseline_mb"])


def _memory(by_size: dict[str, dict[str, Run]], roads: list[str]) -> str:
    rows = []
    for name, found in by_size.items():
        if FLOOR not in found or found[FLOOR]["nonzeros"] < 100_000:
            continue
        row = [f"{memory_mb(found[road]):,.0f}" if road in found else "" for road in roads]
        ratio = f"{memory_mb(found[OWN]) / memory_mb(found[FLOOR]):.2f}" if OWN in found else ""
        rows.append([name, *row, ratio])
    last = [
        next((f"{found[road]['baseline_mb']:,.0f}" for found in by_size.values() if road in found), "")
        for road in roads
    ]
    rows.append(["after the imports", *last, ""])
    return table(["", *roads, "this project / floor"], rows)


def _left_out(entries: list[dict[str, Any]]) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        size = entry["size"]
        name = f"{size['hours']} × {size['sites']} × {size['members']}"
        about = entry["reason"].startswith("about")
        reason = "would take too long or too much memory" if about else entry["reason"]
        reasons.setdefault((entry["road"], reason), []).append(f"{name} ({entry['reason']})" if about else name)
    if not reasons:
        return "nothing."
    return "; ".join(f"{road}, {reason}: {', '.join(names)}" for (road, reason), names in reasons.items()) + "."
