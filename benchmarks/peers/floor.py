"""The floor: numpy arrays written out by hand for this one problem, straight into HiGHS.

Nothing is general here. Columns and rows stand in blocks over (sites, members, hours), so that each rule is a few
arrays of row numbers, column numbers and coefficients; scipy sorts the entries by column.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highspy
import numpy as np
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
    read,
)
from scipy.sparse import coo_array

from peers.road import Floats, Results

PLAIN = ("import_mw", "export_mw", "delivered", "short", "long", "sold", "nodes", "idle", "off", "pool", "heat",
         "charge_mw", "discharge_mw")  # fmt: skip
"""Variables with one column per site, member and hour."""


class Floor:
    """numpy, scipy and highspy."""

    def read(self, folder: Path) -> None:
        self.case = read(folder)

    def build(self) -> None:
        self._columns()
        self._rows()
        case, size = self.case, self.case.size
        matrix = coo_array((self._data, (self._row, self._column)), shape=(self._row_count, self._column_count))
        self.matrix = matrix.tocsc()
        del self._data, self._row, self._column
        self._prices(case, size.members)

    def hand_over(self) -> Any:
        highs = highspy.Highs()
        highs.silent()
        rows, columns = self.matrix.shape
        highs.passModel(
            columns,
            rows,
            self.matrix.nnz,
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMaximize),
            0.0,
            self.cost,
            self.lower,
            self.upper,
            self.row_lower,
            self.row_upper,
            self.matrix.indptr.astype(np.int32, copy=False),
            self.matrix.indices.astype(np.int32, copy=False),
            self.matrix.data,
            np.zeros(columns, np.int32),
        )
        return highs

    # ------------------------------------------------------------------ columns
    def _columns(self) -> None:
        size = self.case.size
        cells = (size.sites, size.members, size.hours)
        self.at: dict[str, Any] = {}
        self._column_count = 0
        shapes = dict.fromkeys(PLAIN, cells) | {
            "running": (size.sites, len(MODE_W), size.members, size.hours),
            "soc": (size.sites, size.members, size.hours + 1),
            "position": (size.sites, size.hours),
        }
        for name, shape in shapes.items():
            count = int(np.prod(shape))
            self.at[name] = np.arange(self._column_count, self._column_count + count).reshape(shape)
            self._column_count += count
        self.lower, self.upper = np.zeros(self._column_count), np.full(self._column_count, np.inf)
        case = self.case

        def most(name: str, values: Floats) -> None:
            self._view(self.upper, name)[...] = values

        def of_site(name: str) -> Floats:
            return case.of_plant(name)[:, None, None]

        most("import_mw", of_site("import_limit_mw"))
        for name in ("export_mw", "sold"):
            most(name, of_site("export_limit_mw"))
        for name in ("nodes", "idle", "off"):
            most(name, of_site("nodes"))
        most("pool", of_site("nodes") * (FULL_KW / 1e3))
        for name in ("charge_mw", "discharge_mw"):
            most(name, of_site("battery_mw"))
        most("running", case.available[:, None, None, :])
        most("position", case.of_plant("import_limit_mw")[:, None])
        level = of_site("battery_mwh")
        most("soc", level)
        low, high = self._view(self.lower, "soc"), self._view(self.upper, "soc")
        low[..., 0] = high[..., 0] = low[..., -1] = level[..., 0] / 2.0

    def _view(self, array: Floats, name: str) -> Floats:
        """The part of an array over the columns that belongs to a variable."""
        numbers = self.at[name]
        return array[numbers.flat[0] : numbers.flat[-1] + 1].reshape(numbers.shape)

    # ------------------------------------------------------------------ rows
    def _rows(self) -> None:
        case, size, at = self.case, self.case.size, self.at
        cells = (size.sites, size.members, size.hours)
        per_rule = int(np.prod(cells))
        entries: list[tuple[Any, Any, Any]] = []
        row_lower, row_upper = [], []
        count = 0

        def rule(lower: Any, upper: Any, *terms: tuple[Any, Any]) -> None:
            """One row per site, member and hour: sum of coefficient times column."""
            nonlocal count
            numbers = np.arange(count, count + per_rule).reshape(cells)
            for coefficient, columns in terms:
                entries.append((numbers, np.broadcast_to(columns, cells), np.broadcast_to(coefficient, cells)))
            row_lower.append(np.broadcast_to(lower, cells))
            row_upper.append(np.broadcast_to(upper, cells))
            count += per_rule

        modes = [at["running"][:, m] for m in range(len(MODE_W))]
        miners = [(-watts / 1e6, mode) for watts, mode in zip(MODE_W, modes, strict=True)]
        overhead = case.overhead[:, None, :]
        rule(0.0, 0.0, (1.0, at["import_mw"]), (-1.0, at["delivered"]))
        rule(0.0, 0.0, (1.0, at["export_mw"]), (-1.0, at["sold"]))
        rule(
            0.0, 0.0, (1.0, at["import_mw"]), (-1.0, at["export_mw"]), *miners, (-1.0, at["pool"]),
            (-overhead, at["heat"]), (-1.0, at["charge_mw"]), (1.0, at["discharge_mw"]),
        )  # fmt: skip
        rule(
            0.0, 0.0, (1.0, at["short"]), (-1.0, at["long"]), (-1.0, at["delivered"]), (1.0, at["position"][:, None, :])
        )  # fmt: skip
        rule(-np.inf, case.available[:, None, :], *((1.0, mode) for mode in modes))
        nodes = case.of_plant("nodes")[:, None, None]
        rule(nodes, nodes, (1.0, at["nodes"]), (1.0, at["idle"]), (1.0, at["off"]))
        rule(-np.inf, case.market_nodes[:, None, :], (1.0, at["nodes"]))
        rule(0.0, 0.0, (1.0, at["pool"]), (-FULL_KW / 1e3, at["nodes"]), (-IDLE_KW / 1e3, at["idle"]))
        rule(
            0.0, 0.0, (1.0, at["heat"]), (-1.0, at["pool"]), *miners
        )  # fmt: skip
        rule(-np.inf, case.of_plant("heat_limit_mw")[:, None, None], (1.0, at["heat"]))
        rule(
            0.0, 0.0, (1.0, at["soc"][..., 1:]), (-1.0, at["soc"][..., :-1]), (-CHARGE_EFFICIENCY, at["charge_mw"]),
            (1.0 / DISCHARGE_EFFICIENCY, at["discharge_mw"]),
        )  # fmt: skip
        rule(-np.inf, case.of_plant("battery_mw")[:, None, None], (1.0, at["charge_mw"]), (1.0, at["discharge_mw"]))
        self._row, self._column, self._data = (
            np.concatenate([np.asarray(part).ravel() for part in parts]) for parts in zip(*entries, strict=True)
        )
        self.row_lower = np.concatenate([part.ravel() for part in row_lower])
        self.row_upper = np.concatenate([part.ravel() for part in row_upper])
        self._row_count = count

    # ------------------------------------------------------------------ money
    def _prices(self, case: Any, members: int) -> None:
        """What each column earns in a step, by line; the cost of a column is that times the probability."""
        self.earns = {
            ("mining", "running"): case.machine_value[:, :, None, :],
            ("rent", "nodes"): case.node_value[:, None, :],
            ("export", "sold"): case.real_time - EXPORT_FEE_PER_MWH,
            ("imbalance", "short"): -(case.real_time + SPREAD_PER_MWH),
            ("imbalance", "long"): case.real_time - SPREAD_PER_MWH,
            ("adder", "delivered"): -ADDER_PER_MWH,
            ("wear", "discharge_mw"): -WEAR_PER_MWH,
        }
        self.cost = np.zeros(self._column_count)
        for (_, name), price in self.earns.items():
            self._view(self.cost, name)[...] = np.asarray(price) / members
        self._view(self.cost, "position")[...] = -case.day_ahead

    def results(self, values: Floats) -> Results:
        size = self.case.size
        cells = (size.sites, size.members, size.hours)
        dispatch = {name: self._view(values, name) for name in (*PLAIN, "running")}
        dispatch["soc_mwh"] = self._view(values, "soc")[..., 1:]
        dispatch["position_mw"] = np.broadcast_to(self._view(values, "position")[:, None, :], cells)
        money: dict[str, Floats] = {}
        for (line, name), price in self.earns.items():
            amount = dispatch[name] * price
            if name == "running":
                amount = amount.sum(axis=1)
            money[line] = money[line] + amount if line in money else amount
        money["day_ahead"] = dispatch["position_mw"] * -self.case.day_ahead[:, None, :]
        return Results(dispatch, money)
