"""The page of a backtest: self-contained, complete, escaped."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import yaml
from backtest_case import END, START, write_case
from report_page import Outline, figures, library, trace, values

from optimizer.backtest.result import Backtest
from optimizer.backtest.running import backtest
from optimizer.reporting.backtest_figures import capture_by_month, money_over_time, regret_map
from optimizer.reporting.backtest_page import backtest_page, best_policy

SPIKE = [100.0] * 12 + [200.0] * 11 + [300.0]
RULE = {"forecasts": [{"kind": "seasonal_naive", "columns": ["m.price"]}]}
NASTY = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def spike(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    """A day with a spike that the schedule does not see; the strike price reacts."""
    case = write_case(tmp_path_factory.mktemp("case"), SPIKE, settings=RULE)
    return backtest(case, START, END, policies=["schedule", "strike_price"])


@pytest.fixture(scope="module")
def page(spike: Backtest) -> str:
    return backtest_page(spike, "schedule")


def rows(text: str, heading: str) -> list[list[str]]:
    """Cells of the table under a heading, row by row, the head first."""
    found = re.search(rf"<h2[^>]*>{heading}</h2>.*?<table>(.*?)</table>", text, re.DOTALL)
    assert found is not None
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", found[1])]
    return [[unescape(re.sub(r"<[^>]*>", "", cell)) for cell in row] for row in cells]


# ---------------------------------------------------------------------- the page as a file
def test_the_page_needs_no_network_and_is_whole(page: str, spike: Backtest, tmp_path: Path) -> None:
    """Proves: it loads nothing from anywhere, its tags are balanced, the drawing library is in it, and all parts."""
    outline = Outline(page)
    assert outline.loads == []
    assert outline.open == []
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|url\(|@import|fetch\(|XMLHttp", page)
    assert len(library(page)) > 100_000
    assert outline.headings == [
        "Policies",
        "Money over time",
        "Capture, regret and forecasts",
        "Costliest hours of schedule",
    ]
    path = spike.report(tmp_path / "x.html", "schedule")
    assert path == tmp_path / "x.html"
    assert path.read_text(encoding="utf-8") == page


def test_the_head_says_what_was_decided_when(page: str) -> None:
    text = unescape(re.sub(r"<[^>]*>", " ", page))
    assert "small: backtest" in text
    assert "a decision every 6h, each for 12 steps of 1h" in " ".join(text.split())


# ---------------------------------------------------------------------- tables
def test_policies_stand_side_by_side(page: str) -> None:
    """Proves: in the order of what they earned, with capture, the worst day, the deepest fall, and nobody beyond what
    is proven. Of the 600 the schedule loses 11 * 300 + 650."""
    head, *body = rows(page, "Policies")
    assert head[:7] == ["policy", "profit", "trading", "capture", "worst days", "deepest fall", "peak import, MW"]
    by_name = {row[0]: [cell.replace("\N{MINUS SIGN}", "-") for cell in row[1:6]] for row in body}
    assert {*list(by_name)[:2]} == {"strike price", "perfect foresight"}
    assert {*list(by_name)[2:]} == {"schedule", "always on"}
    assert by_name["strike price"] == ["600.00", "0", "100.0 %", "600.00", "0"]
    assert by_name["schedule"] == ["-3,350", "0", "0.0 %", "-3,350", "3,350"]
    assert "nothing could have earned more than 600" in unescape(page)


def test_costliest_hours_are_told(page: str, spike: Backtest) -> None:
    """Proves: ten hours, the last of the day first, in words; of the best policy, which lost nothing, none."""
    _, *body = rows(page, "Costliest hours of schedule")
    assert len(body) == 10
    assert body[0][1].startswith("650")
    assert "m.price was expected at 100 and came at 300" in body[0][2]
    assert best_policy(spike) == "strike_price"
    assert "Costliest hours" not in backtest_page(spike)


# ---------------------------------------------------------------------- pictures
def test_money_so_far_of_each_policy(page: str) -> None:
    """Proves: 50 an hour to noon and nothing after it, or -300 an hour after it and -650 in the last."""
    first = figures(page)[0]
    so_far = {line["name"]: values(line["y"]) for line in first["data"] if line.get("name")}
    assert set(so_far) == {"schedule", "strike price", "always on", "perfect foresight"}
    assert so_far["strike price"][:24] == pytest.approx([*range(50, 650, 50), *[600] * 12])
    assert so_far["schedule"][11:24] == pytest.approx([600, *range(300, -3000, -300), -3350])
    more = {line["name"]: values(line["y"]) for line in figures(page)[1]["data"] if line.get("name")}
    assert more["strike price"][23] == pytest.approx(3950)
    assert more["schedule"][:24] == pytest.approx([0.0] * 24)
    assert "always on" not in more


@pytest.mark.parametrize(("machines", "ticks"), [(1000, None), (10_000_000, "~s")])
def test_millions_have_room_on_the_axis(machines: int, ticks: str | None, tmp_path: Path) -> None:
    """Proves: 600 a day is written so, 6 million as 6M. Sensitivity: written out, the first digits were cut off."""
    case = write_case(tmp_path, SPIKE)
    found = backtest(case, START, END, policies=["always_on"], overrides=[f"sites.a.assets.m.machines={machines}"])
    for figure in money_over_time(found):
        assert figure.layout.get("yaxis", {}).get("tickformat") == ticks


def test_the_map_of_regret(spike: Backtest) -> None:
    """Proves: hours of the local clock downwards, days across; colours as strong above zero as below."""
    figure = regret_map(spike, "schedule")
    assert figure is not None
    (heat,) = figure.traces
    assert heat["y"] == list(range(24))
    assert heat["x"] == ["2024-08-20T12:00"]
    assert [row[0] for row in heat["z"]] == pytest.approx([0.0] * 12 + [300.0] * 11 + [650.0])
    assert heat["zmin"] == -heat["zmax"]
    assert regret_map(spike, "perfect_foresight") is None


def test_the_fan_is_around_the_costliest_hour(page: str) -> None:
    """Proves: the forecast of each window, 100 as on the day before, beside what came."""
    alone = [figure for figure in figures(page) if (figure["time"] or {}).get("alone")]
    # it shows its own days, not those of the whole time; the others show the same
    assert [any(line.get("name") == "outcome" for line in figure["data"]) for figure in alone] == [True]
    assert values(trace(page, "outcome")["y"])[:24] == pytest.approx(SPIKE)
    assert values(trace(page, "forecast (band: 10 to 90 %)")["y"])[:24] == pytest.approx([100.0] * 24)


def test_a_single_month_has_no_picture_of_months(spike: Backtest) -> None:
    assert capture_by_month(spike) is None


@pytest.mark.parametrize(("worst", "ends_at"), [(-0.4, None), (-34.0, -100.0)])
def test_one_month_does_not_flatten_the_others(worst: float, ends_at: float | None) -> None:
    """Proves: a month with next to nothing to be had, of which a policy lost 34 times as much, ends at -100 %, and the
    picture says so. Sensitivity: drawn whole, all other bars would be a thirtieth of its height."""
    months = pd.DataFrame({"ensemble": [0.9, 0.95], "schedule": [worst, np.nan]}, index=["2024-02", "2024-03"])
    found = cast(Backtest, SimpleNamespace(monthly_capture=months, plans=dict.fromkeys(months)))
    figure = capture_by_month(found)
    assert figure is not None
    assert [trace["y"] for trace in figure.traces] == [[90.0, 95.0], [100.0 * worst, None]]
    assert figure.layout["yaxis"].get("range") == (None if ends_at is None else [ends_at, 105.0])
    assert ("go on below" in figure.note) == (ends_at is not None)


# ---------------------------------------------------------------------- odd backtests
def test_names_are_escaped(tmp_path: Path) -> None:
    """Proves: a name that is markup is text everywhere, in the title, in figures and in reasons of failures."""
    file = write_case(tmp_path, SPIKE, settings=RULE)
    case = yaml.safe_load(file.read_text())
    case["name"] = NASTY
    case["currency"] = "USD"
    file.write_text(yaml.safe_dump(case))
    found = backtest(file, START, END, policies=["schedule"])
    found.failures["own"] = f"own: {NASTY}"
    text = backtest_page(found, "schedule")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert Outline(text).open == []
    assert Outline(text).headings[-1] == "Failed"


def test_without_perfect_foresight_the_page_is_shorter(spike: Backtest) -> None:
    """Proves: where perfect foresight found no plan there is no capture, regret or hours, and the page stands."""
    plans = {name: plan for name, plan in spike.plans.items() if name != "perfect_foresight"}
    found = Backtest(
        spike.case, spike.booking, plans, spike.windows, {"perfect_foresight": "HiGHS stopped before it found a plan"}
    )
    text = backtest_page(found)
    assert Outline(text).headings == ["Policies", "Money over time", "Failed"]
    assert "Proven" not in text
    by_name = {row[0]: row for row in rows(text, "Policies")[1:]}
    assert by_name["schedule"][3] == ""
