"""What planning the campus week costs: phases, memory, and the same problem through linopy and ordinary Pyomo.

Everything is measured one after the other in this process, alternating between the roads in every repetition, so that
ratios are of times taken under the same conditions; commands (``optimizer --help``, ``run``, …) in new processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from linopy_week import formulate, hand_over, recipe_of
from measure import Stopwatch, command, machine
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

import optimizer as opt
from optimizer.compiled import Arrays, Compiled
from optimizer.highs import new_highs, pass_arrays, solve
from optimizer.matrix import matrix_of
from optimizer.model import build_model
from optimizer.parts import place
from optimizer.scenario import Scenario

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "campus_week.yaml"
PHASES = ("read", "build", "hand-over", "HiGHS", "results and audit", "write files")
PYOMO_REPETITIONS = 3
COMMAND_REPETITIONS = 5


def phases(file: Path, watch: Stopwatch, out: Path) -> None:
    """One plan from file to folder."""
    scenario = watch.of("read", lambda: opt.load(file))
    problem = watch.of("build", lambda: opt.build(scenario))
    watch.of("hand-over", lambda: pass_arrays(new_highs(scenario.solver), problem.arrays))
    outcome = watch.of("HiGHS", lambda: solve(problem.arrays, scenario.solver))
    plan = watch.of("results and audit", lambda: problem._plan(outcome, outcome.values, problem.arrays.size, 0.0))
    watch.of("write files", lambda: plan.save(out))


def beside_the_build(problem: opt.Problem, watch: Stopwatch) -> None:
    """The build from Pyomo's templates, and how long it takes HiGHS to get arrays that somebody has made by hand."""
    scenario, arrays = problem.scenario, problem.arrays
    watch.of("build from Pyomo's templates", lambda: templates_of(scenario))
    csc = arrays.matrix
    columns = np.repeat(np.arange(csc.shape[1]), np.diff(csc.indptr))
    rows = csc.indices.astype(np.int64)
    with watch.measuring("floor: entries to columns, hand-over"):
        matrix = matrix_of(rows, columns, csc.data, csc.shape)
        pass_arrays(new_highs(scenario.solver), Arrays(matrix, *(getattr(arrays, name) for name in ARRAYS)))


def templates_of(scenario: Scenario) -> Compiled:
    """The problem compiled from templates that Pyomo makes of the rules."""
    parts, _ = place(scenario)
    return Compiled(build_model(scenario, parts, fast=True))


ARRAYS = ("row_lower", "row_upper", "cost", "offset", "col_lower", "col_upper", "integer")


def linopy_road(compiled: Compiled, watch: Stopwatch) -> Any:
    recipe = recipe_of(compiled)
    model = watch.of("linopy: formulate", lambda: formulate(recipe))
    return watch.of("linopy: hand-over", lambda: hand_over(model))


def pyomo_road(scenario: Scenario, watch: Stopwatch) -> None:
    """The same declarations as ordinary Pyomo, and its two ways to HiGHS."""
    parts, _ = place(scenario)
    model = watch.of("Pyomo: construct", lambda: build_model(scenario, parts, fast=False))
    watch.of("Pyomo: standard form", lambda: LinearStandardFormCompiler().write(model, mixed_form=True))
    interface = pyo.SolverFactory("appsi_highs")
    watch.of("Pyomo: hand-over (appsi_highs)", lambda: interface.set_instance(model))


def relaxed_optimum(highs: Any) -> float:
    """Optimum without integrality."""
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("solve_relaxation", True)
    highs.run()
    return float(highs.getInfo().objective_function_value)


def same_problem(problem: opt.Problem, linopys: Any) -> dict[str, Any]:
    """Size and LP optimum of both; linopy has no rows with two bounds and no constant in the objective."""
    own = new_highs(problem.scenario.solver)
    pass_arrays(own, problem.arrays)
    lp = linopys.getLp()
    arrays = problem.arrays
    ranged = np.isfinite(arrays.row_lower) & np.isfinite(arrays.row_upper) & (arrays.row_lower < arrays.row_upper)
    optimum, linopys_optimum = relaxed_optimum(own) - arrays.offset, relaxed_optimum(linopys)
    twice = int(np.isin(arrays.matrix.indices, np.flatnonzero(ranged)).sum())
    expected = (arrays.size["rows"] + int(ranged.sum()), arrays.size["columns"], arrays.size["nonzeros"] + twice)
    found = (lp.num_row_, lp.num_col_, len(lp.a_matrix_.value_))
    if found != expected:
        raise ValueError(f"linopy's model has {found} rows, columns and non-zeros instead of {expected}")
    if abs(optimum - linopys_optimum) > 1e-7 * abs(optimum):
        raise ValueError(f"linopy's model has another LP optimum: {linopys_optimum} instead of {optimum}")
    return {
        "optimizer": arrays.size | {"rows_with_two_bounds": int(ranged.sum()), "lp_optimum": optimum},
        "linopy": {
            "rows": lp.num_row_,
            "columns": lp.num_col_,
            "nonzeros": len(lp.a_matrix_.value_),
            "lp_optimum": linopys_optimum,
        },
    }


def commands(file: Path, folder: Path) -> dict[str, Any]:
    """The command line as a user starts it, each time in a new process."""
    optimizer, python = folder / "optimizer", folder / "python"
    measured = {
        "optimizer --help": command([optimizer, "--help"], COMMAND_REPETITIONS, ROOT),
        "import optimizer": command([python, "-c", "import optimizer"], COMMAND_REPETITIONS, ROOT),
        "optimizer validate": command([optimizer, "validate", file], COMMAND_REPETITIONS, ROOT),
    }
    first_calls = []
    with tempfile.TemporaryDirectory() as out:

        def keep_timing() -> None:
            first_calls.append(json.loads((Path(out) / "summary.json").read_text(encoding="utf-8"))["timing_s"])

        measured["optimizer run"] = command(
            [optimizer, "run", file, "--out", out], COMMAND_REPETITIONS, ROOT, after=keep_timing
        )
    names = first_calls[0]
    measured["optimizer run"]["timing_s"] = {n: statistics.median(call[n] for call in first_calls) for n in names}
    return measured


def targets(watch: Stopwatch, measured: dict[str, Any]) -> list[dict[str, Any]]:
    """What the project sets itself, and what was found."""
    run = measured["optimizer run"]

    def share(clock: str) -> float:
        return watch.median("build", "hand-over", clock=clock) / watch.median("HiGHS", clock=clock)

    def against_linopy(clock: str) -> float:
        own = watch.median("build", "hand-over", clock=clock)
        return own / watch.median("linopy: formulate", "linopy: hand-over", clock=clock)

    first = run["timing_s"]
    rows = [
        ("build and hand-over / HiGHS, wall time", share("wall_s"), 0.05),
        ("build and hand-over / HiGHS, CPU time", share("cpu_s"), 0.05),
        ("first build of a process / HiGHS, wall time", first["build"] / first["solve"], 0.05),
        ("build and hand-over / linopy's, wall time", against_linopy("wall_s"), 0.1),
        ("build and hand-over / linopy's, CPU time", against_linopy("cpu_s"), 0.1),
        ("optimizer run, s", run["wall_s"]["median"], 30.0),
        ("optimizer --help, s", measured["optimizer --help"]["wall_s"]["median"], 0.5),
        ("peak memory of optimizer run, MB", run["peak_mb"], 400.0),
    ]
    return [{"target": name, "found": found, "at_most": limit, "met": found <= limit} for name, found, limit in rows]


def shown(result: dict[str, Any]) -> str:
    """The tables as text."""
    lines = [f"{result['scenario']}: {result['size']['optimizer']}", f"{result['machine']}", ""]
    lines.append(f"{'':42s}{'wall, ms':>12s}{'(min … max)':>24s}{'CPU, ms':>12s}{'peak MB':>10s}")
    for name, row in (result["phases"] | result["commands"]).items():
        wall, cpu = row["wall_s"], row["cpu_s"]
        between = f"({wall['min'] * 1e3:.1f} … {wall['max'] * 1e3:.1f})"
        peak = f"{row['peak_mb']:10.0f}" if "peak_mb" in row else ""
        lines.append(f"{name:42s}{wall['median'] * 1e3:12.1f}{between:>24s}{cpu['median'] * 1e3:12.1f}{peak}")
    lines.append("")
    for row in result["targets"]:
        verdict = "met" if row["met"] else "NOT MET"
        lines.append(f"{row['target']:58s}{row['found']:10.4g}  at most {row['at_most']:<6g}{verdict}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "results" / "bench.json")
    parser.add_argument("--scenario", type=Path, default=SCENARIO)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument(
        "--commands",
        type=Path,
        default=Path(sys.executable).parent,
        help="folder with the executables of the environment whose command line is measured (default: this one's)",
    )
    options = parser.parse_args()
    file = options.scenario.resolve()
    watch = Stopwatch()
    scenario = opt.load(file)
    problem = opt.build(scenario)
    templates = templates_of(scenario)
    linopys = linopy_road(templates, Stopwatch())  # the first calls, which import and warm up, do not count
    size = same_problem(problem, linopys)
    with tempfile.TemporaryDirectory() as out:
        phases(file, Stopwatch(), Path(out))
        for repetition in range(options.repetitions):
            phases(file, watch, Path(out))
            beside_the_build(problem, watch)
            linopy_road(templates, watch)
            if repetition < PYOMO_REPETITIONS:
                pyomo_road(scenario, watch)
    measured = commands(file, options.commands)
    result = {
        "scenario": file.stem,
        "machine": machine(),
        "size": size,
        "phases": watch.table(),
        "commands": measured,
        "targets": targets(watch, measured),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(shown(result))
    print(f"\nwritten to {options.out}")


if __name__ == "__main__":
    main()
