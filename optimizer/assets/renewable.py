"""A renewable plant behind the meter: solar, wind or hydro power that the site uses or leaves.

``available_t`` MW could be produced in step ``t``; the plan uses ``u_t`` of it and curtails the rest::

    available_t = capacity * profile_t        (or output_t, where it is given in MW)
    0 <= u_t <= available_t
    energy  = - sum_t price_t * u_t * step_h                     (pay_for: used)
    energy  = - sum_t price_t * available_t * step_h             (pay_for: available; sunk, no decision changes it)

Used power lowers the import of the site, or is sold where an export contract takes it. Curtailing costs nothing beyond
what is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Asset, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Megawatts, Series, SeriesOf
from optimizer.template import Var


class Renewable(Asset):
    """Solar, wind or hydro power behind the meter."""

    deeds: ClassVar[tuple[str, str, str]] = ("draws", "gives nothing", "gives")
    holds: ClassVar[dict[str, Holds]] = {
        "used_mw": Holds(Code.AVAILABILITY, "wind or sun give {limit} MW", unit="MW", field="capacity_mw"),
    }

    expandable: ClassVar[dict[str, Expandable]] = {
        "capacity_mw": Expandable("installed power", "MW", is_investment=True),
    }
    gives_way: ClassVar[tuple[str, ...]] = ("capacity_mw", "output_mw", "profile")

    kind: Literal["renewable"] = "renewable"
    technology: Literal["solar", "wind", "hydro", "other"] = "other"
    """What produces it; a label for results."""
    capacity_mw: Megawatts | None = None
    """Installed power; with ``profile``."""
    profile: Annotated[Series, SeriesOf("1", ge=0, le=1)] | None = None
    """Share of the capacity that can be produced; may differ by member."""
    output_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Power that can be produced, instead of ``capacity_mw`` and ``profile``."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Price of a purchase agreement behind the meter, or cost of operation."""
    pay_for: Literal["used", "available"] = "used"
    """Whether the price is paid for what is used, or for all that could be produced (a take-or-pay agreement)."""

    @model_validator(mode="after")
    def _one_description(self) -> Self:
        by_profile = (self.capacity_mw is not None, self.profile is not None)
        if (self.output_mw is not None) == any(by_profile) or by_profile[0] != by_profile[1]:
            raise ValueError("give either output_mw, or both capacity_mw and profile")
        return self

    def available_mw(self, f: Frame | AuditView) -> Floats:
        """Power that can be produced, MW, (members, steps)."""
        if self.output_mw is not None:
            return f.values(self.output_mw)
        assert self.capacity_mw is not None
        assert self.profile is not None
        return np.asarray(self.capacity_mw * f.values(self.profile))

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        available = self.available_mw(f)
        field = "profile" if self.output_mw is None else "output_mw"
        if not (available > 0).any():
            yield Finding(field, "nothing is produced in the whole horizon", fatal=False)
        if self.technology == "solar":
            local = f.horizon.local.hour.to_numpy()
            night = available[:, (local >= 23) | (local < 3)]
            if f.step_h <= 1 and night.size and (night > 0.01 * available.max()).any():
                yield Finding(
                    field,
                    "the sun shines at midnight local time",
                    hint="are the data in another time zone? UTC stamps end in Z, or `timezone` of the source says it",
                    fatal=False,
                )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.available_mw = f.series_param(self.available_mw(f))
        b.price = f.series_param(self.price_per_mwh)
        b.used_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.available_mw[w, t])
        )

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return -b.used_mw[w, t]

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if self.pay_for == "available":
            return {
                "renewable_energy": f.by_step(
                    lambda b, w, t: -b.price[w, t] * b.available_mw[w, t] * f.step_h + 0.0 * b.used_mw[w, t]
                )
            }
        return {"renewable_energy": f.by_step(lambda b, w, t: -b.price[w, t] * b.used_mw[w, t] * f.step_h)}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "used_mw": f.by_time(lambda b, w, t: b.used_mw[w, t], "MW", "renewable power used"),
            "curtailed_mw": f.by_time(
                lambda b, w, t: b.available_mw[w, t] - b.used_mw[w, t], "MW", "renewable power curtailed"
            ),
        }

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (
            Chart("On-site energy", ("used_mw",), "MW", "use and curtailment", rest=("curtailed_mw",), stacked=True),
        )

    def audit(self, a: AuditView) -> None:
        used, available = a["used_mw"], self.available_mw(a)
        a.at_least("renewable power used is not negative", used, 0.0)
        a.at_most("renewable power used within what can be produced", used, available)
        a.equal("what is not used is curtailed", a["curtailed_mw"], available - used)
        a.equal("power is fed in", a["power_mw"], -used)
        paid = a.energy_mwh(used if self.pay_for == "used" else available)
        a.money("renewable_energy", -a.values(self.price_per_mwh) * paid)

    def summary(self, a: AuditView) -> dict[str, float]:
        available = float(a.probabilities @ self.available_mw(a).sum(axis=1))
        curtailed = float(a.probabilities @ a["curtailed_mw"].sum(axis=1))
        return {"curtailed_fraction": curtailed / available} if available > 0 else {}
