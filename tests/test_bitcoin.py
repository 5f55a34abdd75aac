"""Hashprice, subsidy and difficulty against published figures and the protocol's rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from optimizer.bitcoin import BitcoinNetwork, hashprice_per_ph_day, subsidy_btc
from optimizer.horizon import Horizon
from optimizer.load_context import LoadContext

DAILY = Path(__file__).resolve().parents[2] / "shared" / "data" / "bitcoin" / "btc_daily_2020_2024.csv"
HORIZON = Horizon(start="2024-08-19T00:00", steps=48 * 24, timezone="America/Chicago")


def network(change: float, at: str = "2024-08-22T06:30", key: str = "change") -> BitcoinNetwork:
    data = {"price": 64_000, "difficulty": 100.0, "retarget": {"at": at, key: change}}
    return BitcoinNetwork.model_validate(data, context=LoadContext(HORIZON, 1))


def path(change: float, at: str = "2024-08-22T06:30") -> NDArray[np.float64]:
    given = np.full((1, HORIZON.steps), 100.0)
    return network(change, at).difficulty_path(HORIZON.utc, HORIZON.timezone, given).ravel()


def test_hashprice_check_value() -> None:
    """Proves: difficulty 125e12, 3.21875 BTC a block and 100,000 a BTC give 51.8. Sensitivity: 2**31 hashes per
    difficulty give 103.6, an hour instead of a day 2.16."""
    assert hashprice_per_ph_day(125e12, 3.21875, 100_000) == pytest.approx(51.8, abs=0.005)


def test_hashprice_with_a_pool_fee() -> None:
    """Proves: a fee of 2 % leaves 98 %. Sensitivity: dividing by 1.02 leaves 98.04 %."""
    assert hashprice_per_ph_day(1e14, 3.2, 60_000, 0.02) == pytest.approx(
        0.98 * hashprice_per_ph_day(1e14, 3.2, 60_000)
    )


@pytest.mark.parametrize(
    ("instant", "subsidy"),
    [
        ("2012-11-28T15:24:37Z", 50),
        ("2012-11-28T15:24:38Z", 25),
        ("2016-07-09T16:46:13Z", 12.5),
        ("2020-05-11T19:23:42Z", 12.5),
        ("2020-05-11T19:23:43Z", 6.25),
        ("2024-04-20T00:09:26Z", 6.25),
        ("2024-04-20T00:09:27Z", 3.125),
        ("2028-01-01T00:00Z", 3.125),
        ("2029-01-01T00:00Z", 1.5625),
        ("2033-01-01T00:00Z", 0.78125),
    ],
)
def test_subsidy_by_time(instant: str, subsidy: float) -> None:
    """Proves: each halving at its block's time, the next ones about every four years (210,000 blocks of ten
    minutes)."""
    assert subsidy_btc(pd.DatetimeIndex([pd.Timestamp(instant)])).tolist() == [subsidy]


def test_subsidy_within_a_horizon_that_spans_a_halving() -> None:
    utc = pd.date_range("2024-04-19T22:00Z", periods=4, freq="h")
    assert subsidy_btc(utc).tolist() == [6.25, 6.25, 6.25, 3.125]


def test_a_retarget_steps_at_its_local_time_and_every_14_days_after() -> None:
    """Proves: +3 % from the first step that starts at or after 06:30 on 22 August in Chicago, again 14 days later.
    Sensitivity: read as UTC the step comes 5 hours earlier; added up instead of compounded the third level is 109."""
    difficulty = path(0.03)
    first = 3 * 24 + 7
    assert difficulty[first - 1] == 100
    assert difficulty[first] == pytest.approx(103)
    assert difficulty[first + 14 * 24 - 1] == pytest.approx(103)
    assert difficulty[first + 14 * 24] == pytest.approx(103 * 1.03)
    assert difficulty[first + 28 * 24] == pytest.approx(103 * 1.03**2)


def test_a_retarget_on_the_start_of_a_step_counts_from_that_step() -> None:
    difficulty = path(0.03, "2024-08-22T06:00-05:00")
    assert difficulty[3 * 24 + 5] == 100
    assert difficulty[3 * 24 + 6] == pytest.approx(103)


def test_a_retarget_before_the_horizon_has_already_happened() -> None:
    """Proves: the given difficulty is that before the retarget named, wherever it lies."""
    assert path(0.5, "2024-08-18T00:00")[0] == pytest.approx(150)


@pytest.mark.parametrize(("change", "factor"), [(9.0, 4.0), (3.0, 4.0), (-0.9, 0.25), (-0.75, 0.25), (0.5, 1.5)])
def test_the_protocol_clamps_a_retarget_to_a_factor_of_four(change: float, factor: float) -> None:
    """Proves: +900 % counts as x4 and -90 % as x1/4. Sensitivity: without the clamp 10 and 0.1."""
    assert path(change)[3 * 24 + 7] == pytest.approx(100 * factor)


# ---------------------------------------------------------------------- growth of the network
def test_growth_of_the_network_moves_the_difficulty_epoch_by_epoch() -> None:
    """Proves: +50 % a year are 1.54 % in epochs of 13 days 18.9 hours: 330.9 hours from the first retarget to the
    second. Sensitivity: an even share of the year, 1.5 ** (14 / 365.25), is 1.57 % in epochs of 14 days."""
    growing = network(0.5, key="network_growth_per_year")
    assert growing.retarget is not None
    assert growing.retarget.factor == pytest.approx(1.01542, abs=1e-5)
    assert growing.retarget.epoch_days * 24 == pytest.approx(330.9, abs=0.05)
    difficulty = growing.difficulty_path(HORIZON.utc, HORIZON.timezone, np.full((1, HORIZON.steps), 100.0)).ravel()
    first = 3 * 24 + 7
    assert difficulty[first - 1] == 100
    assert difficulty[first : first + 330] == pytest.approx(101.542, abs=1e-3)
    assert difficulty[first + 331] == pytest.approx(100 * 1.015423**2, abs=1e-3)


@pytest.mark.parametrize("growth", [-0.9, -0.3, 0.0, 0.5, 3.0])
def test_retargets_of_a_year_add_up_to_its_growth(growth: float) -> None:
    """Proves: a retarget is 14 days over what the epoch took, and those of a year make up the growth. Sensitivity: with
    epochs of 14 days +300 % a year would come to +273 %."""
    retarget = network(growth, key="network_growth_per_year").retarget
    assert retarget is not None
    assert retarget.factor == pytest.approx(14 / retarget.epoch_days)
    assert retarget.factor ** (365.25 / retarget.epoch_days) == pytest.approx(1 + growth)


@pytest.mark.skipif(not DAILY.is_file(), reason="the real data of 2024 are not beside the project")
def test_a_steady_growth_follows_the_real_difficulty_of_2024() -> None:
    """Proves: from the difficulty of 1 January, the growth of the year and the day of the first retarget alone, the
    path stays within 15 % of the real one all year, and ends at it within 2 %. Sensitivity: without growth it ends
    a third too low."""
    table = pd.read_csv(DAILY)
    real = table[table["date_utc"].str.startswith("2024")]["difficulty_mean"].to_numpy()
    days = pd.date_range("2024-01-01", periods=len(real), tz="UTC")
    first = str(days[int(np.argmax(np.abs(np.diff(real)) > 0)) + 1].date())
    growth = (real[-1] / real[0]) ** (365.25 / len(real)) - 1
    data = {"price": 1, "difficulty": 1.0, "retarget": {"at": first, "network_growth_per_year": growth}}
    given = np.full((1, len(real)), real[0])
    path = BitcoinNetwork.model_validate(data).difficulty_path(days, "UTC", given).ravel()
    assert path == pytest.approx(real, rel=0.15)
    assert path[-1] == pytest.approx(real[-1], rel=0.02)


@pytest.mark.parametrize(
    "fields",
    [
        {"price": 0},
        {"difficulty": 0},
        {"difficulty": -1},
        {"fees_per_block_btc": -0.1},
        {"retarget": {"at": "2024-08-22T06:30", "change": -1.0}},
        {"retarget": {"at": "soon", "change": 0.1}},
        {"retarget": {"at": "2024-08-22T06:30"}},
        {"retarget": {"at": "2024-08-22T06:30", "change": 0.1, "network_growth_per_year": 0.5}},
        {"retarget": {"at": "2024-08-22T06:30", "network_growth_per_year": -1.0}},
        {"retarget": {"at": "2024-08-22T06:30", "network_growth_per_year": 150.0}},
        {"retarget": {"at": "2024-08-22T06:30", "change": float("nan")}},
        {"reward": 3.1},
    ],
)
def test_bad_network_data_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BitcoinNetwork.model_validate({"price": 64_000, "difficulty": 86e12} | fields, context=LoadContext(HORIZON, 1))
