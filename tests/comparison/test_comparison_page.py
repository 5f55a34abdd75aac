"""The comparison as a page and on the command line."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import optimizer
from small_case import fleet, site_case, spot
from stable_case import NEW_PRICES, OLD_PRICES

import optimizer as opt
from optimizer.comparison.comparing import Comparison, compare
from optimizer.comparison.drawing import amount, over_time, signed, steps_from_a_to_b
from optimizer.comparison.page import page
from optimizer.plan import Plan
from optimizer.yaml_reader import to_yaml

VOID = {"meta", "br", "line", "path", "rect"}


class Balanced(HTMLParser):
    """Counts tags and notices those that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID or (tag == "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def case(prices: list[float], name: str = "day", **fields: object) -> dict[str, object]:
    return site_case(steps=4, contracts=[spot(prices)], assets=[fleet(**fields)]) | {"name": name}


@pytest.fixture(scope="module")
def found() -> Comparison:
    plans = [
        opt.optimize(opt.scenario_from_dict(case(OLD_PRICES, "<b>old</b>"))),
        opt.optimize(opt.scenario_from_dict(case(NEW_PRICES, "new & better", machines=2000))),
    ]
    return compare(*plans, why=True)


def test_page(found: Comparison) -> None:
    """Proves: the page is whole, escapes names, loads nothing, and shows money, reasons, input, pictures and hours."""
    text = page(found)
    parsed = Balanced(text)
    assert parsed.open == []
    assert "<b>old</b>" not in text
    assert "&lt;b&gt;old&lt;/b&gt;" in text
    assert "new &amp; better" in text
    assert "<script" not in text
    assert not re.search(r"(src|href)=|url\(|https?://", text)
    assert parsed.count["svg"] == 3  # two waterfalls and the fleet
    for heading in ("Money", "Why", "Input", "Schedule", "Hours"):
        assert f"<h2>{heading}</h2>" in text
    assert "1000 -&gt; 2000 (+100 %)" in text
    assert len(text) < 40_000


def test_pictures() -> None:
    """Proves: bars begin where the one before ends; many steps are thinned; a picture has both lines."""
    picture = steps_from_a_to_b(100.0, [("up", 50.0), ("down", -30.0)], 120.0, "t")
    bars = [(float(x), float(w)) for x, w in re.findall(r'x="([\d.]+)" y="\d+" width="([\d.]+)"', picture)]
    (a, up, down, b), scale = bars, bars[0][1] / 100.0
    assert up[0] == pytest.approx(a[0] + a[1], abs=0.2)
    assert up[1] == pytest.approx(50 * scale, abs=0.2)
    assert down[0] + down[1] == pytest.approx(up[0] + up[1], abs=0.2)
    assert b[0] + b[1] == pytest.approx(down[0], abs=0.2)
    near = steps_from_a_to_b(1e6, [("up", 5.0)], 1e6 + 5.0, "t")
    assert "do not begin at zero" in near
    assert "do not begin at zero" not in picture
    local = pd.date_range("2024-01-01", periods=8760, freq="h", tz="America/Chicago")
    year = over_time("m", np.arange(8760.0), np.zeros(8760), local)
    assert year.count("<path") == 2
    assert len(year) < 40_000
    assert (amount(0.001), amount(1234.4), amount(-12.5), signed(3.0), signed(-3.0)) == (
        "0",
        "1,234",
        "-12.50",
        "+3.00",
        "-3.00",
    )


def test_command(tmp_path: Path) -> None:
    """Proves: a results folder against a scenario file, which is solved; a page or a folder of tables; JSON on stdout;
    the same of both says so; what is no plan is refused with exit code 2."""
    for name, prices in (("a", OLD_PRICES), ("b", NEW_PRICES)):
        (tmp_path / f"{name}.yaml").write_text(to_yaml(case(prices)))
    plan = opt.optimize(opt.load(tmp_path / "a.yaml"))
    plan.save(tmp_path / "ra")
    ran = optimizer("compare", tmp_path / "ra", tmp_path / "b.yaml", "--why", "--out", tmp_path / "c.html")
    assert ran.code == 0, ran.err
    assert "450.00 -> 240.00 USD (-210.00)" in ran.out
    assert "sites.a.contracts.spot" in ran.out
    assert (tmp_path / "c.html").read_text().startswith("<!DOCTYPE html>")
    whole = optimizer("compare", tmp_path / "a.yaml", tmp_path / "b.yaml", "--json", "--out", tmp_path / "c")
    assert json.loads(whole.out)["expected_profit"]["change"] == pytest.approx(-210.0)
    assert {path.name for path in (tmp_path / "c").iterdir()} == {
        "comparison.html", "comparison.json", "inputs.csv", "money.csv", "energy.csv", "hours.csv"
    }  # fmt: skip
    same = optimizer("compare", tmp_path / "ra", tmp_path / "ra")
    assert same.code == 0
    assert "do not differ" in same.out
    refused = optimizer("compare", tmp_path / "ra", tmp_path / "nothing")
    assert refused.code == 2
    assert "is not there" in refused.err
    assert Plan.load(tmp_path / "ra").expected_profit == pytest.approx(450.0)
