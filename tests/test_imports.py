"""What is imported when: heavy packages only by who uses them, texts of the schema only when a schema is made."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, ClassVar

import shipped
from pydantic import BaseModel

import optimizer as opt
from optimizer.assets.gpu_pool import GpuPool
from optimizer.component import StrictModel
from optimizer.field_texts import field_texts

HEAVY = (
    "numpy", "pandas", "scipy", "scipy.stats", "xarray", "pydantic", "pyomo", "highspy", "plotly", "matplotlib", "h5py",
    "statsmodels", "linopy", "distributed",
)  # fmt: skip


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh Python has loaded after some code."""
    told = f"import json, sys\nprint('LOADED', json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{told}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED "))
    return set(json.loads(line.removeprefix("LOADED ")))


def test_help_loads_nothing_heavy() -> None:
    """Proves: `optimizer --help` and the help of a command need neither numbers nor solver nor pictures."""
    for arguments in (["--help"], ["run", "--help"]):
        code = f"""
import sys
sys.argv = ["optimizer", *{arguments!r}]
from optimizer.cli import main
try:
    main()
except SystemExit as leaving:
    assert leaving.code == 0
"""
        assert loaded_after(code) <= {"pydantic"}  # typer's own


def test_reading_a_scenario_needs_neither_solver_nor_scipy() -> None:
    """Proves: `opt.load` loads what it needs to check a scenario; scipy, which Pyomo would make load all of
    ``scipy.stats`` (it takes as long as all the rest), the solver and the pictures are left to who uses them."""
    code = f"""
import optimizer as opt
opt.load({str(shipped.FOLDER / "smallest.yaml")!r})
"""
    assert loaded_after(code) <= {"numpy", "pandas", "pydantic", "pyomo"}


# ---------------------------------------------------------------------- texts of the schema
class Base(StrictModel):
    """Two fields."""

    height_m: float
    """How high."""
    depth_m: float = 0.0
    """How deep."""


class Derived(Base):
    """Says one of them again."""

    depth_m: float = 1.0
    """How deep it may be,
    at most."""
    bare: int = 0

    shared: ClassVar[int] = 3
    """Not a field."""


def described(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.get("description") for name, field in model.model_json_schema()["properties"].items()}


def test_the_text_under_a_field_is_its_description() -> None:
    """Proves: a field has the text of the class that declares it last; one without text has no description."""
    assert field_texts(Derived)["depth_m"] == "How deep it may be,\nat most."
    assert described(Derived) == {"height_m": "How high.", "depth_m": "How deep it may be,\nat most.", "bare": None}


def test_every_schema_has_the_texts() -> None:
    """Proves: in a kind's own schema and in the whole file's, by the names of the file (a battery's ``power_mw``)."""
    assert described(GpuPool)["idle_kw"].startswith("Draw of a node that is on and has nothing to do, kW")
    definitions = opt.Scenario.model_json_schema()["$defs"]
    assert definitions["Battery"]["properties"]["power_mw"]["description"].startswith("Most power of charging")
    bare = [
        (name, key)
        for name in PARTS
        for key, field in definitions[name]["properties"].items()
        if "description" not in field and key != "kind"
    ]
    assert bare == []


PARTS = {
    "Battery", "MinerFleet", "GpuPool", "Generator", "IndexSupply", "TwoSettlement", "Export", "Hall", "Rental", "Site",
    "TrainingJob", "InferenceService", "Grid", "SolverOptions", "Risk", "Ensemble", "Horizon", "DataSource",
}  # fmt: skip


def test_another_generator_can_be_asked_for() -> None:
    """Proves: the caller's own generator is used as it is."""
    from pydantic.json_schema import GenerateJsonSchema

    schema = Derived.model_json_schema(schema_generator=GenerateJsonSchema)
    assert "description" not in schema["properties"]["height_m"]


def test_texts_where_there_is_no_source() -> None:
    """Proves: a class made at run time has no texts, and its schema is made all the same."""
    made = type("Made", (StrictModel,), {"__annotations__": {"x": int}, "__module__": "nowhere"})
    assert field_texts(made) == {}
    assert set(made.model_json_schema()["properties"]) == {"x"}
