"""The results folder: written whole or not at all, and read back into the same plan.

``scenario.yaml`` and ``inputs.nc`` together are the scenario as resolved, with every series that came from a data file:
the folder can be run again elsewhere. Files of others in the folder are left alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from optimizer.errors import InputError, OutputError, Problem
from optimizer.loading import load
from optimizer.meter_table import meter_table
from optimizer.output_folder import SUMMARY, OutputFolder
from optimizer.plan import Plan
from optimizer.quantities import Series
from optimizer.results import FORMAT, Money
from optimizer.scenario import Scenario
from optimizer.yaml_reader import to_yaml

__all__ = ["OutputFolder", "dispatch_table", "read", "resolved", "save", "write"]

if TYPE_CHECKING:
    from optimizer.explanation.explanation import Explanation

T = TypeVar("T")

EXPLANATION = "explanation.nc"
READS = ("status", "expected_profit", "profit_by_member", "mip_gap")
"""Figures of the summary without which there is no plan."""


def save(plan: Plan, folder: Path) -> Path:
    """Write all files of a plan into ``folder``."""
    with OutputFolder(folder) as output:
        return write(plan, output)


def write(plan: Plan, output: OutputFolder) -> Path:
    """Write all files of a plan through an open output folder. Raises OutputError, leaving nothing half-written."""
    writers: dict[str, Callable[[Plan, Path], object]] = {
        "dispatch.nc": lambda p, path: _write_netcdf(p.dispatch, path),
        "dispatch.csv": lambda p, path: dispatch_table(p).to_csv(path, index=False, lineterminator="\n"),
        "ledger.csv": lambda p, path: _ledger_rows(p).to_csv(path, index=False, lineterminator="\n"),
        "meter.csv": lambda p, path: meter_table(p).to_csv(path, index=False, lineterminator="\n"),
        "bill.csv": lambda p, path: p.bill().lines.to_csv(path, index=False, lineterminator="\n"),
        "carry.yaml": lambda p, path: path.write_text(to_yaml({"carry": p.summary["carry"]}), encoding="utf-8"),
        "scenario.yaml": _write_scenario,
        EXPLANATION: _write_explanation,
        "solver.log": lambda p, path: path.write_text(p.solver_log, encoding="utf-8"),
        "report.html": lambda p, path: p.report(path),
        SUMMARY: _write_summary,
    }
    started = time.perf_counter()
    try:
        for name, writer in writers.items():
            if name == SUMMARY:
                plan.summary["timing_s"]["write"] = round(time.perf_counter() - started, 6)
            writer(plan, output.staging / name)
        output.publish()
    except OSError as error:
        raise OutputError(f"results could not be written to {output.folder}: {error.strerror or error}") from error
    return output.folder


def _write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    # through memory: where the disk is full, HDF5 would bring the interpreter down as it closes the file
    path.write_bytes(dataset.to_netcdf(engine="h5netcdf"))


def _write_summary(plan: Plan, path: Path) -> None:
    path.write_text(json.dumps(plan.summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def dispatch_table(plan: Plan) -> pd.DataFrame:
    """Tidy dispatch: one row per member, step and component (or site), one column per variable, local and UTC time."""
    dispatch = plan.dispatch
    by_component = [str(n) for n, v in dispatch.data_vars.items() if v.dims == ("member", "time", "component")]
    by_site = [str(n) for n, v in dispatch.data_vars.items() if v.dims == ("member", "time", "site")]
    components = dispatch[by_component].drop_vars("probability").to_dataframe().reset_index()
    components = components.rename(columns={"component_site": "site", "component_kind": "kind"})
    own: dict[str, NDArray[np.float64]] = {}
    for name, variable in dispatch.data_vars.items():
        label, _, short = str(name).rpartition(".")
        if variable.dims[1:] != ("member", "time") or not label:
            continue
        rows = (components["component"] == label).to_numpy()
        for entry, values in zip(variable[variable.dims[0]].to_numpy(), variable.to_numpy(), strict=True):
            column = own.setdefault(f"{short}[{entry}]", np.full(len(components), np.nan))
            column[rows] = values.ravel()
    components = pd.concat([components, pd.DataFrame(own, index=components.index)], axis=1)
    sites = dispatch[by_site].drop_vars("probability").to_dataframe().reset_index()
    table = pd.concat([sites.assign(component="", kind="site"), components], ignore_index=True)
    times = table.pop("time").dt.tz_localize("UTC")
    table.insert(0, "time_utc", times)
    table.insert(1, "time_local", times.dt.tz_convert(plan.scenario.horizon.timezone))
    first = ["time_utc", "time_local", "member", "site", "component", "kind"]
    return table[first + [c for c in table.columns if c not in first]]


def _ledger_rows(plan: Plan) -> pd.DataFrame:
    """The ledger, with a row of zero for each line that never has an amount, so that no line is lost."""
    ledger = plan.ledger
    silent = [key for key, amount in plan.money.items() if not amount.any()]
    if not silent:
        return ledger
    start = plan.scenario.horizon.utc[:1].repeat(len(silent))
    sites = dict(zip(plan.dispatch["component"].to_numpy(), plan.dispatch["component_site"].to_numpy(), strict=True))
    zeros = pd.DataFrame(
        {
            "site": [str(sites[label]) for label, _ in silent],
            "component": [label for label, _ in silent],
            "line": [line for _, line in silent],
            "member": 0,
            "time_utc": start,
            "time_local": start.tz_convert(plan.scenario.horizon.timezone),
            "amount": 0.0,
        }
    )
    return zeros if ledger.empty else pd.concat([ledger, zeros], ignore_index=True)


def _write_explanation(plan: Plan, path: Path) -> None:
    if plan.explanation is not None:
        _write_netcdf(plan.explanation.dataset(), path)


# ---------------------------------------------------------------------- the scenario as resolved
def _write_scenario(plan: Plan, path: Path) -> None:
    document, inputs = resolved(plan.scenario)
    if inputs is not None:
        _write_netcdf(inputs, path.parent / "inputs.nc")
    path.write_text(to_yaml(document), encoding="utf-8")


def resolved(scenario: Scenario) -> tuple[dict[str, Any], xr.Dataset | None]:
    """The scenario as plain data, and the series that it takes from files as a dataset to stand beside it."""
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    inputs: dict[str, xr.DataArray] = {}

    def visit(value: Any, written: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Series):
            if not _from_file(value.raw):
                return written
            name = _unused("_".join(path), inputs)
            dims = ("member", "time") if value.varies_by_member else ("time",)
            inputs[name] = xr.DataArray(value.values if value.varies_by_member else value.values[0], dims=dims)
            return f"inputs.{name}"
        if isinstance(written, dict) and hasattr(value, "model_fields_set"):
            fields = type(value).model_fields
            by_key = {fields[name].alias or name: getattr(value, name) for name in value.model_fields_set}
            return {key: visit(by_key[key], entry, (*path, key)) for key, entry in written.items()}
        if isinstance(written, list) and isinstance(value, list | tuple):
            pairs = enumerate(zip(value, written, strict=True))
            return [visit(v, entry, (*path, _part(v, number))) for number, (v, entry) in pairs]
        return written

    document = visit(scenario, document, ())
    document.pop("data", None)
    if not inputs:
        return document, None
    coordinates = {"time": scenario.horizon.utc.tz_localize(None), "member": np.arange(scenario.members)}
    document["data"] = {"inputs": {"file": "inputs.nc", "time": "time", "timezone": "UTC"}}
    used = {dim for array in inputs.values() for dim in array.dims}
    return document, xr.Dataset(inputs, {name: values for name, values in coordinates.items() if name in used})


def _unused(name: str, taken: Collection[str]) -> str:
    """The name, or one like it: `a_b.c` and `a.b_c` are the same when joined."""
    return name if name not in taken else _unused(f"{name}_", taken)


def _part(value: Any, number: int) -> str:
    return str(getattr(value, "name", number))


def _from_file(raw: Any) -> bool:
    return isinstance(raw, str) or (isinstance(raw, dict) and _from_file(raw["series"]))


# ---------------------------------------------------------------------- reading back
def read(folder: Path) -> tuple[Scenario, xr.Dataset, Money, dict[str, Any], str]:
    """Parts of a plan from its results folder. Raises InputError for one that is incomplete or of another format."""
    summary = _read_summary(folder)
    missing = [n for n in ("scenario.yaml", "dispatch.nc", "ledger.csv", "solver.log") if not (folder / n).is_file()]
    if missing:
        raise InputError([Problem("", f"the results folder lacks {', '.join(missing)}", file=str(folder))])
    scenario = load(folder / "scenario.yaml")
    dispatch = _readable(folder / "dispatch.nc", _read_dispatch)
    money = _readable(folder / "ledger.csv", lambda path: _read_money(path, scenario))
    return scenario, dispatch, money, summary, _readable(folder / "solver.log", lambda p: p.read_text(encoding="utf-8"))


def read_explanation(folder: Path, scenario: Scenario) -> Explanation | None:
    """The reasons in a results folder; None where it has none. Raises InputError for a file of another format."""
    from optimizer.explanation.explanation import Explanation

    path = folder / EXPLANATION
    if not path.is_file():
        return None
    return _readable(path, lambda p: Explanation.from_dataset(_read_dispatch(p), scenario))


def _readable(path: Path, reader: Callable[[Path], T]) -> T:
    try:
        return reader(path)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError([Problem("", f"cannot be read: {error}", file=str(path))]) from error


def _read_summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    if not path.is_file():
        raise InputError([Problem("", "is no results folder: it has no summary.json", file=str(folder))])
    summary = _readable(path, lambda p: json.loads(p.read_text(encoding="utf-8")))
    found = summary.get("format") if isinstance(summary, dict) else None
    if found != FORMAT:
        raise InputError([Problem("format", value=found, allowed=f"{FORMAT} for this version", file=str(path))])
    missing = [name for name in READS if name not in summary]
    if missing:
        raise InputError([Problem("", f"is no summary of a plan: it lacks {', '.join(missing)}", file=str(path))])
    plain: dict[str, Any] = summary
    return plain


def _read_dispatch(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


def _read_money(path: Path, scenario: Scenario) -> Money:
    table = pd.read_csv(path, dtype={"component": str, "line": str})
    times = pd.DatetimeIndex(pd.to_datetime(table["time_utc"], utc=True))
    steps = scenario.horizon.utc.get_indexer(times)
    if (steps < 0).any():
        raise ValueError(f"{times[int(np.argmax(steps < 0))].isoformat()} is no step of the horizon")
    members, amounts = table["member"].to_numpy(), table["amount"].to_numpy()
    money: Money = {}
    for key, rows in table.groupby(["component", "line"], sort=False).indices.items():
        label, line = cast("tuple[str, str]", key)
        amount = np.zeros((scenario.members, scenario.horizon.steps))
        amount[members[rows], steps[rows]] = amounts[rows]
        money[label, line] = amount
    return money
