"""Scenarios without a plan on the command line: exit code 3, the reason, and the repair that works."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import optimizer
from shipped import FOLDER
from small_case import site_case, spot

SMALLEST = FOLDER / "smallest.yaml"
BREAK = ("--set", "sites.a.house_load_mw=2", "--set", "sites.a.contracts.spot.limit_mw=1")


def test_the_reason_and_the_repairs_as_json(tmp_path: Path) -> None:
    """Proves: with the first repair given to `--set` the same command makes its plan."""
    arguments = ("run", SMALLEST, "--out", tmp_path / "out", *BREAK, "--json")
    ran = optimizer(*arguments)
    answer = json.loads(ran.out)
    assert (ran.code, answer["status"]) == (3, "infeasible")
    assert [conflict["where"] for conflict in answer["conflicts"]] == ["spot", "site a", "site a"]
    (change,) = answer["repairs"][0]["changes"]
    again = optimizer(*arguments, "--set", f"{change['path']}={json.dumps(change['value'])}")
    assert again.code == 0
    assert "each of these changes gives a plan (all were tried):" in ran.err
    assert f"{change['path']}={change['value']:g}" in ran.err


def test_validate_can_ask_for_a_plan(tmp_path: Path) -> None:
    fine = optimizer("validate", SMALLEST, "--has-plan")
    assert (fine.code, "there is a plan" in fine.out) == (0, True)
    broken = tmp_path / "broken.json"
    case = site_case(steps=1, contracts=[spot(10, limit_mw=1)], house_load_mw=2)
    broken.write_text(json.dumps(case), encoding="utf-8")
    assert optimizer("validate", broken).code == 0
    ran = optimizer("validate", broken, SMALLEST, "--has-plan")
    assert ran.code == 3
    assert "broken.json: error: no plan satisfies all rules" in ran.err
    assert "smallest.yaml: valid" in ran.out
