"""What a window is charged of what is paid for longer than it, beside the figure of one that is charged the whole.

One fleet of 3.5 MW that earns 400 an hour (114.29 per MWh), one day, decisions every 6 hours that see 12 and know all
prices in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backtest_case import END, START, write_case
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.backtest import record
from optimizer.backtest.engine import run_policy
from optimizer.backtest.policies import by_name
from optimizer.backtest.reading import read_case
from optimizer.backtest.running import backtest
from optimizer.backtest.weighing import as_weighed
from optimizer.energy_blocks import Block, cost_from_start, divided
from optimizer.horizon import Horizon
from optimizer.rest_of_period import Ahead, ChargedOverPeriods
from optimizer.scenario import Risk
from optimizer.take_or_pay import Account

SPOT = {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}
KNOWN = {"published": {"m.price": "always"}}


def demand(**fields: Any) -> dict[str, Any]:
    return {"kind": "demand_charge", "name": "tdu"} | fields


def day(first: float, second: float, rest: float) -> list[float]:
    """Prices of the first six hours, the next six, and the twelve after them."""
    return [first] * 6 + [second] * 6 + [rest] * 12


def profits(path: Path, policy: str = "deterministic") -> tuple[float, float]:
    """Profit of a policy, and of perfect foresight."""
    table = backtest(path, START, END, policies=[policy]).table["profit"]
    return float(table[policy]), float(table["perfect_foresight"])


def unweighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every window be charged as if it were all that there is."""
    monkeypatch.setattr(record, "as_weighed", lambda scenario, ahead: scenario)


# ---------------------------------------------------------------------- a highest load
@pytest.mark.parametrize("policy", ["schedule", "deterministic", "ensemble", "strike_price"])
def test_a_peak_that_pays_over_the_rest_of_the_time_is_set(policy: str, tmp_path: Path) -> None:
    """Proves: mining at 100 earns 50 an hour, and its peak of 3.5 MW costs 700: more than the 600 of a window of 12
    hours, less than the 1,200 of the day. Each policy mines all day: 1,200 - 700. Sensitivity: a window that is charged
    the whole of it stands still, and so does the next, all day long."""
    case = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(rate_per_kw_month=0.2)])
    assert profits(case, policy) == pytest.approx((1200 - 700, 1200 - 700))


def test_a_peak_that_does_not_pay_in_the_rest_of_the_time_is_not_set(tmp_path: Path) -> None:
    """Proves: at 1,225 for the peak nothing is mined, by a part of one half in the first window, two thirds in the
    second and the whole in the last two. Sensitivity: a part that is less than the time would mine at a loss."""
    case = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(rate_per_kw_month=0.35)])
    assert profits(case) == pytest.approx((0.0, 0.0))


@pytest.mark.parametrize(("day_costs", "earned"), [(700.0, 500.0), (1225.0, 0.0)])
def test_a_month_that_is_charged_by_the_share_covered_is_weighed_once(
    day_costs: float, earned: float, tmp_path: Path
) -> None:
    """Proves: with ``prorate`` the day is charged 1/31 of the month's rate, and a window its part of that. Sensitivity:
    taken as its share of the month and of that its part, a peak of 1,225 would be seen as 306 by half a day that earns
    600, and the day would lose 25."""
    rate = day_costs / 3500 * 31
    case = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(rate_per_kw_month=rate, prorate=True)])
    assert profits(case) == pytest.approx((earned, earned), abs=1e-6)


def test_a_coincident_peak_is_weighed_by_the_known_hours_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: the highest load in four known hours, one in each quarter of the day, costs 150, and each of them earns
    50. Two of them are in a window, so it is charged 75 for the 100 that they earn: 24 * 50 - 150. Charged the whole,
    each window stands still in them: 20 * 50."""
    hours = [f"2024-08-20T{hour:02d}:00" for hour in (0, 6, 12, 18)]
    peak = {"kind": "coincident_peak", "name": "cp", "rate_per_kw": 150 / 3500, "hours": hours}
    case = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, peak])
    assert profits(case) == pytest.approx((1050.0, 1050.0))
    unweighed(monkeypatch)
    assert profits(case)[0] == pytest.approx(1000.0)


# ---------------------------------------------------------------------- a sum against a threshold
BLOCK = {"kind": "fixed_block", "name": "block", "volume_mw": 3.5, "price_per_mwh": "m.price"}
ELECTED = {"kind": "elected_block", "name": "block", "max_mw": 3.5, "price_per_mwh": "m.price"}


@pytest.mark.parametrize("block", [BLOCK, ELECTED | {"elected_mw": {"2024-08": 3.5}}], ids=["fixed", "elected"])
def test_take_or_pay_still_owed_is_spread_over_the_hours_left(
    block: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: 42 of 84 MWh have to be taken. Six hours at 50 earn 225 each and take 21; the other 21 lose least in the
    six hours at 120 (20 each, against 300 in those at 200): 1,350 - 120. The second window sees two thirds of what is
    left, at whose end 0.5 * 84 - 21 = 21 are owed, takes 14 of them in four hours at 120, and leaves two hours at
    200: 1,350 - 80 - 600. Charged for the hours up to its end alone it owes 0.5 * 63 - 21 = 10.5 and leaves three:
    1,350 - 60 - 900."""
    path = write_case(
        tmp_path, day(50.0, 120.0, 200.0), contracts=[block | {"take_or_pay_fraction": 0.5}], settings=KNOWN
    )
    assert profits(path) == pytest.approx((670.0, 1230.0))
    unweighed(monkeypatch)
    assert profits(path)[0] == pytest.approx(390.0)


def test_a_minimum_bill_still_to_be_reached_is_spread_over_the_hours_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: the day costs at least 3,000, and its first six hours at 100 cost 2,100. The other 900 are paid in any
    case, best for mining at 120 (420 an hour): 2,400 + 900 / 420 * 400 - 3,000. The second window uses two thirds of
    them so, and leaves 300 for hours at 150 (525 an hour). Charged up to its own end alone, where 3,000 * 18 / 24 are
    due, it uses 150."""
    bill = {"kind": "minimum_bill", "name": "least", "on": ["spot"], "per_month": 31 * 3000.0}
    path = write_case(tmp_path, day(100.0, 120.0, 150.0), contracts=[SPOT, bill], settings=KNOWN)
    best = 2400 + 900 / 420 * 400 - 3000
    assert profits(path) == pytest.approx((2400 + 600 / 420 * 400 + 300 / 525 * 400 - 3000, best), abs=1.0)
    unweighed(monkeypatch)
    assert profits(path)[0] == pytest.approx(2400 + 150 / 420 * 400 + 750 / 525 * 400 - 3000, abs=1.0)


def test_the_cheap_block_of_a_tariff_is_spread_over_the_hours_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: 42 MWh of the month cost 60, all others 130, and hours cost 42, 40 and 0 on top. The cheap ones earn most
    in the twelve hours without: 12 * 190. The first window sees half of them and would use them at 40, in its second
    half; the second sees 28, of which 7 are used at 40 (2 * 50), and 35 are left (10 * 190). A window that sees all of
    them uses 21 at once, at 42 (6 * 43), and 6 * 190 are left."""
    blocks = [{"up_to_mwh": 42.0, "price_per_mwh": 60.0}, {"price_per_mwh": 130.0}]
    tariff = {"kind": "energy_tariff", "name": "t", "rates": [{"blocks": blocks}], "adder_per_mwh": "m.price"}
    path = write_case(tmp_path, day(42.0, 40.0, 0.0), contracts=[tariff], settings=KNOWN)
    assert profits(path) == pytest.approx((2 * 50 + 10 * 190, 12 * 190))
    unweighed(monkeypatch)
    assert profits(path)[0] == pytest.approx(6 * 43 + 6 * 190)


def test_states_are_counted_by_the_contracts_own_terms(tmp_path: Path) -> None:
    """Proves: after six hours of 350 and a peak of 700 a minimum bill on both has seen charges of 2,800. Sensitivity:
    the window itself was charged half of the peak, 350, and the month would come to less than it has cost."""
    bill = {"kind": "minimum_bill", "name": "least", "on": ["spot", "tdu"], "per_month": 31 * 100.0}
    path = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(rate_per_kw_month=0.2), bill])
    case = read_case(path, START, END)
    first = run_policy(case, by_name("deterministic", case.settings, Risk()))[0]
    assert first.carry["components"]["least"]["charges"] == pytest.approx({"2024-08": 6 * 350 + 700})
    assert first.carry["components"]["tdu"]["peaks_mw"] == pytest.approx({"2024-08": 3.5})


# ---------------------------------------------------------------------- an election
def test_a_month_is_elected_by_the_forecast_and_not_by_what_came(tmp_path: Path) -> None:
    """Proves: at the start of September spot power has cost 200 on both days before, so 3.5 MW are elected at 80, of
    which all is paid: 24 * (400 - 280). It then costs 50 all day, and whoever had known that had elected nothing:
    24 * (400 - 175). What is elected by a window is what the month is settled by."""
    block = ELECTED | {"price_per_mwh": 80.0}
    path = write_case(tmp_path, [50.0] * 24, 200.0, contracts=[SPOT, block], start="2024-09-01T00:00")
    found = backtest(path, "2024-09-01T00:00", "2024-09-02T00:00", policies=["deterministic"])
    assert found.table["profit"]["perfect_foresight"] == pytest.approx(24 * 225)
    assert found.table["profit"]["deterministic"] == pytest.approx(24 * 120)
    elected = found.plans["deterministic"].dispatch["elected_mw"].to_numpy()
    assert np.nanmax(elected) == np.nanmin(elected) == pytest.approx(3.5)
    carried = found.windows["deterministic"][-1].carry["components"]["block"]["elected_mw"]
    assert carried["2024-09"] == pytest.approx(3.5)


# ---------------------------------------------------------------------- how often the window fits
def ahead(start: str, steps: int = 48, days: int = 45) -> Ahead:
    """A window of a record of some days from August 2024 on."""
    whole = Horizon(start="2024-08-01T00:00", steps=days * 24, step="1h", timezone="UTC")
    return Ahead(Horizon(start=start, steps=steps, step="1h", timezone="UTC"), whole)


@pytest.mark.parametrize(
    ("start", "august", "september"),
    [
        ("2024-08-01T00:00", 31 / 2, 1.0),
        ("2024-08-21T00:00", 11 / 2, 1.0),
        ("2024-08-31T00:00", 1.0, 14.0),
        ("2024-09-13T00:00", 1.0, 1.0),
    ],
)
def test_what_is_left_of_a_month_shrinks_towards_its_end(start: str, august: float, september: float) -> None:
    """Proves: two days at the beginning of August of a record from August to the middle of September, in its middle,
    across its end, where all that is left of August and 1 of 14 days of September are covered, and at the end of the
    record."""
    found = ahead(start)
    assert found.windows_left(found.whole, "month") == pytest.approx([august, september])
    assert found.windows_left(found.window, "horizon") == pytest.approx([1.0])
    assert found.covered(found.whole) == pytest.approx([1.0, 14 / 30])


def test_other_periods_and_the_same_month_a_year_later() -> None:
    """Proves: of a record of two years a window is charged for this August alone, for this year, and for each of its
    days whole."""
    found = ahead("2024-08-01T00:00", days=2 * 366)
    assert found.windows_left(found.window, "month") == pytest.approx([31 / 2])
    assert found.windows_left(found.window, "year") == pytest.approx([153 / 2])
    assert found.windows_left(found.window, "day") == pytest.approx([1.0, 1.0])


def test_tiers_bundles_and_the_portfolio_are_weighed_too(tmp_path: Path) -> None:
    """Proves: a charge with tiers, one within a tariff and one of the portfolio know of the window; what charges by the
    step is the very same, and so is a scenario that has nothing else."""
    tiers = [{"up_to_mw": 1.0, "rate_per_kw_month": 1.0}, {"rate_per_kw_month": 2.0}]
    bundle = {"kind": "tariff", "name": "t", "charges": [demand(rate_per_kw_month=4.0)]}
    path = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(tiers=tiers), bundle])
    every = "contracts=[{kind: demand_charge, name: all, rate_per_kw_month: 3}]"
    scenario = read_case(path, START, END, overrides=[every]).record.scenario
    seen = Ahead(scenario.horizon, scenario.horizon)
    weighed = as_weighed(scenario, seen)
    spot, tiered, tariff = weighed.sites[0].contracts
    assert spot is scenario.sites[0].contracts[0]
    for charge in (tiered, tariff.charges[0], weighed.contracts[0]):  # type: ignore[attr-defined]
        assert isinstance(charge, ChargedOverPeriods)
        assert charge._ahead is seen
    plain = read_case(write_case(tmp_path, [100.0] * 24), START, END).record.scenario
    assert as_weighed(plain, seen) is plain


# ---------------------------------------------------------------------- the rule itself
AMOUNT = st.floats(0.0, 500.0)


@settings(deadline=None, max_examples=50)
@given(taken=AMOUNT, offered=AMOUNT, own=st.tuples(AMOUNT, AMOUNT), n=st.floats(1.0, 40.0), share=st.floats(0.0, 1.0))
def test_n_windows_together_owe_what_the_rest_of_the_period_owes(
    taken: float, offered: float, own: tuple[float, float], n: float, share: float
) -> None:
    """Proves: ``n`` times what a window owes is what is owed at the end of a period whose rest is ``n`` such
    windows."""

    def account(taken: float, offered: float) -> Account:
        return Account(*(np.array([[value]]) for value in (taken, offered, 30.0 * offered)))

    before, window, rest = account(taken, offered), account(*own), account(n * own[0], n * own[1])
    of_window = (before.divided(np.array([n])) + window).charge(share)
    assert n * of_window == pytest.approx((before + rest).charge(share), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(energy=AMOUNT, n=st.floats(1.0, 40.0), ends=st.lists(st.floats(1.0, 300.0), min_size=1, max_size=3, unique=True))
def test_n_windows_together_fill_the_blocks_of_the_rest(energy: float, n: float, ends: Sequence[float]) -> None:
    """Proves: ``n`` times what energy costs in a window's part of the blocks is what ``n`` times the energy costs."""
    blocks = [Block(up_to_mwh=end, price_per_mwh=10.0 * end) for end in sorted(ends)] + [Block(price_per_mwh=7.0)]
    own = n * cost_from_start(divided(blocks, n), np.array([energy]))
    assert own == pytest.approx(cost_from_start(blocks, np.array([n * energy])), abs=1e-6)
