"""Which contract has delivered what of a metered load: the settlement rule of a bill.

A meter says how much a site took, not from which supply. Where the schedules of the supplies are not given, they
follow from a stated rule, step by step and without optimising anything:

1. What is known stands: schedules that are given with the load, and those that a contract's own terms fix
   (:meth:`~optimizer.contract.Contract.settled_schedules`).
2. The rest goes to the contract with the lowest marginal price first (``lowest_buy_price``; at equal prices, the one
   listed first), up to the most that it can deliver in that step (``most_delivered_mw``), then to the next.
3. A cap on the energy of a settlement period is used up in the order of time: from the step on in which it is reached,
   the contract delivers nothing until the period ends.
4. A contract of several sites serves them in the order of the scenario; what is known of it, in proportion to what
   they took.

Exports are dealt out in the same way, to the contract with the highest price first. What no contract can deliver (or
take) is an error; a site without any supply (or without any buyer) is not billed for energy, and the bill says so.
A plan may well have used its contracts otherwise, because it knew more than the step at hand (a cap kept for dear
hours): its own schedules are billed as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.contract import Contract, EnergyCap
from optimizer.errors import InputError, Problem
from optimizer.frame import Frame, Part
from optimizer.horizon import Horizon
from optimizer.load_reading import Powers

Floats = NDArray[np.float64]
TOLERANCE = 1e-6
"""How far schedules may miss the metered power, relative to it (at least 1 MW): a solver's rounding."""


@dataclass(frozen=True)
class Direction:
    """Import or export: what is metered, and how contracts share in it."""

    metered: str
    schedule: str
    word: str
    without: str
    """What a bill says of power in which no contract shares."""
    beyond: str
    """What an error says of power that is more than the contracts can share in."""
    shares: Callable[[Contract], bool]
    most_mw: Callable[[Contract, Frame], Floats]
    rank: Callable[[Contract, Frame], Floats]
    """The lowest comes first; inf where the contract does not share at all."""
    cap: Callable[[Contract, Frame], EnergyCap | None]


IMPORT = Direction(
    "import_mw",
    "delivered_mw",
    "import",
    "has no contract that delivers energy: its import of {energy:,.6g} MWh is billed for charges only",
    "no contract can deliver",
    lambda contract: contract.delivers,
    lambda contract, f: contract.most_delivered_mw(f),
    lambda contract, f: contract.lowest_buy_price(f),
    lambda contract, f: contract.energy_cap(f),
)
EXPORT = Direction(
    "export_mw",
    "sold_mw",
    "export",
    "has no contract that takes energy: its export of {energy:,.6g} MWh earns nothing",
    "no contract can take",
    lambda contract: contract.sells,
    lambda contract, f: contract.most_sold_mw(f),
    lambda contract, f: -contract.highest_sell_price(f),
    lambda contract, f: None,
)


@dataclass(frozen=True)
class Settled:
    """Schedules of all contracts that share in a direction, and what the bill has to say about them."""

    schedules: dict[tuple[str, str], Floats]
    notes: list[str]


def settle(direction: Direction, parts: Sequence[Part], metered: Powers, known: Powers, file: str) -> Settled:
    """Deal out what was metered to the contracts that share in it; ``file`` names the load in errors.

    Raises InputError where known schedules do not fit the meter, and for power that no contract can deliver or take.
    """
    sharing = [part for part in parts if direction.shares(part.component)]  # type: ignore[arg-type]
    found: dict[str, Floats] = {}
    notes: list[str] = []
    for sites, group in _groups(sharing):
        given = {p.label: known[p.label, direction.schedule] for p in group if (p.label, direction.schedule) in known}
        rest = _less_known({site: metered[site, direction.metered] for site in sites}, group, given)
        _refuse(direction, group, rest, metered, file, sign=-1)
        waiting = [part for part in group if part.label not in given]
        if waiting:
            dealt, rest, capped = _dealt(direction, waiting, rest)
            given |= {part.label: power for part, power in zip(waiting, dealt, strict=True)}
            if len(waiting) > 1 or capped:
                notes.append(_rule_note(direction, waiting, capped))
        _refuse(direction, group, rest, metered, file, sign=1)
        found |= given
    notes += _without(direction, sharing, metered, parts)
    return Settled({(label, direction.schedule): power for label, power in found.items()}, notes)


def _groups(sharing: Sequence[Part]) -> list[tuple[list[str], list[Part]]]:
    """Sites that have contracts in common, with all their contracts; the order of the scenario is kept."""
    groups: list[tuple[list[str], list[Part]]] = []
    for part in sharing:
        own = list(part.frame.metered_sites)
        touched = [group for group in groups if set(group[0]) & set(own)]
        sites = [site for group in touched for site in group[0]]
        merged = (
            sites + [site for site in own if site not in sites],
            [other for group in touched for other in group[1]] + [part],
        )
        groups = [group for group in groups if group not in touched] + [merged]
    return groups


def _less_known(rest: dict[str, Floats], group: Sequence[Part], given: Mapping[str, Floats]) -> dict[str, Floats]:
    """What was metered by site less what is known; below 0 where more is scheduled than metered."""
    if len(given) == len(group) and len(rest) > 1:
        # how a contract of several sites was shared out is not known and not needed: the sums have to agree
        first, *others = rest
        left = np.add.reduce([*rest.values(), *(-power for power in given.values())])
        return {first: left} | {site: np.zeros_like(left) for site in others}
    metered, rest = rest, dict(rest)
    # those of few sites first: they have no other choice
    for part in sorted((p for p in group if p.label in given), key=lambda p: len(p.frame.metered_sites)):
        own, amount = part.frame.metered_sites, given[part.label]
        whole = np.add.reduce([metered[site] for site in own])
        share = np.divide(amount, whole, out=np.zeros(whole.shape), where=whole > 0)
        for most in ({site: share * metered[site] for site in own}, dict.fromkeys(own, amount)):
            for site in own:
                taken = np.clip(np.minimum(amount, most[site]), 0.0, np.maximum(rest[site], 0.0))
                rest[site] = rest[site] - taken
                amount = amount - taken
        rest[own[-1]] = rest[own[-1]] - amount
    return rest


def _dealt(
    direction: Direction, parts: Sequence[Part], metered: dict[str, Floats]
) -> tuple[list[Floats], dict[str, Floats], bool]:
    """Powers of the contracts by the rule, what is left by site, and whether a cap on energy had a say."""
    contracts: list[tuple[Contract, Frame]] = [(part.component, part.frame) for part in parts]  # type: ignore[misc]
    rank = np.stack([np.broadcast_to(direction.rank(c, f), f.shape) for c, f in contracts])
    most = np.stack([np.broadcast_to(direction.most_mw(c, f), f.shape) for c, f in contracts])
    most = np.where(rank < np.inf, most, 0.0)
    order = np.argsort(rank, axis=0, kind="stable")
    caps = [direction.cap(c, f) for c, f in contracts]
    sites = [part.frame.metered_sites for part in parts]
    horizon = parts[0].frame.horizon
    dealt, rest = _by_rank(order, most, sites, metered)
    if not any(cap is not None and _is_exceeded(cap, power, horizon) for cap, power in zip(caps, dealt, strict=True)):
        return dealt, rest, False
    return (*_in_time_order(order, most, sites, metered, caps, horizon), True)


def _by_rank(
    order: NDArray[np.int64], most: Floats, sites: Sequence[Sequence[str]], metered: dict[str, Floats]
) -> tuple[list[Floats], dict[str, Floats]]:
    rest = {site: np.maximum(power, 0.0) for site, power in metered.items()}
    dealt = [np.zeros(most.shape[1:]) for _ in sites]
    for places in order:
        for number, own in enumerate(sites):
            left = np.where(places == number, most[number], 0.0)
            for site in own:
                taken = np.minimum(left, rest[site])
                rest[site] = rest[site] - taken
                left = left - taken
                dealt[number] += taken
    return dealt, rest


def _is_exceeded(cap: EnergyCap, power: Floats, horizon: Horizon) -> bool:
    energy = np.stack([np.bincount(cap.codes, weights=row) for row in horizon.energy_mwh(power)])
    return bool((energy > cap.most_mwh * (1.0 + TOLERANCE)).any())


def _in_time_order(
    order: NDArray[np.int64],
    most: Floats,
    sites: Sequence[Sequence[str]],
    metered: dict[str, Floats],
    caps: Sequence[EnergyCap | None],
    horizon: Horizon,
) -> tuple[list[Floats], dict[str, Floats]]:
    """The rule with caps on energy, walking through the steps of each member (plain numbers: it is quicker so)."""
    mwh_per_mw = horizon.energy_mwh(1.0)
    dealt = np.zeros(most.shape)
    rest = {site: np.maximum(power, 0.0) for site, power in metered.items()}
    codes = [None if cap is None else cap.codes.tolist() for cap in caps]
    for member in range(most.shape[1]):
        places, limits = order[:, member].T.tolist(), most[:, member].tolist()
        to_serve = {site: power[member].tolist() for site, power in rest.items()}
        energy = [[] if cap is None else cap.most_mwh[member].tolist() for cap in caps]
        own = [[0.0] * horizon.steps for _ in sites]
        for step, numbers in enumerate(places):
            for number in numbers:
                left, period = limits[number][step], codes[number]
                if period is not None:
                    left = min(left, energy[number][period[step]] / mwh_per_mw)
                for site in sites[number]:
                    taken = min(left, to_serve[site][step])
                    to_serve[site][step] -= taken
                    own[number][step] += taken
                    left -= taken
                if period is not None:
                    energy[number][period[step]] -= own[number][step] * mwh_per_mw
        dealt[:, member] = own
        for site, powers in to_serve.items():
            rest[site][member] = powers
    return list(dealt), rest


def _refuse(
    direction: Direction, group: Sequence[Part], rest: Mapping[str, Floats], metered: Powers, file: str, *, sign: int
) -> None:
    """InputError for the first step in which more (``sign`` -1) or less (1) is scheduled than metered."""
    whole = np.add.reduce([metered[site, direction.metered] for site in rest])
    for site, left in rest.items():
        off = sign * left > TOLERANCE * np.maximum(1.0, whole)
        if not off.any():
            continue
        step = int(np.argmax(off.any(axis=0)))
        member = int(np.argmax(off[:, step]))
        frame = group[0].frame
        amount = f"{abs(float(left[member, step])):.6g} MW"
        when = frame.horizon.describe(frame.horizon.utc[step])
        when += f" in member {member}" if frame.members_count > 1 else ""
        columns = ", ".join(f"{part.label}.{direction.schedule}" for part in group)
        if sign > 0:
            under = ", ".join(part.label for part in group)
            message = f"{direction.beyond} {amount} of the {direction.word} of site {site} at {when} (under {under})"
            hint = f"check the load and the limits of the contracts, or give the schedules: {columns}"
        else:
            message = f"the schedules exceed the metered {direction.word} by {amount} at {when}"
            hint = f"together, {columns} are the {direction.metered} of {', '.join(rest)}"
        raise InputError([Problem("", message, hint=hint, file=file)])


def _rule_note(direction: Direction, parts: Sequence[Part], capped: bool) -> str:
    first = "the cheapest first" if direction is IMPORT else "the dearest first"
    caps = ", caps on energy in the order of time" if capped else ""
    labels = ", ".join(part.label for part in parts)
    return (
        f"{direction.word} dealt out to {labels} by the settlement rule ({first}{caps}): no {direction.schedule} given"
    )


def _without(direction: Direction, sharing: Sequence[Part], metered: Powers, parts: Sequence[Part]) -> list[str]:
    """Notes on sites whose power no contract shares in."""
    served = {site for part in sharing for site in part.frame.metered_sites}
    notes = []
    for site, variable in metered:
        if variable != direction.metered or site in served or not parts:
            continue
        frame = parts[0].frame
        energy = float(frame.probabilities @ frame.horizon.energy_mwh(metered[site, variable]).sum(axis=1))
        if energy > TOLERANCE:
            notes.append(f"site {site} {direction.without.format(energy=energy)}")
    return notes
