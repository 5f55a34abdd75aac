"""Contracts in the report's pictures: peaks on the load curve, reserves under it; on cases worked by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from report_page import TDU, TURN_OF_MONTH, Outline, bill_rows, figures, plan_of, portfolio, site, trace, values
from small_case import fleet, site_case, spot

from optimizer.reporting import peaks
from optimizer.reporting.page import MOST_BYTES, MOST_POINTS, page
from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View

BATTERY = {"kind": "battery", "name": "bess", "power_mw": 2, "energy_mwh": 8, "soc_start_mwh": 4}


def reserve(name: str, *providers: str, **fields: Any) -> dict[str, Any]:
    plain = {"kind": "ancillary_service", "name": name, "direction": "up", "price_per_mw_h": 10}
    return plain | {"providers": list(providers)} | fields


def response(**fields: Any) -> dict[str, Any]:
    return {"kind": "demand_response", "name": "dr", "committed_mw": 1, "events": 0, "baseline_mw": 3} | fields


# ---------------------------------------------------------------------- peaks on the load curve
def test_peaks_stand_on_the_import_with_their_words() -> None:
    """Proves: 1, 3 | 2, 2 MW peak in the second hour of August and the first of September. Sensitivity: at the top of
    the areas the first would stand at 4 MW, above what the battery of 1 MW gives."""
    case = site_case(
        steps=4,
        start=TURN_OF_MONTH,
        house_load_mw=[1, 4, 2, 2],
        contracts=[spot(50), TDU],
        assets=[BATTERY | {"power_mw": 1, "energy_mwh": 1, "soc_start_mwh": 1, "soc_end_mwh": 0}],
    )
    text = page(plan_of(case))
    marks = trace(text, "peaks of tdu")
    assert marks["x"] == ["2024-08-31 23:00:00", "2024-09-01 00:00:00"]
    assert marks["y"] == [3.0, 2.0]
    assert marks["text"] == [
        "tdu: peak of 2024-08, 3 MW (Sat 31 Aug 2024 23:00)",
        "tdu: peak of 2024-09, 2 MW (Sun 1 Sep 2024 00:00)",
    ]
    assert values(trace(text, "metered import")["y"]) == [1.0, 3.0, 2.0, 2.0, 2.0]
    assert '<span class="glyph">○</span>tdu</button>' in text
    assert "Marked on the import are the steps that set a charge." in text


def test_peaks_of_several_contracts_in_a_step_stand_around_each_other() -> None:
    """Proves: the second contract's mark is larger where it shares the step, and lies below. Sensitivity: of the same
    size one would hide the other."""
    evening = TDU | {"name": "evening", "window": {"hours": [2, 4]}}
    late = TDU | {"name": "late", "window": {"hours": [3, 4]}}
    case = site_case(steps=4, house_load_mw=[1, 1, 3, 2], contracts=[spot(50), TDU, evening, late])
    drawn = [t for t in figures(page(plan_of(case)))[0]["data"] if t["mode"] == "markers"]
    assert [t["name"] for t in drawn] == ["peaks of late", "peaks of evening", "peaks of tdu"]
    assert [t["marker"]["size"] for t in drawn] == [[9], [16], [9]]
    assert len({t["marker"]["symbol"] for t in drawn}) == 3


def test_peaks_over_members_are_marked_where_they_occur_with_their_probability() -> None:
    """Proves: two members (0.5 and 0.2) peak in the first hour at 4 and 11 MW, mean 6; one (0.3) in the second at 5.
    Sensitivity: at the expected import the marks would stand at 4.5 and 2.9 MW."""
    load = [[4, 1], [1, 5], [11, 4.5]]
    case = site_case(steps=2, house_load_mw=load, contracts=[spot(50), TDU], probabilities=[0.5, 0.3, 0.2])
    text = page(plan_of(case))
    assert "in some of the members: the fainter the mark, the less likely." in text
    marks = trace(text, "peaks of tdu")
    assert marks["y"] == pytest.approx([6.0, 5.0])
    assert marks["text"] == [
        "tdu: peak of 2024-08, 6 MW (probability 70 %) (Mon 19 Aug 2024 00:00)",
        "tdu: peak of 2024-08, 5 MW (probability 30 %) (Mon 19 Aug 2024 01:00)",
    ]
    faint = peaks.FAINTEST
    assert marks["marker"]["opacity"] == pytest.approx([faint + (1 - faint) * 0.7, faint + (1 - faint) * 0.3])


def test_the_likeliest_peaks_are_marked_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "MOST_MARKS", 1)
    load = [[4, 1], [1, 5]]
    case = site_case(steps=2, house_load_mw=load, contracts=[spot(50), TDU], probabilities=[0.4, 0.6])
    text = page(plan_of(case))
    assert trace(text, "peaks of tdu")["x"] == ["2024-08-19 01:00:00"]
    assert "Of 2 peaks of tdu the 1 most likely and highest are marked." in text


def test_a_peak_of_the_portfolio_stands_on_the_import_of_each_site() -> None:
    """Proves: 1 + 4 and 3 + 1 MW peak together in the first hour, at 1 and 4 MW. Sensitivity: site a's own peak is the
    second hour."""
    text = page(plan_of(portfolio([site("a", [1, 3]), site("b", [4, 1])], TDU)))
    for number, power in enumerate((1.0, 4.0)):
        marks = next(t for t in figures(text)[number]["data"] if t["name"] == "peaks of tdu")
        assert (marks["x"], marks["y"]) == (["2024-08-19 00:00:00"], [power])
        assert marks["text"] == ["tdu: peak of 2024-08, 5 MW (sites together) (Mon 19 Aug 2024 00:00)"]


def test_the_probability_of_coincident_peaks_is_drawn_and_the_likeliest_is_marked() -> None:
    """Proves: the hour of probability 0.3 is marked, at its own 1 MW, although the import is higher in another."""
    rule = {"months": [8], "peaks_per_month": 1}
    cp = {"kind": "coincident_peak", "name": "cp", "rate_per_kw": 10, "probability": [0, 0.3, 0.1], "rule": rule}
    text = page(plan_of(site_case(steps=3, house_load_mw=[3, 1, 2], contracts=[spot(50), cp])))
    assert values(trace(text, "probability that the step is a coincident peak")["y"])[:3] == pytest.approx(
        [0, 0.3, 0.1]
    )
    marks = trace(text, "peaks of cp")
    assert (marks["x"], marks["y"]) == (["2024-08-19 01:00:00"], [1.0])
    assert "with a probability of 30%" in marks["text"][0]


# ---------------------------------------------------------------------- reserves under the load
def test_reserves_are_a_strip_under_the_load_on_its_time_axis() -> None:
    """Proves: an award of 2 MW up, 1 MW down and 1 MW of demand response stand on top of each other, down below zero,
    in a panel between power and price. Sensitivity: added up without sign they would be 4 MW."""
    contracts = [
        spot([40, 60]),
        reserve("up", "bess", award_mw=[2, 1]),
        reserve("down", "bess", award_mw=[0, 1], direction="down"),
        response(),
    ]
    case = site_case(steps=2, house_load_mw=3, contracts=contracts, assets=[BATTERY], grid={"import_limit_mw": 9})
    case["sites"][0]["grid"]["export_limit_mw"] = 9
    spec = figures(page(plan_of(case)))[0]
    strip = {t["name"]: t for t in spec["data"] if t["yaxis"] == "y3"}
    assert {name: values(t["y"])[:2] for name, t in strip.items()} == {"up": [2, 1], "down": [0, -1], "dr": [1, 1]}
    assert {name: t["stackgroup"] for name, t in strip.items()} == {"up": "upy3", "down": "downy3", "dr": "upy3"}
    assert {t["x0"] for t in strip.values()} == {"2024-08-19 00:00:00"}
    domains = [spec["layout"][axis]["domain"] for axis in ("yaxis", "yaxis3", "yaxis2")]
    assert domains[0][1] == 1.0
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    assert domains[-1][0] == 0.0
    titles = [note["text"] for note in spec["layout"]["annotations"]]
    assert "Held in reserve, MW (to draw more: below zero)" in titles


def test_without_awards_there_is_no_strip() -> None:
    contracts = [spot(50), reserve("up", "bess", award_mw=0)]
    spec = figures(page(plan_of(site_case(steps=2, house_load_mw=3, contracts=contracts, assets=[BATTERY]))))[0]
    assert "yaxis3" not in spec["layout"]


def test_a_reserve_of_several_sites_is_drawn_where_it_is_held() -> None:
    """Proves: of 5 MW awarded, each of two batteries holds 1 to 4 (from charging 2 MW to discharging 2); at each site
    its own part is drawn. A programme of both sites has no parts, and says so. Sensitivity: the award at both sites
    would be 10 MW."""
    sites = [site(name, 3, assets=[BATTERY | {"name": f"bess-{name}"}], grid={"export_limit_mw": 9}) for name in "ab"]
    case = portfolio(sites, reserve("up", "a.bess-a", "b.bess-b", award_mw=[5, 2]), response(baseline_mw=6))
    text = page(plan_of(case))
    strips = [{t["name"]: values(t["y"])[0] for t in figures(text)[n]["data"] if t["yaxis"] == "y3"} for n in (0, 1)]
    assert all(1.0 <= strip["up"] <= 4.0 for strip in strips)
    assert sum(strip["up"] for strip in strips) == pytest.approx(5.0)
    assert [strip["dr (sites together)"] for strip in strips] == [1.0, 1.0]


# ---------------------------------------------------------------------- pictures of contracts
def test_pictures_of_contracts_come_last_also_those_of_the_portfolio() -> None:
    """Proves: headings of the portfolio's contracts stand after those of machines, and their pictures name the sites.
    Sensitivity: in the order of the file the sites' contracts come first."""
    sites = [site(name, 1, assets=[fleet(f"m-{name}")], grid={"co2_kg_per_mwh": 400}) for name in "ab"]
    block = {"kind": "fixed_block", "name": "ppa", "volume_mw": 2, "price_per_mwh": 30}
    text = page(plan_of(portfolio(sites, block, TDU, {"kind": "carbon", "name": "co2", "price_per_t": 5})))
    headings = Outline(text).headings
    mining = headings.index("Mining")
    assert {"Contracts", "Carbon"} <= set(headings[mining:])
    for title in (
        "ppa (a, b) <span>use of the block, MW",
        "ppa (a, b) <span>power delivered by site, MW",
        "co2 (a, b)",
    ):
        assert title in text
    delivered = [values(trace(text, name)["y"])[0] for name in "ab"]
    assert sum(delivered) == pytest.approx(2.0)


def test_a_fixed_price_stands_in_the_legend_and_not_at_the_pointer() -> None:
    case = site_case(steps=2, house_load_mw=1, contracts=[spot(50), spot([60, 70], "other")])
    text = page(plan_of(case))
    assert trace(text, "spot 50")["hoverinfo"] == "skip"
    assert "hovertemplate" in trace(text, "other")


def test_a_month_with_twenty_contracts_stays_small() -> None:
    """Proves: 744 steps, 20 contracts and 3 members fit without thinning. Sensitivity: the drawing library alone, as
    it is, is 4.8 MB."""
    steps = 744
    generator = np.random.default_rng(0)
    prices = generator.normal(50, 20, (3, steps)).round(2).tolist()
    load = generator.uniform(5, 10, (3, steps)).round(3).tolist()
    contracts = [
        spot(prices),
        *(
            {
                "kind": "fixed_block",
                "name": f"block-{n}",
                "volume_mw": 1,
                "price_per_mwh": 30,
                "resale": {"price_per_mwh": prices},
            }
            for n in range(9)
        ),
        *(TDU | {"name": f"tdu-{n}", "window": {"hours": [n, n + 6]}} for n in range(10)),
    ]
    case = site_case(
        steps=steps, start="2024-08-01T00:00", house_load_mw=load, contracts=contracts, probabilities=[0.2, 0.3, 0.5]
    )
    text = page(plan_of(case))
    assert len(text.encode()) < 3_000_000 < MOST_BYTES
    assert len(values(trace(text, "metered import")["y"])) == steps + 1 <= MOST_POINTS[0] + 1
    assert len(bill_rows(text)) == 1 + 1 + 9 * 3 + 10 + 3


def test_pictures_of_contracts_name_only_results_that_they_have() -> None:
    """A misspelt variable would silently leave its picture out."""
    grid = {"import_limit_mw": 9, "export_limit_mw": 9, "co2_kg_per_mwh": 400}
    rule = {"months": [8], "peaks_per_month": 1}
    contracts = [
        spot(50),
        TDU,
        reserve("up", "bess", penalty_per_mwh=500),
        response(),
        {"kind": "fixed_block", "name": "ppa", "volume_mw": 1, "price_per_mwh": 30, "resale": {"price_per_mwh": 40}},
        {"kind": "two_settlement", "name": "dam", "day_ahead_price_per_mwh": 30, "real_time_price_per_mwh": 40},
        {"kind": "interruptible_supply", "name": "calls", "price_per_mwh": 40, "called": [0, 1], "penalty_per_mwh": 99},
        {"kind": "elected_block", "name": "elect", "max_mw": 1, "price_per_mwh": 30, "elected_mw": {"2024-08": 1}},
        {"kind": "coincident_peak", "name": "cp", "rate_per_kw": 1, "probability": [0.1, 0], "rule": rule},
        {"kind": "carbon", "name": "co2", "price_per_t": 5},
    ]
    plan = plan_of(site_case(steps=2, house_load_mw=3, contracts=contracts, assets=[BATTERY], grid=grid))
    view = View(plan, Timeline.of(plan.scenario.horizon, 800))
    drawn = set()
    for label, part in view.parts.components.items():
        for chart in part.component.charts(part.frame):
            for name in (*chart.lines, *chart.rest, *chart.limits):
                assert view.variable(label, name), f"{label} has no {name}"
            drawn.add(label)
    assert drawn == {str(contract["name"]) for contract in contracts if contract["name"] != "spot"} | {"bess"}
