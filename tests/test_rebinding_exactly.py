"""A problem made like another one against one made for itself, bit for bit, whatever has changed between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from shipped import FOLDER, STEMS
from small_case import fleet, site_case, spot
from test_rebinding import perturbed

import optimizer as opt
from optimizer.kept import FirstColumns, Kept
from optimizer.light_model import LightModel, LightParam, LightVar
from optimizer.light_sets import LightRange
from optimizer.rebasing import rebased, window, with_fields
from optimizer.rebinding import LightCompiled
from optimizer.recipe import Rows
from optimizer.results import money_of, schedule_of

SECTIONS = ("sites", "contracts", "workloads")
DAY_STEPS = 24


def _other_numbers(value: Any) -> Any:
    """The same with every plain number of every component, and every limit of every site, a little lower."""
    if isinstance(value, BaseModel):
        found = {n: _other_numbers(v) for n, v in value.__dict__.items() if n in type(value).model_fields}
        return with_fields(value, {n: v for n, v in found.items() if v is not value.__dict__[n]})
    if isinstance(value, tuple):
        return tuple(_other_numbers(item) for item in value)
    return value * 0.99 if value.__class__ is float else value


def other_numbers(scenario: opt.Scenario) -> opt.Scenario:
    return with_fields(scenario, {name: _other_numbers(getattr(scenario, name)) for name in SECTIONS})


def without_the_last(scenario: opt.Scenario) -> opt.Scenario:
    """The same without the last contract of the first site: other rows and other columns."""
    first, *others = scenario.sites
    fewer = with_fields(first, {"contracts": first.contracts[:-1]})
    return with_fields(scenario, {"sites": (fewer, *others)})


def two_days(scenario: opt.Scenario, first: int = 0) -> opt.Scenario:
    """Two days of it, or what there is of them."""
    steps = scenario.horizon.steps
    return rebased(scenario, horizon=window(scenario, min(first, steps // 4), min(2 * DAY_STEPS, steps // 2)))


CHANGES: dict[str, Callable[[opt.Scenario], opt.Scenario]] = {
    "series": lambda s: perturbed(s, 1),
    "numbers": other_numbers,
    "window": two_days,
    "next window": lambda s: two_days(s, DAY_STEPS),
    "structure": without_the_last,
    "nothing": lambda s: s,
}


def content(problem: opt.Problem) -> dict[Any, Any]:
    """All that a problem hands over and reads from a solution, bit for bit."""
    arrays = problem.arrays
    values = np.random.default_rng(2).random(arrays.matrix.shape[1])
    schedule = schedule_of(problem.scenario, problem.parts, problem.compiled, values)
    money = money_of(problem.parts, problem.compiled, values)
    found: dict[Any, Any] = {name: getattr(arrays.matrix, name) for name in ("indptr", "indices", "data")}
    sides = ("row_lower", "row_upper", "cost", "offset", "col_lower", "col_upper", "integer", "least")
    found |= {name: getattr(arrays, name) for name in sides}
    found |= {(*key, label): array for key, of in schedule.shared.items() for label, (_, array) in of.items()}
    found |= {name: array for name, (_, array) in schedule.tables.items()}
    found |= money
    return {name: (np.shape(value), np.asarray(value).tobytes()) for name, value in found.items()}


@pytest.mark.parametrize("stem", STEMS)
def test_a_problem_like_another_is_one_of_its_own_bit_for_bit(stem: str) -> None:
    """Proves: other series, other numbers of every component, other windows, another structure and back again give the
    arrays, the schedule and the money of a problem that knows no other. Sensitivity: an edition that goes by the name
    alone, or rows that stay where the columns have moved."""
    scenario = opt.load(FOLDER / f"{stem}.yaml")
    problem = opt.build(scenario)
    for name, change in CHANGES.items():
        other = change(scenario)
        problem, fresh = opt.build(other, like=problem), opt.build(other)
        assert isinstance(problem.compiled, LightCompiled), name
        assert fresh._kept is None
        assert content(problem) == content(fresh), name
        again = opt.build(other, like=problem)  # now every rule, and every result, is one that is kept
        assert content(again) == content(fresh), name


def test_the_changes_change_something() -> None:
    """Proves: each change of these tests but ``nothing`` gives other arrays in some shipped scenario, so that the
    comparison above cannot pass for want of a change."""
    scenario = opt.load(FOLDER / "campus_week.yaml")
    as_it_is = content(opt.build(scenario))
    changed = {name: content(opt.build(change(scenario))) != as_it_is for name, change in CHANGES.items()}
    assert changed == {name: name != "nothing" for name in CHANGES}


# ---------------------------------------------------------------------- editions and places
def declared(*values: float) -> tuple[LightModel, LightParam, LightVar]:
    """A model of one parameter and one variable over as many steps."""
    model = LightModel([], [])
    steps = LightRange(0, len(values))
    model.p, model.x = LightParam(steps, values=np.array(values)), LightVar(steps)  # type: ignore[attr-defined]
    return model, model.p, model.x  # type: ignore[attr-defined]


def test_an_edition_stands_for_name_sets_and_data() -> None:
    """Proves: the same data in another array are the same edition; other data, other sets, data of another kind and
    NaN are new ones; a variable has one for as long as its sets stay. Numbers never come again for something else."""
    kept = Kept()
    _, p, x = declared(1.0, 2.0)
    first, of_variable = kept.edition(p), kept.edition(x)
    assert kept.edition(declared(1.0, 2.0)[1]) == first
    assert kept.edition(declared(1.0, 2.0)[2]) == of_variable
    editions = [first, of_variable]
    for values in ((1.0, 3.0), (1.0, 3.0, 0.0), (1.0, np.nan, 0.0), (1.0, np.nan, 0.0), (1.0, 2.0)):
        editions.append(kept.edition(declared(*values)[1]))
    whole = LightParam(LightRange(0, 2), values=np.array([1, 2]))
    whole.name = "p"
    editions.append(kept.edition(whole))
    editions.append(kept.edition(declared(1.0, 2.0, 3.0)[2]))
    assert len(set(editions)) == len(editions)


def test_rows_follow_their_variables() -> None:
    """Proves: ``a`` (columns 0, 1) moves to 2 and ``c`` (3) to 0, ``b`` is gone: rows over a and c get columns 3 and 0,
    and rows whose variables stay are the very same object."""
    old = FirstColumns([("a", 0, 2), ("b", 2, 1), ("c", 3, 1)])
    new = FirstColumns([("c", 0, 1), ("d", 1, 1), ("a", 2, 2)])
    assert old.shifts(new).tolist() == [2, 2, 0, -3]
    rows = Rows(np.array([[1], [3]], np.int32), np.ones((2, 1)), np.zeros(1), np.ones(1))
    assert rows.moved(old.shifts(new)).columns.tolist() == [[3], [0]]
    assert rows.moved(old.shifts(old)) is rows
    kept = Kept()
    same = kept.first_columns([("a", 0, 2)])
    assert kept.first_columns([("a", 0, 2)]) is same
    assert kept.first_columns([("a", 1, 2)]) is not same


def test_columns_that_move_between_windows() -> None:
    """Proves: a fleet in front of another moves the columns of the other; its rows are taken over, at their new places.
    Sensitivity: without the move the second problem is not that of its own."""
    one = site_case(steps=3, contracts=[spot(50)], assets=[fleet("n", machines=10)])
    two = site_case(steps=3, contracts=[spot(50)], assets=[fleet(), fleet("n", machines=10)])
    first = opt.build(opt.scenario_from_dict(one))
    second = opt.build(opt.scenario_from_dict(two), like=opt.build(opt.scenario_from_dict(one), like=first))
    assert second._kept is not None
    assert second._kept.reused > 0
    assert content(second) == content(opt.build(opt.scenario_from_dict(two)))
