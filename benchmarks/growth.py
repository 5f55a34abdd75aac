"""How time and memory grow with hours, sites and members: fitted exponents, pictures, and the largest cases.

Usage: ``python benchmarks/growth.py [FILE …] [--document] [--limits]`` with files that ``against_peers.py --json`` has
written (default: ``benchmarks/results/*.json``). Pictures need matplotlib (extra ``peers``).
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from peers.tables import OVERHEAD, into_document, memory_mb, size_name, table

BENCHMARKS = Path(__file__).parent
PICTURE = BENCHMARKS.parent / "docs" / "images" / "growth.svg"
DIMENSIONS = ("hours", "sites", "members")
FEWEST_CELLS = 3_000
"""Smaller problems cost what any problem costs, which says nothing about growth."""
COLOURS = {
    "this project": "#0b6e99", "floor": "#444444", "linopy": "#d9730d", "Pyomo, appsi": "#ad1a72",
    "Pyomo, solver": "#d05c9d", "PyPSA": "#0f7b6c",
}  # fmt: skip

Run = dict[str, Any]


def cells(run: Run) -> int:
    """Hours times sites times members."""
    return int(run["hours"] * run["sites"] * run["members"])


def overhead_s(run: Run) -> float:
    """CPU seconds of build, hand-over and results."""
    return float(run[OVERHEAD]["cpu_s"]["median"])


def exponents(runs: list[Run], of: Any) -> dict[str, float]:
    """Exponents of ``constant * hours^a * sites^b * members^c`` by least squares of the logarithms, and ``R²``.

    A dimension of which there is only one value is left out; empty with fewer runs than unknowns.
    """
    varied = [name for name in DIMENSIONS if len({run[name] for run in runs}) > 1]
    if len(runs) < len(varied) + 2:
        return {}
    matrix = np.array([[1.0, *(np.log(run[name]) for name in varied)] for run in runs])
    found = np.log([max(of(run), 1e-9) for run in runs])
    solution, *_ = np.linalg.lstsq(matrix, found)
    left = found - matrix @ solution
    spread = float(((found - found.mean()) ** 2).sum())
    r2 = 1.0 - float(left @ left) / spread if spread > 0 else 1.0
    return dict(zip(varied, solution[1:].tolist(), strict=True)) | {"R²": r2}


def growth_table(runs: list[Run]) -> str:
    """Exponents of time and memory by formulation."""
    rows = []
    for road in dict.fromkeys(run["road"] for run in runs):
        chosen = [run for run in runs if run["road"] == road and cells(run) >= FEWEST_CELLS]
        for what, of in (("time", overhead_s), ("memory", memory_mb)):
            fitted = exponents(chosen, of)
            if fitted:
                told = [f"{round(fitted[name], 2) + 0.0:.2f}" if name in fitted else "" for name in (*DIMENSIONS, "R²")]
                rows.append([f"{road}: {what}", *told, str(len(chosen))])
    if not rows:
        return "Too few sizes were measured."
    return table(["", *DIMENSIONS, "R²", "sizes"], rows)


def largest_table(runs: list[Run]) -> str:
    """The largest size of each formulation that was built, and that was solved."""
    rows = []
    for road in dict.fromkeys(run["road"] for run in runs):
        of_road = [run for run in runs if run["road"] == road]
        solved = [run for run in of_road if run["optimum"] is not None]
        for what, chosen in (("built", of_road), ("solved", solved)):
            if chosen:
                run = max(chosen, key=cells)
                solve = run["phases"]["solve"]["wall_s"]["median"] if "solve" in run["phases"] else None
                peak_gb = max(run["peak_mb"].values()) / 1024
                size = [size_name(run), f"{run['rows']:,}", f"{run['columns']:,}", f"{run['nonzeros']:,}"]
                solved_s = "" if solve is None or what == "built" else f"{solve:.0f}"
                rows.append([f"{road}: {what}", *size, f"{overhead_s(run):.1f}", solved_s, f"{peak_gb:.2f}"])
    header = ["", "hours × sites × members", "rows", "columns", "non-zeros"]
    return table([*header, "build to results, s", "HiGHS, s", "peak, GB"], rows)


def draw(runs: list[Run], file: Path) -> None:
    """Time and memory over the size, on logarithmic axes; a line joins the horizons of as many sites and members."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    plt.rcParams |= {"svg.hashsalt": "growth", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, of, label, fewest in (
        (axes[0], overhead_s, "build, hand-over and results, CPU s", 0),
        # what a small problem takes is lost in what the process has already
        (axes[1], memory_mb, "peak memory above the imports, MB", FEWEST_CELLS),
    ):
        lines: dict[tuple[str, int, int], list[Run]] = {}
        for run in sorted(runs, key=cells):
            if cells(run) >= fewest:
                lines.setdefault((run["road"], run["sites"], run["members"]), []).append(run)
        named: set[str] = set()
        for (road, _, _), chosen in lines.items():
            name = {} if road in named else {"label": road}
            named.add(road)
            values = [of(run) for run in chosen]
            axis.plot(
                list(map(cells, chosen)), values, "o-", color=COLOURS.get(road), linewidth=1.3, markersize=4, **name
            )
        scale = "log" if axis.has_data() else "linear"
        axis.set(xscale=scale, yscale=scale, xlabel="hours × sites × members", ylabel=label)
        for side in (axis.xaxis, axis.yaxis):
            side.set_minor_formatter(NullFormatter())
        axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def read_runs(files: list[Path]) -> list[Run]:
    """Runs of all files, other benchmarks' left out; of a size and formulation that stands in several, the last's."""
    found: dict[tuple[str, str], Run] = {}
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or "dispatch" not in content.get("benchmark", ""):
            continue
        for run in content["runs"]:
            found[run["road"], size_name(run)] = run
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--json", type=Path, help="file for the exponents")
    parser.add_argument("--document", action="store_true", help="rewrite the exponents in docs/benchmarks.md")
    parser.add_argument("--limits", action="store_true", help="rewrite the largest cases there, too")
    options = parser.parse_args()
    runs = read_runs(options.files or sorted((BENCHMARKS / "results").glob("*.json")))
    if not runs:
        raise SystemExit("no figures yet: run benchmarks/against_peers.py first")
    tables = {"growth": growth_table(runs), "limits": largest_table(runs)}
    for marker, text in tables.items():
        print(f"{text}\n")
        if options.document and (marker == "growth" or options.limits):
            into_document(marker, text)
    if options.json is not None:
        fitted = {
            road: {what: exponents([r for r in runs if r["road"] == road and cells(r) >= FEWEST_CELLS], of)
                   for what, of in (("time", overhead_s), ("memory", memory_mb))}
            for road in dict.fromkeys(run["road"] for run in runs)
        }  # fmt: skip
        options.json.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    if find_spec("matplotlib") is None:
        print("no picture: matplotlib is not installed (extra `peers`)")
    else:
        draw(runs, options.picture)


if __name__ == "__main__":
    main()
