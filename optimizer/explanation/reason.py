"""Why a component does what it does in a step: codes, limits and reasons, as plain values.

A component's file says in ``holds`` what its rules and bounds mean to a planner (:class:`Holds`); a rule of which
nothing is said is told by its own words (its ``doc``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Group = Literal["money", "limit", "obligation", "none"]
Role = Literal["limit", "price", "link"]
"""What a rule is to those that stand in it: a limit; a balance whose marginal value is a price of what is balanced; or
a link that only ties quantities of one component to each other."""


class Code(StrEnum):
    """What decides, in one word. New codes are added at the end: results folders hold their numbers."""

    NO_DECISION = "no_decision"
    PAYS = "pays"
    PRICE_ABOVE_BREAK_EVEN = "price_above_break_even"
    INDIFFERENT = "indifferent"
    SETS_PRICE = "sets_price"
    GRID_LIMIT = "grid_limit"
    CONTRACT_LIMIT = "contract_limit"
    COOLING_LIMIT = "cooling_limit"
    HEAT_LIMIT = "heat_limit"
    PEAK_AVOIDANCE = "peak_avoidance"
    ALL_IN_USE = "all_in_use"
    AVAILABILITY = "availability"
    DEMAND_MET = "demand_met"
    STORAGE_LIMIT = "storage_limit"
    RAMP_LIMIT = "ramp_limit"
    ENERGY_LIMIT = "energy_limit"
    DEADLINE = "deadline"
    SERVICE_LEVEL = "service_level"
    MINIMUM_UP = "minimum_up"
    MINIMUM_DOWN = "minimum_down"
    MINIMUM_LOAD = "minimum_load"
    START_COST = "start_cost"
    WHOLE_DECISION = "whole_decision"
    RESERVE_AWARD = "reserve_award"
    CONTRACT_MINIMUM = "contract_minimum"
    CALL = "call"
    FIXED_INPUT = "fixed_input"
    FOLLOWS = "follows"
    NO_WORK = "no_work"
    RULE = "rule"

    @property
    def title(self) -> str:  # type: ignore[override]
        """A few words for tables and legends."""
        return _ABOUT[self][0]

    @property
    def group(self) -> Group:
        """What kind of reason it is: money, a limit that holds back, an obligation that drives, or none."""
        return _ABOUT[self][1]

    @property
    def number(self) -> int:
        """Place in the list of codes, as arrays hold it."""
        return _NUMBERS[self]


_ABOUT: dict[Code, tuple[str, Group]] = {
    Code.NO_DECISION: ("nothing to decide", "none"),
    Code.PAYS: ("pays", "money"),
    Code.PRICE_ABOVE_BREAK_EVEN: ("price above break-even", "money"),
    Code.INDIFFERENT: ("at break-even", "money"),
    Code.SETS_PRICE: ("sets the price", "money"),
    Code.GRID_LIMIT: ("grid limit", "limit"),
    Code.CONTRACT_LIMIT: ("contract limit", "limit"),
    Code.COOLING_LIMIT: ("cooling limit", "limit"),
    Code.HEAT_LIMIT: ("heat limit", "limit"),
    Code.PEAK_AVOIDANCE: ("avoids a peak", "money"),
    Code.ALL_IN_USE: ("all in use", "limit"),
    Code.AVAILABILITY: ("not available", "limit"),
    Code.DEMAND_MET: ("demand met", "limit"),
    Code.STORAGE_LIMIT: ("limit of the store", "limit"),
    Code.RAMP_LIMIT: ("ramp limit", "limit"),
    Code.ENERGY_LIMIT: ("energy of the period", "limit"),
    Code.DEADLINE: ("deadline", "obligation"),
    Code.SERVICE_LEVEL: ("service level", "obligation"),
    Code.MINIMUM_UP: ("minimum up time", "obligation"),
    Code.MINIMUM_DOWN: ("minimum down time", "limit"),
    Code.MINIMUM_LOAD: ("minimum load", "obligation"),
    Code.START_COST: ("cost of a start", "money"),
    Code.WHOLE_DECISION: ("decided as a whole", "obligation"),
    Code.RESERVE_AWARD: ("reserve award", "obligation"),
    Code.CONTRACT_MINIMUM: ("contract minimum", "obligation"),
    Code.CALL: ("called", "obligation"),
    Code.FIXED_INPUT: ("given", "none"),
    Code.FOLLOWS: ("follows from others", "none"),
    Code.NO_WORK: ("no work", "none"),
    Code.RULE: ("another rule", "limit"),
}
CODES: tuple[Code, ...] = tuple(Code)
_NUMBERS = {code: number for number, code in enumerate(CODES)}


@dataclass(frozen=True)
class Holds:
    """What a rule (or a bound of a variable) means to a planner, said in the component's own file.

    The key in ``Component.holds`` is the name of the constraint, or of the variable for its upper bound, or ``"NAME at
    least"`` for a lower one.
    """

    code: Code
    words: str
    """What holds, as it stands after "because" or "held by": ``all machines that are there run``. ``{limit}`` stands
    for the number of the bound, ``{figure}`` for that of ``figure``."""
    field: str | None = None
    """Field of the component behind it."""
    unit: str = ""
    """Unit of the limit."""
    role: Role | None = None
    """What the rule is, where its form does not say it: an inequality is a limit; an equality that ties steps to each
    other (a level, progress) or different components is a price; any other is a link."""
    figure: str | None = None
    """Variable in the rule whose value is told (the peak that is not to be raised)."""
    without: tuple[str, Code, str] | None = None
    """A variable of the rule, and what the rule means where that is 0: a unit that nobody has stopped is not kept at
    rest."""


def gathered(kind: type) -> dict[str, Holds]:
    """``holds`` of a class and of all that it inherits from; the class itself has the last word."""
    found: dict[str, Holds] = {}
    for part in reversed(kind.__mro__):
        found |= part.__dict__.get("holds", {})
    return found


@dataclass(frozen=True)
class Limit:
    """A rule or a bound of the model that holds something, in planner's words."""

    where: str
    """Component's label, ``site odessa``, or ``portfolio``."""
    rule: str
    """Name of the constraint, or of the variable whose bound it is."""
    words: str
    """Planner's words."""
    side: str
    """``at most``, ``at least`` or ``equals``."""
    field: str | None = None
    """Path of the number in the scenario, if one stands behind it."""
    unit: str = ""
    code: Code = Code.RULE


@dataclass(frozen=True)
class Reason:
    """Why one component does what it does, in one member and step."""

    component: str
    time: pd.Timestamp
    """Start of the step, local time."""
    member: int
    power_mw: float
    """What it draws (fed in: negative); of a contract, what it delivers."""
    code: Code
    text: str
    """One sentence."""
    margin_per_mwh: float
    """What a MWh that it moves earns beyond all that it costs, before the limit that holds it; NaN where it moves
    nothing."""
    limit: Limit | None
    """The rule or bound that holds it."""
    value_per_unit: float
    """What one unit more of the limit earns, as the objective counts money; with all whole decisions as planned. NaN
    without a limit, or where a whole decision is what the limit holds."""
    also: tuple[Limit, ...] = ()
    """Further limits that hold it and carry value."""
