"""``optimizer risk``: tables, files whole or not at all, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from uncertain_case import hedge, newsvendor

import optimizer as opt
from optimizer.commands.risk import run_risk


def written(folder: Path, case: dict[str, object]) -> Path:
    path = folder / "case.yaml"
    path.write_text(yaml.safe_dump(case), encoding="utf-8")
    return path


def risk(
    file: Path, weights: str | None = None, *, worst: bool = False, out: Path | None = None, as_json: bool = False
) -> int:
    return run_risk(file, overrides=(), weights=weights, worst=worst, out=out, as_json=as_json)


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Proves: the newsvendor's figures stand in the table, as does the frontier and the worst member of the hedge."""
    assert risk(written(tmp_path, newsvendor([2, 5, 9], [0.3, 0.4, 0.3]))) == 0
    told = capsys.readouterr().out
    for figure in ("-328.00", "-265.00", "-331.60", "63.00", "3.60"):
        assert figure in told
    assert risk(written(tmp_path, hedge([30, 90], [4, 4])), "0,1", worst=True) == 0
    told = capsys.readouterr().out
    for figure in ("Efficient frontier", "-140.00", "-320.00", "Worst member", "-200.00"):
        assert figure in told


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Proves: the folder holds members, frontier with its picture, and all figures as JSON, which --json prints too."""
    file, out = written(tmp_path, hedge([30, 90], [4, 4])), tmp_path / "out"
    assert risk(file, "0,0.5", worst=True, out=out, as_json=True) == 0
    assert sorted(path.name for path in out.iterdir()) == ["frontier.csv", "frontier.html", "members.csv", "risk.json"]
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "risk.json").read_text(encoding="utf-8"))
    assert told["here_and_now"] == pytest.approx(-140)
    assert told["worst_member"]["worst_profit"] == pytest.approx(-200)
    assert [point["dominated"] for point in told["frontier"]] == [False, False]
    assert pd.read_csv(out / "members.csv")["here_and_now"].tolist() == pytest.approx([-320, 40])
    assert "plotly" in (out / "frontier.html").read_text(encoding="utf-8").lower()


def test_refusals_leave_nothing(tmp_path: Path) -> None:
    """Proves: weights that are no numbers, or beyond 1, are refused, and no folder is left."""
    file, out = written(tmp_path, hedge([30, 90], [4, 4])), tmp_path / "out"
    with pytest.raises(opt.InputError, match="--frontier: found"):
        risk(file, "a,b", out=out)
    with pytest.raises(opt.InputError, match="weights: found"):
        risk(file, "0,2", out=out)
    assert not out.exists()
