"""What is explained: the power that each component (and each connection to the grid) moves, by member and step, and the
columns of which it is asked whether a little more of them would pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.explanation.model_index import NOWHERE, ModelIndex
from optimizer.explanation.sparse import Sparse

if TYPE_CHECKING:
    from optimizer.explanation.holders import Holders
    from optimizer.parts import Parts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
AT_REST_MW = 1e-6
"""Power up to which a component counts as resting."""


@dataclass
class Flows:
    """One flow for each (component, member, step), component by component, sites first; and their entries: the columns
    that the power consists of."""

    owner: Ints
    member: Ints
    step: Ints
    power_mw: Floats
    row: Ints
    """Of each entry: the flow."""
    column: Ints
    power: Floats
    """Of each entry: MW per unit of the column."""
    own: Flags
    """Of each entry: whether the column is the component's own."""


@dataclass
class Asked:
    """The columns of which each flow is asked whether more of them would pay; all (flows,) but the first."""

    columns: Sparse
    """(flows, columns), weights."""
    mwh: Floats
    """What they move, weighed as the objective weighs its members' money."""
    moves: Flags
    can_move: Flags
    """Whether any of the flow's own columns can be other than 0."""
    follows: Flags
    """Whether it only moves along with what others do."""


def labels_of(parts: Parts) -> list[str]:
    """Sites (``site NAME``), then components."""
    return [*(f"site {name}" for name in parts.sites), *parts.components]


def flows_of(parts: Parts, compiled: Compiled, index: ModelIndex, values: Floats, shape: tuple[int, int]) -> Flows:
    """The flows of a plan whose columns have these values."""
    members, steps = shape
    count = members * steps
    labels = labels_of(parts)
    entries: list[tuple[Any, ...]] = []
    powers = []
    for place, label in enumerate(labels):
        rows = _rows_of(label, parts, compiled)
        powers.append(np.broadcast_to(rows.at(values) + rows.upper, count) if len(rows.columns) else rows.upper)
        per_row = np.broadcast_to(np.arange(count) + place * count, rows.columns.shape)
        used = np.asarray(rows.values) != 0.0
        entries.append((per_row[used], np.asarray(rows.columns)[used], np.asarray(rows.values)[used]))
    row, column, power = (np.concatenate([entry[part] for entry in entries]) for part in range(3))
    owner = np.repeat(np.arange(len(labels)), count)
    row, column = row.astype(np.int64), column.astype(np.int64)
    return Flows(
        owner,
        np.tile(np.repeat(np.arange(members), steps), len(labels)),
        np.tile(np.arange(steps), members * len(labels)),
        np.concatenate(powers),
        row,
        column,
        power,
        index.variables.owner[column] == owner[row],
    )


def _rows_of(label: str, parts: Parts, compiled: Compiled) -> Any:
    if label.startswith("site "):
        part = parts.sites[label.removeprefix("site ")]
        block, frame = part.frame.model.sites[part.label], part.frame

        def moved(b: Any, w: Any, t: Any) -> Any:
            return b.import_mw[w, t] - b.export_mw[w, t]
    else:
        part = parts.components[label]
        block, frame, component = part.block, part.frame, part.component

        def moved(b: Any, w: Any, t: Any) -> Any:
            return component.explained_mw(b, frame, w, t)

    return compiled.linear(block, (frame.members, frame.steps), moved, name=("explained", label))


def asked_of(flows: Flows, holders: Holders, weights: Floats, step_h: float, sites: int) -> Asked:
    """The columns to be asked about.

    What moves is asked in the proportions in which it moves; what rests, in those of its best use; a site, for a MW
    more of import (of export, where it exports) with the contract at the margin. ``weights`` are the members' in the
    objective.
    """
    weight = (weights[flows.member[flows.row]] * step_h)[flows.own]
    energy = np.abs(np.bincount(flows.column[flows.own], flows.power[flows.own] * weight, holders.columns))
    count = len(flows.owner)
    is_site = flows.owner < sites
    ours = flows.own & ~is_site[flows.row]
    row, column = flows.row[ours], flows.column[ours]
    moved = np.abs(flows.power[ours] * holders.x[column])
    moves = np.bincount(row, moved, count) > AT_REST_MW
    able = ((holders.arrays.col_upper[column] > 0) | (holders.arrays.col_lower[column] < 0)) & (energy[column] > 0)
    merit = holders.margin[column] / np.where(energy[column] > 0, energy[column], np.inf)
    best = first_of_each(row, np.where(able, -merit, np.inf))
    resting = best[~moves[row[best]]]
    moving = np.flatnonzero(moves[row] & (moved > 1e-3 * AT_REST_MW))
    rows = np.concatenate([row[moving], row[resting]])
    columns = np.concatenate([column[moving], column[resting]])
    amounts = np.concatenate([np.abs(holders.x[column[moving]]), np.ones(len(resting))])
    asked = Sparse(rows, columns, amounts, (count, holders.columns))
    follows = np.zeros(count, bool)
    follows[rows] = True
    follows[rows[holders.carries[columns] == NOWHERE]] = False
    carried = np.zeros(count, bool)
    carried[row[holders.carries[column] != NOWHERE]] = True
    follows |= carried & ~moves
    can = np.zeros(count, bool)
    can[row[able]] = True
    supply, per_mw = _at_the_connections(flows, holders, energy, sites)
    moves |= is_site & (np.abs(flows.power_mw) > AT_REST_MW)
    return Asked(asked + supply, asked @ energy + per_mw, moves, can | is_site, follows)


def _at_the_connections(flows: Flows, holders: Holders, energy: Floats, sites: int) -> tuple[Sparse, Floats]:
    """For the sites, a MW of import (or export) and of the contract at the margin, (flows, columns), and its MWh."""
    index, count = holders.index, len(flows.owner)
    of_site = int(np.count_nonzero(flows.owner == 0))
    steps = int(flows.step.max()) + 1
    exports = flows.power_mw < -AT_REST_MW
    ours = flows.own & (flows.owner[flows.row] < sites)
    ours &= np.where(exports[flows.row], flows.power < 0, flows.power > 0)
    rows, columns, per_mw = [flows.row[ours]], [flows.column[ours]], np.zeros(count)
    per_mw[flows.row[ours]] = energy[flows.column[ours]]
    e, whole = holders.entries, _whole_of_splits(holders)
    for owner in range(sites):
        for rule, is_sale in (("bought", False), ("sold", True)):
            chosen = (index.rules.name[e.row] == index.name(owner, rule)) & (index.variables.owner[e.column] != owner)
            row, column = e.row[chosen], whole[e.column[chosen]]
            d = np.abs(holders.duals.columns[column])
            first = first_of_each(row, d > 1e-9 * holders.scale, holders.x[column] <= AT_REST_MW, d)
            at = owner * of_site + index.rules.member[row[first]] * steps + index.rules.step[row[first]]
            here = exports[at] == is_sale
            rows.append(at[here])
            columns.append(column[first][here])
    row, column = np.concatenate(rows), np.concatenate(columns)
    return Sparse(row, column, np.ones(len(row)), (count, holders.columns)), per_mw


def _whole_of_splits(holders: Holders) -> Ints:
    """Of each column: itself; of what a contract delivers to one of its sites, what it delivers in all, along with
    which that moves."""
    e = holders.entries
    others = e.where(
        (holders.carrier[e.row] != NOWHERE) & (holders.carrier[e.row] != e.column) & holders.is_flow[e.column]
    )
    whole = np.arange(holders.columns)
    whole[holders.carrier[others.row]] = others.column
    return whole


def first_of_each(group: Ints, *keys: Any) -> Ints:
    """Position of the first entry of each group, in the order of the keys (the first counts most)."""
    if not len(group):
        return np.zeros(0, np.int64)
    order = np.lexsort((*reversed(keys), group))
    return order[np.r_[True, group[order][1:] != group[order][:-1]]]
