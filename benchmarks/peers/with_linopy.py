"""linopy: labelled variables over xarray dimensions, whole arrays at once, its direct hand-over without names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import linopy
import numpy as np
import pandas as pd
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
    WEAR_PER_MWH,
    read,
)

from peers.road import Floats, Results


class WithLinopy:
    """linopy with the HiGHS interface of its own."""

    def read(self, folder: Path) -> None:
        self.case = read(folder)

    def build(self) -> None:
        case, size = self.case, self.case.size
        m = self.model = linopy.Model()
        s, w, t = (
            pd.RangeIndex(n, name=name) for n, name in ((size.sites, "s"), (size.members, "w"), (size.hours, "t"))
        )
        modes, states = pd.RangeIndex(len(MODE_W), name="k"), pd.RangeIndex(-1, size.hours, name="t")

        def of_site(name: str) -> xr.DataArray:
            return xr.DataArray(case.of_plant(name), dims=["s"])

        def hourly(values: Floats) -> xr.DataArray:
            return xr.DataArray(values, dims=["s", "t"], coords={"s": s, "t": t})

        def plain(name: str, most: Any = np.inf) -> Any:
            return m.add_variables(lower=0, upper=most, coords=[s, w, t], name=name)

        available = hourly(case.available)
        self.variables = v = {
            "import_mw": plain("import_mw", of_site("import_limit_mw")),
            "export_mw": plain("export_mw", of_site("export_limit_mw")),
            "sold": plain("sold", of_site("export_limit_mw")),
            "charge_mw": plain("charge_mw", of_site("battery_mw")),
            "discharge_mw": plain("discharge_mw", of_site("battery_mw")),
            "pool": plain("pool", of_site("nodes") * (FULL_KW / 1e3)),
            **{name: plain(name) for name in ("delivered", "short", "long", "heat")},
            **{name: plain(name, of_site("nodes")) for name in ("nodes", "idle", "off")},
            "running": m.add_variables(lower=0, upper=available, coords=[s, modes, w, t], name="running"),
            "position": m.add_variables(lower=0, upper=of_site("import_limit_mw"), coords=[s, t], name="position"),
        }
        half = case.of_plant("battery_mwh")[:, None] / 2.0
        least, most = np.zeros((size.sites, size.hours + 1)), np.repeat(2.0 * half, size.hours + 1, axis=1)
        least[:, [0, -1]], most[:, [0]] = half, half
        level = {"dims": ["s", "t"], "coords": {"s": s, "t": states}}
        v["soc"] = m.add_variables(
            lower=xr.DataArray(least, **level), upper=xr.DataArray(most, **level), coords=[s, w, states], name="soc"
        )
        mode_mw = xr.DataArray(case.mode_mw, dims=["k"], coords={"k": modes})
        miners = (v["running"] * mode_mw).sum("k")
        m.add_constraints(v["import_mw"] - v["delivered"] == 0)
        m.add_constraints(v["export_mw"] - v["sold"] == 0)
        overhead = hourly(case.overhead)
        m.add_constraints(
            v["import_mw"]
            - v["export_mw"]
            - miners
            - v["pool"]
            - overhead * v["heat"]
            - v["charge_mw"]
            + v["discharge_mw"]
            == 0
        )
        m.add_constraints(v["short"] - v["long"] - v["delivered"] + v["position"] == 0)
        m.add_constraints(v["running"].sum("k") <= available)
        m.add_constraints(v["nodes"] + v["idle"] + v["off"] == of_site("nodes"))
        m.add_constraints(1.0 * v["nodes"] <= hourly(case.market_nodes))
        m.add_constraints(v["pool"] - FULL_KW / 1e3 * v["nodes"] - IDLE_KW / 1e3 * v["idle"] == 0)
        m.add_constraints(v["heat"] - miners - v["pool"] == 0)
        m.add_constraints(1.0 * v["heat"] <= of_site("heat_limit_mw"))
        after = v["soc"].isel(t=slice(1, None))
        before = v["soc"].isel(t=slice(None, -1)).assign_coords(t=t)
        m.add_constraints(
            after - before - CHARGE_EFFICIENCY * v["charge_mw"] + (1.0 / DISCHARGE_EFFICIENCY) * v["discharge_mw"] == 0
        )
        m.add_constraints(v["charge_mw"] + v["discharge_mw"] <= of_site("battery_mw"))
        self._objective(s, w, t, modes)

    def _objective(self, s: Any, w: Any, t: Any, modes: Any) -> None:
        case, v, p = self.case, self.variables, self.case.probability

        def labelled(values: Floats, **labels: Any) -> xr.DataArray:
            return xr.DataArray(values, dims=list(labels), coords=labels)

        price = labelled(case.real_time, s=s, w=w, t=t)
        lines = [
            labelled(case.machine_value * p, s=s, k=modes, t=t) * v["running"],
            labelled(case.node_value * p, s=s, t=t) * v["nodes"],
            (price - EXPORT_FEE_PER_MWH) * p * v["sold"],
            (price + SPREAD_PER_MWH) * -p * v["short"],
            (price - SPREAD_PER_MWH) * p * v["long"],
            -ADDER_PER_MWH * p * v["delivered"],
            -WEAR_PER_MWH * p * v["discharge_mw"],
            labelled(-case.day_ahead, s=s, t=t) * v["position"],
        ]
        self.model.add_objective(linopy.expressions.merge([line.sum() for line in lines]), sense="max")

    def hand_over(self) -> Any:
        return linopy.io.to_highspy(self.model, set_names=False)

    def results(self, values: Floats) -> Results:
        """As linopy's own ``assign_result`` does: each variable takes its range of the columns."""
        case, size = self.case, self.case.size
        cells = (size.sites, size.members, size.hours)
        self.model.status, self.model.termination_condition = "ok", "optimal"
        for variable in self.variables.values():
            start, end = variable.range
            part = values[start:end].reshape(variable.shape)
            variable.solution = xr.DataArray(part, variable.coords, dims=variable.dims)
        found = {name: variable.solution.to_numpy() for name, variable in self.variables.items()}
        dispatch = {n: found[n] for n in ("import_mw", "export_mw", "nodes", "charge_mw", "discharge_mw", "running")}
        dispatch["soc_mwh"] = found["soc"][..., 1:]
        dispatch["position_mw"] = np.broadcast_to(found["position"][:, None, :], cells)
        money = {
            "mining": (found["running"] * case.machine_value[:, :, None, :]).sum(axis=1),
            "rent": found["nodes"] * case.node_value[:, None, :],
            "export": found["sold"] * (case.real_time - EXPORT_FEE_PER_MWH),
            "imbalance": found["long"] * (case.real_time - SPREAD_PER_MWH)
            - found["short"] * (case.real_time + SPREAD_PER_MWH),
            "adder": found["delivered"] * -ADDER_PER_MWH,
            "wear": found["discharge_mw"] * -WEAR_PER_MWH,
            "day_ahead": dispatch["position_mw"] * -case.day_ahead[:, None, :],
        }
        return Results(dispatch, money)
