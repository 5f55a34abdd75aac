"""What is refused, or pointed out, in an ancillary service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reserve_case import case, service
from small_case import fleet, profit, refusals, spot, warnings_of

import optimizer as opt
from optimizer.scenario_file import parse_scenario


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"providers": []}, "contracts[1].providers"),
        ({"providers": None}, "providers: is missing"),
        ({"providers": ["n"]}, "there is no reserve of this name"),
        ({"providers": ["spot"]}, "is no reserve"),
        ({"providers": ["m", "a.m"]}, "is named twice"),
        ({"min_mw": 3.0, "max_mw": 2.0}, "min_mw 3 exceeds max_mw 2"),
        ({"sustain_hours": 3.0}, "contracts[1].sustain_hours: longer than the horizon"),
        ({"block_hours": 4.0}, "contracts[1].block_hours: longer than the horizon"),
        ({"block_hours": 1.5}, "a multiple of the step"),
        ({"block_hours": 0.5}, "a multiple of the step"),
        ({"deployment_probability": 1.1}, "must be at most 1"),
        ({"deployment_probability": [0.5, -0.1]}, "deployment_probability"),
        ({"direction": "sideways"}, "contracts[1].direction"),
        ({"notice_minutes": 0.1}, "m responds within 0.3 min"),
        ({"penalty_per_mwh": [60, 40]}, "below the price of capacity at 2024-08-19T01:00"),
        ({"award_mw": [1, 1], "min_mw": 1.0}, "has cleared already"),
        ({"award_mw": [1, 1], "block_hours": 2.0}, "has cleared already"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(100, service(**fields), steps=2))


def test_blocks_that_do_not_divide_the_day_are_refused() -> None:
    assert "does not divide the day" in refusals(case(100, service(block_hours=5.0), steps=10))


def test_cleared_awards_that_differ_by_member_are_refused() -> None:
    wrong = case(100, service(award_mw=[[1], [2]]), probabilities=[0.75, 0.25])
    assert "the same for all members" in refusals(wrong)
    assert profit(
        case(100, service(award_mw=[[1], [2]], commit="recourse"), probabilities=[0.75, 0.25])
    ) == pytest.approx(50 + 0.75 * 50 + 0.25 * 100)


def test_a_provider_of_another_site_is_refused() -> None:
    two = case(100, service(providers=["b.m"]))
    two["sites"].append({"name": "b", "contracts": [spot(100)], "assets": [fleet()]})
    assert "b.m stands at b, but the contract is one of a" in refusals(two)


def test_odd_products_are_pointed_out() -> None:
    assert "nothing is sold" in warnings_of(case(100, service(min_mw=4.0)))
    assert "no effect without deployment_probability" in warnings_of(case(100, service(energy_price_per_mwh=30)))
    assert "m has nothing to hold" in warnings_of(case(100, service(), assets=[fleet(availability=0)]))


def test_a_tier_whose_pool_is_refused_is_not_a_second_error() -> None:
    """Proves: one problem, that of the pool. The tier's check once failed for want of the pool, with a traceback."""
    data = parse_scenario((Path(__file__).parents[1] / "scenarios" / "reserves_48h.yaml").read_text("utf-8")).data
    (pool,) = [asset for asset in data["sites"][0]["assets"] if asset["kind"] == "gpu_pool"]
    pool["nodes"] = 1.5
    with pytest.raises(opt.InputError) as refused:
        opt.scenario_from_dict(data, Path(__file__).parents[1] / "scenarios")
    assert [problem.path for problem in refused.value.problems] == ["sites[0].assets[2].nodes"]
