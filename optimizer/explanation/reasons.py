"""The reason of each component in each member and step, from the duals of the plan with its whole decisions fixed.

What moves (draws, delivers, sells) is asked: would a little more of the same pay? Its margin and the limits that hold
it (:mod:`optimizer.explanation.holders`) answer:

- it moves and has a margin: it **pays**, and a limit keeps it from moving more;
- it moves at a loss: an **obligation** (a minimum, a deadline, a whole decision) drives it;
- it rests, and moving would lose money: the **price** is above its break-even; or, where it would pay at what the
  site's contracts ask for a MWh, the **limit** that makes power dearer than that (connection, contract, peak) holds it;
- its margin is zero: it is the marginal user, held by that same limit or by one of what it has in store; or nothing
  holds it, and it is **indifferent**.

No kind is named: components say in ``holds`` what their rules mean, and a rule of which nothing is said is told by its
``doc``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.explanation.explanation import NONE, ComponentReasons, Explanation
from optimizer.explanation.flows import asked_of, flows_of, labels_of
from optimizer.explanation.holders import Holders
from optimizer.explanation.limits_in_words import LimitBook, Vocabulary
from optimizer.explanation.model_index import ModelIndex
from optimizer.explanation.own_limits import OwnLimits
from optimizer.explanation.reason import Code
from optimizer.explanation.sparse import Sparse
from optimizer.explanation.whole_decisions import WholeDecisions
from optimizer.marginals import Duals

if TYPE_CHECKING:
    from optimizer.parts import Parts
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
BREAK_EVEN = 1e-6
"""Margin, relative to what a MWh costs (or to 1 currency), up to which a component counts as indifferent."""
CAPACITY = (Code.ALL_IN_USE, Code.AVAILABILITY, Code.RULE, Code.NO_DECISION)
"""What holds is its own size: the reason is that it pays."""


def explain_plan(scenario: Scenario, parts: Parts, compiled: Compiled, duals: Duals, values: Floats) -> Explanation:
    """The reasons of a plan: ``values`` are those of the columns, ``duals`` those with all whole decisions fixed."""
    return _Reasons(scenario, parts, compiled, Duals(duals.rows, duals.columns, values)).explanation()


@dataclass
class Upstream:
    """The limit that makes power at the site dearer than what its contracts ask, (flows,)."""

    place: Ints
    """Row (or number of rows plus column), -1 where there is none."""
    per_mwh: Floats
    """What it adds to what a MWh of the component costs."""


class _Reasons:
    def __init__(self, scenario: Scenario, parts: Parts, compiled: Compiled, duals: Duals) -> None:
        self.scenario, self.parts = scenario, parts
        self.shape = scenario.members, scenario.horizon.steps
        self.labels = labels_of(parts)
        self.index = ModelIndex(compiled, self.labels, *self.shape)
        self.vocabulary = Vocabulary(parts, self.index)
        self.flows = flows_of(parts, compiled, self.index, duals.values, self.shape)
        is_flow = np.zeros(len(duals.values), bool)
        is_flow[self.flows.column] = True
        self.holders = Holders(compiled.arrays, duals, self.index, self.vocabulary.roles, is_flow)
        self.weights = self._weights()
        self.asked = asked_of(self.flows, self.holders, self.weights, scenario.horizon.step_h, len(parts.sites))
        self.own_limits = OwnLimits(self.holders, len(self.labels), self.shape)
        self.book = LimitBook(self.holders, self.vocabulary)
        self._work_out()

    def _weights(self) -> Floats:
        """What a unit of money of each member counts in the objective, (members,)."""
        risk, ensemble = self.scenario.risk, self.scenario.ensemble
        weights = (1.0 - risk.beta) * ensemble.weights
        tail = np.flatnonzero(self.holders.role == "m")
        return weights + np.abs(self.holders.duals.rows[tail]) if len(tail) == len(weights) else weights

    def _work_out(self) -> None:
        """Margin and cost per MWh of each flow, and what holds it from above and from below."""
        asked, holders = self.asked, self.holders
        mwh = np.where(asked.mwh > 0, asked.mwh, np.nan)
        self.margin = asked.columns @ holders.margin / mwh
        held = holders.moving(asked.columns).times(holders.limits)
        # what rests would also serve the obligations that drive others: energy of a block that is paid in any case
        serves = (held.column < holders.rows) & (held.data < 0) & ~asked.moves[held.row]
        self.margin -= np.bincount(held.row[serves], held.data[serves], len(mwh)) / mwh
        self.market = asked.columns @ holders.market / mwh
        """What the power of a MWh costs at the site's bus (of what is fed in: less what it brings there)."""
        self.feeds = self.market * self._price_of_power() < 0
        self.cost = np.where(self.feeds, -self.market - self.margin, self.market)
        self.above, self.below = _strongest(held, 1.0), _strongest(held, -1.0)
        self._price_where_nothing_runs()
        self.slack = BREAK_EVEN * np.maximum(1.0, np.abs(np.nan_to_num(self.market)))
        margin = np.nan_to_num(self.margin)
        self.gains, self.loses = margin > self.slack, margin < -self.slack

    def _price_of_power(self) -> Floats:
        """What a MWh is worth at the bus of each flow's site, (flows,); 1 where that is not known, as then no price is
        below 0."""
        count = self.shape[0] * self.shape[1]
        price = -np.nan_to_num(self.market[: len(self.parts.sites) * count])
        site = self._site_of_flow()
        at = np.maximum(site, 0) * count + self.flows.member * self.shape[1] + self.flows.step
        return np.where(site >= 0, price[at], 1.0)

    def _price_where_nothing_runs(self) -> None:
        """Where nothing moves at a site, a MWh is worth anything from what its best use brings to what the next one
        would cost: components are told the latter."""
        members, steps = self.shape
        count, sites = members * steps, len(self.parts.sites)
        site = self._site_of_flow()
        at = site * count + self.flows.member * steps + self.flows.step
        busy = np.zeros(sites * count, bool)
        known = (site >= 0) & (self.flows.owner >= sites)
        busy[at[known & self.asked.moves]] = True
        busy |= self.asked.moves[: sites * count]
        short = np.where(busy, 0.0, np.minimum(np.nan_to_num(self.margin[: sites * count]), 0.0))
        price = -np.nan_to_num(self.market[: sites * count])
        at = np.where(known, at, 0)
        share = np.maximum(np.nan_to_num(self.market), 0.0) / np.where(np.abs(price[at]) > 1e-9, price[at], np.inf)
        dearer = np.where(known, short[at] * share, 0.0)
        self.margin, self.cost = self.margin + dearer, self.cost - dearer

    # ------------------------------------------------------------------ what decides
    def explanation(self) -> Explanation:
        code, place, decision = self._decided()
        limit = self.book.numbers(place)
        other = np.where(self.above != place, self.above, NONE)
        also = self.book.numbers(np.where(self.gains & (other >= 0), other, NONE))
        value = np.where(decision != NONE, np.nan, self.book.values(place))
        figure, step = self.book.figures(place), self.book.steps(place)
        count = self.shape[0] * self.shape[1]
        reasons = {}
        for number, label in enumerate(self.labels):
            part = slice(number * count, (number + 1) * count)

            def cut(array: Any, kind: Any, part: slice = part) -> Any:
                return np.asarray(array[part], kind).reshape(self.shape)

            reasons[label] = ComponentReasons(
                codes=cut(code, np.int8),
                margin_per_mwh=cut(np.where(self.asked.follows, np.nan, self.margin), float),
                limit=cut(limit, np.int32),
                value=cut(value, float),
                power_mw=cut(self.flows.power_mw, float),
                cost_per_mwh=cut(self.cost, float),
                figure=cut(figure, float),
                limit_step=cut(step, np.int32),
                also=cut(also, np.int32),
                place=cut(place, np.int64),
                decision=cut(decision, np.int64),
            )
        return Explanation(self.scenario, reasons, self.book.limits, self._power_price(), self._deeds())

    def _decided(self) -> tuple[NDArray[np.int8], Ints, Ints]:
        """Code and place of the limit of each flow, and the whole decision that stands between them (-1 without)."""
        asked, flows = self.asked, self.flows
        gains, loses, moves = self.gains, self.loses, asked.moves
        place, is_whole, decision = self._by_rules(np.where(gains, self.above, np.where(loses, self.below, NONE)))
        upstream = self._upstream()
        holds_back = upstream.place != NONE
        would_pay = loses & ~moves & holds_back & (np.nan_to_num(self.margin) + upstream.per_mwh > self.slack)
        at_play = asked.can_move & (asked.mwh > 0) & ~asked.follows
        even = ~gains & ~loses & at_play
        place = np.where(even & ~moves, self.below, place)
        by_rule = even & (place >= 0) & (place < self.holders.rows)
        place = np.where(even & ~by_rule, NONE, place)
        place = np.where(would_pay | (even & ~by_rule & holds_back), upstream.place, place)
        for flow in np.flatnonzero(even & ~holds_back & ~by_rule).tolist():
            place[flow] = self.own_limits.along(int(flows.owner[flow]), int(flows.member[flow]), int(flows.step[flow]))
        own = self.own_limits.at[flows.owner, flows.member, flows.step]
        too_dear = loses & ~moves & ~would_pay & at_play
        place = np.where(at_play, np.where(too_dear, NONE, place), self._worth_telling(own))
        decision = np.where(at_play & ~too_dear & ~would_pay, decision, NONE)
        for flow in np.flatnonzero(is_whole & loses & moves & at_play).tolist():
            place[flow] = self.own_limits.tight_along(
                int(flows.owner[flow]), int(flows.member[flow]), int(flows.step[flow])
            )
        is_whole &= place < 0
        code = self._codes(place)
        code[even & (place < 0)] = Code.INDIFFERENT.number
        idle = too_dear & (self.market > 0) & (np.nan_to_num(self.margin + self.cost) <= self.slack)
        supplies = self.feeds & moves
        code[even & (place < 0) & supplies] = Code.SETS_PRICE.number
        code[too_dear] = Code.PRICE_ABOVE_BREAK_EVEN.number
        code[idle] = Code.NO_WORK.number
        code[gains & moves & at_play & np.isin(code, [c.number for c in CAPACITY])] = Code.PAYS.number
        code[is_whole & at_play & ((gains & ~moves) | (loses & moves))] = Code.WHOLE_DECISION.number
        follower = np.array([self.vocabulary.of_follower(n).number for n in range(len(self.labels))], np.int8)
        driven = loses & moves & (code == Code.NO_DECISION.number)  # at a loss, by no rule of its own: by others
        code = np.where((asked.follows | driven) & (place < 0), follower[flows.owner], code)
        acts = np.zeros(len(self.labels), bool)
        acts[flows.owner[flows.row[flows.own]]] = True
        code[acts[flows.owner] & ~asked.can_move & (place < 0)] = Code.AVAILABILITY.number
        return code.astype(np.int8), place, decision

    def _worth_telling(self, place: Ints) -> Ints:
        """Of what has no reason of its own to move: only limits that a component has words for, and inequalities."""
        arrays, rows = self.holders.arrays, self.holders.rows
        row = np.clip(place, 0, rows - 1)
        equal = arrays.row_lower[row] == arrays.row_upper[row]
        unsaid = self._codes(place) == Code.RULE.number
        return np.where(unsaid & ((place >= rows) | equal), NONE, place)

    def _codes(self, place: Ints) -> NDArray[np.int8]:
        numbers = self.book.numbers(place)
        known = np.array([limit.code.number for limit in self.book.limits] + [Code.NO_DECISION.number], np.int8)
        return known[numbers]

    def _by_rules(self, place: Ints) -> tuple[Ints, Flags, Ints]:
        """Whole decisions in the place of limits give way to the rules that hold them.

        Returns the places; where no rule holds the decision (it is worth making as a whole); and the whole decisions
        (columns, -1 without) that stand between limits and flows: a little more of such a limit is worth nothing by
        itself.
        """
        holders, arrays = self.holders, self.holders.arrays
        column = place - holders.rows
        whole = np.flatnonzero((column >= 0) & arrays.integer[np.maximum(column, 0)])
        is_whole, decision = np.zeros(len(place), bool), np.full(len(place), NONE, np.int64)
        if not len(whole):
            return place, is_whole, decision
        place = place.copy()
        rules = WholeDecisions(holders, self.vocabulary.firm)
        directions = np.where(holders.duals.columns[column[whole]] > 0, 1, -1)
        for flow, number, direction in zip(whole.tolist(), column[whole].tolist(), directions.tolist(), strict=True):
            edge = arrays.col_upper[number] if direction > 0 else arrays.col_lower[number]
            if abs(holders.x[number] - edge) < 0.5:
                owner, variable = self.index.names[self.index.variables.name[number]]
                said = self.vocabulary.said(owner, variable, "at most", is_rule=False)
                place[flow] = place[flow] if said is not None and direction > 0 else NONE
                decision[flow] = number
                continue
            place[flow] = rules.holds(number, direction)
            is_whole[flow], decision[flow] = place[flow] == NONE, number
        return place, is_whole, decision

    def _upstream(self) -> Upstream:
        """What holds power at the site of each flow back, from what holds the site's own connection."""
        members, steps = self.shape
        flows, sites = self.flows, list(self.parts.sites)
        count = members * steps
        excess = np.where(
            self.flows.power_mw[: len(sites) * count] >= 0, np.nan_to_num(self.margin[: len(sites) * count]), 0.0
        )
        place = np.where(excess > self.slack[: len(excess)], self.above[: len(excess)], NONE)
        price = -np.nan_to_num(self.market[: len(excess)])
        at = self._site_of_flow() * count + flows.member * steps + flows.step
        known = (self._site_of_flow() >= 0) & (flows.owner >= len(sites))
        at = np.where(known, at, 0)
        share = np.nan_to_num(self.market) / np.where(np.abs(price[at]) > 1e-9, price[at], np.inf)
        return Upstream(np.where(known, place[at], NONE), np.where(known, excess[at] * np.maximum(share, 0.0), 0.0))

    def _site_of_flow(self) -> Ints:
        """Number of the site whose power each flow takes or gives, or -1."""
        sites, holders = list(self.parts.sites), self.holders
        found = np.full(len(self.labels), -1, np.int64)
        for number, label in enumerate(self.labels):
            part = self.parts.components.get(label)
            if part is not None and part.site is not None:
                found[number] = sites.index(part.site)
        of_flow = found[self.flows.owner]
        roaming = of_flow < 0
        if roaming.any() and len(sites) > 1:
            shares = np.stack([np.abs(self.asked.columns @ each) for each in holders.market_by_site(len(sites))])
            of_flow = np.where(roaming & (shares.max(axis=0) > 0), np.argmax(shares, axis=0), of_flow)
        return np.where(of_flow < 0, 0, of_flow) if len(sites) == 1 else of_flow

    # ------------------------------------------------------------------ the rest of an explanation
    def _power_price(self) -> dict[str, Floats]:
        _members, _steps = self.shape
        rules, found = self.index.rules, {}
        per_mwh = self.weights * self.scenario.horizon.step_h
        for number, name in enumerate(self.parts.sites):
            rows = np.flatnonzero(rules.name == self.index.name(number, "balance"))
            price = np.full(self.shape, np.nan)
            worth = per_mwh[rules.member[rows]]
            price[rules.member[rows], rules.step[rows]] = -self.holders.duals.rows[rows] / np.where(
                worth > 0, worth, np.nan
            )
            found[name] = price
        return found

    def _deeds(self) -> dict[str, tuple[str, str, str]]:
        found = {f"site {name}": part.component.deeds for name, part in self.parts.sites.items()}
        return found | {label: part.component.deeds for label, part in self.parts.components.items()}


def _strongest(held: Sparse, sign: float) -> Ints:
    """Of each row of a matrix: the column with the largest entry of a sign; -1 without."""
    chosen = held.data * sign > 0
    rows, columns, data = held.row[chosen], held.column[chosen], held.data[chosen] * sign
    order = np.lexsort((data, rows))
    found = np.full(held.shape[0], NONE, np.int64)
    found[rows[order]] = columns[order]  # the largest comes last
    return found
