"""Hours of the calendar in which a tariff's charge applies: by month, weekday and hour of the local clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, field_validator, model_validator

from optimizer.component import Finding, StrictModel
from optimizer.horizon import Horizon, stamp_text

Month = Annotated[int, Field(strict=True, ge=1, le=12)]
Hour = Annotated[float, Field(strict=True, ge=0, le=24, allow_inf_nan=False)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Day = Annotated[str, BeforeValidator(stamp_text), Field(strict=True, pattern=r"^\d{4}-\d\d-\d\d$")]
_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS: dict[str, tuple[Weekday, ...]] = {"workdays": _DAYS[:5], "weekend": _DAYS[5:]}


class Window(StrictModel):
    """Hours of the local clock; what is not given is not restricted."""

    months: Annotated[tuple[Month, ...], Field(min_length=1)] | None = None
    """Calendar months, 1 to 12."""
    weekdays: Literal["workdays", "weekend"] | Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    """``workdays`` (Monday to Friday), ``weekend``, or a list such as ``[mon, tue]``."""
    hours: tuple[tuple[Hour, Hour], ...] | None = None
    """``[13, 19]`` = from 13:00 to 19:00; ``[22, 6]`` runs over midnight; several as ``[[6, 10], [17, 21]]``."""
    holidays: tuple[Day, ...] = ()
    """Dates that count as Sundays, whatever their weekday."""

    @field_validator("hours", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and value and not isinstance(value[0], list | tuple):
            return [list(value)]
        return value

    @model_validator(mode="after")
    def _has_hours(self) -> Self:
        for start, end in self.hours or ():
            if start == end:
                raise ValueError(f"hours: [{start:g}, {end:g}] holds no hour; the whole day is [0, 24]")
        for day in self.holidays:
            date.fromisoformat(day)
        return self

    def mask(self, horizon: Horizon) -> NDArray[np.bool_]:
        """Steps that start inside the window, (T,)."""
        local = horizon.local
        inside = np.ones(horizon.steps, dtype=bool)
        if self.months is not None:
            inside &= np.isin(local.month.to_numpy(), self.months)
        if self.weekdays is not None:
            chosen = _GROUPS.get(self.weekdays, ()) if isinstance(self.weekdays, str) else self.weekdays
            inside &= np.isin(self._weekday(local), [_DAYS.index(day) for day in chosen])
        if self.hours is not None:
            clock = local.hour.to_numpy() + local.minute.to_numpy() / 60.0
            spans = [
                (clock >= start) & (clock < end) if start < end else (clock >= start) | (clock < end)
                for start, end in self.hours
            ]
            inside &= np.logical_or.reduce(spans)
        return inside

    def findings(self, horizon: Horizon, field: str) -> Iterator[Finding]:
        """Hours that do not fall on the edges of the steps."""
        for start, end in self.hours or ():
            for hour in (start, end):
                if hour * 60 % min(horizon.step_h * 60, 24 * 60):
                    yield Finding(
                        f"{field}.hours",
                        f"steps of {horizon.step} do not begin at {hour:g} h",
                        [start, end],
                        allowed=f"multiples of {horizon.step_h:g} h",
                    )
                    return

    def _weekday(self, local: pd.DatetimeIndex) -> NDArray[np.int64]:
        weekday = local.day_of_week.to_numpy().astype(np.int64)
        if self.holidays:
            days = local.tz_localize(None).to_numpy().astype("datetime64[D]")
            weekday = np.where(np.isin(days, np.array(self.holidays, dtype="datetime64[D]")), 6, weekday)
        return weekday


class Windowed(StrictModel):
    """Fields of something that applies in some hours: one window, or several."""

    window: Window | None = None
    """Hours in which it applies; all hours by default."""
    windows: Annotated[tuple[Window, ...], Field(min_length=1)] | None = None
    """The same with several windows: it applies in the hours of any of them."""

    @model_validator(mode="after")
    def _window_or_windows(self) -> Self:
        if self.window is not None and self.windows is not None:
            raise ValueError("window: give either window or windows")
        return self

    def windows_by_field(self) -> dict[str, Window]:
        """Its windows by the field that holds each; empty where it applies in all hours."""
        if self.window is not None:
            return {"window": self.window}
        return {f"windows[{number}]": window for number, window in enumerate(self.windows or ())}

    def mask(self, horizon: Horizon) -> NDArray[np.bool_]:
        """Steps in which it applies, (steps,)."""
        masks = [window.mask(horizon) for window in self.windows_by_field().values()]
        return np.logical_or.reduce(masks) if masks else np.ones(horizon.steps, dtype=bool)

    def calendar_months(self) -> tuple[int, ...] | None:
        """Calendar months in which it may apply; None for all."""
        months = [window.months for window in self.windows_by_field().values()]
        if not months or None in months:
            return None
        return tuple(sorted({month for some in months for month in some or ()}))


def mask_of(window: Window | None, horizon: Horizon) -> NDArray[np.bool_]:
    """Steps inside a window that may be left out (then all), (T,)."""
    return np.ones(horizon.steps, dtype=bool) if window is None else window.mask(horizon)
