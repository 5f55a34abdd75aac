"""Records of the Utility Rate Database: each field as a charge."""

from __future__ import annotations

from typing import Any

import pytest
from tariff_case import bill_of_flat_load
from urdb_record import ALL, FLAT, charges_of, schedule

from optimizer.tariffs.urdb import read_urdb


# ---------------------------------------------------------------------- energy
def test_a_flat_rate_bills_the_year_of_the_issue() -> None:
    """Proves: 10,000 kWh a year at 0.1 per kWh and 10 per kW-month: 1,000.00 and 10 * 10,000 / 8760 * 12 = 136.99."""
    record = FLAT | {"flatdemandstructure": [[{"rate": 10}]], "flatdemandmonths": [0] * 12}
    energy, demand = bill_of_flat_load(read_urdb(record), 2023, "UTC", 10.0 / 8760)
    assert energy == pytest.approx(1000.00)
    assert demand == pytest.approx(136.986, abs=1e-3)


def test_rate_and_adjustment_add_up_and_either_may_be_missing() -> None:
    """Proves: 0.05 + 0.01 per kWh is 60 per MWh; some records give only the adjustment."""
    for tier, price in (({"rate": 0.05, "adj": 0.01}, 60.0), ({"rate": 0.05}, 50.0), ({"adj": 0.01}, 10.0)):
        assert charges_of(energyratestructure=[[tier]])["energy"]["rates"] == [
            {"name": "period_0", "price_per_mwh": price}
        ]


def test_schedules_become_windows_of_workdays_and_weekends() -> None:
    """Proves: period 1 on summer workdays 14:00 to 19:00; period 0 otherwise, weekends included."""
    rates = charges_of(
        energyratestructure=[[{"rate": 0.05}], [{"rate": 0.09}]],
        energyweekdayschedule=schedule(1, range(6, 10), range(14, 19)),
        energyweekendschedule=ALL,
    )["energy"]["rates"]
    assert rates[1] == {
        "name": "period_1",
        "window": {"months": [6, 7, 8, 9], "weekdays": "workdays", "hours": [[14, 19]]},
        "price_per_mwh": 90.0,
    }
    assert rates[0]["windows"] == [
        {"months": [1, 2, 3, 4, 5, 10, 11, 12]},
        {"months": [6, 7, 8, 9], "weekdays": "workdays", "hours": [[0, 14], [19, 24]]},
        {"months": [6, 7, 8, 9], "weekdays": "weekend"},
    ]


def test_tiers_are_blocks_of_the_month_or_of_the_day() -> None:
    """Proves: 5000 kWh are 5 MWh, and `kWh daily` fills the tiers every day anew."""
    tiers = [{"max": 5000, "rate": 0.05, "unit": "kWh"}, {"rate": 0.04, "unit": "kWh"}]
    energy = charges_of(energyratestructure=[tiers])["energy"]
    blocks = [{"up_to_mwh": 5.0, "price_per_mwh": 50.0}, {"price_per_mwh": 40.0}]
    assert energy["rates"] == [{"name": "period_0", "blocks": blocks}]
    assert "settlement_period" not in energy
    daily = [tier | {"unit": "kWh daily"} for tier in tiers]
    assert charges_of(energyratestructure=[daily])["energy"]["settlement_period"] == "day"


def test_an_end_that_no_site_reaches_is_no_end() -> None:
    tiers = [{"max": 5000, "rate": 0.05}, {"max": 1e38, "rate": 0.04}]
    assert "up_to_mwh" not in charges_of(energyratestructure=[tiers])["energy"]["rates"][0]["blocks"][1]


def test_fuel_adjustments_by_month_are_part_of_the_price() -> None:
    """Proves: 0.05 per kWh with a fuel adjustment of 0.002 in July alone: 50, and 52 in July."""
    fuel = [0.0] * 12
    fuel[6] = 0.002
    rates = charges_of(**FLAT | {"energyratestructure": [[{"rate": 0.05}]]}, fueladjustmentsmonthly=fuel)["energy"][
        "rates"
    ]
    assert [(rate["name"], rate["price_per_mwh"]) for rate in rates] == [
        ("period_0_from_month_1", 50.0),
        ("period_0_from_month_7", 52.0),
    ]
    assert rates[1]["window"] == {"months": [7]}


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        (None, "energy_tariff"),
        ("Bundled", "energy_tariff"),
        ("Energy", "energy_tariff"),
        ("Delivery", "delivery_charge"),
    ],
)
def test_a_tariff_that_only_delivers_supplies_nothing(service: str | None, kind: str) -> None:
    assert charges_of(**FLAT, servicetype=service)["energy"]["kind"] == kind


# ---------------------------------------------------------------------- demand
def test_flat_demand_is_one_charge_for_the_year() -> None:
    """Proves: two seasons are 12 rates of one charge, so that a ratchet sees all months."""
    demand = charges_of(
        flatdemandstructure=[[{"rate": 5}], [{"rate": 7, "adj": 0.5}]],
        flatdemandmonths=[0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0],
        demandwindow=15,
    )["demand"]
    assert demand["rate_per_kw_month"] == [5, 5, 5, 5, 5, 7.5, 7.5, 7.5, 5, 5, 5, 5]
    assert demand["interval"] == "15min"
    assert "window" not in demand


def test_tiers_of_demand_differ_by_season() -> None:
    """Proves: 500 kW are 0.5 MW; each season is a charge within its months."""
    found = charges_of(
        flatdemandstructure=[[{"max": 500, "rate": 5}, {"rate": 6}], [{"rate": 7}]],
        flatdemandmonths=[0] * 6 + [1] * 6,
    )
    assert found["demand_season_0"]["tiers"] == [{"up_to_mw": 0.5, "rate_per_kw_month": 5}, {"rate_per_kw_month": 6}]
    assert found["demand_season_0"]["window"] == {"months": [1, 2, 3, 4, 5, 6]}
    assert found["demand_season_1"]["rate_per_kw_month"] == 7


def test_demand_by_hour_is_a_charge_for_each_period_and_its_months() -> None:
    """Proves: period 1 in two seasons of different hours is two charges, which bill months of their own; the period
    without a rate is none."""
    workdays = schedule(1, range(6, 10), range(14, 19))
    workdays[0] = workdays[1] = [0] * 6 + [1] * 3 + [0] * 15
    found = charges_of(
        demandratestructure=[[{"rate": 0}], [{"rate": 9}]], demandweekdayschedule=workdays, demandweekendschedule=ALL
    )
    assert sorted(found) == ["demand_period_1_1", "demand_period_1_2"]
    assert found["demand_period_1_1"]["window"] == {"months": [1, 2], "weekdays": "workdays", "hours": [[6, 9]]}
    assert found["demand_period_1_2"]["window"]["hours"] == [[14, 19]]


def test_demand_hours_may_differ_between_workdays_and_weekends() -> None:
    """Proves: one charge, one peak a month, over both windows. Sensitivity: a charge for each would bill two peaks."""
    found = charges_of(
        demandratestructure=[[{"rate": 0}], [{"rate": 9}]],
        demandweekdayschedule=schedule(1, range(6, 10), range(14, 19)),
        demandweekendschedule=schedule(1, range(6, 10), range(8, 22)),
    )
    charge = found["demand_period_1"]
    assert charge["rate_per_kw_month"] == 9
    windows = {window["weekdays"]: window["hours"] for window in charge["windows"]}
    assert windows == {"workdays": [[14, 19]], "weekend": [[8, 22]]}


def test_a_look_back_over_calendar_months_bills_the_year_of_the_issue() -> None:
    """Proves: with rates 10, 10, 20, 50, 20, 10, 20, 20, 20, 20, 20, 5 and 75 % of the peaks of months 1, 4 and 12,
    the charge is that of the known answer (74,500, see the tests of demand_charge)."""
    demand = charges_of(
        flatdemandstructure=[[{"rate": rate}] for rate in (10, 20, 50, 5)],
        flatdemandmonths=[0, 0, 1, 2, 1, 0, 1, 1, 1, 1, 1, 3],
        lookbackPercent=0.75,
        lookbackMonths=[True, False, False, True, *[False] * 7, True],
        lookbackRange=0,
    )["demand"]
    assert demand["rate_per_kw_month"] == [10, 10, 20, 50, 20, 10, 20, 20, 20, 20, 20, 5]
    assert demand["ratchet"] == {"fraction": 0.75, "previous_months": "year", "months": [1, 4, 12]}


@pytest.mark.parametrize(
    "fields",
    [
        {"lookbackpercent": 0.8, "lookbackrange": 11},
        {"lookbackpercent": 0.8, "lookbackrange": 11, "lookbackmonths": [False] * 12},
        {"demandratchetpercentage": [0.8] * 12, "lookbackrange": 11},
        {"demandratchetpercentage": [0.8] * 12, "lookbackpercent": 0.8, "lookbackrange": 11},
    ],
)
def test_a_look_back_over_months_before(fields: dict[str, Any]) -> None:
    demand = charges_of(flatdemandstructure=[[{"rate": 5}]], **fields)["demand"]
    assert demand["ratchet"] == {"fraction": 0.8, "previous_months": 11}


# ---------------------------------------------------------------------- fixed charges and minimum bills
@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ({"fixedchargefirstmeter": 90}, {"per_month": 90}),
        ({"fixedchargefirstmeter": 90, "fixedchargeunits": "$/month", "fixedchargeeaaddl": 12}, {"per_month": 90}),
        ({"fixedchargefirstmeter": 3, "fixedchargeunits": "$/day"}, {"per_day": 3}),
        ({"fixedchargefirstmeter": 120, "fixedchargeunits": "$/year"}, {"per_month": 10}),
        ({"fixedmonthlycharge": 275}, {"per_month": 275}),
    ],
)
def test_fixed_charges(fields: dict[str, Any], fixed: dict[str, float]) -> None:
    assert charges_of(**fields)["fixed"] == {"kind": "fixed_charge", "name": "fixed"} | fixed


@pytest.mark.parametrize("fields", [{"mincharge": 500, "minchargeunits": "$/month"}, {"minmonthlycharge": 500}])
def test_a_minimum_bill_is_on_all_other_charges(fields: dict[str, Any]) -> None:
    found = charges_of(**FLAT, fixedchargefirstmeter=90, flatdemandstructure=[[{"rate": 5}]], **fields)
    assert found["minimum"] == {
        "kind": "minimum_bill",
        "name": "minimum",
        "on": ["energy", "demand", "fixed"],
        "per_month": 500,
    }
