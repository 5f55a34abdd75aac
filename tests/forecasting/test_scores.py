"""Scores against closed forms and numbers worked by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.stats import norm
from small_history import hourly, window

from optimizer.errors import InputError
from optimizer.forecasting import ForecastEnsemble, Verification, scores

pytest.importorskip("scoringrules", reason="the extra `forecast` is not installed")

TWO = np.array([[0.0], [2.0]])
ONE = np.array([1.0])


# ---------------------------------------------------------------------- CRPS
@pytest.mark.parametrize(
    ("weights", "outcome", "expected"),
    [
        # E|X - y| = 1; E|X - X'| = 2 * 0.5 * 0.5 * 2 = 1
        ([0.5, 0.5], 1.0, 0.5),
        # E|X - X'| = 2 * 0.25 * 0.75 * 2 = 0.75
        ([0.25, 0.75], 1.0, 0.625),
        # E|X - y| = 0.25 * 5 + 0.75 * 3 = 3.5
        ([0.25, 0.75], 5.0, 3.125),
    ],
)
def test_crps_of_two_members(weights: list[float], outcome: float, expected: float) -> None:
    """Proves: E|X - y| - E|X - X'| / 2 by hand. Sensitivity: the "fair" estimator would give 0 in the first case."""
    assert scores.crps(TWO, np.array([outcome]), np.array(weights))[0] == pytest.approx(expected)


def test_crps_of_one_member_is_the_absolute_error() -> None:
    assert scores.crps(np.array([[3.0, -1.0]]), np.array([5.0, -1.0]), ONE).tolist() == [2.0, 0.0]


def test_crps_of_a_normal_law() -> None:
    """Proves: s (y (2 Phi(y) - 1) + 2 phi(y) - 1 / sqrt(pi)) for y standard deviations off the mean."""
    members = norm.ppf((np.arange(4000) + 0.5) / 4000)[:, np.newaxis] * np.array([[2.0, 2.0]])
    outcome = np.array([0.0, 3.0])
    y = outcome / 2.0
    expected = 2.0 * (y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi))
    found = scores.crps(members, outcome, np.full(4000, 1 / 4000))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


# ---------------------------------------------------------------------- others
def test_pinball_loss() -> None:
    """Proves: the 0.9 quantile of members 0 to 10 is 9; an outcome of 12 costs 0.9 * 3, one of 4 costs 0.1 * 5."""
    members = np.arange(11.0)[:, np.newaxis] * np.ones(2)
    found = scores.pinball(members, np.array([12.0, 4.0]), np.full(11, 1 / 11), [0.9])
    np.testing.assert_allclose(found, [[2.7, 0.5]])


def test_energy_score() -> None:
    """Proves: one member off by (3, 4) scores 5 / sqrt(2); scaled by 2 half; two members by hand: distances 0 and 5 to
    the outcome, 5 to each other: 2.5 - 0.5 * 2.5 = 1.25."""
    outcome = [np.array([0.0]), np.array([0.0])]
    one = [np.array([[3.0]]), np.array([[4.0]])]
    assert scores.energy_score(one, outcome, ONE, [1.0, 1.0]) == pytest.approx(5 / np.sqrt(2))
    assert scores.energy_score(one, outcome, ONE, [2.0, 2.0]) == pytest.approx(2.5 / np.sqrt(2))
    two = [np.array([[3.0], [0.0]]), np.array([[4.0], [0.0]])]
    half = np.array([0.5, 0.5])
    assert scores.energy_score(two, outcome, half, [1.0, 1.0]) == pytest.approx(1.25 / np.sqrt(2))
    skewed = scores.energy_score(two, outcome, np.array([0.2, 0.8]), [1.0, 1.0])
    assert skewed == pytest.approx((0.2 * 5 - 0.5 * 2 * 0.2 * 0.8 * 5) / np.sqrt(2))


def test_energy_score_sees_dependence_that_crps_does_not() -> None:
    """Proves: with outcomes that go together, members that do score better than the same values shuffled."""
    rng = np.random.default_rng(5)
    common = rng.normal(0, 1, (150, 1)) * np.ones((1, 24))
    shuffled = rng.permuted(common, axis=0)
    weights = np.full(150, 1 / 150)
    found = {
        name: np.mean([scores.energy_score([members], [np.full(24, y)], weights, [1.0]) for y in rng.normal(0, 1, 60)])
        for name, members in (("together", common), ("apart", shuffled))
    }
    assert found["together"] < 0.95 * found["apart"]


def test_pit_of_a_calibrated_forecast_is_even() -> None:
    """Proves: outcomes drawn as the members are fill all tenths alike; a forecast half as wide piles up at the ends."""
    rng = np.random.default_rng(6)
    members, outcome = rng.normal(0, 1, (19, 20_000)), rng.normal(0, 1, 20_000)
    weights = np.full(19, 1 / 19)
    even = np.histogram(scores.probability_integral_transform(members, outcome, weights, rng), 10, (0, 1))[0] / 20_000
    np.testing.assert_allclose(even, 0.1, atol=0.01)
    narrow = scores.probability_integral_transform(0.5 * members, outcome, weights, rng)
    ends = np.histogram(narrow, 10, (0, 1))[0] / 20_000
    assert ends[0] > 0.2
    assert ends[-1] > 0.2


def test_coverage_of_the_central_interval() -> None:
    """Proves: of members 1 to 10 the central 80 % runs from 1 to 9."""
    members = np.arange(1.0, 11.0)[:, np.newaxis] * np.ones(4)
    found = scores.covered(members, np.array([1.0, 9.0, 0.9, 9.5]), np.full(10, 0.1))
    assert found.tolist() == [True, True, False, False]


def test_spikes_caught_missed_and_alarms_without_one() -> None:
    """Proves: warnings where 2 of 10 members are above 200 (0.2 >= 0.1), none where none is."""
    members = np.full((10, 4), 50.0)
    members[:2, [0, 2]] = 300.0
    count = scores.spike_count(members, np.array([500.0, 500.0, 20.0, 20.0]), np.full(10, 0.1), 200.0)
    assert (count.caught, count.missed, count.false_alarms) == (1, 1, 1)
    assert (count.recall, count.precision) == (0.5, 0.5)
    both = count + scores.SpikeCount(caught=2)
    assert both.recall == 0.75
    assert np.isnan(scores.SpikeCount().recall)
    assert np.isnan(scores.SpikeCount().precision)


def test_a_chance_that_is_met_exactly_is_a_warning() -> None:
    members = np.array([[300.0]] + [[50.0]] * 9)
    assert scores.spike_count(members, np.array([500.0]), np.full(10, 0.1), 200.0).caught == 1


def test_skill() -> None:
    assert scores.skill(2.0, 8.0) == 0.75
    assert np.isnan(scores.skill(1.0, 0.0))


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scoringrules", None)
    with pytest.raises(ImportError, match=r"pip install 'hybrid-compute-optimizer\[forecast\]'"):
        scores.crps(TWO, ONE, np.array([0.5, 0.5]))


# ---------------------------------------------------------------------- verification
RECORD = hourly({"rt": np.array([10.0, 300.0, 10.0, 10.0]), "da": np.array([10.0, 20.0, 10.0, np.nan])})


def members(values: list[list[float]], start: str = "2024-01-01T00:00") -> ForecastEnsemble:
    return ForecastEnsemble.from_arrays({"rt": values}, window(start, 2), start)


def test_forecasters_are_compared_on_the_same_issues() -> None:
    """Proves: persistence is off by 10 and 280 and by 0 and 0: mean 72.5; the other by 5 each: skill 1 - 5 / 72.5. A
    spike at 300 is caught by the second alone."""
    found = Verification(("rt",), spike_above={"rt": 200.0})
    for start, first, second in (
        ("2024-01-01T00:00", [20.0, 20.0], [15.0, 305.0]),
        ("2024-01-01T02:00", [10.0, 10.0], [15.0, 5.0]),
    ):
        found.add("persistence", members([first], start), RECORD)
        found.add("better", members([second], start), RECORD)
    table = found.table().set_index("forecaster")
    assert table["crps"].tolist() == [72.5, 5.0]
    assert table["skill"].tolist() == pytest.approx([0.0, 1 - 5 / 72.5])
    assert table["median_error"].tolist() == [72.5, 5.0]
    assert table["spike_recall"].tolist() == [0.0, 1.0]
    assert table["issues"].tolist() == [2, 2]
    assert found.by_lead("persistence", "rt").tolist() == [5.0, 140.0]
    assert found.pit_histogram("better", "rt", bins=4).sum() == pytest.approx(1.0)
    assert np.isnan(found.table(reference="nobody")["skill"]).all()


def test_other_issues_are_not_compared() -> None:
    found = Verification(("rt",))
    found.add("a", members([[1.0, 1.0]]), RECORD)
    found.add("b", members([[1.0, 1.0]], "2024-01-01T02:00"), RECORD)
    with pytest.raises(InputError, match="b and a were not given the same issues"):
        found.table()
    with pytest.raises(InputError, match="c/rt: no forecasts were added; there are a/rt, b/rt"):
        found.by_lead("c", "rt")


def test_an_outcome_that_is_not_known_names_variable_and_stamp() -> None:
    found = Verification(("da",))
    ensemble = ForecastEnsemble.from_arrays({"da": [1.0, 1.0]}, window("2024-01-01T02:00", 2), "2024-01-01T02:00")
    with pytest.raises(InputError, match=r"da: what came is not known at 2024-01-01T03:00.*1 of 2 steps"):
        found.add("a", ensemble, RECORD)
