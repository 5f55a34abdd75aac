"""Named random streams and red noise: the building blocks of every synthetic series.

Each driver (temperature in one zone, wind, spikes, …) draws from a stream of its own, so that adding a driver, or
asking for another zone, leaves all other series as they were. Within a stream the draws run hour by hour: a longer
horizon begins with exactly the shorter one.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

FloatArray = npt.NDArray[np.float64]


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random generator that belongs to `seed` and the path of names alone."""
    # crc32 instead of hash(): Python salts the hashes of strings anew in every process.
    return np.random.default_rng([seed, zlib.crc32("/".join(names).encode())])


def red_noise(
    rng: np.random.Generator,
    paths: int,
    hours: int,
    correlation_h: float,
    *,
    smooth_h: float = 0.0,
    known_start: bool = False,
    tail_degrees: float | None = None,
) -> FloatArray:
    """Correlated noise (paths, hours) of unit stationary standard deviation: an Ornstein-Uhlenbeck process, sampled
    hourly.

    `correlation_h` is the time in which the autocorrelation falls to 1/e. `smooth_h` passes the noise through a
    second filter with that time constant, as weather has inertia (about unit deviation is kept). With `known_start`
    every path starts from zero, the state seen at the time of the forecast, and its variance grows with lead time as
    1 - exp(-2 t / correlation_h). `tail_degrees` draws the hourly innovations from Student's t with so many degrees
    of freedom instead of the normal law.
    """
    shape = (hours + 1, paths)
    if tail_degrees is None:
        shocks = rng.standard_normal(shape)
    else:
        shocks = rng.standard_t(tail_degrees, shape) / np.sqrt(tail_degrees / (tail_degrees - 2.0))
    keep = np.exp(-1.0 / correlation_h)
    first = np.zeros(paths) if known_start else shocks[0]
    noise = _low_pass(np.sqrt(1.0 - keep**2) * shocks[1:], keep, first)
    if smooth_h > 0:
        slow = np.exp(-1.0 / smooth_h)
        # Two low-pass filters in a row leave this standard deviation of a unit input.
        left = np.sqrt((1.0 - slow) / (1.0 + slow) * (1.0 + slow * keep) / (1.0 - slow * keep))
        noise = _low_pass((1.0 - slow) / left * noise, slow, first)
    return np.ascontiguousarray(noise.T)


def forecast_noise(
    observed: FloatArray,
    seed: int,
    names: tuple[str, ...],
    members: int,
    correlation_h: float,
    *,
    smooth_h: float = 0.0,
    skill: float,
) -> FloatArray:
    """Members (members, hours) of a forecast of the unit noise `observed` (1, hours), made when its first hour was
    seen.

    At lead time t members and outcome share the part k = skill + (1 - skill) exp(-t / correlation_h) of their
    variance. Any two members, and any member and the outcome, correlate by k: the outcome is one more draw from the
    members' law.
    """
    hours = observed.shape[1]
    shared = skill + (1.0 - skill) * np.exp(-np.arange(hours) / correlation_h)
    miss = red_noise(stream(seed, *names, "centre"), 1, hours, correlation_h, smooth_h=smooth_h)
    own = red_noise(stream(seed, *names, "member"), members, hours, correlation_h, smooth_h=smooth_h)
    return shared * observed + np.sqrt(shared * (1.0 - shared)) * miss + np.sqrt(1.0 - shared) * own


def _low_pass(shocks: FloatArray, keep: float, before: FloatArray) -> FloatArray:
    """The recursion level = keep * previous level + shock along the first axis, from the level `before`."""
    levels, _ = lfilter([1.0], [1.0, -keep], shocks, axis=0, zi=keep * before[np.newaxis])
    return np.asarray(levels, dtype=np.float64)
