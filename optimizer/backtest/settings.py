"""What a scenario file says about its backtest: when decisions are taken, what is known by then, how it is forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from optimizer.component import StrictModel
from optimizer.horizon import step_length
from optimizer.quantities import Count

if TYPE_CHECKING:
    from optimizer.forecasting import Forecaster

Reference = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_-]*\..+$")]
"""A column of a data source, as series write it: ``market.lz_west_rt``."""
PolicyName = Literal[
    "deterministic", "ensemble", "risk_averse", "schedule", "strike_price", "always_on", "perfect_foresight"
]


class ColumnsForecast(StrictModel):
    """A way to forecast columns that go by themselves."""

    columns: Annotated[tuple[Reference, ...], Field(min_length=1)]
    """Columns that are forecast so."""
    spread: bool = False
    """Whether members repeat the errors that this made on past days; else all are alike."""
    look_back_days: Count = 90
    """Days of which the errors are taken."""

    def targets(self) -> tuple[str, ...]:
        """Columns that are forecast for their own sake."""
        return self.columns

    def leading(self) -> tuple[str, ...]:
        """Columns that those follow; they are forecast too."""
        return ()


class LedForecast(StrictModel):
    """A way to forecast columns some of which follow others that are known ahead."""

    leaders: dict[Reference, Reference] = {}  # noqa: RUF012
    """What each column follows: ``{market.lz_west_rt: market.lz_west_da}``; leaders are forecast too."""
    others: tuple[Reference, ...] = ()
    """Columns without a leader, forecast together with those."""
    limits: dict[Reference, tuple[float, float]] = {}  # noqa: RUF012
    """Least and largest value by column (price cap and floor)."""

    @model_validator(mode="after")
    def _has_columns(self) -> Self:
        if not self.targets():
            raise ValueError("forecasts no column; give leaders or others")
        return self

    def targets(self) -> tuple[str, ...]:
        """Columns that are forecast for their own sake."""
        return (*self.leaders, *self.others)

    def leading(self) -> tuple[str, ...]:
        """Columns that those follow; they are forecast too."""
        return tuple(self.leaders.values())


class PersistenceForecast(ColumnsForecast):
    """Every step is like the last value known."""

    kind: Literal["persistence"] = "persistence"

    def forecaster(self) -> Forecaster:
        """The forecaster of the library that it stands for."""
        from optimizer.forecasting import Persistence

        return Persistence(self.columns, self.look_back_days, self.spread)


class SeasonalForecast(ColumnsForecast):
    """Every step is like the same time of the last day, or week, that is known."""

    kind: Literal["seasonal_naive"] = "seasonal_naive"
    period: Literal["day", "week"] = "day"
    """After how long it repeats itself."""

    def forecaster(self) -> Forecaster:
        """The forecaster of the library that it stands for."""
        from optimizer.forecasting import SeasonalNaive

        return SeasonalNaive(self.columns, self.period, self.look_back_days, self.spread)


class BootstrapForecast(LedForecast):
    """Followers of a leader known ahead (real-time of day-ahead prices) with the errors of past days, in blocks."""

    kind: Literal["residual_bootstrap"] = "residual_bootstrap"
    look_back_days: Count = 365
    """Days from which errors are drawn, or as many as the history has."""

    def forecaster(self) -> Forecaster:
        """The forecaster of the library that it stands for."""
        from optimizer.forecasting import ResidualBootstrap

        return ResidualBootstrap(self.leaders, self.others, self.look_back_days, limits=self.limits)


class AutoregressiveForecast(LedForecast):
    """A regression on past values, and on a leader known ahead, fitted anew at each decision."""

    kind: Literal["autoregression"] = "autoregression"
    look_back_days: Count = 120
    """Days to which it is fitted."""

    def forecaster(self) -> Forecaster:
        """The forecaster of the library that it stands for."""
        from optimizer.forecasting import Autoregression

        return Autoregression(self.leaders, self.others, self.look_back_days, limits=self.limits)


ForecastRule = Annotated[
    PersistenceForecast | SeasonalForecast | BootstrapForecast | AutoregressiveForecast, Field(discriminator="kind")
]


class BacktestSettings(StrictModel):
    """How decisions of the past are taken again, with what was known then."""

    every: Annotated[str, Field(strict=True)] = "1d"
    """Time between decisions: ``1h``, ``6h``, or ``1d`` for every local midnight. Each plans as many steps as the
    scenario's horizon has, and is carried out until the next."""
    published: dict[Reference, str] = {}  # noqa: RUF012
    """When values become known, by column: ``at the end`` (of their interval, the default), ``day before 13:00``,
    ``day after 00:00 UTC``, ``always``."""
    forecasts: tuple[ForecastRule, ...] = ()
    """How columns are forecast; members of the first rules are drawn first, and later ones go with them. A column
    without a rule is taken to be like the same time of the last day known."""
    members: Count = 20
    """Members that are forecast for the policies that plan with several, and whose mean the others take."""
    reduce_to: Count | None = None
    """Members to which they are reduced before the plan is made, and when what can be set now is set again."""
    recourse: bool = True
    """Whether what can be set in the step itself (miners, batteries, generators) is set again when its prices are
    seen; by the policies that optimise."""
    reissue: bool = True
    """Whether the steps to come are forecast anew in each step of recourse, from what is known by its end; else the
    forecast of the decision stays."""
    positions: Literal["hedge", "optimize"] = "hedge"
    """What is bought day ahead: ``hedge`` buys what is expected to be used; ``optimize`` takes the optimiser's
    position, which is a bet on the difference between two prices, as large as its bounds let it be."""
    strike_on_fraction: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.95
    """Of the policy ``strike_price``: machines that stopped above their break-even start again below this part of
    it."""
    whole_time_limit_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3600.0
    """Longest time for a problem over the whole time: the plan of ``perfect_foresight``, and a policy's settlement. The
    scenario's own ``solver.time_limit_s`` is one of a window, and counts for them where it is longer."""
    policies: tuple[PolicyName, ...] = ("deterministic", "ensemble", "schedule", "strike_price", "always_on")
    """Policies that are compared; ``always_on`` and ``perfect_foresight`` are the ends of the scale."""

    @field_validator("every")
    @classmethod
    def _is_a_length(cls, text: str) -> str:
        step_length(text)
        return text
