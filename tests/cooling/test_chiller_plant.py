"""Chillers as units, part load, weather, the spare, free cooling: on the fleet of 3.5 MW that earns 400 an hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plant_case import case, plant
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt


# ---------------------------------------------------------------------- units
def test_whole_chillers_run_for_part_of_a_load() -> None:
    """Proves: 3.5 MW of heat need two chillers of 2 MW, 0.1 MW each to run and 0.7 MW for the heat: 400 - 4.4 * 50 =
    180. Sensitivity: relaxed, 1.75 chillers run: 181.25; one chiller alone and 2 MW of machines: 103.57."""
    plan = solved(case(50, running_kw=100))
    assert plan.expected_profit == pytest.approx(180.0)
    assert series(plan, "chillers_running", "plant") == [2.0]
    assert series(plan, "power_mw", "plant") == pytest.approx([0.9])
    assert series(plan, "compressor_mw", "plant") == pytest.approx([0.7])
    assert profit(case(50, running_kw=100, integer=False)) == pytest.approx(181.25)
    assert unnoticed(plan, "plant") == []


CURVE = [[0, 0.1], [0.5, 0.4], [1, 1]]


def test_a_part_load_curve_spreads_the_load_over_units() -> None:
    """Proves: one chiller of 4 MW at a COP of 4 draws 1 MW at full load. At 0.875 of its load the curve says 0.85:
    400 - 4.35 * 50 = 182.5. Two at 0.4375 draw 0.3625 each: 400 - 4.225 * 50 = 188.75; if each costs 0.2 MW to run,
    one is better: 400 - 4.55 * 50 = 172.5. Sensitivity: in proportion, 181.25."""
    one = solved(case(50, chillers=1, capacity_mw=4, cop=4, part_load=CURVE))
    assert one.expected_profit == pytest.approx(182.5)
    two = case(50, capacity_mw=4, cop=4, part_load=CURVE)
    assert profit(two) == pytest.approx(188.75)
    plan = solved(case(50, capacity_mw=4, cop=4, part_load=CURVE, running_kw=200))
    assert plan.expected_profit == pytest.approx(172.5)
    assert series(plan, "chillers_running", "plant") == [1.0]
    assert unnoticed(one, "plant") == []


def test_below_its_first_point_a_curve_stays_where_it_is() -> None:
    """Proves: at a quarter of its load a chiller of 14 MW and 1 MW draws what it does at half, 0.4: 400 - 3.9 * 50."""
    assert profit(case(50, chillers=1, capacity_mw=14, cop=14, part_load=CURVE[1:])) == pytest.approx(205.0)


def test_points_above_the_hull_are_named_and_not_used() -> None:
    """Proves: [0.75, 0.9] lies above the line from [0.5, 0.4] to [1, 1] (0.7), so it is as if it were not there."""
    odd = case(50, chillers=1, capacity_mw=4, cop=4, part_load=[*CURVE[:2], [0.75, 0.9], [1, 1]])
    assert "[[0.75, 0.9]] lie above the lower hull" in warnings_of(odd)
    assert profit(odd) == pytest.approx(182.5)


def test_at_negative_prices_no_more_is_drawn_than_chillers_can() -> None:
    """Proves: at -50 the load is put on one chiller at full load and one at none, as far as it goes: 0.1 * 2 + 0.9 *
    3.5 / 4 = 0.9875 MW. Sensitivity: a power that is only bounded from below by the curve has no bound at all."""
    plan = solved(case(-50, capacity_mw=4, cop=4, part_load=CURVE))
    assert plan.expected_profit == pytest.approx(400 + 4.4875 * 50)
    assert unnoticed(plan, "plant") == []


def test_starts_cost_and_units_are_committed() -> None:
    """Proves: half the fleet, all of it, half again: 90 + 180 + 90, and 30 for the start of the second chiller that
    one step needs. Sensitivity: free starts 360."""
    machines = {"availability": [0.5, 1, 0.5]}
    plan = solved(case([50, 50, 50], machines=machines, running_kw=100, start_cost=30, running_before=1))
    assert plan.expected_profit == pytest.approx(330.0)
    assert series(plan, "started", "plant") == [0.0, 1.0, 0.0]
    assert booked(plan, "chiller_start_cost") == pytest.approx(-30.0)
    assert "plant" in plan.summary["end_of_horizon"]
    assert unnoticed(plan, "plant") == []


# ---------------------------------------------------------------------- weather
def test_capacity_and_efficiency_follow_the_weather() -> None:
    """Proves: at 20 °C a chiller takes 4 MW at a COP of 6, at 40 °C 2 MW at 4: 400 - (3.5 + 3.5 / 6) * 50, then 2 MW of
    machines: 2 * 114.2857 - 2.5 * 50. Sensitivity: the first hour's figures for both: 391.7."""
    hot = {"temperature_c": [20, 40]}
    plan = solved(
        case(
            [50, 50],
            chillers=1,
            capacity_mw=hot | {"table": [[20, 4], [40, 2]]},
            cop=hot | {"fit": {"coefficients": [8, -0.1], "from_c": 0, "to_c": 45}},
        )
    )
    assert plan.expected_profit == pytest.approx(400 - (3.5 + 3.5 / 6) * 50 + 2 * 400 / 3.5 - 2.5 * 50)
    assert series(plan, "chiller_limit_mw", "plant") == [4.0, 2.0]


def test_the_spare_limits_the_heat_on_a_hot_day() -> None:
    """Proves: N+1 of two chillers leaves 4 MW at 20 °C (enough) and 2 MW at 40 °C: 190 + 108.571. Sensitivity: without
    the spare 380. A chiller in maintenance takes the place of a failed one: none is left to work."""
    hot = {"temperature_c": [20, 40], "table": [[20, 4], [40, 2]]}
    plan = solved(case([50, 50], capacity_mw=hot, reserve_units=1))
    assert plan.expected_profit == pytest.approx(190 + 2 * 400 / 3.5 - 2.4 * 50)
    assert series(plan, "heat_mw", "plant") == pytest.approx([3.5, 2.0])
    assert profit(case([50, 50], capacity_mw=hot)) == pytest.approx(380.0)
    assert unnoticed(plan, "plant") == []
    stopped = case([50, 50], reserve_units=1, units_out=[0, 1])
    assert "no chiller is left" in warnings_of(stopped)
    assert series(solved(stopped), "heat_mw", "plant") == pytest.approx([2.0, 0.0])


def test_maintenance_takes_a_unit_out() -> None:
    """Proves: two chillers, then one: 190, then 2 MW for 108.571."""
    plan = solved(case([50, 50], units_out=[0, 1]))
    assert plan.expected_profit == pytest.approx(190 + 2 * 400 / 3.5 - 2.4 * 50)


def test_the_weather_differs_by_member() -> None:
    """Proves: at 20 °C 3.5 MW are cooled at a COP of 5, at 40 °C at 2.5: 0.5 * (190 + 155)."""
    cop = {"temperature_c": [[20], [40]], "table": [[20, 5], [40, 2.5]]}
    data = case(50, cop=cop) | {"ensemble": {"members": 2, "probabilities": [0.5, 0.5]}}
    assert profit(data) == pytest.approx(172.5)


# ---------------------------------------------------------------------- free cooling
def free(**fields: Any) -> dict[str, Any]:
    """5 MW at a cold night (10 °C), 1 MW at 18 °C, at 0.02 MW of fans per MW."""
    return {"temperature_c": [10, 18], "return_c": 20, "ua_mw_per_k": 0.5, "power_per_mw": 0.02} | fields


def test_a_cold_night_needs_no_chillers() -> None:
    """Proves: at 10 °C all 3.5 MW for 0.07 MW; at 18 °C 1 MW for 0.02 and chillers 2.5 for 0.5 MW: 221.5 + 199.
    Sensitivity: without free cooling 380; all of it at either hour's reach, 443 or 398."""
    plan = solved(case([50, 50], free_cooling=free()))
    assert plan.expected_profit == pytest.approx(420.5)
    assert series(plan, "free_mw", "plant") == pytest.approx([3.5, 1.0])
    assert series(plan, "chillers_running", "plant")[1] == 2.0
    assert unnoticed(plan, "plant") == []


def test_free_cooling_has_a_capacity_and_may_stand_alone() -> None:
    """Proves: 2 MW at most: 2 * 0.02 + 1.5 / 5 = 0.34 MW in the cold hour: 208 + 199. Without chillers: 221.5, then
    1 MW of machines for 114.29 - 51."""
    assert profit(case([50, 50], free_cooling=free(capacity_mw=2))) == pytest.approx(407.0)
    alone = case([50, 50], chillers=None, capacity_mw=None, cop=None, free_cooling=free())
    plan = solved(alone)
    assert plan.expected_profit == pytest.approx(221.5 + 400 / 3.5 - 51)
    assert unnoticed(plan, "plant") == []


def test_a_plant_that_switches_over_never_does_both() -> None:
    """Proves: at 18 °C chillers take all 3.5 MW for 0.7 MW: 221.5 + 190. Sensitivity: together 420.5."""
    plan = solved(case([50, 50], free_cooling=free(integrated=False)))
    assert plan.expected_profit == pytest.approx(411.5)
    assert series(plan, "free_mw", "plant") == pytest.approx([3.5, 0.0])
    assert unnoticed(plan, "plant") == []


def test_distribution_adds_laws_over_dry_and_wet_bulb() -> None:
    """Proves: 0.02 of fans and, at 10 °C wet bulb, 0.03 of pumps on 3.5 MW: 190 - 0.05 * 3.5 * 50."""
    laws = [
        {"temperature_c": 30, "table": [[0, 0.02], [40, 0.02]]},
        {"temperature_c": 10, "table": [[0, 0], [20, 0.06]]},
    ]
    plan = solved(case(50, distribution=laws))
    assert plan.expected_profit == pytest.approx(190 - 0.05 * 3.5 * 50)
    assert profit(case(50, distribution=0.05)) == pytest.approx(190 - 0.05 * 3.5 * 50)


def test_the_report_shows_what_the_plant_does(tmp_path: Path) -> None:
    limits = {"energy_mwh": 2, "charge_limit_mw": 1, "discharge_limit_mw": 1}
    store = {"kind": "cold_store", "name": "tank", "cooling": "plant"} | limits
    plan = solved(case([50, 50], store, free_cooling=free(), tower={}, heat_limit_mw=4))
    text = plan.report(tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("chillers running", "heat removed by free cooling", "water per step", "cold stored"):
        assert words in text


# ---------------------------------------------------------------------- limits and halls
def test_a_hall_stands_on_a_plant_with_a_limit_of_its_own() -> None:
    """Proves: the hall takes 3 MW; its fans' 0.3 MW heat the loop, too: 3.3 MW at a COP of 5 are 0.66 MW. 342.857 -
    3.96 * 50. Sensitivity: fans outside the hall 0.6 MW; no plant, 177.86."""
    hall = {"kind": "hall", "name": "room", "overhead": 0.1, "heat_limit_mw": 3, "plant": "plant"}
    data = case(50, hall, machines={"cooling": "room"})
    plan = solved(data)
    assert plan.expected_profit == pytest.approx(3 * 400 / 3.5 - 3.96 * 50)
    assert series(plan, "heat_mw", "plant") == pytest.approx([3.3])
    assert profit(case(50, hall | {"fan_heat_fraction": 0}, machines={"cooling": "room"})) == pytest.approx(
        3 * 400 / 3.5 - 3.9 * 50
    )
    assert unnoticed(plan, "plant") == unnoticed(plan, "room") == []
    site = opt.build(plan.scenario).parts.sites["a"]
    assert site.component.largest_load(site.frame) == pytest.approx(3.5 + 0.3 + 0.8)  # type: ignore[attr-defined]


def test_a_room_on_a_loop_on_a_plant_keeps_every_limit() -> None:
    """Proves: the loop carries 2 MW, the room would take 3: 2 * 114.2857 - 2.4 * 50. So does a limit of the plant."""
    room = {"kind": "hall", "name": "room", "heat_limit_mw": 3, "plant": "loop"}
    loop = {"kind": "hall", "name": "loop", "heat_limit_mw": 2, "plant": "plant"}
    machines = {"cooling": "room"}
    assert profit(case(50, room, loop, machines=machines)) == pytest.approx(2 * 400 / 3.5 - 120)
    table = {"temperature_c": 30, "table": [[20, 3], [40, 1]]}
    plan = solved(case(50, heat_limit_mw=3, heat_limit_table=table))
    assert plan.expected_profit == pytest.approx(2 * 400 / 3.5 - 120)
    assert unnoticed(plan, "plant") == []


def test_heat_that_goes_round_in_a_circle_is_refused() -> None:
    one, two = ({"kind": "hall", "name": n, "plant": m} for n, m in (("x", "y"), ("y", "x")))
    text = refusals(case(50, one, two, machines={"cooling": "x"}))
    assert "in a circle: x -> y -> x" in text
    assert "sites[0].cooling[1].plant" in text
    assert "in a circle: x -> x" in refusals(case(50, {"kind": "hall", "name": "x", "plant": "x"}))
    assert "did you mean 'plant'" in refusals(case(50, {"kind": "hall", "name": "x", "plant": "plan"}))


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"capacity_mw": None}, "capacity_mw is missing"),
        ({"cop": None}, "cop is missing"),
        ({"chillers": 0}, "without free_cooling removes no heat"),
        ({"chillers": -1}, "chillers"),
        ({"chillers": 1.5}, "chillers"),
        ({"cop": 0}, "must be above 0"),
        ({"cop": {"temperature_c": 30, "table": [[0, 6], [30, 0]]}}, "falls to 0"),
        ({"cop": {"temperature_c": 30, "fit": {"coefficients": [5, -0.2], "from_c": 0, "to_c": 40}}}, "falls to -1"),
        ({"cop": {"temperature_c": 30}}, "give either table or fit"),
        ({"cop": {"temperature_c": 50, "fit": {"coefficients": [5], "from_c": 0, "to_c": 40}}}, "0 to 40 °C"),
        ({"cop": {"temperature_c": 5, "fit": {"coefficients": [5], "from_c": 9, "to_c": 4}}}, "must be below to_c"),
        ({"capacity_mw": {"temperature_c": 45, "table": [[0, 6], [40, 2]]}}, "0 to 40 °C"),
        ({"reserve_units": 2}, "all 2 chillers would be spare"),
        ({"units_out": 3}, "more chillers are out than the 2 installed"),
        ({"units_out": 0.5}, "part of a chiller is out"),
        ({"part_load": [[0.5, 0.4], [0.2, 0.3], [1, 1]]}, "the shares of capacity must rise"),
        ({"part_load": [[0.2, 0.4], [0.5, 0.3], [1, 1]]}, "the power must not fall"),
        ({"part_load": [[0.2, 0.4], [0.9, 0.95]]}, "it must be [1, 1]"),
        ({"running_before": 3, "start_cost": 1}, "at most 2"),
        ({"distribution": [{"temperature_c": 45, "table": [[0, 0.1], [40, 0.2]]}]}, "distribution[0].temperature_c"),
        ({"free_cooling": {"temperature_c": 10, "return_c": 20, "ua_mw_per_k": 0}}, "ua_mw_per_k"),
        ({"free_cooling": {"temperature_c": 10, "return_c": 20}}, "ua_mw_per_k: is missing"),
        ({"tower": {"cycles_of_concentration": 1}}, "above 1"),
        ({"tower": {"water_period": "week"}}, "water_period"),
        ({"tower": {"evaporated_fraction": 1.2}}, "at most 1"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(50, **fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"capacity_mw": 2000}, "was 2 meant (kilowatts given)?"),
        ({"cop": 0.6}, "was 5.86 meant (kW per ton given)?"),
        ({"cop": 40}, "unlike any chiller"),
        ({"distribution": 1.2}, "was 0.2 meant?"),
        ({"free_cooling": {"temperature_c": 25, "return_c": 20, "ua_mw_per_k": 1}}, "never cools within the horizon"),
    ],
)
def test_odd_figures_are_pointed_out(fields: dict[str, Any], words: str) -> None:
    assert words in warnings_of(case(50, **fields))


def test_a_plant_that_nothing_refers_to_is_pointed_out() -> None:
    data = site_case(steps=1, contracts=[spot(50)], assets=[fleet()], cooling=[plant()])
    assert "nothing refers to this plant" in warnings_of(data)
    assert warnings_of(case(50)) == ""
