"""Sweeps on a real Dask cluster of several worker processes on this machine."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shipped
from sweep_case import FEE, SCALE, assert_same, profits, scenario_file

import optimizer as opt
from optimizer.errors import OptimizerError
from optimizer.sweeps import cluster as cluster_module
from optimizer.sweeps import points
from optimizer.sweeps.cluster import solve_point
from optimizer.sweeps.files import read_files, without_data
from optimizer.sweeps.points import Point, PointSolver, groundwork, versions
from optimizer.sweeps.variations import variations

distributed = pytest.importorskip("distributed")
VARY = {SCALE: "0.5:1.5:0.05", FEE: [0.0, 0.02]}
POINTS_OF_SWEEP = 42

# Dask leaves closing of sockets and event loops to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers, each a process with one thread, and a nanny that replaces it when it dies."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50, worker_dashboard_address=":0"
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=120)
        yield local


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return scenario_file(tmp_path)


def refusals(*arguments: Any, **options: Any) -> str:
    with pytest.raises(opt.InputError) as caught:
        opt.sweep(*arguments, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def worker_processes(address: str) -> list[int]:
    """Process numbers of the workers."""
    with distributed.Client(address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


def test_the_same_as_on_this_machine(cluster: Any, file: Path, tmp_path: Path) -> None:
    """Proves: to the last digit, from a scenario whose data files the workers could not read."""
    here = opt.sweep(file, VARY)
    scenario = opt.load(file)
    (tmp_path / "market.csv").unlink()
    counts = []
    there = opt.sweep(scenario, VARY, cluster=cluster.scheduler_address, progress=counts.append)
    assert_same(there, here)
    assert [count.done for count in counts] == list(range(1, POINTS_OF_SWEEP + 1))


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(cluster: Any, file: Path, tmp_path: Path) -> None:
    """Proves: every point is there once, and says what it would have said.

    The points that the dead worker had solved are kept; what it was solving is solved by another.
    """
    killed: list[int] = []

    def kill_one(count: Any) -> None:
        if count.done == 5:
            killed.append(worker_processes(cluster.scheduler_address)[0])
            os.kill(killed[0], signal.SIGKILL)

    out = tmp_path / "out"
    found = opt.sweep(file, VARY, cluster=cluster.scheduler_address, out=out, progress=kill_one)
    assert len(killed) == 1
    assert killed[0] not in worker_processes(cluster.scheduler_address)
    kept = (out / "points.jsonl").read_text().splitlines()
    assert len(kept) == POINTS_OF_SWEEP
    assert_same(found, opt.sweep(file, VARY))


def test_a_sweep_of_this_machine_goes_on_there(cluster: Any, file: Path, tmp_path: Path) -> None:
    """Proves: where points are solved is no matter, and an interrupted sweep leaves the cluster free for the next."""

    def stop(count: Any) -> None:
        if count.done in (3, 9):
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        opt.sweep(file, VARY, out=out, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        opt.sweep(file, VARY, out=out, resume=True, cluster=cluster.scheduler_address, progress=stop)
    assert len((out / "points.jsonl").read_text().splitlines()) == 9
    found = opt.sweep(file, VARY, out=out, resume=True, cluster=cluster.scheduler_address)
    assert_same(found, opt.sweep(file, VARY))


def test_failed_points_are_told_there_too(cluster: Any, file: Path) -> None:
    vary = {"sites.a.contracts.spot.limit_mw": [0.5, 4.0], "sites.a.house_load_mw": [1]}
    found = opt.sweep(file, vary, cluster=cluster.scheduler_address)
    assert found["status"].to_numpy().ravel().tolist() == ["infeasible", "optimal"], found["reason"].to_numpy()


def test_tariffs_travel_with_the_scenario(tmp_path: Path) -> None:
    """Proves: a worker that has neither the data nor the tariff file of a scenario solves it all the same."""
    for name in ("utility_month.yaml", "data/example_tariff.json", "data/august_month.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(shipped.FOLDER / name, tmp_path / name)
    path = tmp_path / "utility_month.yaml"
    path.write_text(path.read_text().replace("steps: 744", "steps: 24"))
    found, _ = variations({"sites[0].house_load_mw": [0.5, 1.0]})
    ground, reader, _ = groundwork(path)
    content = read_files(ground.raw.data, found, ground.folder)
    small = without_data(content, reader.tables, ground.folder)
    assert list(small) == ["data/example_tariff.json"]
    ground = replace(ground, tables=reader.tables, small=small, reference=found.point(0))
    here = PointSolver(ground).record(Point(found.point(1)))
    assert here["status"] == "optimal", here
    shutil.rmtree(tmp_path / "data")
    solver = PointSolver(pickle.loads(pickle.dumps(ground)))
    assert solver.record(Point(found.point(1)))["expected_profit"] == here["expected_profit"]
    folder = solver._files.folder
    assert folder != tmp_path
    solver._files.close()
    assert not folder.exists()


# ---------------------------------------------------------------------- what is refused
@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_WITHIN_S", 1.0)


@pytest.mark.usefixtures("_impatient")
def test_a_cluster_that_does_not_answer(file: Path, tmp_path: Path) -> None:
    """Proves: nobody listens, somebody else does, the address is none: told, and nothing is written."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        assert "--cluster: the cluster does not answer" in refusals(file, VARY, cluster=address)
    said = refusals(file, VARY, cluster=address, out=tmp_path / "out")
    assert f'--cluster: the cluster does not answer: nothing came back within 1 s; found "{address}"' in said
    assert not (tmp_path / "out").exists()
    assert "does not answer: unknown address scheme" in refusals(file, VARY, cluster="nonsense://here")


def test_the_address_of_a_worker(cluster: Any, file: Path) -> None:
    worker = next(iter(cluster.scheduler_info["workers"]))
    said = refusals(file, VARY, cluster=worker)
    assert "is the address of a worker; found" in said
    assert "give that of the scheduler" in said


@pytest.mark.usefixtures("_impatient")
def test_a_cluster_without_workers(file: Path) -> None:
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as empty:
        assert "the cluster has no workers" in refusals(file, VARY, cluster=empty.scheduler_address)


def test_workers_with_other_versions(cluster: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: workers whose HiGHS is another one are refused, with both versions, and nothing is solved."""
    ours = versions()
    monkeypatch.setattr(cluster_module, "make_ready", None)
    monkeypatch.setattr(points, "version", lambda name: "9.9.9" if name == "highspy" else ours[name])
    said = refusals(file, VARY, cluster=cluster.scheduler_address)
    assert "2 worker(s), such as tcp://" in said
    assert f"has highspy {ours['highspy']}, here it is 9.9.9" in said


def test_workers_without_the_package(cluster: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(client: Any, function: Any, *, on_error: str) -> dict[str, Any]:
        return {"tcp://there:1": ModuleNotFoundError("No module named 'optimizer'")}

    monkeypatch.setattr(distributed.Client, "run", run)
    said = refusals(file, VARY, cluster=cluster.scheduler_address)
    assert "1 worker(s), such as tcp://there:1: cannot import optimizer" in said


def test_clusters_whose_dask_is_another(cluster: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mismatch(client: Any, *, check: bool) -> None:
        raise ValueError("Mismatched versions found")

    monkeypatch.setattr(distributed.Client, "get_versions", mismatch)
    assert "runs other versions: Mismatched versions" in refusals(file, VARY, cluster=cluster.scheduler_address)


def test_without_dask(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refusals(file, VARY, cluster="tcp://127.0.0.1:8786")
    assert "needs the package distributed, which is not installed" in said
    assert "pip install 'hybrid-compute-optimizer[cluster]'" in said


# ---------------------------------------------------------------------- what a worker does
def test_a_worker_that_joins_later_with_other_versions(file: Path) -> None:
    """Proves: it solves nothing; the point is told as failed."""
    ground, _, _ = groundwork(file)
    other = pickle.dumps(replace(ground, versions=ground.versions | {"highspy": "9.9.9"}))
    with pytest.raises(RuntimeError, match=r"other versions.*9\.9\.9"):
        solve_point(other, "one", Point({SCALE: 1.0}))
    record = solve_point(pickle.dumps(ground), "two", Point({SCALE: 1.0}))
    assert record["expected_profit"] == pytest.approx(626.0)


def test_a_point_that_kills_its_workers_is_given_up() -> None:
    """Proves: what Dask says of it becomes a failed point, and a lost scheduler ends the sweep with its points kept."""

    class Future:
        def exception(self) -> Exception:
            return type("KilledWorker", (Exception,), {})("sweep-1")

    done = cluster_module._done(7, Future())
    assert (done.number, str(done.error)) == (7, "the cluster gave it up: sweep-1")


def test_a_lost_scheduler_ends_the_sweep(file: Path, tmp_path: Path) -> None:
    """Proves: told as such, with the points so far kept, and the sweep goes on elsewhere."""
    out = tmp_path / "out"
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as doomed:

        def close(count: Any) -> None:
            if count.done == 3:
                doomed.close()

        with pytest.raises(OptimizerError, match=r"was lost; the points that were solved are kept"):
            opt.sweep(file, VARY, cluster=doomed.scheduler_address, out=out, progress=close)
    assert len((out / "points.jsonl").read_text().splitlines()) >= 3
    assert profits(opt.sweep(file, VARY, out=out, resume=True)) == profits(opt.sweep(file, VARY))
