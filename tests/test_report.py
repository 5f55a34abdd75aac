"""The report page: self-contained, complete, escaped, and robust against odd plans."""

from __future__ import annotations

import base64
import re
import zlib
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pool_case import at, job, pool, pool_case, rental, service, two_sites
from report_page import Outline, figures, library, plan_of, trace, values
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.chart import Chart
from optimizer.plan import Plan
from optimizer.reporting.members import quantiles, spread
from optimizer.reporting.page import MOST_BYTES, page
from optimizer.reporting.palette import COLOURS, looks
from optimizer.reporting.power import usual_range
from optimizer.reporting.timeline import Timeline

BATTERY = {"kind": "battery", "name": "bess", "power_mw": 1, "energy_mwh": 2, "charge_efficiency": 0.9}
PRICES = [100.0, 120.0, -50.0, 114.0]


@pytest.fixture(scope="module")
def campus() -> Plan:
    """Every kind of component at one site, 24 hours."""
    hours = np.arange(24)
    case = pool_case(
        (40 + 30 * np.sin(hours / 4)).tolist(),
        24,
        service(demand_per_hour=(20 + 10 * np.cos(hours / 4)).tolist(), shed_penalty_per_unit=1),
        job(work_node_hours=60, release=at(2), deadline=at(20)),
        rental(max_nodes=3),
        on=pool(cooling="hall"),
    )
    site = case["sites"][0]
    site["grid"] = {"import_limit_mw": 6, "export_limit_mw": 1}
    site["house_load_mw"] = 0.1
    site["assets"] += [fleet(cooling="hall"), BATTERY]
    site["cooling"] = [{"kind": "hall", "name": "hall", "overhead": 0.1, "heat_limit_mw": 5}]
    site["contracts"] += [
        {"kind": "fixed_block", "name": "ppa", "volume_mw": 1, "price_per_mwh": 30, "resale": {"price_per_mwh": 45}},
        {"kind": "export", "name": "sellback", "price_per_mwh": 20},
    ]
    return plan_of(case)


@pytest.fixture(scope="module")
def campus_page(campus: Plan) -> str:
    return page(campus)


def ensemble_plan() -> Plan:
    """Three members of unequal probability."""
    prices = [[50, 120, 60, 60], [90, 50, 60, 70], [300, 50, 60, 80]]
    case = site_case(steps=4, contracts=[spot(prices)], assets=[fleet()], probabilities=[0.5, 0.3, 0.2])
    return plan_of(case)


# ---------------------------------------------------------------------- the page as a file
def test_page_is_written_where_asked(campus: Plan, tmp_path: Path) -> None:
    path = campus.report(tmp_path / "x.html")
    assert path == tmp_path / "x.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_page_needs_no_network(campus_page: str) -> None:
    outline = Outline(campus_page)
    assert outline.loads == []
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|url\(|@import|fetch\(|XMLHttp", campus_page)
    policy = next(m["content"] for m in outline.metas if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_drawing_library_is_on_the_page_compressed(campus_page: str) -> None:
    """Proves: what the page's script unpacks is the library itself. Sensitivity: as it is, it alone is 4.8 MB."""
    from plotly.offline import get_plotlyjs

    assert zlib.decompress(base64.b64decode(library(campus_page))).decode("utf-8") == get_plotlyjs()
    assert len(library(campus_page)) < 2_200_000


def test_page_is_sound_html_for_a_phone(campus_page: str) -> None:
    outline = Outline(campus_page)
    assert outline.open == []
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in outline.metas
    assert "prefers-color-scheme: dark" in campus_page
    assert len(campus_page.encode()) < MOST_BYTES


def test_every_picture_is_valid_for_plotly_and_has_its_place(campus_page: str) -> None:
    import plotly.graph_objects as go

    specs = figures(campus_page)
    assert campus_page.count('<div class="plot"') == len(specs)
    for spec in specs:
        plain = [{key: value for key, value in one.items() if not key.startswith("_")} for one in spec["data"]]
        go.Figure(_painted(plain), _painted(spec["layout"]))


def _painted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _painted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_painted(entry) for entry in value]
    return "black" if isinstance(value, str) and value.startswith("@") else value


def test_every_place_that_the_page_points_to_is_there_once(campus_page: str) -> None:
    """Proves: the contents, the skip link, labels and descriptions lead somewhere, and no place has two names alike."""
    outline = Outline(campus_page)
    assert len(set(outline.ids)) == len(outline.ids)
    assert {"content", "s0", "hour", "hour-said"} <= set(outline.references)
    assert set(outline.references) <= set(outline.ids)


# ---------------------------------------------------------------------- what it shows
def test_header_tells_name_horizon_status_profit_bound_peak_and_audit(campus: Plan, campus_page: str) -> None:
    assert "<h1>small</h1>" in campus_page
    assert "Mon 19 Aug 2024 00:00 – Tue 20 Aug 2024 00:00, UTC (UTC = UTC+00:00), 24 steps of 1 h" in campus_page
    for text in ("optimal", "proven gap", "is possible", "Peak import", "largest violation", "checks", "No warnings"):
        assert text in campus_page
    assert f"{campus.summary['peak_import_mw']:,.1f} MW" in campus_page


def test_every_component_and_ledger_line_appears(campus: Plan, campus_page: str) -> None:
    cells = set(re.findall(r"<td [^>]*>(.*?)</td>", campus_page))
    assert set(map(str, campus.dispatch["component"].to_numpy())) <= cells
    assert set(campus.summary["ledger"]) <= cells


def test_sections_of_all_kinds(campus_page: str) -> None:
    headings = Outline(campus_page).headings
    for heading in (
        "Power",
        "Money",
        "Contracts",
        "Cooling",
        "Mining",
        "GPU pools",
        "Storage",
        "Training",
        "Inference",
    ):
        assert headings.count(heading) == 1
    assert headings[:3] == ["Most valuable limits", "Power", "Why, hour by hour"]
    assert headings.index("Inference") < headings.index("Contracts") < headings.index("Money")
    assert headings[-2:] == ["Components", "Ledger"]
    assert "Members" not in headings


def test_empty_groups_are_left_out() -> None:
    text = page(plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()])))
    head = ["Most valuable limits", "Power", "Why, hour by hour"]
    assert Outline(text).headings == [*head, "Mining", "Money", "Bill", "Components", "Ledger"]


def test_power_adds_up_to_import_and_feed_in_goes_down() -> None:
    plan = plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet(), BATTERY], house_load_mw=0.25))
    spec = figures(page(plan))[0]
    areas = [t for t in spec["data"] if "stackgroup" in t]
    down = [t for t in areas if t["stackgroup"] == "downy"]
    assert {t["name"] for t in areas} == {"house load", "m", "bess"}
    assert {t["name"] for t in down} == {"bess"}
    assert max(max(values(t["y"])) for t in down) <= 0.0
    total = np.sum([values(t["y"]) for t in areas], axis=0)
    assert total[:-1] == pytest.approx(plan.dispatch["import_mw"].to_numpy()[0, :, 0], abs=1e-5)
    assert total[-1] == total[-2]


def test_price_is_what_the_contract_charges() -> None:
    contracts = [spot(PRICES, adder_per_mwh=3, loss_factor=1.1)]
    text = page(plan_of(site_case(steps=4, contracts=contracts, assets=[fleet()])))
    assert values(trace(text, "spot")["y"])[:4] == pytest.approx([p * 1.1 + 3 for p in PRICES])


def test_limits_are_drawn_unless_infinite_or_far(campus_page: str) -> None:
    names = {t.get("name") for spec in figures(campus_page) for t in spec["data"]}
    assert {"import limit", "most heat removed", "demand"} <= names
    unlimited = page(plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()])))
    assert "import limit" not in unlimited
    far = site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()], grid={"import_limit_mw": 1000})
    assert "The import limit (1,000 MW and more) lies far above and is not drawn." in page(plan_of(far))


def test_waterfall_adds_up_and_names_the_lines_at_zero(campus: Plan, campus_page: str) -> None:
    drawn = next(t for spec in figures(campus_page) for t in spec["data"] if t["type"] == "waterfall")
    assert sum(drawn["x"][:-1]) == pytest.approx(drawn["x"][-1]) == pytest.approx(campus.expected_profit)
    zero = [line for line, value in campus.summary["ledger"].items() if abs(value) < 1e-6]
    assert zero
    assert f"Lines at zero: {', '.join(zero)}." in campus_page


def test_training_panel_marks_release_deadline_and_work(campus_page: str) -> None:
    spec = next(s for s in figures(campus_page) if any(t["name"].startswith("work ") for t in s["data"] if "name" in t))
    assert [a["text"] for a in spec["layout"]["annotations"]] == [
        "release Mon 19 Aug 2024 02:00",
        "deadline Mon 19 Aug 2024 20:00",
    ]
    progress = values(trace(campus_page, "work done by the end of the step")["y"])
    assert len(progress) == 25
    assert progress[0] == 0.0
    assert max(progress) >= 60 - 1e-4
    assert trace(campus_page, "work 60 node·h")["y"] == [60.0, 60.0]


def test_marks_outside_the_horizon_are_said() -> None:
    case = pool_case(10, 4, job(work_node_hours=20, deadline="2024-08-20T06:00", unfinished_value_per_node_hour=1))
    assert "deadline Tue 20 Aug 2024 06:00 (outside the horizon)." in page(plan_of(case))


# ---------------------------------------------------------------------- members and sites
def test_members_are_shown_only_where_there_are_some() -> None:
    plan = ensemble_plan()
    text = page(plan)
    assert "Members" in Outline(text).headings
    assert "Profit by member" in text
    assert "3 members" in text
    spec = next(s for s in figures(text) if s["layout"]["xaxis"].get("ticksuffix") == " %")
    line, markers, level = spec["data"]
    assert markers["y"] == sorted(plan.summary["profit_by_member"])
    assert line["x"][-1] == pytest.approx(100.0)
    assert level["y"] == pytest.approx([plan.expected_profit] * 2)
    single = page(plan_of(site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()])))
    assert "Profit by member" not in single
    assert "10 %" not in single


def test_values_over_members_are_expected_with_a_band() -> None:
    text = page(ensemble_plan())
    price = trace(text, "spot")
    assert values(price["y"])[0] == pytest.approx(0.5 * 50 + 0.3 * 90 + 0.2 * 300)
    assert (values(price["_low"])[0], values(price["_high"])[0]) == (50.0, 300.0)


def test_quantiles_weigh_by_probability() -> None:
    sample, weights = np.array([[3.0], [1.0], [2.0]]), np.array([0.05, 0.15, 0.8])
    assert [float(q[0]) for q in quantiles(sample, weights, (0.1, 0.5, 0.9, 0.96))] == [1.0, 2.0, 2.0, 3.0]


def test_spread_takes_infinite_values_as_missing() -> None:
    drawn = spread(np.array([[np.inf, 1.0, 1e-12]]), np.array([1.0]))
    assert np.isnan(drawn.expected[0])
    assert drawn.expected[1:].tolist() == [1.0, 0.0]
    assert spread(np.full((2, 3), np.nan), np.array([0.5, 0.5])).is_empty


def test_many_members_are_drawn_as_one_line() -> None:
    prices = (50 + np.arange(300)[:, np.newaxis] + np.zeros((300, 2))).tolist()
    case = site_case(steps=2, contracts=[spot(prices)], assets=[fleet()], probabilities=[1 / 300] * 300)
    spec = next(s for s in figures(page(plan_of(case))) if s["layout"]["xaxis"].get("ticksuffix") == " %")
    assert [t["mode"] for t in spec["data"]] == ["lines", "lines"]


def test_sites_have_a_picture_each_and_shared_work_counts_where_it_runs() -> None:
    shared = service(pool=["a.h", "b.h"], demand_per_hour=150)
    plan = plan_of(two_sites([10, 20], 4, shared))
    text = page(plan)
    assert "a: power and price" in text
    assert "b: power and price" in text
    for number, site in enumerate("ab"):
        spec = figures(text)[number]
        total = np.sum([values(t["y"]) for t in spec["data"] if "stackgroup" in t], axis=0)
        assert total[:-1] == pytest.approx(plan.dispatch["import_mw"].sel(site=site).to_numpy()[0], abs=1e-5)
        assert "s" in {t["name"] for t in spec["data"]}
        assert "other" not in {t["name"] for t in spec["data"]}


# ---------------------------------------------------------------------- escaping and odd plans
def test_names_are_escaped() -> None:
    nasty = "</script><img src=x onerror=alert(1)>&<!--"
    case = pool_case(10, 4, service(demand_per_hour=5, unit="<b>t</b>&</script>"))
    case["name"], case["currency"] = nasty, "<i>$"
    case["sites"][0]["assets"].append(
        fleet(modes=[{"name": n, "hash_th_s": h, "power_w": p} for n, h, p in (("a", 100, 1500), ("b", 130, 3500))])
    )
    text = page(plan_of(case))
    assert nasty not in text
    assert escape(nasty) in text
    assert "<b>t" not in text
    assert "<i>$" not in text
    outline = Outline(text)
    assert outline.open == []
    assert outline.loads == []
    assert figures(text)


def test_warnings_are_shown() -> None:
    case = site_case(steps=4, contracts=[spot(PRICES, settlement_period="day")], assets=[fleet()])
    text = page(plan_of(case))
    assert "1 warning" in text
    assert "has no effect without energy_cap_mwh" in text


def test_a_plan_of_nothing_but_nan_is_drawn(campus: Plan) -> None:
    empty = campus.dispatch.map(lambda v: v * np.nan if v.dtype.kind == "f" else v)
    for name, variable in campus.dispatch.data_vars.items():
        empty[name].attrs = variable.attrs
    text = page(Plan(campus.scenario, empty, campus.money, campus.summary))
    assert Outline(text).headings[:2] == ["Power", "Hour by hour"]
    assert "Training" not in Outline(text).headings


def test_a_stopped_run_without_a_bound_is_marked(campus: Plan) -> None:
    summary = campus.summary | {"status": "feasible", "stopped_by": "time limit", "bound": None, "mip_gap": None}
    text = page(Plan(campus.scenario, campus.dispatch, campus.money, summary))
    assert "stopped by time limit, no bound is proven" in text


def test_risk_shows_cvar() -> None:
    case = site_case(steps=1, contracts=[spot([[50], [100]])], assets=[fleet()], probabilities=[0.5, 0.5])
    case["risk"] = {"cvar_alpha": 0.5, "weight": 0.5}
    text = page(plan_of(case))
    assert "CVaR 0.5" in text
    assert "weight 0.5 in the objective" in text


@pytest.mark.parametrize("steps", [1, 2])
def test_the_shortest_horizons(steps: int) -> None:
    text = page(plan_of(site_case(steps=steps, contracts=[spot(50)], assets=[fleet(), BATTERY])))
    assert f"{steps} step" in text


# ---------------------------------------------------------------------- the time axis
def timeline(steps: int, most_points: int = 800, **fields: Any) -> Timeline:
    case = site_case(steps=steps, contracts=[spot(50)], **fields)
    return Timeline.of(opt.scenario_from_dict(case).horizon, most_points)


@pytest.mark.parametrize(
    ("steps", "step", "group"),
    [
        (4, "1h", 1),
        (168, "1h", 1),
        (800, "1h", 1),
        (801, "1h", 2),
        (8760, "1h", 24),
        (35040, "15min", 96),
        (3000, "15min", 4),
    ],
)
def test_long_horizons_are_thinned(steps: int, step: str, group: int) -> None:
    assert timeline(steps, step=step).steps_per_point == group


def test_thinning_keeps_means_and_extremes() -> None:
    line = Timeline(timeline(5).horizon, 2)
    data = np.array([1.0, 3.0, np.nan, 5.0, 7.0])
    assert line.means(data).tolist() == [2.0, 5.0, 7.0]
    low, high = line.extremes(data, data)
    assert (low.tolist(), high.tolist()) == ([1.0, 5.0, 7.0], [3.0, 5.0, 7.0])
    assert np.isnan(line.means(np.full(5, np.nan))).all()
    assert "Drawn in groups of 2 h" in line.note()


def test_a_year_with_price_spikes_stays_small_and_readable() -> None:
    generator = np.random.default_rng(0)
    prices = generator.normal(60, 20, 8760)
    prices[generator.choice(8760, 50, replace=False)] = 5000.0
    plan = plan_of(site_case(steps=8760, contracts=[spot(prices.tolist())], assets=[fleet()]))
    text = page(plan)
    assert len(text.encode()) < MOST_BYTES
    drawn = trace(text, "spot")
    assert values(drawn["y"])[:-1] == pytest.approx(prices.tolist(), rel=1e-5)  # all hours, for zooming in
    assert drawn["_lod"] == "mean"
    assert figures(text)[0]["layout"]["yaxis2"]["range"][1] < 300
    assert "spot goes to 5,000 USD/MWh (50 steps off the scale, marked)" in text


def test_usual_prices_are_all_shown() -> None:
    prices = spread(np.array([[20.0, 30.0, 40.0, 90.0]]), np.array([1.0]))
    assert usual_range([prices]) is None
    assert usual_range([spread(np.full((1, 3), np.nan), np.array([1.0]))]) is None


def test_axis_keeps_its_clock_when_the_clocks_change() -> None:
    line = timeline(12, start="2024-11-02T20:00", timezone="America/Chicago")
    assert line.clock == "UTC-05:00"
    assert [stamp.isoformat() for stamp in line.clock_changes] == ["2024-11-03T01:00:00-06:00"]
    assert line.range == ["2024-11-02 20:00:00", "2024-11-03 08:00:00"]
    place, share = line.place_of("2024-11-03T02:00")
    assert (place, share) == ("2024-11-03 03:00:00", 7 / 12)
    case = site_case(
        steps=12, contracts=[spot(50)], assets=[fleet()], start="2024-11-02T20:00", timezone="America/Chicago"
    )
    text = page(plan_of(case))
    assert "CDT = UTC-05:00 then CST = UTC-06:00" in text
    assert "the axes show UTC-05:00 throughout, although the clocks change within the horizon" in text
    assert "clocks change (Sun 3 Nov 2024 01:00 CST)" in text


# ---------------------------------------------------------------------- contract with the components
def test_charts_name_only_what_a_component_can_have(campus: Plan) -> None:
    """A misspelt variable would silently leave its picture out."""
    from optimizer.reporting.view import View

    view = View(campus, Timeline.of(campus.scenario.horizon, 800))
    drawn = 0
    for label, part in view.parts.components.items():
        for chart in part.component.charts(part.frame):
            assert isinstance(chart, Chart)
            for name in (*chart.lines, *chart.rest, *chart.limits):
                assert view.variable(label, name), f"{label} has no {name}"
            drawn += 1
    assert drawn >= 7


def test_looks_differ() -> None:
    many = looks(3 * len(COLOURS))
    assert len(set(many)) == len(many)
