"""PyPSA: the same plant as buses, generators, links and a storage unit; one member only.

Machines and nodes are carried by buses of their own: a generator offers as many as can run, and each mode of the
miners, or what a node does, is a link that takes one of them and draws power (a negative efficiency) and gives heat.
PyPSA writes its own rows for that, more than the other formulations have, and the optimum is the same.

What its features do not allow, and what was done instead:

- A position that is the same for all members in every step: PyPSA's scenarios share capacities only, so it is compared
  with one member, where the position is an ordinary generator.
- Charging and discharging that share the converter: each has the limit for itself here. At positive prices nobody does
  both at once, which is why the optimum is the same.
- A level at the end of *at least* the start's is set *equal* to it; energy left over would be worth nothing.
- Money by line is worked out from the schedule, as everywhere else but in this project.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import linopy
import numpy as np
import pandas as pd
import pypsa
import xarray as xr
from dispatch_case import (
    ADDER_PER_MWH,
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    EXPORT_FEE_PER_MWH,
    FULL_KW,
    IDLE_KW,
    MODE_W,
    SPREAD_PER_MWH,
    START,
    WEAR_PER_MWH,
    read,
)

from peers.road import Floats, Results

for noisy in ("pypsa", "linopy"):
    logging.getLogger(noisy).setLevel(logging.ERROR)
pypsa.options.api.legacy_string_dtype = False


class WithPypsa:
    """PyPSA, whose linopy model is handed to HiGHS directly."""

    def read(self, folder: Path) -> None:
        self.case = read(folder)
        if self.case.size.members > 1:
            raise ValueError("PyPSA has no here-and-now position by step")

    def build(self) -> None:
        n = self.network = pypsa.Network()
        n.set_snapshots(pd.date_range(START, periods=self.case.size.hours, freq="h"))
        self._settlement(n)
        self._machines(n)
        self._nodes(n)
        self._hall_and_battery(n)
        self.model = n.optimize.create_model(include_objective_constant=False)

    # ------------------------------------------------------------------ the network
    def _names(self, what: str) -> pd.Index:
        return pd.Index([f"s{s} {what}" for s in range(self.case.size.sites)])

    def _hourly(self, names: pd.Index, values: Floats) -> pd.DataFrame:
        """(sites, hours) as PyPSA's table of snapshots by component."""
        return pd.DataFrame(values.T, index=self.network.snapshots, columns=names)

    def _settlement(self, n: Any) -> None:
        case = self.case
        self.power, self.settled = self._names("power"), self._names("settled")
        n.add("Bus", self.power)
        n.add("Bus", self.settled)
        limit, price = case.of_plant("import_limit_mw"), case.real_time[:, 0, :]
        for name, sign, most, cost in (
            ("position", 1, limit, case.day_ahead),
            ("short", 1, 2 * limit, price + SPREAD_PER_MWH),
            ("long", -1, 2 * limit, price - SPREAD_PER_MWH),
        ):
            names = self._names(name)
            n.add("Generator", names, bus=self.settled, p_nom=most, p_min_pu=min(sign, 0), p_max_pu=max(sign, 0),
                  marginal_cost=self._hourly(names, cost))  # fmt: skip
        n.add(
            "Link", self._names("import"), bus0=self.settled, bus1=self.power, p_nom=limit, marginal_cost=ADDER_PER_MWH
        )
        names = self._names("export")
        n.add("Generator", names, bus=self.power, p_nom=case.of_plant("export_limit_mw"), p_min_pu=-1, p_max_pu=0,
              marginal_cost=self._hourly(names, price - EXPORT_FEE_PER_MWH))  # fmt: skip

    def _machines(self, n: Any) -> None:
        case, machines = self.case, self._names("machines")
        self.heat = self._names("heat")
        n.add("Bus", machines)
        n.add("Bus", self.heat)
        n.add("Generator", machines, bus=machines, p_nom=case.of_plant("machines"),
              p_max_pu=self._hourly(machines, case.availability))  # fmt: skip
        value = case.machine_value
        for k, mw in enumerate(case.mode_mw):
            names = self._names(f"mode {k}")
            n.add("Link", names, bus0=machines, bus1=self.power, bus2=self.heat, p_nom=case.of_plant("machines"),
                  efficiency=-mw, efficiency2=mw, marginal_cost=self._hourly(names, -value[:, k, :]))  # fmt: skip

    def _nodes(self, n: Any) -> None:
        case, nodes = self.case, self._names("nodes")
        installed = case.of_plant("nodes")
        n.add("Bus", nodes)
        n.add("Generator", nodes, bus=nodes, p_nom=installed)
        rent, idle = self._names("rent"), self._names("idle")
        n.add("Link", rent, bus0=nodes, bus1=self.power, bus2=self.heat, p_nom=installed, efficiency=-FULL_KW / 1e3,
              efficiency2=FULL_KW / 1e3, p_max_pu=self._hourly(rent, case.market_nodes / installed[:, None]),
              marginal_cost=self._hourly(rent, -case.node_value))  # fmt: skip
        n.add("Link", idle, bus0=nodes, bus1=self.power, bus2=self.heat, p_nom=installed, efficiency=-IDLE_KW / 1e3,
              efficiency2=IDLE_KW / 1e3)  # fmt: skip

    def _hall_and_battery(self, n: Any) -> None:
        case, hall, battery = self.case, self._names("hall"), self._names("battery")
        n.add("Link", hall, bus0=self.heat, bus1=self.power, p_nom=case.of_plant("heat_limit_mw"),
              efficiency=self._hourly(hall, -case.overhead))  # fmt: skip
        half, power = case.of_plant("battery_mwh") / 2.0, case.of_plant("battery_mw")
        at_end = np.full((case.size.sites, case.size.hours), np.nan)
        at_end[:, -1] = half
        n.add("StorageUnit", battery, bus=self.power, p_nom=power, max_hours=2.0 * half / power,
              efficiency_store=CHARGE_EFFICIENCY, efficiency_dispatch=DISCHARGE_EFFICIENCY, marginal_cost=WEAR_PER_MWH,
              state_of_charge_initial=half, state_of_charge_set=self._hourly(battery, at_end))  # fmt: skip

    # ------------------------------------------------------------------ solve
    def hand_over(self) -> Any:
        return linopy.io.to_highspy(self.model, set_names=False)

    def results(self, values: Floats) -> Results:
        """Values into linopy's variables as its own ``assign_result`` does it, PyPSA's tables from there."""
        model, n, case = self.model, self.network, self.case
        model.status, model.termination_condition = "ok", "optimal"
        for _, variable in model.variables.items():
            labels = variable.labels.to_numpy()
            places = model.variables.label_index.label_to_pos[labels]
            variable.solution = xr.DataArray(np.where(labels >= 0, values[places], np.nan), variable.coords)
        model.objective._value = float("nan")
        n.optimize.assign_solution()

        def of(table: pd.DataFrame, what: str) -> Floats:
            return table[self._names(what)].to_numpy().T[:, None, :]

        p, taken = n.generators_t.p, n.links_t.p0
        stored = n.storage_units_t
        dispatch = {
            "import_mw": of(taken, "import"),
            "export_mw": -of(p, "export"),
            "position_mw": of(p, "position"),
            "running": np.stack([of(taken, f"mode {k}") for k in range(len(MODE_W))], axis=1),
            "nodes": of(taken, "rent"),
            "soc_mwh": of(stored.state_of_charge, "battery"),
            "charge_mw": of(stored.p_store, "battery"),
            "discharge_mw": of(stored.p_dispatch, "battery"),
        }
        money = {
            "mining": (dispatch["running"] * case.machine_value[:, :, None, :]).sum(axis=1),
            "rent": dispatch["nodes"] * case.node_value[:, None, :],
            "export": dispatch["export_mw"] * (case.real_time - EXPORT_FEE_PER_MWH),
            "imbalance": -of(p, "long") * (case.real_time - SPREAD_PER_MWH)
            - of(p, "short") * (case.real_time + SPREAD_PER_MWH),
            "adder": dispatch["import_mw"] * -ADDER_PER_MWH,
            "wear": dispatch["discharge_mw"] * -WEAR_PER_MWH,
            "day_ahead": dispatch["position_mw"] * -case.day_ahead[:, None, :],
        }
        return Results(dispatch, money)
