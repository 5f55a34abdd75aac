"""A browser for the tests of the report: Chromium driven by playwright; without either, these tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READY = "html[data-ready]"
PATIENCE_MS, POLL_MS = 60_000, 100
"""For a machine on which much else is running."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def until(tab: Any, condition: str) -> None:
    """Wait until an expression is true (the page's own policy forbids playwright's way of doing so)."""
    for _ in range(PATIENCE_MS // POLL_MS):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(POLL_MS)
    pytest.fail(f"never came true: {condition}")


@contextmanager
def opened(browser: Any, page: Path, **context: Any) -> Iterator[Any]:
    """A tab that has the page drawn; fails with what the page has complained of."""
    given = {"viewport": {"width": 1280, "height": 900}} | context
    within = browser.new_context(**given)
    within.set_default_timeout(PATIENCE_MS)
    tab = within.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else complaints.append(request.url),
    )
    tab.goto(page.resolve().as_uri())
    tab.wait_for_selector(READY, state="attached")
    yield tab
    within.close()
    assert complaints == []


def dragged_over(tab: Any, plot: Any) -> None:
    """Drag the pointer over a part of a picture's hours, which zooms."""
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    tab.mouse.move(box["x"] + 400, box["y"] + 120)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 600, box["y"] + 122, steps=8)
    tab.mouse.up()
