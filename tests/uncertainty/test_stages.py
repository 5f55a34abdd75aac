"""What is decided before and after: read off the matrix, for every kind that decides ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shipped
from reserve_case import service
from small_case import fleet, site_case, spot
from uncertain_case import committed, hedge, newsvendor, scenario

import optimizer as opt
from optimizer.matrix import matrix_of
from optimizer.uncertainty.stages import SHARED, Stages, member_profits, problem_with_risk, stages_of

CHANCES = [0.25, 0.75]


def stages(case: dict[str, Any]) -> tuple[opt.Problem, Stages]:
    problem = problem_with_risk(scenario(case))
    return problem, stages_of(problem, member_profits(problem))


def here_and_now(case: dict[str, Any]) -> set[str]:
    """Names of the variables that are decided once for all members."""
    return set(stages(case)[1].names)


def test_day_ahead_positions() -> None:
    """Proves: the position is one for both members, the delivery is not."""
    assert here_and_now(hedge([30, 90], [4, 4], CHANCES)) == {"parts[market].position"}


@pytest.mark.parametrize(("commit", "ahead"), [("day_ahead", True), ("recourse", False)])
def test_machine_commitments(commit: str, ahead: bool) -> None:
    """Proves: with ``commit: day_ahead`` the machines on, started and stopped are one decision; with ``recourse`` each
    member's own, although their index set is not called members."""
    case = site_case(
        steps=3,
        contracts=[spot([[100, 120, -50], [120, 90, 20]])],
        assets=[fleet(commit=commit, start_cost=1.0)],
        probabilities=CHANCES,
    )
    found = {f"parts[m].{name}" for name in ("on", "started", "stopped")} if ahead else set()
    assert here_and_now(case) == found


@pytest.mark.parametrize(("commit", "ahead"), [("day_ahead", True), ("recourse", False)])
def test_ancillary_awards(commit: str, ahead: bool) -> None:
    """Proves: awards and whether a block is sold are decided ahead, unless they are recourse."""
    case = site_case(
        steps=2,
        contracts=[spot([[100, 120], [120, 90]]), service(commit=commit, min_mw=1.0)],
        assets=[fleet()],
        probabilities=CHANCES,
    )
    found = {f"parts[rrs].{name}" for name in ("award_mw", "is_sold")} if ahead else set()
    assert here_and_now(case) == found


def test_elected_blocks_and_committed_reductions() -> None:
    """Proves: a month's election and a programme's commitment are one decision, what is taken of them is not."""
    block = {"kind": "elected_block", "name": "block", "max_mw": 4, "step_mw": 2.0}
    block |= {"price_per_mwh": 60, "take_or_pay_fraction": 0.8}
    programme = {"kind": "demand_response", "name": "dr", "max_mw": 2, "availability_per_mw_h": 5}
    programme |= {"events": [[0, 1], [0, 0]], "baseline_mw": 3.5, "penalty_per_mwh": 100}
    case = site_case(
        steps=2,
        contracts=[spot([[100, 120], [120, 90]]), block, programme],
        assets=[fleet()],
        start="2024-08-01T00:00",
        probabilities=CHANCES,
    )
    assert here_and_now(case) == {"parts[block].elected_mw", "parts[block].multiples", "parts[dr].committed_mw"}


def test_rigid_jobs_and_places_of_jobs() -> None:
    """Proves: when a rigid job starts, with all that follows from it, and where a job runs are decided ahead."""
    problem, _ = shipped.solved("two_sites_72h")
    ahead = set(stages_of(problem).names)
    rigid = {f"parts[pretrain].{name}" for name in ("start", "on", "ended", "progress")}
    assert ahead == rigid | {"parts[finetune].assigned"}


def test_everything_else_is_recourse() -> None:
    """Proves: all columns but the here-and-now ones have a member, and in each row stand columns of one member at most;
    in the paper-sized case of machines, an engine and a battery, which may not burn energy in the first member."""
    problem, found = stages(committed([[100, 120, -50], [120, 90, 20]], CHANCES))
    assert set(found.names) == {f"parts[{p}].{n}" for p in ("m", "engine") for n in ("on", "started", "stopped")}
    counts = np.bincount(found.member_of_column + 1)
    assert counts[1] == counts[2] + 1  # the choice of charging or discharging at a price below 0
    assert counts.sum() == len(problem.arrays.cost)
    # the value at risk is the same for all members, but no decision; nothing hangs on two stops of engines that are off
    assert counts[0] == sum(columns.size for columns in found.names.values()) + 1
    assert counts[0] - 3 <= found.decided.sum() <= counts[0] - 1
    rows = problem.arrays.matrix.tocsc().tocoo()
    owners = found.member_of_column[rows.col]
    assert ((owners == SHARED) | (owners == found.member_of_row[rows.row])).all()


def test_profits_of_members_are_the_ledger() -> None:
    """Proves: the linear function of each member's profit gives what the ledger books, to rounding, constants of money
    (what is paid whatever is done) included."""
    fee = {"kind": "fixed_charge", "name": "meter", "per_month": 720.0}
    case = committed([[100, 120, -50], [120, 90, 20]], CHANCES)
    case["sites"][0]["contracts"].append(fee)
    problem = problem_with_risk(scenario(case))
    plan = problem.solve()
    assert problem.memory.values is not None
    found = member_profits(problem).at(problem.memory.values)
    assert found.tolist() == pytest.approx(plan.profit_by_member.tolist(), rel=1e-9)
    with pytest.raises(ValueError, match="no rows on the profits"):
        member_profits(opt.build(scenario(case)))


def test_with_one_member_nothing_is_shared() -> None:
    problem = opt.build(scenario(newsvendor([5.0])))
    assert stages_of(problem).names == {}
    assert not stages_of(problem).here_and_now.size


def test_rows_that_tie_members_are_refused() -> None:
    """Proves: with one entry of the second member put into a row of the first, the rule of that row is named."""
    problem = opt.build(scenario(committed([[100, 120, -50], [120, 90, 20]], CHANCES)))
    own = stages_of(problem)
    arrays = problem.arrays
    row = int(np.flatnonzero(own.member_of_row == 0)[0])
    column = int(np.flatnonzero(own.member_of_column == 1)[0])
    matrix = arrays.matrix.tocsc().tocoo()
    tied = matrix_of(
        np.append(matrix.row, row).astype(np.int64),
        np.append(matrix.col, column).astype(np.int64),
        np.append(matrix.data, 1.0),
        arrays.matrix.shape,
    )
    problem.compiled.arrays = replace(arrays, matrix=tied)
    rule = next(block.constraint.doc for block in problem.compiled.blocks if block.rows.start <= row < block.rows.stop)
    with pytest.raises(opt.InputError, match="rules tie several members together") as caught:
        stages_of(problem)
    assert rule in str(caught.value)
