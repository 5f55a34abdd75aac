"""Mining fleet: revenue, the ladder of firmware steps, weather and input, worked by hand.

Unless said otherwise 1000 machines earn 400 an hour for 3.5 MW: an hour at a price of 50 brings 225, one at 150
loses 125.
"""

from typing import Any

import pytest
from small_case import (
    BREAK_EVEN,
    booked,
    fleet,
    profit,
    refusals,
    series,
    site_case,
    solved,
    spot,
    unnoticed,
    warnings_of,
)

import optimizer as opt

LADDER = [
    (1740, 65),
    (1800, 70),
    (1850, 76),
    (2000, 80),
    (2150, 83),
    (2300, 87),
    (2500, 92),
    (2700, 96),
    (2970, 100),
]
"""Measured steps of a machine of 104 TH/s nameplate: W and TH/s."""
TWO_MODES = [{"name": "eco", "hash_th_s": 100, "power_w": 1500}, {"name": "high", "hash_th_s": 200, "power_w": 3500}]
"""Break-evens 200 / 1.5 = 133.3 for eco and (400 - 200) / 2 = 100 for high."""


def case(price: Any, steps: int, step: Any = "1h", **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, step=step, contracts=[spot(price)], assets=[fleet(**fields)])


def running(plan: opt.Plan) -> list[str]:
    """What runs in each step of the first member: names of the modes with machines in them."""
    table = plan.dispatch["m.running"]
    names = [str(name) for name in table["m.mode"].to_numpy()]
    at = table.to_numpy()[:, 0, :] > 1e-6
    return ["+".join(name for name, on in zip(names, column, strict=True) if on) for column in at.T]


# ---------------------------------------------------------------------- revenue
def test_the_smallest_scenario() -> None:
    """Proves: break-even 114.29, so hours 1, 3 and 4 run for 50 + 575 + 1 = 626. Sensitivity: running always gives
    606."""
    plan = solved(case([100, 120, -50, 114], 4))
    assert plan.expected_profit == pytest.approx(626)
    assert booked(plan, "mining_revenue") == pytest.approx(1200)
    assert series(plan, "hash_ph_s", "m") == pytest.approx([200, 0, 200, 200])


@pytest.mark.parametrize(
    ("fields", "earned"),
    [
        ({"pool_fee": 0.02}, 217),
        ({"uptime": 0.95}, 205),
        ({"availability": 0.5}, 112.5),
        ({"pool_fee": 0.1, "uptime": 0.5}, 5),
    ],
)
def test_fee_uptime_and_availability(fields: dict[str, float], earned: float) -> None:
    """Proves: 400 * (1 - fee) * uptime - 175, and half of 225 with half the machines. Sensitivity: 225 where one is
    forgotten; an uptime that also lowers the power gives 213.75."""
    assert profit(case(50, 1, **fields)) == pytest.approx(earned)


def test_revenue_follows_the_length_of_the_step() -> None:
    """Proves: a quarter hour brings 225 / 4 = 56.25. Sensitivity: revenue by the hour gives 356.25."""
    assert profit(case(50, 1, "15min")) == pytest.approx(56.25)


def test_a_machine_that_does_not_run_draws_its_standby_power() -> None:
    """Proves: with 100 W standing by, running costs 3.4 MW more, so up to 400 / 3.4 = 117.6 it pays: at 116 it runs
    (400 - 406 = -6), at 119 it stands by (-11.9). Sensitivity: standby on top of the running machines makes it stop
    at 116 too (-11.6)."""
    assert BREAK_EVEN < 116
    plan = solved(case([116, 119], 2, standby_w=100))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0.1])
    assert plan.expected_profit == pytest.approx(-6 - 11.9)


def test_the_hashprice_from_network_data() -> None:
    """Proves: 1 PH/s for a day at difficulty 125e12, 100,000 per BTC, subsidy 3.125 and fees 0.09375 earns 51.8 (to
    the cent 51.80). Sensitivity: without the fees 50.29."""
    network = {"price": 100_000, "difficulty": 125e12, "fees_per_block_btc": 0.09375}
    plan = solved(case(0, 24, machines=5, hashprice_per_ph_day=None, bitcoin=network))
    assert plan.expected_profit == pytest.approx(86400e15 / (125e12 * 2**32) * 3.21875 * 100_000)
    assert round(plan.expected_profit, 1) == 51.8


def test_the_halving_falls_into_the_horizon() -> None:
    """Proves: on 2024-04-20 the step from 00:00 UTC still earns 6.25 BTC per block (the halving came at 00:09) and
    that from 01:00 3.125: the revenue halves. Sensitivity: a halving by date would halve from 00:00 on."""
    network = {"price": 64_000, "difficulty": 86e12}
    data = site_case(
        steps=4,
        start="2024-04-19T17:00",
        timezone="America/Chicago",
        contracts=[spot(0)],
        assets=[fleet(hashprice_per_ph_day=None, bitcoin=network)],
    )
    ledger = solved(data).ledger
    amounts = ledger[ledger["line"] == "mining_revenue"]["amount"].to_numpy()
    assert amounts / amounts[0] == pytest.approx([1, 1, 1, 0.5])


def test_a_retarget_lowers_the_revenue_from_its_step_on() -> None:
    """Proves: +25 % difficulty from 02:00 local on: 2 steps at full and 2 at 80 %. Sensitivity: the wrong time zone
    moves the step."""
    network = {
        "price": 64_000,
        "difficulty": 86e12,
        "retarget": {"at": "2024-08-19T02:00", "change": 0.25},
    }
    data = site_case(
        steps=4,
        timezone="America/Chicago",
        contracts=[spot(0)],
        assets=[fleet(hashprice_per_ph_day=None, bitcoin=network)],
    )
    ledger = solved(data).ledger
    amounts = ledger[ledger["line"] == "mining_revenue"]["amount"].to_numpy()
    assert amounts / amounts[0] == pytest.approx([1, 1, 0.8, 0.8])


# ---------------------------------------------------------------------- modes
def ladder(**fields: Any) -> dict[str, Any]:
    modes = [{"name": f"w{watts}", "hash_th_s": th_s, "power_w": watts} for watts, th_s in LADDER]
    return fleet(modes=modes, hashprice_per_ph_day=40, **fields)


def test_the_ladder_runs_the_step_whose_break_even_exceeds_the_price() -> None:
    """Proves: 1850, 2000, 2500, 2700 and 2970 W run below 68.5, 44.4, 40.0, 33.3 and 24.7, each seen just above and
    just below. Sensitivity: with mean instead of marginal J/TH all steps would run up to 56 and more."""
    prices = [68.5, 68.4, 44.5, 44.4, 40.1, 39.9, 33.4, 33.3, 24.7, 24.6]
    plan = solved(site_case(steps=10, contracts=[spot(prices)], assets=[ladder()]))
    assert running(plan) == [
        "",
        "w1850",
        "w1850",
        "w2000",
        "w2000",
        "w2500",
        "w2500",
        "w2700",
        "w2700",
        "w2970",
    ]


def test_the_overhead_of_cooling_shifts_the_ladder() -> None:
    """Proves: with 10 % overhead the step to 2000 W pays below 44.44 / 1.1 = 40.4. Sensitivity: without it at 40.5
    and 44 too."""
    data = site_case(
        steps=3,
        contracts=[spot([44, 40.5, 40.3])],
        assets=[ladder(cooling="air")],
        cooling=[{"kind": "hall", "name": "air", "overhead": 0.1}],
    )
    assert running(solved(data)) == ["w1850", "w1850", "w2000"]


def test_dominated_steps_are_named() -> None:
    warning = warnings_of(site_case(steps=1, contracts=[spot(50)], assets=[ladder()]))
    assert "w1740, w1800, w2150, w2300 lie below the envelope" in warning


def test_the_lowest_step_stays_where_machines_cannot_be_switched_freely() -> None:
    """Proves: at 200, 1740 W lose 240, less than the 345 of the last hour, than 500 for starting again and less
    than 1850 W lose (243). Sensitivity: a hull through the origin would keep no step below 1850 W."""
    assets = [ladder(start_cost=0.5, running_before=1000)]
    plan = solved(site_case(steps=3, contracts=[spot([10, 200, -60])], assets=assets))
    assert running(plan) == ["w2970", "w1740", "w2970"]


def test_drawing_more_power_for_less_hash_pays_at_negative_prices_only() -> None:
    """Proves: at -200 the step of 5 MW earns 380 + 1000, at 50 the normal one 225. Sensitivity: an envelope that
    stops at the highest hash gives 1100 + 225."""
    modes = [
        {"name": "normal", "hash_th_s": 200, "power_w": 3500},
        {"name": "boost", "hash_th_s": 190, "power_w": 5000},
    ]
    plan = solved(case([-200, 50], 2, modes=modes))
    assert plan.expected_profit == pytest.approx(1605)
    assert running(plan) == ["boost", "normal"]


def test_a_bundled_model_runs_at_its_nameplate() -> None:
    """Proves: the Antminer S21 has 200 TH/s and 3500 W: 225."""
    assert profit(case(50, 1, modes=None, model="Antminer S21")) == pytest.approx(225)


def test_whole_machines() -> None:
    """Proves: 3 MW of heat hold 857.14 machines at 0.225 each; whole ones 857: 192.825. Sensitivity: fractional
    192.857."""
    data = site_case(
        steps=1,
        contracts=[spot(50)],
        assets=[fleet(integer=True, cooling="air")],
        cooling=[{"kind": "hall", "name": "air", "heat_limit_mw": 3}],
    )
    assert profit(data) == pytest.approx(192.825)


# ---------------------------------------------------------------------- weather
def test_heat_derates_and_stops_the_machines() -> None:
    """Proves: at 25 °C 225; at 40 °C, three quarters of the way to 45, 0.85 of the hash for 1.075 of the power: 340
    - 188.125; at 50 °C they stop: 376.875. Sensitivity: without derating 450, without the stop 521.9."""
    ambient = {
        "temperature_c": [25, 40, 50],
        "hash_factor": [[25, 1.0], [45, 0.8]],
        "power_factor": [[25, 1.0], [45, 1.1]],
        "stop_above_c": 45,
    }
    plan = solved(case(50, 3, ambient=ambient))
    assert plan.expected_profit == pytest.approx(376.875)
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 3.7625, 0])


def test_weather_beyond_the_derating_table_is_refused() -> None:
    ambient: dict[str, Any] = {"temperature_c": [25, 50], "hash_factor": [[25, 1.0], [45, 0.8]]}
    text = refusals(case(50, 2, ambient=ambient))
    assert "assets[0].ambient.temperature_c" in text
    assert "2024-08-19T01:00" in text
    assert profit(case(50, 2, ambient=ambient | {"outside": "clamp"})) == pytest.approx(225 + 145)


# ---------------------------------------------------------------------- input
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "Antminer S21"}, "give either modes or model"),
        ({"modes": None}, "give either modes or model"),
        ({"modes": None, "model": "Antminer S 21"}, "did you mean Antminer S21"),
        ({"hashprice_per_ph_day": None}, "give either hashprice_per_ph_day or bitcoin"),
        ({"modes": [{"name": "on", "hash_th_s": 200, "power_w": 3.5}]}, "was 3500 meant"),
        ({"modes": [{"name": "on", "hash_th_s": 0.2, "power_w": 3500}]}, "hash_th_s in TH/s per machine"),
        ({"modes": [TWO_MODES[0], TWO_MODES[0]]}, "modes share a name"),
        ({"modes": []}, "modes: needs at least 1 entry"),
        ({"machines": 0}, "machines: found 0; must be at least 1"),
        ({"machines": 1000.5}, "machines"),
        ({"availability": 1.2}, "availability"),
        ({"pool_fee": 2}, "pool_fee: found 2; must be at most 1"),
        ({"running_before": 1001, "start_cost": 1}, "running_before: more units run before the horizon than there are"),
        ({"running_before": 0.5, "start_cost": 1, "integer": True}, "must be a whole number"),
        ({"commit": "dayahead"}, "commit"),
        ({"start_lost_minutes": 2000}, "start_lost_minutes: found 2000; must be at most 1440"),
        ({"cooling": "air"}, "air"),
        ({"ambient": {"temperature_c": 20}}, "give hash_factor, power_factor or stop_above_c"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(50, 2, **fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"min_up_hours": 3}, "min_up_hours: longer than the horizon of 2 h"),
        ({"min_down_hours": 3}, "min_down_hours: longer than the horizon of 2 h"),
        ({"running_before": 500}, "running_before: has no effect without a rule on starting or stopping"),
    ],
)
def test_odd_fields_are_pointed_out(fields: dict[str, Any], words: str) -> None:
    assert words in warnings_of(case(50, 2, **fields))


def test_plain_fields_raise_no_warning() -> None:
    assert warnings_of(case(50, 2, min_up_hours=2, running_before=500)) == ""


@pytest.mark.parametrize("fields", [{}, {"start_cost": 0.1, "start_lost_minutes": 90.0, "min_up_hours": 2.0}])
def test_the_audit_notices_falsified_results(fields: dict[str, Any]) -> None:
    assert unnoticed(solved(case([50, 150, 20, 20], 4, modes=TWO_MODES, standby_w=10, **fields)), "m") == []
