"""Reserves: power that components keep ready for the operator of the grid, and what that asks of them.

A product ``k`` has a direction (``up``: the site draws less or feeds in more; ``down``: it draws more) and a duration
``h_k`` for which a call must be sustained. ``r_{k,c,t}`` MW of it are held by the provider ``c``. A MW is promised
once: per provider and direction, all its products together::

    sum_k r_{k,c,t} <= what c can give up (or take on) in step t, beside what it does anyway

**Stored energy.** A call lasts ``h_k``. In step ``t`` a call of product ``k`` may begin, or have run for ``a`` steps
already and drawn what was held then. What the store must have for it, in all, is the claim of the product::

    claim_{k,c,t} = max over a = 0, 1, .. below h_k / step_h of
                    sum_{i=1..a} step_h * r_{k,c,t-i}  +  (h_k - a * step_h) * r_{k,c,t}
    sum_k claim_{k,c,t} <= energy that c can give (or take in), at the start and at the end of step t

A reserve of constant size claims ``h_k * r_k``, as operators ask (ERCOT: an hour of regulation and responsive reserve,
two of ECRS, four of non-spinning reserve, in store whenever it is held). Where the size changes, or another product
follows, what the first may have drawn and what the next may draw are covered together: a store of 4 MWh that held 1 MW
of a four-hour product in the last two hours has 2 MWh for the next product. Once its duration is over, a call is taken
to be over and its energy restored; the plan itself knows of no calls. Calls before the horizon are not known.

**Grid connection and halls.** Called reserves must get through, with their share of cooling power ``overhead``::

    import_t - export_t + sum_down (r + overhead of its heat) <= import_limit
    export_t - import_t + sum_up   (r + overhead of its heat) <= export_limit
    heat_t + heat of the reserves down in the hall            <= heat limit

Not counted: the ramp limit of the connection (the operator who calls asks for the ramp), limits and caps of supply
contracts, and charges on the peak that a call may cause.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Component, Direction, Floats, Rule
from optimizer.contract import Contract
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.quantities import NonNegative
from optimizer.template import Constraint, Var

if TYPE_CHECKING:
    from optimizer.audit import AuditView

DIRECTIONS: tuple[Direction, ...] = ("up", "down")
ProviderName = Annotated[
    str, Field(strict=True, pattern=r"^([A-Za-z][A-Za-z0-9_-]*\.)?[A-Za-z][A-Za-z0-9_-]*$", max_length=129)
]


class ReserveProduct(Contract):
    """A contract under which components hold reserves; what it pays is said by the kind."""

    direction: Direction
    """``up``: the site draws less (or feeds in more) when called; ``down``: it draws more."""
    sustain_hours: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False, json_schema_extra={"unit": "h"})] = (
        1.0
    )
    """How long a call must be sustained; providers with a store hold energy for it."""
    providers: Annotated[tuple[ProviderName, ...], Field(min_length=1)]
    """Components that may hold the reserve; a component may serve several products."""

    refers_to = {"providers": "reserve"}  # noqa: RUF012

    @property
    def pays_for_energy(self) -> bool:
        """Whether energy that is called is paid for."""
        return False

    def holders(self, f: Frame) -> list[tuple[Part, ReserveProvider]]:
        """The providers in their order, each in its place."""
        return [(part, part.component) for part in f.hosts("providers") if isinstance(part.component, ReserveProvider)]

    def offered_mw(self, b: Any, k: Any, w: Any, t: Any) -> Any:
        """Reserve held by the provider at position ``k``, MW."""
        return b.offered_mw[k, w, t]


class ReserveProvider(Component):
    """A component that can hold reserves."""

    holds: ClassVar[dict[str, Holds]] = {
        "reserve_up_N": Holds(
            Code.RESERVE_AWARD, "the reserve up has to be there: power that can be given up", unit="MW"
        ),
        "reserve_down_N": Holds(
            Code.RESERVE_AWARD, "the reserve down has to be there: power that can be taken on", unit="MW"
        ),
        "reserve_up_energy_N": Holds(Code.RESERVE_AWARD, "the reserve up has to be sustained", unit="MWh"),
        "reserve_down_energy_N": Holds(Code.RESERVE_AWARD, "the reserve down has to be sustained", unit="MWh"),
        "up_claim_N_of_calls": Holds(Code.RESERVE_AWARD, "calls of the reserve claim energy", unit="MWh"),
        "down_claim_N_of_calls": Holds(Code.RESERVE_AWARD, "calls of the reserve claim room", unit="MWh"),
    }

    response_minutes: NonNegative = 0.0
    """Minutes from a call to the full response; products with shorter notice are refused."""

    offers: ClassVar[str | tuple[str, ...] | None] = "reserve"

    # ------------------------------------------------------------------ what it can hold
    @abstractmethod
    def largest_reserve_mw(self, f: Frame, direction: Direction) -> Floats:
        """Most that it can ever hold, MW, (members, steps); 0 in a direction that it cannot serve."""

    @abstractmethod
    def reserve_limits_mw(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        """Limits on all reserves of a direction together, by their words: ``rule(b, w, t)``, MW, never negative."""

    def reserve_energy_mwh(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        """Energy that can be given (or taken in) under a call, at the bus, by its words; nothing: it does not run
        out."""
        return {}

    def lost_value_per_mwh(self, f: Frame, direction: Direction) -> Floats:
        """What a MWh called costs the component beside its energy, currency, (members, steps); negative: it gains."""
        return f.zeros()

    def reserve_sites(self, part: Part) -> set[str | None]:
        """Sites whose meters show a call."""
        return {part.site}

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return held_mw(f.part, direction, w, t)

    # ------------------------------------------------------------------ from the plan alone
    @abstractmethod
    def audited_reserve_limits_mw(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        """The limits, from the plan alone."""

    def audited_reserve_energy_mwh(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        """The energies, from the plan alone."""
        return {}

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        return audited_held_mw(a, direction)


# ---------------------------------------------------------------------- who holds what
def served(part: Part, direction: Direction) -> list[tuple[Part, ReserveProduct, int]]:
    """Products of a direction that a component may hold, each with its position among their providers."""
    return [
        (guest, guest.component, guest.hosts["providers"].index(part))
        for guest in part.guests
        if isinstance(guest.component, ReserveProduct) and guest.component.direction == direction
    ]


def held_mw(part: Part, direction: Direction, w: Any, t: Any) -> Any:
    """All reserves of a direction that a component holds, MW, as a model expression."""
    return sum([product.offered_mw(p.block, k, w, t) for p, product, k in served(part, direction)])


def audited_held_mw(a: AuditView, direction: Direction) -> Floats:
    """All reserves of a direction that a component holds, MW, (members, steps), from the plan alone."""
    return sum((held for _, held in _audited_by_product(a, direction)), np.zeros(a.shape))


def is_reserved(site: str, parts: dict[str, Part], direction: Direction) -> bool:
    """Whether reserves of a direction may be called at a site."""
    products = [p for p in parts.values() if isinstance(p.component, ReserveProduct)]
    return any(
        isinstance(host.component, ReserveProvider) and site in host.component.reserve_sites(host)
        for p in products
        if p.component.direction == direction  # type: ignore[attr-defined]
        for host in p.hosts["providers"]
    )


# ---------------------------------------------------------------------- the model
def declare_reserves(part: Part) -> None:
    """What a component's reserves need, on its own block, once for all products that it serves."""
    provider, b, f = part.component, part.block, part.frame
    if not isinstance(provider, ReserveProvider):
        return
    for direction in DIRECTIONS:
        products = served(part, direction)
        if not products:
            continue
        for number, (words, limit) in enumerate(provider.reserve_limits_mw(b, f, direction).items()):
            rule = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t, limit=limit, direction=direction: held_mw(part, direction, w, t) <= limit(b, w, t),
                doc=f"all reserves {direction} within {words}",
            )
            b.add_component(f"reserve_{direction}_{number}", rule)
        energies = provider.reserve_energy_mwh(b, f, direction)
        claims = [_claim(part, direction, n, *found) for n, found in enumerate(products)] if energies else []
        for number, (words, energy) in enumerate(energies.items()):
            rule = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t, energy=energy, claims=claims: (
                    sum([claim(b, w, t) for claim in claims]) <= energy(b, w, t)
                ),
                doc=f"calls of all reserves {direction} are sustained from {words}",
            )
            b.add_component(f"reserve_{direction}_energy_{number}", rule)


def _claim(part: Part, direction: Direction, number: int, product: Part, kind: ReserveProduct, k: int) -> Rule:
    """Energy that a product claims of a provider's store, MWh; the sustained size alone where a call fits in a step."""
    b, f, hours, step_h = part.block, part.frame, kind.sustain_hours, part.frame.step_h

    def held(w: Any, t: Any) -> Any:
        return kind.offered_mw(product.block, k, w, t)

    ages, steps = _ages(hours, step_h), f.horizon.steps
    if ages == 1:
        return lambda b, w, t: hours * held(w, t)
    name = f"{direction}_claim_{number}"
    under_way = pyo.Set(initialize=[(a, t) for a in range(ages) for t in range(a, steps)], dimen=2)
    before = pyo.Set(pyo.RangeSet(0, ages - 1), initialize={a: list(range(1, a + 1)) for a in range(ages)})
    b.add_component(f"{name}_calls", under_way)
    b.add_component(f"{name}_before", before)
    b.add_component(f"{name}_mwh", Var(f.members, f.steps, within=pyo.NonNegativeReals))
    claim = b.component(f"{name}_mwh")
    rule = Constraint(
        under_way,
        f.members,
        rule=lambda b, a, t, w: (
            claim[w, t]
            >= sum(step_h * held(w, t - i) for i in b.component(f"{name}_before")[a])
            + (hours - a * step_h) * held(w, t)
        ),
        doc="a reserve claims what a call has drawn and may still draw",
    )
    b.add_component(f"{name}_of_calls", rule)
    return lambda b, w, t: claim[w, t]


def _ages(sustain_hours: float, step_h: float) -> int:
    """How many whole steps, none included, a call may have lasted that goes on."""
    return max(1, math.ceil(sustain_hours / step_h - 1e-9))


# ---------------------------------------------------------------------- after the model
def audit_reserves(a: AuditView) -> None:
    """Power and energy behind the reserves that a component holds, from the plan alone."""
    provider = a.component
    if not isinstance(provider, ReserveProvider):
        return
    for direction in DIRECTIONS:
        held = _audited_by_product(a, direction)
        if not held:
            continue
        together = audited_held_mw(a, direction)
        a.at_most(f"reserves {direction} within reach", together, provider.largest_reserve_mw(a.frame, direction))
        for words, limit in provider.audited_reserve_limits_mw(a, direction).items():
            a.at_most(f"all reserves {direction} within {words}", together, limit)
        claims = sum((claim_mwh(mw, kind.sustain_hours, a.step_h) for kind, mw in held), np.zeros(a.shape))
        for words, energy in provider.audited_reserve_energy_mwh(a, direction).items():
            a.at_most(f"calls of all reserves {direction} are sustained from {words}", claims, energy)


def _audited_by_product(a: AuditView, direction: Direction) -> list[tuple[ReserveProduct, Floats]]:
    return [(kind, a.of(product.label).table("offered_mw")[k]) for product, kind, k in served(a.frame.part, direction)]


def claim_mwh(held_mw: Floats, sustain_hours: float, step_h: float) -> Floats:
    """Energy that a reserve of (members, steps) MW claims of a store in each step, MWh."""
    claim, drawn = sustain_hours * held_mw, np.zeros_like(held_mw)
    for age in range(1, min(_ages(sustain_hours, step_h), held_mw.shape[1])):
        drawn[:, age:] += step_h * held_mw[:, :-age]
        claim = np.maximum(claim, drawn + (sustain_hours - age * step_h) * held_mw)
    return claim
