"""Power caps of training nodes, worked by hand: which row, mixes, losses, gangs, reserves; and the default table.

A node-hour takes 10 kWh at full power; the row used here takes 5 kWh for 0.8 of the speed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pool_case import at, job, pool, pool_case, table, two_sites
from reserve_case import held
from small_case import profit, refusals, series, solved, unnoticed, warnings_of

from optimizer.power_caps import CUBIC_LOSS, DEFAULT_POWERS, LINEAR_LOSS, measured_speed

MEASURED = Path(__file__).parents[3] / "shared" / "data" / "power_perf" / "zeus_gpu_power_limit_vs_throughput.csv"
HALF = [{"power": 0.5, "speed": 0.8}]


def capped(**fields: Any) -> dict[str, Any]:
    return job(value=200, power_caps=HALF, **fields)


def test_a_dear_hour_is_worked_at_a_cap() -> None:
    """Proves: 16 node-hours in two hours at 1000 take all 10 nodes at the cap, 20 * 5 kWh: 200 - 100. Sensitivity:
    at full power 40, with the speed of the cap not counted 120."""
    plan = solved(pool_case(1000, 2, capped(work_node_hours=16)))
    assert plan.expected_profit == pytest.approx(100.0)
    assert table(plan, "j", "capped_nodes") == {"0.5": [10.0, 10.0]}
    assert series(plan, "power_mw", "j") == [0.05, 0.05]
    assert series(plan, "progress", "j") == [8.0, 16.0]
    assert unnoticed(plan, "j") == []


def test_the_report_shows_nodes_at_caps(tmp_path: Path) -> None:
    one_out = {"from": at(0), "until": at(1), "nodes": 1}
    plan = solved(pool_case(1000, 2, capped(work_node_hours=16), on=pool(nodes=12, maintenance=[one_out])))
    plan.report(tmp_path / "plan.html")
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert "nodes at power caps" in page
    assert "nodes under maintenance" in page


def test_nodes_mix_rows() -> None:
    """Proves: 18 node-hours in two hours take x node-hours at full power, x + 0.8 * (20 - x) = 18: 10 and 10, 150 kWh
    at 1000. Sensitivity: one row for all nodes 180 kWh."""
    assert profit(pool_case(1000, 2, capped(work_node_hours=18))) == pytest.approx(50.0)


def test_the_cheap_hour_is_worked_at_full_power() -> None:
    """Proves: 18 node-hours are 10 at 100 and 8 at the cap at 1000: 10 + 50. Sensitivity: capped in both hours they do
    not fit, at full power 10 + 80."""
    plan = solved(pool_case([1000, 100], 2, capped(work_node_hours=18)))
    assert plan.expected_profit == pytest.approx(140.0)
    assert table(plan, "j", "capped_nodes") == {"0.5": [10.0, 0.0]}


def test_dominated_rows_are_told_and_left_out() -> None:
    """Proves: a row at 0.75 of power and 0.85 of speed lies below the line from (0.5, 0.8) to (1, 1): the plan is that
    without it. Sensitivity: the row taken for what it says costs 0.1 more somewhere; kept silently no warning."""
    rows = [*HALF, {"power": 0.75, "speed": 0.85}]
    case = pool_case(1000, 2, capped(work_node_hours=18) | {"power_caps": rows})
    assert "the rows at power 0.75 lie below the envelope" in warnings_of(case)
    assert profit(case) == pytest.approx(50.0)


def test_capped_nodes_count_as_fewer_in_a_scaling_table() -> None:
    """Proves: 8 nodes at a cap of 0.75 speed count as 6, which are worth 5: 40 kWh where 6 nodes at full power take
    60. Sensitivity: the cap applied after the table (0.75 * 6 = 4.5) does not reach 5 node-hours on 8 nodes."""
    work = job(work_node_hours=5, scaling=[[4, 4], [8, 6]], max_nodes=8, power_caps=[{"power": 0.5, "speed": 0.75}])
    assert profit(pool_case(1000, 1, work)) == pytest.approx(60.0)


def test_a_restart_loses_the_pace_of_capped_nodes() -> None:
    """Proves: a gang of 4 at the cap has a pace of 3.2 and loses half of its first hour: 4.8 in a block of 2 hours for
    40 kWh. Sensitivity: the loss at full pace leaves 4.4, and a part of the block at full power costs more (44)."""
    gang = {"gang_nodes": 4, "block_hours": 2, "class": "preemptible"}
    plan = solved(pool_case(1000, 2, job(work_node_hours=4.8, restart_loss_hours=0.5, power_caps=HALF, **gang)))
    assert plan.expected_profit == pytest.approx(60.0)
    assert series(plan, "progress", "j") == [1.6, 4.8]
    assert series(plan, "lost_nodes", "j") == [1.6, 0.0]
    malleable = job(work_node_hours=4.8, min_nodes=4, max_nodes=4, restart_loss_hours=0.5, power_caps=HALF)
    assert profit(pool_case(1000, 2, malleable)) == pytest.approx(60.0)


def test_nodes_not_ready_lose_the_time_of_nodes_at_full_speed() -> None:
    """Proves: of 10 capped nodes half an hour is lost in switching, 10 * 0.8 - 10 * 0.5 = 3 (the safe side).
    Sensitivity: counted at the cap 4."""
    work = capped(work_node_hours=3)
    plan = solved(pool_case([10000], 1, work | {"value": 2000}, on=pool(switch_minutes=30)))
    assert plan.expected_profit == pytest.approx(2000 - 500.0)


def test_a_rigid_job_keeps_one_row_for_its_run() -> None:
    """Proves: 8 node-hours on 4 nodes take 2 hours at full power, 80 kWh, or 2.5 at the cap, 3 whole ones for 60:
    200 - 60. Sensitivity: a mix of rows (0.8 of the speed in one of the hours only) 56 in 2.25 hours, the half hour
    not held 50, without caps 120."""
    work = capped(work_node_hours=8, gang_nodes=4, **{"class": "rigid"})
    plan = solved(pool_case(1000, 3, work))
    assert plan.expected_profit == pytest.approx(140.0)
    assert series(plan, "progress", "j") == [3.2, 6.4, 8.0]
    assert table(plan, "j", "capped_nodes") == {"0.5": [4.0, 4.0, 4.0]}
    assert unnoticed(plan, "j") == []
    assert profit(pool_case(1000, 2, work)) == pytest.approx(120.0)


@pytest.mark.parametrize("of_class", ["malleable", "preemptible", "rigid"])
def test_caps_on_the_pool_that_the_job_runs_on(of_class: str) -> None:
    """Proves: on the dear site the job would be capped; it runs on the cheap one at the cap too, 8 node-hours in 2
    hours by 5 nodes at 5 kWh each, 50 kWh at 500. Sensitivity: the saving on the other pool would pay 50 more."""
    size = {"max_nodes": 5} if of_class == "malleable" else {"gang_nodes": 5}
    size |= {"block_hours": 2} if of_class == "preemptible" else {}
    work = job(work_node_hours=8, pool=["a.h", "b.h"], power_caps=HALF, **{"class": of_class}, **size)
    plan = solved(two_sites((1000, 500), 2, work))
    assert plan.expected_profit == pytest.approx(75.0)
    assert table(plan, "j", "power_by_pool_mw") == {"a.h": [0.0, 0.0], "b.h": [0.025, 0.025]}


def test_capped_nodes_have_less_to_give_up_on_call() -> None:
    """Proves: half of what 10 nodes draw above idling is 0.04 MW at full power and (50 - 20) / 2 = 0.015 at the cap.
    At 1000 the job is capped (16 of 16 node-hours) and holds 0.015. Sensitivity: 0.04 whatever the cap."""
    product = {
        "kind": "ancillary_service",
        "name": "rrs",
        "direction": "up",
        "price_per_mw_h": 1,
        "providers": ["j"],
    }
    case = pool_case(1000, 2, capped(work_node_hours=16, flex_fraction=0.5))
    case["sites"][0]["contracts"].append(product)
    assert held(solved(case), "rrs", "j") == [0.015, 0.015]


# ---------------------------------------------------------------------------- the default table
def test_the_default_table_is_of_the_power_above_idling() -> None:
    """Proves: at 0.7 of what it draws above idling a node takes 2 + 0.7 * 8 = 7.6 kWh for 0.88672 of the speed, the
    cheapest work of the table. Sensitivity: 0.7 of the whole power 7."""
    plan = solved(pool_case(1000, 1, job(work_node_hours=8.8672, power_caps="default")))
    assert plan.expected_profit == pytest.approx(100.0 - 76.0)
    assert table(plan, "j", "capped_nodes") == {"0.8": [0.0], "0.7": [10.0], "0.6": [0.0], "0.5": [0.0]}


def test_speeds_of_the_default_table() -> None:
    """Proves: the four rows as documented."""
    assert [round(measured_speed(power), 3) for power in DEFAULT_POWERS] == [0.949, 0.887, 0.781, 0.616]


@pytest.mark.skipif(not MEASURED.is_file(), reason="the Zeus measurements are not beside the project")
def test_the_fit_follows_the_measurements() -> None:
    """Proves: least squares over the points of runs that load the GPU to 80 % of its limit, from half of the power on,
    give the documented figures. Sensitivity: with all runs, or by the limit instead of the draw, other figures."""
    points = pd.read_csv(MEASURED)
    run = ["gpu", "dataset", "network", "batch_size", "optimizer"]
    full = points.sort_values("power_limit").groupby(run).tail(1).set_index(run)
    points = points.join(full[["average_power", "power_limit", "time_per_epoch"]].add_suffix("_full"), on=run)
    power = points["average_power"] / points["average_power_full"]
    loaded = points["average_power_full"] >= 0.8 * points["power_limit_full"]
    chosen = loaded & (power >= 0.5)
    cut = 1.0 - power[chosen].to_numpy()
    loss = 1.0 - (points["time_per_epoch_full"] / points["time_per_epoch"])[chosen].to_numpy()
    terms = np.stack([cut, cut**3], axis=1)
    (linear, cubic), *_ = np.linalg.lstsq(terms, loss, rcond=None)
    assert len(cut) == 388
    assert (round(linear, 3), round(cubic, 2)) == (LINEAR_LOSS, CUBIC_LOSS)
    assert np.sqrt(np.mean((terms @ [linear, cubic] - loss) ** 2)) == pytest.approx(0.049, abs=5e-4)


# ---------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"power": 1.2, "speed": 0.9}, "power_caps[0].power: found 1.2; must be at most 1"),
        ({"power": 0.9, "speed": 1.1}, "power_caps[0].speed: found 1.1; must be at most 1"),
        ({"power": 70, "speed": 0.9}, "was 0.7 meant (percent given)?"),
        ({"power": 0.0, "speed": 0.9}, "power_caps[0].power: found 0.0; must be above 0"),
        ({"power": 0.1, "speed": 0.2}, "0.1 of full_kw 10 is less than an idle node of h draws"),
        ({"power": 0.9}, "power_caps[0].speed: is missing"),
    ],
)
def test_rows_that_cannot_be_are_refused(row: dict[str, float], message: str) -> None:
    assert message in refusals(pool_case(0, 2, job(work_node_hours=1, power_caps=[row])))


def test_no_rows_and_unknown_tables_are_refused() -> None:
    assert "power_caps" in refusals(pool_case(0, 2, job(work_node_hours=1, power_caps=[])))
    assert "the word default" in refusals(pool_case(0, 2, job(work_node_hours=1, power_caps="measured")))
