"""What a reason says in words."""

from __future__ import annotations

import math

import pytest

from optimizer.explanation.reason import Code
from optimizer.explanation.wording import Told, sentence

DEEDS = ("takes back", "delivers nothing", "delivers")


def told(power_mw: float, margin: float, cost: float) -> str:
    return sentence(Told(Code.PAYS, power_mw, DEEDS, margin, cost, None, math.nan, math.nan, None, "USD"))


@pytest.mark.parametrize(
    ("power_mw", "margin", "cost", "words"),
    [
        # power counts where it is drawn, so of a supply at 1,700 under a bus worth 1,412 both figures are below zero
        (-5.0, 479.0, -1411.0, "Delivers 5.00 MW: a MWh brings 1,411 and costs 932.0; it pays."),
        (0.0, -288.0, -1412.0, "Delivers nothing: a MWh would bring 1,412 and cost 1,700; it pays."),
        (5.0, 164.29, -50.0, "Takes back 5.00 MW: a MWh brings 114.3 and costs -50.00; it pays."),
    ],
)
def test_what_gives_power_brings_and_costs_the_right_way_round(
    power_mw: float, margin: float, cost: float, words: str
) -> None:
    """Proves: the margin is what it brings less what it costs, both above zero where both were below. Sensitivity:
    as they are counted, a supply would bring -1,700 and cost -1,412."""
    assert told(power_mw, margin, cost) == words
