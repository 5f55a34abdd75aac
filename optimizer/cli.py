"""The command line: thin, and quick to start (the library is imported when a command needs it).

Exit codes: 0 solved to the asked gap; 1 results could not be written, or an internal error; 2 the input was refused;
3 infeasible or unbounded; 4 stopped at a limit or by Ctrl-C with a plan (written, marked); 5 stopped without one; 6 the
audit refused the plan; 130 interrupted outside of the solve.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from optimizer import __version__
from optimizer.errors import InputError, OptimizerError, OutputError, Problem, WithoutPlanError
from optimizer.interruptible import THREAD_NAME

if TYPE_CHECKING:
    from optimizer.plan import Plan

log = logging.getLogger("optimizer")
EXIT_STOPPED_WITH_PLAN = 4
EXIT_INTERNAL = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="optimizer",
    help="Plan a hybrid compute campus: what each megawatt does, hour by hour.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _StderrHandler(logging.Handler):
    """Logs to what stderr is at that moment: above the progress line while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        _complain(self.format(record))


def _say(text: str) -> None:
    with _stdout():
        typer.echo(text)


@contextmanager
def _stdout() -> Iterator[None]:
    """Printing on stdout; a reader who has seen enough and left (`| head -1`) is no failure."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the rest is tried again at exit
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"stdout cannot be written: {error.strerror}") from error


def _complain(text: str) -> None:
    """Print on stderr, if anybody still listens there."""
    with suppress(OSError):
        typer.echo(text, err=True)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"optimizer {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More log on stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")] = False,
) -> None:
    """Options before the command hold for all commands."""
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="Scenario file (YAML or JSON).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results folder; default results/<file stem>.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="path=value: change the scenario, e.g. --set sites.odessa.grid.import_limit_mw=80."),
    ] = None,
    carry: Annotated[
        Path | None,
        typer.Option(
            "--carry", help="carry.yaml of the run that ended where this one starts: peaks, volumes and hours."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly the summary, as JSON, on stdout.")] = False,
) -> None:
    """Solve one scenario file and write its results folder."""
    from optimizer.console import live_progress, print_plan
    from optimizer.loading import load
    from optimizer.plan_files import OutputFolder, write
    from optimizer.problem import build
    from optimizer.results import FORMAT

    scenario = load(file, overrides or (), carry)
    with OutputFolder(out if out is not None else Path("results") / file.stem) as output:
        try:
            with live_progress() as progress:
                plan = build(scenario).solve(progress)
        except WithoutPlanError as error:
            if as_json:
                without = {"format": FORMAT, "name": scenario.name, "status": error.status, "reason": str(error)}
                _say(json.dumps(without, indent=2))
            raise
        write(plan, output)
    _print(plan, output.folder, as_json, print_plan)
    if plan.status != "optimal":
        raise typer.Exit(EXIT_STOPPED_WITH_PLAN)


def _print(plan: Plan, folder: Path, as_json: bool, print_plan: Any) -> None:
    if as_json:
        _say(json.dumps(plan.summary, indent=2, allow_nan=False))
    else:
        with _stdout():
            print_plan(plan, folder)


@app.command()
def bill(
    file: Annotated[Path, typer.Argument(help="Scenario file; its contracts alone are checked and billed.")],
    load: Annotated[
        Path,
        typer.Option(
            "--load",
            help="Metered load in MW, CSV or Parquet: time_utc, import_mw and, if there are any, export_mw and "
            "schedules such as ppa.delivered_mw (with several sites SITE.import_mw). The meter.csv of a plan is one.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="CSV file for the lines of the bill.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="path=value: change the scenario.")] = None,
    carry: Annotated[
        Path | None, typer.Option("--carry", help="carry.yaml of the run that ended where the load starts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the bill as JSON on stdout.")] = False,
) -> None:
    """Bill a metered load under a scenario's contracts, month by month, without optimising anything.

    The horizon is that of the load. Energy whose supply the load does not say goes to the cheapest contract first.
    """
    from optimizer.billing import bill as billed
    from optimizer.console import print_bill

    if out is not None and any(path.resolve() == out.resolve() for path in (file, load, carry) if path is not None):
        raise InputError([Problem("", "the bill would be written over what it is made from", file=str(out))])
    found = billed(file, load, overrides=overrides or (), carry=carry)
    if out is not None:
        found.to_csv(out)
    if as_json:
        _say(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        with _stdout():
            print_bill(found, out)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.")],
) -> None:
    """Check scenario files without solving them; says what was checked."""
    from optimizer.loading import load
    from optimizer.parts import place

    refused = False
    for file in files:
        try:
            scenario = load(file)
        except InputError as error:
            refused = True
            _complain(_told(error))
            continue
        parts, _ = place(scenario)
        horizon = scenario.horizon
        _say(
            f"{file}: valid. {scenario.name}: {horizon.steps} steps of {horizon.step} from "
            f"{horizon.local[0].isoformat(timespec='minutes')} ({horizon.timezone}), {scenario.members} member(s), "
            f"{len(scenario.sites)} site(s), {len(parts.components)} components, {len(scenario.data)} data file(s). "
            "Checked: keys, types, units and ranges, names and references, series against the horizon, components "
            "against each other."
        )
    if refused:
        raise typer.Exit(InputError.exit_code)


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="Scenario file (YAML or JSON).")],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            help="path=values, a dimension of the sweep: value,value,… or start:stop:step or start:stop:nN. Paths are "
            "those of --set; .scale or .add behind a series changes all of its values.",
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="CSV file with a column per path and a row per point.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Points solved at a time, one thread each; default: one per core."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Address of a Dask scheduler whose workers solve the points.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results folder; default results/<file stem>-sweep.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep in this folder that was ended before its end.")
    ] = False,
) -> None:
    """Solve a scenario at many points; each is kept on disk as soon as it is solved.

    Exit code 0: every point is solved to the asked gap; 4: some are not (infeasible, refused, stopped at a limit or
    failed; see points.csv), or the sweep was interrupted and can go on with --resume; 5: no point has a plan.
    """
    from optimizer.commands.sweep import run_sweep

    folder = out if out is not None else Path("results") / f"{file.stem}-sweep"
    with _stdout():
        code = run_sweep(file, vary or (), table, jobs=jobs, cluster=cluster, out=folder, resume=resume)
    if code:
        raise typer.Exit(code)


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="Scenario file; its horizon says how far each decision plans ahead.")],
    start: Annotated[
        str | None, typer.Option("--from", help="First decision, local time; default: the start of the horizon.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, local time; default: the end of the data.")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="deterministic, ensemble, risk_averse, schedule, strike_price or always_on; may be given several "
            "times. Default: those of the scenario's section backtest.",
        ),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", help="source=file: what happened, in place of the file of a data source."),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="path=value: change the scenario.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Policies run at a time, in processes of their own.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results folder; default results/<file stem>-backtest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly the summary, as JSON, on stdout.")] = False,
) -> None:
    """Take decisions of the past again with what was known then, and settle them on what happened.

    Every window is kept as soon as it is done: the same command goes on where it was stopped. Exit code 3: a policy
    failed in a window; 4: interrupted, and some windows are kept.
    """
    from optimizer.commands.backtest import run_backtest

    folder = out if out is not None else Path("results") / f"{file.stem}-backtest"
    with _stdout():
        code = run_backtest(
            file,
            start,
            end,
            policies=policy,
            history=history or (),
            overrides=overrides or (),
            out=folder,
            jobs=jobs,
            as_json=as_json,
        )
    if code:
        raise typer.Exit(code)


@app.command()
def risk(
    file: Annotated[Path, typer.Argument(help="Scenario file with an ensemble.")],
    weights: Annotated[str | None, typer.Option("--frontier", help="Weights of a frontier: 0,0.25,0.5,1.")] = None,
    worst: Annotated[bool, typer.Option("--worst", help="Also the plan that is best for the worst member.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for members.csv, frontier.csv/.html, risk.json.")
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="path=value: change the scenario.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON on stdout.")] = False,
) -> None:
    """What perfect information and planning for all members are worth; the frontier of profit and risk."""
    from optimizer.commands.risk import run_risk

    with _stdout():
        code = run_risk(file, overrides=overrides or (), weights=weights, worst=worst, out=out, as_json=as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the scenario file (for editors)."""
    from optimizer.scenario import Scenario

    _say(json.dumps(Scenario.model_json_schema(by_alias=True), indent=2))


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must not hold a scenario yet.")],
) -> None:
    """Make a commented starter scenario with generated data, ready to run."""
    from optimizer.starter import write_starter

    scenario = write_starter(folder)
    _say(f"Made {scenario}. Run it with: optimizer run {shlex.quote(str(scenario))}")


def _told(error: OptimizerError) -> str:
    if not isinstance(error, InputError):
        return f"error: {error}"
    count = len(error.problems)
    return f"error: the input was refused ({count} problem{'s' if count > 1 else ''}):\n" + "\n".join(
        f"  - {problem}" for problem in error.problems
    )


def main() -> None:
    """Entry point: every failure is one message on stderr and the documented exit code, never a traceback."""
    _end_cleanly_when_told_to()
    try:
        app()
    except SystemExit as leaving:  # typer's own way out, also from Ctrl-C
        if leaving.code == EXIT_INTERRUPTED:
            _complain("interrupted; nothing was written")
        _leave(leaving.code if isinstance(leaving.code, int) else 0)
    except OptimizerError as error:
        _complain(_told(error))
        _leave(error.exit_code)
    except MemoryError:
        _complain("error: the memory does not suffice for a scenario of this size; nothing was written")
        _leave(EXIT_INTERNAL)
    except Exception as error:
        log.debug("internal error", exc_info=True)
        _complain(
            f"internal error: {type(error).__name__}: {error}\nThis is a defect of optimizer: please report it with "
            "the scenario file; `optimizer --verbose …` shows where it happened."
        )
        _leave(EXIT_INTERNAL)


def _end_cleanly_when_told_to() -> None:
    """Let SIGTERM and a closed terminal end a run as Ctrl-C does: the best plan so far is kept."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has set it to be ignored
            signal.signal(number, signal.default_int_handler)


def _leave(code: int) -> NoReturn:
    if any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        # a second Ctrl-C has left HiGHS at work: it must not run into an interpreter that is being taken down
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
