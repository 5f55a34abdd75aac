"""What a new peak of the month costs a window that is shorter than the month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backtest_case import END, START, write_case

from optimizer.backtest.peaks_ahead import shares_of_months, with_peaks_spread
from optimizer.backtest.reading import read_case
from optimizer.backtest.running import backtest
from optimizer.contracts.demand_charge import DemandCharge
from optimizer.horizon import Horizon

SPOT = {"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}


def demand(**fields: Any) -> dict[str, Any]:
    return {"kind": "demand_charge", "name": "tdu"} | fields


@pytest.mark.parametrize("policy", ["schedule", "deterministic", "ensemble", "strike_price"])
def test_a_peak_that_pays_over_the_rest_of_the_time_is_set(policy: str, tmp_path: Path) -> None:
    """Proves: mining at 100 earns 50 an hour, and its peak of 3.5 MW costs 700: more than the 600 of a window of 12
    hours, less than the 1,200 of the day. Each policy mines all day: 1,200 - 700. Sensitivity: a window that is charged
    the whole of it stands still, and so does the next, all day long."""
    contracts = [SPOT, demand(rate_per_kw_month=0.2)]
    case = write_case(tmp_path, [100.0] * 24, contracts=contracts)
    found = backtest(case, START, END, policies=[policy])
    assert found.table["profit"][policy] == pytest.approx(1200 - 700)
    assert found.table["profit"]["perfect_foresight"] == pytest.approx(1200 - 700)


def test_a_peak_that_does_not_pay_in_the_rest_of_the_time_is_not_set(tmp_path: Path) -> None:
    """Proves: at 1,225 for the peak nothing is mined, by a share of one half in the first two windows and the whole in
    the last two. Sensitivity: a share of less than the time would mine at a loss."""
    contracts = [SPOT, demand(rate_per_kw_month=0.35)]
    case = write_case(tmp_path, [100.0] * 24, contracts=contracts)
    found = backtest(case, START, END, policies=["deterministic"])
    assert found.table["profit"]["deterministic"] == pytest.approx(0.0)


def test_the_share_of_a_month_grows_towards_its_end() -> None:
    """Proves: two days at the beginning of August of a record from August to the middle of September, in its middle,
    and across its end, where all that is left of August and 1 of 14 days of September are covered."""
    whole = Horizon(start="2024-08-01T00:00", steps=45 * 24, step="1h", timezone="UTC")

    def shares(start: str, steps: int = 48) -> tuple[float, float]:
        found = shares_of_months(Horizon(start=start, steps=steps, step="1h", timezone="UTC"), whole)
        assert all(share == 1.0 for month, share in enumerate(found, start=1) if month not in (8, 9))
        return found[7], found[8]

    assert shares("2024-08-01T00:00") == pytest.approx((2 / 31, 1.0))
    assert shares("2024-08-21T00:00") == pytest.approx((2 / 11, 1.0))
    assert shares("2024-08-31T00:00") == pytest.approx((1.0, 1 / 14))
    assert shares("2024-09-13T00:00") == (1.0, 1.0)


def test_the_same_month_a_year_later_is_not_counted() -> None:
    """Proves: of a record of two years a window pays its share of this August alone."""
    whole = Horizon(start="2023-08-01T00:00", steps=2 * 366 * 24, step="1h", timezone="UTC")
    found = shares_of_months(Horizon(start="2023-08-01T00:00", steps=48, step="1h", timezone="UTC"), whole)
    assert found[7] == pytest.approx(2 / 31)


def test_tiers_bundles_and_the_portfolio_are_weighed_too(tmp_path: Path) -> None:
    """Proves: each rate of a tier, of a charge within a tariff and of a contract of the portfolio is that of the share,
    12 by calendar month; all else stays."""
    tiers = [{"up_to_mw": 1.0, "rate_per_kw_month": 1.0}, {"rate_per_kw_month": 2.0}]
    bundle = {"kind": "tariff", "name": "t", "charges": [demand(rate_per_kw_month=4.0)]}
    path = write_case(tmp_path, [100.0] * 24, contracts=[SPOT, demand(tiers=tiers), bundle])
    case = read_case(path, START, END, overrides=["contracts=[{kind: demand_charge, name: all, rate_per_kw_month: 3}]"])
    scenario = with_peaks_spread(case.record.scenario, [1.0] * 7 + [0.5] + [1.0] * 4)
    spot, tiered, tariff = scenario.sites[0].contracts
    assert spot is case.record.scenario.sites[0].contracts[0]
    assert isinstance(tiered, DemandCharge)
    assert [tier.rate_per_kw_month[7] for tier in tiered.tiers or ()] == [0.5, 1.0]  # type: ignore[index]
    assert tariff.charges[0].rate_per_kw_month == (4.0,) * 7 + (2.0,) + (4.0,) * 4  # type: ignore[attr-defined]
    assert scenario.contracts[0].rate_per_kw_month[7] == 1.5  # type: ignore[attr-defined]
    assert with_peaks_spread(case.record.scenario, [1.0] * 12) is case.record.scenario
