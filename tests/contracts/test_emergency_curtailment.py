"""Emergency curtailment: a hard limit on the import in the hours of an obligation.

At a price of 10 a fleet of 3.5 MW earns 365 an hour.
"""

from typing import Any

import numpy as np
import pytest
from small_case import (
    by_member,
    fleet,
    profit,
    refusals,
    series,
    site_case,
    solved,
    spot,
    unnoticed,
    warnings_of,
)

import optimizer as opt

BATTERY = {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": 4, "soc_start_mwh": 2}


def emergency(obligation: Any, level: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "emergency_curtailment", "name": "eea", "obligation": obligation, "level_mw": level} | fields


def case(obligation: Any, level: Any, *, steps: int = 2, **more: Any) -> dict[str, Any]:
    plain = {"contracts": [spot(10), emergency(obligation, level)], "assets": [fleet()]}
    return site_case(steps=steps, **(plain | more))


def test_import_stays_at_the_level_while_the_obligation_holds() -> None:
    """Proves: with 1 MW of house load and a level of 2, 1 of 3.5 MW runs in the second hour: 365 + 104.29, less the
    house load. Sensitivity: held in both hours 208.57, in none 730; on the machines alone 2 MW would run."""
    plan = solved(case([0, 1], 2, house_load_mw=1))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 1])
    assert plan.expected_profit == pytest.approx(365 + 365 / 3.5 - 20)
    assert series(plan, "event", "eea") == [0, 1]
    assert not [line for line in plan.summary["ledger"] if line.startswith("eea")]
    assert unnoticed(plan, "eea") == []


def test_obligation_and_level_differ_by_member() -> None:
    """Proves: member 0 has no obligation, member 1 one at 0.5 MW in the first and 1 MW in the second hour."""
    plan = solved(case([[0, 0], [1, 1]], [[2, 2], [0.5, 1]], probabilities=[0.5, 0.5]))
    assert by_member(plan, "power_mw", "m") == pytest.approx(np.array([[3.5, 3.5], [0.5, 1]]))


def test_sites_of_a_portfolio_share_the_level() -> None:
    """Proves: two sites with fleets of 3.5 MW are held to 4 MW together, 365 / 3.5 each. Sensitivity: held to 4 MW
    each, nothing would change: 730."""
    whole = case(1, 0, steps=1, contracts=[spot(10)])
    sites = [whole["sites"][0], whole["sites"][0] | {"name": "b"}]
    portfolio = whole | {"sites": sites, "contracts": [emergency(1, 4)]}
    assert profit(portfolio) == pytest.approx(4 * 365 / 3.5)


def test_a_plan_that_cannot_obey_says_why() -> None:
    """The battery has to be charged in the hour of the obligation, above its level."""
    battery = BATTERY | {"soc_start_mwh": 0, "soc_end_mwh": 2}
    with pytest.raises(opt.InfeasibleError) as caught:
        opt.optimize(opt.scenario_from_dict(case(1, 1, steps=1, assets=[battery])))
    assert "eea: import at most level_mw while the obligation to curtail holds (emergency)" in str(caught.value)
    assert "2024-08-19 00:00" in str(caught.value)


def test_a_house_load_above_the_level_is_refused() -> None:
    """Machines that only draw power cannot serve it."""
    text = refusals(case([0, 1], 0.5, house_load_mw=1))
    assert "contracts[1].level_mw: the load that cannot be reduced exceeds it at 2024-08-19T01:00" in text
    assert "found 0.5; must be at least 1 MW" in text
    assert "in member 1" in refusals(case([[0, 0], [0, 1]], 0.5, house_load_mw=1, probabilities=[0.5, 0.5]))


def test_a_house_load_above_the_level_may_be_served_by_the_site() -> None:
    """Proves: a battery brings 0.5 of the 1 MW. Sensitivity: refused, there would be no plan."""
    obeying = case([0, 1], 0.5, house_load_mw=1, assets=[BATTERY])
    assert "the load that cannot be reduced exceeds it at 2024-08-19T01:00" in warnings_of(obeying)
    plan = solved(obeying)
    assert float(plan.dispatch["import_mw"][0, 1, 0]) <= 0.5 + 1e-9


def test_without_machines_there_is_nothing_to_plan_and_no_plan() -> None:
    """As a bill of a metered load has it, which may well have been above the level."""
    metered = case(1, 0.5, steps=1, house_load_mw=1, assets=[])
    assert "exceeds it" in warnings_of(metered)
    with pytest.raises(opt.InfeasibleError, match="import at most level_mw"):
        opt.optimize(opt.scenario_from_dict(metered))


@pytest.mark.parametrize(
    ("obligation", "level", "words"),
    [
        ([0, 0.5], 1, "obligation: a 0/1 series, but not at 2024-08-19T01:00"),
        ([0, -1], 1, "contracts[1].obligation"),
        ([0, 1], -1, "contracts[1].level_mw"),
        ([0, 1, 1], 1, "one for each of 2 steps"),
    ],
)
def test_bad_fields_are_refused(obligation: Any, level: Any, words: str) -> None:
    assert words in refusals(case(obligation, level))


def test_an_obligation_that_never_holds_is_a_warning() -> None:
    assert "obligation: never holds within the horizon" in warnings_of(case(0, 1))
