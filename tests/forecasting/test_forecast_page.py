"""The page on forecasts: its example runs, and its table names the forecasters that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import optimizer.forecasting as forecasting
from optimizer.forecasting import ForecastEnsemble, Forecaster

PAGE = Path(__file__).parents[2] / "docs" / "forecasts.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {}
    exec(compile(code, PAGE.name, "exec"), session)
    said = capsys.readouterr().out
    assert re.search(r"10 of 100 members, \d\d% of the spread lost", said)
    assert re.search(r"expected profit [\d,]+", said)
    ensemble = session["ensemble"]
    assert isinstance(ensemble, ForecastEnsemble)
    assert {"lz_west_rt", "lz_west_da", "t_db_c", "hashprice"} <= set(ensemble.names)


def test_all_public_names_are_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    internal = {"DrawsOrigins", "Forecaster", "ProfitLoss", "Publication", "Reduction"}
    assert [name for name in forecasting.__all__ if name not in internal and name not in text] == []
    assert Forecaster.forecast.__doc__ is not None
