"""Few members in place of many: selections worked by hand, probabilities, and the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_history import window

from optimizer.errors import InputError
from optimizer.forecasting import ForecastEnsemble, profit_loss, reduce
from optimizer.forecasting.distances import energy_distance, energy_probabilities, member_distances
from optimizer.forecasting.reduction import Method

START = "2024-01-01T00:00"
METHODS: tuple[Method, ...] = ("forward", "medoids", "energy")


def points(values: list[float], probabilities: list[float] | None = None, **others: Any) -> ForecastEnsemble:
    """Members of one step each."""
    columns = {"rt": np.array(values)[:, np.newaxis]} | {n: np.array(v)[:, np.newaxis] for n, v in others.items()}
    return ForecastEnsemble.from_arrays(columns, window(START, 1), START, probabilities=probabilities)


def spread_of(ensemble: ForecastEnsemble) -> float:
    values = ensemble.values("rt")[:, 0]
    mean = ensemble.probabilities @ values
    return float(np.sqrt(ensemble.probabilities @ (values - mean) ** 2))


# ---------------------------------------------------------------------- by hand
def test_fast_forward_selection() -> None:
    """Proves: of 0, 1 and 5 with 0.4, 0.4 and 0.2 the first to be kept is 1 (0.4 + 0.8 = 1.2, against 1.4 and 3.6),
    then 5, which leaves 0.4, not 0 (0.8). The probability of 0 goes to 1: 0.8 and 0.2. Sensitivity: equal probabilities
    for the kept would be 0.5 each."""
    full = points([0.0, 1.0, 5.0], [0.4, 0.4, 0.2])
    found = reduce(full, 2)
    assert found.kept == (1, 2)
    assert found.reduced.probabilities.tolist() == pytest.approx([0.8, 0.2])
    assert found.transport == pytest.approx(0.4 / spread_of(full))
    assert found.transport_of_one == pytest.approx(1.2 / spread_of(full))
    assert found.lost_share == pytest.approx(1 / 3)
    assert found.reduced.values("rt")[:, 0].tolist() == [1.0, 5.0]


def test_medoids_mend_what_forward_selection_cannot_take_back() -> None:
    """Proves: of two pairs at 0 and 10 and a point at 5 forward selection keeps 5 first and one end; the medoids are
    one of each pair. Sensitivity: distance 1.98 against 1.04 (times five members)."""
    full = points([0.0, 0.1, 5.0, 10.0, 10.1])
    forward, medoids = reduce(full, 2), reduce(full, 2, "medoids")
    assert 2 in forward.kept
    assert medoids.kept in ((0, 3), (1, 3), (1, 4), (0, 4))
    assert medoids.transport < 0.6 * forward.transport


def test_energy_probabilities_by_symmetry_and_distance_by_hand() -> None:
    """Proves: 0, 5 and 10 reduced to 0 and 10: half each. 2 E|X - Y| = 10, E|X - X'| = 40 / 9, E|Y - Y'| = 5: 0.556.
    Sensitivity: without the last term 5.556."""
    full = points([0.0, 5.0, 10.0])
    distances = member_distances(full) * spread_of(full)
    weights = energy_probabilities(distances, full.probabilities, [0, 2])
    assert weights.tolist() == pytest.approx([0.5, 0.5])
    assert energy_distance(distances, full.probabilities, [0, 2], weights) == pytest.approx(10 - 40 / 9 - 5)


def test_each_method_does_best_by_its_own_distance() -> None:
    """Proves: of 150 paths reduced to 8, medoids have the least Kantorovich distance and `energy` the least energy
    distance. Sensitivity: with the same members and probabilities from all methods there is no difference."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (150, 1)) * rng.normal(1, 0.3, (1, 24)) + 0.5 * rng.normal(0, 1, (150, 24))
    full = ForecastEnsemble.from_arrays({"rt": values}, window(START, 24), START)
    found = {method: reduce(full, 8, method) for method in METHODS}
    assert found["medoids"].transport <= found["forward"].transport < found["energy"].transport
    assert found["energy"].energy < 0.8 * min(found["forward"].energy, found["medoids"].energy)
    moments = found["energy"].moments()["rt"]
    assert moments["mean_after"] == pytest.approx(moments["mean_before"], abs=0.1)
    assert 0.7 < moments["spread_after"] / moments["spread_before"] < 1.1


# ---------------------------------------------------------------------- for any members
@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=9),
    seed=st.integers(0, 100),
    method=st.sampled_from(METHODS),
    data=st.data(),
)
def test_probabilities_add_up_and_nothing_is_lost_with_all_members(
    values: list[float], seed: int, method: Any, data: Any
) -> None:
    """Proves: probabilities add up to 1; the loss is between 0 (all kept) and that of one member; medoids lose no more
    than forward selection."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(values)))
    full = points(values, weights.tolist())
    count = data.draw(st.integers(1, len(values)))
    found = reduce(full, count, method)
    assert found.reduced.probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    assert (found.reduced.probabilities >= 0).all()
    assert len(set(found.kept)) == found.reduced.members == count
    if method != "energy":
        assert -1e-12 <= found.transport <= found.transport_of_one + 1e-9
    else:
        assert -1e-12 <= found.energy <= found.energy_of_one + 1e-9
    if method == "medoids":
        assert found.transport <= reduce(full, count).transport + 1e-12
    if count == len(values):
        assert found.transport == pytest.approx(0.0, abs=1e-9)
        assert found.energy == pytest.approx(0.0, abs=1e-5)


def test_members_that_are_alike_are_joined_without_loss() -> None:
    full = points([3.0, 3.0, 7.0, 7.0, 7.0])
    for method in METHODS:
        found = reduce(full, 2, method)
        assert found.transport == pytest.approx(0.0, abs=1e-9)
        assert found.reduced.mean("rt")[0] == pytest.approx(full.mean("rt")[0], abs=1e-6)
        assert len(set(reduce(full, 4, method).kept)) == 4
    same = reduce(points([3.0, 3.0, 3.0]), 1)
    assert (same.lost_share, same.reduced.probabilities.tolist()) == (0.0, [1.0])


def test_weights_say_what_counts() -> None:
    """Proves: with the price alone in view its two levels are kept; with temperature alone that one's."""
    full = points([0.0, 0.0, 9.0, 9.0], temperature=[1.0, 5.0, 1.0, 5.0])
    by_price = reduce(full, 2, weights={"rt": 1.0}).reduced
    assert sorted(by_price.values("rt")[:, 0].tolist()) == [0.0, 9.0]
    by_air = reduce(full, 2, weights={"temperature": 1.0}).reduced
    assert sorted(by_air.values("temperature")[:, 0].tolist()) == [1.0, 5.0]


def test_many_members_are_reduced_quickly_and_keep_a_rare_spike() -> None:
    """Proves: of 300 members with 6 spikes some are kept, with about their probability of 2 %."""
    rng = np.random.default_rng(2)
    values = 30 + rng.normal(0, 3, (300, 48))
    values[:6, 18] += 900
    full = ForecastEnsemble.from_arrays({"rt": values}, window(START, 48), START)
    for method in METHODS:
        reduced = reduce(full, 20, method).reduced
        spiky = reduced.values("rt").max(axis=1) > 500
        assert 0.01 < reduced.probabilities[spiky].sum() < 0.04


def test_bad_requests_are_refused() -> None:
    full = points([0.0, 1.0])
    for count in (0, 3):
        with pytest.raises(InputError, match=f"members: found {count}; must be 1 to 2"):
            reduce(full, count)
    with pytest.raises(InputError, match="method: found"):
        reduce(full, 1, "guess")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"weights.rt: found -1"):
        reduce(full, 1, weights={"rt": -1.0})
    with pytest.raises(InputError, match="rtt: the forecast has no such variable"):
        reduce(full, 1, weights={"rtt": 1.0})


# ---------------------------------------------------------------------- money
def test_what_a_reduction_costs_in_money() -> None:
    """Proves: a newsvendor buys at 1 and sells at 3 what is asked for: 0, 1 or 5 with 0.4, 0.4 and 0.2. Best is 1:
    3 * 0.6 - 1 = 0.8 (0: 0; 5: 3 * (0.4 + 1) - 5 = -0.8). Reduced to 1 (0.8) and 5 (0.2), it promises 2 with 1 bought,
    1.2 too much; carried out that earns 0.8, so nothing is lost. Reduced to 5 alone it buys 5 and loses 1.6."""
    full = points([0.0, 1.0, 5.0], [0.4, 0.4, 0.2])

    def earned(bought: float, demand: ForecastEnsemble) -> float:
        sold = np.minimum(demand.values("rt")[:, 0], bought)
        return float(3.0 * (demand.probabilities @ sold) - bought)

    def plan(demand: ForecastEnsemble) -> tuple[float, float]:
        options = {float(bought): earned(float(bought), demand) for bought in demand.values("rt")[:, 0]}
        best = max(options, key=lambda bought: options[bought])
        return best, options[best]

    loss = profit_loss(reduce(full, 2), plan, lambda p: p[1], lambda p, demand: earned(p[0], demand))
    assert [loss.full, loss.reduced] == pytest.approx([0.8, 2.0])
    assert loss.promised_too_much == pytest.approx(1.2)
    assert loss.loss == pytest.approx(0.0)
    dear = reduce(full, 1)
    worst = profit_loss(
        type(dear)(full, full.selected([2], [1.0]), (2,), 0, 0, 0, 0),
        plan,
        lambda p: p[1],
        lambda p, d: earned(p[0], d),
    )
    assert worst.loss == pytest.approx(1.6)
    assert profit_loss(dear, plan, lambda p: p[1]).loss is None
