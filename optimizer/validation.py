"""Pydantic's errors in a planner's words: place in the file, value found, what is allowed, what was probably meant."""

from __future__ import annotations

import re
import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from optimizer.discovery import AnyAsset, AnyContract, AnyCooling, AnyWorkload
from optimizer.errors import PathKey, Problem, did_you_mean
from optimizer.scenario import Scenario
from optimizer.scenario_file import RawScenario

_SECTIONS: dict[str, Any] = {
    "assets": AnyAsset,
    "contracts": AnyContract,
    "cooling": AnyCooling,
    "workloads": AnyWorkload,
}
_TYPE_WORDS = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}
_OTHER_TYPE = {*_TYPE_WORDS, "literal_error"}
_BOUND_WORDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def problems_of(error: ValidationError, raw: RawScenario) -> list[Problem]:
    """One problem per error, in the order of the file."""
    found: dict[object, Problem] = {}
    for details in _settled(genuine_errors(error), raw):
        problem = _problem(details, raw)
        # a broken data file is told once, at the first field that needs it
        found.setdefault(problem.message if _is_of_data_file(problem, raw) else problem, problem)
    return sorted(found.values(), key=lambda p: (p.line is None, p.line or 0))


def genuine_errors(error: ValidationError) -> list[Any]:
    """Pydantic's errors less those that only follow from others: a list whose entries were refused is not too short."""
    return [
        details
        for details in error.errors(include_url=False)
        if not (details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"])
    ]


def _settled(errors: list[Any], raw: RawScenario) -> list[Any]:
    """Errors with those of a field that may be written in several ways (text or a list) settled to one of the ways.

    That is the way in which the error lies deeper, or the one whose type is right, since the value was meant so; else
    one error tells all the ways.
    """
    ways: dict[PathKey, dict[object, list[Any]]] = {}
    for details in errors:
        field, way = _way(details, raw.data)
        ways.setdefault(field, {}).setdefault(way, []).append(details)
    settled: list[Any] = []
    for field, by_way in ways.items():
        deeper = [group for group in by_way.values() if any(len(_place(d, raw)[0]) > len(field) for d in group)]
        of_right_type = [group for group in by_way.values() if group[0]["type"] not in _OTHER_TYPE]
        if len(by_way) == 1 or deeper or of_right_type:
            settled += [details for group in (deeper or of_right_type or by_way.values()) for details in group]
        else:
            settled.append({"type": "several_ways", "loc": field, "ways": [group[0] for group in by_way.values()]})
    return settled


def _way(details: Any, data: Any) -> tuple[PathKey, object]:
    """Place of the innermost field of an error that may be written in several ways, and pydantic's name of the way."""
    place: PathKey = ()
    found: tuple[PathKey, object] = (), None
    location = details["loc"][:-1] if details["type"] == "missing" else details["loc"]
    for step in location:
        if (isinstance(data, dict) and step in data) or (isinstance(data, list) and step in range(len(data))):
            place, data = (*place, step), data[step]
        else:  # no step in the file, so it is the name of a way
            found = place, step
    return found


def _place(details: Any, raw: RawScenario) -> tuple[PathKey, object]:
    """Place in the file of an error, and the value there."""
    place, value = raw.locate(details["loc"])
    if value is ... and details["type"] != "missing":  # the last part is the name of a way to write the value
        return raw.locate(place[:-1])
    return place, value


def _is_of_data_file(problem: Problem, raw: RawScenario) -> bool:
    sources = raw.data.get("data")
    files = [str(s.get("file")) for s in sources.values() if isinstance(s, dict)] if isinstance(sources, dict) else []
    return problem.message.startswith(("data file ", *files, *(file.rpartition("/")[2] for file in files)))


def _problem(details: Any, raw: RawScenario) -> Problem:
    place, value = _place(details, raw)
    kind, context = details["type"], details.get("ctx", {})
    known = _fields_at(place[:-1], raw.data) if kind in ("extra_forbidden", "missing") else []
    if kind == "several_ways":
        ways = [_problem(way, raw) for way in details["ways"]]
        hint = next((way.hint for way in ways if way.hint), None)
        return raw.problem(place, value=value, allowed=" or ".join(w.allowed or w.message for w in ways), hint=hint)
    if kind == "extra_forbidden":
        allowed = f"one of: {', '.join(known)}" if known else None
        return raw.problem(place, "unknown key", allowed=allowed, hint=did_you_mean(str(place[-1]), known))
    if kind == "missing" and isinstance(details["loc"][-1], int):
        return raw.problem(place, value=value, allowed=f"a list of at least {details['loc'][-1] + 1} values")
    if kind == "missing":
        return raw.problem(place, "is missing", hint=_misspelt(place, known, raw.data))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind(place, raw)
    if kind in _TYPE_WORDS:
        return raw.problem(place, value=value, allowed=_TYPE_WORDS[kind])
    if kind in _BOUND_WORDS:
        key, words = _BOUND_WORDS[kind]
        allowed = f"{words} {context[key]:g}"
        return raw.problem(place, value=value, allowed=allowed, hint=_in_percent(context.get("le"), value))
    if kind in ("literal_error", "enum"):
        options = str(context["expected"]).replace("'", "")
        hint = did_you_mean(str(value), re.split(", | or ", options))
        return raw.problem(place, value=value, allowed=options if " " in options else f"the word {options}", hint=hint)
    if kind == "string_pattern_mismatch":
        return raw.problem(place, value=value, allowed="a name: a letter, then letters, digits, _ or -")
    if kind == "too_short":
        return raw.problem(place, f"needs at least {context['min_length']} entry")
    if kind == "string_too_short":
        return raw.problem(place, "is empty")
    if kind in ("string_too_long", "too_long"):
        unit = "characters" if kind == "string_too_long" else "entries"
        return raw.problem(place, value=value, allowed=f"at most {context['max_length']} {unit} long")
    if kind == "value_error":
        return _contradiction(place, str(context["error"]), value, raw)
    return raw.problem(place, str(details["msg"]), value=value)


def _contradiction(place: PathKey, message: str, entry: object, raw: RawScenario) -> Problem:
    """What a check of a whole entry says; if that begins with the name of a field, it is told at the field."""
    field = re.match(r"\w+", message)
    if field and isinstance(entry, dict) and field[0] in entry:
        place = (*place, field[0])
        message = message.removeprefix(f"{field[0]}: ")
    return raw.problem(place, message)


def _in_percent(most: object, value: object) -> str | None:
    likely = most == 1 and isinstance(value, int | float) and 2 <= value <= 100
    return f"it is a fraction: was {float(value) / 100:g} meant (percent given)?" if likely else None  # type: ignore[arg-type]


def _unknown_kind(place: tuple[str | int, ...], raw: RawScenario) -> Problem:
    section = next((str(step) for step in reversed(place) if step in _SECTIONS), "assets")
    known = sorted(_models_in(_annotation_at(place, raw.data))) or sorted(_models_in(_SECTIONS[section]))
    _, entry = raw.locate(place)
    if not isinstance(entry, dict):
        return raw.problem(place, value=entry, allowed="a mapping with a kind")
    kind = entry.get("kind", ...)
    hint = did_you_mean(str(kind), known)
    elsewhere = next((s for s, union in _SECTIONS.items() if s != section and str(kind) in _models_in(union)), None)
    if elsewhere is not None:
        hint = f"{kind} is listed under {elsewhere}"
    elif kind not in known and str(kind) in _models_in(_SECTIONS[section]):
        hint = f"{kind} is listed under {section} itself"
    message = "unknown kind" if "kind" in entry else "is missing"
    return raw.problem((*place, "kind"), message, value=kind, allowed=f"one of: {', '.join(known)}", hint=hint)


def _misspelt(place: tuple[str | int, ...], known: list[str], data: Any) -> str | None:
    """The unknown key beside a missing one that probably was meant to be it."""
    entry = _entry(place[:-1], data)
    strange = [key for key in entry if key not in known] if isinstance(entry, dict) else []
    near = did_you_mean(str(place[-1]), strange)
    return near and near.replace("did you mean", "is it written as")


def _entry(place: tuple[str | int, ...], data: Any) -> Any:
    for step in place:
        data = data[step]
    return data


def _fields_at(place: tuple[str | int, ...], data: Any) -> list[str]:
    """Keys allowed at a place of the file."""
    model = _model_at(_annotation_at(place, data), _entry(place, data))
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _annotation_at(place: tuple[str | int, ...], data: Any) -> Any:
    """Type that a place of the file is read as; None for one that no model describes."""
    annotation: Any = Scenario
    for depth, step in enumerate(place):
        model = _model_at(annotation, _entry(place[:depth], data))
        if isinstance(step, str) and model is not None:
            by_key = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            annotation = by_key.get(step)
        else:
            annotation = _item_of(annotation)
    return annotation


def _item_of(annotation: Any) -> Any:
    """What a list, tuple or mapping holds, also one that is optional or annotated."""
    if get_origin(annotation) in (list, tuple, dict):
        return next(argument for argument in reversed(get_args(annotation)) if argument is not Ellipsis)
    inner = (_item_of(argument) for argument in get_args(annotation))
    return next((found for found in inner if found is not None), None)


def _model_at(annotation: Any, entry: Any) -> type[BaseModel] | None:
    models = _models_in(annotation)
    if len(models) > 1 and isinstance(entry, dict):
        return models.get(str(entry.get("kind")))
    return next(iter(models.values()), None)


def _models_in(annotation: Any) -> dict[str, type[BaseModel]]:
    """Models named by an annotation, by kind (or class name)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return {kind.default if kind else annotation.__name__: annotation}
    if get_origin(annotation) in (Union, types.UnionType) or hasattr(annotation, "__metadata__"):
        found: dict[str, type[BaseModel]] = {}
        for argument in get_args(annotation):
            found |= _models_in(argument)
        return found
    return {}
