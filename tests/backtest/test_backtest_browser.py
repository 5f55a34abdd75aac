"""The page of a backtest in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backtest_case import END, START, write_case
from browser import chromium, dragged_over, opened, until

from optimizer.backtest.running import backtest

MONEY, FAN = (
    f"[...document.querySelectorAll('.plot')].at({place}).layout.xaxis.range.map(String).join()" for place in (0, -1)
)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Any]:
    rule = {"forecasts": [{"kind": "seasonal_naive", "columns": ["m.price"]}]}
    case = write_case(tmp_path, [100.0] * 12 + [200.0] * 11 + [300.0], settings=rule)
    page = backtest(case, START, END, policies=["schedule"]).report(tmp_path / "report.html")
    with chromium() as browser, opened(browser, page) as found:
        yield found


def test_the_fan_has_hours_of_its_own(tab: Any) -> None:
    """Proves: zooming in the fan leaves the money as it is, and the other way round; a double click goes back."""
    plots = tab.locator(".plot")
    plots.last.scroll_into_view_if_needed()
    until(tab, "[...document.querySelectorAll('.plot')].at(-1).layout !== undefined")
    whole, days = tab.evaluate(MONEY), tab.evaluate(FAN)
    dragged_over(tab, plots.last)
    until(tab, f"{FAN} !== {days!r}")
    assert tab.evaluate(MONEY) == whole
    near = tab.evaluate(FAN)
    dragged_over(tab, plots.first)
    until(tab, f"{MONEY} !== {whole!r}")
    assert tab.evaluate(FAN) == near
    plots.last.scroll_into_view_if_needed()
    box = plots.last.bounding_box()
    tab.mouse.dblclick(box["x"] + 500, box["y"] + 120)
    until(tab, f"{FAN} === {days!r}")
    assert tab.evaluate(MONEY) != whole
