"""Starts and stops of a mining fleet: minimum times, start cost, lost hash and day-ahead commitment, worked by hand.

1000 machines earn 400 an hour for 3.5 MW: an hour at a price of 50 brings 225, one at 100 brings 50, one at 150 loses
125.
"""

from typing import Any

import pytest
from small_case import booked, by_member, fleet, profit, series, site_case, solved, spot

import optimizer as opt

TWO_MODES = [{"name": "eco", "hash_th_s": 100, "power_w": 1500}, {"name": "high", "hash_th_s": 200, "power_w": 3500}]
"""Break-evens 200 / 1.5 = 133.3 for eco and (400 - 200) / 2 = 100 for high."""


def case(price: Any, steps: int, step: Any = "1h", **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, step=step, contracts=[spot(price)], assets=[fleet(**fields)])


@pytest.mark.parametrize(("hours", "earned"), [(0, 450), (1, 450), (2, 325), (1.5, 325), (3, 225), (1000, 225)])
def test_minimum_up_time(hours: float, earned: float) -> None:
    """Proves: -125, 225, -125, -125, 225 by hour and nothing on before. With 2 hours: 225 - 125 and a start in the
    last hour, 325 (1.5 is rounded up); with 3 and more the first start does not pay (225 - 250), the last one still
    does: 225. Sensitivity: without the rule 450."""
    plan = solved(case([150, 50, 150, 150, 50], 5, min_up_hours=hours, running_before=0))
    assert plan.expected_profit == pytest.approx(earned)


@pytest.mark.parametrize(("hours", "earned"), [(0, 225), (1, 225), (2, 100), (1.5, 100), (1000, 100)])
def test_minimum_down_time(hours: float, earned: float) -> None:
    """Proves: all on before, -125, 225, -125 and -125 by hour. Stopped in hour 1, the machines miss hour 2 with 2
    hours or more; they then run the first two hours: 100. Sensitivity: without the rule 225."""
    plan = solved(case([150, 50, 150, 150], 4, min_down_hours=hours, running_before=1000))
    assert plan.expected_profit == pytest.approx(earned)


@pytest.mark.parametrize(
    ("minutes", "hours", "earned"), [("15min", 0.5, 81.25), ("15min", 0.25, 112.5), ("30min", 0.5, 225)]
)
def test_minimum_times_are_in_hours(minutes: str, hours: float, earned: float) -> None:
    """Proves: half an hour is two quarter-hour steps (325 / 4) or one of half an hour (450 / 2). Sensitivity:
    counted in steps, 450 / 4."""
    plan = solved(case([150, 50, 150, 150, 50], 5, minutes, min_up_hours=hours, running_before=0))
    assert plan.expected_profit == pytest.approx(earned)


@pytest.mark.parametrize(("cost", "earned"), [(0.0, 450), (0.1, 350), (0.125, 325), (0.2, 325)])
def test_start_cost(cost: float, earned: float) -> None:
    """Proves: resting through a loss of 125 pays while 1000 starts cost less. Sensitivity: without the cost always
    450; charged on stops as well 325 for 0.1."""
    assert profit(case([50, 150, 50], 3, start_cost=cost, running_before=1000)) == pytest.approx(earned)


def test_starts_are_counted_from_what_runs_before_the_horizon() -> None:
    """Proves: with nothing said, the first step starts nothing (225); from standstill 1000 starts at 0.1 leave 125.
    Sensitivity: the other way round in either case."""
    assert profit(case(50, 1, start_cost=0.1)) == pytest.approx(225)
    plan = solved(case(50, 1, start_cost=0.1, running_before=0))
    assert plan.expected_profit == pytest.approx(125)
    assert booked(plan, "mining_start_cost") == pytest.approx(-100)
    assert series(plan, "started", "m") == pytest.approx([1000])


def test_nothing_starts_or_stops_in_the_first_step_where_nothing_is_said_of_before() -> None:
    """Proves: the number before the horizon is that of the first step. Sensitivity: a free number would let any count
    of machines stop in it."""
    data = case([150, 50], 2, start_cost=0.1)
    part = opt.build(opt.scenario_from_dict(data)).model.parts["m"]
    assert part.started[0, 0].ub == part.stopped[0, 0].ub == 0
    plan = solved(data)
    assert series(plan, "stopped", "m") == [0, 0]
    assert series(plan, "started", "m") == pytest.approx([0, 1000])


@pytest.mark.parametrize(("minutes", "earned"), [(0, 450), (15, 350), (30, 325)])
def test_a_start_loses_minutes_of_hash(minutes: float, earned: float) -> None:
    """Proves: 15 minutes are 100 of an hour's 400, less than the 125 saved by resting; 30 minutes are 200, more.
    Sensitivity: without the loss 450."""
    plan = solved(case([50, 150, 50], 3, start_lost_minutes=minutes, running_before=1000))
    assert plan.expected_profit == pytest.approx(earned)


def test_a_loss_longer_than_the_step_runs_on() -> None:
    """Proves: 90 minutes lost by a start in hour 2 take all of its hash and half of hour 3's: -35 + 200 - 35 = 130.
    Sensitivity: all in one step the hash rate is -100 there."""
    plan = solved(case([150, 10, 10], 3, start_lost_minutes=90, running_before=0))
    assert series(plan, "hash_ph_s", "m") == pytest.approx([0, 0, 100])
    assert plan.expected_profit == pytest.approx(130)


@pytest.mark.parametrize(
    ("commit", "weights", "earned"),
    [
        ("recourse", [0.9, 0.1], 45),
        ("day_ahead", [0.9, 0.1], 32.5),
        ("recourse", [0.5, 0.5], 25),
        ("day_ahead", [0.5, 0.5], 0),
    ],
)
def test_a_day_ahead_commitment_is_one_decision_for_all_members(
    commit: str, weights: list[float], earned: float
) -> None:
    """Proves: +50 at a price of 100 and -125 at 150. Members that decide for themselves take 50 times its
    probability; one decision takes 0.9 * 50 - 0.1 * 125 = 32.5, or stands by. Sensitivity: recourse in place of it
    gives 45 and 25."""
    data = site_case(steps=1, contracts=[spot([[100], [150]])], assets=[fleet(commit=commit)], probabilities=weights)
    assert profit(data) == pytest.approx(earned)


def test_modes_remain_recourse_under_a_day_ahead_commitment() -> None:
    """Proves: all machines are committed; at 90 they run high (85), at 110 eco (35): mean 60. Sensitivity: one mode
    for both gives 50."""
    assets = [fleet(commit="day_ahead", modes=TWO_MODES)]
    data = site_case(steps=1, contracts=[spot([[90], [110]])], assets=assets, probabilities=[0.5, 0.5])
    plan = solved(data)
    assert plan.expected_profit == pytest.approx(60)
    assert by_member(plan, "power_mw", "m") == [[pytest.approx(3.5)], [pytest.approx(1.5)]]


def test_a_day_ahead_commitment_fits_the_member_with_the_fewest_machines() -> None:
    """Proves: 500 machines can be committed for both members: 112.5. Sensitivity: 0.5 * 225 + 0.5 * 112.5 = 168.75
    with recourse."""
    data = site_case(
        steps=1,
        contracts=[spot(50)],
        assets=[fleet(commit="day_ahead", availability=[[1.0], [0.5]])],
        probabilities=[0.5, 0.5],
    )
    assert profit(data) == pytest.approx(112.5)
