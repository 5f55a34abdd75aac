"""Backtests of several sites, of quarter hours, over a change of the clocks, from states that an earlier run has left;
and of files with members, which are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shipped
import yaml
from backtest_case import END, START, write_case
from small_case import fleet

import optimizer as opt
from optimizer.backtest.engine import decision_steps
from optimizer.backtest.explanation import costliest_hours
from optimizer.backtest.reading import read_case
from optimizer.backtest.record import snapped
from optimizer.backtest.running import backtest

DEAR, CHEAP = 200.0, 100.0
"""Prices per MWh at which a fleet loses 300 and earns 50 an hour (3.5 MW, 400 an hour)."""


def changed(file: Path, **sections: Any) -> Path:
    """The same file with other sections; those that are mappings are updated."""
    case = yaml.safe_load(file.read_text())
    for name, section in sections.items():
        case[name] = case.get(name, {}) | section if isinstance(section, Mapping) else section
    file.write_text(yaml.safe_dump(case), encoding="utf-8")
    return file


def rewritten(folder: Path, first: str, step: str, prices: Sequence[float]) -> None:
    """Other prices, from ``first`` (UTC) on."""
    stamps = pd.date_range(first, periods=len(prices), freq=step, tz="UTC")
    pd.DataFrame({"time": stamps, "price": prices}).to_csv(folder / "m.csv", index=False)


# ---------------------------------------------------------------------- several sites
def test_two_sites_at_prices_of_their_own(tmp_path: Path) -> None:
    """Proves: `a` is dear after noon, `b` before it, both unexpectedly. The schedule mines at both all day, 2 * 12 *
    (50 - 300); the strike price is told each site's own price, 2 * 12 * 50. The costliest hours name the site, and what
    each fleet drew. Sensitivity: a rule that saw the price of the first site would lose 12 * 300 at the second."""
    other = [CHEAP] * 48 + [DEAR] * 12 + [CHEAP] * 12
    supply = {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.north"}
    north = {"name": "b", "contracts": [supply], "assets": [fleet("m")]}
    file = write_case(tmp_path, [CHEAP] * 12 + [DEAR] * 12, columns={"north": other})
    case = yaml.safe_load(file.read_text())
    changed(file, sites=[*case["sites"], north])
    found = backtest(file, START, END, policies=["schedule", "strike_price"])
    assert found.table["profit"].to_dict() == pytest.approx(
        {"schedule": -6000.0, "strike_price": 1200.0, "always_on": -6000.0, "perfect_foresight": 1200.0}
    )
    assert found.table["peak_import_mw"]["schedule"] == pytest.approx(7.0)
    hours = costliest_hours(found, "schedule", 24)
    assert {hour.step: hour.regret for hour in hours} == pytest.approx(dict.fromkeys(range(24), 300.0))
    first = next(hour.why for hour in hours if hour.step == 0)
    assert first == (
        "a MWh cost 100 at a; a MWh cost 200 at b; m.north was expected at 100 and came at 200; "
        "b.m drew 3.5 MW, with foresight 0.0 MW"
    )


# ---------------------------------------------------------------------- members
def test_a_file_with_members_is_refused(tmp_path: Path) -> None:
    """Proves: what happened is one path; a data file with two is refused by name."""
    file = write_case(tmp_path, [CHEAP] * 24)
    table = pd.read_csv(tmp_path / "m.csv")
    pd.concat([table.assign(member=number) for number in (0, 1)]).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(opt.InputError, match=r"m\.csv: holds 2 members; what happened is one path"):
        backtest(file, START, END)


def test_an_ensemble_in_the_scenario_is_refused(tmp_path: Path) -> None:
    """Proves: so is a scenario that asks for two members, with the way out; with that it runs."""
    file = changed(write_case(tmp_path, [CHEAP] * 24), ensemble={"members": 2})
    with pytest.raises(opt.InputError, match=r"ensemble\.members: found 2 members.*ensemble\.members=1"):
        backtest(file, START, END)
    found = backtest(file, START, END, policies=["schedule"], overrides=["ensemble.members=1"])
    assert found.table["profit"]["schedule"] == pytest.approx(1200)


# ---------------------------------------------------------------------- states at the start
def test_a_peak_from_before_the_start_is_not_paid_again(tmp_path: Path) -> None:
    """Proves: a peak of 2 MW that the month has had is paid for already: of 3.5 MW at 1 a kW, 1,500 more, in every
    policy and in perfect foresight. Sensitivity: without the states 3,500."""
    charge = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 1.0}
    supply = {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}
    file = write_case(tmp_path, [0.0] * 24, 0.0, contracts=[supply, charge])
    changed(file, carry={"at": START, "components": {"tdu": {"peaks_mw": {"2024-08": 2.0}}}})
    found = backtest(file, START, END, policies=["deterministic", "schedule"])
    assert found.table["profit"].to_numpy() == pytest.approx(24 * 400 - 1500)


def test_stored_energy_from_before_the_start_is_there(tmp_path: Path) -> None:
    """Proves: 20 MWh that a battery holds are sold at 100, whatever the first window plans with. Sensitivity: with the
    scenario's own 5 MWh it would be 500."""
    battery = {"kind": "battery", "name": "b", "power_mw": 50, "energy_mwh": 100, "charge_efficiency": 1.0}
    battery |= {"discharge_efficiency": 1.0, "soc_start_mwh": 5, "soc_end_mwh": 0}
    contracts = [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": {"series": "m.price", "add": 1.0}},
        {"kind": "export", "name": "back", "price_per_mwh": "m.price"},
    ]
    file = write_case(
        tmp_path, [CHEAP] * 24, assets=[battery], contracts=contracts,
        grid={"import_limit_mw": 100, "export_limit_mw": 100},
    )  # fmt: skip
    changed(file, carry={"at": START, "components": {"b": {"soc_mwh": 20.0}}})
    found = backtest(file, START, END, policies=["deterministic"])
    assert found.table["profit"].to_numpy() == pytest.approx(2000.0)


def test_states_of_another_time_than_the_start_are_refused(tmp_path: Path) -> None:
    file = write_case(tmp_path, [CHEAP] * 24)
    changed(file, carry={"at": START, "components": {}})
    with pytest.raises(opt.InputError, match=r"the states are those of 2024-08-20T00:00, but the horizon starts at"):
        backtest(file, "2024-08-20T06:00", END)


# ---------------------------------------------------------------------- the clock
@pytest.mark.parametrize(
    ("midnight_utc", "day", "hours"),
    [("2024-11-03T05:00", "2024-11-03", 25), ("2024-03-10T06:00", "2024-03-10", 23)],
)
def test_a_decision_every_midnight_over_a_change_of_the_clocks(
    midnight_utc: str, day: str, hours: int, tmp_path: Path
) -> None:
    """Proves: the day on which the clocks go back (forward) in Chicago is one decision of 25 (23) hours, the next day
    starts at its midnight; an hour of 50 more (less) is earned on it. The forecast of each hour is that of the same
    hour of the clock, so a dear hour from 18:00 is expected at 18:00. Sensitivity: steps of 24 hours would be off by an
    hour on the second day, and mine in the dear hour."""
    midnight = pd.Timestamp(midnight_utc, tz="UTC")
    start = midnight - pd.Timedelta(days=3)
    stamps = pd.date_range(start, midnight + pd.Timedelta(hours=hours + 24), freq="h", inclusive="left")
    prices = np.where(stamps.tz_convert("America/Chicago").hour == 18, DEAR, CHEAP)
    file = write_case(tmp_path, [CHEAP] * 24, steps=25, settings={"every": "1d"})
    rewritten(tmp_path, start.isoformat(), "h", prices)
    changed(file, horizon={"timezone": "America/Chicago", "start": f"{day}T00:00"})
    found = backtest(file, f"{day}T00:00", policies=["schedule"])
    windows = found.windows["schedule"]
    assert [(window.first, window.steps) for window in windows] == [(0, hours), (hours, 24)]
    assert found.daily["schedule"].tolist() == pytest.approx([(hours - 1) * 50, 23 * 50])
    assert found.table["profit"]["schedule"] == pytest.approx(found.table["profit"]["perfect_foresight"])


def test_a_window_shorter_than_the_longest_day_is_refused(tmp_path: Path) -> None:
    """Proves: with 24 steps planned a day of 25 hours cannot be carried out, which is told before anything is."""
    file = write_case(tmp_path, [CHEAP] * 24, steps=24, settings={"every": "1d"})
    rewritten(tmp_path, "2024-10-31T05:00", "h", [CHEAP] * 121)
    changed(file, horizon={"timezone": "America/Chicago", "start": "2024-11-03T00:00"})
    with pytest.raises(opt.InputError, match="found 1d: 25 steps are carried out, but only 24 planned"):
        backtest(file, "2024-11-03T00:00")


def test_a_start_at_noon_and_an_end_between_decisions(tmp_path: Path) -> None:
    """Proves: with a decision every midnight the first lasts from noon to it, the last until the end."""
    file = write_case(tmp_path, [CHEAP] * 24, steps=24, settings={"every": "1d"})
    rewritten(tmp_path, "2024-08-17T00:00", "h", [CHEAP] * 120)
    case = read_case(file, "2024-08-19T12:00", "2024-08-20T18:00")
    assert decision_steps(case) == [(0, 12), (12, 18)]
    found = backtest(file, "2024-08-19T12:00", "2024-08-20T18:00", policies=["schedule"])
    assert found.daily["schedule"].to_dict() == pytest.approx({"2024-08-19": 600.0, "2024-08-20": 900.0})


# ---------------------------------------------------------------------- quarter hours
def test_quarter_hours_decided_hour_by_hour(tmp_path: Path) -> None:
    """Proves: four quarter hours are carried out for each hourly decision. An hour is dear from 03:15 to 04:15; the
    price of the quarter hour before is expected (persistence), so the schedule, decided at 03:00 and 04:00, mines in
    the three dear quarters of the first, loses 3 * 300 / 4, stands still in all of the second, of which three are
    cheap, and goes on at 05:00. The other 5 hours it earns 50, and 50 / 4 at 03:00. Who reacts in each quarter loses
    nothing: 7 * 50."""
    prices = np.full(32, CHEAP)
    prices[13:17] = DEAR
    file = write_case(
        tmp_path, [CHEAP] * 24,
        settings={"every": "1h", "forecasts": [{"kind": "persistence", "columns": ["m.price"]}]},
    )  # fmt: skip
    rewritten(tmp_path, "2024-08-18T00:00", "15min", [*np.full(192, CHEAP), *prices])
    changed(file, horizon={"step": "15min", "steps": 8})
    found = backtest(file, START, "2024-08-20T08:00", policies=["schedule", "deterministic"])
    windows = found.windows["schedule"]
    assert [window.steps for window in windows] == [4] * 8
    # 03:00: 12.5 - 225; 04:00: still; six other hours
    assert found.table["profit"]["schedule"] == pytest.approx(6 * 50 + 50 / 4 - 3 * 300 / 4)
    assert found.table["profit"]["deterministic"] == pytest.approx(7 * 50)
    assert found.table["profit"]["perfect_foresight"] == pytest.approx(7 * 50)
    regret = found.regret("schedule").to_numpy()
    assert regret == pytest.approx([*[0] * 13, *[75] * 3, 0, *[12.5] * 3, *[0] * 12])


# ---------------------------------------------------------------------- many contracts
def test_two_days_under_a_whole_contract_book(tmp_path: Path) -> None:
    """Proves: blocks, a wind contract whose volume is forecast, demand response, peaks and taxes of the shipped month
    go through windows and settlement: nothing fails, nobody is beyond what is proven. Sensitivity: the wind share of a
    still hour comes back from the forecast as -5e-16, which the contract refuses as a volume below 0."""
    overrides = ["horizon.steps=36", "sites.odessa.contracts.co2.matched_fraction=0"]
    found = backtest(
        shipped.FOLDER / "contract_month.yaml", "2024-08-21T00:00", "2024-08-23T00:00", policies=["schedule"],
        overrides=overrides, out=tmp_path / "o",
    )  # fmt: skip
    assert found.failures == {}
    assert (found.table["profit"] <= found.bound * (1 + 1e-9)).all()
    assert found.table["capture"]["schedule"] > 0.3


def test_only_rounding_is_put_on_the_ends_of_what_was_known() -> None:
    """Proves: within 1e-9 of the largest known value a forecast lies on the end, beyond that it is left; blanks of the
    history count for nothing."""
    known = np.array([0.0, np.nan, 200.0])
    values = np.array([[-5e-16, -1e-3, 50.0, 200.0 + 1e-8, 200.1]])
    assert snapped(values, known).tolist() == [[0.0, -1e-3, 50.0, 200.0, 200.1]]
    assert snapped(values, np.array([np.nan])).tolist() == values.tolist()
