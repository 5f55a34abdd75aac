"""Questions to an explanation: what may be asked, how a wrong question is answered, and the answers in files and on the
terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import optimizer
from small_case import BREAK_EVEN, fleet, site_case, spot

import optimizer as opt
from optimizer.explanation.explanation import PER_COMPONENT, Explanation
from optimizer.explanation.reason import CODES, Code


def plan_of(**fields: Any) -> opt.Plan:
    case = site_case(steps=3, contracts=[spot([50, 150, 60])], assets=[fleet()], **fields)
    return opt.optimize(opt.scenario_from_dict(case))


@pytest.fixture(scope="module")
def plan() -> opt.Plan:
    return plan_of(timezone="America/Chicago")


@pytest.fixture(scope="module")
def folder(plan: opt.Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.save(tmp_path_factory.mktemp("explained") / "plan")


def test_a_time_may_be_told_in_many_ways(plan: opt.Plan) -> None:
    """Proves: local text, text with a zone, a Timestamp, any time within the step, and the step's number mean the same
    step."""
    second = pd.Timestamp("2024-08-19T01:00", tz="America/Chicago")
    for time in ("2024-08-19T01:00", "2024-08-19 01:59", "2024-08-19T06:00Z", second, second.tz_convert("UTC"), 1):
        reason = plan.explain("m", time)
        assert reason.time == second
        assert reason.code is Code.PRICE_ABOVE_BREAK_EVEN
    assert plan.explain("a", 0).text == plan.explain("site a", 0).text


@pytest.mark.parametrize(
    ("component", "time", "member", "told"),
    [
        ("mm", 0, 0, 'no component of this name; found "mm"; must be one of: site a, spot, m'),
        ("m", "2024-08-18T23:59", 0, "from 2024-08-19T00:00 to before 2024-08-19T03:00 (America/Chicago)"),
        ("m", "at noon", 0, "time: cannot be read"),
        ("m", 3, 0, "there is no step of this number; found 3; must be from 0 to 2"),
        ("m", True, 0, "time: cannot be read"),
        ("m", 0, 1, "member: found 1; must be 0"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_allowed(
    plan: opt.Plan, component: str, time: Any, member: int, told: str
) -> None:
    with pytest.raises(opt.InputError) as caught:
        plan.explain(component, time, member)
    assert told in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(plan: opt.Plan) -> None:
    with pytest.raises(opt.InputError) as caught:
        plan.explain("spott", "2030-01-01", 7)
    assert [problem.path for problem in caught.value.problems] == ["component", "time", "member"]
    assert "did you mean 'spot'?" in str(caught.value)


def test_a_plan_without_reasons_says_so(plan: opt.Plan) -> None:
    """Proves: explain=False leaves them out, and the question is refused with the way to have them."""
    silent = opt.build(plan.scenario).solve(explain=False)
    assert silent.explanation is None
    with pytest.raises(opt.InputError, match="explain=True"):
        silent.explain("m", 0)


def test_the_table_is_tidy(plan: opt.Plan) -> None:
    assert plan.explanation is not None
    table = plan.explanation.table()
    assert len(table) == 3 * 3
    mine = table[table["component"] == "m"].set_index("time_local")
    assert mine["code"].tolist() == ["pays", "price_above_break_even", "pays"]
    assert mine["margin_per_mwh"].tolist() == pytest.approx([BREAK_EVEN - 50, BREAK_EVEN - 150, BREAK_EVEN - 60])
    assert mine["rule"].iloc[1] == ""


def test_saved_and_read_back_the_reasons_are_the_same(plan: opt.Plan, folder: Path) -> None:
    """Proves: codes, limits, numbers and sentences survive the results folder."""
    again = opt.Plan.load(folder).explanation
    assert plan.explanation is not None
    assert again is not None
    assert again.limits == plan.explanation.limits
    pd.testing.assert_frame_equal(again.table(), plan.explanation.table())
    for label, found in plan.explanation.reasons.items():
        for name in PER_COMPONENT:
            np.testing.assert_array_equal(getattr(again.reasons[label], name), getattr(found, name))
    for site, price in plan.explanation.power_price.items():
        np.testing.assert_array_equal(again.power_price[site], price)


def test_a_file_of_another_version_is_refused(plan: opt.Plan, folder: Path) -> None:
    assert plan.explanation is not None
    other = plan.explanation.dataset().assign_attrs(format=99)
    with pytest.raises(ValueError, match="format 99"):
        Explanation.from_dataset(other, plan.scenario)


def test_codes_have_a_title_and_a_group() -> None:
    """Proves: every code can be shown, and none stands twice."""
    assert len({code.title for code in CODES}) == len(CODES)
    assert {code.group for code in CODES} == {"money", "limit", "obligation", "none"}
    assert [code.number for code in CODES] == list(range(len(CODES)))


# ---------------------------------------------------------------------- the command
def test_the_command_prints_every_component(folder: Path) -> None:
    done = optimizer("explain", str(folder), "--at", "2024-08-19T01:30")
    assert done.code == 0, done.err
    assert "01:00" in done.out
    for word in ("site a", "spot", "price above"):
        assert word in done.out


def test_the_command_gives_json_of_those_asked_for(folder: Path) -> None:
    done = optimizer("explain", str(folder), "--at", "2024-08-19T00:00", "--component", "m", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (reason,) = found["components"]
    assert reason["code"] == "pays"
    assert reason["margin_per_mwh"] == pytest.approx(BREAK_EVEN - 50)
    assert reason["limit"]["field"] == "sites[0].assets[0].machines"
    assert found["power_price_per_mwh"] == {"a": 50.0}


def test_the_command_refuses_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    """Proves: names, times and folders are refused with exit code 2, all at once."""
    done = optimizer("explain", str(folder), "--at", "2031-01-01", "--component", "x", "--component", "y")
    assert done.code == 2
    assert "3 problems" in done.err
    nowhere = optimizer("explain", str(tmp_path), "--at", "2024-08-19T00:00")
    assert nowhere.code == 2
    assert "is no results folder" in nowhere.err
