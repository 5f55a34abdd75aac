"""What a unit of each column costs and earns, and which limits hold it: the duals, sorted.

At the optimum of the linear program with all whole decisions as planned, each column ``j`` obeys, with the duals ``y``
of the rows ``i`` and the reduced costs ``d``::

    cost_j = sum_i y_i * a_ij + d_j

The rows fall into three sorts. A **price** is a balance whose dual is what a unit of the good is worth: the site's
power, energy in store, work done. A **link** ties quantities to each other (heat collected to machines running,
machines running to those committed): one column of it, its *carrier*, moves along when another one moves, and its terms
are added to that one's. What is left are **limits**: rows that are inequalities, and bounds. So, with the carriers'
terms added::

    own money - prices of what it takes = sum of the limits that hold it

The left side is the margin; the right side names what holds the column, with exact shares. Whichever carrier is chosen
among several, both sides stay true statements about rows and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.explanation.model_index import NOWHERE, ModelIndex
from optimizer.explanation.reason import Role
from optimizer.explanation.sparse import Sparse
from optimizer.marginals import Duals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
HOPS = 8
"""Links followed one after another."""
MARKETS = ("balance", "bought", "sold")
"""Balances of a site."""
ZERO = 1e-9
"""Relative size below which a dual is rounding."""


@dataclass(frozen=True)
class Entries:
    """Entries of the matrix, with the value of each row's dual."""

    row: Ints
    column: Ints
    coefficient: Floats
    value: Floats
    """Dual of the row times the coefficient."""

    def where(self, chosen: Flags) -> Entries:
        return Entries(self.row[chosen], self.column[chosen], self.coefficient[chosen], self.value[chosen])


class Holders:
    """Money, prices and limits of the columns of a solved linear program."""

    def __init__(self, arrays: Arrays, duals: Duals, index: ModelIndex, roles: dict[int, Role], is_flow: Flags) -> None:
        """``roles`` are those that components state, by the number of the rule's name; ``is_flow`` says which columns
        are part of a power that is explained."""
        self.arrays, self.duals, self.index, self.is_flow = arrays, duals, index, is_flow
        self.rows, self.columns = arrays.matrix.shape
        row = np.asarray(arrays.matrix.indices, np.int64)
        column = np.repeat(np.arange(self.columns), np.diff(arrays.matrix.indptr))
        self.entries = Entries(row, column, arrays.matrix.data, duals.rows[row] * arrays.matrix.data)
        self.x = duals.values
        self.scale = float(np.abs(arrays.cost).max(initial=1.0))
        self.role = self._roles(roles)
        """Of each row: ``l`` limit, ``p`` price, ``k`` link, ``m`` money of a member."""
        self._find_carriers()
        self._sort()

    # ------------------------------------------------------------------ what the rows are
    def _roles(self, stated: dict[int, Role]) -> NDArray[np.str_]:
        arrays, index = self.arrays, self.index
        equal = arrays.row_lower == arrays.row_upper
        kind = np.where(equal, np.where(self._ties_steps()[index.rules.name], "p", "k"), "l")
        for name, role in stated.items():
            kind[index.rules.name == name] = {"limit": "l", "price": "p", "link": "k"}[role]
        kind[index.rules.owner == NOWHERE] = "m"
        return kind

    def _ties_steps(self) -> Flags:
        """Of each name: whether it is a rule in which a variable stands at its own step and at another one."""
        e, index, names = self.entries, self.index, len(self.index.names)
        rule, variable = index.rules.name[e.row], index.variables.name[e.column]
        step_r, step_c = index.rules.step[e.row], index.variables.step[e.column]
        own = (index.rules.owner[e.row] == index.variables.owner[e.column]) & (step_r >= 0) & (step_c >= 0)
        key = rule * names + variable
        both = np.intersect1d(key[own & (step_r == step_c)], key[own & (step_r != step_c)])
        found = np.zeros(names, bool)
        found[both // names] = True
        return found

    # ------------------------------------------------------------------ which column moves along in a link
    def _find_carriers(self) -> None:
        """One column for each link, and no column for links of two rules: the inner ones first."""
        index, e, arrays = self.index, self.entries, self.arrays
        self.carrier = np.full(self.rows, NOWHERE, np.int64)
        self.carries = np.full(self.columns, NOWHERE, np.int64)
        """Name of the rule that a column carries, or -1."""
        link = e.where(self.role[e.row] == "k")
        if not len(link.row):
            return
        inside = (self.x > arrays.col_lower + 1e-7) & (self.x < arrays.col_upper - 1e-7)
        basic = inside & (np.abs(self.duals.columns) <= ZERO * self.scale) & ~arrays.integer
        step_r, step_c = index.rules.step[link.row], index.variables.step[link.column]
        here = (step_r < 0) | (step_c < 0) | (step_r == step_c)
        own = index.rules.owner[link.row] == index.variables.owner[link.column]
        is_flow = self.is_flow[link.column]
        rank = np.where(own & ~is_flow, 0, np.where(own, 1, 2)) * 2 + np.where(basic[link.column], 0, 1)
        order = np.lexsort((-np.abs(self.x[link.column]), rank, link.row, index.rules.name[link.row]))
        rows, columns, names = link.row[order], link.column[order], index.rules.name[link.row[order]]
        here = here[order]
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
        for start, stop in zip(starts, np.r_[starts[1:], len(names)], strict=True):
            part = slice(start, stop)
            free = here[part] & (self.carries[columns[part]] == NOWHERE)
            r, c = rows[part][free], columns[part][free]
            first = np.r_[True, r[1:] != r[:-1]] if len(r) else np.zeros(0, bool)
            self.carrier[r[first]] = c[first]
            self.carries[c[first]] = names[start]

    # ------------------------------------------------------------------ money, prices, limits
    def _sort(self) -> None:
        e, n = self.entries, self.columns
        role, carrier = self.role[e.row], self.carrier[e.row]
        money = e.where(role == "m")
        price = e.where(role == "p")
        self.money = self.arrays.cost - np.bincount(money.column, money.value, n)
        """Own money of a unit of each column, as the objective weighs its members."""
        base = self.money - np.bincount(price.column, price.value, n)
        followed = (role == "k") & (carrier != NOWHERE) & (carrier != e.column)
        self.follow = self._followed(e.where(followed))
        """(columns, columns): the terms of the second that are added to those of the first."""
        self.limits = self._limits(e.where((role == "l") | ((role == "k") & (carrier == NOWHERE))))
        """(columns, rows + columns): shares of rows and bounds in what holds a column."""
        self.margin = self._with_carriers(base)
        """What a unit of each column earns, with all that moves along."""
        of_site = price.where(np.isin(self.index.rules.name[price.row], self._markets()))
        self.market = self._with_carriers(np.bincount(of_site.column, of_site.value, n).astype(float, copy=False))
        """What of that is paid for power at the sites' buses and meters."""

    def _markets(self) -> list[int]:
        """Numbers of the balances in which power changes hands."""
        owners = self.index.owners
        named = enumerate(self.index.names)
        return [number for number, (o, n) in named if o >= 0 and owners[o].startswith("site ") and n in MARKETS]

    def market_by_site(self, sites: int) -> list[Floats]:
        """What is paid for power at each site, per unit of each column."""
        price = self.entries.where(self.role[self.entries.row] == "p")
        price = price.where(np.isin(self.index.rules.name[price.row], self._markets()))
        found = []
        for site in range(sites):
            own = price.where(self.index.rules.owner[price.row] == site)
            paid = np.bincount(own.column, own.value, self.columns).astype(float, copy=False)
            found.append(self._with_carriers(paid))
        return found

    def _followed(self, links: Entries) -> Sparse:
        e = self.entries
        carried = e.where(self.carrier[e.row] == e.column)
        coefficient, value = np.zeros(self.rows), np.zeros(self.rows)
        coefficient[carried.row], value[carried.row] = carried.coefficient, carried.value
        # a column that carries several rows of a rule (one decision for all members) is shared out by their values
        total, count = np.zeros(self.columns), np.zeros(self.columns)
        np.add.at(total, carried.column, carried.value)
        np.add.at(count, carried.column, 1.0)
        share = np.zeros(self.rows)
        whole = total[carried.column]
        share[carried.row] = np.where(
            np.abs(whole) > ZERO,
            carried.value / np.where(np.abs(whole) > ZERO, whole, 1.0),
            1.0 / count[carried.column],
        )
        weight = -links.coefficient / coefficient[links.row] * share[links.row]
        return Sparse(links.column, self.carrier[links.row], weight, (self.columns, self.columns))

    def _limits(self, held: Entries) -> Sparse:
        tolerance = 1e-13 * self.scale
        big = np.abs(held.value) > tolerance
        bound = np.flatnonzero(np.abs(self.duals.columns) > tolerance)
        rows = np.concatenate([held.column[big], bound])
        ids = np.concatenate([held.row[big], self.rows + bound])
        values = np.concatenate([held.value[big], self.duals.columns[bound]])
        return Sparse(rows, ids, values, (self.columns, self.rows + self.columns))

    def _with_carriers(self, base: Floats) -> Floats:
        total, term = base.copy(), base
        for _ in range(HOPS):
            term = self.follow @ term
            if not np.any(term):
                break
            total += term
        return total

    def moving(self, flows: Sparse) -> Sparse:
        """(flows, columns): all columns that move with each flow, carriers included."""
        total, term = flows, flows
        for _ in range(HOPS):
            term = term.times(self.follow)
            if not len(term.row):
                break
            total = total + term
        return total
