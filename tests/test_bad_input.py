"""Broken scenarios: each ends in one message that says what is wrong, where and what is allowed; nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from broken_base import BASE, changed, line_of, market, write
from command_line import optimizer, optimizer_process

from optimizer.errors import did_you_mean

ROW = "2024-08-19T07:00Z,32\n"
LOCAL = "2024-08-19T02:00-05:00 (2024-08-19T07:00Z)"


@dataclass(frozen=True)
class Broken:
    """One thing broken in the base scenario or its data, and what the message must contain."""

    name: str
    says: tuple[str, ...]
    scenario: tuple[tuple[str, str], ...] = ()
    data: tuple[tuple[str, str], ...] = ()
    at: str = ""
    """Text of the (changed) scenario in whose line the problem is."""
    set_: tuple[str, ...] = ()
    code: int = 2


def broken(name: str, old: str, new: str, *says: str, at: str = "", code: int = 2) -> Broken:
    return Broken(name, says, scenario=((old, new),), at=at or new.strip().split("\n")[0], code=code)


def data(name: str, old: str, new: str, *says: str) -> Broken:
    return Broken(
        name, ("sites[0].contracts[0].price_per_mwh", "market.csv", *says), data=((old, new),), at="market.price"
    )


CASES = [
    # names of keys and kinds
    broken(
        "unknown key",
        "machines: 8000",
        "machnes: 8000",
        "sites[0].assets[0].machnes",
        "unknown key",
        "did you mean 'machines'?",
        "sites[0].assets[0].machines",
        "is missing",
        "is it written as 'machnes'?",
    ),
    broken("unknown section", "risk:", "rsk:", "rsk", "unknown key", "one of: format, name", "did you mean 'risk'?"),
    broken(
        "unknown kind",
        "kind: gpu_pool",
        "kind: gpupool",
        "sites[0].assets[1].kind",
        '"gpupool"',
        "did you mean 'gpu_pool'?",
        "miner_fleet",
    ),
    broken(
        "kind of another section",
        "kind: battery",
        "kind: hall",
        "assets[2].kind",
        '"hall"',
        "listed under cooling",
        at="kind: hall\n        name: bess",
    ),
    broken(
        "kind missing",
        "- kind: gpu_pool\n        name: h100",
        "- name: h100",
        "sites[0].assets[1].kind",
        "is missing",
        "one of: battery, generator, gpu_pool, heat_reuse, miner_fleet, renewable",
    ),
    broken("no sites", "sites:", "stes:", "sites", "is missing", "is it written as 'stes'?"),
    broken("other format", "format: 1", "format: 2", "format", "found 2", "format 1"),
    # types and ranges
    broken("negative machines", "machines: 8000", "machines: -5", "assets[0].machines", "found -5", "at least 1"),
    broken("half a machine", "machines: 8000", "machines: 8000.5", "machines", "found 8000.5", "a whole number"),
    broken("machines in words", "machines: 8000", "machines: many", "machines", '"many"', "a whole number"),
    broken("true for a number", "volume_mw: 20", "volume_mw: true", "volume_mw", "found true", "a finite number"),
    broken("nothing for a number", "power_mw: 5", "power_mw:", "assets[2].power_mw", "found null", "a number"),
    broken("efficiency above 1", "charge_efficiency: 0.95", "charge_efficiency: 1.05", "found 1.05", "at most 1"),
    broken(
        "efficiency in percent",
        "charge_efficiency: 0.95",
        "charge_efficiency: 95",
        "found 95",
        "at most 1",
        "was 0.95 meant (percent given)?",
    ),
    broken(
        "watts given in kW",
        "power_w: 3500",
        "power_w: 3.5",
        "sites[0].assets[0].modes[0].power_w",
        "3.5 W",
        "power_w is in watts, was 3500 meant",
    ),
    broken(
        "kW given in watts",
        "full_kw: 10.2",
        "full_kw: 10200",
        "sites[0].assets[1].full_kw",
        "10200 kW",
        "kilowatts, was 10.2 meant",
    ),
    broken(
        "infinite", "hashprice_per_ph_day: 48", "hashprice_per_ph_day: .inf", "hashprice_per_ph_day", "finite number"
    ),
    broken(
        "list for a mapping",
        "grid:\n      import_limit_mw: 60\n      export_limit_mw: 5",
        "grid: [60, 5]",
        "sites[0].grid",
        "found [60, 5]",
        "a mapping of keys to values",
    ),
    broken(
        "text for an entry",
        "- kind: hall",
        "- hall\n      - kind: hall",
        "sites[0].cooling[0]",
        '"hall"',
        "a mapping",
        at="cooling:",
    ),
    broken("pool as a number", "pool: h100\n        class", "pool: 5\n        class", "found 5", "text or a list"),
    broken(
        "empty list",
        "modes:\n          - {name: normal, hash_th_s: 200, power_w: 3500}",
        "modes: []",
        "modes",
        "at least 1 entry",
    ),
    broken("no steps", "steps: 24", "steps: 0", "horizon.steps", "found 0", "at least 1"),
    broken(
        "zone unknown",
        "America/Chicago",
        "America/Chicgo",
        "horizon.timezone",
        "'America/Chicgo'",
        "did you mean 'America/Chicago'?",
    ),
    broken(
        "start as in Germany",
        "start: 2024-08-19T00:00",
        "start: 19.08.2024",
        "horizon.start",
        "'19.08.2024'",
        "2024-08-19T06:00",
    ),
    broken(
        "start in the hour that is there twice",
        "2024-08-19T00:00",
        "2024-11-03T01:30",
        "horizon.start",
        "happens twice in America/Chicago",
        "2024-11-03T01:30-05:00 or 2024-11-03T01:30-06:00",
    ),
    broken("start in the hour that is not there", "2024-08-19T00:00", "2024-03-10T02:30", "does not exist"),
    broken(
        "series of wrong length",
        "hashprice_per_ph_day: 48",
        "hashprice_per_ph_day: [48, 49]",
        "found 2 values",
        "one for each of 24 steps",
    ),
    broken("series of too few members", "price_per_mwh: 33", "price_per_mwh: [[33]]", "found 1 lists", "2 members"),
    broken("no time to solve", "time_limit_s: 60", "time_limit_s: -1", "solver.time_limit_s", "found -1", "above 0"),
    # the ensemble
    broken(
        "probabilities below 1", "[0.25, 0.75]", "[0.25, 0.7]", "ensemble.probabilities", "add up to 0.95", "must be 1"
    ),
    broken(
        "probabilities of too many",
        "[0.25, 0.75]",
        "[0.25, 0.25, 0.5]",
        "3 probabilities for 2 members",
        at="ensemble:",
    ),
    broken(
        "negative probability",
        "[0.25, 0.75]",
        "[-0.25, 1.25]",
        "ensemble.probabilities[0]",
        "found -0.25",
        "at least 0",
    ),
    broken("probabilities in words", "[0.25, 0.75]", "equl", 'found "equl"', "did you mean 'equal'?"),
    # names and references
    broken(
        "name used twice",
        "name: bess",
        "name: spot",
        "sites[0].assets[2].name",
        "used twice at site odessa",
        at="name: spot\n        power_mw",
    ),
    broken(
        "absent pool",
        "pool: h100\n        class",
        "pool: h10\n        class",
        "sites[0].workloads[0].pool",
        "no pool of this name",
        '"h10"',
        "one of: h100",
        "did you mean 'h100'?",
    ),
    broken("pool that mines", "pool: h100\n        class", "pool: s21\n        class", "is no pool", '"s21"'),
    broken(
        "name with a space", "name: bess", "name: my battery", "sites[0].assets[2].name", '"my battery"', "a letter"
    ),
    # what does not fit together
    broken(
        "work that does not fit",
        "work_node_hours: 500",
        "work_node_hours: 50000",
        "sites[0].workloads[0].work_node_hours",
        "50000 node-hours",
        "at most 1000 can be done",
        "49000 node-hours are lacking",
    ),
    broken("min above max", "min_nodes: 10", "min_nodes: 90", "workloads[0].min_nodes", "min_nodes 90", "max_nodes 50"),
    broken(
        "deadline before release",
        "deadline: 2024-08-19T20:00",
        "deadline: 2024-08-19T20:00\n        release: 2024-08-19T21:00",
        "workloads[0].deadline",
        "release",
    ),
    broken(
        "block larger than the connection",
        "volume_mw: 20",
        "volume_mw: 80",
        "sites[0].contracts[1].volume_mw",
        "import_limit_mw",
        "80",
        "at most 60 MW",
    ),
    Broken(  # a site with power of its own (a battery) may have more than its connection gives: it takes a solve
        "house load larger than connection and battery",
        ("site odessa needs 80", "import_mw at most 60", "bess: discharge_mw at most 5", "house_load_mw=60 (now 80"),
        scenario=(("house_load_mw: 0.4", "house_load_mw: 80"),),
        code=3,
    ),
    Broken(
        "house load larger than the connection",
        ("house_load_mw", "80 MW", "60 MW"),
        scenario=(("house_load_mw: 0.4", "house_load_mw: 80"),),
        set_=("sites[0].assets=[]", "sites[0].workloads=[]"),
    ),
    broken(
        "idle above full",
        "full_kw: 10.2",
        "full_kw: 1.2",
        "sites[0].assets[1]",
        "off_kw <= idle_kw <= full_kw",
        at="kind: gpu_pool",
    ),
    broken(
        "modes of one name",
        "power_w: 3500}",
        "power_w: 3500}\n          - {name: normal, hash_th_s: 9, power_w: 900}",
        "assets[0].modes",
        "share a name",
        at="modes:",
    ),
    # data files
    broken(
        "missing file",
        "file: market.csv",
        "file: markt.csv",
        "sites[0].contracts[0].price_per_mwh",
        "markt.csv is not there",
        "did you mean 'market.csv'?",
        at="market.price",
    ),
    broken("folder for a file", "file: market.csv", "file: .", "is a folder", at="market.price"),
    broken(
        "missing column",
        "price_per_mwh: market.price\n",
        "price_per_mwh: market.pric\n",
        "market.csv",
        "no column 'pric'",
        "did you mean 'price'?",
    ),
    broken(
        "missing time column",
        "time: utc_start",
        "time: utc_strt",
        "no column 'utc_strt'",
        "'utc_start'",
        at="market.price",
    ),
    broken(
        "missing source",
        "price_per_mwh: market.price\n",
        "price_per_mwh: markt.price\n",
        "no data source 'markt'",
        "did you mean 'market'?",
    ),
    broken(
        "horizon outside the data",
        "steps: 24",
        "steps: 48",
        "market.csv",
        "covers 2024-08-19T00:00-05:00",
        "2024-08-20T06:00-05:00",
        "horizon runs",
        "2024-08-21T00:00-05:00",
        at="market.price",
    ),
    broken(
        "finer step than the data",
        "step: 1h",
        "step: 15min",
        "1 h apart",
        "coarser",
        "15 min",
        "resample: hold",
        at="market.price",
    ),
    broken("coarser step than the data", "step: 1h", "step: 2h", "1 h apart", "finer", "2 h", at="market.price"),
    data("blank cell", ROW, "2024-08-19T07:00Z,\n", "column 'price'", "a blank cell", LOCAL, "fill:"),
    data("NaN", ROW, "2024-08-19T07:00Z,NaN\n", "column 'price'", LOCAL, "must be a number"),
    data("infinity", ROW, "2024-08-19T07:00Z,inf\n", "column 'price'", LOCAL, "must be finite"),
    data("text", ROW, "2024-08-19T07:00Z,dear\n", "column 'price'", '"dear"', LOCAL, "must be a number"),
    data("gap", ROW, "", "no row for", LOCAL, "fill:"),
    data("duplicate", ROW, ROW + ROW, "time stamp", LOCAL, "more than once"),
    data("one naive time stamp", "T07:00Z", "T07:00", "some time stamps", "UTC offset"),
    data("no time stamp", "2024-08-19T07:00Z", "tomorrow", "'tomorrow'"),
    # --set
    Broken(
        "--set to nowhere",
        ("sites.odesa.house_load_mw (--set)", "no entry named 'odesa'", "did you mean 'odessa'?"),
        set_=("sites.odesa.house_load_mw=1",),
    ),
    Broken(
        "--set an unknown key",
        ("assets[0].machnes (--set)", "unknown key", "did you mean 'machines'?"),
        set_=("sites.odessa.assets.s21.machnes=1",),
    ),
    Broken(
        "--set another type",
        ("assets[0].machines (--set)", '"lots"', "a whole number"),
        set_=("sites.odessa.assets.s21.machines=lots",),
    ),
    Broken("--set without a value", ("cannot read the override", "path=value"), set_=("sites.odessa.house_load_mw",)),
    Broken(
        "--set beyond the list", ("contracts has no entry [9]", "there are 2"), set_=("sites[0].contracts[9].name=x",)
    ),
    # what only the solver can find
    Broken(
        "rules that conflict",
        ("no plan satisfies all rules", "spot: delivered_mw at most 0", "power balance of the site", "2024-08-19"),
        set_=("sites[0].contracts[0].limit_mw=0", "sites[0].contracts[1].volume_mw=0"),
        code=3,
    ),
    Broken(
        "no time for a plan",
        ("HiGHS stopped (time limit reached)", "before it found a plan", "time_limit_s"),
        set_=("solver.time_limit_s=1e-9", "solver.rounding=false"),
        code=5,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_broken_scenarios(case: Broken, tmp_path: Path) -> None:
    scenario = changed(BASE, *case.scenario)
    file = write(tmp_path, scenario, changed(market(), *case.data))
    before = sorted(tmp_path.iterdir())
    ran = optimizer("run", file, "--out", tmp_path / "out", *(part for s in case.set_ for part in ("--set", s)))
    assert ran.code == case.code, ran.err
    for fragment in case.says:
        assert fragment in ran.err
    if case.at:
        assert f"s.yaml:{line_of(scenario, case.at)}" in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err
    assert sorted(tmp_path.iterdir()) == before


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    scenario = changed(
        BASE,
        ("file: market.csv", "file: markt.csv"),
        ("fee_per_mwh: 0.5", "fee_per_mwh: -0.5"),
        ("machines: 8000", "machines: -5"),
        ("power_mw: 5", "power: 5"),
        ("pool: h100\n        class", "pool: h10\n        class"),
        ("pool: h100\n        demand", "pool: h10\n        demand"),
    )
    ran = optimizer("validate", write(tmp_path, scenario))
    assert ran.code == 2
    told = [line.strip(" -").split(" ")[0] for line in ran.err.splitlines()[1:]]
    assert told == [
        "sites[0].contracts[0].price_per_mwh",
        "sites[0].contracts[1].resale.fee_per_mwh",
        "sites[0].assets[0].machines",
        "sites[0].assets[2].power_mw",
        "sites[0].assets[2].power",
        "sites[0].workloads[0].pool",
        "sites[0].workloads[1].pool",
    ]
    assert "7 problems" in ran.err


def test_one_message_at_two_places_is_told_twice_but_a_broken_file_once(tmp_path: Path) -> None:
    scenario = changed(
        BASE, ("fee_per_mwh: 0.5", "fee_per_mwh: 0.5, max_mw: 1"), ("price_per_mwh: 33", "price_per_mwh: x")
    )
    scenario = changed(scenario, ("overhead: 0.05", "overhead: x"))
    assert optimizer("validate", write(tmp_path, scenario)).err.count("written source.column") == 2
    scenario = changed(BASE, ("file: market.csv", "file: absent.csv"))
    assert optimizer("validate", write(tmp_path, scenario)).err.count("is not there") == 1


MEMBERS = "utc_start,{0}_000,{0}_001\n" + "".join(
    f"2024-08-{19 + h // 24}T{h % 24:02d}:00Z,1,2\n" for h in range(5, 40)
)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        pytest.param(MEMBERS.format("price").replace("_001", "_002"), "'price_001' is not there", id="member-left-out"),
        pytest.param(
            "utc_start,member,price\n"
            + "".join(
                f"2024-08-{19 + h // 24}T{h % 24:02d}:00Z,{member},1\n" for member in (0, 7) for h in range(5, 40)
            ),
            "its members are not those of source 'market'",
            id="other-labels",
        ),
        pytest.param(
            MEMBERS.format("price").replace("_001", "_001,price_002").replace(",2\n", ",2,3\n"),
            "holds 3 members, but the ensemble has 2",
            id="too-many",
        ),
    ],
)
def test_members_that_differ_between_series(other: str, says: str, tmp_path: Path) -> None:
    scenario = changed(
        BASE,
        ("    time: utc_start\n", "    time: utc_start\n  other:\n    file: other.csv\n    time: utc_start\n"),
        ("hashprice_per_ph_day: 48", "hashprice_per_ph_day: other.price"),
    )
    (tmp_path / "other.csv").write_text(other)
    ran = optimizer("validate", write(tmp_path, scenario, MEMBERS.format("price")))
    assert ran.code == 2
    assert says in ran.err
    assert "sites[0].assets[0].hashprice_per_ph_day" in ran.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"utc_start,price\n", "a header but no rows", id="header-only"),
        pytest.param(market().replace("price", "präis").encode("latin-1"), "is not UTF-8 text", id="latin-1"),
        pytest.param(market().encode("utf-16"), "is not UTF-8 text", id="utf-16"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 99, "is not UTF-8 text", id="binary"),
        pytest.param(market("%Y-%m-%dT%H:%M").encode(), "declare their time zone", id="naive"),
        pytest.param(market().replace(",", ";").encode(), "separated by commas", id="semicolons"),
        pytest.param(b"x" * 4_000_000, "the first line is longer", id="one-endless-line"),
    ],
)
def test_broken_data_files(content: bytes, says: str, tmp_path: Path) -> None:
    ran = optimizer("validate", write(tmp_path, data=content))
    assert ran.code == 2
    assert "market.csv" in ran.err
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_the_hour_that_is_there_twice_in_local_time_stamps(tmp_path: Path) -> None:
    scenario = changed(
        BASE,
        ("start: 2024-08-19T00:00, steps: 24", "start: 2024-11-03T00:00, steps: 6"),
        ("time: utc_start", "time: utc_start\n    timezone: America/Chicago"),
    )
    rows = "".join(f"2024-11-03T{hour:02d}:00,{hour}\n" for hour in range(10))
    ran = optimizer("validate", write(tmp_path, scenario, "utc_start,price\n" + rows))
    assert ran.code == 2
    assert "2024-11-03T01:00" in ran.err
    assert "market.csv" in ran.err


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("s.yaml", b"", "s.yaml: the file is empty", id="empty"),
        pytest.param("s.yaml", b"# nothing\n", "the file is empty", id="comment"),
        pytest.param("s.yaml", b"- 1\n", "must be a mapping", id="list"),
        pytest.param(
            "s.yaml", BASE.replace("broken", "Zürich").encode("latin-1"), "s.yaml:2: is not UTF-8", id="latin-1"
        ),
        pytest.param("s.yaml", b"a: [1\nb: 2\n", "is not well-formed YAML", id="syntax"),
        pytest.param("s.yaml", b"a:\n\tb: 1\n", "s.yaml:2", id="tab"),
        pytest.param(
            "s.yaml", BASE.encode() + b"name: again\n", "name (s.yaml:70): the key is there twice", id="key-twice"
        ),
        pytest.param("s.yaml", BOMB.encode(), "aliases expand to more than", id="bomb"),
        pytest.param("s.yaml", b"a: " + b"[" * 99, "nested more than 64 levels", id="deep"),
        pytest.param("s.yaml", b"a: " + b"[" * 90_000, "nest", id="very-deep"),
        pytest.param("s.yaml", b"format: " + b"9" * 900_000, "900000 digits", id="digits"),
        pytest.param("s.yaml", b"# filler\n" * 2_000_000, "at most 16 MiB", id="large"),
        pytest.param("s.yaml", bytes(100), "is not well-formed YAML", id="zeros"),
        pytest.param("s.json", b"{", "s.json", id="json-syntax"),
    ],
)
def test_broken_scenario_files(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    ran = optimizer("run", tmp_path / name, "--out", tmp_path / "out")
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_absent_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path)
    ran = optimizer("run", tmp_path / "s.yml")
    assert ran.code == 2
    assert "the file is not there; did you mean 's.yaml'?" in ran.err
    ran = optimizer("run", tmp_path)
    assert ran.code == 2
    assert "is a folder, not a scenario file" in ran.err


def test_the_base_itself_is_solved_and_json_is_read_alike(tmp_path: Path) -> None:
    file = write(tmp_path)
    ran = optimizer("run", file, "--out", tmp_path / "out", "--json")
    assert ran.code == 0, ran.err
    as_json = tmp_path / "s.json"
    as_json.write_text(json.dumps(yaml.load(BASE, yaml.BaseLoader)))
    text = changed(as_json.read_text(), ('"format": "1"', '"format": 1'))
    as_json.write_text(_with_numbers(text))
    again = optimizer("run", as_json, "--out", tmp_path / "again", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["expected_profit"] == json.loads(ran.out)["expected_profit"]


def _with_numbers(text: str) -> str:
    """JSON whose numbers were read as text, with numbers again."""

    def number(value: object) -> object:
        if isinstance(value, dict):
            return {key: number(item) for key, item in value.items()}
        if isinstance(value, list):
            return [number(item) for item in value]
        try:
            return json.loads(str(value)) if isinstance(value, str) else value
        except ValueError:
            return value

    return json.dumps(number(json.loads(text)))


def test_garbage_of_100_mb_is_refused_in_bounded_time_and_memory(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "market.csv").open("wb") as file:
        for _ in range(100):
            file.write(b"\xff\x00rubbish," * 104_858)
    limited = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 1024**3, 3 * 1024**3))\n"
        "sys.argv = ['optimizer', 'validate', sys.argv[1]]\n"
        "from optimizer.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, str(tmp_path / "s.yaml")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "market.csv: is not UTF-8 text" in done.stderr


@pytest.mark.parametrize("number", [0, 7])
def test_broken_scenarios_in_a_process_of_their_own(number: int, tmp_path: Path) -> None:
    case = CASES[number]
    ran = optimizer_process("run", write(tmp_path, changed(BASE, *case.scenario)), "--out", tmp_path / "out")
    assert ran.code == 2
    assert all(fragment in ran.err for fragment in case.says)
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()


def test_two_swapped_letters_are_the_nearest_name() -> None:
    assert did_you_mean("modle", ["modes", "model"]) == "did you mean 'model'?"
    assert did_you_mean("machnes", ["modes", "machines"]) == "did you mean 'machines'?"
    assert did_you_mean("zzz", ["modes", "model"]) is None
