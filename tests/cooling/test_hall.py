"""Hall: overhead and heat limit by number and by temperature, on the fleet of 3.5 MW that earns 400 an hour."""

from typing import Any

import pytest
from small_case import fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of


def hall(**fields: Any) -> dict[str, Any]:
    return {"kind": "hall", "name": "air"} | fields


def case(price: Any, steps: int = 1, machines: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return site_case(
        steps=steps,
        contracts=[spot(price)],
        assets=[fleet(cooling="air", **(machines or {}))],
        cooling=[hall(**fields)],
    )


def test_cooling_draws_its_overhead_on_the_heat() -> None:
    """Proves: 400 - 3.5 * 1.1 * 50 = 207.5. Sensitivity: without cooling power 225."""
    plan = solved(case(50, overhead=0.1))
    assert plan.expected_profit == pytest.approx(207.5)
    assert series(plan, "power_mw", "air") == pytest.approx([0.35])
    assert series(plan, "heat_mw", "air") == pytest.approx([3.5])
    assert series(plan, "overhead", "air") == pytest.approx([0.1])


def test_the_overhead_lowers_the_break_even_price() -> None:
    """Proves: the break-even falls from 114.29 to 114.29 / 1.1 = 103.9, between the two prices. Sensitivity:
    machines that do not see the overhead run in both hours and lose 4.3 in the second."""
    plan = solved(case([103.5, 105], steps=2, overhead=0.1))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0])
    assert plan.expected_profit == pytest.approx(400 - 3.85 * 103.5)


def test_only_the_heat_that_reaches_the_hall_is_cooled() -> None:
    """Proves: 0.8 * 3.5 MW of heat at an overhead of 0.1: 400 - 3.78 * 50 = 211. Sensitivity: on all the power
    207.5."""
    assert profit(case(50, machines={"heat_fraction": 0.8}, overhead=0.1)) == pytest.approx(211)


def test_the_heat_limit_holds_the_machines_back() -> None:
    """Proves: 1.75 MW of heat are half the fleet: 200 - 1.75 * 1.1 * 50 = 103.75. Sensitivity: without the limit
    207.5; counting the cooling power as heat leaves 94.3."""
    plan = solved(case(50, heat_limit_mw=1.75, overhead=0.1))
    assert plan.expected_profit == pytest.approx(103.75)
    assert series(plan, "heat_limit_mw", "air") == [1.75]


def test_a_limit_is_shared_by_all_guests_and_goes_to_the_better_one() -> None:
    """Proves: 4 MW of heat take fleet m (3.5 MW, 400) and 0.1 of fleet old (5 MW, 400): 440 - 4 * 50 = 240.
    Sensitivity: a limit per guest gives 225 + 0.8 * 150 = 345."""
    old = fleet("old", modes=[{"name": "on", "hash_th_s": 200, "power_w": 5000}], cooling="air")
    data = site_case(
        steps=1,
        contracts=[spot(50)],
        assets=[old, fleet(cooling="air")],
        cooling=[hall(heat_limit_mw=4)],
    )
    plan = solved(data)
    assert plan.expected_profit == pytest.approx(240)
    assert series(plan, "power_mw", "old") == pytest.approx([0.5])


def test_machines_outside_the_hall_are_not_limited() -> None:
    """Proves: a fleet that names no cooling runs beside a hall of limit 0: 225. Sensitivity: cooling everything at
    the site gives 0."""
    data = site_case(
        steps=1,
        contracts=[spot(50)],
        assets=[fleet(), fleet("inside", cooling="air")],
        cooling=[hall(heat_limit_mw=0)],
    )
    assert profit(data) == pytest.approx(225)


def test_a_table_is_read_on_straight_lines_between_its_rows() -> None:
    """Proves: at 10 and 30 °C the overhead is 0.04 and 0.11: 218 + 205.75 = 423.75. Sensitivity: the row below
    (0.02, 0.06) gives 436, the row above (0.06, 0.16) 411.5."""
    overhead = {"temperature_c": [10, 30], "table": [[0, 0.02], [20, 0.06], [40, 0.16]]}
    plan = solved(case(50, steps=2, overhead=overhead))
    assert series(plan, "overhead", "air") == pytest.approx([0.04, 0.11])
    assert plan.expected_profit == pytest.approx(423.75)


def test_the_weather_differs_by_member() -> None:
    """Proves: 0.25 * (400 - 3.5 * 1.02 * 50) + 0.75 * (400 - 3.5 * 1.06 * 50) = 216.25. Sensitivity: the first
    member's for both 221.5."""
    overhead = {"temperature_c": [[0], [20]], "table": [[0, 0.02], [20, 0.06]]}
    data = case(50, overhead=overhead) | {"ensemble": {"members": 2, "probabilities": [0.25, 0.75]}}
    assert profit(data) == pytest.approx(216.25)


def test_the_fit_of_partial_pue() -> None:
    """Proves: a(20) = 7.1705e-5 * 400 + 0.0041 * 20 + 0.0743 = 0.184982, so 400 - 3.5 * 1.184982 * 50 = 192.628.
    Sensitivity: the partial PUE itself (1.185) taken as overhead gives 17.6."""
    plan = solved(case(50, overhead={"temperature_c": 20, "fit": "ppue"}))
    assert series(plan, "overhead", "air") == pytest.approx([0.184982])
    assert plan.expected_profit == pytest.approx(192.62815)


def test_a_series_of_overheads_is_taken_as_it_is() -> None:
    """Proves: (400 - 3.5 * 1.1 * 50) + (400 - 3.5 * 1.2 * 50) = 397.5; a scaled series is not mistaken for a law
    over temperature."""
    assert profit(case(50, steps=2, overhead=[0.1, 0.2])) == pytest.approx(397.5)
    assert profit(case(50, steps=2, overhead={"series": [1, 2], "scale": 0.1})) == pytest.approx(397.5)


@pytest.mark.parametrize(("fixed", "earned"), [(None, 192.857142857), (2.5, 160.714285714)])
def test_the_limit_over_temperature_and_the_fixed_limit_hold_together(fixed: float | None, earned: float) -> None:
    """Proves: at 30 °C the table gives 3 MW: 3 / 3.5 * 225 = 192.86; a fixed 2.5 MW is lower: 160.71. Sensitivity:
    no limit 225."""
    limits: dict[str, Any] = {"heat_limit_table": {"temperature_c": 30, "table": [[20, 4], [40, 2]]}}
    if fixed is not None:
        limits["heat_limit_mw"] = fixed
    assert profit(case(50, **limits)) == pytest.approx(earned)


def test_a_fit_of_ones_own_over_the_wet_bulb() -> None:
    """Proves: 0.02 + 0.001 * 20 + 0.0001 * 400 = 0.08 at a wet bulb of 20 °C: 400 - 3.5 * 1.08 * 50 = 211."""
    fit = {"coefficients": [0.02, 0.001, 0.0001], "from_c": -10, "to_c": 28}
    assert profit(case(50, overhead={"temperature_c": 20, "fit": fit})) == pytest.approx(211)


def test_laws_over_dry_and_wet_bulb_add_up() -> None:
    """Proves: fans 0.03 at 35 °C dry, a tower 0.05 at 22 °C wet: 211. Sensitivity: the last law alone 216.25."""
    fans = {"temperature_c": 35, "table": [[0, 0.01], [40, 0.0328571428571]]}
    tower = {"temperature_c": 22, "table": [[0, 0.0], [44, 0.1]]}
    assert profit(case(50, overhead=[fans, tower])) == pytest.approx(211)


def test_a_way_of_cooling_stands_for_the_overhead_and_says_where_it_is_from() -> None:
    """Proves: immersion at 0.035: 400 - 3.5 * 1.035 * 50 = 218.875; an overhead of the hall's own goes first: 207.5."""
    plan = solved(case(50, type="immersion"))
    assert plan.expected_profit == pytest.approx(218.875)
    text = warnings_of(case(50, type="immersion"))
    assert "0.035, typical of this way of cooling: MinerBase" in text
    assert "cooling[0].type" in text
    assert profit(case(50, type="immersion", overhead=0.1)) == pytest.approx(207.5)
    assert warnings_of(case(50, type="immersion", overhead=0.1)) == ""
    assert unnoticed(plan, "air") == []


TABLE = [[0, 0.1], [20, 0.2]]


@pytest.mark.parametrize(
    ("fields", "low", "high"),
    [
        ({"overhead": {"temperature_c": [10, 41], "table": TABLE}}, 0, 20),
        ({"overhead": {"temperature_c": [10, 36], "fit": "ppue"}}, -3.9, 35),
        ({"heat_limit_table": {"temperature_c": [10, -1], "table": TABLE}}, 0, 20),
    ],
)
def test_weather_beyond_the_figures_is_refused_by_time(fields: dict[str, Any], low: float, high: float) -> None:
    text = refusals(case(50, steps=2, **fields))
    assert "temperature_c" in text
    assert "2024-08-19T01:00" in text
    assert f"{low:g} to {high:g} °C" in text


def test_clamped_weather_uses_the_nearest_figure() -> None:
    """Proves: above 20 °C the overhead stays 0.2, below 0 °C it stays 0.1; the fit stays at its value at 35 °C,
    0.3056."""
    plan = solved(case(50, steps=2, overhead={"temperature_c": [41, -30], "table": TABLE, "outside": "clamp"}))
    assert series(plan, "overhead", "air") == pytest.approx([0.2, 0.1])
    plan = solved(case(50, overhead={"temperature_c": 60, "fit": "ppue", "outside": "clamp"}))
    assert series(plan, "overhead", "air") == pytest.approx([7.1705e-5 * 35**2 + 0.0041 * 35 + 0.0743], abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"overhead": {"temperature_c": 20, "table": [[20, 0.2], [10, 0.1]]}},
            "must rise from row to row; found 10 after 20",
        ),
        ({"overhead": {"temperature_c": 20, "table": [[20, 0.2], [20, 0.1]]}}, "must rise from row to row"),
        ({"overhead": {"temperature_c": 20}}, "give either table or fit"),
        ({"overhead": {"temperature_c": 20, "fit": "ppue", "table": TABLE}}, "give either table or fit"),
        ({"overhead": {"temperature_c": 20, "fit": "pue"}}, "ppue"),
        ({"overhead": {"temperature_c": 200, "fit": "ppue"}}, "must be at most 90 °C"),
        ({"overhead": {"temperature_c": 5, "fit": {"coefficients": [-1], "from_c": 0, "to_c": 9}}}, "falls to -1"),
        ({"overhead": {"temperature_c": 5, "fit": {"coefficients": [], "from_c": 0, "to_c": 9}}}, "coefficients"),
        ({"overhead": {"temperature_c": 5, "fit": {"coefficients": [1], "from_c": 9, "to_c": 9}}}, "below to_c"),
        ({"overhead": [{"temperature_c": 9, "table": TABLE}, {"temperature_c": 30, "table": TABLE}]}, "overhead[1]"),
        ({"type": "imersion"}, "did you mean 'immersion'"),
        ({"fan_heat_fraction": 1.1}, "at most 1"),
        ({"plant": "air"}, "in a circle: air -> air"),
        ({"overhead": -0.1}, "cooling[0].overhead"),
        ({"heat_limit_mw": -1}, "cooling[0].heat_limit_mw"),
        ({"heat_limit_table": {"temperature_c": 20, "table": []}}, "heat_limit_table.table"),
        ({"heat_limit_table": {"temperature_c": 20, "table": [[20]]}}, "heat_limit_table.table"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(50, **fields))


def test_a_pue_written_as_overhead_is_pointed_out() -> None:
    assert "was 0.08 meant?" in warnings_of(case(50, overhead=1.08))
    assert warnings_of(case(50, overhead=0.08)) == ""


def test_a_hall_that_nothing_refers_to_is_pointed_out() -> None:
    data = site_case(steps=1, contracts=[spot(50)], assets=[fleet()], cooling=[hall()])
    assert "nothing refers to this hall" in warnings_of(data)


def test_the_audit_notices_falsified_results() -> None:
    assert unnoticed(solved(case([50, 150], steps=2, overhead=0.1, heat_limit_mw=3)), "air") == []
