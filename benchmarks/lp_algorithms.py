"""Which algorithm of HiGHS solves the linear programs of this project fastest, by size and shape, and how exactly.

Two families: ``dispatch`` (dispatch_case.py: miners, GPU rent, a battery and a day-ahead position, generated prices; a
linear program) and ``campus`` (year.py: real prices of 2024, jobs, commitment, peaks; its linear relaxation, which is
the root of the MIP road). Every run is in a process of its own, so that its peak memory is its own; times are CPU
seconds of that process. The error is relative to the optimum that a simplex or crossover vertex gives, or, where there
is none within the limit, to the best proven bound; "gap" is the distance to the bound that the project itself proves
from the duals (optimizer/dual_bound.py). Whatever prints is HiGHS's own.

Usage: ``python benchmarks/lp_algorithms.py [--sizes small|medium|large] [--limit SECONDS] [--json FILE]``. HiPO needs
the package highspy-extras of the same version as highspy; without it, it is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    "small": [
        ("dispatch", 48, 1, 1), ("dispatch", 48, 1, 20), ("dispatch", 168, 1, 1), ("dispatch", 168, 5, 1),
        ("dispatch", 168, 1, 20), ("campus", 48, 1, 1), ("campus", 168, 1, 1), ("campus", 168, 5, 1),
    ],
    "medium": [
        ("dispatch", 720, 1, 1), ("dispatch", 720, 5, 1), ("dispatch", 720, 1, 20), ("dispatch", 168, 5, 20),
        ("dispatch", 2880, 1, 1), ("campus", 720, 1, 1), ("campus", 720, 5, 1), ("campus", 2880, 1, 1),
    ],
    "large": [
        ("dispatch", 2880, 5, 1), ("dispatch", 8760, 1, 1), ("dispatch", 8760, 5, 1), ("dispatch", 2880, 1, 20),
        ("campus", 8760, 1, 1), ("campus", 8760, 5, 1),
    ],
}  # fmt: skip
"""(family, hours, sites, members)."""
PATIENCE = 6.0
"""An algorithm is stopped after so many times the best time so far."""
ALGORITHMS: dict[str, dict[str, Any]] = {
    "dual simplex": {"solver": "simplex"},
    "IPX + crossover": {"solver": "ipx", "run_crossover": "on"},
    "IPX": {"solver": "ipx", "run_crossover": "off"},
    "HiPO + crossover": {"solver": "hipo", "run_crossover": "on"},
    "HiPO": {"solver": "hipo", "run_crossover": "off"},
    "cuPDLP-C 1e-4": {"solver": "pdlp", "pdlp_optimality_tolerance": 1e-4, "kkt_tolerance": 1e-4},
    "cuPDLP-C 1e-7": {"solver": "pdlp"},
    "HiPDLP 1e-4": {"solver": "hipdlp", "pdlp_optimality_tolerance": 1e-4, "kkt_tolerance": 1e-4},
}


def arrays_of(family: str, hours: int, sites: int, members: int) -> Any:
    """The compiled problem, without its whole decisions."""
    from dataclasses import replace

    import optimizer as opt

    if family == "dispatch":
        import dispatch_case

        with tempfile.TemporaryDirectory() as folder:
            case = dispatch_case.generated(dispatch_case.Size(hours, sites, members))
            problem = opt.build(opt.load(dispatch_case.write(case, Path(folder))))
    else:
        import year

        data = {
            "format": 1,
            "name": f"campus, {hours} h, {sites} sites",
            "horizon": {"start": year.FIRST.isoformat(timespec="minutes"), "steps": hours, "timezone": year.ZONE},
            "data": {"market": {"file": year.ALIGNED.name, "time": "utc_start", "fill": "linear"}},
            "sites": [year.campus(f"site{number}", hours, number) for number in range(sites)],
        }
        problem = opt.build(opt.scenario_from_dict(data, folder=year.ALIGNED.parent))
    arrays = problem.arrays
    return replace(arrays, integer=np.zeros_like(arrays.integer))


def saved(arrays: Any, file: Path) -> None:
    matrix = arrays.matrix
    np.savez(
        file, indptr=matrix.indptr, indices=matrix.indices, data=matrix.data, shape=matrix.shape,
        row_lower=arrays.row_lower, row_upper=arrays.row_upper, cost=arrays.cost, offset=arrays.offset,
        col_lower=arrays.col_lower, col_upper=arrays.col_upper,
    )  # fmt: skip


def read(file: Path) -> Any:
    from optimizer.compiled import Arrays
    from optimizer.matrix import Matrix

    with np.load(file) as found:
        matrix = Matrix(tuple(found["shape"].tolist()), found["indptr"], found["indices"], found["data"])
        return Arrays(
            matrix, found["row_lower"], found["row_upper"], found["cost"], float(found["offset"]),
            found["col_lower"], found["col_upper"], np.zeros(len(found["cost"]), bool),
        )  # fmt: skip


def peak_mb(*, reset: bool = False) -> float:
    """Peak memory of this process, MB (Linux), since it was last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def one(file: Path, algorithm: str, limit_s: float) -> dict[str, Any]:
    """A single run, in this process."""
    import highspy

    from optimizer.dual_bound import bound_from_duals
    from optimizer.highs import new_highs, pass_arrays
    from optimizer.scenario import SolverOptions

    arrays = read(file)
    highs = new_highs(SolverOptions(time_limit_s=limit_s, threads=1))
    highs.setOptionValue("output_flag", False)
    for name, value in ALGORITHMS[algorithm].items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            return {"status": "not in this HiGHS"}
    before = peak_mb(reset=True)
    started, wall = time.process_time(), time.perf_counter()
    pass_arrays(highs, arrays)
    highs.run()
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    memory_mb = peak_mb() - before
    info, solution = highs.getInfo(), highs.getSolution()
    started = time.process_time()
    has_duals = len(solution.row_dual) > 0
    bound = bound_from_duals(arrays, solution.row_dual) if has_duals else np.inf
    iterations = {name: getattr(info, f"{name}_iteration_count") for name in ("simplex", "ipm", "crossover", "pdlp")}
    return {
        "status": highs.modelStatusToString(highs.getModelStatus()),
        "cpu_s": seconds,
        "wall_s": wall,
        "bound_s": time.process_time() - started,
        "memory_mb": memory_mb,
        "iterations": {name: count for name, count in iterations.items() if count > 0},
        "objective": info.objective_function_value,
        "bound": bound,
        "has_basis": bool(highs.getBasis().valid),
        "primal_infeasibility": info.max_primal_infeasibility,
        "dual_infeasibility": info.max_dual_infeasibility,
    }


def measured(case: tuple[str, int, int, int], algorithms: list[str], limit_s: float, folder: Path) -> dict[str, Any]:
    arrays = arrays_of(*case)
    file = folder / "arrays.npz"
    saved(arrays, file)
    found: dict[str, Any] = {}
    for algorithm in algorithms:
        done_in = [run["wall_s"] for run in found.values() if run["status"] == "Optimal"]
        limit_s = min([limit_s, *(max(5.0, PATIENCE * seconds) for seconds in done_in)])
        command = [sys.executable, __file__, "--one", str(file), "--algorithm", algorithm, "--limit", str(limit_s)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=4 * limit_s + 60)
            found[algorithm] = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError) as error:
            found[algorithm] = {"status": type(error).__name__}
    vertices = [run["objective"] for run in found.values() if run.get("has_basis") and run["status"] == "Optimal"]
    reference = vertices[0] if vertices else min(run.get("bound", np.inf) for run in found.values())
    for run in found.values():
        if "objective" in run:
            run["error"] = abs(run["objective"] - reference) / max(1.0, abs(reference))
            run["gap"] = (run["bound"] - run["objective"]) / max(1.0, abs(run["objective"]))
    return {"case": list(case), "size": arrays.size, "reference": reference, "runs": found}


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| Case | Rows | Non-zeros | Algorithm | CPU, s | MB | Iterations | Error | Proven gap | Infeasibility |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        family, hours, sites, members = result["case"]
        for algorithm, run in result["runs"].items():
            head = f"| {family} {hours} h × {sites} × {members} | {result['size']['rows']:,} "
            head += f"| {result['size']['nonzeros']:,} | {algorithm} "
            if run["status"] != "Optimal":
                lines.append(f"{head}| {run['status']} ({run.get('cpu_s', np.nan):.0f} s) | | | | | |")
                continue
            steps = " + ".join(str(count) for count in run["iterations"].values())
            lines.append(
                f"{head}| {run['cpu_s']:.3g} | {run['memory_mb']:.0f} | {steps} | {run['error']:.0e} "
                f"| {run['gap']:.0e} | {run['primal_infeasibility']:.0e} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=CASES, default=["small", "medium"])
    parser.add_argument("--limit", type=float, default=120.0, help="most seconds of one run")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--json", type=Path, default=ROOT / "results" / "lp_algorithms.json")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--algorithm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print("\n" + json.dumps(one(options.one, options.algorithm, options.limit)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            for case in CASES[size]:
                results.append(measured(case, options.algorithms, options.limit, Path(folder)))
                print(table(results[-1:]), flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=2) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
