"""When the difficulty of the Bitcoin network changes next and by how much, in members.

The protocol multiplies the difficulty every 2016 blocks by 14 days over what those blocks have taken, at most by 4 and
at least by 1/4. Within an epoch it is constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from optimizer.bitcoin import BLOCKS_PER_RETARGET, RETARGET_CLAMP, RETARGET_DAYS
from optimizer.forecasting.history import FloatArray

BLOCKS_PER_DAY = BLOCKS_PER_RETARGET / RETARGET_DAYS
_EPOCH_DAYS = 4
"""So many days of equal means show the level of an epoch; the mean of the day of a retarget is a mixture."""

_BLOCKS_OF_TRUST = 300.0
"""So many blocks tell the network's speed to 6 %, which is as much as it varies from epoch to epoch."""


@dataclass(frozen=True)
class Epoch:
    """The epoch in which a forecast is issued."""

    difficulty: float
    """Difficulty of the epoch."""
    elapsed_days: float
    """Days since its first block."""
    blocks: float | None
    """Blocks found since then, where they are counted."""
    log_changes: FloatArray
    """Logarithms of the factors of past retargets."""

    def paths(
        self,
        days_ahead: FloatArray,
        draws: FloatArray,
        luck: FloatArray,
        *,
        largest_step: float = np.log(RETARGET_CLAMP),
    ) -> FloatArray:
        """Difficulty `days_ahead` (T,) after the issue, for each member, shape (M, T).

        `draws` (M, E) are logarithms of the network's speed (1 is 144 blocks a day), one for each epoch from the
        present one on; `luck` (M,) are standard normal draws. The next retarget follows from the epoch as a whole.
        """
        until = self._days_left(draws[:, 0], luck)
        step = np.log(RETARGET_DAYS / np.maximum(self.elapsed_days + until, 1e-3))
        log_factor = np.zeros((len(draws), len(days_ahead)))
        for epoch in range(draws.shape[1]):
            if epoch:
                step = draws[:, epoch]
            step = np.clip(step, -largest_step, largest_step)
            log_factor += np.where(days_ahead >= until[:, np.newaxis], step[:, np.newaxis], 0.0)
            following = draws[:, min(epoch + 1, draws.shape[1] - 1)]
            until = until + RETARGET_DAYS * np.exp(-following)
        return np.asarray(self.difficulty * np.exp(log_factor))

    def _days_left(self, draws: FloatArray, luck: FloatArray) -> FloatArray:
        """Days until the next retarget, by member.

        Without block counts, the whole epoch runs at the drawn speed. With them, the speed of its rest has the law of
        the draws given the speed so far (normal laws: a count of n blocks tells a speed to ``1 / sqrt(n)``), and the
        blocks still to be found come by chance.
        """
        if self.blocks is None:
            return np.maximum(RETARGET_DAYS * np.exp(-draws) - self.elapsed_days, 0.0)
        left = max(BLOCKS_PER_RETARGET - self.blocks, 0.0)
        if not left:
            return np.zeros(len(draws))
        trusted = self.blocks / (self.blocks + _BLOCKS_OF_TRUST)
        so_far = np.log(max(self.blocks, 1.0) / (BLOCKS_PER_DAY * max(self.elapsed_days, 1.0 / BLOCKS_PER_DAY)))
        usual = float(np.mean(self.log_changes))
        speed = trusted * so_far + (1.0 - trusted) * usual + np.sqrt(1.0 - trusted) * (draws - usual)
        return np.asarray(left / BLOCKS_PER_DAY * np.exp(luck / np.sqrt(left) - speed))


def epoch_at(
    issued_at: pd.Timestamp, days: pd.DatetimeIndex, difficulty: FloatArray, blocks: FloatArray | None
) -> Epoch:
    """The epoch that holds at `issued_at`, from daily means of the difficulty and, if known, blocks by day.

    `days` are the starts of consecutive UTC days. The mean of the day of a retarget is a mixture, whose shares tell
    when in the day it was; with block counts the blocks of the epoch are counted from there. Raises ValueError where
    the days hold fewer than two retargets.
    """
    runs = _runs(difficulty)
    epochs = [run for run in runs if run.length >= _EPOCH_DAYS]
    if len(epochs) < 3:
        raise ValueError(f"holds {max(len(epochs) - 1, 0)} retargets in {len(days)} days; two at least are needed")
    log_changes = np.diff(np.log([run.level for run in epochs]))
    before, last = epochs[-2:]
    mixed = last.start - 1  # the day of the last retarget of which both sides are known
    share = 0.0
    if mixed >= before.start + before.length:
        share = float(np.clip((difficulty[mixed] - before.level) / (last.level - before.level), 0.0, 1.0))
    elapsed = share + len(days) - 1 - mixed
    counts = np.full(len(days), BLOCKS_PER_DAY * np.exp(np.mean(log_changes))) if blocks is None else blocks
    found = share * counts[mixed] + float(counts[mixed + 1 :].sum())
    level = last.level
    if last.start + last.length < len(difficulty):  # there has been another retarget since
        found, elapsed, level = _after_another(found, counts, difficulty, last)
    waited = max(float((issued_at - days[-1]) / pd.Timedelta(days=1)) - 1.0, 0.0)
    if blocks is None:
        return Epoch(level, elapsed + waited, None, log_changes)
    pace = found / elapsed if elapsed > 1.0 else BLOCKS_PER_DAY
    return Epoch(level, elapsed + waited, min(found + waited * pace, BLOCKS_PER_RETARGET), log_changes)


def _after_another(found: float, counts: FloatArray, difficulty: FloatArray, last: _Run) -> tuple[float, float, float]:
    """Blocks and days of an epoch that is too young to show a level of its own, and its difficulty."""
    young = len(difficulty) - last.start - last.length  # the day of the retarget, and those after it
    blocks = float(np.clip(found - BLOCKS_PER_RETARGET, counts[len(counts) - young + 1 :].sum(), counts[-young:].sum()))
    share = (blocks - counts[len(counts) - young + 1 :].sum()) / counts[-young]
    elapsed = young - 1 + share
    if young > 1:
        return blocks, elapsed, float(difficulty[-1])
    # one day, a mixture of the old level and the new one, which a small share of it hardly shows
    share = max(share, 0.2)
    unmixed = (difficulty[-1] - (1.0 - share) * last.level) / share
    return blocks, elapsed, float(np.clip(unmixed, last.level / RETARGET_CLAMP, last.level * RETARGET_CLAMP))


@dataclass(frozen=True)
class _Run:
    """Consecutive days of equal mean difficulty."""

    start: int
    length: int
    level: float


def _runs(difficulty: FloatArray) -> list[_Run]:
    changed = np.flatnonzero(np.abs(np.diff(np.log(difficulty))) > 1e-9) + 1
    edges = [0, *changed.tolist(), len(difficulty)]
    return [_Run(start, end - start, float(difficulty[start])) for start, end in pairwise(edges)]
