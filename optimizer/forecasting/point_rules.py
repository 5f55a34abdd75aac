"""Simple rules that forecast one path, in the present and at every past time of issue alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from optimizer.forecasting.history import FloatArray
from optimizer.forecasting.look_back import IntArray, LookBack, Origins


class PointRule(Protocol):
    """A rule; values are on the scale z of the look-back."""

    @property
    def warm_up_days(self) -> int:
        """Days that the rule looks back on from an origin."""
        ...

    def path(self, look: LookBack, name: str, origins: Origins) -> FloatArray:
        """What the rule forecast for `name` at each origin, from what was known there, shape (N + 1, T)."""
        ...


def with_published(look: LookBack, name: str, origins: Origins, path: FloatArray) -> FloatArray:
    """The path, with the value itself in steps for which it had been published."""
    published = look.seen(name, origins.targets, origins)
    return np.asarray(np.where(np.isnan(published), path, published))


@dataclass(frozen=True)
class LastValue:
    """Persistence: the last value that was known."""

    warm_up_days: int = 0

    def path(self, look: LookBack, name: str, origins: Origins) -> FloatArray:
        """The last known value at all steps."""
        last = look.known_end(name, origins)[:, np.newaxis] - 1
        return with_published(
            look, name, origins, np.broadcast_to(look.seen(name, last, origins), origins.targets.shape)
        )


@dataclass(frozen=True)
class SamePeriod:
    """Seasonal naive: the value of the same local time, the latest whole number of periods back that was known."""

    period_days: int

    @property
    def warm_up_days(self) -> int:
        """Whole periods, until one lies before the origin of a horizon of up to a period."""
        return 2 * self.period_days

    def path(self, look: LookBack, name: str, origins: Origins) -> FloatArray:
        """The value at the same time of the latest period."""
        path = look.seen(name, origins.targets, origins)
        reach = int(np.ceil((look.end - len(look.z[name])) / (look.per_day * self.period_days)))
        for periods in range(1, reach + 2):
            earlier = look.days_before(origins.targets, periods * self.period_days)
            path = np.where(np.isnan(path), look.seen(name, earlier, origins), path)
        return path


@dataclass(frozen=True)
class Anchored:
    """The usual day, moved by what the last value was off it, the less the further ahead.

    The usual day is the mean of the same local time over the last `days` days of the same kind (workdays or weekend).
    The deviation `a` dies out with its autocorrelation: ``usual(t) + rho(t - t0) * a(t0)``, the best linear forecast
    from the last value. The autocorrelation is estimated over the look-back.
    """

    days: int = 28

    @property
    def warm_up_days(self) -> int:
        """A third of the days serve for a start."""
        return max(self.days // 3, 7)

    def path(self, look: LookBack, name: str, origins: Origins) -> FloatArray:
        """The usual day and what is left of the last deviation."""
        last = look.known_end(name, origins) - 1
        usual = self._usual(look, name, np.column_stack([last, origins.targets]), origins)
        gap = look.seen(name, last[:, np.newaxis], origins) - usual[:, :1]
        keep = self._autocorrelation(look, name, max(int((origins.targets[:, -1] - last).max()), 1))
        lag = np.clip(origins.targets - last[:, np.newaxis], 0, len(keep) - 1)
        return with_published(look, name, origins, usual[:, 1:] + keep[lag] * gap)

    def _usual(self, look: LookBack, name: str, positions: IntArray, origins: Origins) -> FloatArray:
        end = look.known_end(name, origins)[:, np.newaxis]
        # days further back are seen from every origin, so that their sums belong to a position alone
        near = min(max(int((positions - end).max() // look.per_day) + 2, 0), self.days)
        sums, counts, earlier = self._by_day(look, name)
        total, count = sums[near:].sum(axis=0)[positions], counts[near:].sum(axis=0)[positions]
        for day in range(near):
            seen = earlier[day][positions] < end
            total += np.where(seen, sums[day][positions], 0.0)
            count += np.where(seen, counts[day][positions], 0)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)

    def _by_day(self, look: LookBack, name: str) -> tuple[FloatArray, IntArray, IntArray]:
        """Value so many days before each position, whether it counts, and where it stands, (days, positions): 0 where
        it is not known or a day of another kind."""
        if (found := look.by_day.get((name, self.days))) is not None:
            return found
        earlier, same_kind = look.earlier(self.days)
        z = look.z[name]
        there = same_kind & (earlier >= 0) & (earlier < len(z))
        found = np.where(there, z[np.where(there, earlier, 0)], 0.0), there.astype(np.int64), earlier
        look.by_day[name, self.days] = found
        return found

    def _autocorrelation(self, look: LookBack, name: str, lags: int) -> FloatArray:
        """Autocorrelation of the deviation from the usual day at the lags 0 to `lags`, never rising nor below 0."""
        z = look.z[name]
        sums, counts, _ = self._by_day(look, name)
        with np.errstate(invalid="ignore"):  # deviations of the past from the days before them, not a forecast
            deviation = z - (sums.sum(axis=0) / counts.sum(axis=0))[: len(z)]
        return falling_autocorrelation(deviation[np.isfinite(deviation)], lags)


@dataclass(frozen=True)
class Led:
    """The value of a leader known ahead (a day-ahead price, a provider's forecast), moved by the last deviation from
    it.

    Where the leader is not published yet, it is forecast by `leader_rule` itself.
    """

    leader: str
    leader_rule: PointRule = Anchored()

    @property
    def warm_up_days(self) -> int:
        """Those of the leader's rule."""
        return self.leader_rule.warm_up_days

    def path(self, look: LookBack, name: str, origins: Origins) -> FloatArray:
        """The leader, and what is left of the last deviation from it."""
        leader = self.leader_rule.path(look, self.leader, origins)
        last = look.known_end(name, origins)[:, np.newaxis] - 1
        gap = look.seen(name, last, origins) - look.seen(self.leader, last, origins)
        both = min(len(look.z[name]), len(look.z[self.leader]))
        deviation = look.z[name][:both] - look.z[self.leader][:both]
        lags = origins.targets - last
        keep = falling_autocorrelation(deviation, max(int(lags.max()), 1))
        path = leader + keep[np.clip(lags, 0, len(keep) - 1)] * np.nan_to_num(gap)
        return with_published(look, name, origins, path)


def falling_autocorrelation(deviation: FloatArray, lags: int) -> FloatArray:
    """Autocorrelation at the lags 0 to `lags`, never rising nor below 0, shape (lags + 1,)."""
    centred = deviation - deviation.mean()
    length = len(centred)
    size = 1 << int(np.ceil(np.log2(max(length + lags, 2))))
    spectrum = np.fft.rfft(centred, size)
    covariance = np.fft.irfft(spectrum * np.conj(spectrum), size)[: lags + 1]
    if covariance[0] <= 1e-12 * max(length, 1):
        return np.append(1.0, np.zeros(lags))
    keep: npt.NDArray[np.float64] = np.clip(covariance / covariance[0], 0.0, 1.0)
    return np.minimum.accumulate(keep)
