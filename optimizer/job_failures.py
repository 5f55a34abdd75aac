"""Failures and checkpoints: what a long run loses to them, and how often it should save its state.

A run on ``n`` nodes fails every ``M = mtbf_hours_per_node / n`` hours on average. Writing a checkpoint takes ``C``
hours in which no work is done; a failure loses the work since the last checkpoint, half an interval on average, and
``R = recovery_hours`` until the run goes on. Young's rule (J. W. Young, "A first order approximation to the optimum
checkpoint interval", Comm. ACM 17, 1974) gives the interval ``tau`` at which the two losses balance, and what is left
of the speed::

    tau          = sqrt(2 * C * M)
    speed_factor = 1 - C / tau - (tau / 2 + R) / M = 1 - sqrt(2 * C / M) - R / M

The factor is one number for the job: a malleable job counts the failures of ``typical_nodes``, by default the most
that it can hold, which is on the safe side. The rule is of first order and asks for intervals well below ``M``; where
``tau`` exceeds ``M / 2`` the plan warns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from optimizer.component import Finding, StrictModel
from optimizer.quantities import Hours, Positive


class JobFailures(StrictModel):
    """Fields of failures, and the speed that they leave."""

    mtbf_hours_per_node: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)] | None = None
    """Mean hours between failures of one node; not given: the work includes what failures cost."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1440, strict=True, allow_inf_nan=False)] = 0.0
    """Minutes without progress to write a checkpoint; the interval follows from Young's rule."""
    recovery_hours: Hours | None = None
    """Hours from a failure until the run goes on; ``restart_loss_hours`` by default."""
    typical_nodes: Positive | None = None
    """Nodes of a malleable job whose failures are counted; ``max_nodes`` by default."""
    restart_loss_hours: Hours = 0.0
    """Hours without progress at each start, the first one included (loading data, reloading a checkpoint)."""

    def _hours_between_failures(self, nodes: float) -> float:
        return math.inf if self.mtbf_hours_per_node is None else self.mtbf_hours_per_node / nodes

    def checkpoint_interval_hours(self, nodes: float) -> float:
        """Hours of work between two checkpoints on so many nodes; inf without failures."""
        return math.sqrt(2 * self.checkpoint_minutes / 60 * self._hours_between_failures(nodes))

    def speed_left(self, nodes: float) -> float:
        """Share of the speed that checkpoints and failures leave on so many nodes."""
        if self.mtbf_hours_per_node is None:
            return 1.0
        between = self._hours_between_failures(nodes)
        recovery = self.restart_loss_hours if self.recovery_hours is None else self.recovery_hours
        return 1.0 - math.sqrt(2 * self.checkpoint_minutes / 60 / between) - recovery / between

    def failure_problems(self, nodes: float, malleable: bool) -> Iterator[str]:
        """Fields of failures that contradict each other, for a job of so many nodes."""
        if self.mtbf_hours_per_node is None:
            for field in ("checkpoint_minutes", "recovery_hours", "typical_nodes"):
                if getattr(self, field):
                    yield f"{field} needs mtbf_hours_per_node: without failures no checkpoint is written"
        elif self.typical_nodes is not None and not malleable:
            yield "typical_nodes is for malleable jobs; the failures of a gang are those of all its nodes"
        elif self.typical_nodes is not None and self.typical_nodes > nodes:
            yield f"typical_nodes {self.typical_nodes:g} exceeds max_nodes {nodes:g}"
        elif nodes > 0 and self.speed_left(self.typical_nodes or nodes) <= 0:
            counted = self.typical_nodes or nodes
            yield (
                f"mtbf_hours_per_node {self.mtbf_hours_per_node:g}: {counted:g} nodes fail every "
                f"{self._hours_between_failures(counted):.3g} h, and checkpoints and recovery leave no progress"
            )

    def failure_findings(self, nodes: float) -> Iterator[Finding]:
        """What is odd: intervals for which the rule is not meant."""
        between = self._hours_between_failures(nodes)
        interval = self.checkpoint_interval_hours(nodes)
        if self.mtbf_hours_per_node is not None and interval > between / 2:
            yield Finding(
                "checkpoint_minutes",
                f"a checkpoint every {interval:.3g} h is long beside a failure every {between:.3g} h: the first-order "
                "rule is rough",
                self.checkpoint_minutes,
                fatal=False,
            )
