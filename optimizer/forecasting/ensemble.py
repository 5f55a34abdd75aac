"""Forecast members: variables by member and step, with probabilities, written as a data file of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from optimizer.errors import InputError, OutputError, Problem
from optimizer.forecasting.history import FloatArray, refusal, told, utc
from optimizer.horizon import Horizon
from optimizer.scenario import PROBABILITY_TOLERANCE

PROBABILITY = "probability"


@dataclass(frozen=True, eq=False)
class ForecastEnsemble:
    """Members of a forecast over a horizon. Made by :meth:`from_arrays`, which checks them."""

    _arrays: Mapping[str, FloatArray]
    """Members by variable, (members, steps)."""
    probabilities: FloatArray
    """Probability of each member, adding up to 1, shape (M,)."""
    units: Mapping[str, str]
    """Units by variable, where they are known."""
    horizon: Horizon
    """Steps that are forecast."""
    issued_at: pd.Timestamp
    """When the forecast was made (UTC): what was known then is in it."""
    origins: pd.DatetimeIndex | None = None
    """Past time of issue (UTC) whose errors each member repeats, where members are made that way."""

    @classmethod
    def from_arrays(
        cls,
        values: Mapping[str, npt.ArrayLike],
        horizon: Horizon,
        issued_at: pd.Timestamp | str,
        *,
        probabilities: Sequence[float] | FloatArray | None = None,
        units: Mapping[str, str] | None = None,
        origins: pd.DatetimeIndex | None = None,
    ) -> Self:
        """`values` by variable, (members, steps), or (steps,) where all members agree; `probabilities` default equal.

        Raises InputError, naming the variable, member and first bad stamp: members that stop before the horizon,
        values that are not finite, variables with different members, probabilities that do not add up to 1.
        """
        issued = utc(issued_at, horizon.timezone)
        arrays = {name: np.asarray(array, dtype=np.float64) for name, array in values.items()}
        members = max((len(array) for array in arrays.values() if array.ndim == 2), default=1)
        weights = _checked_probabilities(probabilities, members)
        for name, array in arrays.items():
            _check_members(name, array, members, horizon)
        whole = {name: np.array(np.broadcast_to(array, (members, horizon.steps))) for name, array in arrays.items()}
        if not whole:
            raise InputError([Problem("forecast", "holds no variables")])
        for array in (*whole.values(), weights):
            array.flags.writeable = False
        known = {name: unit for name, unit in (units or {}).items() if name in whole}
        return cls(whole, weights, known, horizon, issued, origins)

    @cached_property
    def data(self) -> xr.Dataset:
        """Variables over (member, time), time in UTC, with the coordinate `probability` by member."""
        return _dataset(self._arrays, self.probabilities, self.horizon, self.issued_at, self.units)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(self._arrays)

    @property
    def members(self) -> int:
        """Number of members."""
        return len(self.probabilities)

    def values(self, name: str) -> FloatArray:
        """Members of a variable, shape (M, T)."""
        if name not in self.names:
            raise refusal(name, "the forecast has no such variable", f"it has {', '.join(self.names)}")
        return self._arrays[name]

    def mean(self, name: str) -> FloatArray:
        """Expected value at each step, shape (T,)."""
        return np.asarray(self.probabilities @ self.values(name))

    def quantiles(self, name: str, levels: Sequence[float]) -> FloatArray:
        """Lowest value that is not exceeded with at least each probability, shape (levels, T)."""
        return weighted_quantiles(self.values(name), self.probabilities, levels)

    def selected(self, members: Sequence[int], probabilities: Sequence[float] | FloatArray) -> ForecastEnsemble:
        """The members of these numbers with new probabilities."""
        numbers = list(members)
        values = {name: self.values(name)[numbers] for name in self.names}
        origins = None if self.origins is None else self.origins[numbers]
        return self._like(values, probabilities, origins)

    def expected(self) -> ForecastEnsemble:
        """One member: the mean of each variable at each step, as a deterministic plan takes it."""
        return self._like({name: self.mean(name)[np.newaxis] for name in self.names}, [1.0], None)

    def with_variables(self, values: Mapping[str, npt.ArrayLike], units: Mapping[str, str]) -> ForecastEnsemble:
        """The same members with more variables, or others in place of those of the same name."""
        own = {name: self.values(name) for name in self.names}
        return self._like(own | dict(values), self.probabilities, self.origins, units)

    def _like(
        self,
        values: Mapping[str, npt.ArrayLike],
        probabilities: Sequence[float] | FloatArray,
        origins: pd.DatetimeIndex | None,
        units: Mapping[str, str] | None = None,
    ) -> ForecastEnsemble:
        return ForecastEnsemble.from_arrays(
            values,
            self.horizon,
            self.issued_at,
            probabilities=probabilities,
            units={**self.units, **(units or {})},
            origins=origins,
        )

    # ------------------------------------------------------------------ as data of a scenario
    def to_data(self, path: Path | str) -> Path:
        """Write the members to a NetCDF file, or into `forecast.nc` of a folder, for a scenario's `data:`.

        Raises OutputError where it cannot be written; a file that was there is then left as it was.
        """
        target = Path(path)
        target = target / "forecast.nc" if target.is_dir() or not target.suffix else target
        if target.suffix != ".nc":
            raise InputError([Problem("forecast", f"found '{target.name}'; members are written to a file ending .nc")])
        partial = target.with_name(f".{target.name}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(self.data.to_netcdf(engine="h5netcdf"))
            partial.replace(target)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise OutputError(f"the forecast could not be written to {target}: {error.strerror or error}") from error
        return target

    def to_sources(self, path: Path | str, name: str = "forecast") -> dict[str, Any]:
        """Write the members (:meth:`to_data`) and give the parts of a scenario that use them.

        `{"data": {name: …}, "ensemble": …}`: a series is then written `name.variable`. The file is named by its
        absolute path, so that the scenario may lie anywhere.
        """
        file = self.to_data(path)
        source = {"file": str(file.resolve()), "time": "time", "timezone": "UTC"}
        ensemble = {"members": self.members, "probabilities": self.probabilities.tolist()}
        return {"data": {name: source}, "ensemble": ensemble}

    @classmethod
    def from_data(cls, path: Path | str, horizon: Horizon) -> ForecastEnsemble:
        """Members that :meth:`to_data` wrote, of which `horizon` is a part.

        Raises InputError for another kind of file and, with variable and first bad stamp, for members that stop
        before the horizon.
        """
        try:
            with xr.open_dataset(path, engine="h5netcdf") as opened:
                data = opened.load()
            issued = pd.Timestamp(str(data.attrs["issued_at"]))
            weights = data[PROBABILITY].to_numpy()
            wanted = data.reindex(time=horizon.utc.tz_localize(None).to_numpy()).transpose("member", "time")
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            what = f"{Path(path).name} is not a file of forecast members: {error}"
            raise InputError([Problem("forecast", what)]) from error
        values = {str(name): wanted[name].to_numpy() for name in wanted.data_vars}
        units = {str(name): str(data[name].attrs["units"]) for name in data.data_vars if "units" in data[name].attrs}
        return cls.from_arrays(values, horizon, issued, probabilities=weights, units=units)


def weighted_quantiles(values: FloatArray, probabilities: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Quantiles of members (M, T) at each step by the inverse of the distribution function, shape (levels, T)."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(probabilities[order], axis=0)
    # rounding of the sum must not push a level that is met exactly on to the next member
    rank = [np.argmax(reached >= level - 1e-12, axis=0) for level in np.minimum(levels, reached[-1].min())]
    return np.stack([np.take_along_axis(ordered, at[np.newaxis], axis=0)[0] for at in rank])


def _checked_probabilities(given: Sequence[float] | FloatArray | None, members: int) -> FloatArray:
    if given is None:
        return np.full(members, 1.0 / members)
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (members,):
        raise InputError([Problem(PROBABILITY, f"{weights.size} probabilities for {members} members")])
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError([Problem(PROBABILITY, f"found {weights[~(weights >= 0)][0]:g}; must be at least 0")])
    total = float(weights.sum())
    if abs(total - 1.0) > PROBABILITY_TOLERANCE:
        raise InputError([Problem(PROBABILITY, f"probabilities add up to {total:.9g}; must be 1")])
    return np.asarray(weights / total)


def _check_members(name: str, array: FloatArray, members: int, horizon: Horizon) -> None:
    if array.ndim not in (1, 2) or (array.ndim == 2 and len(array) not in (1, members)):
        raise refusal(name, f"has the shape {array.shape}; must be ({members}, {horizon.steps}), members by steps")
    steps = int(array.shape[-1])
    if steps > horizon.steps:
        raise refusal(name, f"has {steps} steps, {steps - horizon.steps} more than the horizon")
    if steps < horizon.steps:
        when = horizon.describe(horizon.utc[steps])
        raise refusal(name, f"the members stop before the horizon: no value for {when} and the steps after it")
    bad = ~np.isfinite(np.atleast_2d(array))
    if bad.any():
        step = int(np.argmax(bad.any(axis=0)))
        member = int(np.argmax(bad[:, step]))
        found = np.atleast_2d(array)[member, step]
        rest = "the members stop before the horizon: " if bad[member, step:].all() else ""
        raise refusal(name, f"{rest}found {found:g} at {horizon.describe(horizon.utc[step])} in member {member}")


def _dataset(
    values: Mapping[str, FloatArray],
    probabilities: FloatArray,
    horizon: Horizon,
    issued_at: pd.Timestamp,
    units: Mapping[str, str],
) -> xr.Dataset:
    data = {
        name: (("member", "time"), array, {"units": units[name]} if name in units else {})
        for name, array in values.items()
    }
    return xr.Dataset(
        data,
        coords={
            "member": np.arange(len(probabilities)),
            "time": horizon.utc.tz_localize(None).to_numpy(),
            PROBABILITY: ("member", probabilities),
        },
        attrs={
            "issued_at": issued_at.isoformat(),
            "issued_at_local": told(issued_at, horizon.timezone),
            "timezone": horizon.timezone,
        },
    )
