"""Profiles from weather, by pvlib and windpowerlib."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.weather_power import solar_share, wind_share

pytest.importorskip("pvlib", reason="the extra `weather` is not installed")
pytest.importorskip("windpowerlib", reason="the extra `weather` is not installed")
# both libraries still use what the newest pandas warns of
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

DAY = pd.date_range("2024-06-21", periods=24, freq="1h", tz="America/Chicago")
SITE = {"latitude": 31.85, "longitude": -102.37}


def summer_day(**columns: object) -> pd.DataFrame:
    """A clear day in West Texas: 1000 W/m2 of direct light while the sun is well up."""
    hour = DAY.hour.to_numpy()
    up = ((hour >= 9) & (hour < 19)).astype(float)
    plain = {"ghi_w_m2": 900 * up, "dni_w_m2": 850 * up, "dhi_w_m2": 100 * up, "t_db_c": 30.0, "wind_m_s": 3.0}
    return pd.DataFrame(plain | columns, index=DAY)


def test_a_clear_noon_gives_most_and_a_night_nothing() -> None:
    """Proves: PVWatts by hand at about 950 W/m2 on the plane and 55 °C of cell: 0.95 * (1 - 0.0035 * 30) * 0.86 * 0.96
    = 0.70. Sensitivity: without the loss by temperature 0.78."""
    share = solar_share(summer_day(), **SITE)
    assert share.iloc[0] == 0.0
    assert 0.62 < share.max() < 0.75
    assert 12 <= int(share.to_numpy().argmax()) <= 14


def test_heat_costs_output() -> None:
    """Proves: 20 K warmer air, at -0.35 % per K, costs about 7 % of the noon."""
    cool, hot = (solar_share(summer_day(t_db_c=t), **SITE).max() for t in (15.0, 35.0))
    assert hot / cool == pytest.approx(0.93, abs=0.015)


def test_wind_follows_the_power_curve() -> None:
    """Proves: nothing below the cut-in, all of it (less 3 % of outages) at a gale, and in between a steep rise."""
    weather = pd.DataFrame({"wind_m_s": [1.0, 4.0, 6.0, 14.0], "t_db_c": 15.0, "pressure_pa": 101_325.0}, index=DAY[:4])
    share = wind_share(weather)
    assert share.iloc[0] == 0.0
    assert share.iloc[3] == pytest.approx(0.97)
    assert 0.0 < share.iloc[1] < share.iloc[2] < 0.97
    assert (np.diff(share) >= 0).all()


def test_bad_weather_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks dni_w_m2"):
        solar_share(summer_day().drop(columns="dni_w_m2"), **SITE)
    with pytest.raises(ValueError, match="time-zone aware"):
        solar_share(summer_day().tz_localize(None), **SITE)
    with pytest.raises(ValueError, match="unknown turbine"):
        wind_share(
            pd.DataFrame({"wind_m_s": [5.0, 6.0], "t_db_c": 15.0, "pressure_pa": 1e5}, index=DAY[:2]), turbine="X"
        )
