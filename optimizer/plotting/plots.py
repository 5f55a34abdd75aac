"""What ``plan.plot`` draws: the report's pictures one by one, as plotly figures to show, change and export.

Every method returns one figure, or a dictionary of figures by name where there may be several; ``figure.show()``,
``figure.write_html(…)`` and ``figure.update_layout(…)`` are plotly's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from optimizer.chart import Chart
from optimizer.errors import InputError, Problem
from optimizer.frame import Part
from optimizer.plotting.drawing import drawn
from optimizer.reporting.components import chart_figure
from optimizer.reporting.figure import Figure
from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View
from optimizer.spanning import split_charts

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from optimizer.plan import Plan

MOST_POINTS = 10_000
"""Points per line; of longer horizons groups of steps are drawn."""


class Plots:
    """Pictures of one plan. Powers in MW, money in the scenario's currency, times local."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @cached_property
    def _view(self) -> View:
        return View(self._plan, Timeline.of(self._plan.scenario.horizon, MOST_POINTS))

    # ------------------------------------------------------------------ sites
    def power(self, site: str | None = None) -> go.Figure:
        """Power by component, import and its limits, reserves and prices of a site (by default the first).

        Raises InputError for a site that the scenario does not have.
        """
        from optimizer.reporting.power import power_figure

        return drawn(power_figure(self._view, self._site(site), f"{self._site(site)}: power and price"))

    def prices(self, site: str | None = None) -> go.Figure:
        """Prices that the contracts of a site (by default the first) charge or pay, per MWh; over an ensemble their
        expected values with the band from 10 to 90 %.

        Raises InputError for a site that the scenario does not have.
        """
        from optimizer.reporting.palette import looks

        name, unit = self._site(site), f"{self._plan.scenario.currency}/MWh"
        figure = Figure(f"{name}: prices", unit, timeline=self._view.timeline)
        prices = self._view.prices(name)
        for (words, values), look in zip(prices.items(), looks(len(prices)), strict=True):
            figure.add_line(words, self._view.spread(values), unit, look)
        return drawn(figure)

    def members(self, site: str | None = None) -> go.Figure:
        """Profit of each member, sorted; with a site, the fan of its import over time.

        Raises InputError for a plan of one member, and for a site that the scenario does not have.
        """
        from optimizer.reporting.fan import import_fan
        from optimizer.reporting.money import profit_by_member

        figure = profit_by_member(self._view) if site is None else import_fan(self._view, self._site(site))
        if figure is None or self._view.members < 2:
            raise _nothing("members", "the plan has one member", "give the scenario an ensemble")
        return drawn(figure)

    # ------------------------------------------------------------------ components
    def jobs(self) -> go.Figure:
        """Work as rows over time, as in a Gantt chart. Raises InputError where the scenario has none."""
        from optimizer.reporting.rows import row_figure

        figure = row_figure(self._view, [(part, chart) for part, chart in self._charts() if chart.row])
        if figure is None:
            raise _nothing("jobs", "no component is drawn as a row", "jobs are")
        return drawn(figure)

    def storage(self) -> dict[str, go.Figure]:
        """Energy stored, MWh, by component."""
        return self._figures(lambda chart: chart.at_step_end and chart.unit == "MWh")

    def component(self, name: str) -> dict[str, go.Figure]:
        """All pictures of a component, by their titles. Raises InputError for one that the scenario does not have."""
        labels = list(self._view.parts.components)
        if name not in labels:
            raise _nothing("component", f"there is no component {name}", f"one of: {', '.join(labels)}")
        found = {}
        for part, chart in self._charts():
            figure = chart_figure(self._view, part, chart) if part.label == name else None
            if figure is not None:
                found[chart.title or chart.group] = drawn(figure)
        return found

    def group(self, heading: str) -> dict[str, go.Figure]:
        """All pictures under a heading of the report (``Cooling``). Raises InputError for one that is not there."""
        headings = list(dict.fromkeys(chart.group for _, chart in self._charts()))
        if heading not in headings:
            raise _nothing("group", f"there is no heading {heading}", f"one of: {', '.join(headings)}")
        return self._figures(lambda chart: chart.group == heading and not chart.row)

    # ------------------------------------------------------------------ money and reasons
    def ledger(self) -> go.Figure:
        """Where the profit comes from: expected money by ledger line. Raises InputError where no money moves."""
        from optimizer.reporting.money import waterfall

        figure = waterfall(self._view)
        if figure is None:
            raise _nothing("ledger", "the plan has no ledger line", "give the scenario prices")
        return drawn(figure)

    waterfall = ledger

    def reasons(self, member: int = 0) -> go.Figure:
        """Why each component does what it does, by component and step.

        Raises InputError for a plan without an explanation (``optimize(scenario, explain=True)`` works it out), and for
        a member that the plan does not have.
        """
        from optimizer.plotting.reasons import reasons_figure

        if self._view.explanation is None:
            raise _nothing("reasons", "the reasons were not worked out", "optimize(scenario, explain=True) does so")
        if not 0 <= member < self._view.members:
            raise _nothing("reasons", f"there is no member {member}", f"0 to {self._view.members - 1}")
        return reasons_figure(self._view, member)

    # ------------------------------------------------------------------ helpers
    def _site(self, name: str | None) -> str:
        sites = list(self._view.parts.sites)
        if name is not None and name not in sites:
            raise _nothing("site", f"there is no site {name}", f"one of: {', '.join(sites)}")
        return sites[0] if name is None else name

    def _charts(self) -> list[tuple[Part, Chart]]:
        return [
            (part, chart)
            for part in self._view.parts.components.values()
            for chart in (*part.component.charts(part.frame), *split_charts(part))
        ]

    def _figures(self, wanted: Callable[[Chart], bool]) -> dict[str, go.Figure]:
        found: dict[str, go.Figure] = {}
        for part, chart in self._charts():
            figure = chart_figure(self._view, part, chart) if wanted(chart) else None
            if figure is not None:
                name = part.label if part.label not in found else f"{part.label}: {chart.title}"
                found[name] = drawn(figure)
        return found

    def __repr__(self) -> str:
        names = sorted(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<pictures of {self._plan.scenario.name!r}: {', '.join(names)}>"


def _nothing(what: str, message: str, hint: str) -> InputError:
    return InputError([Problem(f"plot.{what}", message, hint=hint)])
