"""The previous plan as it is given: results folders, schedules with other steps, and what is refused or told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import optimizer
from hypothesis import given, settings
from hypothesis import strategies as st
from small_case import fleet, series, site_case, spot
from stable_case import KEPT, OLD_MW, new_case, new_scenario, old_plan

import optimizer as opt
from optimizer.horizon import Horizon
from optimizer.plan import Plan
from optimizer.stability.given import planned_power, power_in, previous_plan
from optimizer.stability.settings import PlannedPower
from optimizer.yaml_reader import to_yaml


def section(**fields: Any) -> dict[str, Any]:
    """Yesterday's schedule as a scenario may hold it."""
    schedule = {"start": "2024-08-19T00:00Z", "step": "1h", "power_mw": {"m": OLD_MW}}
    return {"schedule": schedule} | fields


def refused(**fields: Any) -> str:
    with pytest.raises(opt.InputError) as caught:
        opt.scenario_from_dict(new_case() | {"previous_plan": fields})
    return str(caught.value)


# ---------------------------------------------------------------------- files
def test_from_a_results_folder(tmp_path: Path) -> None:
    """Proves: a scenario file names yesterday's folder and is planned near it; its own results hold the schedule, so
    that they can be read and solved again when yesterday's folder is gone."""
    old_plan().save(tmp_path / "yesterday")
    file = tmp_path / "today.yaml"
    file.write_text(to_yaml(new_case() | {"previous_plan": {"results": "yesterday", "most_change_mw": 0.0}}))
    plan = opt.optimize(opt.load(file))
    assert (series(plan, "power_mw", "m"), plan.expected_profit) == (OLD_MW, pytest.approx(KEPT))
    plan.save(tmp_path / "results")
    shutil.rmtree(tmp_path / "yesterday")
    again = Plan.load(tmp_path / "results")
    assert again.scenario.previous_plan == plan.scenario.previous_plan
    assert again.summary["previous_plan"] == plan.summary["previous_plan"]
    assert opt.optimize(again.scenario).expected_profit == pytest.approx(KEPT)
    assert "not there" not in str(again.scenario.warnings)


def test_folder_and_plan_say_the_same(tmp_path: Path) -> None:
    """Proves: a plan and its results folder give the same schedule, which is without contracts."""
    plan = old_plan()
    plan.save(tmp_path / "r")
    assert planned_power(tmp_path / "r") == power_in(plan.dispatch)
    assert dict(power_in(plan.dispatch).power_mw) == {"m": tuple(OLD_MW)}
    case = opt.scenario_from_dict(new_case())
    given = [previous_plan(case, one, cost_per_mwh=1.0).previous_plan for one in (plan, tmp_path / "r")]
    assert given[0] == given[1]


def test_set_on_the_command_line(tmp_path: Path) -> None:
    """Proves: ``--set`` gives a scenario file its previous plan; ``changes --price`` tells what that costs."""
    old_plan().save(tmp_path / "old")
    (tmp_path / "today.yaml").write_text(to_yaml(new_case()))
    sets = ["--set", "previous_plan.results=old", "--set", "previous_plan.most_change_mw=1"]
    ran = optimizer("run", tmp_path / "today.yaml", *sets, "--out", tmp_path / "new")
    assert ran.code == 0, ran.err
    told = optimizer("changes", tmp_path / "new", "--price")
    assert told.code == 0, told.err
    assert "2024-08-19 01:00" in told.out
    assert "+1.00" in told.out
    assert "-1.00" in told.out
    assert "Price of stability: 25.00 USD" in told.out  # 240 - 215
    as_json = optimizer("changes", tmp_path / "new", "--json")
    assert '"moved_mwh": 2' in as_json.out
    without = optimizer("changes", tmp_path / "old")
    assert without.code == 2
    assert "without an earlier plan" in without.err


# ---------------------------------------------------------------------- other steps
def test_other_step_lengths() -> None:
    """Proves: the mean of the old plan over each new step counts, where the old plan covers all of it."""
    hourly = PlannedPower(start="2024-08-19T00:00Z", step="1h", power_mw={"m": (4.0, 2.0, 0.0)})
    two_hours = Horizon(timezone="UTC", start="2024-08-19T00:00", steps=3, step="2h")
    assert [x if isinstance(x, int) else x.tolist() for x in hourly.over("m", two_hours)] == [0, [3.0]]
    quarters = Horizon(timezone="UTC", start="2024-08-18T23:30", steps=8, step="15min")
    first, values = hourly.over("m", quarters)
    assert (first, values.tolist()) == (2, [4.0] * 4 + [2.0] * 2)
    shifted = Horizon(timezone="UTC", start="2024-08-19T00:30", steps=4, step="1h")
    assert [x if isinstance(x, int) else x.tolist() for x in hourly.over("m", shifted)] == [0, [3.0, 1.0]]
    local = Horizon(timezone="America/Chicago", start="2024-08-18T20:00", steps=2, step="1h")  # 01:00 UTC
    assert hourly.over("m", local)[1].tolist() == [2.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12),
    old_step=st.sampled_from(["15min", "30min", "1h", "3h"]),
    new_step=st.sampled_from(["15min", "20min", "1h", "2h"]),
    offset=st.integers(-6, 6),
)
def test_energy_is_kept_by_other_steps(values: list[float], old_step: str, new_step: str, offset: int) -> None:
    """Proves: over the steps that are covered, the energy is that of the old plan's minutes, counted one by one."""
    old = PlannedPower(start="2024-08-19T12:00Z", step=old_step, power_mw={"m": tuple(values)})
    start = f"2024-08-19T{12 + offset:02d}:00"
    new = Horizon(timezone="UTC", start=start, steps=10, step=new_step)
    minutes = np.repeat(values, round(old.horizon.step_h * 60))
    per_step = round(new.step_h * 60)
    expected = {}
    for step in range(new.steps):
        begin = step * per_step + offset * 60
        if begin >= 0 and begin + per_step <= len(minutes):
            expected[step] = minutes[begin : begin + per_step].mean()
    first, found = old.over("m", new)
    assert {first + n: v for n, v in enumerate(found)} == pytest.approx(expected)


# ---------------------------------------------------------------------- refused, and told
def test_what_is_refused(tmp_path: Path) -> None:
    """Proves: each mistake in the section is told with its place and what is allowed."""
    assert "either results (a results folder) or schedule" in refused(cost_per_mwh=1.0)
    assert "there is no such folder" in refused(results="nowhere")
    assert "results folder of a plan" in refused(results="x")
    assert "either results" in refused(results="x", **section())
    assert "most_change_mw" in refused(**section(cost_beyond_per_mwh=3.0))
    assert "at least 0" in refused(**section(cost_per_mwh=-1.0))
    assert "must be one of: m" in refused(**section(components=["n"]))
    assert "is not after from" in refused(**section(**{"from": "2024-08-19T02:00", "until": "2024-08-19T01:00"}))
    late = section()
    late["schedule"] = late["schedule"] | {"start": "2023-01-01T00:00Z"}
    assert "covers no whole step of the horizon" in refused(**late)
    other = section()
    other["schedule"] = other["schedule"] | {"power_mw": {"x": OLD_MW}}
    assert "no component in common" in refused(**other)
    uneven = section()
    uneven["schedule"] = uneven["schedule"] | {"power_mw": {"m": OLD_MW, "x": [1.0]}}
    assert "same number of steps" in refused(**uneven)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "dispatch.nc").write_text("no NetCDF")
    with pytest.raises(opt.InputError, match="cannot be read"):
        opt.scenario_from_dict(new_case() | {"previous_plan": {"results": str(tmp_path / "broken")}})


def test_all_problems_at_once() -> None:
    """Proves: a folder that is missing does not hide what else is wrong with the file."""
    case = new_case() | {"previous_plan": {"results": "nowhere"}}
    case["sites"][0]["assets"][0]["machines"] = -5
    with pytest.raises(opt.InputError) as caught:
        opt.scenario_from_dict(case)
    assert len(caught.value.problems) == 2


def test_helper_refuses_too() -> None:
    """Proves: ``previous_plan`` refuses a plan of other times or components, and fields that are wrong."""
    old = old_plan()
    elsewhere = opt.scenario_from_dict(site_case(steps=2, contracts=[spot(50.0)], assets=[fleet("other")]))
    with pytest.raises(opt.InputError, match="no component in common"):
        previous_plan(elsewhere, old)
    later = opt.scenario_from_dict(new_case(start="2024-08-25T00:00"))
    with pytest.raises(opt.InputError, match="covers no whole step"):
        previous_plan(later, old)
    with pytest.raises(opt.InputError, match=r"previous_plan\.cost_per_mwh"):
        new_scenario(cost_per_mwh=-1.0)


def test_new_and_vanished_components_are_told() -> None:
    """Proves: what only one of the plans has is a warning, and the rest is held."""
    case = site_case(steps=4, contracts=[spot(50.0)], assets=[fleet(), fleet("fresh")])
    given = section(most_change_mw=0.0)
    given["schedule"] = given["schedule"] | {"power_mw": {"m": OLD_MW, "gone": OLD_MW}}
    scenario = opt.scenario_from_dict(case | {"previous_plan": given})
    told = "\n".join(str(warning) for warning in scenario.warnings)
    assert "free to change: fresh" in told
    assert "not compared: gone" in told
    plan = opt.optimize(scenario)
    assert (series(plan, "power_mw", "m"), series(plan, "power_mw", "fresh")) == (OLD_MW, [3.5] * 4)


def test_a_bill_asks_for_no_previous_plan(tmp_path: Path) -> None:
    """Proves: the contracts of a scenario are billed without regard to its section, whose folder need not be there."""
    plan = old_plan()
    plan.save(tmp_path / "old")
    file = tmp_path / "today.yaml"
    file.write_text(to_yaml(new_case() | {"previous_plan": {"results": "gone", "most_change_mw": 1.0}}))
    billed = opt.bill(file, tmp_path / "old" / "meter.csv")
    assert billed.total == pytest.approx(-3.5 * (50.0 + 120.0))
    held = opt.optimize(new_scenario(most_change_mw=1.0))
    assert held.bill().total == pytest.approx(-3.5 * 50.0 - 110.0 - 2.5 * 120.0)
