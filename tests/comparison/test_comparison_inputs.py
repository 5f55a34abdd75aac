"""What two scenarios differ in: by path, in words, with components matched by name."""

from __future__ import annotations

from typing import Any

import pytest
from pool_case import job, pool_case
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.comparison.comparing import Comparison, compare
from optimizer.comparison.inputs import group_of


def case(price: Any = 50.0, *assets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    contracts = fields.pop("contracts", [spot(price)])
    return site_case(steps=4, contracts=contracts, assets=assets or [fleet()], **fields)


def compared(a: dict[str, Any], b: dict[str, Any], **fields: Any) -> Comparison:
    return compare(opt.scenario_from_dict(a), opt.scenario_from_dict(b), **fields)


def inputs(a: dict[str, Any], b: dict[str, Any]) -> dict[str, str]:
    return {change.path: change.text for change in compared(a, b).inputs}


def test_numbers_and_series() -> None:
    """Proves: a number is told old and new with its share; a series by how many steps differ, its means and its largest
    difference; a series written as a list of the same numbers, or components in another order, do not differ."""
    told = inputs(case([50.0, 150.0, 50.0, 150.0]), case([50.0, 110.0, 120.0, 150.0], fleet(machines=1200)))
    assert told == {
        "sites.a.contracts.spot.price_per_mwh": (
            "2 of 4 steps differ, mean 100 -> 107.5, most by +70 at 2024-08-19 02:00"
        ),
        "sites.a.assets.m.machines": "1000 -> 1200 (+20 %)",
    }
    assert inputs(case(50.0), case([50.0] * 4)) == {}
    assert inputs(case(50.0, fleet(), fleet("n")), case(50.0, fleet("n"), fleet())) == {}
    assert inputs(case(50.0), case(55.0)) == {"sites.a.contracts.spot.price_per_mwh": "50 -> 55 (+10 %)"}


def test_added_and_removed() -> None:
    """Proves: components, limits and sections that only one has are told as added or removed."""
    there = compared(case(), case(50.0, fleet(), fleet("n"), grid={"import_limit_mw": 5.0})).inputs
    assert [(c.path, c.kind, c.group) for c in there] == [
        ("sites.a.grid.import_limit_mw", "added", "sites.a"),
        ("sites.a.assets.n", "added", "sites.a.assets.n"),
    ]
    back = compared(case(50.0, fleet(), fleet("n")), case()).inputs
    assert [(c.path, c.kind, c.text) for c in back] == [("sites.a.assets.n", "removed", "removed: miner_fleet n")]
    risky = inputs(case(), case() | {"risk": {"weight": 0.5}})
    assert risky == {"risk.weight": "0 -> 0.5"}


def test_a_name_that_means_another_kind() -> None:
    """Proves: a component of the same name but another kind is told by its kinds, not field by field."""
    battery = {"kind": "battery", "name": "m", "power_mw": 1.0, "energy_mwh": 2.0}
    assert inputs(case(), case(50.0, battery)) == {"sites.a.assets.m": "miner_fleet m -> battery m"}


def test_members() -> None:
    """Proves: another number of members is told once for the ensemble and at each series that has them, by their
    expected values; members that differ with the same mean are told too."""
    one = case([[50.0] * 4, [70.0] * 4], probabilities=[0.5, 0.5])
    other = case([[60.0] * 4] * 3, probabilities=[0.2, 0.3, 0.5])
    told = inputs(one, other)
    assert told["ensemble.members"] == "2 -> 3 (+50 %)"
    assert told["sites.a.contracts.spot.price_per_mwh"] == "members 2 -> 3"
    wider = inputs(one, case([[40.0] * 4, [80.0] * 4], probabilities=[0.5, 0.5]))
    assert wider == {"sites.a.contracts.spot.price_per_mwh": "2 of 2 members differ"}


@pytest.mark.parametrize(
    ("path", "group"),
    [
        (("sites", "a", "assets", "m", "modes", "on"), "sites.a.assets.m"),
        (("sites", "a", "grid", "import_limit_mw"), "sites.a"),
        (("sites", "a", "cooling"), "sites.a"),
        (("workloads", "j", "deadline"), "workloads.j"),
        (("risk", "weight"), "risk"),
    ],
)
def test_pieces(path: tuple[str, ...], group: str) -> None:
    """Proves: a difference belongs to the component, or else the site, or else the section it stands in."""
    assert group_of(path) == group


def test_jobs() -> None:
    """Proves: a job's deadline and value are told, and the job itself when it is gone."""
    work = job(work_node_hours=10, deadline="2024-08-19T02:00")
    later = job(work_node_hours=10, deadline="2024-08-19T03:00", value=120)
    told = inputs(pool_case(50.0, 4, work), pool_case(50.0, 4, later))
    assert told["sites.a.workloads.j.value"] == "100 -> 120 (+20 %)"
    assert told["sites.a.workloads.j.deadline"] == "2024-08-19T02:00 -> 2024-08-19T03:00"
    assert inputs(pool_case(50.0, 4, work), pool_case(50.0, 4)) == {"sites.a.workloads.j": "removed: training_job j"}


def test_previous_plans() -> None:
    """Proves: a section ``previous_plan`` is told with its price and not with a thousand numbers; another plan behind
    the same price is told as such."""
    old = opt.optimize(opt.scenario_from_dict(case(50.0)))
    other = opt.optimize(opt.scenario_from_dict(case(150.0)))
    scenario = opt.scenario_from_dict(case(60.0))
    near = [opt.previous_plan(scenario, plan, cost_per_mwh=3.0) for plan in (old, other)]
    assert [str(c) for c in compare(scenario, near[0]).inputs] == ['previous_plan: none -> {"cost_per_mwh": 3.0}']
    assert [str(c) for c in compare(*near).inputs] == ["previous_plan.schedule: another plan"]
