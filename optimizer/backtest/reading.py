"""From a scenario file and what happened to a record: the scenario over the whole time, and the history before it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.backtest.record import Record, columns_needed, forecaster_of
from optimizer.backtest.settings import BacktestSettings
from optimizer.data_files import read_tables
from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.horizon import Horizon, to_utc, zone
from optimizer.loading import checked, read_raw
from optimizer.scenario import Scenario
from optimizer.scenario_file import RawScenario, apply_overrides
from optimizer.series import DataSource, SourceReader, members_of_rows
from optimizer.time_stamps import instants

if TYPE_CHECKING:
    from optimizer.forecasting import Forecaster


@dataclass(frozen=True)
class Case:
    """What is to be backtested."""

    record: Record
    settings: BacktestSettings
    window_steps: int
    """Steps that each decision plans: those of the scenario file's horizon."""
    forecast_for: Scenario | None = None
    """The scenario whose columns are forecast, where the record's own holds only some of its sites."""

    def forecaster(self) -> Forecaster:
        """What issues the forecasts of the case."""
        return forecaster_of(self.settings, self.forecast_for or self.record.scenario)


def read_case(
    path: str | Path,
    start: str | None = None,
    end: str | None = None,
    *,
    history: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
    carry: str | Path | None = None,
) -> Case:
    """The case of a scenario file from ``start`` (default: its horizon's) to ``end`` (default: where the data end).

    Stamps are local wall clock. ``history`` gives files in place of those of data sources, by source; ``carry`` the
    states at the start (``carry.yaml`` of a run that ended there). Raises InputError for everything that is wrong, such
    as times that the data do not cover.
    """
    started = time.perf_counter()
    raw = _with_files(read_raw(path, overrides, carry), history or {})
    short = _short_horizon(raw)
    span = _span(raw, short)
    first = _step_of(start or short.start, "from", span)
    last = span.steps if end is None else _step_of(end, "to", span)
    if last <= first:
        raise InputError([Problem("to", f"the backtest ends at {end}, before it has begun")])
    steps = last - first
    begin = span.local[first].isoformat(timespec="minutes")
    scenario = checked(apply_overrides(raw, [f"horizon.start={begin}", f"horizon.steps={steps}"]))
    scenario._file = Path(path)
    scenario._read_s = time.perf_counter() - started
    settings = scenario.backtest or BacktestSettings()
    names = columns_needed(settings, scenario)
    reader = SourceReader(scenario.data, raw.folder, span)
    from optimizer.forecasting import History

    known = History.from_sources(reader, dict(zip(names, names, strict=True)), span, settings.published)
    return Case(Record(scenario, known), settings, short.steps)


def _with_files(raw: RawScenario, history: Mapping[str, str | Path]) -> RawScenario:
    """The scenario with other files of its data sources."""
    sources = raw.data.get("data", {})
    known = list(sources) if isinstance(sources, dict) else []
    problems = [
        Problem("history", "the scenario has no data source of this name", name, hint=did_you_mean(name, known))
        for name in history
        if name not in known
    ]
    if problems:
        raise InputError(problems)
    return apply_overrides(raw, [f"data.{name}.file={Path(file).resolve()}" for name, file in history.items()])


def _short_horizon(raw: RawScenario) -> Horizon:
    """The horizon of the file: how many steps each decision plans."""
    section: Any = raw.data.get("horizon")
    try:
        return Horizon.model_validate(section)
    except ValueError as error:
        raise InputError([raw.problem(("horizon",), str(error).splitlines()[0])]) from error


def _span(raw: RawScenario, short: Horizon) -> Horizon:
    """All steps that every data source covers."""
    sections: Any = raw.data.get("data") or {}
    if not sections:
        raise InputError([Problem("data", "the scenario has no data sources, so nothing is known of what happened")])
    begins, ends, problems = [], [], []
    for name, section in sections.items():
        try:
            source = DataSource.model_validate(section)
            begin, end = _covered(raw.folder / source.file, source, short)
        except ValueError as error:
            problems.append(raw.problem(("data", name), str(error).splitlines()[0]))
            continue
        begins.append(begin)
        ends.append(end)
    if problems:
        raise InputError(problems)
    first, last = max(begins), min(ends)
    steps = (last - first) // pd.Timedelta(short.step_length)
    if steps < 1:
        raise InputError([Problem("data", "the data sources have no time in common")])
    start = first.tz_convert(short.timezone).isoformat(timespec="minutes")
    return Horizon(timezone=short.timezone, start=start, steps=steps, step=short.step)


def _covered(path: Path, source: DataSource, short: Horizon) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last instant that a data file covers."""
    table = next(table for table in read_tables(path).values() if source.time in table.columns)
    member = source.member or ("member" if "member" in table.columns else None)
    if member is not None:
        labels, _ = members_of_rows(table, member)
        if labels is not None and len(labels) > 1:
            raise ValueError(f"{source.file}: holds {len(labels)} members; what happened is one path")
    stamps = instants(table[source.time], source.timezone, np.zeros(len(table), np.int64), short)
    ordered = np.unique(stamps)
    step = int(np.median(np.diff(ordered))) if len(ordered) > 1 else 3_600_000_000
    begin = pd.Timestamp(int(ordered[0]), unit="us", tz="UTC")
    return begin, pd.Timestamp(int(ordered[-1]) + step, unit="us", tz="UTC")


def _step_of(stamp: str, what: str, span: Horizon) -> int:
    """Step of the span at a local time. Raises InputError outside of it, and between steps."""
    try:
        at = pd.Timestamp(to_utc(stamp, zone(span.timezone)))
    except ValueError as error:
        raise InputError([Problem(what, str(error))]) from error
    step, rest = divmod(at - span.start_utc, span.step_length)
    if rest or step < 0 or step > span.steps:
        covered = f"from {span.describe(span.start_utc)} to {span.describe(span.end_utc)}"
        message = f"{span.describe(at)} is no step of the time that the data cover"
        raise InputError([Problem(what, message, allowed=covered)])
    return int(step)
