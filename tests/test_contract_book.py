"""Contracts over the steps of a metered load: the forms in which they are given, what of a scenario does not matter,
and what an earlier run hands on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import shipped
from broken_base import BASE, changed, write
from metered import demand, flat, load, sites_case
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.contracts.index_supply import IndexSupply
from optimizer.quantities import Series


# ---------------------------------------------------------------------- contracts in all forms
def test_contracts_as_objects_dictionaries_and_scenarios() -> None:
    objects = [IndexSupply(name="spot", price_per_mwh=Series.constant(10.0), limit_mw=Series.constant(50.0))]
    for contracts in (objects, [spot(10)], site_case(steps=99, contracts=[spot(10)]), sites_case({"a": [spot(10)]})):
        assert opt.bill(contracts, load([1.0, 2.0])).total == pytest.approx(-30.0)


def test_a_charge_alone_is_a_bill() -> None:
    """Proves: a site that buys no energy can be billed for its demand: 3 MW at 10 per kW; the note says what is left
    out."""
    case = site_case(steps=2, contracts=[demand(10)], start="2024-08-01T00:00")
    bill = opt.bill(case, load([1.0, 3.0], start="2024-08-01T00:00"))
    assert bill.total == pytest.approx(-30_000.0)
    (note,) = bill.notes
    assert note == "site a has no contract that delivers energy: its import of 4 MWh is billed for charges only"


def test_machines_are_no_matter_of_the_bill() -> None:
    """Proves: assets are not even read: this fleet would be refused, its series is too short, its hall is missing."""
    broken = fleet(machines=-1, cooling="absent", hashprice_per_ph_day=[48])
    case = site_case(steps=4, contracts=[spot(10)], assets=[broken], house_load_mw=[1, 2])
    case |= {"workloads": [{"kind": "absent"}], "risk": {"weight": 7}, "solver": {"threads": 0}}
    assert opt.bill(case, load([1.0] * 6)).total == pytest.approx(-60.0)


def test_the_steps_of_the_load_replace_those_of_the_scenario(tmp_path: Path) -> None:
    """Proves: file and scenario are billed over other steps than theirs, with prices from the data file: its rows from
    06:00Z on are 31, 32 and 33 per MWh. A MW of the block's 20 is used (it forgoes 0.5 less than spot costs), 19 are
    sold back."""
    path = write(tmp_path, changed(BASE, ("members: 2", "members: 1"), ("  probabilities: [0.25, 0.75]\n", "")))
    some = load([1.0, 1.0, 1.0], start="2024-08-19T06:00")
    bills = [opt.bill(contracts, some) for contracts in (path, opt.load(path))]
    for bill in bills:
        amounts = bill.by_month.droplevel("contract")["2024-08"]
        assert amounts["spot_energy"] == 0.0
        assert amounts["ppa_resale"] == pytest.approx(19 * (31 + 32 + 33 - 3 * 0.5))
        assert amounts["ppa_block"] == pytest.approx(-20 * 33 * 3)


def test_over_its_own_steps_a_scenario_needs_its_files_no_more(tmp_path: Path) -> None:
    scenario = opt.load(write(tmp_path))
    (tmp_path / "market.csv").unlink()
    hours = load([5.0] * 24, start="2024-08-19T05:00")
    assert opt.bill(scenario, hours).total != 0.0
    with pytest.raises(opt.InputError, match=r"market\.csv is not there"):
        opt.bill(scenario, hours.iloc[:-1])


def test_overrides_change_the_contracts(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text((shipped.FOLDER / "smallest.yaml").read_text())
    bill = opt.bill(tmp_path / "s.yaml", load([1.0] * 4), overrides=["sites.a.contracts.spot.price_per_mwh=7"])
    assert bill.total == pytest.approx(-28.0)


def test_a_load_above_an_obligation_to_curtail_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: the metered load stands in for the machines: 5 MW where 3 were allowed are billed, with a warning."""
    duty = {"kind": "emergency_curtailment", "name": "duty", "obligation": [0, 1], "level_mw": 3}
    assert opt.bill([spot(10), duty], load([5.0, 3.0])).total == pytest.approx(-80.0)
    assert caplog.text == ""
    assert opt.bill([spot(10), duty], load([3.0, 5.0])).total == pytest.approx(-80.0)
    assert "sites[0].contracts[1].level_mw" in caplog.text


# ---------------------------------------------------------------------- carry
def test_bills_in_a_row_book_what_one_bill_of_the_month_books(tmp_path: Path) -> None:
    """Proves: the second half of August knows the peak of the first: 3,000 and then 1,000 more, not 3,000 + 4,000."""
    case = site_case(steps=24 * 14, start="2024-08-01T00:00", contracts=[spot(10), demand(1)], house_load_mw=3)
    plan = opt.optimize(opt.scenario_from_dict(case))
    carry = plan.save(tmp_path / "first") / "carry.yaml"
    second = flat(4.0, "2024-08-15", "2024-09-01")
    bill = opt.bill(case, second, carry=carry)
    first_demand = plan.summary["ledger"]["tdu_demand"]
    assert first_demand == pytest.approx(-3000.0)
    assert bill.by_month.loc[("tdu", "tdu_demand"), "2024-08"] == pytest.approx(-1000.0)
    whole = pd.concat([flat(3.0, "2024-08-01", "2024-08-15"), second])
    assert opt.bill(case, whole).by_month.loc[("tdu", "tdu_demand"), "2024-08"] == pytest.approx(-4000.0)


def test_a_carry_of_machines_is_left_out_and_one_of_nothing_is_refused() -> None:
    """Proves: states of assets do not hinder a bill; a contract is found by the label that a plan gave it."""
    twin = site_case(steps=24, start="2024-08-15T00:00", contracts=[demand(1)], assets=[fleet("m")])
    twin["sites"].append({"name": "b", "assets": [fleet("tdu")]})
    twin["carry"] = {"at": "2024-08-15T00:00", "components": {"a.tdu": {"peaks_mw": {"2024-08": 3}}, "m": {"x": 1}}}
    day = flat(4.0, "2024-08-15", "2024-08-16").to_frame("a.import_mw")
    assert opt.bill(twin, day).total == pytest.approx(-1000.0)
    twin["carry"]["components"]["absent"] = {"x": 1}
    with pytest.raises(opt.InputError, match=r"carry\.components\.absent: there is no component of this name"):
        opt.bill(twin, day)


def test_schedules_under_the_label_of_a_plan() -> None:
    """Proves: ``a.spot`` is the plan's label where a machine elsewhere is called spot, too; the bill knows both."""
    case = site_case(steps=1, contracts=[spot(10)])
    case["sites"].append({"name": "b", "assets": [fleet("spot")]})
    for label in ("a.spot", "spot"):
        table = pd.DataFrame({"a.import_mw": [1.0], f"{label}.delivered_mw": [1.0]}, index=load([1.0]).index)
        assert opt.bill(case, table).total == pytest.approx(-10.0)
