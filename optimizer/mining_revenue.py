"""What the hash rate of a fleet earns, and the luck of the pool that pays for it.

In each step, on average over the blocks that might be found::

    expected_t = hashprice_t * hash_t * step_h / 24 * uptime * (1 - pool_fee)                           (currency)

**Pools.** The expected revenue is the same whichever way a pool shares out; who bears the luck of finding blocks is
not. Under ``fpps`` (full pay per share) the pool does: it pays what a share is worth on average. Under ``pplns`` (pay
per last N shares) miners share the blocks that are really found, under ``pps_plus`` only the transaction fees in them.
A pool with the share ``p`` of the network finds ``n_t = 6 * step_h * p`` blocks in a step on average, Poisson
distributed, and pays a fleet ``expected_t / n_t`` for each. Over the horizon the luck has the standard deviation::

    pplns:      sqrt( sum_t expected_t^2 / n_t )
    pps_plus:   sqrt( sum_t (fees_t / (subsidy_t + fees_t) * expected_t)^2 / n_t )

(Rosenfeld, Analysis of Bitcoin Pooled Mining Reward Systems, 2011, arXiv:1112.4980: a miner's blocks are Poisson
distributed and a payout has the variance of its mean times the reward; section 3.3 on PPLNS.) It stands in the summary
as ``pool_luck_std``, the root of the mean variance over the members; the plan, its ledger and its CVaR are of expected
revenues. Fleets in the same pool have the same luck: their deviations add up. The window over which PPLNS averages, and
its delay, are not counted. Who mines alone is a pool of his own share of the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.audit import AuditView, frame_of
from optimizer.bitcoin import (
    HASHES_PER_DIFFICULTY,
    TARGET_BLOCK_SECONDS,
    BitcoinNetwork,
    hashprice_per_ph_day,
    subsidy_btc,
)
from optimizer.component import Finding, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.quantities import Fraction, Series, SeriesOf

BLOCKS_PER_HOUR = 3600.0 / TARGET_BLOCK_SECONDS


class MiningRevenue(StrictModel):
    """Where the revenue of hash rate comes from, and what the pool keeps and passes on."""

    hashprice_per_ph_day: Annotated[Series, SeriesOf("currency/(PH/s*day)", ge=0)] | None = None
    """Revenue of 1 PH/s for a day before the pool's fee; or give ``bitcoin``."""
    bitcoin: BitcoinNetwork | None = None
    """Network data from which the hashprice is computed."""
    pool_fee: Fraction = 0.0
    """Share of the revenue that the pool keeps."""
    pool_scheme: Literal["fpps", "pps_plus", "pplns"] = "fpps"
    """Who bears the luck of finding blocks: the pool (``fpps``), miners for the fees (``pps_plus``) or for all
    (``pplns``)."""
    pool_share_of_network: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """Share of the network's hash rate that the pool has, for the luck of ``pplns`` and ``pps_plus``."""
    uptime: Fraction = 1.0
    """Share of the time in which a running machine really hashes."""

    @model_validator(mode="after")
    def _revenue_is_described(self) -> Self:
        if (self.hashprice_per_ph_day is None) == (self.bitcoin is None):
            raise ValueError("give either hashprice_per_ph_day or bitcoin (network data)")
        if self.pool_scheme != "fpps" and self.pool_share_of_network is None:
            raise ValueError(f"pool_scheme {self.pool_scheme} needs pool_share_of_network, which its luck depends on")
        if self.pool_scheme == "pps_plus" and self.bitcoin is None:
            raise ValueError("pool_scheme pps_plus needs bitcoin (network data): the share of fees in a block")
        return self

    def revenue_findings(self, f: Frame, largest_ph_s: Floats) -> Iterator[Finding]:
        """Cross-checks of the pool with the fleet, whose hash rate is ``largest_ph_s`` at most, (members, steps)."""
        share = self.pool_share_of_network
        if share is None:
            return
        if self.pool_scheme == "fpps":
            yield Finding("pool_share_of_network", "has no effect with pool_scheme fpps", share, fatal=False)
        if self.bitcoin is not None:
            network_ph_s = self._difficulty(f) * HASHES_PER_DIFFICULTY / TARGET_BLOCK_SECONDS / 1e15
            own = float((largest_ph_s / network_ph_s).max())
            if own > share:
                yield Finding(
                    "pool_share_of_network",
                    f"the fleet alone has up to {own:.3g} of the network's hash rate",
                    share,
                    allowed=f"at least {own:.3g}",
                )

    # ------------------------------------------------------------------ expected revenue
    def hashprice(self, f: Frame | AuditView) -> Floats:
        """Hashprice before the pool's fee, currency per PH/s per day, (members, steps)."""
        if self.bitcoin is None:
            assert self.hashprice_per_ph_day is not None
            return f.values(self.hashprice_per_ph_day)
        return frame_of(f).remembered("hashprice", lambda: self._from_the_network(f))

    def _from_the_network(self, f: Frame | AuditView) -> Floats:
        assert self.bitcoin is not None
        reward = self._subsidy(f) + f.values(self.bitcoin.fees_per_block_btc)
        return hashprice_per_ph_day(self._difficulty(f), reward, f.values(self.bitcoin.price))

    def revenue_per_ph_hour(self, f: Frame | AuditView) -> Floats:
        """What a PH/s earns in an hour, currency, (members, steps)."""
        return self.hashprice(f) * (self.uptime * (1.0 - self.pool_fee) / 24.0)

    def _difficulty(self, f: Frame | AuditView) -> Floats:
        assert self.bitcoin is not None
        given = f.values(self.bitcoin.difficulty)
        return self.bitcoin.difficulty_path(f.horizon.utc, f.horizon.timezone, given)

    def _subsidy(self, f: Frame | AuditView) -> Floats:
        assert self.bitcoin is not None
        given = self.bitcoin.subsidy_btc
        return f.full(subsidy_btc(f.horizon.utc)) if given is None else f.values(given)

    # ------------------------------------------------------------------ luck
    def pool_figures(self, a: AuditView, hash_ph_s: Floats) -> dict[str, float]:
        """Standard deviation of the revenue by the pool's luck, currency over the horizon, where miners bear it."""
        if self.pool_scheme == "fpps":
            return {}
        assert self.pool_share_of_network is not None
        exposed = self.revenue_per_ph_hour(a) * a.step_h * hash_ph_s
        if self.pool_scheme == "pps_plus":
            assert self.bitcoin is not None
            fees = a.values(self.bitcoin.fees_per_block_btc)
            reward = self._subsidy(a) + fees
            exposed = exposed * np.divide(fees, reward, out=np.zeros(a.shape), where=reward > 0)
        blocks = BLOCKS_PER_HOUR * a.step_h * self.pool_share_of_network
        variance = (exposed**2).sum(axis=1) / blocks
        return {"pool_luck_std": float(np.sqrt(a.probabilities @ variance))}
