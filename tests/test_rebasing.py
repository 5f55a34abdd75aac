"""Windows of a scenario and other values of its columns, against reading the file anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shipped import FOLDER, STEMS

import optimizer as opt
from optimizer.parts import place
from optimizer.quantities import Series
from optimizer.rebasing import rebased, window
from optimizer.scenario import Ensemble, Scenario


def all_series(value: Any, place: str = "") -> dict[str, Series]:
    """Every series of a scenario by its place."""
    if isinstance(value, Series):
        return {place: value}
    if hasattr(value, "model_fields_set"):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        found = {}
        for key, item in value.items():
            found |= all_series(item, f"{place}.{key}")
        return found
    return {}


def campus(folder: Path, **horizon: Any) -> Scenario:
    stamps = pd.date_range("2024-08-19T00:00", periods=48, freq="h", tz="UTC")
    price = np.arange(48.0)
    pd.DataFrame({"time": stamps, "price": price, "t": 20 + price / 10}).to_csv(folder / "m.csv", index=False)
    case = {
        "format": 1,
        "name": "campus",
        "horizon": {"start": "2024-08-19T00:00", "steps": 48, "step": "1h", "timezone": "UTC"} | horizon,
        "data": {"m": {"file": "m.csv"}},
        "sites": [
            {
                "name": "a",
                "grid": {"import_limit_mw": {"series": "m.t", "scale": 0.1, "add": 2.0}},
                "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}],
                "assets": [
                    {
                        "kind": "miner_fleet",
                        "name": "m",
                        "machines": 1000,
                        "modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}],
                        "hashprice_per_ph_day": 4.0,
                    }
                ],
            }
        ],
    }
    return opt.scenario_from_dict(case, folder)


def test_a_window_is_what_the_file_says_of_it(tmp_path: Path) -> None:
    """Proves: every series of a window, constants, scaled ones and defaults included, equals that of the same file read
    with the window's horizon, and the plan is the same."""
    whole = campus(tmp_path)
    part = rebased(whole, horizon=window(whole, 6, 12))
    again = campus(tmp_path, start="2024-08-19T06:00", steps=12)
    ours, theirs = all_series(part), all_series(again)
    assert ours.keys() == theirs.keys()
    for where, series in theirs.items():
        np.testing.assert_array_equal(ours[where].values, series.values, err_msg=where)
    assert opt.optimize(part).expected_profit == pytest.approx(opt.optimize(again).expected_profit, rel=1e-12)


@pytest.mark.parametrize("name", STEMS)
def test_every_shipped_scenario_has_windows(name: str) -> None:
    """Proves: no series of any kind is left in the old length, and the model of the window can be built."""
    scenario = opt.load(FOLDER / f"{name}.yaml")
    steps = max(1, scenario.horizon.steps // 2)
    part = rebased(scenario, horizon=window(scenario, scenario.horizon.steps - steps, steps))
    for where, series in all_series(part).items():
        assert series.values.shape[1] in (1, steps), where
    parts, findings = place(part)
    assert findings == []
    assert parts.components.keys() == place(scenario)[0].components.keys()


def test_columns_are_scaled_as_the_file_says(tmp_path: Path) -> None:
    """Proves: another temperature of 30 gives 2 + 0.1 * 30 = 5 MW; the price is still the file's."""
    other = rebased(campus(tmp_path), columns={("m", "t"): np.full(48, 30.0)})
    assert other.sites[0].grid.import_limit_mw.values[0, 7] == pytest.approx(5.0)
    assert other.sites[0].contracts[0].price_per_mwh.values[0, 7] == 7.0


def test_members_come_with_their_columns(tmp_path: Path) -> None:
    """Proves: two members with prices 100 above and as they are; the plan of each is that of its own price."""
    whole = campus(tmp_path)
    prices = np.stack([np.arange(48.0), np.arange(48.0) + 100])
    both = rebased(whole, columns={("m", "price"): prices}, ensemble=Ensemble(members=2))
    profits = opt.optimize(both).profit_by_member
    assert profits[0] == pytest.approx(opt.optimize(whole).expected_profit)
    assert profits[1] == 0.0


def test_states_belong_to_the_start(tmp_path: Path) -> None:
    """Proves: a carry goes with the horizon that it was made for, and a window without one has none."""
    whole = campus(tmp_path)
    begin = {"at": "2024-08-19T00:00Z", "components": {}}
    carried = rebased(whole, carry=begin)
    assert carried.carry is not None
    assert rebased(carried).carry is carried.carry
    assert rebased(carried, horizon=window(whole, 1, 5)).carry is None


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Proves: every misfit is told at once, by the place in the scenario or the column's name."""
    whole = campus(tmp_path)
    columns = {("m", "prise"): np.zeros(48), ("m", "t"): np.full(48, -100.0), ("m", "price"): np.full(48, np.nan)}
    with pytest.raises(opt.InputError) as refused:
        rebased(whole, columns=columns)
    text = str(refused.value)
    assert "m.prise" in text
    assert "m.price" in text  # what was meant
    assert "sites[0].grid.import_limit_mw" in text
    assert "must be finite" in text
    with pytest.raises(opt.InputError, match=r"\(47,\)|shape \(1, 47\)"):
        rebased(whole, columns={("m", "price"): np.zeros(47)})
    with pytest.raises(opt.InputError, match="not steps of the scenario's horizon"):
        rebased(whole, horizon=window(whole, 40, 8).model_copy(update={"steps": 20}))
    with pytest.raises(ValueError, match="not within"):
        window(whole, 40, 9)
    member_prices = rebased(whole, columns={("m", "price"): np.zeros((2, 48))}, ensemble=Ensemble(members=2))
    with pytest.raises(opt.InputError, match="holds 2 members; the ensemble has 1"):
        rebased(member_prices, ensemble=Ensemble())
