"""Tariff: its charges stand in its stead, under names of their own, from the scenario or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed

import optimizer as opt
from optimizer.contract import Contract
from optimizer.discovery import kinds
from optimizer.scenario import Scenario
from optimizer.yaml_reader import to_yaml

DATA = Path(__file__).resolve().parents[2] / "scenarios" / "data"
ENERGY = {"kind": "energy_tariff", "name": "energy", "rates": [{"price_per_mwh": 50}]}
DEMAND = {"kind": "demand_charge", "name": "demand", "rate_per_kw_month": 0.02}
TAX = {"kind": "surcharge", "name": "tax", "on": ["energy"], "fraction": 0.1}


def tariff(*charges: Any, name: str = "sdge", **fields: Any) -> dict[str, Any]:
    return {"kind": "tariff", "name": name} | ({"charges": list(charges)} if charges else {}) | fields


def case_of(*contracts: Any, load: Any = 2, **fields: Any) -> dict[str, Any]:
    """Four hours from the start of a month."""
    return site_case(steps=4, start="2024-08-01T00:00", contracts=contracts, house_load_mw=load, **fields)


# ---------------------------------------------------------------------- members stand in the bundle's stead
def test_the_charges_of_a_tariff_are_billed_under_their_full_names() -> None:
    """Proves: 2 MW for 4 hours: 8 MWh at 50, 2000 kW at 0.02, 10 % on the energy: 400 + 40 + 40. Sensitivity: a bundle
    that is placed itself charges nothing; a tax on all of it would be 44."""
    plan = solved(case_of(tariff(ENERGY, DEMAND, TAX)))
    assert plan.expected_profit == pytest.approx(-480)
    assert booked(plan, "sdge-energy_energy") == pytest.approx(-400)
    assert booked(plan, "sdge-demand_demand") == pytest.approx(-40)
    assert booked(plan, "sdge-tax_on_sdge-energy_energy") == pytest.approx(-40)
    assert plan.dispatch["component"].to_numpy().tolist() == ["sdge-energy", "sdge-demand", "sdge-tax"]


def test_a_bundle_plans_and_costs_what_its_contracts_listed_apart_do() -> None:
    """Proves: the same plan and profit as without the bundle: the demand charge of 0.02 * 3500 kW = 70 a month is paid
    for four hours that earn 225 each."""
    apart = [ENERGY, DEMAND, TAX]
    bundled, plain = (solved(case_of(*contracts, load=0, assets=[fleet()])) for contracts in ([tariff(*apart)], apart))
    assert bundled.expected_profit == pytest.approx(4 * (400 - 3.5 * 55) - 70)
    assert bundled.expected_profit == pytest.approx(plain.expected_profit)
    assert series(bundled, "power_mw", "m") == series(plain, "power_mw", "m")


def test_members_are_audited_like_any_contract() -> None:
    plan = solved(case_of(tariff(ENERGY, DEMAND, TAX)))
    assert not [missed for member in ("energy", "demand", "tax") for missed in unnoticed(plan, f"sdge-{member}")]


def test_short_names_mean_the_members_of_the_same_bundle() -> None:
    """Proves: two tariffs and a contract of the site all have an `energy`; each tax is on that of its own bundle: 10 %
    of what 50 and 30 cost (only the cheap one delivers: 240 + 24). Sensitivity: a tax on the site's `energy` at 20
    would be 16 or 0."""
    cheap = ENERGY | {"rates": [{"price_per_mwh": 30}]}
    plan = solved(case_of(tariff(ENERGY, TAX), tariff(cheap, TAX, name="other"), spot(40, name="energy")))
    assert plan.expected_profit == pytest.approx(-264)
    assert booked(plan, "other-tax_on_other-energy_energy") == pytest.approx(-24)


@pytest.mark.parametrize(
    ("on", "tax"),
    [(["sdge"], 44), (["sdge-energy"], 40), (["sdge-demand"], 4), (["a.sdge"], 44), (["a.sdge-demand"], 4)],
)
def test_a_tax_elsewhere_may_be_on_a_tariff_or_on_one_of_its_charges(on: list[str], tax: float) -> None:
    """Proves: `on: [sdge]` is on all its charges (10 % of 400 + 40). Sensitivity: on none of them it would be 0."""
    assert profit(case_of(tariff(ENERGY, DEMAND), TAX | {"on": on})) == pytest.approx(-440 - tax)


def test_a_tariff_of_the_portfolio_gives_its_sites_to_its_charges() -> None:
    """Proves: sites a and b together draw 2 + 3 MW in hour 1 and 3 + 1 in hour 2: a peak of 5 MW, 5000 kW at 0.02, and
    9 MWh at 50; site c has its own supply. Sensitivity: with all sites the peak would be 12, by site 6."""
    sites = [{"name": name, "house_load_mw": load} for name, load in (("a", [2, 3]), ("b", [3, 1]), ("c", [7, 7]))]
    sites[2]["contracts"] = [spot(10)]
    case = site_case(steps=2, start="2024-08-01T00:00", contracts=[]) | {
        "sites": sites,
        "contracts": [tariff(ENERGY, DEMAND, TAX, sites=["a", "b"])],
    }
    assert profit(case) == pytest.approx(-(140 + 450 + 45 + 100))


def test_states_are_carried_by_the_full_names() -> None:
    """Proves: 4 hours with a peak of 2 MW, then 4 with 1 MW: the second run adds no demand charge."""
    first = solved(case_of(tariff(ENERGY, DEMAND)))
    assert first.summary["carry"]["components"]["sdge-demand"]["peaks_mw"] == {"2024-08": 2.0}
    second = site_case(steps=4, start="2024-08-01T04:00", contracts=[tariff(ENERGY, DEMAND)], house_load_mw=1) | {
        "carry": first.summary["carry"]
    }
    assert profit(second) == pytest.approx(-200)


def test_a_charge_is_set_from_the_command_line_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(to_yaml(case_of(tariff(ENERGY, DEMAND))), encoding="utf-8")
    scenario = opt.load(path, ["sites.a.contracts.sdge.charges.demand.rate_per_kw_month=0.04"])
    assert opt.optimize(scenario).expected_profit == pytest.approx(-480)


def test_the_schema_lists_all_contracts_but_tariffs_as_charges() -> None:
    definition = Scenario.model_json_schema()["$defs"]["Tariff"]
    listed = sorted(definition["properties"]["charges"]["items"]["discriminator"]["mapping"])
    assert listed == sorted({kind.model_fields["kind"].default for kind in kinds(Contract)} - {"tariff"})


# ---------------------------------------------------------------------- names and references that are wrong
def test_errors_inside_charges_are_told_at_their_place() -> None:
    """Proves: the path goes through the bundle, with the keys that the charge knows."""
    rates = [{"price_per_mwh": 50}, {"name": "b", "price_per_mwh": "dear"}]
    text = refusals(case_of(spot(1), tariff(ENERGY | {"rates": rates}, DEMAND | {"rate_per_kw_mnth": 3})))
    assert 'sites[0].contracts[1].charges[0].rates[1].price_per_mwh: found "dear"' in text
    assert "sites[0].contracts[1].charges[1].rate_per_kw_mnth: unknown key" in text
    assert "did you mean 'rate_per_kw_month'?" in text


def test_a_tariff_within_a_tariff_is_refused() -> None:
    text = refusals(case_of(tariff(ENERGY, tariff(DEMAND, name="inner"))))
    assert 'sites[0].contracts[0].charges[1].kind: unknown kind; found "tariff"' in text
    assert "tariff is listed under contracts itself" in text


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (tariff(), "contracts[0]: needs charges, or a file that holds them"),
        (tariff(charges=[]), "contracts[0]: needs charges, or a file that holds them"),
        (tariff(ENERGY, file="x.json"), "contracts[0].file: give either file or charges"),
        (tariff(ENERGY, details={"energy": {}}), "contracts[0].details: is for the charges of a file"),
        (tariff(ENERGY, ENERGY), "contracts[0].charges: the name energy is used 2 times"),
        (tariff(ENERGY, name="s" * 60), "is longer than 64 characters"),
        (tariff(ENERGY | {"sites": ["a"]}), "contracts[0].charges: the sites of energy are those of its tariff"),
        (tariff(ENERGY, sites=["a"]), "contracts[0].sites: this contract stands at site a"),
        (tariff(ENERGY, TAX | {"on": ["enrgy"]}), "charges[1].on: there is no contract of this name"),
        (tariff(ENERGY, TAX | {"on": ["energy", "sdge-energy"]}), "charges[1].on: is named twice"),
        (tariff(ENERGY, TAX | {"on": ["sdge"]}), "charges[1].on: there is no contract of this name"),
    ],
)
def test_a_tariff_that_makes_no_sense_is_refused(bundle: dict[str, Any], message: str) -> None:
    assert message in refusals(case_of(bundle))


def test_a_name_is_used_once_be_it_of_a_tariff_or_of_a_charge() -> None:
    text = refusals(case_of(tariff(ENERGY), spot(1, name="sdge-energy"), spot(1, name="sdge")))
    assert 'contracts[1].name: the name is used twice at site a; found "sdge-energy"' in text
    assert 'contracts[2].name: the name is used twice at site a; found "sdge"' in text


def test_findings_keep_their_places_while_others_are_refused() -> None:
    """Proves: the first contract is refused by the schema, and the warning about the third still names its place; a
    reference to a refused tariff's charge is not reported on top. Sensitivity: positions of the reduced scenario would
    say contracts[0]."""
    bad = DEMAND | {"window": {"hours": [0.5, 3]}}
    broken = tariff(ENERGY | {"rates": 3}, name="broken")
    text = refusals(case_of(broken, spot(5), tariff(ENERGY, bad), TAX | {"on": ["broken-energy"]}))
    assert "contracts[0].charges[0].rates: found 3" in text
    assert "contracts[2].charges[1].window.hours: steps of 1h do not begin at 0.5 h" in text
    assert "contracts[3]" not in text
