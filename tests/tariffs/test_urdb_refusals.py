"""Records of the Utility Rate Database that are refused rather than billed wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from urdb_record import ALL, FLAT, charges_of, refusal, schedule


def test_fields_that_would_change_the_bill_are_refused_by_name_all_at_once() -> None:
    """Proves: whatever bills and is not supported is named, with the fields that nobody knows."""
    supported, unknown = refusal(
        **FLAT,
        demandreactivepowercharge=0.3,
        coincidentratestructure=[[{"rate": 4.0}]],
        coincidentrateunit="kW",
        energyattrs=[{"Transformer": "$0.50/kVA"}],
        usenetmetering=True,
        annualmincharge=100,
        energyratestructur=[],
        rider=3,
    )
    for name in (
        "demandreactivepowercharge",
        "coincidentratestructure",
        "energyattrs",
        "usenetmetering",
        "annualmincharge",
    ):
        assert name in supported
    assert unknown == "fields not known: energyratestructur, rider; did you mean 'energyratestructure'?"


def test_the_same_fields_without_content_and_all_metadata_are_no_matter() -> None:
    """Proves: zero, false and empty say nothing, and names, dates, sizes and comments are not judged."""
    silent = {
        "demandreactivepowercharge": 0,
        "coincidentratestructure": [[{"max": 10, "rate": 0}]],
        "coincidentrateschedule": ALL,
        "energyattrs": [],
        "usenetmetering": False,
        "annualmincharge": 0,
        "demandweekdayschedule": ALL,
        "flatdemandmonths": [0] * 12,
    }
    said = {
        "label": "1",
        "utility": "u",
        "eiaid": 1,
        "startdate": 1,
        "enddate": 2,
        "description": "d",
        "approved": True,
    }
    assert list(charges_of(**FLAT, **silent, **said)) == ["energy"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"energyratestructure": [[{"rate": 0.1, "sell": 0.05}]]},
            "energyratestructure[0][0].sell: exports are not paid",
        ),
        ({"energyratestructure": [[{"rate": "0.1"}]]}, 'energyratestructure[0][0].rate: found "0.1"; must be a number'),
        (
            {"energyratestructure": [[{"max": 5}]]},
            'energyratestructure[0][0]: found {"max": 5}; must be a tier with a rate',
        ),
        ({"energyratestructure": [[{"rate": 1, "cap": 3}]]}, "energyratestructure[0][0]: fields not known: cap"),
        ({"energyratestructure": [{"rate": 1}]}, "must be a list of periods, each a list of tiers"),
        (
            {"energyratestructure": [[{"rate": 1}, {"rate": 2}]]},
            "energyratestructure[0][0]: has no max, but is not the last",
        ),
        ({"energyratestructure": [[{"rate": 1, "max": 9}]]}, "energyratestructure[0][0]: ends at 9, and nothing says"),
        (
            {"energyratestructure": [[{"rate": 1, "max": 9}, {"rate": 1, "max": 9}, {"rate": 2}]]},
            "energyratestructure[0][1].max: found 9; must be above the 9 before it",
        ),
        (
            {"energyratestructure": [[{"rate": 1, "max": 9, "unit": "kWh/kW"}, {"rate": 2, "unit": "kWh/kW"}]]},
            "energyratestructure: tiers in kWh/kW; must be in kWh or kWh daily",
        ),
        (
            {"energyratestructure": [[{"rate": 1, "max": 9, "unit": "kWh"}, {"rate": 2, "unit": "kWh daily"}]]},
            "tiers in kWh and in kWh daily",
        ),
        ({"energyratestructure": [[{"rate": 1}], [{"rate": 2}]]}, "energyweekdayschedule: is missing"),
        ({"energyratestructure": [[{"rate": 1}]], "energyweekdayschedule": ALL[:11]}, "found 11 rows; must be 12 rows"),
        (
            {"energyratestructure": [[{"rate": 1}]], "energyweekendschedule": [*ALL[:11], [0] * 23]},
            "energyweekendschedule[11]: found 23 values; must be 24",
        ),
        (
            {"energyratestructure": [[{"rate": 1}]], "energyweekdayschedule": schedule(1, range(3, 4), range(5, 6))},
            "energyweekdayschedule[2][5]: found 1; must be 0 to 0, the periods of energyratestructure",
        ),
        (
            {"energyweekdayschedule": schedule(1, range(3, 4), range(5, 6))},
            "there is no energyratestructure to go with it",
        ),
        (FLAT | {"fueladjustmentsmonthly": [0.1] * 11}, "fueladjustmentsmonthly: found"),
        (FLAT | {"servicetype": "Wheeling"}, 'servicetype: found "Wheeling"; must be one of Bundled, Energy'),
        ({"flatdemandstructure": [[{"rate": 1}]], "flatdemandunit": "kVA"}, 'flatdemandunit: found "kVA"; must be kW'),
        ({"demandratestructure": [[{"rate": 1}]], "demandrateunit": "kW daily"}, "demandrateunit: found"),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "flatdemandmonths": [1] * 12},
            "each 0 to 0, the periods of flatdemandstr",
        ),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "demandwindow": 20},
            "demandwindow: found 20; must be one of 5, 10, 15",
        ),
        ({"flatdemandstructure": [[{"rate": 1}]], "lookbackpercent": 0.8}, "does not say how far it looks back"),
        ({"flatdemandstructure": [[{"rate": 1}]], "lookbackpercent": 80}, "found 80; must be a fraction from 0 to 1"),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "demandratchetpercentage": [0.5] * 6 + [0.8] * 6},
            "must be the same in every month",
        ),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "demandratchetpercentage": [0.5] * 12, "lookbackpercent": 0.8},
            "found 0.8 and 0.5; must be the same",
        ),
        (
            {"demandratestructure": [[{"rate": 1}]], "lookbackpercent": 0.8, "lookbackrange": 11},
            "is for the charges of flatdemandstructure, of which there are none",
        ),
        (
            {
                "flatdemandstructure": [[{"rate": 1, "max": 5}, {"rate": 2}], [{"rate": 3}]],
                "flatdemandmonths": [0] * 6 + [1] * 6,
                "lookbackpercent": 0.8,
                "lookbackrange": 11,
            },
            "a look-back over seasons of different tiers",
        ),
        (
            {
                "flatdemandstructure": [[{"rate": 1}]],
                "lookbackpercent": 0.8,
                "lookbackrange": 11,
                "lookbackmonths": [True] + [False] * 11,
            },
            "only one of them can say how far",
        ),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "lookbackpercent": 0.8, "lookbackrange": 1.5},
            "lookbackrange: found 1.5",
        ),
        (
            {"flatdemandstructure": [[{"rate": 1}]], "lookbackpercent": 0.8, "lookbackmonths": [1]},
            "lookbackmonths: found",
        ),
        (FLAT | {"fixedchargefirstmeter": 1, "fixedchargeunits": "$/week"}, 'fixedchargeunits: found "$/week"'),
        (FLAT | {"fixedchargefirstmeter": -1}, "fixedchargefirstmeter: found -1; must be a number of at least 0"),
        (FLAT | {"fixedchargefirstmeter": 1, "fixedmonthlycharge": 2}, "only one of them can be the fixed charge"),
        (FLAT | {"mincharge": 1, "minchargeunits": "$/day"}, 'minchargeunits: found "$/day"; must be $/month'),
        (FLAT | {"mincharge": 1, "minmonthlycharge": 2}, "only one of them can be the minimum bill"),
        ({"mincharge": 1}, "there is no charge on which it could be a minimum"),
        ({"label": "x"}, "no charge is in the file"),
        ({"lookbackMonths": [], "lookbackmonths": []}, "lookbackmonths: is there twice"),
        ({"items": []}, "holds 0 tariffs under items; must be one"),
        ({"items": [3]}, "holds 3; must be a record"),
    ],
)
def test_a_record_that_cannot_be_billed_is_refused(fields: dict[str, Any], message: str) -> None:
    assert message in "\n".join(refusal(**fields))


def test_tiers_beside_other_periods_of_a_month_are_refused() -> None:
    """Proves: whether 5000 kWh count the peak's energy or the month's is not in the file, and tools differ; tiers of
    a season with one period are clear."""
    structure = [[{"rate": 0.05, "max": 5000}, {"rate": 0.04}], [{"rate": 0.09}]]
    beside = schedule(1, range(7, 8), range(14, 19))
    message = refusal(energyratestructure=structure, energyweekdayschedule=beside, energyweekendschedule=ALL)
    assert "energyratestructure[0]: has tiers, and month 7 has several periods" in message[0]
    apart = schedule(1, range(7, 8), range(24))
    assert charges_of(energyratestructure=structure, energyweekdayschedule=apart, energyweekendschedule=apart)
