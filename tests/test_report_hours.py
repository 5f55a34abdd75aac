"""What the report says of limits and of single hours, with and without reasons, and how its series are packed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pool_case import at, job, pool_case
from report_page import Outline, arrays, figures, hours, plan_of, trace, values
from small_case import fleet, site_case, spot

from optimizer.plan import Plan
from optimizer.reporting.arrays import ArrayStore, unpacked
from optimizer.reporting.limits import most_valuable
from optimizer.reporting.page import page
from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View

PRICES = [50.0, 60.0, 200.0, 70.0]
"""The fleet's break-even is 400 / 3.5 = 114.29: it rests in the third hour."""


def priced(**fields: Any) -> Plan:
    return plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()], **fields))


def without_reasons(plan: Plan) -> Plan:
    return Plan(plan.scenario, plan.dispatch, plan.money, plan.summary)


def view_of(plan: Plan) -> View:
    return View(plan, Timeline.of(plan.scenario.horizon, 800))


def row(text: str, label: str) -> dict[str, Any]:
    return next(entry for entry in hours(text)["rows"] if entry["label"] == label)


# ---------------------------------------------------------------------- packing
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=9), max_size=5))
def test_series_come_back_as_they_were(lists: list[list[float]]) -> None:
    """Proves: short series are kept to the bit, also those with gaps, and equal ones are stored once."""
    store = ArrayStore()
    references = [store.add(np.array(one)) for one in lists]
    found = unpacked(store.packed(), store.lengths)
    for one, reference in zip(lists, references, strict=True):
        np.testing.assert_array_equal(found[reference["array"]], np.array(one, dtype="<f4"))
    assert len(store.lengths) == len({np.array(one, dtype="<f4").tobytes() for one in lists})


def test_long_series_keep_five_digits() -> None:
    """Proves: rounded to 16 bits, off by at most 1 in 131,072 of the value, gaps kept. Sensitivity: bits cut off
    instead of rounded would be off by twice as much."""
    given = np.random.default_rng(0).normal(50, 400, 5000)
    given[7] = np.nan
    store = ArrayStore()
    store.add(given)
    (found,) = unpacked(store.packed(), store.lengths)
    assert np.isnan(found[7])
    assert np.nanmax(np.abs(found / given - 1.0)) <= 2.0**-17 * 1.01
    assert not np.array_equal(found, given.astype("<f4"), equal_nan=True)


# ---------------------------------------------------------------------- hours
def test_an_hour_tells_power_money_and_why() -> None:
    """Proves: the fleet runs at 3.5 MW for 400 an hour but in the third hour, and says in each why. Sensitivity:
    without reasons there is no code and no sentence."""
    plan = priced()
    text = page(plan)
    told, series = hours(text), arrays(text)
    fleet_row = row(text, "m")
    assert values(series[fleet_row["power"]["array"]]) == [3.5, 3.5, 0.0, 3.5]
    assert values(series[fleet_row["money"]["array"]]) == [400.0, 400.0, 0.0, 400.0]
    codes = [told["codes"][int(code)]["name"] for code in series[fleet_row["code"]["array"]]]
    assert codes == [str(plan.explain("m", step).code) for step in range(4)]
    assert codes[0] == codes[1] == codes[3] == "pays"
    sentences = [told["sentences"][int(place)] for place in series[fleet_row["sentence"]["array"]]]
    assert sentences == [plan.explain("m", step).text for step in range(4)]
    assert told["explained"]
    assert not hours(page(without_reasons(plan)))["explained"]
    assert "code" not in row(page(without_reasons(plan)), "m")


def test_the_clock_of_the_hours_changes_when_the_clocks_do() -> None:
    """Proves: 6 hours from 20:00 CDT on 2 November are CDT, from 01:00 CST on the fifth step on."""
    case = site_case(
        steps=8, contracts=[spot(50)], assets=[fleet()], start="2024-11-02T22:00", timezone="America/Chicago"
    )
    clock = hours(page(plan_of(case)))["clock"]
    assert clock["offsets"] == [[0, -300.0, "CDT"], [4, -360.0, "CST"]]
    assert clock["step"] == 3_600_000.0


def test_over_members_the_likeliest_is_told() -> None:
    """Proves: of 20, 50 and 30 % the second member, whose price of 200 stops the fleet. Sensitivity: the first runs."""
    case = site_case(steps=1, contracts=[spot([[50], [200], [60]])], assets=[fleet()], probabilities=[0.2, 0.5, 0.3])
    text = page(plan_of(case))
    assert hours(text)["member"] == 1
    assert row(text, "m")["power"] is None
    assert "Shown is member 1, with a probability of 50 %." in text


def test_a_plan_without_reasons_says_how_to_get_them() -> None:
    text = page(without_reasons(priced()))
    assert "Hour by hour" in Outline(text).headings
    assert "optimizer run --explain" in text


# ---------------------------------------------------------------------- limits
def test_the_most_valuable_limit_is_what_one_per_cent_more_of_it_earns() -> None:
    """Proves: 1000 machines earn 400 - 3.5 * (50, 60, 70) = 225, 190, 155 an hour; one machine more 0.57 in all, and
    ten more (1 %) 5.70. Sensitivity: with the hour of rest at its loss of 300 it would be 2.70."""
    (held,) = most_valuable(view_of(priced()))
    assert (held.where, held.unit) == ("m", "machine")
    assert held.per_unit == pytest.approx(0.57)
    assert held.per_cent == pytest.approx(5.70)
    assert held.share == pytest.approx(0.75)
    text = page(priced())
    assert "1 % more earns 5.70 USD" in text
    assert "0.57 per machine; holds in 75 % of the time" in text


def test_values_of_limits_are_expected_over_members() -> None:
    """Proves: members of 0.5 and 0.5 earn 225 and 50 an hour with 1000 machines: one more 0.1375, not their sum."""
    case = site_case(steps=1, contracts=[spot([[50], [100]])], assets=[fleet()], probabilities=[0.5, 0.5])
    (held,) = most_valuable(view_of(plan_of(case)))
    assert held.per_unit == pytest.approx(0.5 * 0.225 + 0.5 * 0.05)


def test_a_limit_of_the_connection_is_worth_its_price_difference_once() -> None:
    """Proves: where 2 of 3.5 MW come through the connection, one MW more earns 400 / 3.5 less the price in the three
    hours that pay: 162.86 in all. Both the site and the fleet meet it; counted twice it would be 325.71."""
    found = {held.where: held for held in most_valuable(view_of(priced(grid={"import_limit_mw": 2})))}
    held = found["site a"]
    assert held.per_unit == pytest.approx(3 * 400 / 3.5 - 50 - 60 - 70)
    assert held.per_cent == pytest.approx(0.02 * held.per_unit)


def test_without_reasons_limits_are_those_that_are_reached() -> None:
    """Proves: an import limit of 4 MW is used to 3.5 / 4 at most, and never reached; one of 3 MW is, in three of four
    hours."""
    loose = without_reasons(priced(grid={"import_limit_mw": 4}))
    (held,) = most_valuable(view_of(loose))
    assert held.used == pytest.approx(0.875)
    assert held.share == 0.0
    assert "88 % used at most" in page(loose)
    (held,) = most_valuable(view_of(without_reasons(priced(grid={"import_limit_mw": 3}))))
    assert held.share == pytest.approx(0.75)


def test_a_limit_that_is_far_away_is_not_told() -> None:
    text = page(without_reasons(priced(grid={"import_limit_mw": 100})))
    assert "No limit comes near." in text


# ---------------------------------------------------------------------- rows
def test_jobs_are_rows_from_release_to_deadline() -> None:
    """Proves: two jobs stand below each other, each as high as its nodes against its most, with the time allowed as a
    bar behind it; at the pointer are its nodes. Sensitivity: on one common scale the small job would be flat."""
    jobs = [
        job(name="large", work_node_hours=16, max_nodes=8, release=at(0), deadline=at(2)),
        job(name="small", work_node_hours=2, max_nodes=1, release=at(2), deadline=at(4)),
    ]
    text = page(plan_of(pool_case(10, 4, *jobs)))
    spec = next(s for s in figures(text) if any("_row" in one for one in s["data"]))
    assert spec["layout"]["yaxis"]["ticktext"] == ["large", "small"]
    bars = [shape for shape in spec["layout"]["shapes"] if shape["type"] == "rect"]
    assert [(bar["x0"][11:16], bar["x1"][11:16]) for bar in bars] == [("00:00", "02:00"), ("02:00", "04:00")]
    heights = []
    for name, nodes in (("large", [8, 8, 0, 0]), ("small", [0, 0, 1, 1])):
        line = (
            trace(text, name) if "_row" in trace(text, name) else next(t for t in spec["data"] if t.get("name") == name)
        )
        place, scale = line["_row"]
        assert [(v - place) / scale for v in values(line["y"])[:4]] == pytest.approx(nodes, abs=1e-4)
        heights.append(max(values(line["y"])) - place)
    assert heights[0] == pytest.approx(heights[1])


# ---------------------------------------------------------------------- pictures
def test_a_picture_alone_in_its_line_takes_all_of_it() -> None:
    """Proves: of an odd number of pictures under a heading the last is wide, of an even number none."""
    one = page(plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()])))
    two = page(plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet(), fleet("n")])))

    def wide(text: str) -> int:
        section = re.search(r"<h2[^>]*>Mining</h2>(.*?)</section>", text, re.DOTALL)
        assert section is not None
        return section[1].count('<figure class="wide">')

    assert (wide(one), wide(two)) == (1, 0)


def test_many_pictures_are_folded_away_but_the_first() -> None:
    fleets = [fleet(f"m{number}") for number in range(8)]
    text = page(plan_of(site_case(steps=2, contracts=[spot(50)], assets=fleets)))
    assert "<summary>7 more pictures</summary>" in text


def test_of_many_components_the_small_ones_share_an_area() -> None:
    """Proves: 13 fleets of growing size: ten have an area of their own, the three smallest together one, and all add up
    to the import."""
    fleets = [fleet(f"m{number:02}", machines=100 * (number + 1)) for number in range(13)]
    plan = plan_of(site_case(steps=2, contracts=[spot(50)], assets=fleets))
    areas = [one for one in figures(page(plan))[0]["data"] if "stackgroup" in one]
    assert [one["name"] for one in areas] == [*(f"m{n:02}" for n in range(3, 13)), "3 smaller ones"]
    total = np.sum([values(one["y"]) for one in areas], axis=0)
    assert total[0] == pytest.approx(plan.summary["peak_import_mw"], rel=1e-5)


def test_more_warnings_than_fit_the_first_screen_are_folded_away() -> None:
    plan = priced()
    summary = plan.summary | {"warnings": [f"warning {n}" for n in range(5)]}
    text = page(Plan(plan.scenario, plan.dispatch, plan.money, summary))
    assert "<b>5 warnings</b>" in text
    assert "<summary>2 more</summary>" in text


def test_reasons_beyond_the_most_are_told_by_their_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    from optimizer.reporting import hours as module

    monkeypatch.setattr(module, "MOST_SENTENCES", 3)
    told = hours(page(priced()))
    assert "sentences" not in told
    assert told["explained"]


def test_a_page_that_grows_too_large_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: where the whole hours do not fit, groups of them do. Sensitivity: else there would be 1201 points."""
    from optimizer.reporting import page as module

    plan = without_reasons(plan_of(site_case(steps=1200, contracts=[spot(50)], assets=[fleet()])))
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    monkeypatch.setattr(module, "MOST_POINTS", (5_000, 400))
    assert len(values(trace(page(plan), "m")["y"])) == 401
