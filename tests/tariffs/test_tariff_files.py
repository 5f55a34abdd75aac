"""Tariff files: read beside the scenario, checked, and part of the plan's own scenario."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_case import booked, site_case, spot
from tariff_case import bill_lines, year_case

import optimizer as opt
from optimizer.contracts.tariff import Tariff
from optimizer.scenario import Scenario
from optimizer.tariffs import TariffFileError
from optimizer.tariffs.files import read_tariff
from optimizer.yaml_reader import to_yaml

DATA = Path(__file__).resolve().parents[2] / "scenarios" / "data"
EXAMPLE = DATA / "example_tariff.json"


def tariff(**fields: Any) -> dict[str, Any]:
    return {"kind": "tariff", "name": "sdge"} | fields


def from_file(file: str, folder: Path = DATA, **fields: Any) -> opt.Scenario:
    """A July under a tariff file."""
    case = site_case(
        steps=31 * 24,
        start="2024-07-01T00:00",
        timezone="America/Chicago",
        contracts=[tariff(file=file, **fields)],
        house_load_mw=10,
    )
    return opt.scenario_from_dict(case, folder)


def refused_file(file: str, folder: Path = DATA, **fields: Any) -> str:
    with pytest.raises(opt.InputError) as caught:
        from_file(file, folder, **fields)
    return str(caught.value)


# ---------------------------------------------------------------------- a tariff from a file
def test_a_file_is_read_beside_the_scenario_and_the_results_stand_alone(tmp_path: Path) -> None:
    """Proves: the plan's own scenario lists the charges and no file, and gives the same plan where the file is not
    there. By hand, July 2024 at 10 MW: 23 workdays of 4 summer peak hours (hours 15 to 19 by their ends are five), at
    102, all else at 47; demand 10,000 kW at 6.10 and 11.75."""
    scenario = from_file("example_tariff.csv")
    plan = opt.optimize(scenario)
    peak = 10 * 5 * 23
    assert plan.expected_profit == pytest.approx(-(peak * 102 + (7440 - peak) * 47 + 10_000 * (6.10 + 11.75)))
    folder = plan.save(tmp_path / "results")
    text = (folder / "scenario.yaml").read_text(encoding="utf-8")
    assert "charges:" in text
    assert "example_tariff" not in text
    assert opt.optimize(opt.load(folder / "scenario.yaml")).expected_profit == pytest.approx(plan.expected_profit)
    assert opt.Plan.load(folder).expected_profit == pytest.approx(plan.expected_profit)


def test_details_say_what_the_file_does_not() -> None:
    """Proves: history and a peak to date are added to what the file says: its ratchet keeps its fraction, and of last
    summer's 20 MW 60 % are billed: 12,000 kW at 7.5."""
    history = {
        f"{year}-{month:02d}": 0.0
        for year, month in [(2023, m) for m in range(8, 13)] + [(2024, m) for m in range(1, 7)]
    }
    details = {"demand": {"ratchet": {"history_mw": history | {"2023-08": 20.0}}}}
    scenario = from_file("example_tariff.json", details=details)
    plan = opt.optimize(scenario)
    assert booked(plan, "sdge-demand_demand") == pytest.approx(-12_000 * 7.5)
    written = scenario.model_dump(mode="json", exclude_unset=True)["sites"][0]["contracts"][0]
    assert sorted(written) == ["charges", "kind", "name"]
    assert written["charges"][1]["ratchet"]["fraction"] == 0.6


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"demnd": {}}, "details.demnd: the file has no charge of this name; did you mean 'demand'?"),
        ({"x": {}}, "details.x: the file has no charge of this name; its charges are energy, demand"),
        ({"demand": {"interval": "7min"}}, "details.demand.interval: "),
        ({"demand": {"ratchet": {"fraction": 2}}}, "details.demand.ratchet.fraction: found 2; must be at most 1"),
        ({"demand": {"rate": 3}}, "details.demand.rate: unknown key"),
        ({"demand": 3}, "details.demand: found 3; must be a mapping"),
        ({"demand": {"kind": "export"}}, "details.demand.kind: is what the file says, and stays so"),
        ({"demand": {"name": "energy", "foo": 1}}, "details.demand.name: is what the file says, and stays so"),
        ({"demand": {"name": "energy", "foo": 1}}, "details.demand.foo: unknown key"),
    ],
)
def test_wrong_details_are_told_where_they_stand(details: dict[str, Any], message: str) -> None:
    assert f"sites[0].contracts[0].{message}" in refused_file("example_tariff.json", details=details)


def test_everything_wrong_with_a_file_is_told_at_the_field(tmp_path: Path) -> None:
    """Proves: each problem of the file is one of the scenario, at `file`, beside those of the tariff itself."""
    record = json.loads((DATA / "example_tariff.json").read_text(encoding="utf-8"))
    record |= {"usenetmetering": True, "rider": 1, "demandwindow": 7}
    (tmp_path / "bad.json").write_text(json.dumps(record), encoding="utf-8")
    lines = refused_file("bad.json", tmp_path, sits=3).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["sites[0].contracts[0].file:"] * 3 + [
        "sites[0].contracts[0].sits:"
    ]
    assert "bad.json: fields not supported, which would change the bill: usenetmetering" in lines[0]


def test_what_a_charge_refuses_of_a_file_is_told_of_the_file(tmp_path: Path) -> None:
    """Proves: a rate below 0, which the reader lets pass and a demand charge does not, names file and charge."""
    (tmp_path / "credit.json").write_text('{"flatdemandstructure": [[{"rate": 1, "adj": -3}]]}', encoding="utf-8")
    text = refused_file("credit.json", tmp_path)
    assert "sites[0].contracts[0].file: credit.json: charges[0].rate_per_kw_month: " in text


def test_findings_of_charges_from_a_file_name_the_charge(tmp_path: Path) -> None:
    """Proves: the path is not in the scenario file, so the line is the tariff's and the text says which charge."""
    shutil.copy(DATA / "example_tariff.json", tmp_path)
    case = site_case(steps=24, start="2024-07-01T00:00", contracts=[spot(3), tariff(file="example_tariff.json")])
    (tmp_path / "scenario.yaml").write_text(to_yaml(case), encoding="utf-8")
    with pytest.raises(opt.InputError) as caught:
        opt.load(tmp_path / "scenario.yaml")
    (problem,) = caught.value.problems
    assert problem.path == "sites[0].contracts[1].charges[1].ratchet.history_mw"
    assert problem.message.startswith("sdge-demand: the ratchet looks back at months of which no peak is known")
    line = (tmp_path / "scenario.yaml").read_text(encoding="utf-8").splitlines()[(problem.line or 0) - 1]
    assert "tariff" in line


def test_a_file_that_is_not_there_is_told_with_what_was_probably_meant() -> None:
    text = refused_file("example_tarif.csv")
    assert (
        "sites[0].contracts[0].file: example_tarif.csv: the file is not there; did you mean 'example_tariff.csv'?"
        in text
    )


def test_without_its_folder_a_file_stays_unread_and_cannot_be_planned() -> None:
    """Proves: a scenario made without a folder keeps the reference, and no plan is made that charges nothing."""
    case = site_case(steps=4, contracts=[tariff(file="example_tariff.csv")], house_load_mw=2)
    scenario = Scenario.model_validate(case)
    bundle = scenario.sites[0].contracts[0]
    assert isinstance(bundle, Tariff)
    assert bundle.file == "example_tariff.csv"
    with pytest.raises(ValueError, match=r"the tariff sdge was read without its file example_tariff\.csv"):
        opt.build(scenario)


def test_series_of_data_files_may_be_prices_of_charges(tmp_path: Path) -> None:
    """Proves: a charge's price from the scenario's own data, and the results folder that holds it: 2 * (10 + 20)."""
    (tmp_path / "market.csv").write_text("time,price\n2024-08-01T00:00Z,10\n2024-08-01T01:00Z,20\n", encoding="utf-8")
    case = site_case(
        steps=2,
        start="2024-08-01T00:00",
        contracts=[tariff(charges=[spot("market.price", name="energy")])],
        house_load_mw=2,
    ) | {"data": {"market": {"file": "market.csv"}}}
    plan = opt.optimize(opt.scenario_from_dict(case, tmp_path))
    assert plan.expected_profit == pytest.approx(-60)
    folder = plan.save(tmp_path / "results")
    assert opt.optimize(opt.load(folder / "scenario.yaml")).expected_profit == pytest.approx(-60)


# ---------------------------------------------------------------------- the files themselves
def test_the_shipped_record_bills_a_year_as_worked_out_by_hand() -> None:
    """Proves: 10 MW all of 2024. By hand, per month of h hours: winter 10 h MWh in blocks of 4000 MWh at 50.8 or 50.4
    and 44.5 or 44.1; summer 50.2, and 96.7 in 5 hours of each workday; demand 10,000 kW at 5.25 and 7.5, and at 9.8 in
    summer; 1850 a month. The minimum of 9000 is far below. Sensitivity: without the second block 8 months would cost
    10 (h - 400) * 6.3 more."""
    charges = {charge["name"]: charge for charge in read_tariff(EXAMPLE)}
    charges["demand"]["ratchet"]["history_mw"] = {f"2023-{month:02d}": 0.0 for month in range(2, 13)}
    lines = bill_lines(year_case(charges.values(), 2024, "America/Chicago", 10.0), 10.0)
    hours = {1: 744, 2: 696, 3: 743, 4: 720, 5: 744, 6: 720, 7: 744, 8: 744, 9: 720, 10: 744, 11: 721, 12: 744}
    workdays = {6: 20, 7: 23, 8: 22, 9: 21}
    energy = 0.0
    for month, length in hours.items():
        if month in workdays:
            peak = 10 * 5 * workdays[month]
            energy += peak * 96.7 + (10 * length - peak) * 50.2
        else:
            first, second = (50.8, 44.5) if month in (1, 2, 3, 12) else (50.4, 44.1)
            energy += 4000 * first + (10 * length - 4000) * second
    assert sum(amount for name, amount in lines.items() if name.startswith("t-energy.")) == pytest.approx(energy)
    assert lines["t-demand.t-demand_demand"] == pytest.approx(10_000 * (8 * 5.25 + 4 * 7.5))
    assert lines["t-demand_period_1.t-demand_period_1_demand"] == pytest.approx(10_000 * 4 * 9.8)
    assert lines["t-fixed.t-fixed_fixed"] == pytest.approx(12 * 1850)
    assert lines["t-minimum.t-minimum_minimum"] == pytest.approx(0)


def test_an_answer_of_the_api_with_one_record_is_read_like_the_record(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"items": [json.loads(EXAMPLE.read_text(encoding="utf-8"))]}), encoding="utf-8-sig")
    assert read_tariff(path) == read_tariff(EXAMPLE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", b"", "is empty"),
        ("t.json", b"{", "is no JSON: "),
        ("t.json", b'{"a": 1, "a": 2}', "a: is there twice"),
        ("t.json", b'{"mincharge": NaN}', "found NaN; must be a finite number"),
        ("t.json", b"[" * 100_000, "is nested too deeply"),
        ("t.json", b"[1]", "must be a record of the Utility Rate Database"),
        ("t.json", b'{"name": "\xff"}', "row 1: is not UTF-8 text"),
        ("t.csv", b"Value\nStra\xdfe\n", "row 2: is not UTF-8 text"),
        ("t.csv", b"\n \n", "is empty"),
        ("t.xlsx", b"x", "unknown kind of tariff file; must be one of .json, .csv"),
    ],
)
def test_a_file_that_is_no_tariff_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TariffFileError) as caught:
        read_tariff(tmp_path / name)
    assert message in str(caught.value)


def test_a_folder_a_missing_file_and_a_huge_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "tariff.csv").write_text("x" * 100)
    with pytest.raises(TariffFileError, match="is a folder"):
        read_tariff(tmp_path / "folder.json")
    with pytest.raises(TariffFileError, match=r"is not there; did you mean 'tariff\.csv'"):
        read_tariff(tmp_path / "tarif.csv")
    with pytest.raises(TariffFileError, match="is not there"):
        read_tariff(tmp_path / "nowhere" / "tariff.csv")
    monkeypatch.setattr("optimizer.tariffs.files._LARGEST_BYTES", 99)
    with pytest.raises(TariffFileError, match="is larger than"):
        read_tariff(tmp_path / "tariff.csv")
