"""The reasons of a whole plan, kept as arrays, with their sentences made when asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.explanation.reason import CODES, Code, Limit, Reason
from optimizer.explanation.wording import Told, sentence

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
FORMAT = 1
"""Version of the file of an explanation."""
NONE = -1
"""In ``limit`` and ``also``: no limit; in ``limit_step``: a limit of no single step."""
PER_COMPONENT = (
    "codes",
    "limit",
    "also",
    "limit_step",
    "margin_per_mwh",
    "value",
    "power_mw",
    "cost_per_mwh",
    "figure",
)


@dataclass(frozen=True)
class ComponentReasons:
    """Reasons of one component (or site), by member and step; all arrays are (members, steps)."""

    codes: NDArray[np.int8]
    """Places in :data:`optimizer.explanation.reason.CODES`."""
    margin_per_mwh: Floats
    limit: NDArray[np.int32]
    """Place in :attr:`Explanation.limits`, or -1."""
    value: Floats
    """What one unit more of the limit earns."""
    power_mw: Floats
    cost_per_mwh: Floats
    """What a MWh costs it: power, heat, nodes, and whatever else it takes of others (what it replaces, for
    supplies)."""
    figure: Floats
    """Number that the limit's words tell; NaN without."""
    limit_step: NDArray[np.int32]
    """Step of the limit, where it is another than the one explained; else -1."""
    also: NDArray[np.int32]
    """A further limit that carries value, or -1."""
    place: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)
    """Row of the matrix that the limit is (or number of rows plus column, of a bound), -1 without; None in an
    explanation that was read from a file."""
    decision: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)
    """Column of the whole decision that stands between the limit and what is explained, -1 without."""


@dataclass(frozen=True)
class Explanation:
    """Why each component does what it does, by member and step."""

    scenario: Scenario = field(repr=False)
    reasons: dict[str, ComponentReasons] = field(repr=False)
    """By the component's label, and by ``site NAME`` for the connections to the grid."""
    limits: list[Limit]
    power_price: dict[str, Floats] = field(repr=False)
    """Marginal value of one MWh at the site's bus, by site, (members, steps)."""
    deeds: dict[str, tuple[str, str, str]] = field(repr=False)
    """Words for drawing, resting and feeding in, by label."""

    def at(self, component: str, time: Any, member: int = 0) -> Reason:
        """The reason of a component at a time (its step's number, or any time within it, local where it has no zone).

        Raises InputError, naming what is allowed, for a component, a time or a member that the plan does not have.
        """
        from optimizer.explanation.asking import checked

        label, step, member = checked(self, component, time, member)
        return self.of_step(label, step, member)

    def of_step(self, label: str, step: int, member: int = 0) -> Reason:
        """The reason of a component (or ``site NAME``) in a step by its number. Raises KeyError and IndexError."""
        found = self.reasons[label]
        number = int(found.limit[member, step])
        limit = None if number == NONE else self.limits[number]
        other = int(found.also[member, step])
        other_step = int(found.limit_step[member, step])
        code = CODES[int(found.codes[member, step])]
        margin, value = float(found.margin_per_mwh[member, step]), float(found.value[member, step])
        power = float(found.power_mw[member, step])
        told = Told(
            code=code,
            power_mw=power,
            deeds=self.deeds[label],
            margin_per_mwh=margin,
            cost_per_mwh=float(found.cost_per_mwh[member, step]),
            limit=limit,
            value_per_unit=value,
            figure=float(found.figure[member, step]),
            limit_time=None if other_step in (NONE, step) else self.scenario.horizon.local[other_step],
            currency=self.scenario.currency,
        )
        return Reason(
            component=label,
            time=self.scenario.horizon.local[step],
            member=member,
            power_mw=power,
            code=code,
            text=sentence(told),
            margin_per_mwh=margin,
            limit=limit,
            value_per_unit=value,
            also=() if other == NONE else (self.limits[other],),
        )

    def table(self, member: int = 0) -> pd.DataFrame:
        """Tidy: a row per component and step with time_local, power_mw, code, text, margin_per_mwh, where, rule and
        value_per_unit."""
        rows = []
        for label, found in self.reasons.items():
            for step in range(found.codes.shape[1]):
                reason = self.of_step(label, step, member)
                limit = reason.limit
                rows.append(
                    (
                        label,
                        reason.time,
                        reason.power_mw,
                        str(reason.code),
                        reason.text,
                        reason.margin_per_mwh,
                        "" if limit is None else limit.where,
                        "" if limit is None else limit.rule,
                        reason.value_per_unit,
                    )
                )
        names = [
            "component",
            "time_local",
            "power_mw",
            "code",
            "text",
            "margin_per_mwh",
            "where",
            "rule",
            "value_per_unit",
        ]
        return pd.DataFrame(rows, columns=names)

    # ------------------------------------------------------------------ the file in the results folder
    def dataset(self) -> xr.Dataset:
        """All of it as arrays with the dimensions component, member and time; limits and codes are told in
        attributes."""
        import xarray as xr

        labels = list(self.reasons)
        dims = ("component", "member", "time")
        variables: dict[str, Any] = {
            name: (dims, np.stack([getattr(found, name) for found in self.reasons.values()])) for name in PER_COMPONENT
        }
        variables["power_price"] = (("site", "member", "time"), np.stack(list(self.power_price.values())))
        horizon = self.scenario.horizon
        return xr.Dataset(
            variables,
            {
                "component": labels,
                "site": list(self.power_price),
                "member": np.arange(self.scenario.members),
                "time": horizon.utc.tz_localize(None),
            },
            {
                "format": FORMAT,
                "codes": json.dumps([str(code) for code in CODES]),
                "limits": json.dumps([asdict(limit) for limit in self.limits]),
                "deeds": json.dumps(self.deeds),
            },
        )

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset, scenario: Scenario) -> Explanation:
        """The explanation that :meth:`dataset` has written. Raises ValueError for another format."""
        if dataset.attrs.get("format") != FORMAT:
            raise ValueError(f"format {dataset.attrs.get('format')} of the explanation; this version reads {FORMAT}")
        of_file = [Code(code).number for code in json.loads(dataset.attrs["codes"])]
        arrays = {name: dataset[name].to_numpy() for name in PER_COMPONENT}
        arrays["codes"] = np.asarray(of_file, np.int8)[arrays["codes"]]
        labels = [str(label) for label in dataset["component"].to_numpy()]
        return cls(
            scenario,
            {label: ComponentReasons(**{n: a[place] for n, a in arrays.items()}) for place, label in enumerate(labels)},
            [Limit(**(one | {"code": Code(one["code"])})) for one in json.loads(dataset.attrs["limits"])],
            {
                str(site): dataset["power_price"].to_numpy()[place]
                for place, site in enumerate(dataset["site"].to_numpy())
            },
            {label: (one[0], one[1], one[2]) for label, one in json.loads(dataset.attrs["deeds"]).items()},
        )
