"""The report in a browser: drawn, zoomed, explained by click and key, light and dark, on a phone and on paper."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, dragged_over, opened, until
from pool_case import at, job, pool, pool_case, service
from report_page import plan_of
from small_case import fleet, site_case, spot

from optimizer.plan import Plan

DAYS = 3
FIRST_ROW_Y = 8
CHOSEN = "document.getElementById('hour').value"
SHOWN = "document.querySelector('.plot').layout.xaxis.range.map(String)"
PAGE_COLOUR = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(18, 22, 29)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Three days of a fleet, a battery, a pool with a job and a service, and a hall."""
    hours = np.arange(24 * DAYS)
    prices = (60 + 80 * np.sin(hours / 24 * 2 * np.pi)).round(2).tolist()
    work = [service(demand_per_hour=(15 + 10 * np.cos(hours / 4)).tolist(), shed_penalty_per_unit=1)]
    case = pool_case(prices, len(hours), *work, job(work_node_hours=60, release=at(2), deadline="2024-08-20T16:00"))
    case["sites"][0]["assets"][0] |= pool(cooling="hall")
    case["sites"][0]["assets"] += [
        fleet(cooling="hall"),
        {"kind": "battery", "name": "bess", "power_mw": 1, "energy_mwh": 2, "charge_efficiency": 0.9},
    ]
    case["sites"][0]["grid"] = {"import_limit_mw": 4.5, "export_limit_mw": 1}
    case["sites"][0]["cooling"] = [{"kind": "hall", "name": "hall", "overhead": 0.1, "heat_limit_mw": 5}]
    return plan_of(case)


@pytest.fixture(scope="module")
def page(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.report(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    with opened(browser, page) as found:
        yield found


def scrolled_through(tab: Any) -> None:
    """Bring every picture into sight once."""
    height = tab.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, 600):
        tab.evaluate(f"scrollTo(0, {y})")
        tab.wait_for_timeout(150)


# ---------------------------------------------------------------------- drawing
def test_pictures_are_drawn_when_they_come_into_sight(tab: Any) -> None:
    """Proves: the first is there at once, the last only after scrolling to it, and in the end all are."""
    drawn = "[...document.querySelectorAll('.plot')].map((plot) => plot.querySelector('.main-svg') !== null)"
    before = tab.evaluate(drawn)
    assert before[0]
    assert not before[-1]
    scrolled_through(tab)
    until(tab, f"{drawn}.every((one) => one)")


def test_the_strip_has_a_colour_for_every_reason(tab: Any, plan: Plan) -> None:
    """Proves: the fleet's row shows the green of what pays and the orange of what does not. A blank strip would have
    the page's colour only."""
    colours = tab.evaluate(
        """() => { const strip = document.getElementById("strip"), pen = strip.getContext("2d");
        const data = pen.getImageData(0, 0, strip.width, strip.height).data, found = new Set();
        for (let i = 0; i < data.length; i += 4) found.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
        return [...found]; }"""
    )
    assert {"0,158,115", "0,114,178"} <= set(colours)


# ---------------------------------------------------------------------- hours
def test_a_click_on_the_strip_shows_the_hour_and_why(tab: Any, plan: Plan) -> None:
    """Proves: a click in the middle of the strip chooses the hour in the middle of the horizon, and the table tells
    the fleet's own sentence of that hour."""
    strip = tab.locator("#strip")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    left = 98
    strip.click(position={"x": left + (box["width"] - left - 10) / 2 + 2, "y": FIRST_ROW_Y})
    assert int(tab.evaluate(CHOSEN)) == 12 * DAYS
    row = tab.locator("#hour-table tr", has=tab.locator("th", has_text=re.compile(r"^m miner fleet$")))
    assert plan.explain("m", 12 * DAYS).text in row.inner_text()
    assert tab.locator("#hour-name").inner_text() == "Tue 20 Aug 2024 12:00 UTC"


def test_the_pointer_over_the_strip_tells_the_reason(tab: Any) -> None:
    """Proves: next to the pointer stand the component, the hour and the sentence; away from the strip, nothing."""
    strip = tab.locator("#strip")
    strip.scroll_into_view_if_needed()
    strip.hover(position={"x": 300, "y": FIRST_ROW_Y})
    tip = tab.locator("#tip")
    assert tip.is_visible()
    assert re.search(r"site a, \w{3} \d+ Aug 2024 \d\d:00 UTC", tip.inner_text())
    assert " MW" in tip.inner_text()
    at, label = strip.bounding_box(), tip.bounding_box()
    assert abs(label["x"] - (at["x"] + 300)) < 30
    assert abs(label["y"] - (at["y"] + FIRST_ROW_Y)) < label["height"] + 30
    tab.mouse.move(5, 5)
    assert not tip.is_visible()


def test_keys_move_by_hour_and_by_component(tab: Any) -> None:
    """Proves: arrows, page keys, home and end on the strip; what is chosen is also said aloud."""
    tab.locator("#strip").focus()
    tab.keyboard.press("Home")
    assert tab.evaluate(CHOSEN) == "0"
    for key, hour in (("ArrowRight", 1), ("PageDown", 25), ("ArrowLeft", 24), ("End", 24 * DAYS - 1), ("PageUp", 47)):
        tab.keyboard.press(key)
        assert int(tab.evaluate(CHOSEN)) == hour
    first = tab.locator("#hour-said").inner_text()
    tab.keyboard.press("ArrowDown")
    second = tab.locator("#hour-said").inner_text()
    assert first != second
    assert "Tue 20 Aug 2024 23:00" in first
    assert tab.locator("#hour-table tr.current").count() == 1


def test_a_click_on_a_picture_chooses_its_hour(tab: Any) -> None:
    plot = tab.locator(".plot").first
    box = plot.bounding_box()
    plot.click(position={"x": 98 + (box["width"] - 108) * 0.25 + 2, "y": 120})
    assert int(tab.evaluate(CHOSEN)) == 6 * DAYS


def test_the_slider_and_its_buttons(tab: Any) -> None:
    """Proves: a step and a day earlier and later; at the ends nothing moves farther."""
    tab.locator("#strip").focus()
    tab.keyboard.press("Home")
    for label, hour in (("A step later", 1), ("A day later", 25), ("A day earlier", 1), ("A day earlier", 0)):
        tab.get_by_label(label).click()
        assert int(tab.evaluate(CHOSEN)) == hour
    assert tab.locator("#hour").get_attribute("aria-valuetext") == "Mon 19 Aug 2024 00:00 UTC"


# ---------------------------------------------------------------------- zoom
def test_all_pictures_show_the_same_hours(tab: Any) -> None:
    """Proves: a day by the button, the next by the arrow, all again; pictures out of sight follow when seen."""
    whole = tab.evaluate(SHOWN)
    tab.locator("[data-span-h='24']").click()
    assert tab.evaluate(SHOWN) == ["2024-08-19 00:00:00", "2024-08-20 00:00:00"]
    tab.get_by_label("Later", exact=True).click()
    scrolled_through(tab)
    ranges = tab.evaluate(
        "[...document.querySelectorAll('.frame.time .plot')].map((plot) => plot.layout.xaxis.range.map(String).join())"
    )
    assert set(ranges) == {"2024-08-20 00:00:00,2024-08-21 00:00:00"}
    tab.evaluate("document.querySelector('[data-span-h=\"\"]').click()")
    tab.evaluate("scrollTo(0, 0)")
    until(tab, f"{SHOWN}.join() === {whole!r}.join()")


def test_dragging_zooms_and_a_double_click_goes_back(tab: Any) -> None:
    whole = tab.evaluate(SHOWN)
    plot = tab.locator(".plot").first
    dragged_over(tab, plot)
    box = plot.bounding_box()
    until(tab, f"{SHOWN}.join() !== {whole!r}.join()")
    tab.mouse.dblclick(box["x"] + 500, box["y"] + 120)
    until(tab, f"{SHOWN}.join() === {whole!r}.join()")


def test_long_horizons_are_put_together_and_resolved_by_zooming(browser: Any, tmp_path: Path) -> None:
    """Proves: 4000 hours are drawn as at most 900 points: means, with the highest and lowest price kept as a band; a
    day of them hour by hour. Sensitivity: without the band the single hour at 900 would be lost."""
    prices = np.full(4000, 40.0)
    prices[1234] = 900.0
    plan = plan_of(site_case(steps=4000, contracts=[spot(prices.tolist())], assets=[fleet()]))
    plan = Plan(plan.scenario, plan.dispatch, plan.money, plan.summary)
    points = "document.querySelector('.plot').data.filter((one) => one.name === 'spot').map((one) => [...one.y])"
    with opened(browser, plan.report(tmp_path / "x.html")) as tab:
        low, high, mean = tab.evaluate(points)
        assert len(mean) <= 901
        assert (max(high), min(low)) == (900.0, 40.0)
        assert max(mean) < 900.0
        tab.locator("[data-span-h='24']").click()
        assert len(tab.evaluate(points)[2]) <= 24 + 6


# ---------------------------------------------------------------------- legend, colours, paper
def test_a_click_on_the_legend_hides_and_shows(tab: Any) -> None:
    button = tab.locator(".legend button", has_text=re.compile("^m$")).first
    visible = "document.querySelector('.plot').data.filter((one) => one.name === 'm').map((one) => one.visible)"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    until(tab, f"{visible}.every((one) => one === false)")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"


def test_dark_and_light_by_the_system_and_by_the_button(browser: Any, page: Path) -> None:
    """Proves: dark where the system is; the button goes from auto to light to dark, and pictures follow."""
    ink = "document.querySelector('.plot').layout.font.color"
    with opened(browser, page, color_scheme="dark") as tab:
        assert tab.evaluate(PAGE_COLOUR) == DARK
        assert tab.evaluate(ink) == "#e8ebf0"
        tab.locator("#theme").click()
        assert tab.evaluate(PAGE_COLOUR) == LIGHT
        assert tab.evaluate(ink) == "#18202b"
        assert tab.locator("#theme").inner_text() == "Theme: light"
    with opened(browser, page, color_scheme="light") as tab:
        tab.locator("#theme").click()
        tab.locator("#theme").click()
        assert tab.evaluate(PAGE_COLOUR) == DARK


def test_words_can_be_read_light_and_dark(browser: Any, page: Path) -> None:
    """Proves: text and muted text have a contrast of at least 4.5 against page and cards (WCAG 2.1, AA)."""
    for scheme in ("light", "dark"):
        with opened(browser, page, color_scheme=scheme) as tab:
            names = ("--ink", "--muted", "--good", "--warn", "--accent", "--page", "--card")
            read = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
            colours = {name: tab.evaluate(read, name) for name in names}
            for name in names[:5]:
                for ground in names[5:]:
                    assert _contrast(colours[name], colours[ground]) >= 4.5, (scheme, name, ground)


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_the_skip_link_is_the_first_stop_of_the_keyboard(tab: Any) -> None:
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the plan"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_the_side(browser: Any, page: Path, width: int) -> None:
    """Proves: on a phone and on a desk the page is as wide as the window; wide tables scroll by themselves."""
    phone = {"is_mobile": True, "has_touch": True} if width < 600 else {}
    with opened(browser, page, viewport={"width": width, "height": 844}, **phone) as tab:
        scrolled_through(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_on_paper_everything_is_drawn_and_light(browser: Any, page: Path) -> None:
    """Proves: printed without having been scrolled, a dark page gives upright A4 pages with the last picture's words on
    them; afterwards it is dark again."""
    with opened(browser, page, color_scheme="dark") as tab:
        paper = tab.pdf(format="A4")
        drawn = tab.evaluate("[...document.querySelectorAll('.plot')].every((p) => p.querySelector('.main-svg'))")
        assert drawn
        until(tab, f"{PAGE_COLOUR} === '{DARK}'")
    assert paper.startswith(b"%PDF")
    text = b"".join(_streams(paper))
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", paper + text)) <= 12


def _streams(paper: bytes) -> Iterator[bytes]:
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", paper, re.DOTALL):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            continue
