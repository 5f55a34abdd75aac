"""The meter's table of a plan: all from which its contracts can be billed again, as :func:`optimizer.bill` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.audit import AuditView, Findings
from optimizer.contract import Contract
from optimizer.metered_load import METERED, TIME
from optimizer.parts import place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.plan import Plan


def meter_table(plan: Plan) -> pd.DataFrame:
    """Import and export of the sites and the schedules of the contracts, MW: a row per member and step."""
    dispatch, times = plan.dispatch, plan.scenario.horizon.utc
    members = plan.scenario.members
    powers: dict[str, NDArray[np.float64]] = {
        f"{site}.{variable}": dispatch[variable].sel(site=site).to_numpy()
        for site in dispatch["site"].to_numpy()
        for variable in METERED
    }
    parts, _ = place(plan.scenario)
    for label, part in parts.components.items():
        if isinstance(part.component, Contract):
            view = AuditView(part.frame, dispatch, Findings())
            powers |= {f"{label}.{variable}": view.reported(variable) for variable in part.component.schedules}
    table = pd.DataFrame({name: power.ravel() for name, power in powers.items()})
    table.insert(0, TIME, times[np.tile(np.arange(len(times)), members)])
    if members > 1:
        table.insert(1, "member", np.repeat(np.arange(members), len(times)))
    return table
