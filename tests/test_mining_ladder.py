"""Bundled ladders of firmware steps: figures plausible and sourced, and what a plan does with them."""

from itertools import pairwise
from typing import Any

import pytest
from small_case import fleet, profit, refusals, site_case, solved, spot, warnings_of

from optimizer.asic_models import LadderStep, asic_ladder, asic_ladders, asic_model
from optimizer.mining_machine import Mode

LADDERS = asic_ladders()
MEASURED = {65: 1740, 70: 1800, 76: 1850, 80: 2000, 83: 2150, 87: 2300, 92: 2500, 96: 2700, 100: 2970}


def case(price: Any, steps: int = 1, **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[spot(price)], assets=[fleet(**{"modes": None} | fields)])


@pytest.mark.parametrize("steps", LADDERS.values(), ids=LADDERS)
def test_each_ladder_is_plausible_and_sourced(steps: tuple[LadderStep, ...]) -> None:
    """Proves: a known model, steps that rise in power and hash, none above the nameplate by more than a tenth, 15 to 35
    J/TH; every figure says what it is of and where it comes from."""
    nameplate = asic_model(steps[0].model)
    for step in steps:
        Mode(name=step.step, hash_th_s=step.hash_th_s, power_w=step.power_w)
        assert 15 < step.power_w / step.hash_th_s < 35
        assert 0.3 * nameplate.power_w < step.power_w < 1.1 * nameplate.power_w
        assert step.hash_th_s < 1.15 * nameplate.hash_th_s
        assert step.basis
        assert any(str(year) in step.source for year in range(2019, 2031))
    assert all(a.power_w < b.power_w and a.hash_th_s < b.hash_th_s for a, b in pairwise(steps))


def test_the_documented_ladder_is_bundled() -> None:
    """Proves: the nine measured steps of the 104 TH/s machine, whose break-evens are documented."""
    assert {step.hash_th_s: step.power_w for step in asic_ladder("Antminer S19j Pro")} == MEASURED


def test_a_model_with_its_ladder_is_throttled() -> None:
    """Proves: at 40 per PH/s and day the S19j Pro runs 1850 W at 50 (76 TH/s: 126.67 - 92.5 an hour for 1000
    machines) and 2970 W at 20 (166.67 - 59.4): 141.43. Sensitivity: at its nameplate (104 TH/s, 3068 W) it earns
    173.33 - 153.4 at 50 and 173.33 - 61.36 at 20: 131.91."""
    fields: dict[str, Any] = {"model": "Antminer S19j Pro", "hashprice_per_ph_day": 40}
    assert profit(case([50, 20], 2, ladder=True, **fields)) == pytest.approx(34.1667 + 107.2667, abs=1e-3)
    assert profit(case([50, 20], 2, **fields)) == pytest.approx(19.9333 + 111.9733, abs=1e-3)


def test_steps_of_a_bundled_ladder_that_are_never_used_are_no_warning() -> None:
    """Proves: w1740, w1800, w2150 and w2300 lie below the envelope, but the planner has not written them; in modes of
    his own they are named."""
    bundled = case(50, model="Antminer S19j Pro", ladder=True)
    assert warnings_of(bundled) == ""
    own = [{"name": f"w{watts:g}", "hash_th_s": terahash, "power_w": watts} for terahash, watts in MEASURED.items()]
    assert "w1740, w1800, w2150, w2300 lie below the envelope" in warnings_of(case(50, model=None, modes=own))


def test_a_falling_hash_rate_is_pointed_out() -> None:
    """Proves: allowed, because power may be paid for, but never silently."""
    modes = [
        {"name": "normal", "hash_th_s": 200, "power_w": 3500},
        {"name": "typo", "hash_th_s": 190, "power_w": 3800},
        {"name": "high", "hash_th_s": 220, "power_w": 4200},
    ]
    data = site_case(steps=1, contracts=[spot(50)], assets=[fleet(modes=modes)])
    assert "the hash rate falls while the power rises (typo below normal)" in warnings_of(data)
    plan = solved(data)
    assert [str(mode) for mode in plan.dispatch["m.mode"].to_numpy()] == ["normal", "high"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "Antminer S21", "ladder": True}, "no ladder is bundled for 'Antminer S21', give modes"),
        ({"model": "Antminer S21", "ladder": True}, "There are ladders for: Antminer S19, Antminer S19j Pro"),
        ({"model": "Antminer S2", "ladder": True}, "no bundled model 'Antminer S2'; did you mean"),
        ({"modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}], "ladder": True}, "modes are a ladder"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    data = site_case(steps=1, contracts=[spot(50)], assets=[fleet(**({"modes": None} | fields))])
    assert words in refusals(data)
