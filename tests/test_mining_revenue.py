"""What a fleet earns and the luck of its pool, worked by hand.

1000 machines of 200 TH/s earn 400 an hour at a hashprice of 48, or 9,600 a day.
"""

from typing import Any

import numpy as np
import pytest
from small_case import by_member, fleet, refusals, site_case, solved, spot, warnings_of

import optimizer as opt

NETWORK = {"price": 100_000, "difficulty": 125e12, "fees_per_block_btc": 0.125}
"""A block is worth 3.125 + 0.125 BTC, 325,000; the network has 894.8 EH/s."""


def case(steps: int = 24, price: Any = 0, step: str = "1h", **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, step=step, contracts=[spot(price)], assets=[fleet(**fields)])


def luck(plan: opt.Plan) -> float:
    return float(plan.summary["pool_luck_std"]["m"])


def test_fpps_has_no_luck() -> None:
    assert "pool_luck_std" not in solved(case()).summary


@pytest.mark.parametrize(("share", "std"), [(0.25, 1600.0), (0.01, 8000.0), (1.0, 800.0)])
def test_the_luck_of_pplns(share: float, std: float) -> None:
    """Proves: in a day a pool with a quarter of the network finds 36 blocks, give or take 6; 9,600 for them on average
    are 1,600 more or less. Sensitivity: the deviations of the hours added up (instead of their squares) are 7,838; the
    luck of mining alone is 51 times as much."""
    plan = solved(case(pool_scheme="pplns", pool_share_of_network=share))
    assert plan.expected_profit == pytest.approx(9600)
    assert luck(plan) == pytest.approx(std)


@pytest.mark.parametrize("step", ["15min", "1h"])
def test_the_luck_does_not_depend_on_the_length_of_the_step(step: str) -> None:
    """Proves: a day has the same luck in quarter hours as in hours. Sensitivity: 6 blocks a step would halve it."""
    steps = 96 if step == "15min" else 24
    plan = solved(case(steps, step=step, pool_scheme="pplns", pool_share_of_network=0.25))
    assert luck(plan) == pytest.approx(1600)


def test_only_hours_that_run_have_luck_and_the_fee_is_off() -> None:
    """Proves: 12 of 24 hours at 150 rest: sqrt(12 * 400^2 / 1.5) = 1131.4, less 10 % of fee and half of uptime: 509.1.
    Sensitivity: 1600 for hours that did not run."""
    fields: dict[str, Any] = {"pool_scheme": "pplns", "pool_share_of_network": 0.25}
    assert luck(solved(case(price=[0, 150] * 12, **fields))) == pytest.approx(1131.3708)
    assert luck(solved(case(price=[0, 150] * 12, pool_fee=0.1, uptime=0.5, **fields))) == pytest.approx(509.1169)


def test_pps_plus_shares_the_luck_of_the_fees_only() -> None:
    """Proves: fees are 0.125 of 3.25 BTC, a 26th of the revenue and so of the luck. Sensitivity: all of it."""
    fields: dict[str, Any] = {"hashprice_per_ph_day": None, "bitcoin": NETWORK, "pool_share_of_network": 0.25}
    whole, fees = (luck(solved(case(pool_scheme=scheme, **fields))) for scheme in ("pplns", "pps_plus"))
    assert fees == pytest.approx(whole / 26)


def test_the_luck_is_that_of_blocks_drawn_at_random() -> None:
    """Proves: 20,000 days of Poisson blocks, each paying what the fleet's share of the pool is, have this deviation
    within 2 %."""
    share, machines_ph = 0.02, 200.0
    fields: dict[str, Any] = {"hashprice_per_ph_day": None, "bitcoin": NETWORK}
    plan = solved(case(pool_scheme="pplns", pool_share_of_network=share, **fields))
    pool_ph = share * 125e12 * 2**32 / 600 / 1e15
    blocks = np.random.default_rng(1).poisson(share * 144, 20_000)
    paid = blocks * machines_ph / pool_ph * 325_000
    assert paid.mean() == pytest.approx(plan.expected_profit, rel=0.02)
    assert paid.std() == pytest.approx(luck(plan), rel=0.02)


def test_the_luck_is_expected_over_the_members() -> None:
    """Proves: mean variance over two members, one of which earns twice as much: sqrt((1600^2 + 3200^2) / 2).
    Sensitivity: the mean deviation is 2400, that of the mean revenue too."""
    data = case(hashprice_per_ph_day=[[48] * 24, [96] * 24], pool_scheme="pplns", pool_share_of_network=0.25)
    data["ensemble"] = {"members": 2, "probabilities": [0.5, 0.5]}
    assert luck(solved(data)) == pytest.approx(np.sqrt((1600**2 + 3200**2) / 2))


def test_the_price_of_bitcoin_may_differ_by_member() -> None:
    """Proves: at 100,000 a PH/s earns 52.3 a day, 436 an hour for 200 PH/s, and runs at 100 (350 an hour); at half of
    it 218, and it rests. Sensitivity: one price for both runs both or none."""
    data = case(1, 100, hashprice_per_ph_day=None, bitcoin=NETWORK | {"price": [[100_000], [50_000]]})
    data["ensemble"] = {"members": 2, "probabilities": [0.5, 0.5]}
    plan = solved(data)
    hour = 3600 * 200e15 / (125e12 * 2**32) * 325_000
    assert hour == pytest.approx(436, abs=0.2)
    assert by_member(plan, "hash_ph_s", "m") == [[pytest.approx(200)], [0]]
    assert plan.profit_by_member.tolist() == pytest.approx([hour - 350, 0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pool_scheme": "pplns"}, "pool_scheme pplns needs pool_share_of_network"),
        ({"pool_scheme": "pps_plus", "pool_share_of_network": 0.2}, "pool_scheme pps_plus needs bitcoin"),
        ({"pool_scheme": "ppls", "pool_share_of_network": 0.2}, "pool_scheme"),
        ({"pool_scheme": "pplns", "pool_share_of_network": 0}, "pool_share_of_network"),
        ({"pool_scheme": "pplns", "pool_share_of_network": 1.5}, "pool_share_of_network"),
        (
            {
                "hashprice_per_ph_day": None,
                "bitcoin": NETWORK,
                "pool_scheme": "pplns",
                "pool_share_of_network": 0.0001,
            },
            "pool_share_of_network: the fleet alone has up to 0.000224 of the network's hash rate",
        ),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(**fields))


def test_a_share_without_luck_is_pointed_out() -> None:
    assert "pool_share_of_network: has no effect with pool_scheme fpps" in warnings_of(case(pool_share_of_network=0.2))
