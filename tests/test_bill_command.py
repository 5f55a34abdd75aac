"""``optimizer bill`` and ``optimizer run --carry``: what they print and write, and what they refuse."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from command_line import optimizer
from metered import load, run_bill, write_smallest
from small_case import fleet, site_case, spot


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the smallest scenario and a load."""
    monkeypatch.chdir(tmp_path)
    return write_smallest(tmp_path)


# ---------------------------------------------------------------------- what is printed and written
def test_the_bill_is_printed_by_line_and_month(folder: Path) -> None:
    ran = run_bill()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("smallest: bill in USD, revenue positive\n")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ran.out.splitlines() if "│" in line]
    assert rows == [["spot_energy", "6.000 MWh", "-362.00"], ["2024-08", "", "-362.00"]]
    assert sorted(path.name for path in folder.iterdir()) == ["load.csv", "s.yaml"]


def test_months_have_a_sum_each_and_notes_stand_below(folder: Path) -> None:
    case = yaml.safe_load((folder / "s.yaml").read_text())
    case["sites"][0]["contracts"] = [spot(10), spot(20, "other")]
    (folder / "s.yaml").write_text(yaml.safe_dump(case))
    load([1.0, 2.0], start="2024-08-31T23:00").rename_axis("time_utc").to_csv(folder / "load.csv")
    out = run_bill().out
    for part in ("2024-08", "-10.00", "2024-09", "-20.00", "total", "-30.00"):
        assert part in out
    assert "Note: import dealt out to spot, other by the settlement rule" in out


def test_a_bill_over_members_is_the_expected_one(folder: Path) -> None:
    case = site_case(steps=1, contracts=[spot(10)], probabilities=[0.25, 0.75])
    (folder / "s.yaml").write_text(yaml.safe_dump(case))
    (folder / "load.csv").write_text("time_utc,member,import_mw\n2024-08-19T00:00Z,0,1\n2024-08-19T00:00Z,1,3\n")
    out = run_bill().out
    assert "expected over 2 members" in out
    assert "2.500 MWh" in out
    assert "-25.00" in out


def test_json_is_the_whole_bill(folder: Path) -> None:
    ran = run_bill("--json", "--out", "out/bill.csv")
    told = json.loads(ran.out)
    assert (ran.code, told["total"], told["currency"], told["notes"]) == (0, pytest.approx(-362.0), "USD", [])
    assert told["total_by_month"] == {"2024-08": pytest.approx(-362.0)}
    written = pd.read_csv(folder / "out" / "bill.csv")
    assert written["amount"].tolist() == pytest.approx([line["amount"] for line in told["lines"]])


def test_the_scenario_may_be_changed(folder: Path) -> None:
    assert json.loads(run_bill("--json", "--set", "sites.a.contracts.spot.price_per_mwh=1").out)["total"] == -6.0


def test_an_earlier_bill_is_replaced_and_other_files_stay(folder: Path) -> None:
    (folder / "bill.csv").write_text("earlier")
    ran = run_bill("--out", "bill.csv")
    assert ran.out.endswith("Bill: bill.csv\n")
    assert (folder / "bill.csv").read_text().startswith("site,contract,line,month,member,amount,quantity,unit\n")
    assert sorted(path.name for path in folder.iterdir()) == ["bill.csv", "load.csv", "s.yaml"]


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("load.csv", "load.csv: the bill would be written over what it is made from"),
        ("./s.yaml", "the bill would be written over what it is made from"),
        (".", "the bill cannot be written here: it is a folder"),
        ("load.csv/bill.csv", "the bill cannot be written here: it is a file"),
    ],
)
def test_places_for_which_a_bill_is_refused(folder: Path, out: str, says: str) -> None:
    before = {path.name: path.read_text() for path in folder.iterdir()}
    ran = run_bill("--out", out)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_a_full_disk_leaves_the_earlier_bill(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bill.csv").write_text("earlier")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    ran = run_bill("--out", "bill.csv")
    monkeypatch.undo()
    assert (ran.code, ran.out) == (1, "")
    assert "error: the bill could not be written to bill.csv: No space left on device" in ran.err
    assert (folder / "bill.csv").read_text() == "earlier"
    assert sorted(path.name for path in folder.iterdir()) == ["bill.csv", "load.csv", "s.yaml"]


def test_the_meter_of_a_run_gives_its_own_contract_money(folder: Path) -> None:
    assert optimizer("run", "s.yaml", "--out", "results").code == 0
    ran = optimizer("bill", "s.yaml", "--load", "results/meter.csv", "--json")
    assert json.loads(ran.out)["total"] == pytest.approx(-574.0)
    assert (folder / "results" / "bill.csv").is_file()


# ---------------------------------------------------------------------- run --carry
CARRIED = "carry:\n  at: 2024-08-19T00:00+00:00\n  components:\n    tdu: {peaks_mw: {2024-08: 3.5}}\n"


@pytest.fixture
def charged(folder: Path) -> Path:
    """The smallest scenario with a demand charge: 1 per kW of the 3.5 MW that its fleet takes."""
    case = site_case(steps=4, assets=[fleet()], contracts=[spot([100, 120, -50, 114])])
    case["sites"][0]["contracts"].append({"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 0.1})
    (folder / "s.yaml").write_text(yaml.safe_dump(case, sort_keys=False))
    (folder / "carry.yaml").write_text(CARRIED)
    return folder


def test_a_run_takes_over_the_carry_of_the_run_before(charged: Path) -> None:
    """Proves: with a peak of 3.5 MW behind it, the fleet's 350 of demand are paid already: 626 instead of 276."""
    plain = json.loads(optimizer("run", "s.yaml", "--out", "a", "--json").out)
    carried = json.loads(optimizer("run", "s.yaml", "--out", "b", "--carry", "carry.yaml", "--json").out)
    assert plain["expected_profit"] == pytest.approx(276.0)
    assert carried["expected_profit"] == pytest.approx(626.0)
    again = json.loads(optimizer("run", "b/scenario.yaml", "--out", "c", "--json").out)
    assert again["expected_profit"] == pytest.approx(626.0)
    ran = optimizer("bill", "s.yaml", "--load", "b/meter.csv", "--carry", "carry.yaml", "--json")
    assert json.loads(ran.out)["total"] == pytest.approx(-574.0)


@pytest.mark.parametrize(
    ("carry", "says"),
    [
        ("format: 1\n", "carry.yaml: has no section 'carry'; a plan writes carry.yaml into its results folder"),
        (CARRIED.replace("08-19", "08-20"), "carry.at (carry.yaml:2): the states are those of 2024-08-20"),
        (CARRIED.replace("tdu", "tdo"), "carry.components.tdo (carry.yaml:4): there is no component of this name"),
        (CARRIED.replace("peaks_mw", "peak_mw"), "carry.components.tdu.peak_mw (carry.yaml:4): unknown state"),
        (CARRIED.replace("3.5", "x"), "(carry.yaml:4)"),
        ("carry: [", "carry.yaml"),
    ],
)
@pytest.mark.parametrize("command", ["run", "bill"])
def test_a_carry_that_does_not_fit(charged: Path, command: str, carry: str, says: str) -> None:
    (charged / "carry.yaml").write_text(carry)
    more = ["--out", "out"] if command == "run" else ["--load", "load.csv", "--out", "out"]
    ran = optimizer(command, "s.yaml", "--carry", "carry.yaml", *more)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert not (charged / "out").exists()


def test_a_scenario_with_a_carry_of_its_own(charged: Path) -> None:
    text = (charged / "s.yaml").read_text()
    (charged / "s.yaml").write_text(text + CARRIED)
    ran = optimizer("run", "s.yaml", "--out", "out", "--carry", "carry.yaml")
    assert ran.code == 2
    line = text.count("\n") + 1
    assert f"carry (s.yaml:{line}): is also given by carry.yaml; take it out, or leave carry.yaml away" in ran.err


def test_a_carry_may_be_changed_like_the_scenario(charged: Path) -> None:
    carried = ("--carry", "carry.yaml", "--set", "carry.components.tdu.peaks_mw={2024-08: 0}")
    ran = optimizer("run", "s.yaml", "--out", "out", "--json", *carried)
    assert json.loads(ran.out)["expected_profit"] == pytest.approx(276.0)
    ran = optimizer("run", "s.yaml", "--out", "out", *carried[:2], "--set", "carry.at=2024-08-20")
    assert "carry.at (--set): the states are those of 2024-08-20" in ran.err
