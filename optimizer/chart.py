"""What a component wants to be drawn in the report: names and figures only, no drawing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """One picture over time, of variables that the component puts into the dispatch.

    Variables that the plan does not have (a limit where there is none) are left out of the picture. A variable with a
    dimension of the component's own is drawn as one line (or area) per label.
    """

    group: str
    """Heading under which it stands in the report, as a planner would say it: ``Training``; for contracts ``Contracts``
    (supply), ``Peaks``, ``Reserves``, ``Carbon``. The headings of contracts come last."""
    lines: tuple[str, ...]
    """Result variables to draw."""
    unit: str
    """Unit of the vertical axis."""
    title: str = ""
    """What is shown, beside the component's name."""
    rest: tuple[str, ...] = ()
    """Result variables of what is not used, drawn in grey."""
    limits: tuple[str, ...] = ()
    """Result variables that the lines are held against; infinite values are not drawn."""
    references: tuple[tuple[str, float], ...] = ()
    """Label and value of horizontal lines."""
    marks: tuple[tuple[str, str | None], ...] = ()
    """Label and time stamp (as in the scenario file) of vertical lines; None is left out."""
    stacked: bool = False
    """Areas on top of each other instead of lines."""
    at_step_end: bool = False
    """The lines are states at the end of each step, not means over it."""
    initial: float | None = None
    """State before the first step, with ``at_step_end``."""
    row: bool = False
    """One row of a picture that all such charts under the heading share, as work is shown in a Gantt chart: the row is
    as high as its one line is against its own highest value. From the first mark to the last is the time allowed."""
