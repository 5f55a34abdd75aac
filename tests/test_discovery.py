"""Kinds of components are found, described and tested; a new one works without a change anywhere else."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyomo.environ as pyo
import pytest
import shipped

import optimizer as opt
from optimizer import discovery, parts
from optimizer.component import Component
from optimizer.model import build_model
from optimizer.scenario import Scenario
from optimizer.template import Constraint, Objective, Param, Var

SOURCE = Path(opt.__file__).parent
TESTS = Path(__file__).parent
KINDS = discovery.kinds(Component)
IDS = [kind.model_fields["kind"].default for kind in KINDS]


def component_modules() -> Iterator[tuple[str, str]]:
    """(folder, module) of every file in the packages of components."""
    for package in discovery.PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            yield package.split(".")[-1], module.name


# ---------------------------------------------------------------------- nothing is forgotten
@pytest.mark.parametrize(("folder", "module"), list(component_modules()))
def test_every_file_of_a_component_package_holds_one_kind_named_after_it(folder: str, module: str) -> None:
    """Proves: ``assets/battery.py`` is the kind ``battery``, and no file there is anything else."""
    own = [kind for kind in KINDS if kind.__module__ == f"optimizer.{folder}.{module}"]
    assert [kind.model_fields["kind"].default for kind in own] == [module]


@pytest.mark.parametrize(("folder", "module"), list(component_modules()))
def test_every_kind_has_a_test_file(folder: str, module: str) -> None:
    """Proves: a missing test is a failing test."""
    path = TESTS / folder / f"test_{module}.py"
    assert path.is_file()
    assert "def test_" in path.read_text()


def test_every_kind_is_in_a_shipped_scenario() -> None:
    """Proves: together the shipped scenarios plan every kind, so that their tests cover each; of a bundle they list the
    bundle, and plan its members."""
    planned: set[str] = set()
    for stem in shipped.STEMS:
        _, plan = shipped.solved(stem)
        listed = [component for site in plan.scenario.sites for _, _, component in site.components()]
        listed += [*plan.scenario.contracts, *plan.scenario.workloads]
        planned |= {str(component.kind) for component in listed}  # type: ignore[attr-defined]
        planned |= set(plan.dispatch["component_kind"].to_numpy().tolist())
    assert sorted(planned) == sorted(kind.model_fields["kind"].default for kind in KINDS)


def calls_of(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a declaration in the package, with the place where it stands."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{path.name}:{node.lineno}", node


def test_every_constraint_is_explained_in_a_planners_words() -> None:
    """Proves: wherever a constraint is declared, ``doc`` says what it means: an infeasibility is explained with it."""
    places = list(calls_of("Constraint"))
    assert len(places) > 40
    for place, call in places:
        doc = next((k.value for k in call.keywords if k.arg == "doc"), None)
        assert isinstance(doc, ast.Constant | ast.JoinedStr | ast.Name), place
        if isinstance(doc, ast.Constant):
            assert len(str(doc.value).split()) >= 3, place


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_models_are_made_of_our_own_declarations(stem: str) -> None:
    """Proves: no plain Pyomo variable, parameter or constraint, which the fast road would build one by one; all rows of
    the shipped models have an explanation."""
    problem, _ = shipped.solved(stem)
    model = build_model(problem.scenario, parts.place(problem.scenario)[0], fast=True)
    for plain, own in ((pyo.Constraint, Constraint), (pyo.Var, Var), (pyo.Param, Param), (pyo.Objective, Objective)):
        for declared in model.component_objects(plain, descend_into=True):
            assert isinstance(declared, own), declared.name
    assert all(block.constraint.doc for block in problem.compiled.blocks)


def test_every_field_is_described_in_the_schema() -> None:
    """Proves: editors show what each key means; fields with a unit say which."""
    schema = Scenario.model_json_schema()
    classes = {"Scenario": schema} | schema["$defs"]
    bare = [
        f"{name}.{field}"
        for name, entry in classes.items()
        for field, figures in entry.get("properties", {}).items()
        if field != "kind" and not figures.get("description")
    ]
    assert not bare
    described = json.dumps(schema)
    assert all(f'"const": "{kind}"' in described for kind in IDS)


@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_every_kind_says_what_it_is(kind: type[Component]) -> None:
    """Proves: class and module have a text of their own, the module's with the mathematics of at least three lines."""
    module = sys.modules[kind.__module__]
    assert kind.__doc__
    assert kind.__doc__ != Component.__doc__
    assert module.__doc__ is not None
    assert len(module.__doc__.splitlines()) >= 3


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_every_result_has_units_and_a_long_name(stem: str) -> None:
    """Proves: each variable of the dispatch says what it is and in which unit, as NetCDF readers expect."""
    _, plan = shipped.solved(stem)
    for name, variable in plan.dispatch.data_vars.items():
        assert variable.attrs["units"], name
        assert len(variable.attrs["long_name"]) >= 4, name


def test_no_kind_is_named_outside_of_its_own_file() -> None:
    """Proves: the assembler, the ledger, the results and the audit loop over components and branch on none."""
    for file in (
        "model",
        "results",
        "summary",
        "audit",
        "plan",
        "problem",
        "parts",
        "frame",
        "site",
        "compiled",
        "highs",
    ):
        text = (SOURCE / f"{file}.py").read_text(encoding="utf-8")
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", '"""')))
        assert not [kind for kind in IDS if f'"{kind}"' in code], file


# ---------------------------------------------------------------------- a new kind
BOILER = '''"""A boiler turns power into heat, which is sold at a price; it draws ``0 <= p_t <= most_mw``."""

from typing import Literal

import pyomo.environ as pyo

from optimizer.component import Asset
from optimizer.quantities import Megawatts, NonNegative
from optimizer.template import Var


class Boiler(Asset):
    """An electric boiler."""

    kind: Literal["boiler"] = "boiler"
    most_mw: Megawatts
    """Most power drawn."""
    price_per_mwh: NonNegative
    """Price paid for the heat of a MWh of power."""

    def variables(self, b, f):
        b.drawn_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, self.most_mw))

    def power_mw(self, b, f, w, t):
        return b.drawn_mw[w, t]

    def largest_power_mw(self, f):
        return f.full(self.most_mw)

    def money(self, b, f):
        return {"heat_sold": f.by_step(lambda b, w, t: self.price_per_mwh * b.drawn_mw[w, t] * f.step_h)}

    def results(self, b, f):
        return {"heat_sold_mw": f.by_time(lambda b, w, t: b.drawn_mw[w, t], "MW", "heat sold")}

    def audit(self, a):
        a.at_least("power is not negative", a["power_mw"], 0.0)
        a.at_most("power within most_mw", a["power_mw"], self.most_mw)
        a.equal("heat is power", a["heat_sold_mw"], a["power_mw"])
        a.money("heat_sold", self.price_per_mwh * a.energy_mwh(a["power_mw"]).sum(axis=1))
'''

USE = """
import json, sys
import optimizer as opt

case = {
    "format": 1, "name": "new kind",
    "horizon": {"start": "2024-08-19T00:00", "steps": 3, "step": "1h", "timezone": "UTC"},
    "sites": [{"name": "a", "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": [20, 50, -10]}],
               "assets": [{"kind": "boiler", "name": "b", "most_mw": 2, "price_per_mwh": 30}]}],
}
problem = opt.build(opt.scenario_from_dict(case))
plan = problem.solve()
_ = problem.model
case["sites"][0]["assets"][0]["most_mv"] = 2
try:
    opt.scenario_from_dict(case)
    refused = ""
except opt.InputError as error:
    refused = str(error)
plan.save(sys.argv[1])
print(json.dumps({
    "profit": plan.expected_profit, "ordinary": problem.solve().expected_profit, "ledger": plan.summary["ledger"],
    "heat": plan.dispatch["heat_sold_mw"].sel(component="b").values.tolist(), "refused": refused,
    "loaded": opt.Plan.load(sys.argv[1]).expected_profit, "home": opt.__file__,
    "schema": "Most power drawn." in json.dumps(opt.Scenario.model_json_schema()),
    "again": opt.optimize(opt.load(sys.argv[1] + "/scenario.yaml")).expected_profit,
}))
"""


def used_from(folder: Path) -> dict[str, Any]:
    """What a fresh Python with ``folder`` on its path makes of a scenario with a boiler."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE, str(folder / "results")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def expect_a_working_boiler(found: dict[str, Any]) -> None:
    """By hand: 2 MW at 30 less 20, nothing at 50, 2 MW at 30 and 10 more: 2 * 10 + 0 + 2 * 40 = 100."""
    assert found["profit"] == pytest.approx(100.0)
    assert found["ordinary"] == pytest.approx(100.0)
    assert found["loaded"] == pytest.approx(100.0)
    assert found["again"] == pytest.approx(100.0)
    assert found["ledger"] == pytest.approx({"spot_energy": -20.0, "heat_sold": 120.0})
    assert found["heat"] == [[2.0, 0.0, 2.0]]
    assert "most_mv" in found["refused"]
    assert "most_mw" in found["refused"]
    assert found["schema"]


def test_a_new_file_in_a_package_is_a_new_kind(tmp_path: Path) -> None:
    """Proves: one file dropped into ``assets`` is read, validated, modelled on both roads, solved, billed, audited,
    saved and loaded, and nothing else is edited. Sensitivity: a list of kinds anywhere would not know it."""
    shutil.copytree(SOURCE, tmp_path / "optimizer", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "optimizer" / "assets" / "boiler.py").write_text(BOILER)
    found = used_from(tmp_path)
    assert found["home"] == str(tmp_path / "optimizer" / "__init__.py")
    expect_a_working_boiler(found)


def test_a_package_elsewhere_adds_a_kind_through_an_entry_point(tmp_path: Path) -> None:
    """Proves: an installed package that names its module in the group ``optimizer.kinds`` is found."""
    (tmp_path / "boilers.py").write_text(BOILER)
    about = tmp_path / "boilers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: boilers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{discovery.ENTRY_POINT_GROUP}]\nboilers = boilers\n")
    expect_a_working_boiler(used_from(tmp_path))


def test_two_kinds_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: a second ``battery`` is an error that names both, not a silent replacement of the first."""
    other = type(sys)("elsewhere")
    source = BOILER.replace('Literal["boiler"] = "boiler"', 'Literal["battery"] = "battery"')
    exec(compile(source, "elsewhere.py", "exec"), other.__dict__)
    other.Boiler.__module__ = "elsewhere"  # type: ignore[attr-defined]
    modules = (*discovery._modules(), other)
    monkeypatch.setattr(discovery, "_modules", lambda: modules)
    with pytest.raises(
        TypeError, match=r"the kind battery is defined twice, in optimizer\.assets\.battery and elsewhere"
    ):
        discovery.kinds(Component)
