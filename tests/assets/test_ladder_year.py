"""The ladder on the real year 2024: without coupling, the plan is the closed-form rule, hour by hour.

The data are not part of the project: where they are absent, the tests are skipped.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import optimizer as opt
from optimizer.asic_models import asic_ladder

Floats = NDArray[np.float64]
ALIGNED = Path(__file__).resolve().parents[3] / "shared" / "data" / "aligned" / "aligned_ercot_west_2024.csv"
MACHINES = 10_000
HOURS = 8784
LADDER = [(step.step, step.power_w, step.hash_th_s) for step in asic_ladder("Antminer S19j Pro")]
"""Nine steps, W and TH/s, measured on a machine of 104 TH/s."""

pytestmark = pytest.mark.skipif(not ALIGNED.is_file(), reason="the real data of 2024 are not beside the project")


@cache
def year() -> tuple[Floats, Floats]:
    """Price per MWh and hashprice per PH/s and day of each hour."""
    table = pd.read_csv(ALIGNED)
    return table["lz_west_rt"].to_numpy(float), 1000 * table["btc_hashprice_usd_per_th_day"].to_numpy(float)


@cache
def plan_of(ladder: bool) -> opt.Plan:
    """The year's plan of 10,000 machines that buy at real-time prices, with the ladder or with its top step alone."""
    machines: dict[str, Any] = {"model": "Antminer S19j Pro", "ladder": True}
    if not ladder:
        step, power_w, hash_th_s = LADDER[-1]
        machines = {"modes": [{"name": step, "power_w": power_w, "hash_th_s": hash_th_s}]}
    fleet = {
        "kind": "miner_fleet",
        "name": "m",
        "machines": MACHINES,
        "hashprice_per_ph_day": {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000},
    }
    spot = {"kind": "index_supply", "name": "spot", "price_per_mwh": "market.lz_west_rt"}
    data = {
        "format": 1,
        "name": "the ladder on 2024",
        "horizon": {"start": "2024-01-01T00:00", "steps": HOURS, "step": "1h", "timezone": "America/Chicago"},
        "data": {"market": {"file": ALIGNED.name, "time": "utc_start"}},
        "sites": [{"name": "west", "contracts": [spot], "assets": [fleet | machines]}],
        "solver": {"mip_rel_gap": 0.0},
    }
    return opt.optimize(opt.scenario_from_dict(data, folder=ALIGNED.parent))


def rule() -> list[str]:
    """What the rule runs in each hour: of all nine steps and standing by, the one that earns most per machine.

    No envelope and no break-evens: a machine in a step earns its hash and pays for its power.
    """
    price, hashprice = year()
    names = ["", *(name for name, _, _ in LADDER)]
    watts, terahash = (np.array([0.0, *column]) for column in zip(*[(w, h) for _, w, h in LADDER], strict=True))
    earned = np.outer(hashprice / 24 / 1e3, terahash) - np.outer(price / 1e6, watts)
    return [names[i] for i in earned.argmax(axis=1)]


def run(plan: opt.Plan) -> list[str]:
    """What the plan runs in each hour: the step in which all machines are, or the steps among which they are split."""
    table = plan.dispatch["m.running"]
    names = [str(name) for name in table["m.mode"].to_numpy()]
    count = table.to_numpy()[:, 0, :]
    alone = np.where((count > 0.5).any(axis=0), count.argmax(axis=0), -1)
    split = np.asarray(((count > 1e-4) & (count < MACHINES - 1e-4)).any(axis=0))
    return ["split" if s else "" if i < 0 else names[i] for i, s in zip(alone, split, strict=True)]


def test_the_plan_is_the_rule_in_every_hour_of_the_year() -> None:
    """Proves: in each of 8784 hours, at that day's hashprice, all machines run the step that the rule names, from
    standing by in hours of dear power to 2970 W in hours of cheap; the plan is proven optimal, and its profit is what
    the rule earns. Sensitivity: with mean instead of marginal efficiency 28 % of the hours would differ."""
    plan = plan_of(ladder=True)
    assert len(year()[0]) == HOURS
    expected = rule()
    assert run(plan) == expected
    assert set(expected) == {"", "w1850", "w2000", "w2500", "w2700", "w2970"}
    assert plan.status == "optimal"
    assert plan.summary["bound"] == pytest.approx(plan.expected_profit, rel=1e-9)
    assert plan.summary["audit"]["largest_violation"] < 1e-6


def test_the_profit_of_the_year_is_that_of_the_rule() -> None:
    """Proves: the sum over the hours of what the best step earns, in plain numpy, to the cent per machine."""
    price, hashprice = year()
    best = np.zeros(HOURS)
    for _, watts, terahash in LADDER:
        best = np.maximum(best, hashprice * terahash / 24 / 1e3 - price * watts / 1e6)
    assert plan_of(ladder=True).expected_profit == pytest.approx(MACHINES * best.sum(), abs=0.01 * MACHINES)


def test_the_ladder_is_worth_more_than_switching_on_and_off() -> None:
    """Proves: on or off at the top step is the rule with one step, 15.84 million; the ladder earns 16.08, as documented
    in docs/flexibility.md."""
    price, hashprice = year()
    _, watts, terahash = LADDER[-1]
    hour = np.maximum(0.0, hashprice * terahash / 24 / 1e3 - price * watts / 1e6)
    switched, throttled = plan_of(ladder=False), plan_of(ladder=True)
    assert switched.expected_profit == pytest.approx(MACHINES * hour.sum(), rel=1e-6)
    assert switched.expected_profit == pytest.approx(15_841_808, abs=1)
    assert throttled.expected_profit == pytest.approx(16_084_599, abs=1)
