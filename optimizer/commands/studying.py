"""Commands that solve a scenario many times: sweep, backtest, risk. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.commands.app import app
from optimizer.terminal import stdout


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
    with stdout():
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
    carry: Annotated[
        Path | None, typer.Option("--carry", help="carry.yaml of the run that ended where the backtest starts.")
    ] = None,
    by_month: Annotated[
        bool, typer.Option("--by-month", help="Months that each begin anew, side by side with --jobs.")
    ] = False,
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
    with stdout():
        code = run_backtest(
            file,
            start,
            end,
            policies=policy,
            history=history or (),
            overrides=overrides or (),
            out=folder,
            jobs=jobs,
            carry=carry,
            by_month=by_month,
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

    with stdout():
        code = run_risk(file, overrides=overrides or (), weights=weights, worst=worst, out=out, as_json=as_json)
    if code:
        raise typer.Exit(code)
