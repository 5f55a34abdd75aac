"""pandas and xarray objects in place of files and of lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import optimizer as opt

PRICES = [100.0, 120.0, -50.0, 114.0]
"""Of the smallest scenario, whose profit is 626 by hand."""
START = "2024-08-19T00:00"


def data(price: Any, zone: str = "UTC") -> dict[str, Any]:
    """The smallest scenario with a price of any form."""
    machines = {"kind": "miner_fleet", "name": "m", "machines": 1000, "hashprice_per_ph_day": 48}
    return {
        "format": 1,
        "name": "smallest",
        "horizon": {"start": START, "steps": 4, "step": "1h", "timezone": zone},
        "sites": [
            {
                "name": "a",
                "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": price}],
                "assets": [machines | {"modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}]}],
            }
        ],
    }


def hours(first: str = START, count: int = 4, zone: str | None = "UTC") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq="h", tz=zone)


@pytest.mark.parametrize(
    "price",
    [
        np.array(PRICES),
        pd.Series(PRICES),
        pd.Series(PRICES, index=hours()),
        pd.Series([7.0, *PRICES, 9.0], index=hours("2024-08-18T23:00", 6)),
        pd.Series([7.0, *PRICES, 9.0], index=hours("2024-08-18T23:00", 6))[::-1],
        pd.Series(PRICES, index=hours(zone=None)),
        xr.DataArray(PRICES, dims="time"),
        xr.DataArray([7.0, *PRICES], dims="time", coords={"time": hours("2024-08-18T23:00", 5, None)}),
        {"series": pd.Series(np.array(PRICES) / 2, index=hours()), "scale": 2},
    ],
    ids=["array", "numbers", "times", "longer", "backwards", "wall clock", "xarray", "xarray times", "scaled"],
)
def test_a_field_takes_arrays_and_series_objects(price: Any) -> None:
    """Proves: values are taken by their time where they have one. Taken by position the longer ones would not fit."""
    assert opt.optimize(opt.scenario_from_dict(data(price))).expected_profit == pytest.approx(626)


def test_wall_clock_and_utc_differ_where_the_clock_does() -> None:
    """Proves: naive pandas times are the horizon's wall clock, naive xarray times UTC: five hours apart in Chicago."""
    local = pd.Series([*PRICES, 1.0, 2.0, 3.0, 4.0, 5.0], index=hours(count=9, zone=None))
    in_chicago = opt.scenario_from_dict(data(local, "America/Chicago"))
    assert in_chicago.sites[0].contracts[0].price_per_mwh.values[0].tolist() == PRICES  # type: ignore[attr-defined]
    utc = xr.DataArray(local.to_numpy(), dims="time", coords={"time": local.index})
    shifted = opt.scenario_from_dict(data(utc, "America/Chicago")).sites[0].contracts[0]
    assert shifted.price_per_mwh.values[0].tolist() == [2.0, 3.0, 4.0, 5.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"price": PRICES}, index=hours()),
        pd.DataFrame({"time": hours(), "price": PRICES}),
        pd.DataFrame({"price": PRICES}, index=hours(zone=None)),
        pd.Series(PRICES, index=hours(), name="price"),
        xr.Dataset({"price": ("time", PRICES)}, {"time": hours(zone=None)}),
        xr.DataArray(PRICES, dims="time", coords={"time": hours(zone=None)}, name="price"),
    ],
    ids=["index", "column", "naive", "series", "dataset", "array"],
)
def test_an_object_stands_in_for_the_file_of_a_source(frame: Any, tmp_path: Path) -> None:
    """Proves: for a source of the file or a new one, also in a folder without files; its plan can be run again."""
    new = opt.scenario_from_dict(data("market.price"), tmp_path, frames={"market": frame})
    declared = data("market.price") | {"data": {"market": {"file": "not-there.csv"}}}
    known = opt.scenario_from_dict(declared, tmp_path, frames={"market": frame})
    for scenario in (new, known):
        plan = opt.optimize(scenario)
        assert plan.expected_profit == pytest.approx(626)
    plan.save(tmp_path / "results")
    assert opt.optimize(opt.load(tmp_path / "results" / "scenario.yaml")).expected_profit == pytest.approx(626)
    swept = opt.sweep(new, {"sites.a.assets.m.machines": [500, 1000]})
    assert swept["expected_profit"].values.tolist() == pytest.approx([313, 626])


def test_members_may_be_columns_or_levels() -> None:
    """Proves: one row of values per member, from an index of member and time and from two dimensions."""
    two = [PRICES, [price + 1 for price in PRICES]]
    levels = pd.concat({member: pd.Series(row, index=hours(), name="price") for member, row in enumerate(two)})
    levels.index.names = ["member", None]
    array = xr.DataArray(two, dims=("member", "time"), coords={"time": hours(zone=None), "member": [0, 1]})
    ensemble = {"ensemble": {"members": 2}}
    for scenario in (
        opt.scenario_from_dict(data("market.price") | ensemble, frames={"market": levels}),
        opt.scenario_from_dict(data("market.price") | ensemble, frames={"market": array.rename("price")}),
        opt.scenario_from_dict(data(array) | ensemble),
    ):
        assert scenario.sites[0].contracts[0].price_per_mwh.values.tolist() == two  # type: ignore[attr-defined]


def test_a_file_of_the_scenario_is_replaced_by_a_frame(tmp_path: Path) -> None:
    """Proves: ``load`` with the frames of a notebook: the file is not read, not even for what it says."""
    (tmp_path / "market.csv").write_text("time,price\nnonsense,1\n")
    text = (
        f"format: 1\nname: s\nhorizon: {{start: {START}, steps: 4, step: 1h, timezone: UTC}}\n"
        "data: {market: {file: market.csv}}\nsites:\n  - name: a\n"
        "    contracts: [{kind: index_supply, name: spot, price_per_mwh: market.price}]\n"
        "    assets: [{kind: miner_fleet, name: m, machines: 1000, modes: [{name: on, hash_th_s: 200, power_w: 3500}],"
        " hashprice_per_ph_day: 48}]\n"
    )
    file = tmp_path / "s.yaml"
    file.write_text(text)
    frame = pd.DataFrame({"price": PRICES}, index=hours())
    assert opt.optimize(opt.load(file, frames={"market": frame})).expected_profit == pytest.approx(626)


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (pd.Series(PRICES[:3], index=hours(count=3)), "has no value at 2024-08-19T03:00"),
        (pd.Series(PRICES[:3]), "found 3 values; must be one for each of 4 steps"),
        (pd.Series([*PRICES, 1.0], index=hours().append(hours(count=1))), "has the time 2024-08-19T00:00"),
        (xr.DataArray([PRICES], dims=("site", "time")), "found the dimensions site, time; must be time"),
    ],
)
def test_series_objects_that_do_not_fit_are_refused(price: Any, told: str) -> None:
    with pytest.raises(opt.InputError, match=told) as refused:
        opt.scenario_from_dict(data(price))
    assert "sites[0].contracts[0].price_per_mwh" in str(refused.value)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ([1, 2], "found list; must be a pandas DataFrame"),
        (pd.DataFrame({"price": PRICES}), "has neither a DatetimeIndex nor a column 'time'; columns: price"),
        (pd.DataFrame({"price": []}, index=hours(count=0)), "holds no rows"),
        (xr.Dataset({"price": 3.0}), "holds no variable over time"),
    ],
)
def test_frames_that_hold_no_series_are_refused(frame: Any, told: str) -> None:
    with pytest.raises(opt.InputError, match=told):
        opt.scenario_from_dict(data("market.price"), frames={"market": frame})


def test_a_hole_in_a_frame_is_told_as_that_of_a_file() -> None:
    frame = pd.DataFrame({"price": [1.0, np.nan, 3.0, 4.0]}, index=hours())
    with pytest.raises(opt.InputError, match=r"market \(in memory\), column 'price': found a blank cell"):
        opt.scenario_from_dict(data("market.price"), frames={"market": frame})
