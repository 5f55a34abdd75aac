"""Block rates: the first MWh of a settlement period at one price, those beyond at others.

The energy ``E`` of a period fills the blocks of its rate in order. ``C(x)`` is what ``x`` MWh cost from the start of
the period on; a period that is already running starts in the blocks where it stands, at ``x0``::

    C(x)   = sum_j price_j * min(max(x - start_j, 0), end_j - start_j)
    charge = C(x0 + E) - C(x0)

Blocks whose prices do not fall are one *stretch* ``s``, on which the charge is an epigraph without binaries: a line
for each block, with ``E_s`` the energy in the stretch::

    E = sum_s E_s,     0 <= E_s <= width_s,     charge_s >= price_j * E_s - offset_j

Where the price falls, a new stretch begins. A binary says that the stretch before it is full, because a plan would
otherwise take its first MWh from the cheap block::

    E_s >= width_s * full_s,     E_{s+1} <= room_{s+1} * full_s

Widths are what is left of the blocks beyond ``x0``; the last block is open. ``room`` is the width, or the most that
the site can take in those hours if that is less: the bound of the binaries comes from the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Floats, Rule, StrictModel
from optimizer.frame import Frame
from optimizer.quantities import Finite
from optimizer.template import Constraint, Param, Var


class Block(StrictModel):
    """A part of a settlement period's energy that has a price of its own."""

    up_to_mwh: (
        Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False, json_schema_extra={"unit": "MWh"})] | None
    ) = None
    """Where the block ends, counted from the start of the settlement period; the last block is open and has none."""
    price_per_mwh: Annotated[Finite, Field(json_schema_extra={"unit": "currency/MWh"})]
    """Price of the energy in the block."""


def check_order(blocks: Sequence[Block]) -> None:
    """ValueError for blocks that are out of order, or leave energy without a price."""
    for number, block in enumerate(blocks[:-1]):
        if block.up_to_mwh is None:
            raise ValueError(f"blocks: block {number} has no up_to_mwh; only the last block is open")
    if blocks[-1].up_to_mwh is not None:
        raise ValueError(
            f"blocks: the last block ends at {blocks[-1].up_to_mwh:g} MWh, and energy beyond has no price; "
            "leave its up_to_mwh out, it is open"
        )
    ends = [block.up_to_mwh for block in blocks if block.up_to_mwh is not None]
    for number, (end, following) in enumerate(pairwise(ends)):
        if following <= end:
            raise ValueError(
                f"blocks: blocks {number} and {number + 1} are out of order: up to {end:g} MWh, then up to "
                f"{following:g} MWh; up_to_mwh must rise"
            )


def cost_from_start(blocks: Sequence[Block], energy_mwh: Floats) -> Floats:
    """What an energy costs, counted from the start of the settlement period; any shape, currency."""
    cost, start = np.zeros_like(energy_mwh), 0.0
    for block in blocks:
        end = np.inf if block.up_to_mwh is None else block.up_to_mwh
        cost = cost + block.price_per_mwh * np.clip(energy_mwh - start, 0.0, end - start)
        start = end
    return cost


def divided(blocks: Sequence[Block], parts: float) -> Sequence[Block]:
    """The blocks of one of equal ``parts`` of a settlement period."""
    if parts == 1.0:
        return blocks
    ends = [None if block.up_to_mwh is None else block.up_to_mwh / parts for block in blocks]
    return [block.model_copy(update={"up_to_mwh": end}) for block, end in zip(blocks, ends, strict=True)]


@dataclass(frozen=True)
class Account:
    """The energy of one rate in one settlement period, which fills the rate's blocks."""

    blocks: Sequence[Block]
    steps: list[int]
    """Steps of the horizon that are billed at the rate in the period."""
    before_mwh: Floats
    """Energy of the period before the horizon, (members,)."""
    most_mwh: Floats
    """Most energy that can be billed in these steps, (members,)."""

    def left_mwh(self) -> list[Floats]:
        """What is left of each block, (members,); inf for the open one."""
        ends = [np.inf if block.up_to_mwh is None else block.up_to_mwh for block in self.blocks]
        starts = [0.0, *ends[:-1]]
        return [
            np.asarray(np.maximum(0.0, end - np.maximum(start, self.before_mwh)))
            for start, end in zip(starts, ends, strict=True)
        ]

    def stretches(self) -> list[range]:
        """Runs of blocks whose prices do not fall."""
        prices = [block.price_per_mwh for block in self.blocks]
        first = [0, *(j for j in range(1, len(prices)) if prices[j] < prices[j - 1])]
        return [range(start, end) for start, end in zip(first, [*first[1:], len(prices)], strict=True)]


@dataclass(frozen=True)
class _Line:
    """One block's line of the epigraph of a stretch."""

    stretch: int
    price: float
    offset: Floats


def declare_blocks(b: Any, f: Frame, accounts: Sequence[Account]) -> None:
    """``b.charge[w, s]`` of every stretch ``s``, and ``b.stretches_of[k]`` for account number ``k``."""
    of_account: list[list[int]] = []
    widths: list[Floats] = []
    rooms: list[Floats] = []
    lines: list[_Line] = []
    for account in accounts:
        of_account.append([])
        stretches, left = account.stretches(), account.left_mwh()
        for stretch in stretches:
            width = np.asarray(np.add.reduce([left[j] for j in stretch]))
            lines += _epigraph(len(widths), [(account.blocks[j].price_per_mwh, left[j]) for j in stretch])
            of_account[-1].append(len(widths))
            widths.append(width)
            rooms.append(width if len(stretches) == 1 else np.minimum(width, account.most_mwh))
    b.accounts = pyo.RangeSet(0, len(accounts) - 1)
    b.account_steps = pyo.Set(b.accounts, initialize={k: account.steps for k, account in enumerate(accounts)})
    b.stretches = pyo.RangeSet(0, len(widths) - 1)
    b.stretches_of = pyo.Set(b.accounts, initialize=dict(enumerate(of_account)))
    b.width_mwh = Param(f.members, b.stretches, values=np.stack(widths, axis=1))
    b.room_mwh = Param(f.members, b.stretches, values=np.stack(rooms, axis=1))
    b.lines = pyo.RangeSet(0, len(lines) - 1)
    b.stretch_of = Param(b.lines, values=np.array([line.stretch for line in lines]))
    b.line_price = Param(b.lines, values=np.array([line.price for line in lines]))
    b.line_offset = Param(f.members, b.lines, values=np.stack([line.offset for line in lines], axis=1))
    b.energy_mwh = Var(
        f.members, b.stretches, within=pyo.NonNegativeReals, bounds=lambda b, w, s: (0, b.room_mwh[w, s])
    )
    # a search that stops within its gap may leave the charge above what the blocks say
    b.charge = Var(f.members, b.stretches, within=pyo.Reals, least=True)
    b.before_fall = pyo.Set(initialize=[s for stretches in of_account for s in stretches[:-1]])
    if len(b.before_fall) > 0:
        b.full = Var(f.members, b.before_fall, within=pyo.Binary)


def _epigraph(stretch: int, blocks: Sequence[tuple[float, Floats]]) -> Iterator[_Line]:
    """Lines through the charge of each block, given as price and what is left of it."""
    start, paid = np.zeros_like(blocks[0][1]), np.zeros_like(blocks[0][1])
    for price, left in blocks:
        yield _Line(stretch, price, price * start - paid)
        finite = np.where(np.isinf(left), 0.0, left)  # nothing comes after the open block
        start, paid = start + finite, paid + price * finite


def constrain_blocks(b: Any, f: Frame, billed_mw: Rule) -> None:
    """Tie the blocks to the power ``billed_mw(b, w, t)`` and say in which order they fill."""
    b.metered = Constraint(
        f.members,
        b.accounts,
        rule=lambda b, w, k: (
            sum(b.energy_mwh[w, s] for s in b.stretches_of[k])
            == sum(billed_mw(b, w, t) * f.step_h for t in b.account_steps[k])
        ),
        doc="energy of a settlement period falls into the blocks of its rate",
    )
    b.priced = Constraint(
        f.members,
        b.lines,
        rule=lambda b, w, i: (
            b.charge[w, b.stretch_of[i]] >= b.line_price[i] * b.energy_mwh[w, b.stretch_of[i]] - b.line_offset[w, i]
        ),
        doc="energy costs the price of its block",
    )
    if len(b.before_fall) == 0:
        return
    b.filled = Constraint(
        f.members,
        b.before_fall,
        rule=lambda b, w, s: b.energy_mwh[w, s] >= b.width_mwh[w, s] * b.full[w, s],
        doc="blocks before a cheaper one are full when it is used",
    )
    b.opened = Constraint(
        f.members,
        b.before_fall,
        rule=lambda b, w, s: b.energy_mwh[w, s + 1] <= b.room_mwh[w, s + 1] * b.full[w, s],
        doc="a cheaper block is used once those before it are full",
    )
