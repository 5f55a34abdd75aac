"""What every asset, workload, contract and cooling plant obeys.

A component's file holds its whole life: fields, cross-checks, variables, constraints, money, results and audit. The
assembler, the ledger, the reports and the audit loop over components and never name a kind. Subclasses are found by
discovery (:mod:`optimizer.discovery`).

Rules are Pyomo rules. ``b`` is the component's own Pyomo block, ``f`` its :class:`~optimizer.frame.Frame` (index sets,
data, neighbours), ``w`` an ensemble member and ``t`` a step. Electric power is in MW, consumption positive at the
site's bus; money is revenue positive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from optimizer.declared import (
    Carried,
    Direction,
    Expandable,
    Finding,
    Floats,
    MoneyLine,
    Need,
    Result,
    Rule,
    Switch,
)
from optimizer.explanation.reason import Code, Holds, gathered
from optimizer.quantities import Name

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.chart import Chart
    from optimizer.frame import Frame
    from optimizer.horizon import Horizon
    from optimizer.marginals import Marginals
    from optimizer.rest_of_period import Ahead

__all__ = [
    "Asset",
    "Carried",
    "Component",
    "Cooling",
    "Direction",
    "Expandable",
    "Finding",
    "Floats",
    "MoneyLine",
    "Need",
    "Result",
    "Rule",
    "StrictModel",
    "Switch",
]
"""All that the file of a kind needs to say what it is, what it declares included."""


class StrictModel(BaseModel):
    """Base of everything in a scenario file: frozen, unknown keys are errors, docstrings under fields are the schema's
    text."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    @classmethod
    def model_json_schema(cls, *arguments: Any, **keywords: Any) -> dict[str, Any]:
        """pydantic's, with the docstrings under fields as their descriptions (:mod:`optimizer.field_texts`)."""
        from optimizer.field_texts import described_schema

        return super().model_json_schema(*arguments, **described_schema(keywords))


class Component(StrictModel):
    """Anything that a scenario lists under a site (or under the portfolio)."""

    name: Name
    """Name in results and messages; unique within its site."""

    offers: ClassVar[str | tuple[str, ...] | None] = None
    """What others may refer to this component as (``pool``, ``cooling``), in one word or several."""
    refers_to: ClassVar[dict[str, str]] = {}
    """Fields that hold the name (or names) of another component, and what that component has to offer."""
    carries: ClassVar[dict[str, str]] = {}
    """What a plan hands on to the run that follows it: keys of :meth:`carry`, and what they hold; one value for each
    period, group or time where the words say so (``…, by month``, ``…, by time``)."""

    expandable: ClassVar[dict[str, Expandable]] = {}
    """Numbers of which the next unit may be worth something, by their fields (``discharge.limit_mw``)."""
    earns_at: ClassVar[dict[str, str]] = {}
    """Fields that hold the prices at which it earns, and what they are called: each has a break-even."""

    gives_way: ClassVar[tuple[str, ...]] = ()
    """Numbers, times and switches that a planner can change where there is no plan (``cap_t``,
    ``tower.water_limit_m3``); of a kind that names none, every number of its own is tried."""

    holds: ClassVar[dict[str, Holds]] = {  # of every kind: :mod:`optimizer.stability.rows`
        f"moved_{way}_mw at least": Holds(Code.RULE, "the price on changes keeps it at the previous plan")
        for way in ("up", "down")
    }
    """What its rules and bounds mean to a planner: see :class:`~optimizer.explanation.reason.Holds`. Classes that a
    kind is made of add theirs; a rule of which nothing is said is told by its ``doc``."""
    deeds: ClassVar[tuple[str, str, str]] = ("draws", "rests", "feeds in")
    """Words for what it does: with power above 0, at 0 and below 0."""

    emits: ClassVar[bool] = False
    """Whether it burns fuel on site (:meth:`emitted_kg`)."""
    feeds_in: ClassVar[bool] = False
    """Whether it may feed power into the site's bus (:meth:`power_mw` below 0)."""

    # ------------------------------------------------------------------ before the model
    def consists_of(self) -> dict[str, Component]:
        """For a bundle: the components that stand in its stead, by the field that holds each (``charges[0]``).

        They are placed, billed and reported as ``{bundle}-{member}``; among themselves they may use their short names,
        and where others may name several, the bundle's name means all of them. Empty: it stands for itself.
        """
        return {}

    def check(self, f: Frame) -> Iterator[Finding]:
        """Cross-checks against the horizon, the ensemble and the components referred to. Yields findings."""
        yield from ()

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        """Carried states of the right form that cannot be: ``field`` is the key."""
        yield from ()

    def in_window(self, whole: Horizon) -> Self:
        """The component as it stands in a window of a longer horizon: what it takes from the start or the end of the
        horizon by default is spelled out as that of the ``whole``."""
        return self

    def is_idle(self, horizon: Horizon, states: Mapping[str, Any]) -> bool:
        """Whether the component has no part in a horizon that begins with these states (of a section ``carry``):
        neither decisions nor money, and no state that changes."""
        return False

    def weighed(self, ahead: Ahead) -> Self:
        """The component as decisions of a window weigh it, where it charges for longer than the window
        (:mod:`optimizer.rest_of_period`)."""
        return self

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        """Declare parameters and decision variables on the block."""

    def constraints(self, b: Any, f: Frame) -> None:
        """Declare constraints on the block; neighbours' variables exist by now."""

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Power drawn from the site's bus (negative: fed in), MW."""
        return 0.0

    def own_power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Power reported under this component's name, MW: what it draws less what others report for themselves."""
        return self.power_mw(b, f, w, t)

    def explained_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """What a reason is given for, MW: the power reported under its name, or what a contract delivers or holds."""
        return self.own_power_mw(b, f, w, t)

    def said_of_limits(self) -> dict[str, Holds]:
        """``holds`` of all classes that the component is made of."""
        return gathered(type(self))

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Heat given to the cooling plant that the component refers to, MW."""
        return 0.0

    def emitted_kg(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """CO2 that the component itself emits in a step, kg (fuel burnt on site); reported as ``emitted_kg`` by kinds
        with ``emits``."""
        return 0.0

    def largest_power_mw(self, f: Frame) -> Floats:
        """Most that the component can draw from the bus, MW, (members, steps); the data from which big-Ms are
        derived."""
        return f.zeros()

    def largest_heat_mw(self, f: Frame) -> Floats:
        """Most heat that the component can give to its cooling plant, MW, (members, steps); no machine gives more than
        it draws."""
        return self.largest_power_mw(f)

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        """Change of the power at the site's bus if all reserves of a direction are called, MW, counted positive."""
        return 0.0

    def reserve_heat_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        """Change of the heat given to the cooling plant if all reserves of a direction are called, MW, counted
        positive."""
        return 0.0

    def needs(self, b: Any, f: Frame) -> dict[str, Need]:
        """What this component's rules ask for, by the rule's name: an infeasibility is told with it."""
        return {}

    def switch(self, b: Any, f: Frame) -> Switch | None:
        """How the industry's rule of thumb, a strike price, turns it on and off; None where there is no such rule."""
        return None

    # ------------------------------------------------------------------ after the model
    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        """Ledger lines. The objective is their sum, and the same lines give the ledger after the solve."""
        return {}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        """Variables of the dispatch beside ``power_mw``, which every component has."""
        return {}

    def audit(self, a: AuditView) -> None:
        """Recompute limits, balances and money from the plan alone, with plain numpy and without the model."""

    def audited_heat_mw(self, a: AuditView) -> Floats:
        """Heat given to the cooling plant, MW, (members, steps), from the plan alone."""
        return np.zeros(a.shape)

    def audited_power_mw(self, a: AuditView) -> Floats:
        """Power drawn from the site's bus, MW, (members, steps), from the plan alone."""
        return a["power_mw"]

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        """Change of the power at the site's bus if all reserves of a direction are called, MW, from the plan alone."""
        return np.zeros(a.shape)

    def audited_reserve_heat_mw(self, a: AuditView, direction: Direction) -> Floats:
        """Change of the heat if all reserves of a direction are called, MW, from the plan alone."""
        return np.zeros(a.shape)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """What the run that starts where this one ends has to know, from the plan alone: keys of ``carries``.

        ``a`` may show a plan up to some step only, as if the run had ended there; then the rest of it does not count.
        A value is (members,), or one such array per calendar period, group or time, by its label (``2024-08``). What
        was carried into this run comes from ``a.frame.carried``; see :mod:`optimizer.carry`.
        """
        return {}

    def end_rule(self, f: Frame) -> str | None:
        """How this component's state is treated at the end of the horizon, in a planner's words."""
        return None

    def summary(self, a: AuditView) -> dict[str, float]:
        """Figures for sections of the summary, by section: ``{"work_done": 8800.0}``; expected over the members."""
        return {}

    @property
    def asks_for_marginals(self) -> bool:
        """Whether :meth:`marginal_figures` has something to say, so that marginal values are worked out."""
        return False

    def marginal_figures(self, b: Any, f: Frame, marginals: Marginals) -> dict[str, float]:
        """Figures for sections of the summary from marginal values, with all whole decisions as planned; money over
        the horizon, expected over the members."""
        return {}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        """Pictures for the report, beside the power that is drawn for every component; ``f`` has no model."""
        return ()


class Asset(Component):
    """Machines at a site."""

    feeds_in: ClassVar[bool] = True
    """Unless a kind says that it only draws power."""


class Cooling(Component):
    """Plant that takes heat from the components that refer to it."""

    offers: ClassVar[str | None] = "cooling"
