"""The results folder: written whole or not at all, and read back into the same plan.

Everything is written into a folder beside the target first; only when all files are complete are they moved in, ``summary.json`` last. Files of
others in the target folder are left alone. ``scenario.yaml`` and ``inputs.nc`` together are the scenario as resolved, with every series that
came from a data file: the folder can be run again elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr


from optimizer.errors import InputError, OutputError, Problem
from optimizer.loading import load
from optimizer.plan import Plan
from optimizer.quantities import Series
from optimizer.results import FORMAT, Money
from optimizer.scenario import Scenario
from optimizer.yaml_reader import to_yaml

ENGINE = "h5netcdf"
SUMMARY = "summary.json"


class OutputFolder:
    """A staging folder beside ``folder``; leaving the ``with`` block without :meth:`publish` removes it without a trace.

    Entering raises InputError where the folder cannot be written: better before a long solve than after.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.staging = folder
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise NotADirectoryError(f"{self.folder} is a file")
            self._made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            self.staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.folder))
        except OSError as error:
            self._remove_made()
            message = f"results cannot be written here: {error.strerror or error}"
            raise InputError([Problem("--out", message, value=str(self.folder))]) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        self._remove_made()

    def _remove_made(self) -> None:
        """Folders that were made for nothing."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return  # holds something by now

    def publish(self) -> None:
        """Move the complete files in; ``summary.json``, which says that the folder is complete, goes last."""
        (self.folder / SUMMARY).unlink(missing_ok=True)
        names = sorted((path.name for path in self.staging.iterdir()), key=lambda name: name == SUMMARY)
        for name in names:
            os.replace(self.staging / name, self.folder / name)


def save(plan: Plan, folder: Path) -> Path:
    """Write all files of a plan into ``folder``."""
    with OutputFolder(folder) as output:
        return write(plan, output)


def write(plan: Plan, output: OutputFolder) -> Path:
    """Write all files of a plan through an open output folder. Raises OutputError, leaving nothing half-written."""
    writers: dict[str, Callable[[Plan, Path], object]] = {
        "dispatch.nc": lambda p, path: p.dispatch.to_netcdf(path, engine=ENGINE),
        "dispatch.csv": lambda p, path: dispatch_table(p).to_csv(path, index=False, lineterminator="\n"),
        "ledger.csv": lambda p, path: _ledger_rows(p).to_csv(path, index=False, lineterminator="\n"),
        "scenario.yaml": _write_scenario,
        "solver.log": lambda p, path: path.write_text(p.solver_log, encoding="utf-8"),
        "report.html": lambda p, path: p.report(path),
        SUMMARY: _write_summary,
    }
    try:
        for name, writer in writers.items():
            writer(plan, output.staging / name)
        output.publish()
    except OSError as error:
        raise OutputError(f"results could not be written to {output.folder}: {error.strerror or error}") from error
    return output.folder


def _write_summary(plan: Plan, path: Path) -> None:
    path.write_text(json.dumps(plan.summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def dispatch_table(plan: Plan) -> pd.DataFrame:
    """Tidy dispatch: one row per member, step and component (or site), one column per variable, local and UTC time."""
    dispatch = plan.dispatch
    by_component = [str(n) for n, v in dispatch.data_vars.items() if v.dims == ("member", "time", "component")]
    by_site = [str(n) for n, v in dispatch.data_vars.items() if v.dims == ("member", "time", "site")]
    components = dispatch[by_component].drop_vars("probability").to_dataframe().reset_index()
    components = components.rename(columns={"component_site": "site", "component_kind": "kind"})
    for name, variable in dispatch.data_vars.items():
        label, _, short = str(name).rpartition(".")
        if variable.dims[1:] != ("member", "time") or not label:
            continue
        rows = (components["component"] == label).to_numpy()
        for entry in variable[variable.dims[0]].to_numpy():
            values = variable.sel({variable.dims[0]: entry}).to_numpy().ravel()
            column = f"{short}[{entry}]"
            if column not in components:
                components[column] = np.nan
            components.loc[rows, column] = values
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


# ---------------------------------------------------------------------- the scenario as resolved
def _write_scenario(plan: Plan, path: Path) -> None:
    document, inputs = resolved(plan.scenario)
    if inputs is not None:
        inputs.to_netcdf(path.parent / "inputs.nc", engine=ENGINE)
    text = to_yaml(document)
    path.write_text(text, encoding="utf-8")


def resolved(scenario: Scenario) -> tuple[dict[str, Any], xr.Dataset | None]:
    """The scenario as plain data, and the series that it takes from files as a dataset to stand beside it."""
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    inputs: dict[str, xr.DataArray] = {}

    def visit(value: Any, written: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Series):
            if not _from_file(value.raw):
                return written
            name = "_".join(path)
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


def _part(value: Any, number: int) -> str:
    return str(getattr(value, "name", number))


def _from_file(raw: Any) -> bool:
    return isinstance(raw, str) or (isinstance(raw, dict) and _from_file(raw["series"]))


# ---------------------------------------------------------------------- reading back
def read(folder: Path) -> tuple[Scenario, xr.Dataset, Money, dict[str, Any], str]:
    """Parts of a plan from its results folder."""
    summary = _read_summary(folder)
    missing = [n for n in ("scenario.yaml", "dispatch.nc", "ledger.csv", "solver.log") if not (folder / n).is_file()]
    if missing:
        raise InputError([Problem("", f"the results folder lacks {', '.join(missing)}", file=str(folder))])
    scenario = load(folder / "scenario.yaml")
    with xr.open_dataset(folder / "dispatch.nc", engine=ENGINE) as stored:
        dispatch = stored.load()
    money = _read_money(folder / "ledger.csv", scenario)
    return scenario, dispatch, money, summary, (folder / "solver.log").read_text(encoding="utf-8")


def _read_summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError([Problem("", "is no results folder: it has no summary.json", file=str(folder))]) from None
    except (OSError, ValueError) as error:
        raise InputError([Problem("", f"summary.json cannot be read: {error}", file=str(path))]) from error
    found = summary.get("format") if isinstance(summary, dict) else None
    if found != FORMAT:
        raise InputError([Problem("format", value=found, allowed=f"{FORMAT} for this version", file=str(path))])
    return summary


def _read_money(path: Path, scenario: Scenario) -> Money:
    table = pd.read_csv(path, float_precision="round_trip", dtype={"component": str, "line": str})
    times = pd.DatetimeIndex(pd.to_datetime(table["time_utc"], utc=True))
    steps = scenario.horizon.utc.get_indexer(times)
    shape = (scenario.members, scenario.horizon.steps)
    money: Money = {}
    for (label, line), rows in table.groupby(["component", "line"], sort=False).indices.items():
        amount = np.zeros(shape)
        amount[table["member"].to_numpy()[rows], steps[rows]] = table["amount"].to_numpy()[rows]
        money[str(label), str(line)] = amount
    return money
