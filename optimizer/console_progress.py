"""A progress bar with the estimated end, for commands that do many tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.console import Console

from optimizer.parallel import Count


@contextmanager
def live_count(what: str) -> Iterator[Callable[[Count], None]]:
    """A status line on stderr with what is done and when the rest will be; silent where stderr is no terminal."""
    console = Console(stderr=True)
    with console.status(f"reading and checking {what} …") as status:

        def show(count: Count) -> None:
            status.update(count_line(what, count, datetime.now()))

        yield show


def count_line(what: str, count: Count, now: datetime) -> str:
    """``37 of 60 points  62 %  1 failed  0:41 left, until 14:05``."""
    share = 100 * count.done // count.total if count.total else 100
    line = f"{count.done:,} of {count.total:,} {what}  {share} %"
    if count.failed:
        line += f"  {count.failed:,} failed"
    if count.remaining_s is None or count.done == count.total:
        return line
    left = timedelta(seconds=round(count.remaining_s))
    end = now + left
    when = f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{line}  {left} left, until {when}"
