"""The scenario: one frozen, checked object that says all a plan depends on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator, model_validator

from optimizer.backtest.settings import BacktestSettings
from optimizer.carry import Carry
from optimizer.component import StrictModel
from optimizer.discovery import AnyContract, AnyWorkload
from optimizer.errors import Problem
from optimizer.horizon import Horizon
from optimizer.quantities import Count, Fraction
from optimizer.series import DataSource
from optimizer.site import Site
from optimizer.stability.settings import PreviousPlan

FORMAT = 1
"""Version of the scenario file's format."""
PROBABILITY_TOLERANCE = 1e-6
"""How far given probabilities may be from adding up to 1 (they are then scaled to do so exactly)."""
LARGEST_RISK_WEIGHT = 0.9999
"""Some weight of the expected profit is left, so that the better members are planned for profit too."""


class Ensemble(StrictModel):
    """Members of the forecast and how likely each is."""

    members: Annotated[Count, Field(le=10_000)] = 1
    """Number of members; any series may then differ by member."""
    probabilities: Literal["equal"] | tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = "equal"
    """``equal``, or one probability per member; they add up to 1."""

    @model_validator(mode="after")
    def _probabilities_fit(self) -> Self:
        if self.probabilities == "equal":
            return self
        if len(self.probabilities) != self.members:
            raise ValueError(f"{len(self.probabilities)} probabilities for {self.members} members")
        total = float(sum(self.probabilities))
        if abs(total - 1.0) > PROBABILITY_TOLERANCE:
            raise ValueError(f"probabilities add up to {total:.9g}; must be 1")
        return self

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Probability of each member, adding up to 1 exactly as far as floating point goes."""
        if self.probabilities == "equal":
            return np.full(self.members, 1.0 / self.members)
        given = np.asarray(self.probabilities, dtype=float)
        return np.asarray(given / given.sum())


class Risk(StrictModel):
    """How much the bad members count beyond their probability."""

    cvar_alpha: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.95
    """CVaR is the mean profit of the worst ``1 - cvar_alpha`` of the outcomes."""
    measure: Literal["cvar", "worst"] = "cvar"
    """``worst``: the profit of the worst member takes the place of CVaR, whatever ``cvar_alpha`` says."""
    weight: Fraction = 0.0
    """Objective = (1 - weight) * expected profit + weight * CVaR (or the worst member's); 0 is risk-neutral."""

    @property
    def beta(self) -> float:
        """The weight in force: at 1 exactly, any plan of the members outside the worst would do."""
        return min(self.weight, LARGEST_RISK_WEIGHT)

    @property
    def label(self) -> str:
        """The measure in tables and pictures."""
        return f"CVaR {self.cvar_alpha:g}" if self.measure == "cvar" else "worst member"


class SolverOptions(StrictModel):
    """How HiGHS is run."""

    mip_rel_gap: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1e-3
    """Stop when the plan is proven to be within this fraction of the optimum."""
    time_limit_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0
    """Stop after this many seconds with the best plan found and its proven gap."""
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Threads that HiGHS may use; windows of long horizons are solved side by side in as many."""
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    """Random seed of HiGHS: the same seed gives the same plan."""
    lp_algorithm: Literal["auto", "simplex", "ipm", "pdlp"] = "auto"
    """How linear programs are solved: dual simplex, interior points with crossover, or PDLP whose result is polished;
    ``auto`` is the one that was measured to be the fastest: dual simplex."""
    rounding: bool = True
    """Round the linear relaxation before branch and bound, which is left out where that proves the plan."""
    cuts: bool = True
    """Add rows to the relaxation that follow from its dearest fractions, where rounding alone may miss the gap."""
    portfolio: Annotated[int, Field(ge=1, le=16)] = 1
    """Searches of branch and bound side by side, each with other settings and one thread; the first that is through
    ends all. Plans within the gap may then differ from run to run."""
    start_plan: Literal["auto"] | Annotated[bool, Field(strict=True)] = "auto"
    """Make a plan window by window, for scenarios with thousands of whole decisions, such as many jobs or a long
    horizon; ``auto`` does so from 5000 on. Windows are cut off by time, so the plan may differ between machines."""


class Scenario(StrictModel):
    """Root of a scenario file. Made by :func:`optimizer.load` or :func:`optimizer.scenario_from_dict`."""

    format: Literal[1]
    """Version of the format of this file: 1."""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    """Title of the plan."""
    currency: Annotated[str, Field(min_length=1, max_length=12)] = "USD"
    """Label of the money in which all prices are."""
    horizon: Horizon
    """Steps to plan, in local time."""
    data: dict[str, DataSource] = {}  # noqa: RUF012
    """Time series files by name; a series refers to a column as ``name.column``."""
    ensemble: Ensemble = Ensemble()
    """Members of the forecast; one by default (a deterministic plan)."""
    sites: Annotated[tuple[Site, ...], Field(min_length=1)]
    """Campuses, each behind a grid connection of its own."""
    contracts: tuple[AnyContract, ...] = ()
    """Contracts that span sites; ``sites`` of each says which, by default all."""
    workloads: tuple[AnyWorkload, ...] = ()
    """Work shared by sites; pools are written ``site.pool``."""
    backtest: BacktestSettings | None = None
    """How decisions of the past are taken again (``optimizer backtest``)."""
    carry: Carry | None = None
    """States in which the run before this one left the components (its ``carry.yaml``)."""
    previous_plan: PreviousPlan | None = None
    """The plan before this one, what a change of it costs and how far it may go."""
    risk: Risk = Risk()
    """Weight of the bad members."""
    solver: SolverOptions = SolverOptions()
    """Gap, time limit and threads of the solver."""

    _warnings: tuple[Problem, ...] = PrivateAttr(default=())
    _file: Path | None = PrivateAttr(default=None)
    _folder: Path = PrivateAttr(default=Path())
    _read_s: float = PrivateAttr(default=0.0)

    @field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if type(value) is not int or value != FORMAT:
            raise ValueError(f"found {value!r}; this version reads format {FORMAT}")
        return value

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed but probably not meant."""
        return self._warnings

    @property
    def members(self) -> int:
        """Members of the ensemble."""
        return self.ensemble.members

    @property
    def tail_share(self) -> float:
        """Share of the outcomes, the worst ones, whose mean the risk looks at; of the worst member alone, any share up
        to its probability. Members that never happen (probability 0) are not among the outcomes."""
        if self.risk.measure == "cvar":
            return 1.0 - self.risk.cvar_alpha
        weights = self.ensemble.weights
        return float(weights[weights > 0.0].min())

    def __repr__(self) -> str:
        steps = f"{self.horizon.steps:,} steps of {self.horizon.step}"
        members = f", {self.members:,} members" if self.members > 1 else ""
        sites = ", ".join(site.name for site in self.sites)
        return f"<Scenario {self.name!r}: {steps} from {self.horizon.start}{members}; {sites}>"

    def _repr_html_(self) -> str:
        from optimizer.notebook import scenario_html

        return scenario_html(self)
