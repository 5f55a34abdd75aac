"""``optimizer.sweep``: one scenario at many points, each solved for itself, all of them in one dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import InputError, Problem
from optimizer.parallel import Count, Done, Pace, run_tasks
from optimizer.scenario import Scenario
from optimizer.sweeps.files import fingerprints, read_files, without_data
from optimizer.sweeps.points import FAILED, Point, Record, Solve, groundwork, make_ready
from optimizer.sweeps.results import dataset_of
from optimizer.sweeps.store import Store, manifest
from optimizer.sweeps.variations import faults, variations

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def sweep(
    scenario: Scenario | str | Path,
    vary: Mapping[str, Any] | Sequence[str] | None = None,
    table: pd.DataFrame | str | Path | None = None,
    *,
    jobs: int = 1,
    cluster: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[Count], None] | None = None,
) -> xr.Dataset:
    """Solve a scenario at every point of a grid, of a table, or of both together.

    ``vary`` gives values by path (``{"sites.west.grid.import_limit_mw": [60, 80, 100]}``; a text of values as of
    ``--vary`` is taken too); its paths are the dimensions of the result. ``table`` has a column per path; its rows are
    the dimension ``point``. A path is one of ``--set``; ``.scale`` and ``.add`` behind the path of a series change all
    of its values.

    ``jobs`` points are solved at a time, each in a process of its own and with one thread (unless ``solver.threads``
    is varied); a script that asks for more than one job needs ``if __name__ == "__main__":``. ``cluster`` is the
    address of a Dask scheduler whose workers solve the points instead. With ``out``, every point is kept in that folder
    as soon as it is solved; ``resume`` goes on with a sweep that was ended before it was complete.

    A point without a plan is NaN; its ``status`` and ``reason`` say why, and no other point is touched by it. Raises
    InputError, before anything is solved, for everything that is wrong with the scenario, the paths, the values, the
    cluster or the folder.
    """
    found, problems = variations(vary, table)
    if jobs < 1:
        problems.append(Problem("jobs", value=jobs, allowed="at least 1"))
    if resume and out is None:
        problems.append(Problem("resume", "there is nothing to go on with", hint="give the folder (out) of the sweep"))
    try:
        ground, reader, base = groundwork(scenario)
    except InputError as error:
        raise InputError([*error.problems, *problems]) from None
    refused, accepted = faults(found, ground.raw, reader.at)
    problems += refused
    if problems:
        raise InputError(problems)
    content = read_files(ground.raw.data, found, ground.folder)
    small = without_data(content, reader.tables, ground.folder)
    asked = fingerprints(content, reader.tables)
    del content  # may be large, and a sweep long
    ground = replace(ground, tables=reader.tables, small=small, reference=found.point(0))
    store = None if out is None else Store(Path(out), manifest(ground, found, asked), len(found), resume=resume)
    with _solver(jobs, cluster) as solve, store or nullcontext():
        records = {} if store is None else dict(store.records)
        left = [number for number in range(len(found)) if number not in records]
        pace = Pace(len(found), before=len(records))
        points = (Point(found.point(number), is_accepted=number in accepted) for number in left)
        with closing(solve(points, ground)) as done:
            for one in done:
                number, record = left[one.number], _record(one)
                if store is not None:
                    store.keep(number, record)
                records[number] = record
                count = pace.step(failed=record["status"] == FAILED)
                if progress is not None:
                    progress(count)
        dataset = dataset_of(found, records, name=base.name, currency=base.currency, versions=ground.versions)
        if store is not None:
            store.write_results(dataset)
    return dataset


@contextmanager
def _solver(jobs: int, cluster: str | None) -> Iterator[Solve]:
    """What solves the points, on this machine or on a cluster, which has to answer."""
    if cluster is None:
        yield lambda points, ground: run_tasks(points, make_ready, ground, jobs=jobs)
        return
    from optimizer.sweeps.cluster import cluster_at

    with cluster_at(cluster) as solve:
        yield solve


def _record(done: Done[Record]) -> Record:
    """What is kept of a point, also of one whose worker has died."""
    if done.result is not None:
        return done.result
    return {"status": FAILED, "reason": f"{type(done.error).__name__}: {done.error}"}
