"""The shipped campus on real weeks of 2024. The data are not part of the project: where they are absent, the tests are
skipped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from real_week_case import real_weeks

import optimizer as opt
from optimizer.parts import place

BLOCK_WITHOUT_RESALE_MW = 10.0
FULL_FLEET_MW = 12_000 * 3500e-6 + 9_000 * 2970e-6
HIGH_PRICE = 300.0


@pytest.mark.skipif(not real_weeks.ALIGNED.is_file(), reason="the real data of 2024 are not beside the project")
@pytest.mark.parametrize("first_day", real_weeks.WEEKS.values(), ids=real_weeks.WEEKS.keys())
def test_the_campus_plans_a_real_week(first_day: str) -> None:
    """Proves: on real prices, weather and demand (gaps in the carbon series, days of 23 and 25 hours, the halving, a
    spike above 3,000) the plan is proven to 0.1 %, stands up to the audit and reacts as an operator would."""
    scenario = opt.scenario_from_dict(real_weeks.real_week(first_day), folder=real_weeks.ALIGNED.parent)
    plan = opt.optimize(scenario)
    summary = plan.summary
    assert summary["status"] == "optimal"
    assert summary["mip_gap"] <= 1e-3
    assert summary["audit"]["largest_violation"] < 1e-6
    assert summary["work_done"] == pytest.approx(
        {"finetune": 22_000, "pretrain": 18_432, "evaluation": 6_144}, rel=1e-6
    )
    assert summary["served_fraction"]["chat"] >= 0.99
    price = scenario.sites[0].contracts[0].price_per_mwh.values[0]  # type: ignore[attr-defined]
    imported = plan.dispatch["import_mw"].to_numpy()[0, :, 0]
    miners = plan.dispatch["power_mw"].sel(component=["s21", "s19"]).sum("component").to_numpy()[0]
    # above 300 per MWh nothing is taken but the block that cannot be resold: with mining left on, import would be near
    # 80 MW
    assert (imported[price > HIGH_PRICE] <= BLOCK_WITHOUT_RESALE_MW + 1e-6).all()
    # below 5 per MWh every machine runs flat out
    np.testing.assert_allclose(miners[price < 5.0], FULL_FLEET_MW, rtol=1e-6)


@pytest.mark.skipif(not real_weeks.ALIGNED.is_file(), reason="the real data of 2024 are not beside the project")
def test_the_halving_halves_the_hashprice_within_the_week() -> None:
    """Proves: from network data the subsidy falls from 6.25 to 3.125 BTC at 2024-04-20 00:09 UTC, the first full hour
    after it being 01:00 UTC (20:00 the day before in Chicago). Without it the hashprice would not fall in that
    hour."""
    scenario = opt.scenario_from_dict(real_weeks.real_week("2024-04-15"), folder=real_weeks.ALIGNED.parent)
    fleet = next(asset for asset in scenario.sites[0].assets if asset.name == "s19")
    parts, _ = place(scenario)
    hashprice = fleet.hashprice(parts.components["s19"].frame)[0]  # type: ignore[attr-defined]
    after = int(scenario.horizon.utc.get_loc(pd.Timestamp("2024-04-20T01:00Z")))  # type: ignore[arg-type]
    assert hashprice[after] < 0.8 * hashprice[after - 1]
