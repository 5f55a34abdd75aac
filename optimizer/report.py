"""The report page: pictures and tables of a plan in one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.plan import Plan


def write_report(plan: Plan, path: Path) -> Path:
    """Write the report of a plan to ``path`` and return it. Raises OSError if the file cannot be written."""
    from optimizer.reporting.page import page

    path.write_text(page(plan), encoding="utf-8")
    return path
