"""Heat that a hall, a loop or a plant collects from what stands in it, and the most that it takes.

The heat of a step, and its limit::

    heat_t  = sum of the guests' heat, not below 0                                               (MW)
    heat_t <= limit_t,   the lower of heat_limit_mw and heat_limit_table at the temperature of the step

A guest may take heat back out (heat that is sold, a store that is discharged): its heat is then negative. Halls may
stand on each other and on plants, so that a room, the loop that serves it, and the plant behind have limits of their
own. Machines that hold reserves down (:mod:`optimizer.reserves`) keep the heat of a call within every limit, too.

**The value of one more MW.** Where heat is limited, the summary says what one more MW of limit in every step would
earn over the horizon, expected over the members (``value_of_cooling_per_mw``): the sum of the marginal values of the
limit's rule, with all whole decisions as planned (:mod:`optimizer.marginals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.component import Cooling, Direction, Expandable, Floats
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.quantities import Series, SeriesOf
from optimizer.reserves import ReserveProduct, served
from optimizer.temperature import TemperatureTable
from optimizer.template import Constraint, Var

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.marginals import Marginals


class HeatCollector(Cooling):
    """Something that takes the heat of its guests, up to a limit."""

    deeds: ClassVar[tuple[str, str, str]] = ("draws", "draws nothing", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "": Holds(Code.FOLLOWS, "it removes the heat of the machines in it"),
        "limit": Holds(
            Code.COOLING_LIMIT, "the cooling takes at most {limit} MW of heat", unit="MW of heat", field="heat_limit_mw"
        ),
        "room_down": Holds(
            Code.RESERVE_AWARD, "the cooling keeps room for the reserves down", unit="MW of heat", field="heat_limit_mw"
        ),
    }

    heat_limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most heat that it takes; not limited by default."""
    heat_limit_table: TemperatureTable | None = None
    """Most heat that it takes by temperature, MW; with ``heat_limit_mw``, the lower of the two holds."""

    expandable: ClassVar[dict[str, Expandable]] = {
        "heat_limit_mw": Expandable("heat that it can take", "MW", is_investment=True),
        "heat_limit_table": Expandable("heat that it can take at any temperature", "MW", is_investment=True),
    }
    called: ClassVar[str] = "plant"
    """What the planner calls it."""

    # ------------------------------------------------------------------ the model
    def declare_heat(self, b: Any, f: Frame) -> None:
        """The heat collected and its limit."""
        b.heat_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        if self.has_limit:
            b.heat_limit_mw = f.series_param(self.limit_mw(f))

    def heat_rules(self, b: Any, f: Frame) -> None:
        """What is collected, and that it stays within the limit, reserves down included."""
        b.collected = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.heat_mw[w, t] == sum(guest.heat_mw(w, t) for guest in f.guests),
            doc=f"the {self.called}'s heat is that of the machines in it",
        )
        if self.has_limit:
            b.limit = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.heat_mw[w, t] <= b.heat_limit_mw[w, t],
                doc=f"heat within the {self.called}'s limit (heat_limit_mw, heat_limit_table)",
            )
        if self.has_limit and is_called_within(f.part, "down"):
            b.room_down = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.heat_mw[w, t] + self.called_heat(f, w, t, "down") <= b.heat_limit_mw[w, t],
                doc=f"the {self.called} has room for the heat of the reserves down",
            )

    def called_heat(self, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        """Change of the guests' heat if all reserves of a direction are called, MW, as a model expression."""
        return sum([g.component.reserve_heat_mw(g.block, g.frame, w, t, direction) for g in f.guests])

    def largest_collected_mw(self, f: Frame) -> Floats:
        """Most heat that can be collected: the limit, or all guests at full power if that is less."""
        if stands_on_itself(f.part):  # refused by the check; there is no end to the guests of the guests
            return f.zeros()
        guests = [guest.component.largest_heat_mw(guest.frame) for guest in f.guests]
        return np.minimum(self.limit_mw(f), np.add.reduce([f.zeros(), *guests]))

    def largest_heat_mw(self, f: Frame) -> Floats:
        return self.largest_collected_mw(f)

    # ------------------------------------------------------------------ after the model
    @property
    def asks_for_marginals(self) -> bool:
        return self.has_limit

    def marginal_figures(self, b: Any, f: Frame, marginals: Marginals) -> dict[str, float]:
        if not self.has_limit:
            return {}
        rules = [b.limit, *([b.room_down] if is_called_within(f.part, "down") else [])]
        return {"value_of_cooling_per_mw": float(sum(marginals.of_rule(rule).sum() for rule in rules))}

    def audit_heat(self, a: AuditView) -> Floats:
        """Hold the heat against the guests and the limit; returns it, (members, steps), from the guests alone."""
        collected = np.add.reduce([np.zeros(a.shape), *(guest.heat_mw() for guest in a.guests)])
        a.equal(f"the {self.called}'s heat is that of the machines in it", a["heat_mw"], collected)
        a.at_least("no more heat is taken back out than there is", collected, 0.0)
        if self.has_limit:
            a.equal("heat limit follows from the weather", a["heat_limit_mw"], self.limit_mw(a))
            a.at_most(f"heat within the {self.called}'s limit", collected, self.limit_mw(a))
            if is_called_within(a.frame.part, "down"):
                with_calls = collected + self.audited_called_heat(a, "down")
                a.at_most(f"the {self.called} has room for the heat of the reserves down", with_calls, self.limit_mw(a))
        return np.asarray(collected)

    def audited_called_heat(self, a: AuditView, direction: Direction) -> Floats:
        """Change of the guests' heat if all reserves of a direction are called, MW, from the plan alone."""
        heats = (guest.component.audited_reserve_heat_mw(guest, direction) for guest in a.guests)
        return sum(heats, np.zeros(a.shape))

    # ------------------------------------------------------------------ figures from the data
    @property
    def has_limit(self) -> bool:
        """Whether the heat is limited."""
        return self.heat_limit_mw is not None or self.heat_limit_table is not None

    def limit_mw(self, f: Frame | AuditView) -> Floats:
        """(members, steps); inf where the heat is not limited."""
        fixed = f.full(np.inf) if self.heat_limit_mw is None else f.values(self.heat_limit_mw)
        return fixed if self.heat_limit_table is None else np.minimum(fixed, self.heat_limit_table.at(f))


def is_called_within(part: Part, direction: Direction) -> bool:
    """Whether reserves of a direction may be called among the guests of a part, or among theirs."""
    guests = [guest for guest in part.guests if not isinstance(guest.component, ReserveProduct)]
    return any(served(guest, direction) or is_called_within(guest, direction) for guest in guests)


def stands_on_itself(part: Part) -> list[str]:
    """The way from a part over what it stands on (``plant``) back to itself, by labels; empty where there is none."""
    way: list[Part] = [part]
    while below := way[-1].hosts.get("plant", ()):
        way.append(below[0])
        if below[0] is part:
            return [step.label for step in way]
        if below[0] in way[:-1]:  # a circle further down, of which this one is no part
            break
    return []
