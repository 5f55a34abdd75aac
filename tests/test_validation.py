"""Errors of the schema in a planner's words."""

from __future__ import annotations

import pytest
from pool_case import job, pool_case, service
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.errors import Problem


def told(**changes: object) -> list[Problem]:
    """Problems of a small case with sections replaced."""
    case = site_case(steps=2, contracts=[spot(10)], assets=[fleet()])
    return problems(case | changes)


def problems(case: object) -> list[Problem]:
    with pytest.raises(opt.InputError) as caught:
        opt.scenario_from_dict(case)  # type: ignore[arg-type]
    return caught.value.problems


def of_fleet(**fields: object) -> str:
    (problem,) = problems(site_case(steps=2, contracts=[spot(10)], assets=[fleet(**fields)]))
    return str(problem).removeprefix("sites[0].assets[0]")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"machines": "7"}, '.machines: found "7"; must be a whole number'),
        ({"machines": []}, ".machines: found []; must be a whole number"),
        ({"pool_fee": "1 %"}, '.pool_fee: found "1 %"; must be a number'),
        ({"pool_fee": 1.5}, ".pool_fee: found 1.5; must be at most 1"),
        ({"pool_fee": 2}, ".pool_fee: found 2; must be at most 1; it is a fraction: was 0.02 meant (percent given)?"),
        ({"pool_fee": 200}, ".pool_fee: found 200; must be at most 1"),
        ({"pool_fee": float("nan")}, ".pool_fee: found NaN; must be a finite number"),
        ({"name": ""}, '.name: found ""; must be a name: a letter, then letters, digits, _ or -'),
        ({"name": "x" * 65}, f'.name: found "{"x" * 65}"; must be at most 64 characters long'),
        ({"name": 7}, ".name: found 7; must be text"),
        ({"modes": []}, ".modes: needs at least 1 entry"),
        ({"modes": {"name": "on"}}, '.modes: found {"name": "on"}; must be a list'),
        ({"modes": None}, ": give either modes or model (of the bundled table)"),
        ({"modes": None, "model": "Antminer S2"}, ".model: no bundled model"),
        (
            {"commit": "dayahead"},
            ".commit: found \"dayahead\"; must be recourse or day_ahead; did you mean 'day_ahead'?",
        ),
    ],
)
def test_one_field(fields: dict[str, object], says: str) -> None:
    if says.startswith(".model:"):  # told at the fleet, since the message does not begin with the field
        says = says.removeprefix(".model")
    assert of_fleet(**fields).startswith(says)


def test_the_message_of_a_whole_entry_is_told_at_the_field_that_it_begins_with() -> None:
    case = pool_case(10, 4, job(min_nodes=9, max_nodes=5, work_node_hours=5, deadline="2024-08-19T04:00"))
    (problem,) = problems(case)
    assert problem.path == "sites[0].workloads[0].min_nodes"
    assert problem.message == "min_nodes 9 exceeds max_nodes 5"


def test_a_field_that_may_be_written_in_several_ways_is_told_once() -> None:
    (problem,) = told(ensemble={"members": 2, "probabilities": 7})
    assert str(problem) == "ensemble.probabilities: found 7; must be the word equal or a list"
    (problem,) = told(ensemble={"members": 2, "probabilities": {"a": 1}})
    assert problem.allowed == "the word equal or a list"
    (problem,) = told(ensemble={"members": 2, "probabilities": [0.5, "x"]})
    assert str(problem) == 'ensemble.probabilities[1]: found "x"; must be a number'
    (problem,) = problems(pool_case(10, 4, service(pool=5, demand_per_hour=1)))
    assert str(problem) == "sites[0].workloads[0].pool: found 5; must be text or a list"
    (problem,) = problems(pool_case(10, 4, service(pool=[], demand_per_hour=1)))
    assert str(problem) == "sites[0].workloads[0].pool: needs at least 1 entry"
    (problem,) = problems(pool_case(10, 4, service(pool=["h", 5], demand_per_hour=1)))
    assert str(problem) == "sites[0].workloads[0].pool[1]: found 5; must be text"


def test_lists_of_fixed_length() -> None:
    hall = {"kind": "hall", "name": "c", "overhead": {"temperature_c": 20, "table": [[1, 0.1], [3]]}}
    (problem,) = problems(site_case(steps=2, contracts=[spot(10)], cooling=[hall]))
    assert str(problem) == "sites[0].cooling[0].overhead.table[1]: found [3]; must be a list of at least 2 values"


def test_unknown_keys_name_the_keys_of_their_place() -> None:
    (problem,) = problems(site_case(steps=2, contracts=[spot(10)], assets=[fleet(machine=5)]))
    assert problem.path == "sites[0].assets[0].machine"
    assert problem.hint == "did you mean 'machines'?"
    assert problem.allowed is not None
    assert {"name", "machines", "pool_fee"} <= set(problem.allowed.removeprefix("one of: ").split(", "))
    (problem,) = told(horizon={"start": "2024-08-19", "steps": 1, "step": "1h", "timezone": "UTC", "zone": "UTC"})
    assert problem.allowed == "one of: timezone, start, steps, step"
    (problem,) = told(data={"m": {"file": "m.csv", "fil": "previous"}})
    assert problem.path == "data.m.fil"
    (problem,) = problems(pool_case(10, 4, job(klass="rigid", work_node_hours=5)))
    assert problem.allowed is not None
    assert "class" in problem.allowed.removeprefix("one of: ").split(", ")  # the file's word, not Python's
    mode = {"name": "on", "hash_th_s": 200, "power_w": 3500, "powr": 1}
    (problem,) = problems(site_case(steps=2, contracts=[spot(10)], assets=[fleet(modes=[mode])]))
    assert (problem.path, problem.allowed) == ("sites[0].assets[0].modes[0].powr", "one of: name, hash_th_s, power_w")


def test_kinds() -> None:
    def at_assets(entry: object) -> str:
        (problem,) = problems(site_case(steps=2, contracts=[spot(10)]) | {"sites": [_site(entry)]})
        return str(problem)

    assert "kind: unknown kind; found 5; must be one of: battery, " in at_assets({"kind": 5, "name": "x"})
    assert "index_supply is listed under contracts" in at_assets({"kind": "index_supply", "name": "x"})
    assert at_assets({"name": "x"}).startswith("sites[0].assets[0].kind: is missing; must be one of: battery")
    assert at_assets("battery") == 'sites[0].assets[0]: found "battery"; must be a mapping of keys to values'
    assert at_assets(None) == "sites[0].assets[0]: found null; must be a mapping of keys to values"


def _site(asset: object) -> dict[str, object]:
    return {"name": "a", "contracts": [spot(10)], "assets": [asset]}


def test_what_only_follows_is_not_told() -> None:
    """A list whose only entry was refused is not told to be too short."""
    (problem,) = told(sites=[{"name": "a", "contracts": [spot("x")]}])
    assert problem.path == "sites[0].contracts[0].price_per_mwh"
    (problem,) = told(sites=[])
    assert str(problem) == "sites: needs at least 1 entry"


def test_empty_names_and_long_titles() -> None:
    (problem,) = told(name="")
    assert str(problem) == "name: is empty"
    (problem,) = told(name="x" * 300)
    assert problem.allowed == "at most 200 characters long"
    (problem,) = told(name=None)
    assert str(problem) == "name: found null; must be text"
