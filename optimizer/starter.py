"""A starter for a new user: a commented scenario and the synthetic data that it reads, ready to run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from optimizer.errors import OutputError
from optimizer.output_folder import OutputFolder

SCENARIO = "scenario.yaml"
MARKET = "market.csv"
START, HOURS, TIMEZONE, SEED = "2024-08-19T00:00", 72, "America/Chicago", 264
"""Those of the scenario; the seed is that of the shipped week, which has a spike on its third evening."""


def write_starter(folder: Path) -> Path:
    """Write the starter into ``folder``, which is made if needed; returns the path of the scenario.

    Raises InputError where the folder holds a scenario or data already, OutputError where it cannot be written.
    """
    from optimizer.synthetic import synthetic_market, write_table

    with OutputFolder(folder, files=(MARKET, SCENARIO), what="the starter") as output:
        try:
            write_table(synthetic_market(START, HOURS, TIMEZONE, seed=SEED), output.staging / MARKET)
            scenario = files("optimizer").joinpath("data", "starter.yaml").read_bytes()
            (output.staging / SCENARIO).write_bytes(scenario)
            output.publish()
        except OSError as error:
            raise OutputError(f"the starter cannot be written to {folder}: {error.strerror or error}") from error
    return folder / SCENARIO
