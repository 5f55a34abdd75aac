"""Members with probabilities: checked, written, and used by a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_history import window

import optimizer as opt
from optimizer.errors import InputError, OutputError
from optimizer.forecasting import ForecastEnsemble

HORIZON = window("2024-08-19T00:00", 3, "America/Chicago")
ISSUED = pd.Timestamp("2024-08-18T18:00", tz="America/Chicago")
MEMBERS = np.array([[10.0, 20.0, 30.0], [20.0, 20.0, 50.0]])


def ensemble(values: Any = MEMBERS, **rest: Any) -> ForecastEnsemble:
    return ForecastEnsemble.from_arrays({"rt": values}, HORIZON, ISSUED, **rest)


# ---------------------------------------------------------------------- what it says
def test_moments_and_quantiles_go_by_probability() -> None:
    """Proves: with 0.25 and 0.75 the mean of the first step is 17.5, its median 20 and its lowest quarter 10.
    Sensitivity: with equal probabilities 15, 10 and 10."""
    found = ensemble(probabilities=[0.25, 0.75])
    assert found.mean("rt").tolist() == [17.5, 20.0, 45.0]
    assert found.quantiles("rt", [0.25, 0.5]).tolist() == [[10.0, 20.0, 30.0], [20.0, 20.0, 50.0]]
    assert ensemble().mean("rt")[0] == 15.0
    assert found.expected().values("rt").tolist() == [[17.5, 20.0, 45.0]]


def test_a_level_that_is_met_exactly_is_not_passed_on_by_rounding() -> None:
    """Proves: ten members of 0.1: the 0.3 quantile is the third, though 0.1 + 0.1 + 0.1 > 0.3 in floating point."""
    values = np.arange(10.0)[:, np.newaxis] * np.ones(3)
    assert ensemble(values).quantiles("rt", [0.3, 1.0])[:, 0].tolist() == [2.0, 9.0]


def test_a_common_path_is_given_to_all_members() -> None:
    found = ForecastEnsemble.from_arrays({"rt": MEMBERS, "da": [1.0, 2.0, 3.0]}, HORIZON, ISSUED, units={"da": "USD"})
    assert found.values("da").tolist() == [[1.0, 2.0, 3.0]] * 2
    assert found.units == {"da": "USD"}
    assert ForecastEnsemble.from_arrays({"da": [1.0, 2.0, 3.0]}, HORIZON, ISSUED).members == 1


def test_probabilities_are_scaled_to_add_up_to_1() -> None:
    assert ensemble(probabilities=[1 / 3, 2 / 3 + 1e-7]).probabilities.sum() == 1.0


# ---------------------------------------------------------------------- bad members
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (MEMBERS[:, :2], r"rt: the members stop before the horizon: no value for 2024-08-19T02:00-05:00"),
        ([[1.0, 2.0, 3.0], [1.0, np.nan, np.nan]], "rt: the members stop before the horizon.*T01:00.*member 1"),
        ([[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]], "rt: found nan at 2024-08-19T01:00-05:00.*in member 0"),
        ([[1.0, np.inf, 3.0]], "rt: found inf at 2024-08-19T01:00"),
        (np.ones((2, 5)), "rt: has 5 steps, 2 more than the horizon"),
        (np.ones((2, 3, 1)), "rt: has the shape"),
    ],
)
def test_bad_members_are_refused_with_variable_and_first_bad_stamp(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ensemble(values)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [([1.0], "1 probabilities for 2 members"), ([0.5, 0.6], "add up to 1.1; must be 1"), ([1.5, -0.5], "found -0.5")],
)
def test_bad_probabilities_are_refused(probabilities: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ensemble(probabilities=probabilities)


def test_members_of_variables_must_be_as_many() -> None:
    with pytest.raises(InputError, match=r"da: has the shape \(3, 3\); must be \(.*3\)|rt: has the shape"):
        ForecastEnsemble.from_arrays({"rt": MEMBERS, "da": np.ones((3, 3))}, HORIZON, ISSUED)
    with pytest.raises(InputError, match="holds no variables"):
        ForecastEnsemble.from_arrays({}, HORIZON, ISSUED)
    with pytest.raises(InputError, match="rtt: the forecast has no such variable"):
        ensemble().values("rtt")


# ---------------------------------------------------------------------- files
def test_members_survive_the_file(tmp_path: Path) -> None:
    """Proves: values, probabilities, units and time of issue; also for a part of the horizon."""
    written = ensemble(probabilities=[0.25, 0.75], units={"rt": "USD/MWh"}).to_data(tmp_path / "members.nc")
    again = ForecastEnsemble.from_data(written, HORIZON)
    assert again.values("rt").tolist() == MEMBERS.tolist()
    assert again.probabilities.tolist() == [0.25, 0.75]
    assert again.issued_at == ISSUED
    assert again.units == {"rt": "USD/MWh"}
    later = ForecastEnsemble.from_data(written, window("2024-08-19T01:00", 2, "America/Chicago"))
    assert later.values("rt").tolist() == MEMBERS[:, 1:].tolist()


def test_a_file_that_stops_before_the_horizon_is_refused(tmp_path: Path) -> None:
    written = ensemble().to_data(tmp_path)
    assert written.name == "forecast.nc"
    with pytest.raises(InputError, match=r"rt: the members stop before the horizon.*2024-08-19T03:00"):
        ForecastEnsemble.from_data(written, window("2024-08-19T00:00", 6, "America/Chicago"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.nc").write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"x.nc is not a file of forecast members"):
        ForecastEnsemble.from_data(tmp_path / "x.nc", HORIZON)
    with pytest.raises(InputError, match=r"found 'x.csv'"):
        ensemble().to_data(tmp_path / "x.csv")


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(OutputError, match="could not be written"):
        ensemble().to_data(tmp_path / "taken" / "x.nc")
    assert (tmp_path / "taken").read_text(encoding="utf-8").startswith("a file")


def test_a_scenario_plans_for_the_members(tmp_path: Path) -> None:
    """Proves: 200 PH/s earn 400 an hour for 3.5 MWh. Prices of 100 leave 50, prices of 120 are not run at: the members
    earn 150 and 50, with probabilities 0.25 and 0.75 in the mean 75. Sensitivity: equal probabilities give 100, the
    first member alone 150."""
    members = ensemble([[100.0, 100.0, 100.0], [120.0, 100.0, 120.0]], probabilities=[0.25, 0.75])
    fleet = {"kind": "miner_fleet", "name": "m", "machines": 1000, "hashprice_per_ph_day": 48}
    fleet["modes"] = [{"name": "on", "hash_th_s": 200, "power_w": 3500}]
    site = {
        "name": "a",
        "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": "forecast.rt"}],
        "assets": [fleet],
    }
    horizon = HORIZON.model_dump()
    case = {"format": 1, "name": "members", "horizon": horizon, "sites": [site]} | members.to_sources(tmp_path)
    plan = opt.optimize(opt.scenario_from_dict(case))
    assert plan.expected_profit == pytest.approx(75.0)
    assert plan.summary["profit_by_member"] == pytest.approx([150.0, 50.0])
