"""The autoregressive model on series whose law is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from small_history import hourly, window

from optimizer.forecasting import Autoregression, issue

pytest.importorskip("statsmodels", reason="the extra `forecast` is not installed")


def test_members_have_the_mean_and_spread_of_an_autoregression() -> None:
    """Proves: of x_t = 0.8 x_(t-1) + e with unit e (near linear scale): h steps ahead the mean is 0.8^h times the last
    value and the variance (1 - 0.64^h) / 0.36. Sensitivity: without the filter the variance stays 1."""
    rng = np.random.default_rng(11)
    hours = 24 * 200
    shocks = rng.normal(0, 0.1, hours)
    x = np.zeros(hours)
    for t in range(1, hours):
        x[t] = 0.8 * x[t - 1] + shocks[t]
    x[24 * 180 - 1] = 0.1
    history = hourly({"x": x})
    found = issue(
        Autoregression(others=("x",), look_back_days=180), history, "2024-06-29", window("2024-06-29", 12), 4000
    )
    ahead = np.arange(1, 13)
    np.testing.assert_allclose(found.mean("x"), 0.1 * 0.8**ahead, atol=0.02)
    np.testing.assert_allclose(found.values("x").std(axis=0), 0.1 * np.sqrt((1 - 0.64**ahead) / 0.36), rtol=0.12)


def test_a_price_follows_its_leader_and_keeps_the_dependence_of_errors() -> None:
    """Proves: rt = da + e, load errors equal to e: a jump of the published day-ahead price is followed, and members of
    price and load go together. Sensitivity: without the leader the forecast stays at 30; drawn apart, correlation 0."""
    rng = np.random.default_rng(12)
    days = 120
    da = np.repeat(rng.uniform(20, 60, days), 24)
    error = rng.normal(0, 2, 24 * days)
    history = hourly({"da": da, "rt": da + error, "load": 50 + error}, published={"da": "day before 13:00"})
    day = 100
    found = issue(Autoregression({"rt": "da"}, ("load",)), history, "2024-04-10", window("2024-04-10", 48), 300)
    np.testing.assert_allclose(found.mean("rt")[:24], da[24 * day], atol=1.5)
    correlation = np.corrcoef(found.values("rt")[:, 5], found.values("load")[:, 5])[0, 1]
    assert correlation > 0.9
    # beyond what is published, the members' own day-ahead prices move their real-time prices
    both = np.corrcoef(found.values("rt")[:, 40], found.values("da")[:, 40])[0, 1]
    assert both > 0.8


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.ar_model", None)
    history = hourly({"x": np.arange(24.0 * 60) % 24})
    with pytest.raises(ImportError, match=r"pip install 'hybrid-compute-optimizer\[forecast\]'"):
        issue(Autoregression(others=("x",)), history, "2024-02-20", window("2024-02-20", 12), 5)
