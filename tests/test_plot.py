"""Pictures of a plan as plotly figures, and how plans, problems and scenarios show themselves in notebooks."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import shipped
from pool_case import at, job, pool_case
from report_page import plan_of, portfolio, site
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.plan import Plan

BATTERY = {"kind": "battery", "name": "bess", "power_mw": 1, "energy_mwh": 2, "charge_efficiency": 0.9}
PRICES = [100.0, 120.0, -50.0, 114.0]


@pytest.fixture(scope="module")
def plan() -> Plan:
    case = pool_case(PRICES, 4, job(work_node_hours=8, release=at(1), deadline=at(3), max_nodes=4))
    case["sites"][0]["assets"] += [fleet(), BATTERY]
    case["sites"][0]["grid"] = {"import_limit_mw": 9, "export_limit_mw": 1}
    return plan_of(case)


@pytest.fixture(scope="module")
def ensemble() -> Plan:
    prices = [[50, 120], [90, 50], [300, 50]]
    return plan_of(site_case(steps=2, contracts=[spot(prices)], assets=[fleet()], probabilities=[0.5, 0.3, 0.2]))


def line(figure: go.Figure, name: str) -> Any:
    return next(one for one in reversed(figure.data) if one.name == name)


# ---------------------------------------------------------------------- pictures
def test_power_is_the_plans_and_ready_to_show(plan: Plan) -> None:
    """Proves: the fleet's area is its power, titles and colours are set, and the picture can be exported."""
    figure = plan.plot.power()
    assert isinstance(figure, go.Figure)
    power = plan.dispatch["power_mw"].sel(component="m").to_numpy()[0]
    np.testing.assert_allclose(line(figure, "m").y[:4], power, atol=1e-5)
    assert figure.layout.title.text == "<b>a: power and price</b>"
    assert "@" not in figure.to_json().replace("@dtype", "")
    assert line(figure, "metered import").line.color == "#18202b"


def test_every_line_of_the_legend_stands_there_once(plan: Plan) -> None:
    shown = [one.name for one in plan.plot.power().data if one.showlegend]
    assert len(set(shown)) == len(shown)
    assert {"m", "bess", "metered import", "spot"} <= set(shown)


def test_prices_of_a_site_with_their_band_over_members(ensemble: Plan, plan: Plan) -> None:
    """Proves: 50, 90 and 300 at 50, 30 and 20 % are 112 expected, from 50 to 300 at the pointer."""
    price = line(ensemble.plot.prices(), "spot")
    assert price.y[0] == pytest.approx(112.0)
    assert price.customdata[0].tolist() == [50.0, 300.0]
    assert line(plan.plot.prices("a"), "spot").y[:4].tolist() == PRICES


def test_jobs_are_rows(plan: Plan) -> None:
    """Proves: 8 node-hours on at most 4 nodes, between the second hour and the end of the third: 4 nodes in both."""
    figure = plan.plot.jobs()
    assert list(figure.layout.yaxis.ticktext) == ["j"]
    row = line(figure, "j")
    assert row.customdata[:4] == pytest.approx([0, 4, 4, 0], abs=1e-4)


def test_storage_component_and_group_are_pictures_by_name(plan: Plan) -> None:
    assert set(plan.plot.storage()) == {"bess"}
    assert set(plan.plot.component("m")) == {"hash rate"}
    assert set(plan.plot.group("Mining")) == {"m"}
    level = plan.plot.storage()["bess"].data[0]
    np.testing.assert_allclose(
        level.y[1:], plan.dispatch["soc_mwh"].sel(component="bess").to_numpy()[0], rtol=1e-6, atol=1e-5
    )


def test_the_ledger_adds_up_to_the_profit(plan: Plan) -> None:
    (bars,) = plan.plot.ledger().data
    assert sum(bars.x[:-1]) == pytest.approx(plan.expected_profit)
    assert plan.plot.waterfall().data[0].x == bars.x


def test_members_by_profit_and_as_a_fan(ensemble: Plan) -> None:
    """Proves: profits from the worst to the best; the fan's median is the first member's, who has half the
    probability."""
    markers = next(one for one in ensemble.plot.members().data if one.mode == "markers")
    assert list(markers.y) == sorted(ensemble.summary["profit_by_member"])
    median = line(ensemble.plot.members("a"), "median")
    assert median.y[0] == pytest.approx(3.5)
    assert "25–75 %" in {one.name for one in ensemble.plot.members("a").data}


def test_reasons_are_a_row_per_component_with_their_sentences(plan: Plan) -> None:
    """Proves: as many rows as reasons, each cell the plan's own sentence, coloured within the scale."""
    (heat,) = plan.plot.reasons().data
    assert plan.explanation is not None
    assert list(heat.y) == list(plan.explanation.reasons)
    place = list(heat.y).index("m")
    assert list(heat.text[place]) == [plan.explain("m", step).text for step in range(4)]
    assert np.asarray(heat.z).min() >= 0 <= 4 - np.asarray(heat.z).max()


def test_of_very_many_reasons_the_codes_are_told(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimizer.plotting import reasons

    monkeypatch.setattr(reasons, "MOST_SENTENCES", 1)
    (heat,) = plan.plot.reasons().data
    assert heat.text[list(heat.y).index("m")][0] == plan.explain("m", 0).code.title


def test_sites_are_chosen_by_name() -> None:
    plan = plan_of(portfolio([site("a", 1), site("b", 2)]))
    assert line(plan.plot.power("b"), "house load").y[0] == pytest.approx(2.0)
    assert plan.plot.power().layout.title.text == "<b>a: power and price</b>"


def test_what_is_not_there_is_said(plan: Plan) -> None:
    """Proves: unknown names are refused with those that there are; pictures without content with what is missing."""
    small = plan_of(site_case(steps=1, contracts=[spot(50)], assets=[fleet()]))
    without = Plan(small.scenario, small.dispatch, small.money, small.summary)
    asked = {
        "there is no site z; one of: a": lambda: plan.plot.power("z"),
        "there is no component z; one of: ": lambda: plan.plot.component("z"),
        "there is no heading z; one of: ": lambda: plan.plot.group("z"),
        "no component is drawn as a row": lambda: small.plot.jobs(),
        "the plan has one member": lambda: plan.plot.members(),
        "there is no member 3; 0 to 0": lambda: plan.plot.reasons(3),
        "optimize\\(scenario, explain=True\\) does so": lambda: without.plot.reasons(),
    }
    for message, ask in asked.items():
        with pytest.raises(opt.InputError, match=message):
            ask()
    assert small.plot.storage() == {}
    assert "power" in repr(plan.plot)


def test_plotly_is_loaded_only_for_a_picture() -> None:
    """Proves: asking for ``plan.plot`` loads no plotly, drawing does."""
    code = f"""
import sys
import optimizer as opt
plan = opt.optimize(opt.load({str(shipped.FOLDER / "smallest.yaml")!r}))
plots = plan.plot
assert "plotly" not in sys.modules
plots.power()
assert "plotly" in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------- notebooks
def test_a_plan_shows_profit_proof_and_where_it_comes_from(plan: Plan) -> None:
    text = plan._repr_html_()
    assert f"<b>{plan.expected_profit:,.2f}</b> USD" in text
    assert "optimal, gap 0 %" in text
    for name, value in plan.summary["ledger"].items():
        assert (f"{name}</th>" in text) == bool(round(value, 2))


def test_small_ledger_lines_are_summed_up_and_warnings_listed(plan: Plan) -> None:
    """Proves: of 15 lines of 1 to 15 the three smallest are one line of 6."""
    ledger = {f"line{n}": float(n) for n in range(1, 16)}
    summary = plan.summary | {"ledger": ledger, "warnings": ["<b>odd</b>"]}
    text = Plan(plan.scenario, plan.dispatch, plan.money, summary)._repr_html_()
    assert "3 smaller lines</th>" in text
    assert ">6.00</td>" in text
    assert "&lt;b&gt;odd&lt;/b&gt;" in text


def test_a_scenario_and_a_problem_show_themselves(plan: Plan) -> None:
    scenario = plan.scenario
    assert repr(scenario) == "<Scenario 'small': 4 steps of 1h from 2024-08-19T00:00; a>"
    text = scenario._repr_html_()
    assert "m (miner fleet)" in text
    assert "4 steps of 1h" in text
    problem = opt.build(scenario)
    assert repr(problem).startswith("<Problem 'small': ")
    for count in problem.arrays.size.values():
        assert f"{count:,}" in problem._repr_html_()


def test_names_are_escaped_in_notebooks() -> None:
    case = site_case(steps=1, contracts=[spot(50)], assets=[fleet()])
    plan = plan_of(case | {"name": "<script>x</script>", "currency": "<i>"})
    for shown in (plan._repr_html_(), plan.scenario._repr_html_(), opt.build(plan.scenario)._repr_html_()):
        assert "<script>" not in shown
        assert "<i>" not in shown
