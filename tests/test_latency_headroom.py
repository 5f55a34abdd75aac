"""Erlang's C formula and the tangent drawn from it, against closed forms and the published table."""

import numpy as np
import pytest

from optimizer.latency_headroom import safe_tangent, usable_servers, waiting_share

TABLE = {8: 0.56, 16: 0.67, 32: 0.76, 64: 0.83, 128: 0.88, 256: 0.91}
"""Utilisation at which a tenth of the requests wait, by servers (two decimals)."""


@pytest.mark.parametrize("load", [0.0, 0.1, 0.5, 0.99])
def test_one_server_makes_wait_whom_it_finds_busy(load: float) -> None:
    assert waiting_share(1, load) == pytest.approx(load)


def test_two_servers_with_one_busy_on_average() -> None:
    """Proves: C(2, 1) = 1/3. Sensitivity: Erlang's B, the share turned away, is 1/5."""
    assert waiting_share(2, 1.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("servers", "utilisation"), TABLE.items())
def test_usable_capacity_is_that_of_the_table(servers: int, utilisation: float) -> None:
    assert usable_servers(servers, 0.1) / servers == pytest.approx(utilisation, abs=0.005)


@pytest.mark.parametrize("typical", [1, 2, 8, 12.5, 32, 64, 100, 256])
def test_the_tangent_is_exact_at_its_size_and_safe_at_any_other(typical: float) -> None:
    """Proves: at no number of servers is more promised than Erlang's formula allows. Sensitivity: the line of
    constant utilisation through 64 servers promises 6.6 of 8 servers, where 4.5 are usable."""
    line = safe_tangent(typical, 0.1)
    promised = np.array([line.slope * c - line.intercept for c in range(1, 401)])
    usable = np.array([usable_servers(c, 0.1) for c in range(1, 401)])
    assert (promised <= usable + 1e-9).all()
    assert line.slope * typical - line.intercept == pytest.approx(np.interp(typical, range(1, 401), usable))
    assert all(line.slope * c - line.intercept <= c * (rho + 0.005) for c, rho in TABLE.items())


def test_below_the_least_number_nothing_is_usable() -> None:
    line = safe_tangent(64, 0.1)
    assert line.slope * line.least_servers == pytest.approx(line.intercept)
    assert 5 < line.least_servers < 8
