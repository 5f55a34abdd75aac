"""Values of the next units of a scenario's numbers, as they are told: tables, ranking, hours, and who would use them.

What the figures mean stands in :mod:`optimizer.explanation.next_megawatt`, which works them out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.explanation.levers import Lever
from optimizer.explanation.local_value import is_interval
from optimizer.explanation.resolved import Difference
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
HOURS_PER_YEAR = 8760.0
LOCAL = "local, whole decisions as planned"
REOPTIMISED = "re-optimised"
SHOWN_MW = 1e-4
"""Smaller differences of power are rounding."""


@dataclass(frozen=True)
class Worth:
    """What more of one number is worth; all money per unit of it, over the horizon."""

    lever: Lever
    more: float
    """Local: a little more earns this; NaN where there is no local value (a deadline moves in whole steps)."""
    less: float
    """Local: a little less costs this; infinite where the whole decisions as planned leave no plan with less."""
    by_step: Floats
    """Of ``more``, what the hours contribute, (steps,)."""
    step_more: Difference | None = None
    """Re-optimised: what a step more earns; None where that was not asked for."""
    step_less: Difference | None = None
    """Re-optimised: what a step less costs."""

    @property
    def is_degenerate(self) -> bool:
        """Whether a little more and a little less are worth something else, so that the value is an interval."""
        return is_interval(self.more, self.less)

    @property
    def rest(self) -> float:
        """Of ``more``, what belongs to no single step."""
        return self.more - float(self.by_step.sum())

    @property
    def best(self) -> float:
        """The re-optimised value of a step more, per unit, or else the local one."""
        if self.step_more is not None and math.isfinite(self.step_more.value):
            return self.step_more.value / self.lever.what.step
        return self.more


@dataclass(frozen=True)
class Users:
    """Who would use one step more of a number: change of power by component, MW, (steps,), expected."""

    lever: Lever
    how: str
    """:data:`LOCAL` or :data:`REOPTIMISED`."""
    power_mw: dict[str, Floats]


@dataclass(frozen=True)
class NextMegawatt:
    """Values of the next units of a scenario's numbers; see the module for what they mean."""

    scenario: Scenario
    objective: float
    bound: float
    worths: tuple[Worth, ...]
    users: tuple[Users, ...]
    refused: dict[str, str] = field(default_factory=dict)
    """Paths that could not be moved, and why."""

    @property
    def per_year(self) -> float:
        """By how much values of the horizon are multiplied to stand for a year of 8760 h."""
        return HOURS_PER_YEAR / (self.scenario.horizon.steps * self.scenario.horizon.step_h)

    @property
    def table(self) -> pd.DataFrame:
        """One row per number: local values, re-optimised ones with their intervals, all per unit over the horizon."""
        import pandas as pd

        rows = []
        for worth in self.worths:
            what, step = worth.lever.what, worth.lever.what.step
            row: dict[str, Any] = {
                "path": worth.lever.path,
                "component": worth.lever.label,
                "what": what.words,
                "unit": what.unit,
                "local_more": worth.more,
                "local_less": worth.less,
                "step": step,
            }
            for name, found in (("more", worth.step_more), ("less", worth.step_less)):
                value, low, high = (np.nan,) * 3 if found is None else (found.value, found.low, found.high)
                row |= {f"step_{name}": value, f"step_{name}_low": low, f"step_{name}_high": high}
            rows.append(row | {"per_unit_year": worth.best * self.per_year, "is_investment": what.is_investment})
        return pd.DataFrame(rows)

    @property
    def ranking(self) -> pd.DataFrame:
        """What is built or bought, the most valuable step of a year first (values of the horizon, scaled to 8760 h)."""
        table = self.table
        if table.empty:
            return table
        table = table[table["is_investment"]]
        table = table.assign(step_year=table["per_unit_year"] * table["step"])
        columns = ["path", "component", "what", "step", "unit", "step_year", "per_unit_year"]
        return table[columns].sort_values("step_year", ascending=False, kind="stable", ignore_index=True)

    @property
    def by_hour(self) -> pd.DataFrame:
        """Local value of a little more by hour, per unit: a column per path over the local time."""
        import pandas as pd

        columns = {w.lever.path: w.by_step for w in self.worths if not math.isnan(w.more)}
        return pd.DataFrame(columns, index=self.scenario.horizon.local.rename("time_local"))

    @property
    def stack(self) -> pd.DataFrame:
        """Who would use a step more: tidy, ``path, how, time_local, component, power_mw``."""
        import pandas as pd

        times = self.scenario.horizon.local
        frames = [
            pd.DataFrame(
                {
                    "path": users.lever.path,
                    "how": users.how,
                    "time_local": times,
                    "component": label,
                    "power_mw": power,
                }
            )
            for users in self.users
            for label, power in users.power_mw.items()
            if np.abs(power).max() > SHOWN_MW
        ]
        columns = ["path", "how", "time_local", "component", "power_mw"]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; figures that are not finite are None."""
        rows = self.table.to_dict("records")
        return {
            "objective": self.objective,
            "bound": self.bound if math.isfinite(self.bound) else None,
            "horizons_per_year": self.per_year,
            "values": [{str(key): plain(value) for key, value in row.items()} for row in rows],
            "refused": dict(self.refused),
        }


def plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
