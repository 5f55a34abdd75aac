"""Profiles of solar and wind power from weather, for the ``profile`` of a renewable plant or the volume of a contract.

The physics is that of pvlib (Anderson and others, "pvlib python: 2023 project update", Journal of Open Source Software)
and windpowerlib (the reegis/oemof group); both are an extra: ``pip install 'hybrid-compute-optimizer[weather]'``.
Results are shares of the installed power by time, to be written into a data file of the scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from types import ModuleType

SOLAR_COLUMNS = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "t_db_c", "wind_m_s")
WIND_COLUMNS = ("wind_m_s", "t_db_c", "pressure_pa")


def solar_share(
    weather: pd.DataFrame,
    *,
    latitude: float,
    longitude: float,
    tilt_degrees: float = 25.0,
    azimuth_degrees: float = 180.0,
    losses: float = 0.14,
    inverter_efficiency: float = 0.96,
    temperature_coefficient_per_c: float = -0.0035,
) -> pd.Series[float]:
    """AC output of a fixed-tilt park as a share of its DC rating, by time.

    ``weather`` has a time-zone aware index of interval starts and the columns ``ghi_w_m2``, ``dni_w_m2``, ``dhi_w_m2``
    (mean irradiance of the interval), ``t_db_c`` and ``wind_m_s``. The sun stands as at the interval's middle. The
    model is PVWatts (Dobos 2014, NREL/TP-6A20-62641): transposition, cell temperature, ``losses`` of the DC side and
    the inverter. Raises ValueError for missing columns or a naive index, ImportError without pvlib.
    """
    _check(weather, SOLAR_COLUMNS)
    pvlib = _library("pvlib")
    middle = weather.index + (weather.index[1] - weather.index[0]) / 2
    sun = pvlib.location.Location(latitude, longitude).get_solarposition(middle)
    plane = pvlib.irradiance.get_total_irradiance(
        tilt_degrees,
        azimuth_degrees,
        sun["apparent_zenith"].to_numpy(),
        sun["azimuth"].to_numpy(),
        weather["dni_w_m2"].to_numpy(),
        weather["ghi_w_m2"].to_numpy(),
        weather["dhi_w_m2"].to_numpy(),
    )["poa_global"]
    cell = pvlib.temperature.pvsyst_cell(plane, weather["t_db_c"].to_numpy(), weather["wind_m_s"].to_numpy())
    direct = pvlib.pvsystem.pvwatts_dc(plane, cell, 1.0, temperature_coefficient_per_c) * (1.0 - losses)
    return pd.Series(direct, index=weather.index, name="solar_share").clip(0.0, 1.0) * inverter_efficiency


def wind_share(
    weather: pd.DataFrame,
    *,
    measured_at_m: float = 10.0,
    hub_height_m: float = 100.0,
    turbine: str = "V126/3300",
    roughness_length_m: float = 0.1,
    availability: float = 0.97,
) -> pd.Series[float]:
    """Output of a wind turbine as a share of its rating, by time.

    ``weather`` has a time-zone aware index and the columns ``wind_m_s`` (at ``measured_at_m``), ``t_db_c`` and
    ``pressure_pa``. The wind at the hub follows from the logarithmic profile over ``roughness_length_m``, the output
    from the power curve of ``turbine``, a type of windpowerlib's table, corrected for air density. Raises ValueError
    for missing columns or an unknown type, ImportError without windpowerlib.
    """
    _check(weather, WIND_COLUMNS)
    library = _library("windpowerlib")
    known = library.get_turbine_types(print_out=False)["turbine_type"].tolist()
    if turbine not in known:
        raise ValueError(f"unknown turbine {turbine!r}; windpowerlib knows {', '.join(sorted(known)[:8])}, …")
    machine = library.WindTurbine(turbine_type=turbine, hub_height=hub_height_m)
    columns = {
        ("wind_speed", measured_at_m): weather["wind_m_s"],
        ("temperature", 2.0): weather["t_db_c"] + 273.15,
        ("pressure", 0.0): weather["pressure_pa"],
        ("roughness_length", 0.0): roughness_length_m,
    }
    table = pd.DataFrame(columns, index=weather.index)
    table.columns.names = ["variable_name", "height"]
    chain = library.ModelChain(machine, density_correction=True).run_model(table)
    share: pd.Series[float] = chain.power_output / machine.nominal_power * availability
    return share.clip(0.0, 1.0).rename("wind_share")


def _check(weather: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in weather.columns]
    if missing:
        raise ValueError(f"the weather lacks {', '.join(missing)}; it has {', '.join(map(str, weather.columns))}")
    if not isinstance(weather.index, pd.DatetimeIndex) or weather.index.tz is None:
        raise ValueError("the weather needs a time-zone aware index of interval starts")
    if len(weather) < 2:
        raise ValueError("the weather needs at least two intervals, from which their length is taken")


def _library(name: str) -> ModuleType:
    try:
        import importlib

        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name} is needed for profiles from weather: pip install 'hybrid-compute-optimizer[weather]'"
        ) from error
