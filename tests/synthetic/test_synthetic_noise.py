"""Streams and red noise: stated variance, memory and growth with lead time."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.synthetic.noise import forecast_noise, red_noise, stream


def test_streams_depend_on_seed_and_names_only() -> None:
    assert stream(1, "a", "b").random() == stream(1, "a", "b").random()
    assert len({stream(seed, name).random() for seed in (1, 2) for name in ("wind", "clouds")}) == 4


@pytest.mark.parametrize("smooth_h", [0.0, 3.0])
@pytest.mark.parametrize("tail_degrees", [None, 5.0])
def test_stationary_noise_has_unit_deviation_and_the_stated_memory(smooth_h: float, tail_degrees: float | None) -> None:
    noise = red_noise(stream(3, "test"), 20, 20_000, 10.0, smooth_h=smooth_h, tail_degrees=tail_degrees)
    assert noise.shape == (20, 20_000)
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    correlation = np.mean([np.corrcoef(path[:-10], path[10:])[0, 1] for path in noise])
    # Smoothing adds memory: without it the autocorrelation after 10 h is 1/e.
    expected = np.exp(-1.0) if smooth_h == 0 else 0.5
    assert correlation == pytest.approx(expected, abs=0.06)


def test_known_start_grows_as_stated() -> None:
    noise = red_noise(stream(4, "test"), 20_000, 30, 10.0, known_start=True)
    lead_h = np.arange(1, 31)
    assert noise.std(axis=0) == pytest.approx(np.sqrt(1.0 - np.exp(-2.0 * lead_h / 10.0)), abs=0.02)


def test_longer_noise_begins_with_the_shorter() -> None:
    long, short = (red_noise(stream(5, "x"), 3, hours, 8.0, smooth_h=2.0) for hours in (50, 20))
    np.testing.assert_array_equal(long[:, :20], short)


def test_outcome_is_one_more_member_of_a_noise_forecast() -> None:
    """Members and outcome have equal variance, and member-outcome and member-member pairs correlate alike."""
    outcomes, firsts, seconds = [], [], []
    for seed in range(3_000):
        observed = red_noise(stream(seed, "truth"), 1, 12, 6.0)
        members = forecast_noise(observed, seed, ("forecast",), 2, 6.0, skill=0.3)
        outcomes.append(observed[0, 11])
        firsts.append(members[0, 11])
        seconds.append(members[1, 11])
        assert members[:, 0] == pytest.approx(observed[0, 0])
    shared = 0.3 + 0.7 * np.exp(-11.0 / 6.0)
    assert np.std(firsts) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(firsts, outcomes)[0, 1] == pytest.approx(shared, abs=0.05)
    assert np.corrcoef(firsts, seconds)[0, 1] == pytest.approx(shared, abs=0.05)
