"""``optimizer value``: tables, files, JSON, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.command_line import optimizer
from tests.explanation.grid_case import LIMIT, POORER, two_fleets


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(two_fleets()))
    return path


def test_everything_at_once(file: Path, tmp_path: Path) -> None:
    """Proves: the tables are printed and written, the connection first in the ranking with 2 * 35.71 * 4380 a year."""
    out = tmp_path / "values"
    asked = ("--what-if", "--break-even", "--flips", "2024-08-19T01:30", "-o", out)
    ran = optimizer("value", file, *asked)
    assert ran.code == 0, ran.err
    assert "limit of the grid connection" in " ".join(ran.out.split())
    assert "312,857" in ran.out
    names = {path.stem for path in out.iterdir()}
    assert {"values", "ranking", "by_hour", "users", "what_if", "break_even", "flips", "value"} <= names
    ranking = pd.read_csv(out / "ranking.csv")
    assert ranking["path"][0] == LIMIT
    assert ranking["step_year"][0] == pytest.approx(2 * (POORER - 50) * 4380, rel=1e-6)
    flips = pd.read_csv(out / "flips.csv")
    assert flips["time_local"].unique().tolist() == ["2024-08-19 01:00:00+00:00"]
    hours = pd.read_csv(out / "by_hour.csv")
    assert hours[LIMIT].tolist() == pytest.approx([POORER - 50] * 2, abs=1e-5)


def test_json(file: Path) -> None:
    """Proves: ``--json`` prints the figures alone; a path given by hand is moved by its step."""
    ran = optimizer("value", file, "--path", LIMIT, "--by", "2", "--json")
    assert ran.code == 0, ran.err
    (row,) = json.loads(ran.out)["values"]
    assert row["path"] == LIMIT
    assert row["step_more"] == pytest.approx(4 * (POORER - 50))
    assert row["local_more"] == pytest.approx(2 * (POORER - 50))


def test_bad_input_is_told_at_once(file: Path) -> None:
    """Proves: exit code 2 for steps without paths, a step of nothing and a time outside of the plan, all told; and for
    paths that lead nowhere, with the nearest name."""
    ran = optimizer("value", file, "--path", LIMIT, "--by", "0", "--by", "1", "--flips", "2031-01-01")
    assert ran.code == 2
    for words in ("3 problems", "1 --path and 2 --by", "other than 0", "2031-01-01"):
        assert words in ran.err
    ran = optimizer("value", file, "--path", "sites.a.assets.beter.machines", "--by", "1")
    assert ran.code == 2
    assert "did you mean 'better'" in ran.err


def test_risk_has_no_flip_points(tmp_path: Path) -> None:
    """Proves: for a plan that weighs risk, flip points are refused before anything is solved; values are not."""
    file = tmp_path / "risky.yaml"
    case = two_fleets(5.0, [[50.0], [100.0]], steps=1, probabilities=[0.5, 0.5])
    file.write_text(yaml.safe_dump(case | {"risk": {"weight": 0.5, "cvar_alpha": 0.5}}))
    refused = optimizer("value", file, "--flips", "2024-08-19T00:00")
    assert refused.code == 2
    assert "risk.weight" in refused.err
    assert optimizer("value", file, "--reoptimise", "1").code == 0
