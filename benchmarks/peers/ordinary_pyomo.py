"""Ordinary Pyomo: a concrete model with indexed variables and rules, as its documentation teaches it.

Two interfaces to HiGHS: the one of ``pyomo.contrib.appsi`` (:class:`PyomoAppsi`) and the newer one of
``pyomo.contrib.solver`` (:class:`PyomoSolver`). Both are told not to look for changes that nobody made.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from dispatch_case import (
    ADDER_PER_MWH,
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    EXPORT_FEE_PER_MWH,
    FULL_KW,
    IDLE_KW,
    MODE_W,
    SPREAD_PER_MWH,
    WEAR_PER_MWH,
    Case,
    read,
)
from pyomo.contrib.appsi.solvers.highs import Highs as AppsiHighs
from pyomo.contrib.solver.solvers.highs import Highs as SolverHighs

from peers.road import Floats, Results

logging.getLogger("pyomo").setLevel(logging.ERROR)


class OrdinaryPyomo:
    """The formulation; how it gets to HiGHS is said by the subclasses."""

    def read(self, folder: Path) -> None:
        self.case = read(folder)

    def build(self) -> None:
        case, size = self.case, self.case.size
        m = self.model = pyo.ConcreteModel()
        m.s, m.w, m.t = (
            pyo.RangeSet(0, size.sites - 1),
            pyo.RangeSet(0, size.members - 1),
            pyo.RangeSet(0, size.hours - 1),
        )
        m.modes, m.states = pyo.RangeSet(0, len(MODE_W) - 1), pyo.RangeSet(-1, size.hours - 1)
        self._variables(m, case)
        self._rules(m, case)
        self._objective(m, case)

    def _variables(self, m: Any, case: Case) -> None:
        plant, available = case.plant, case.available.tolist()
        positive: dict[str, Any] = {"within": pyo.NonNegativeReals}
        cells = (m.s, m.w, m.t)
        m.import_mw = pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].import_limit_mw))
        m.export_mw = pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].export_limit_mw))
        m.delivered, m.short, m.long = (pyo.Var(*cells, **positive) for _ in range(3))
        m.position = pyo.Var(m.s, m.t, bounds=lambda m, s, t: (0, plant[s].import_limit_mw))
        m.sold = pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].export_limit_mw))
        m.running = pyo.Var(m.s, m.modes, m.w, m.t, bounds=lambda m, s, k, w, t: (0, available[s][t]))
        m.nodes, m.idle, m.off = (pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].nodes)) for _ in range(3))
        m.pool = pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].nodes * FULL_KW / 1e3))
        m.heat = pyo.Var(*cells, **positive)
        m.charge_mw, m.discharge_mw = (
            pyo.Var(*cells, bounds=lambda m, s, w, t: (0, plant[s].battery_mw)) for _ in range(2)
        )
        first, last = -1, case.size.hours - 1

        def level(m: Any, s: int, w: int, t: int) -> tuple[float, float]:
            half = plant[s].battery_mwh / 2.0
            if t == first:
                return half, half
            return (half if t == last else 0.0), plant[s].battery_mwh

        m.soc = pyo.Var(m.s, m.w, m.states, bounds=level)

    def _rules(self, m: Any, case: Case) -> None:
        plant, mw = case.plant, case.mode_mw.tolist()
        available, overhead, depth = case.available.tolist(), case.overhead.tolist(), case.market_nodes.tolist()
        cells = (m.s, m.w, m.t)

        def miners(m: Any, s: int, w: int, t: int) -> Any:
            return sum(mw[k] * m.running[s, k, w, t] for k in m.modes)

        m.bought = pyo.Constraint(*cells, rule=lambda m, s, w, t: m.import_mw[s, w, t] == m.delivered[s, w, t])
        m.sale = pyo.Constraint(*cells, rule=lambda m, s, w, t: m.export_mw[s, w, t] == m.sold[s, w, t])
        m.balance = pyo.Constraint(
            *cells,
            rule=lambda m, s, w, t: (
                m.import_mw[s, w, t] - m.export_mw[s, w, t]
                == miners(m, s, w, t) + m.pool[s, w, t] + overhead[s][t] * m.heat[s, w, t]
                + m.charge_mw[s, w, t] - m.discharge_mw[s, w, t]
            ),
        )  # fmt: skip
        m.imbalance = pyo.Constraint(
            *cells,
            rule=lambda m, s, w, t: (
                m.short[s, w, t] - m.long[s, w, t] == m.delivered[s, w, t] - m.position[s, t]
            ),
        )  # fmt: skip
        m.installed = pyo.Constraint(
            *cells, rule=lambda m, s, w, t: sum(m.running[s, k, w, t] for k in m.modes) <= available[s][t]
        )
        m.node_balance = pyo.Constraint(
            *cells,
            rule=lambda m, s, w, t: m.nodes[s, w, t] + m.idle[s, w, t] + m.off[s, w, t] == plant[s].nodes,
        )
        m.market = pyo.Constraint(*cells, rule=lambda m, s, w, t: m.nodes[s, w, t] <= depth[s][t])
        m.pool_power = pyo.Constraint(
            *cells,
            rule=lambda m, s, w, t: (
                m.pool[s, w, t] == FULL_KW / 1e3 * m.nodes[s, w, t] + IDLE_KW / 1e3 * m.idle[s, w, t]
            ),
        )
        m.collected = pyo.Constraint(
            *cells, rule=lambda m, s, w, t: m.heat[s, w, t] == miners(m, s, w, t) + m.pool[s, w, t]
        )
        m.hall = pyo.Constraint(*cells, rule=lambda m, s, w, t: m.heat[s, w, t] <= plant[s].heat_limit_mw)
        m.storing = pyo.Constraint(
            *cells,
            rule=lambda m, s, w, t: (
                m.soc[s, w, t] == m.soc[s, w, t - 1] + CHARGE_EFFICIENCY * m.charge_mw[s, w, t]
                - m.discharge_mw[s, w, t] / DISCHARGE_EFFICIENCY
            ),
        )  # fmt: skip
        m.converter = pyo.Constraint(
            *cells, rule=lambda m, s, w, t: m.charge_mw[s, w, t] + m.discharge_mw[s, w, t] <= plant[s].battery_mw
        )

    def _objective(self, m: Any, case: Case) -> None:
        value, rent = case.machine_value.tolist(), case.node_value.tolist()
        price, day_ahead = case.real_time.tolist(), case.day_ahead.tolist()

        def profit(m: Any, s: int, w: int, t: int) -> Any:
            return (
                sum(value[s][k][t] * m.running[s, k, w, t] for k in m.modes)
                + rent[s][t] * m.nodes[s, w, t]
                + (price[s][w][t] - EXPORT_FEE_PER_MWH) * m.sold[s, w, t]
                - (price[s][w][t] + SPREAD_PER_MWH) * m.short[s, w, t]
                + (price[s][w][t] - SPREAD_PER_MWH) * m.long[s, w, t]
                - ADDER_PER_MWH * m.delivered[s, w, t]
                - WEAR_PER_MWH * m.discharge_mw[s, w, t]
            )

        recourse = case.probability * sum(profit(m, s, w, t) for s in m.s for w in m.w for t in m.t)
        position = sum(day_ahead[s][t] * m.position[s, t] for s in m.s for t in m.t)
        m.objective = pyo.Objective(expr=recourse - position, sense=pyo.maximize)

    # ------------------------------------------------------------------ results
    def load(self, values: Floats) -> None:
        """Put the values into Pyomo's variables."""
        raise NotImplementedError

    def results(self, values: Floats) -> Results:
        self.load(values)
        m, case, size = self.model, self.case, self.case.size
        cells = (size.sites, size.members, size.hours)

        def array(variable: Any, shape: tuple[int, ...] = cells) -> Floats:
            return np.fromiter((v.value for v in variable.values()), float, count=len(variable)).reshape(shape)

        dispatch = {n: array(getattr(m, n)) for n in ("import_mw", "export_mw", "nodes", "charge_mw", "discharge_mw")}
        dispatch["running"] = array(m.running, (size.sites, len(MODE_W), size.members, size.hours))
        dispatch["soc_mwh"] = array(m.soc, (size.sites, size.members, size.hours + 1))[..., 1:]
        dispatch["position_mw"] = np.broadcast_to(array(m.position, (size.sites, size.hours))[:, None, :], cells)
        money = {
            "mining": (dispatch["running"] * case.machine_value[:, :, None, :]).sum(axis=1),
            "rent": dispatch["nodes"] * case.node_value[:, None, :],
            "export": array(m.sold) * (case.real_time - EXPORT_FEE_PER_MWH),
            "imbalance": array(m.long) * (case.real_time - SPREAD_PER_MWH)
            - array(m.short) * (case.real_time + SPREAD_PER_MWH),
            "adder": array(m.delivered) * -ADDER_PER_MWH,
            "wear": dispatch["discharge_mw"] * -WEAR_PER_MWH,
            "day_ahead": dispatch["position_mw"] * -case.day_ahead[:, None, :],
        }
        return Results(dispatch, money)


class PyomoAppsi(OrdinaryPyomo):
    """Through ``appsi_highs``."""

    def hand_over(self) -> Any:
        interface = self.interface = AppsiHighs()
        interface.config.load_solution = False
        interface.set_instance(self.model)
        return interface._solver_model

    def load(self, values: Floats) -> None:
        for variable, value in _pairs(self.interface, values):
            variable.set_value(value, skip_validation=True)


class PyomoSolver(OrdinaryPyomo):
    """Through ``pyomo.contrib.solver``."""

    def hand_over(self) -> Any:
        interface = self.interface = SolverHighs()
        interface.set_instance(self.model)
        return interface._solver_model

    def load(self, values: Floats) -> None:
        for variable, value in _pairs(self.interface, values):
            variable.set_value(value, skip_validation=True)


def _pairs(interface: Any, values: Floats) -> Any:
    """Each variable with its value, by the interface's own table of columns."""
    columns = interface._pyomo_var_to_solver_var_map
    plain = values.tolist()
    return ((interface._vars[key][0], plain[column]) for key, column in columns.items())
