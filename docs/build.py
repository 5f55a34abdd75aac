"""Writes the generated parts of the documentation: fields from the schema, formulas from docstrings, rules from models.

``python docs/build.py`` rewrites what stands between the markers of ``docs/scenario-format.md`` and of each page in
``docs/kinds/``; the text outside of them is written by hand. The first YAML block of a kind's page is a scenario, and
the tables of variables, rules, money lines and results are those of the model that it makes. A test demands that the
pages are up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pyomo.environ as pyo
from pydantic import BaseModel

import optimizer as opt
from optimizer.component import Asset, Component, Cooling
from optimizer.contract import Contract
from optimizer.discovery import kinds
from optimizer.model import build_model
from optimizer.parts import place
from optimizer.scenario_file import parse_scenario
from optimizer.workload import Workload

sys.path.insert(0, str(Path(__file__).parent))
from prose import prose

DOCS = Path(__file__).resolve().parent
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
SECTIONS = {"contracts": Contract, "cooling": Cooling, "assets": Asset, "workloads": Workload}
ROOT_DEFINITIONS = (
    "Horizon",
    "DataSource",
    "FillRule",
    "Ensemble",
    "Site",
    "Grid",
    "Carry",
    "PreviousPlan",
    "PlannedPower",
    "Risk",
    "SolverOptions",
    "BacktestSettings",
    "PersistenceForecast",
    "SeasonalForecast",
    "BootstrapForecast",
    "AutoregressiveForecast",
)
NOT_SHARED_RULES = ("optimizer.component", "optimizer.frame", "optimizer.template", "optimizer.quantities")


# ---------------------------------------------------------------------- which pages there are
def own_kinds() -> dict[str, list[type[Component]]]:
    """Kinds of this project by section of the scenario file (not those of other packages)."""
    return {
        section: [kind for kind in kinds(base) if kind.__module__.startswith("optimizer.")]
        for section, base in SECTIONS.items()
    }


def kind_name(kind: type[Component]) -> str:
    """The word after ``kind:`` in a scenario file."""
    return str(kind.model_fields["kind"].default)


def pages() -> dict[Path, str]:
    """Every page with generated parts, as it should read."""
    found = {DOCS / "scenario-format.md": scenario_format()}
    for of_section in own_kinds().values():
        for kind in of_section:
            path = DOCS / "kinds" / f"{kind_name(kind)}.md"
            if not path.is_file():
                raise FileNotFoundError(
                    f"{path.relative_to(DOCS.parent)} is missing: write what the kind is for, an example in a YAML "
                    f"block, and the lines {BEGIN} and {END}"
                )
            found[path] = kind_page(kind, path)
    return {path: _between_markers(path, text) for path, text in found.items()}


def _between_markers(path: Path, generated: str) -> str:
    text = path.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{generated.strip()}\n\n{END}{tail}"


# ---------------------------------------------------------------------- fields, from the JSON schema
def scenario_format() -> str:
    """Fields of the whole file; those of the kinds under their sections."""
    schema = opt.Scenario.model_json_schema(by_alias=True)
    lines = ["### The file", "", *field_table(schema, "kinds/")]
    for name in ROOT_DEFINITIONS:
        lines += ["", *definition(name, schema["$defs"][name], "kinds/")]
    for section, of_section in own_kinds().items():
        lines += ["", f"### Kinds under `{section}`"]
        for kind in of_section:
            word = kind_name(kind)
            link = f"[Mathematics and example](kinds/{word}.md)."
            lines += ["", f"#### `{word}`", "", f"{prose(kind.__doc__ or '')} {link}"]
            lines += ["", *field_table(kind.model_json_schema(by_alias=True), f"kinds/{word}.md")]
    return "\n".join(lines)


def definition(name: str, schema: dict[str, Any], target: str) -> list[str]:
    """Heading, meaning and fields of a part of the file."""
    schema = next((form for form in schema.get("anyOf", []) if "properties" in form), schema)
    word = schema["properties"].get("kind", {}).get("const")
    meaning = prose(schema.get("description", "")) + (f" Written as `kind: {word}`." if word else "")
    return [f"### {name}", "", meaning, "", *field_table(schema, target)]


def field_table(schema: dict[str, Any], target: str) -> list[str]:
    """One row per field; ``target`` is the page on which the parts are described that a field refers to."""
    rows = ["| field | holds | default | meaning |", "| --- | --- | --- | --- |"]
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        if name == "kind":
            continue
        default = "required" if name in required else _default(field.get("default"))
        referred = schema.get("$defs", {}).get(field.get("$ref", "").rpartition("/")[2], {})
        text = field.get("description") or referred.get("description", "")
        meaning = " ".join(prose(text).replace("|", "\\|").split())
        rows.append(f"| `{name}` | {holds(field, target)} | {default} | {meaning} |")
    return rows


def holds(field: dict[str, Any], target: str) -> str:
    """Type, unit and range of a field in words."""
    forms = field.get("anyOf") or field.get("oneOf")
    if forms and any("series" in form.get("properties", {}) for form in forms):
        return _with_limits("series", forms[0] | {"unit": field.get("unit", "1")})
    if "discriminator" in field:
        names = [form.get("$ref", "").rpartition("/")[2] for form in field.get("oneOf", [])]
        if names and set(names) <= set(ROOT_DEFINITIONS):
            return " or ".join(f"[{name}](#{name.lower()})" for name in names)
        return "components by their `kind`"
    if forms:
        return " or ".join(dict.fromkeys(holds(form, target) for form in forms if form.get("type") != "null"))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        page = "" if name in ROOT_DEFINITIONS or not target.endswith(".md") else target
        return f"[{name}]({page}#{name.lower()})"
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        if "prefixItems" in field:
            return f"`[{', '.join(item.get('type', 'value') for item in field['prefixItems'])}]`"
        items = holds(field.get("items", {}), target)
        return items if items.startswith("components") else f"list of {items}"
    if field.get("type") == "object" and field.get("additionalProperties") is True:
        return "mapping of fields to values"
    if field.get("type") == "object":
        held = (
            field["additionalProperties"]
            if "additionalProperties" in field
            else next(iter(field["patternProperties"].values()))
        )
        return f"mapping of names to {holds(held, target)}"
    words = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    return _with_limits(words.get(str(field.get("type")), "value"), field)


def _with_limits(word: str, field: dict[str, Any]) -> str:
    unit = field.get("unit", "1")
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {_number(field[key])}" for key, sign in signs.items() if key in field]
    return ", ".join([word + ("" if unit in ("1", "count") else f" in {unit}"), *limits])


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _default(value: Any) -> str:
    if value is None:
        return "not given"
    if value in ([], {}) or isinstance(value, dict):
        return "its defaults" if value else "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# ---------------------------------------------------------------------- a page of a kind
def kind_page(kind: type[Component], path: Path) -> str:
    """Mathematics, fields, and what the page's example declares."""
    schema = kind.model_json_schema(by_alias=True)
    lines = ["## Mathematics", "", prose(inspect.getmodule(kind).__doc__ or "")]
    for module in shared_rules(kind):
        title = module.__name__.partition(".")[2].replace("_", " ").replace(".", ": ")
        lines += ["", f"### Shared rules: {title}", "", prose(module.__doc__ or "")]
    lines += ["", "## Fields", "", *field_table(schema, "")]
    for name, part in own_definitions(schema).items():
        lines += ["", *definition(name, part, "")]
    return "\n".join([*lines, "", *declared(kind, example(path))])


def own_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    """Parts that the fields of a kind hold, in alphabetical order; kinds that it holds have pages of their own."""
    known, found = schema.get("$defs", {}), set()
    waiting: list[Any] = [schema["properties"]]
    while waiting:
        entry = waiting.pop()
        name = str(entry.get("$ref", "")).rpartition("/")[2] if isinstance(entry, dict) else ""
        if name and name not in found and "kind" not in known[name].get("properties", {}):
            found.add(name)
            waiting.append(known[name])
        waiting += entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else []
    return {name: part for name, part in known.items() if name in found}


def example(path: Path) -> opt.Scenario:
    """The scenario in the first YAML block of a page."""
    block = re.search(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    if block is None:
        raise ValueError(f"{path} has no example in a YAML block")
    return opt.scenario_from_dict(parse_scenario(block[1], path).data)


def shared_rules(kind: type[Component]) -> list[Any]:
    """Modules of base classes, of nested fields and those that docstrings refer to, except for those of kinds."""
    own = {other.__module__ for of_section in own_kinds().values() for other in of_section}
    first = [base.__module__ for base in kind.__mro__] + [part.__module__ for part in _nested(kind)]
    waiting, found = [*first, *_referred(sys.modules[kind.__module__])], {}
    while waiting:
        name = waiting.pop(0)
        if not name.startswith("optimizer.") or name in found or name in own or name in NOT_SHARED_RULES:
            continue
        found[name] = module = __import__(name, fromlist=["_"])
        waiting += _referred(module)
    return list(found.values())


def _referred(module: Any) -> list[str]:
    return re.findall(r":mod:`([\w.]+)`", module.__doc__ or "")


def _nested(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Models that the fields of a model hold."""
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            yield annotation
        waiting += [argument for argument in get_args(annotation) if not isinstance(argument, str)]


def declared(kind: type[Component], scenario: opt.Scenario) -> list[str]:
    """What the components of one kind declare in a scenario: variables, rules, money, results."""
    parts, _ = place(scenario)
    build_model(scenario, parts, fast=True)
    own = [part for part in parts.components.values() if type(part.component) is kind]
    variables, rules, money, results, ends = {}, {}, {}, {}, {}
    for part in own:
        block, frame, component = part.block, part.frame, part.component
        for variable in block.component_objects(pyo.Var):
            variables[f"`{_indexed(variable)}`"] = _domain(variable)
        for rule in block.component_objects(pyo.Constraint):
            rules[f"`{_indexed(rule)}`"] = rule.doc
        for name, line in component.money(block, frame).items():
            money[f"`{re.sub(f'^{component.name}_', '<name>_', name)}`"] = _booked(line.index_sets, line.steps)
        if (end := component.end_rule(frame)) is not None:
            ends[f"`{part.label}`"] = end
        power = {"`power_mw`": ("MW", "member, time", "power drawn (negative: fed in), as reported under its name")}
        results |= power | {
            f"`{name}`": (result.units, ", ".join(result.dims), result.long_name)
            for name, result in component.results(block, frame).items()
        }
    rows = ((name, *rest) for name, rest in results.items())
    told = _section("Told in the summary", ("component", "rule at the end of the horizon"), ends.items())
    return [
        *_section("Variables", ("variable", "domain"), variables.items(), "None of its own."),
        *_section("Constraints", ("constraint", "in words"), rules.items(), "None beside the bounds of the variables."),
        *_section("Money lines", ("line of the ledger", "booked"), money.items(), "None: it earns and costs nothing."),
        *(told if ends else []),
        *_section("Results in the dispatch", ("result", "unit", "dimensions", "meaning"), rows, "None of its own."),
    ]


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]], if_empty: str = "") -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    table = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *body] if body else [if_empty]
    return [f"## {title}", "", *table, ""]


def _indexed(component: Any) -> str:
    return f"{component.local_name}[{', '.join(s.local_name for s in component.index_set().subsets())}]"


def _domain(variable: Any) -> str:
    domain = str(variable._rule_domain(variable.parent_block(), None, variable))
    words = {"NonNegativeReals": "number ≥ 0", "Reals": "number", "Binary": "0 or 1"}
    return words.get(domain, "whole number ≥ 0" if domain == "NonNegativeIntegers" else domain)


def _booked(index_sets: tuple[Any, ...], steps: tuple[int, ...] | None) -> str:
    often = "in every step" if steps is None else "at the end of each period"
    return often if len(index_sets) > 1 else "once, at the end of the horizon"


def main() -> int:
    """Rewrite the pages; with ``--check`` only say (also by the exit code) which would change."""
    check = "--check" in sys.argv
    stale = {path: text for path, text in pages().items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}: {'out of date' if check else 'rewritten'}\n")
        if not check:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and check else 0


if __name__ == "__main__":
    raise SystemExit(main())
