"""Makes the helpers in this folder importable from all tests, and keeps tests from each other's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """The command line sets up the library's log for a whole process; here many commands run in one."""
    log = logging.getLogger("optimizer")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)
