"""What an earlier plan says of the next window's decisions, and what the search makes of it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import shipped
from hypothesis import given, settings
from hypothesis import strategies as st
from test_highs import arrays

import optimizer as opt
from optimizer import diving
from optimizer.backtest.workshop import Workshop
from optimizer.compiled import Arrays
from optimizer.horizon import Horizon
from optimizer.mip_road import solve_whole
from optimizer.plan_before import decided_before, moved_by
from optimizer.rebasing import rebased, window
from optimizer.scenario import SolverOptions

INF = np.inf
OPTIONS = SolverOptions(mip_rel_gap=1e-3, threads=1)


# ---------------------------------------------------------------------- which windows
@pytest.mark.parametrize(
    ("start", "steps", "length", "moved"),
    [
        ("2024-05-07T01:00", 48, "1h", 1),
        ("2024-05-07T12:00", 48, "1h", 12),
        ("2024-05-07T13:00", 48, "1h", None),  # 35 of 48 steps are left, less than three quarters
        ("2024-05-07T12:00", 36, "1h", 12),  # a window that ends with the first has them all
        ("2024-05-07T00:00", 48, "1h", None),  # the same window has a basis to go on from, and may have other data
        ("2024-05-06T23:00", 48, "1h", None),
        ("2024-05-07T00:30", 48, "1h", None),
        ("2024-05-07T01:00", 96, "30min", None),
    ],
)
def test_a_window_has_to_be_a_little_later(start: str, steps: int, length: str, moved: int | None) -> None:
    old = Horizon(timezone="America/Chicago", start="2024-05-07T00:00", steps=48)
    assert moved_by(old, Horizon(timezone="America/Chicago", start=start, steps=steps, step=length)) == moved


def test_hours_are_counted_across_a_change_of_clocks() -> None:
    """Proves: from 00:00 to 06:00 on the day on which the clocks go on by an hour are five steps, not six."""
    old = Horizon(timezone="America/Chicago", start="2024-03-10T00:00", steps=48)
    assert moved_by(old, Horizon(timezone="America/Chicago", start="2024-03-10T06:00", steps=48)) == 5


# ---------------------------------------------------------------------- which decisions
@pytest.mark.parametrize("stem", ["onsite_72h", "campus_everything_week", "chilled_72h"])
def test_each_decision_is_that_of_its_own_time(stem: str) -> None:
    """Proves, by the labels of each column: what the first window has decided for a step is what the second, two steps
    later, begins with. Sensitivity: by position alone, step 0 would begin with step 0."""
    whole = opt.load(shipped.FOLDER / f"{stem}.yaml")
    first, second = (opt.build(rebased(whole, horizon=window(whole, by, 40))) for by in (0, 2))
    values = np.arange(len(first.arrays.cost), dtype=float)  # each column's own number
    found = decided_before(first.compiled, values, second.compiled, 2)
    was = _named(first)
    checked = known = 0
    for (name, labels), column in _named(second).items():
        if not second.arrays.integer[column] or (name, labels) not in was:
            continue
        checked += 1
        if np.isfinite(found[column]):
            known += 1
            earlier = was[name, (*labels[:-1], labels[-1] + 2)]
            assert found[column] == earlier, (name, labels)
    assert checked > 50
    assert known > 0.8 * checked
    assert np.isnan(found[~second.arrays.integer]).all()


def _named(problem: opt.Problem) -> dict[tuple[str, tuple[object, ...]], int]:
    """Number of each column of a time, by the name of its variable and its labels, the last of them its step."""
    found = {}
    for variable in problem.compiled.evaluator.variables:
        columns = problem.compiled.columns(variable)
        sets = [list(s) for s in variable.index_set().subsets()]
        if variable.decided_at is not None:
            if np.shape(variable.decided_at) != columns.shape[-1:]:
                continue
            sets[-1] = np.asarray(variable.decided_at).tolist()
        elif (
            not set(sets[-1]) <= set(range(-1, 40)) or max(sets[-1], default=-1) < 20
        ):  # periods of a service level, and the like
            continue
        for place, labels in zip(columns.ravel(), itertools.product(*sets), strict=True):
            found[variable.name, labels] = int(place)
    return found


# ---------------------------------------------------------------------- the search
def machines(power: list[float], worth: list[float], cost: list[float], room: float) -> Arrays:
    """Machines that are on or off, at a fixed cost, and share some room: on/off stands after the loads."""
    count = len(power)
    eye = np.eye(count)
    rows = [(-INF, [*eye[i], *(-power[i] * eye[i])], 0.0) for i in range(count)]
    rows.append((-INF, [1.0] * count + [0.0] * count, room))
    bounds = [(0.0, INF)] * count + [(0.0, 1.0)] * count
    return arrays([*worth, *[-c for c in cost]], rows, bounds, list(range(count, 2 * count)))


CASE = machines([40.0, 30.0, 50.0], [3.0, 2.0, 2.5], [30.0, 30.0, 30.0], 75.0)
"""The room of 75 MW takes 40 MW at 3 and 35 MW at 2.5, less 60: 147.5. The relaxation pays 21 of the third's 30."""
BEST = 147.5


def test_a_plan_before_that_is_still_the_best_needs_no_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = _counted(monkeypatch)
    alone, _ = solve_whole(CASE, OPTIONS)
    assert alone.objective == pytest.approx(BEST)
    assert next(rounds) > 0
    again = _counted(monkeypatch)
    held, _ = solve_whole(replace(CASE, col_upper=_held(CASE, 5)), OPTIONS, before=_plan(1, 0, 1))
    assert (held.status, held.road) == ("optimal", "rounded linear program")
    assert held.objective == pytest.approx(BEST)
    assert next(again) == 0


def _held(case: Arrays, column: int) -> np.ndarray:
    """Upper bounds with which the relaxation pays a machine's fixed cost as a plan does: 35 MW in place of 50."""
    upper = case.col_upper.copy()
    upper[[0, 2]] = [40.0, 35.0]
    return upper


def _plan(*on: float) -> np.ndarray:
    return np.array([np.nan] * 3 + list(on))


def _counted(monkeypatch: pytest.MonkeyPatch) -> itertools.count[int]:
    """Counts the rounds of dives; ``next`` tells how many there were."""
    rounds = itertools.count()
    kept = diving.Dive._round

    def counted(self: diving.Dive, *given: object) -> int:
        next(rounds)
        return kept(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(diving.Dive, "_round", counted)
    return rounds


@pytest.mark.parametrize(
    "before",
    [
        (0, 1, 1),  # loses too much: 35 MW at 2.5 and 30 at 2 less 60
        (1, 1, 0),
        (0, 0, 0),
        (1, np.nan, np.nan),  # says little
        (7, -3, 1),  # says what cannot be
        (np.nan,) * 3,
    ],
)
def test_a_plan_before_that_is_no_good_any_more_costs_nothing(before: tuple[float, ...]) -> None:
    """Sensitivity: kept, (0, 1, 1) would earn 125, and (0, 0, 0) nothing, called optimal."""
    outcome, _ = solve_whole(CASE, OPTIONS, before=_plan(*before))
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(BEST)


def test_a_plan_before_that_is_no_plan_any_more_costs_nothing() -> None:
    """Two machines have to run now, of which the earlier plan runs one."""
    case = replace(
        CASE,
        row_lower=np.array([-INF, -INF, -INF, 60.0]),
        col_upper=np.array([INF, INF, INF, 1.0, 1.0, 1.0]),
    )
    outcome, _ = solve_whole(case, OPTIONS, before=_plan(1, 0, 0))
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(BEST)


def test_a_decision_that_is_not_allowed_any_more_is_not_held() -> None:
    """Two of three machines earn their 5 each; the earlier plan had three. Sensitivity: held, three would earn 15, more
    than is proven to be possible."""
    case = arrays([5.0, -1.0], [(-INF, [1.0, 1.0], 9.0)], [(0.0, 2.0), (0.0, 1.0)], [0])
    outcome, _ = solve_whole(case, OPTIONS, before=np.array([3.0, np.nan]))
    assert (outcome.status, outcome.objective) == ("optimal", pytest.approx(10.0))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), before=st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=5, max_size=5))
def test_whatever_was_before_the_plan_is_proven(seed: int, before: list[float]) -> None:
    """Proves: against all 32 ways to switch five machines, the plan is within the gap and the bound holds."""
    rng = np.random.default_rng(seed)
    power, worth, cost = rng.uniform(10, 60, 5), rng.uniform(1, 4, 5), rng.uniform(0, 80, 5)
    case = machines(power.tolist(), worth.tolist(), cost.tolist(), float(0.6 * power.sum()))
    outcome, _ = solve_whole(case, OPTIONS, before=np.array([np.nan] * 5 + before))
    best = max(_earned(np.array(on), power, worth, cost) for on in itertools.product((0, 1), repeat=5))
    assert outcome.status == "optimal"
    assert best * (1 - 1e-3) - 1e-6 <= outcome.objective <= best + 1e-6
    assert outcome.bound >= best - 1e-6


def _earned(on: np.ndarray, power: np.ndarray, worth: np.ndarray, cost: np.ndarray) -> float:
    room, earned = 0.6 * power.sum(), -float(cost @ on)
    for i in np.argsort(-worth):
        load = min(room, power[i] * on[i])
        room, earned = room - load, earned + load * worth[i]
    return earned


# ---------------------------------------------------------------------- windows that follow each other
def test_a_window_an_hour_later_begins_with_the_plan_before() -> None:
    whole = opt.load(shipped.FOLDER / "campus_everything_week.yaml")
    first = opt.build(rebased(whole, horizon=window(whole, 0, 48)))
    first.solve(explain=False)
    scenario = rebased(whole, horizon=window(whole, 1, 48))
    second = opt.build(scenario, like=first)
    before = second.memory.before
    assert before is not None
    free = second.arrays.integer & (second.arrays.col_lower < second.arrays.col_upper)
    assert np.isfinite(before[free]).mean() > 0.8
    plan, fresh = second.solve(explain=False), opt.optimize(scenario)
    for one, other in ((plan, fresh), (fresh, plan)):
        assert one.status == "optimal"
        assert one.figures["bound"] >= other.expected_profit - 1e-6 * abs(other.expected_profit)
    # the same window with other data begins with the basis alone: a plan that is kept would hide what has changed
    assert opt.build(scenario, like=second).memory.before is None


def test_a_workshop_goes_on_within_a_window_and_forgets_when_told() -> None:
    whole = opt.load(shipped.FOLDER / "campus_everything_week.yaml")
    shop = Workshop()
    problem = shop.problem("x", rebased(whole, horizon=window(whole, 0, 24)))
    shop.solved(problem, problem.arrays, "set")
    last = shop._solves["set"]
    here = problem.scenario.horizon.start_utc
    assert last.start(problem.arrays, here) == (last.basis, last.values)
    later = window(whole, 1, 24).start_utc
    assert last.start(problem.arrays, later) == (last.basis, None)
    wider = shop.problem("y", rebased(whole, horizon=window(whole, 0, 25)))
    assert last.start(wider.arrays, here) == (None, None)
    shop.forget()
    assert shop._solves == {}
