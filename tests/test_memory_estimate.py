"""The memory that a scenario will take: counted from short windows, held against what is free, refused in words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from shipped import FOLDER, STEMS
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer import memory_estimate
from optimizer.free_memory import free_memory_bytes
from optimizer.memory_estimate import Estimate, cells, check_memory, estimate

GB = 1e9


def week(**fields: Any) -> opt.Scenario:
    """Two identical sites of a fleet at a constant price, a week of hours."""
    case = site_case(steps=168, contracts=[spot(30.0)], assets=[fleet()], **fields)
    case["sites"].append(case["sites"][0] | {"name": "b"})
    return opt.scenario_from_dict(case)


def test_cells_by_hand() -> None:
    """Proves: 168 steps × 4 members × (2 sites + 2 contracts + 2 fleets) = 4032."""
    assert cells(week(probabilities=[0.25] * 4)) == 168 * 4 * 6


@pytest.mark.parametrize("stem", STEMS)
def test_one_window_that_holds_all_is_counted_exactly(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_estimate, "MOST_CELLS_PER_WINDOW", 10**9)
    monkeypatch.setattr(memory_estimate, "LONGEST_WINDOW", 10**9)
    scenario = opt.load(FOLDER / f"{stem}.yaml")
    size = opt.build(scenario).arrays.size
    found = estimate(scenario)
    assert (found.rows, found.columns, found.entries, found.whole) == tuple(size.values())


@pytest.mark.parametrize("stem", ["campus_week", "campus_everything_week", "utility_month", "contract_month"])
def test_windows_of_a_day_come_near_the_whole(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: three days of a week or a month give its size to 30 %. Sensitivity: the first day alone has no job that
    is released later."""
    monkeypatch.setattr(memory_estimate, "LONGEST_WINDOW", 24)
    scenario = opt.load(FOLDER / f"{stem}.yaml")
    size = opt.build(scenario).arrays.size
    found = estimate(scenario)
    assert found.rows == pytest.approx(size["rows"], rel=0.3)
    assert found.columns == pytest.approx(size["columns"], rel=0.3)
    assert found.entries == pytest.approx(size["nonzeros"], rel=0.3)


def test_memory_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: 10 entries of 250 bytes, 4 rows and 6 columns of 500 make 7500; whole decisions double it, and have a
    share of their own."""
    monkeypatch.setattr(memory_estimate, "WHOLE_FACTOR", 2.0)
    monkeypatch.setattr(memory_estimate, "WHOLE_BYTES", 1000.0)
    monkeypatch.setattr(memory_estimate, "BYTES_PER_ENTRY", 250.0)
    monkeypatch.setattr(memory_estimate, "BYTES_PER_ROW", 500.0)
    monkeypatch.setattr(memory_estimate, "BYTES_PER_COLUMN", 500.0)
    assert Estimate(4, 6, 10, 0).memory_bytes == 7500.0
    assert Estimate(4, 6, 10, 3).memory_bytes == 16000.0
    monkeypatch.setattr(memory_estimate, "BYTES_PER_ENTRY_BY_WINDOWS", 300.0)
    assert Estimate(4, 6, 10, 3, by_windows=True).memory_bytes == 4000.0


@pytest.mark.parametrize(("asked", "many", "by_windows"), [(True, 9, True), ("auto", 9, True), ("auto", 10**9, False)])
def test_windows_take_less(asked: Any, many: int, by_windows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: with a plan made window by window, HiGHS holds only the whole relaxation, and less is asked for."""
    monkeypatch.setattr(memory_estimate, "MANY_DECISIONS", many)
    scenario = opt.load(FOLDER / "campus_week.yaml")
    scenario = scenario.model_copy(update={"solver": scenario.solver.model_copy(update={"start_plan": asked})})
    found = estimate(scenario)
    assert found.by_windows is by_windows
    whole = Estimate(found.rows, found.columns, found.entries, found.whole)
    assert (found.memory_bytes < whole.memory_bytes) is by_windows


def test_a_scenario_that_will_not_fit_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: the refusal names the place, the estimate, what is free and the ways out; with room, nothing is said."""
    scenario = week(probabilities=[0.25] * 4)
    need = estimate(scenario).memory_bytes
    monkeypatch.setattr(memory_estimate, "free_memory_bytes", lambda: 0.5 * need)
    with pytest.raises(opt.InputError) as caught:
        check_memory(scenario)
    (problem,) = caught.value.problems
    text = str(problem)
    assert problem.path == "horizon.steps"
    assert "168 steps with 4 members at 2 site(s) need about" in text
    assert "rows" in text
    assert "are free" in text
    for way in ("windows", "members of the ensemble", "sites that share nothing", "more memory"):
        assert way in text
    monkeypatch.setattr(memory_estimate, "free_memory_bytes", lambda: 2.0 * need)
    check_memory(scenario)


def test_one_member_at_one_site_is_not_told_to_reduce_them(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = opt.scenario_from_dict(site_case(steps=168, contracts=[spot(30.0)], assets=[fleet()]))
    monkeypatch.setattr(memory_estimate, "free_memory_bytes", lambda: 1000.0)
    with pytest.raises(opt.InputError) as caught:
        check_memory(scenario)
    assert "member" not in str(caught.value)
    assert "sites that share nothing" not in str(caught.value)


def test_where_the_system_says_nothing_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_estimate, "free_memory_bytes", lambda: None)
    check_memory(week())


def test_ordinary_sizes_are_not_counted_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: with 8 GB free no shipped scenario is compiled for its estimate, and the check takes under 50 ms."""
    monkeypatch.setattr(memory_estimate, "free_memory_bytes", lambda: 8 * GB)
    monkeypatch.setattr(memory_estimate, "estimate", lambda scenario: pytest.fail("counted"))
    for stem in STEMS:
        scenario = opt.load(FOLDER / f"{stem}.yaml")
        started = time.process_time()
        check_memory(scenario)
        assert time.process_time() - started < 0.05


def system(root: Path, files: dict[str, str]) -> Path:
    """A file tree as a system would show it."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


MEMINFO = {"proc/meminfo": "MemTotal:  9000000 kB\nMemAvailable:  8000000 kB\n"}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        (MEMINFO, 8_000_000 * 1024),
        # version 2: 3 GB allowed, 1.2 GB used, of which 0.2 GB are files that can go
        (
            MEMINFO
            | {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "3000000000\n",
                "sys/fs/cgroup/a/memory.current": "1200000000\n",
                "sys/fs/cgroup/a/memory.stat": "anon 1\ninactive_file 200000000\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.current": "5\n",
            },
            2e9,
        ),
        # version 1, in a container that sees its own group at the top; the limit "none" is a huge number
        (
            MEMINFO
            | {
                "proc/self/cgroup": "5:cpu:/x\n4:memory:/x/y\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "400000000\n",
            },
            6e8,
        ),
        (
            MEMINFO
            | {
                "proc/self/cgroup": "4:memory:/x\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "400000000\n",
            },
            8_000_000 * 1024,
        ),
    ],
    ids=["machine", "version 2", "version 1", "no limit"],
)
def test_the_least_that_is_free_counts(files: dict[str, str], free: float, tmp_path: Path) -> None:
    assert free_memory_bytes(system(tmp_path, files)) == free


def test_the_limit_of_the_process_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: with an address space of 2 GB, 0.5 GB of it taken, 1.5 GB are left."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2 * 1024**3, 2 * 1024**3))
    root = system(tmp_path, MEMINFO | {"proc/self/status": f"VmSize:\t{512 * 1024} kB\n"})
    assert free_memory_bytes(root) == 1.5 * 1024**3


def test_this_machine_says_something_sensible() -> None:
    free = free_memory_bytes()
    assert free is None or 1e7 < free < 1e14
