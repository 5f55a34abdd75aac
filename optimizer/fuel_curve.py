"""Fuel over power of one generating unit: a convex curve through points, or one heat rate at any load.

The points give the heat rate (GJ per MWh) at shares of full load. Between two of them the fuel (GJ/h) is a line over
the power (MW)::

    fuel >= slope_k * power + intercept_k      for each segment k

Below its first point a curve whose heat rate rises with the load runs at that point's rate.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from optimizer.component import Floats

FuelPoint = tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, allow_inf_nan=False)]]
"""Share of full load, and GJ per MWh there."""


def fuel_lines(curve: tuple[FuelPoint, ...], unit_mw: float) -> tuple[Floats, Floats]:
    """Segments of the curve of a unit of so much power: slopes, GJ/MWh, and intercepts, GJ/h."""
    load, rate = np.array(curve).T
    power, fuel = load * unit_mw, rate * load * unit_mw
    slopes = np.diff(fuel) / np.diff(power)
    intercepts = fuel[:-1] - slopes * power[:-1]
    if intercepts[0] < 0:
        slopes, intercepts = np.append(rate[0], slopes), np.append(0.0, intercepts)
    return slopes, intercepts


def curve_problem(curve: tuple[FuelPoint, ...], unit_mw: float, min_load: float) -> str | None:
    """What is wrong with a curve of a unit whose least load is ``min_load`` of its full one; None if nothing is."""
    loads = [load for load, _ in curve]
    if sorted(set(loads)) != loads:
        return "fuel_curve: the shares of full load must rise"
    if loads[-1] != 1.0:
        return f"fuel_curve: the last point is at {loads[-1]:g}; it must be at full load (1.0)"
    if loads[0] > max(min_load, 1e-9) and min_load > 0:
        return f"fuel_curve: begins at {loads[0]:g}, above min_load {min_load:g}"
    if (np.diff(fuel_lines(curve, unit_mw)[0]) < -1e-9).any():
        return "fuel_curve: the fuel of a further MW must not fall with the load (not convex)"
    return None
