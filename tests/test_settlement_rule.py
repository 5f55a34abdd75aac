"""Which supply has delivered what of a metered load: the stated rule on cases of a few steps."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from metered import load, sites_case
from small_case import site_case, spot

import optimizer as opt

RULE = "by the settlement rule"


def cheap(price: Any = 10, **fields: Any) -> dict[str, Any]:
    """The supply that is used first, where its limits let it."""
    return spot(price, "cheap", **fields)


def dear(price: Any = 50, **fields: Any) -> dict[str, Any]:
    return spot(price, "dear", **fields)


def energy(bill: opt.Bill, line: str) -> float:
    """Billed MWh of a line."""
    return float(bill.lines.loc[bill.lines["line"] == line, "quantity"].sum())


def export(price: float, name: str = "sellback", **fields: Any) -> dict[str, Any]:
    return {"kind": "export", "name": name, "price_per_mwh": price} | fields


def refusal(contracts: Any, table: pd.DataFrame) -> str:
    with pytest.raises(opt.InputError) as caught:
        opt.bill(contracts, table)
    return str(caught.value)


# ---------------------------------------------------------------------- by price, step by step
def test_the_cheapest_first_up_to_its_limit() -> None:
    """Proves: of 10 MWh, 6 at 10 and 4 at 50 cost 260. Sensitivity: the dear one first would cost 500, halves 300."""
    bill = opt.bill([dear(), cheap(limit_mw=6)], load([10.0]))
    assert bill.total == pytest.approx(-260.0)
    assert bill.notes == (f"import dealt out to dear, cheap {RULE} (the cheapest first): no delivered_mw given",)


def test_the_order_is_that_of_each_step() -> None:
    """Proves: a price that crosses the other changes the order: 10 + 30, where either alone costs 40 and 60."""
    bill = opt.bill([spot([10, 30], "a"), spot([20, 20], "b", limit_mw=0.5)], load([1.0, 1.0]))
    assert bill.total == pytest.approx(-(10 + 0.5 * 20 + 0.5 * 30))


def test_at_equal_prices_the_one_listed_first() -> None:
    bill = opt.bill([spot(10, "a"), spot(10, "b")], load([2.0]))
    assert (energy(bill, "a_energy"), energy(bill, "b_energy")) == (2.0, 0.0)


def test_a_single_supply_leaves_no_choice() -> None:
    """Proves: nothing is said where nothing was decided."""
    assert opt.bill([spot(10)], load([2.0])).notes == ()


def test_a_block_is_used_up_to_its_volume_and_the_rest_is_resold() -> None:
    """Proves: resale at 20 is the block's price of a MWh: before spot at 30, after spot at 10."""
    block = {"kind": "fixed_block", "name": "ppa", "volume_mw": 4, "price_per_mwh": 33, "resale": {"price_per_mwh": 20}}
    bill = opt.bill([spot([30, 10]), block], load([5.0, 5.0]))
    assert energy(bill, "spot_energy") == pytest.approx(1 + 5)
    assert energy(bill, "ppa_resale") == pytest.approx(0 + 4)


def test_more_than_can_be_delivered_is_refused_with_the_first_step() -> None:
    told = refusal([cheap(limit_mw=6), dear(limit_mw=1)], load([7.0, 9.0, 10.0]))
    assert told == (
        "load: no contract can deliver 2 MW of the import of site site at 2024-08-19T01:00+00:00 (2024-08-19T01:00Z) "
        "(under cheap, dear); check the load and the limits of the contracts, or give the schedules: "
        "cheap.delivered_mw, dear.delivered_mw"
    )


def test_rounding_of_a_meter_is_no_shortage() -> None:
    assert opt.bill([cheap(limit_mw=6)], load([6.0 + 1e-7])).total == pytest.approx(-60.0)


# ---------------------------------------------------------------------- caps on energy
def test_a_cap_is_used_up_in_the_order_of_time() -> None:
    """Proves: 12 MWh of the month go to the first hours: 5 + 5 + 2. Sensitivity: a plan would keep them for the hour at
    90, and pay 110 less; a bill that forgets the cap pays 200 for all."""
    bill = opt.bill([cheap(energy_cap_mwh=12), dear([50, 50, 50, 90])], load([5.0] * 4))
    assert energy(bill, "cheap_energy") == pytest.approx(12.0)
    assert bill.total == pytest.approx(-(12 * 10 + 3 * 50 + 5 * 90))
    assert "the cheapest first, caps on energy in the order of time" in bill.notes[0]


def test_a_cap_that_is_not_reached_has_no_say() -> None:
    bill = opt.bill([cheap(energy_cap_mwh=20), dear()], load([5.0] * 4))
    assert bill.total == pytest.approx(-200.0)
    assert "caps" not in bill.notes[0]


def test_a_cap_by_day_begins_anew() -> None:
    """Proves: 3 MWh of each day, of which the load takes 2 before midnight and 4 after."""
    capped = cheap(energy_cap_mwh=3, settlement_period="day")
    bill = opt.bill([capped, dear()], load([1.0, 1.0, 2.0, 2.0], start="2024-08-19T22:00"))
    assert energy(bill, "cheap_energy") == pytest.approx(2 + 3)


def test_two_caps_and_prices_that_cross() -> None:
    """Proves: walked through by hand. Step 0: a (10) takes 2 of its 3. Step 1: b (5) takes 1 of its 1, then a 1. Step
    2: both are used up, c delivers 2. Steps of half an hour: 1 MWh is 2 MW."""
    contracts = [
        spot([10, 10, 10], "a", energy_cap_mwh=1.5),
        spot([20, 5, 5], "b", energy_cap_mwh=0.5),
        spot(50, "c"),
    ]
    bill = opt.bill(contracts, load([2.0, 2.0, 2.0], step="30min"))
    assert [energy(bill, f"{name}_energy") for name in "abc"] == pytest.approx([1.5, 0.5, 1.0])
    assert bill.total == pytest.approx(-(15 + 2.5 + 50))


def test_a_cap_by_member() -> None:
    """Proves: each member uses up its own: 1 + 0 and 2 + 1 MWh beyond the cap of 3."""
    case = site_case(steps=2, contracts=[cheap(energy_cap_mwh=3), dear()], probabilities=[0.5, 0.5])
    table = pd.DataFrame({"import_mw_000": [2, 2], "import_mw_001": [3, 3]}, index=load([0, 0]).index, dtype=float)
    bill = opt.bill(case, table)
    assert bill.by_member.tolist() == pytest.approx([-(30 + 50), -(30 + 150)])


def test_a_load_beyond_all_caps_is_refused() -> None:
    assert "no contract can deliver 1 MW of the import of site site at 2024-08-19T01:00" in refusal(
        [cheap(energy_cap_mwh=3)], load([2.0, 2.0])
    )


# ---------------------------------------------------------------------- what is known
def test_given_schedules_stand() -> None:
    """Proves: 1 MWh at 10 and 4 at 50, though the rule would take all at 10."""
    table = load([5.0], cheap__delivered_mw=[1.0], dear__delivered_mw=[4.0])
    bill = opt.bill([cheap(), dear()], table)
    assert bill.total == pytest.approx(-210.0)
    assert bill.notes == ()


def test_the_rule_deals_out_what_is_left_by_the_schedules_given() -> None:
    """Proves: 4 of 5 MWh are said to come from the dear one; the rest is the cheap one's."""
    bill = opt.bill([cheap(), dear()], load([5.0], dear__delivered_mw=[4.0]))
    assert bill.total == pytest.approx(-210.0)
    assert bill.notes == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([6.0, 6.0], "the schedules exceed the metered import by 1 MW at 2024-08-19T01:00"),
        ([6.0, 4.0], "no contract can deliver 1 MW of the import of site site at 2024-08-19T01:00"),
    ],
)
def test_schedules_that_do_not_fit_the_meter(given: list[float], says: str) -> None:
    assert says in refusal([spot(10)], load([6.0, 5.0], spot__delivered_mw=given))


def test_a_share_of_the_load_comes_first() -> None:
    """Proves: 40 % of 10 MWh at 70 are taken by contract, though spot costs 10."""
    share = {"kind": "load_share", "name": "share", "share": 0.4, "price_per_mwh": 70}
    bill = opt.bill([spot(10), share], load([10.0]))
    assert bill.total == pytest.approx(-(4 * 70 + 6 * 10))
    assert bill.notes == ()


def test_other_schedules_are_taken_as_0_unless_they_have_cleared() -> None:
    """Proves: without a position all 5 MWh are bought in real time, at 50; a position that stands in the scenario, of 3
    MW at 20, needs no column."""
    contract = {
        "kind": "two_settlement",
        "name": "da",
        "day_ahead_price_per_mwh": 20,
        "real_time_price_per_mwh": 50,
    }
    bill = opt.bill([contract], load([5.0]))
    assert bill.total == pytest.approx(-250.0)
    assert bill.notes == ("no position_mw given for da: taken as 0",)
    cleared = opt.bill([contract | {"position_mw": 3}], load([5.0]))
    assert cleared.total == pytest.approx(-(60 + 100))
    assert cleared.notes == ()
    for terms in (contract, contract | {"position_mw": 1}):  # what the load says goes first
        assert opt.bill([terms], load([5.0], da__position_mw=[3.0])).total == pytest.approx(-160.0)


# ---------------------------------------------------------------------- exports
def test_exports_go_to_the_highest_price_first() -> None:
    """Proves: of 5 MWh, 2 earn 30 and 3 earn 20."""
    contracts = [spot(10), export(20), export(30, "best", limit_mw=2)]
    bill = opt.bill(contracts, load([0.0], export_mw=[5.0]))
    assert bill.total == pytest.approx(120.0)
    assert bill.notes == (f"export dealt out to sellback, best {RULE} (the dearest first): no sold_mw given",)


def test_exports_that_no_contract_takes() -> None:
    bill = opt.bill([spot(10)], load([0.0, 0.0], export_mw=[5.0, 1.0]))
    assert bill.total == 0.0
    assert bill.notes == ("site site has no contract that takes energy: its export of 6 MWh earns nothing",)
    told = refusal([spot(10), export(20, limit_mw=2)], load([0.0], export_mw=[5.0]))
    assert "no contract can take 3 MW of the export of site site" in told


def test_a_contract_takes_nothing_while_the_connection_lets_nothing_out() -> None:
    case = site_case(steps=2, contracts=[spot(10), export(20)], grid={"export_limit_mw": [5, 0]})
    assert opt.bill(case, load([0.0, 0.0], export_mw=[5.0, 0.0])).total == pytest.approx(100.0)
    told = refusal(case, load([0.0, 0.0], export_mw=[5.0, 1.0]))
    assert "no contract can take 1 MW of the export of site a at 2024-08-19T01:00" in told


# ---------------------------------------------------------------------- contracts of several sites
def two_sites(west: float, north: float, **columns: float) -> pd.DataFrame:
    values = {"west.import_mw": west, "north.import_mw": north} | {k.replace("__", "."): v for k, v in columns.items()}
    return pd.DataFrame({name: [value] for name, value in values.items()}, index=load([0.0]).index)


def test_a_cheap_contract_of_the_portfolio_serves_the_sites_in_their_order() -> None:
    """Proves: of its 5 MW, 4 go west and 1 north, where 2 are left for spot at 30."""
    case = sites_case({"west": [spot(20)], "north": [spot(30)]}, [cheap(limit_mw=5)])
    bill = opt.bill(case, two_sites(4, 3))
    assert bill.total == pytest.approx(-(5 * 10 + 2 * 30))


def test_a_contract_of_one_site_serves_no_other() -> None:
    """Proves: west's supply is cheaper but north cannot use it: 3 MW of north are not delivered."""
    case = sites_case({"west": [cheap()], "north": [spot(30, limit_mw=1)]}, [])
    assert "no contract can deliver 2 MW of the import of site north" in refusal(case, two_sites(4, 3))


def test_a_share_of_the_portfolios_load_is_the_same_at_each_site() -> None:
    """Proves: half of 4 and half of 2 MW; spot delivers the other halves: 2 at 20 and 1 at 30. Sensitivity: a share
    that fills west first would leave 1 and 2, and cost 10 more."""
    share = {"kind": "load_share", "name": "share", "share": 0.5, "price_per_mwh": 10}
    case = sites_case({"west": [spot(20)], "north": [spot(30)]}, [share])
    assert opt.bill(case, two_sites(4, 2)).total == pytest.approx(-(3 * 10 + 2 * 20 + 1 * 30))


def test_schedules_of_a_portfolio_have_to_add_up_over_its_sites() -> None:
    """Proves: how 5 MW of the portfolio were shared out need not be told; that they are too few is."""
    case = sites_case({"west": [spot(20)], "north": [spot(30)]}, [cheap()])
    table = two_sites(4, 3, cheap__delivered_mw=5, west__spot__delivered_mw=0, north__spot__delivered_mw=2)
    assert opt.bill(case, table).total == pytest.approx(-(50 + 60))
    table["north.spot.delivered_mw"] = 1.0
    assert "no contract can deliver 1 MW of the import" in refusal(case, table)


def test_schedules_of_overlapping_contracts_need_no_split() -> None:
    """Proves: 1.5 and 3.5 MW fit the meters of 1, 2 and 2 MW (as 1 + 0.5 and 1.5 + 2). Sensitivity: shared out in
    proportion, west would lack 0.5."""
    sites: dict[str, list[dict[str, Any]]] = {"west": [], "north": [], "south": []}
    case = sites_case(sites, [cheap(sites=["west", "north"]), dear(sites=["north", "south"])])
    table = pd.DataFrame({"west.import_mw": [1.0], "north.import_mw": [2.0], "south.import_mw": [2.0]})
    table[["cheap.delivered_mw", "dear.delivered_mw"]] = [[1.5, 3.5]]
    table.index = load([0.0]).index
    assert opt.bill(case, table).total == pytest.approx(-(1.5 * 10 + 3.5 * 50))


def test_overlapping_contracts_of_several_sites() -> None:
    """Proves: contracts that have no site in common, but a third with each, are settled together."""
    sites: dict[str, list[dict[str, Any]]] = {"west": [], "north": [], "south": []}
    case = sites_case(
        sites, [cheap(sites=["west", "north"], limit_mw=3), dear(sites=["north", "south"]), spot(99, sites=["west"])]
    )
    table = pd.DataFrame({"west.import_mw": [2.0], "north.import_mw": [2.0], "south.import_mw": [1.0]})
    table.index = load([0.0]).index
    assert opt.bill(case, table).total == pytest.approx(-(3 * 10 + 2 * 50))
