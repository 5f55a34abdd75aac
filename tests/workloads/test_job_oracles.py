"""Training jobs against plans found by trying everything, on random days."""

import itertools

import numpy as np
import pytest
from pool_case import at, job, pool_case
from small_case import profit


@pytest.mark.parametrize("seed", range(4))
def test_preemptible_jobs_against_every_pattern_of_blocks(seed: int) -> None:
    """Proves: of all 2^5 ways to run five blocks of two hours, with a restart loss and a penalty for each late
    hour, the plan takes the best."""
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(0, 300, 10), 1)
    work, gang, loss, due, penalty = float(rng.uniform(8, 24)), 4, 0.5, int(rng.integers(5, 9)), 2.5
    options = []
    for pattern in itertools.product((0, 1), repeat=5):
        starts = [k for k in range(5) if pattern[k] and (k == 0 or not pattern[k - 1])]
        done, finish = 0.0, None
        for t in range(10):
            if pattern[t // 2]:
                done += gang * (1 - loss * (t % 2 == 0 and t // 2 in starts))
            if finish is None and done >= work - 1e-9:
                finish = t + 1
        energy = sum(price[t] * gang * 0.01 for t in range(10) if pattern[t // 2])
        late = (10 if finish is None else finish) - due
        options.append(60.0 * (finish is not None) - penalty * max(0, late) - energy)
    case = pool_case(
        price.tolist(),
        10,
        job(
            value=60,
            work_node_hours=work,
            gang_nodes=gang,
            block_hours=2,
            restart_loss_hours=loss,
            deadline=at(due),
            late_penalty_per_hour=penalty,
            overdue=True,
            **{"class": "preemptible"},
        ),
    )
    assert profit(case) == pytest.approx(max(options))


@pytest.mark.parametrize("seed", range(6))
def test_rigid_jobs_against_every_start(seed: int) -> None:
    """Proves: of all starts, over three members with prices of their own, the plan takes the best on average."""
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(0, 300, (3, 12)), 1)
    odds = [0.5, 0.3, 0.2]
    work, gang, penalty, due = float(rng.uniform(8, 30)), 4, 3.0, int(rng.integers(3, 10))
    length = int(np.ceil(work / gang))
    never = -penalty * (12 - due)
    options = [never]
    for start in range(12 - length + 1):
        energy = np.array(odds) @ price[:, start : start + length].sum(axis=1) * gang * 0.01
        options.append(80.0 - energy - penalty * max(0, start + length - due))
    case = pool_case(
        price.tolist(),
        12,
        job(
            value=80,
            work_node_hours=work,
            gang_nodes=gang,
            deadline=at(due),
            late_penalty_per_hour=penalty,
            overdue=True,
            **{"class": "rigid"},
        ),
        probabilities=odds,
    )
    assert profit(case) == pytest.approx(max(options))
