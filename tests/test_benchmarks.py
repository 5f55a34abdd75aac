"""The formulations that the benchmarks compare say the same: one problem, one optimum, at small sizes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from dispatch_case import Size, generated, read, write  # noqa: E402
from growth import draw, exponents, growth_table, largest_table, read_runs  # noqa: E402
from peers.one_run import PHASES, Pass, fingerprint  # noqa: E402
from peers.road import LINES, QUANTITIES  # noqa: E402
from peers.roads import ROADS, why_not  # noqa: E402
from peers.tables import into_document, peers_tables  # noqa: E402

ONE_MEMBER, SEVERAL = Size(30, 2, 1), Size(26, 2, 3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Size, Path]:
    """The files of each size."""
    found = {}
    for size in (ONE_MEMBER, SEVERAL):
        found[size] = tmp_path_factory.mktemp(f"{size.members}")
        write(generated(size), found[size])
    return found


@pytest.fixture(scope="module")
def floors(folders: dict[Size, Path]) -> dict[Size, Pass]:
    """The hand-written formulation, solved."""
    return {size: Pass("floor", folder, solve_s=60.0) for size, folder in folders.items()}


def test_the_files_hold_the_case(folders: dict[Size, Path]) -> None:
    """Proves: what a formulation reads is what was generated, prices by member included."""
    for size, folder in folders.items():
        case, found = generated(size), read(folder)
        assert found.plant == case.plant
        for name in ("real_time", "day_ahead", "hashprice", "availability", "overhead", "gpu_price", "market_nodes"):
            np.testing.assert_array_equal(getattr(found, name), getattr(case, name))


def test_the_case_exercises_every_rule(floors: dict[Size, Pass]) -> None:
    """Proves: the optimum buys ahead and in real time, sells back and exports, and is held by the connection, the
    hall, the ladder of modes, the market for nodes and the battery; a formulation that forgot one would show."""
    found, case = floors[SEVERAL].results.dispatch, generated(SEVERAL)
    at_limit = {
        "import_mw": case.of_plant("import_limit_mw")[:, None, None],
        "export_mw": case.of_plant("export_limit_mw")[:, None, None],
        "nodes": case.market_nodes[:, None, :],
        "heat": case.of_plant("heat_limit_mw")[:, None, None],
        "charge_mw": case.of_plant("battery_mw")[:, None, None],
    }
    for name, limit in at_limit.items():
        assert np.isclose(found[name], limit).any(), name
    assert all((found[name] > 1e-6).any() for name in ("short", "long", "position_mw", "off", "discharge_mw"))
    assert ((found["running"] > 1e-6).any(axis=(0, 2, 3))).sum() >= 4


@pytest.mark.parametrize("size", [ONE_MEMBER, SEVERAL], ids=str)
@pytest.mark.parametrize("name", [name for name in ROADS if name != "floor"])
@pytest.mark.filterwarnings("ignore:.*:FutureWarning", "ignore:.*:DeprecationWarning")
def test_every_formulation_reaches_the_floors_optimum(
    name: str, size: Size, folders: dict[Size, Path], floors: dict[Size, Pass]
) -> None:
    """Proves: the same optimum to 1e-6, the money lines add up to it, and where the rows are meant to be the same they
    are: as many rows, columns and non-zeros, with the same entries between the same kinds of rows and columns."""
    if (reason := why_not(name, size)) is not None:
        pytest.skip(f"{name}: {reason}")
    floor, found = floors[size], Pass(name, folders[size], solve_s=60.0)
    assert set(found.times) == set(PHASES)
    assert found.optimum is not None
    assert found.optimum == pytest.approx(floor.optimum, rel=1e-6)
    assert found.results.expected(1.0 / size.members) == pytest.approx(found.optimum, rel=1e-6)
    assert set(found.results.money) == set(LINES)
    assert set(found.results.dispatch) >= set(QUANTITIES)
    cells = (size.sites, size.members, size.hours)
    assert all(found.results.dispatch[name].shape[-2:] == cells[1:] for name in QUANTITIES)
    if ROADS[name].same_rows:
        for count in ("getNumRow", "getNumCol", "getNumNz"):
            assert getattr(found.highs, count)() == getattr(floor.highs, count)()
        assert fingerprint(found.highs) == pytest.approx(fingerprint(floor.highs), rel=1e-9)
        unsolved = Pass(name, folders[size]).highs  # HiGHS may hold its entries in another order before it solves
        assert fingerprint(unsolved) == pytest.approx(fingerprint(floor.highs), rel=1e-9)
    if hasattr(found.road, "whole_solve"):
        assert found.road.whole_solve() == pytest.approx(floor.optimum, rel=1e-6)


def test_the_fingerprint_tells_another_problem(folders: dict[Size, Path], floors: dict[Size, Pass]) -> None:
    """Proves: one coefficient, one bound and one entry in another row of the same size each change the fingerprint."""
    plain = fingerprint(floors[ONE_MEMBER].highs)
    for change in (
        lambda highs: highs.changeCoeff(2 * ONE_MEMBER.cells + 5, 4, 1.01),
        lambda highs: highs.changeColBounds(7, 0.0, 12.5),
        lambda highs: (highs.changeCoeff(0, 0, 0.0), highs.changeCoeff(9 * ONE_MEMBER.cells, 0, 1.0)),
    ):
        highs = Pass("floor", folders[ONE_MEMBER]).highs
        change(highs)
        assert fingerprint(highs) != pytest.approx(plain, rel=1e-9)


# ---------------------------------------------------------------------- figures
def run(hours: int, sites: int, members: int, road: str = "floor", **fields: Any) -> dict[str, Any]:
    """A measured run as the comparison writes it: time = 2 h^1 s^0.5, memory = 3 h s m."""
    seconds = 2.0 * hours * sites**0.5
    spread = {"cpu_s": {"median": seconds, "min": seconds, "max": seconds}}
    phases = {phase: spread for phase in PHASES if phase != "solve"}
    mb = 3.0 * hours * sites * members
    return {
        "road": road, "hours": hours, "sites": sites, "members": members, "rows": 12, "columns": 20, "nonzeros": 10**6,
        "phases": phases, "build, hand over and results": spread, "baseline_mb": 50.0,
        "peak_mb": {"results": 50.0 + mb, "hand over": 50.0 + mb}, "optimum": None, "stopped": None,
    } | fields  # fmt: skip


RUNS = [run(h, s, m) for h in (168, 720, 8760) for s in (1, 5) for m in (1, 20)]


def test_exponents_are_found_again() -> None:
    """Proves: time of hours^1 sites^0.5 members^0 and memory of all three to the 1 are fitted exactly; with too few
    runs there is no fit."""
    time = exponents(RUNS, lambda r: r["build, hand over and results"]["cpu_s"]["median"])
    assert time == pytest.approx({"hours": 1.0, "sites": 0.5, "members": 0.0, "R²": 1.0}, abs=1e-9)
    memory = exponents(RUNS, lambda r: r["peak_mb"]["results"] - r["baseline_mb"])
    assert memory == pytest.approx({"hours": 1.0, "sites": 1.0, "members": 1.0, "R²": 1.0}, abs=1e-9)
    assert exponents(RUNS[:3], lambda r: 1.0) == {}
    assert "| floor: memory | 1.00 | 1.00 | 1.00 | 1.00 | 9 |" in growth_table([*RUNS])
    assert f"| floor: built | 8760 × 5 × 20 | 12 | 20 | 1,000,000 | {2.0 * 8760 * math.sqrt(5):.1f} |" in largest_table(
        RUNS
    )


def test_growth_is_drawn(tmp_path: Path) -> None:
    """Proves: the picture names both axes and every formulation, and is the same from the same figures."""
    pytest.importorskip("matplotlib", reason="extra `peers` is not installed")
    texts = []
    for name in ("one.svg", "two.svg"):
        draw([*RUNS, *(run(h, 1, 1, "this project") for h in (48, 8760))], tmp_path / name)
        texts.append((tmp_path / name).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    for words in ("this project", "floor", "hours × sites × members", "peak memory above the imports, MB"):
        assert words in texts[0]


def test_tables_say_what_was_measured_and_what_was_left_out() -> None:
    """Proves: ratios are those of the medians, and a size that was left out is named with its reason."""
    twice = run(168, 1, 1, "this project")
    twice["build, hand over and results"] = {"cpu_s": {"median": 672.0, "min": 600.0, "max": 700.0}}
    machine = {"processor": "p", "cores": 2, "memory_gb": 1, "python": "3", "versions": {}, "load_average": 0}
    left_out = [{"road": "linopy", "size": {"hours": 8760, "sites": 1, "members": 1}, "reason": "about 99 s"}]
    text = peers_tables({"machine": machine, "runs": [run(168, 1, 1), twice], "left_out": left_out})
    assert "| 168 × 1 × 1 | 12 | 1,000,000 | 336,000 | 672,000 (600,000 … 700,000) | 2.0 |" in text
    assert "linopy, would take too long or too much memory: 8760 × 1 × 1 (about 99 s)." in text


def test_tables_go_between_their_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n", encoding="utf-8")
    into_document("x", "new", page)
    assert page.read_text(encoding="utf-8") == "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n"
    with pytest.raises(ValueError, match="does not hold"):
        into_document("y", "new", page)


def test_the_comparison_runs_from_end_to_end(tmp_path: Path) -> None:
    """Proves: one command measures a size that HiGHS solves and one that it does not, each phase with its memory,
    leaves out what would take too long with its reason, and prints the tables."""
    file = tmp_path / "peers.json"
    command = [sys.executable, "against_peers.py", "--roads", "floor", "--rounds", "1", "--json", str(file)]
    command += ["--sizes", "6x1x1", "8x1x1", "9999999x1x1", "--solve-cells", "6", "--longest-s", "60"]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text(encoding="utf-8"))
    solved, unsolved = found["runs"]
    assert (solved["hours"], unsolved["hours"]) == (6, 8)
    assert set(solved["phases"]) == set(solved["peak_mb"]) == set(PHASES)
    assert set(unsolved["phases"]) == set(unsolved["peak_mb"]) == set(PHASES) - {"solve"}
    assert solved["optimum"] > 0
    assert unsolved["optimum"] is None
    (left_out,) = found["left_out"]
    assert left_out["size"]["hours"] == 9_999_999
    assert left_out["reason"].startswith("about ")
    assert "floor, would take too long or too much memory: 9999999 × 1 × 1" in done.stdout
    other = tmp_path / "other.json"
    other.write_text('[{"runs": 3}]', encoding="utf-8")
    assert read_runs([other, file]) == found["runs"]


# ---------------------------------------------------------------------- the page
def test_the_page_has_a_place_for_every_table() -> None:
    """Proves: what `make bench` rewrites is there."""
    page = (BENCHMARKS.parent / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for marker in ("peers", "growth", "limits"):
        assert page.count(f"<!-- {marker}: begin -->") == page.count(f"<!-- {marker}: end -->") == 1
