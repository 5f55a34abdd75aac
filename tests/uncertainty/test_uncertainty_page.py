"""The page on plans under uncertainty: its example runs, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from optimizer import uncertainty

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "uncertainty.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Proves: the snippet works as printed, and what it says is consistent: the frontier's CVaR never falls, and the
    worst member earns no more than is proven."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {}
    exec(compile(code, PAGE.name, "exec"), session)
    said = capsys.readouterr().out
    assert re.search(r"5 of 20 members, \d\d% of the spread lost", said)
    assert re.search(r"EVPI [\d,]+, VSS [\d,]+", said)
    assert (tmp_path / "frontier.html").is_file()
    robust, points = session["robust"], session["points"]
    assert isinstance(robust, uncertainty.RobustPlan)
    assert robust.worst_profit <= robust.worst_bound
    assert isinstance(points, uncertainty.Frontier)
    found = points.table
    assert found["cvar"].is_monotonic_increasing or (found["gap"] > 0).any()
    assert robust.worst_bound >= max(point.profit_by_member.min() for point in points.points) * (1 - 1e-6)


def test_public_functions_are_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    functions = [name for name in uncertainty.__all__ if name.islower() and not name.endswith(("_member", "_members"))]
    assert [name for name in functions if name not in text] == []
