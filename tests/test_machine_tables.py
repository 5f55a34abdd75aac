"""The documentation of the bundled tables of machines says what they hold."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from small_case import series, site_case, spot

import optimizer as opt
from optimizer.asic_models import asic_ladders, asic_models
from optimizer.gpu_servers import gpu_servers
from optimizer.hull import upper_hull
from optimizer.scenario_file import parse_scenario

PAGE = Path(__file__).parents[1] / "docs" / "machines.md"


def rows_under(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, without its head."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def test_mining_machines() -> None:
    expected = [
        [m.model, number(m.hash_th_s), number(m.power_w), f"{m.power_w / m.hash_th_s:.1f}", m.cooling, m.source]
        for m in asic_models().values()
    ]
    assert rows_under("Mining machines") == expected


def test_ladders() -> None:
    """Proves: every step, and for those that a plan uses the power of a further TH/s (marginal J/TH)."""
    expected = []
    for steps in asic_ladders().values():
        points = [(0.0, 0.0), *((s.power_w, s.hash_th_s) for s in steps)]
        hull = upper_hull(points)
        marginal = {
            points[b][0]: (points[b][0] - points[a][0]) / (points[b][1] - points[a][1]) for a, b in pairwise(hull)
        }
        for s in steps:
            used = f"{marginal[s.power_w]:.1f}" if s.power_w in marginal else "never used"
            expected.append([s.model, s.step, number(s.power_w), number(s.hash_th_s), used])
    assert rows_under("Firmware ladders") == expected
    text = PAGE.read_text(encoding="utf-8")
    for steps in asic_ladders().values():
        for step in steps:
            assert step.source in text
            assert step.basis in text


def test_gpu_servers() -> None:
    expected = [
        [s.model, str(s.gpus), number(s.idle_kw), number(s.full_kw), number(s.measured_kw), s.source, s.measured_source]
        for s in gpu_servers().values()
    ]
    assert rows_under("GPU servers") == expected


def test_the_site_with_three_ways_of_cooling_is_planned() -> None:
    """Proves: the documented halls and fleets are accepted; the fleet in air derates at 46 °C of inlet, to 1 - 0.1 * 6
    / 8, and rests above 47 °C, the others do not."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    site = parse_scenario(text.replace("market.t_db_c", "[20, 44, 46]")).data
    data = site_case(steps=3, contracts=[spot(20)], assets=site["assets"], cooling=site["cooling"])
    for hall in data["sites"][0]["cooling"]:
        hall["heat_limit_mw"] = 100
        if hall["name"] == "air":
            hall["overhead"]["outside"] = "clamp"
    plan = opt.optimize(opt.scenario_from_dict(data))
    assert series(plan, "hash_ph_s", "s21") == pytest.approx([1000, 925, 0])
    assert series(plan, "hash_ph_s", "m66s") == pytest.approx([596, 596, 596])
    assert series(plan, "hash_ph_s", "s21hyd") == pytest.approx([1005, 1005, 1005])
