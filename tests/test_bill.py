"""The bill: the same lines as the plan's ledger, from the meter alone; known answers; its forms."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shipped
from metered import demand, flat, load, sites_case
from small_case import site_case, spot

import optimizer as opt
from optimizer.contract import Contract
from optimizer.parts import place


def contract_money(plan: opt.Plan) -> pd.Series[float]:
    """The plan's ledger, contracts only, by contract, line, month and member."""
    parts, _ = place(plan.scenario)
    contracts = [label for label, part in parts.components.items() if isinstance(part.component, Contract)]
    ledger = plan.ledger[plan.ledger["component"].isin(contracts)]
    month = ledger["time_local"].dt.strftime("%Y-%m")
    return ledger.groupby(["component", "line", month, "member"])["amount"].sum()


# ---------------------------------------------------------------------- two independent computations
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_a_plans_bill_is_its_ledger_to_the_cent(stem: str) -> None:
    """Proves: every line of every contract, month and member of the bill is that of the ledger, and none is lost."""
    _, plan = shipped.solved(stem)
    bill = plan.bill()
    billed = bill.lines.set_index(["contract", "line", "month", "member"])["amount"]
    booked = contract_money(plan)
    assert set(booked.index) <= set(billed.index)
    both = billed.to_frame("billed").join(booked.rename_axis(billed.index.names).rename("booked")).fillna(0.0)
    np.testing.assert_allclose(both["billed"], both["booked"], rtol=1e-6, atol=5e-3)
    assert bill.notes == ()
    by_member = booked.groupby("member").sum().reindex(range(plan.scenario.members), fill_value=0.0)
    np.testing.assert_allclose(bill.by_member, by_member, rtol=1e-6, atol=5e-3)


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_the_meter_of_a_plan_is_billed_alike_by_file_and_by_scenario(stem: str, tmp_path: Path) -> None:
    """Proves: ``meter.csv`` holds all from which the bill follows: no schedule is guessed, no line differs."""
    _, plan = shipped.solved(stem)
    folder = plan.save(tmp_path / "plan")
    bill = plan.bill()
    for contracts in (shipped.FOLDER / f"{stem}.yaml", plan.scenario, folder / "scenario.yaml"):
        again = opt.bill(contracts, folder / "meter.csv")
        assert again.notes == ()
        pd.testing.assert_frame_equal(again.lines, bill.lines, rtol=1e-9, atol=1e-6)
    written = pd.read_csv(folder / "bill.csv", keep_default_na=False)
    assert written["amount"].sum() == pytest.approx(bill.lines["amount"].sum(), rel=1e-9)


def test_a_plan_that_was_read_back_has_the_same_bill(tmp_path: Path) -> None:
    _, plan = shipped.solved("two_sites_72h")
    again = opt.Plan.load(plan.save(tmp_path / "plan"))
    pd.testing.assert_frame_equal(again.bill().lines, plan.bill().lines)


# ---------------------------------------------------------------------- known answers
def test_a_flat_year_at_a_flat_price_and_a_demand_charge() -> None:
    """Proves: 10,000 kWh in 2022 at 100 per MWh (0.1 per kWh) cost 1,000.00; at 10 per kW and month, its 1.1416 kW cost
    136.99 in the year. Sensitivity: without the 1000 kW of a MW the demand charge would be 0.14."""
    year = flat(10.0 / 8760, "2022-01-01", "2023-01-01")
    bill = opt.bill([spot(100), demand(10)], year)
    totals = bill.by_month.sum(axis=1).droplevel("contract")
    assert totals["spot_energy"] == pytest.approx(-1000.0)
    assert totals["tdu_demand"] == pytest.approx(-136.986, abs=1e-3)
    assert list(bill.months) == [f"2022-{month:02}" for month in range(1, 13)]
    quantities = bill.lines.groupby("line")["quantity"]
    assert quantities.sum()["spot_energy"] == pytest.approx(10.0)
    assert quantities.max()["tdu_demand"] == pytest.approx(1.1416, abs=1e-4)
    assert bill.total == pytest.approx(-1136.986, abs=1e-3)


def test_months_are_those_of_the_local_clock() -> None:
    """Proves: 23:00 on 31 July in Chicago is July (in UTC it is August, 04:00)."""
    bill = opt.bill([spot(10)], load([1.0, 1.0], start="2024-07-31T23:00", timezone="America/Chicago"))
    assert bill.by_month.sum().to_dict() == {"2024-07": -10.0, "2024-08": -10.0}
    elsewhere = opt.bill([spot(10)], load([1.0, 1.0], start="2024-07-31T23:00"), timezone="America/Chicago")
    assert elsewhere.months == ("2024-07",)


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_days_on_which_the_clocks_change(day: str, hours: int) -> None:
    """Proves: 1 MW at 10 per MWh over the local day costs 230 or 250."""
    after = str((pd.Timestamp(day) + pd.Timedelta(days=1)).date())
    year = flat(1.0, day, after, timezone="Europe/Berlin")
    assert opt.bill([spot(10)], year).total == pytest.approx(-10.0 * hours)


def test_quarters_of_an_hour() -> None:
    """Proves: four steps of 15 minutes at 4 MW are 4 MWh."""
    assert opt.bill([spot(10)], load([4.0] * 4, step="15min")).total == pytest.approx(-40.0)


def test_a_load_of_one_row_is_in_the_scenarios_step() -> None:
    """Proves: one row of 4 MW is an hour, or the step of the scenario."""
    assert opt.bill([spot(10)], load([4.0])).total == pytest.approx(-40.0)
    quarters = site_case(steps=4, step="15min", contracts=[spot(10)])
    assert opt.bill(quarters, load([4.0])).total == pytest.approx(-10.0)


# ---------------------------------------------------------------------- members and sites
MEMBERS = {0: [1.0, 2.0], 1: [3.0, 4.0]}


def by_row() -> pd.DataFrame:
    frames = [load(mw).assign(member=member) for member, mw in MEMBERS.items()]
    return pd.concat(frames)


def by_level() -> pd.DataFrame:
    return by_row().set_index("member", append=True)


def by_column() -> pd.DataFrame:
    return pd.DataFrame({f"import_mw_{m:03}": mw for m, mw in MEMBERS.items()}, index=load([0.0, 0.0]).index)


@pytest.mark.parametrize("form", [by_row, by_level, by_column])
def test_a_load_by_member(form: object) -> None:
    """Proves: members of 3 and 7 MWh at 10 cost 30 and 70, with probabilities 0.25 and 0.75: 60 expected."""
    table = form()  # type: ignore[operator]
    case = site_case(steps=2, contracts=[spot(10)], probabilities=[0.25, 0.75])
    bill = opt.bill(case, table)
    assert bill.by_member.tolist() == pytest.approx([-30.0, -70.0])
    assert bill.total == pytest.approx(-60.0)
    assert opt.bill([spot(10)], table).total == pytest.approx(-50.0)  # plain contracts: members are equally likely


def test_a_load_that_all_members_share() -> None:
    """Proves: 2 MWh at 10 or 30 per MWh."""
    case = site_case(steps=1, contracts=[spot([[10.0], [30.0]])], probabilities=[0.5, 0.5])
    assert opt.bill(case, load([2.0])).by_member.tolist() == pytest.approx([-20.0, -60.0])


def test_two_sites_and_a_charge_on_both() -> None:
    """Proves: each site pays its own energy; a demand charge of the portfolio sees the peak of the sum, 5 MW, and not
    the sum of the peaks, 7 MW."""
    case = sites_case({"west": [spot(10)], "north": [spot(20)]}, [demand(1)])
    hours = load([0.0, 0.0], start="2024-08-01T00:00").drop(columns="import_mw")
    hours[["west.import_mw", "north.import_mw"]] = [[4.0, 1.0], [2.0, 3.0]]
    bill = opt.bill(case, hours)
    amounts = bill.by_month["2024-08"]
    assert amounts[("west.spot", "spot_energy")] == pytest.approx(-60.0)
    assert amounts[("north.spot", "spot_energy")] == pytest.approx(-80.0)
    assert amounts[("tdu", "tdu_demand")] == pytest.approx(-5000.0)
    assert bill.labels == ["west.spot: spot_energy", "north.spot: spot_energy", "tdu_demand"]
    assert bill.lines["site"].unique().tolist() == ["west", "north", ""]


# ---------------------------------------------------------------------- what a bill holds and writes
def test_the_forms_of_a_bill(tmp_path: Path) -> None:
    two = load([1.0, 2.0], start="2024-08-31T23:00")
    bill = opt.bill([spot(10), demand(1)], two)
    assert list(bill.lines.columns) == ["site", "contract", "line", "month", "member", "amount", "quantity", "unit"]
    assert len(bill.lines) == 4
    assert bill.by_month.sum().to_dict() == pytest.approx({"2024-08": -1010.0, "2024-09": -2020.0})
    text = str(bill)
    assert "contracts: bill in USD, revenue positive" in text
    assert "-2,020.00" in text
    assert repr(bill) == "<Bill 'contracts': 2024-08 to 2024-09, -3,030.00 USD>"
    plain = json.loads(json.dumps(bill.as_dict(), allow_nan=False))
    assert plain["total_by_month"] == pytest.approx({"2024-08": -1010.0, "2024-09": -2020.0})
    assert plain["lines"][0] == {
        "site": "site",
        "contract": "spot",
        "line": "spot_energy",
        "month": "2024-08",
        "member": 0,
        "amount": -10.0,
        "quantity": 1.0,
        "unit": "MWh",
    }
    path = bill.to_csv(tmp_path / "new" / "bill.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), bill.lines, check_dtype=False)
    assert [p.name for p in path.parent.iterdir()] == ["bill.csv"]


def test_a_bill_without_lines() -> None:
    bill = opt.bill([], load([1.0]))
    assert (bill.total, len(bill.lines), bill.months) == (0.0, 0, ("2024-08",))
    assert "total" in str(bill)
    assert json.dumps(bill.as_dict(), allow_nan=False)


def test_a_plan_hands_on_its_carry(tmp_path: Path) -> None:
    """Proves: ``carry.yaml`` is exactly the section of the summary, and a scenario takes it over."""
    _, plan = shipped.solved("campus_week")
    folder = plan.save(tmp_path / "plan")
    from optimizer.scenario_file import read_scenario_file

    assert read_scenario_file(folder / "carry.yaml").data == {"carry": plan.summary["carry"]}


def test_the_table_of_a_meter_is_read_from_parquet(tmp_path: Path) -> None:
    hours = load([1.0, 2.0])
    hours.rename_axis("time_utc").reset_index().to_parquet(tmp_path / "load.parquet")
    assert opt.bill([spot(10)], tmp_path / "load.parquet").total == pytest.approx(-30.0)


def test_nothing_is_left_behind_in_the_folder_of_the_scenario(tmp_path: Path) -> None:
    shutil.copytree(shipped.FOLDER, tmp_path / "scenarios")
    before = sorted(tmp_path.rglob("*"))
    opt.bill(tmp_path / "scenarios" / "smallest.yaml", load([1.0] * 4))
    assert sorted(tmp_path.rglob("*")) == before
