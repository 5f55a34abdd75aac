"""Scenarios of few members in place of many, and what that costs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from test_value_of_information import ensembles
from uncertain_case import committed, newsvendor, scenario

import optimizer as opt
from optimizer.uncertainty import profit_lost, reduced
from optimizer.uncertainty.reduction import member_series


def test_newsvendor_of_few_members() -> None:
    """Proves: loads of 0, 1 and 5 MW (0.4, 0.4, 0.2), bought at 50, short at 170, left over at 20: the best position is
    the quantile (170 - 50) / 150 = 0.8, 1 MW, with costs of 30, 50 and 730, expected 178. Reduced to two, 1 MW (0.8)
    and 5 MW (0.2) stay; they promise 0.8 * 50 + 0.2 * 730 = 186 and decide the same, so nothing is lost; neither is
    with 1 MW alone, which promises 50. Sensitivity: a position of 5 MW costs 178 as well, one of 0 would cost 238."""
    case = scenario(newsvendor([0, 1, 5], [0.4, 0.4, 0.2], day_ahead=50, short=170, long=20))
    found = reduced(case, 2)
    assert found.reduction.kept == (1, 2)
    assert found.scenario.ensemble.weights.tolist() == pytest.approx([0.8, 0.2])
    assert found.reduction.lost_share == pytest.approx(1 / 3)
    loss = profit_lost(case, found.scenario)
    assert [loss.full, loss.reduced, loss.implemented] == pytest.approx([-178, -186, -178])
    assert loss.promised_too_much == pytest.approx(-8)
    assert loss.loss == pytest.approx(0.0, abs=1e-6)
    alone = profit_lost(case, reduced(case, 1).scenario)
    assert alone.reduced == pytest.approx(-50)
    assert alone.loss == pytest.approx(0.0, abs=1e-6)


def test_a_reduction_that_costs() -> None:
    """Proves: of loads of 2, 5 and 9 MW one is kept, the middle one, and 5 MW are bought: costs of 190, 250 and 1530.
    With all three known to be possible, and 320 for what is missing, it is 9 MW: 310, 370 and 450. On average 280 are
    lost."""
    case = scenario(newsvendor([2, 5, 9], day_ahead=50, short=320, long=20))
    found = reduced(case, 1, weights={"sites[0].house_load_mw": 1.0})
    assert found.reduction.kept == (1,)
    loss = profit_lost(case, found.scenario)
    assert [loss.full, loss.implemented] == pytest.approx([-(310 + 370 + 450) / 3, -(190 + 250 + 1530) / 3])
    assert loss.loss == pytest.approx(840 / 3)


def test_series_that_count() -> None:
    """Proves: series that differ by member are found, each once, by their place; without any there is nothing to do."""
    case = scenario(newsvendor([2, 5, 9]))
    assert member_series(case).names == ("sites[0].house_load_mw",)
    assert member_series(case).values("sites[0].house_load_mw").tolist() == [[2.0], [5.0], [9.0]]
    same = newsvendor([2, 2])
    same["sites"][0]["house_load_mw"] = 2
    with pytest.raises(opt.InputError, match="no series differs by member"):
        reduced(scenario(same), 1)
    with pytest.raises(opt.InputError, match="members: found 4; must be 1 to 3"):
        reduced(case, 4)


@settings(max_examples=8, deadline=None)
@given(ensemble=ensembles(3))
def test_nothing_is_lost_with_all_members_and_nothing_gained_with_few(
    ensemble: tuple[list[list[float]], list[float]],
) -> None:
    """Proves: a reduction to as many members loses nothing; one to a single member never gains (the recourse is decided
    with all known members either way)."""
    prices, chances = ensemble
    case = scenario(committed(prices, chances))
    if len(prices) == 1 or prices.count(prices[0]) == len(prices):
        return
    whole = profit_lost(case, reduced(case, len(prices)).scenario)
    scale = max(1.0, abs(whole.full))
    assert whole.loss == pytest.approx(0.0, abs=2e-5 * scale)
    one = profit_lost(case, reduced(case, 1).scenario)
    assert one.loss is not None
    assert one.loss >= -2e-5 * scale
