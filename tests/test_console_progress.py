"""The status line of commands that do many tasks."""

from __future__ import annotations

from datetime import datetime

import pytest

from optimizer.console_progress import count_line, live_count
from optimizer.parallel import Count

NOON = datetime(2024, 8, 19, 12, 0)


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (Count(0, 60, 0, 1.0, None), "0 of 60 points  0 %"),
        (Count(37, 60, 0, 10.0, 150.4), "37 of 60 points  61 %  0:02:30 left, until 12:02"),
        (Count(7, 9000, 2, 1.0, 9e4), "7 of 9,000 points  0 %  2 failed  1 day, 1:00:00 left, until 2024-08-20 13:00"),
        (Count(60, 60, 1, 10.0, 0.0), "60 of 60 points  100 %  1 failed"),
        (Count(0, 0, 0, 0.0, None), "0 of 0 points  100 %"),
    ],
)  # fmt: skip
def test_what_is_done_and_when_the_rest_will_be(count: Count, line: str) -> None:
    assert count_line("points", count, NOON) == line


def test_nothing_is_printed_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Proves: without a terminal, stdout and stderr stay empty."""
    with live_count("points") as show:
        show(Count(1, 2, 0, 1.0, 1.0))
    assert capsys.readouterr() == ("", "")
