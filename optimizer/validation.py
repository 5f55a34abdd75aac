"""Pydantic's errors in a planner's words: place in the file, value found, what is allowed, what was probably meant."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from optimizer.discovery import AnyAsset, AnyContract, AnyCooling, AnyWorkload
from optimizer.errors import Problem, did_you_mean
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
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}
_BOUND_WORDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def problems_of(error: ValidationError, raw: RawScenario) -> list[Problem]:
    """One problem per error, in the order of the file."""
    found: dict[object, Problem] = {}
    for details in genuine_errors(error):
        problem = _problem(details, raw)
        # a broken data file is told once, at the first field that needs it
        found.setdefault(problem.message if details["type"] == "value_error" else problem, problem)
    return sorted(found.values(), key=lambda p: (p.line is None, p.line or 0))


def genuine_errors(error: ValidationError) -> list[Any]:
    """Pydantic's errors less those that only follow from others: a list whose entries were refused is not too short."""
    return [
        details
        for details in error.errors(include_url=False)
        if not (details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"])
    ]


def _problem(details: Any, raw: RawScenario) -> Problem:
    place, value = raw.locate(details["loc"])
    kind, context = details["type"], details.get("ctx", {})
    known = _fields_at(place[:-1], raw.data) if kind in ("extra_forbidden", "missing") else []
    if kind == "extra_forbidden":
        allowed = f"one of: {', '.join(known)}" if known else None
        return raw.problem(place, "unknown key", allowed=allowed, hint=did_you_mean(str(place[-1]), known))
    if kind == "missing":
        return raw.problem(place, "is missing", hint=_misspelt(place, known, raw.data))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind(place, raw)
    if kind in _TYPE_WORDS:
        return raw.problem(place, value=value, allowed=_TYPE_WORDS[kind])
    if kind in _BOUND_WORDS:
        key, words = _BOUND_WORDS[kind]
        return raw.problem(place, value=value, allowed=f"{words} {context[key]:g}")
    if kind in ("literal_error", "enum"):
        options = str(context["expected"]).replace("'", "")
        return raw.problem(place, value=value, allowed=options, hint=did_you_mean(str(value), options.split(", ")))
    if kind == "string_pattern_mismatch":
        return raw.problem(place, value=value, allowed="a name: a letter, then letters, digits, _ or -")
    if kind == "too_short":
        return raw.problem(place, f"needs at least {context['min_length']} entry")
    if kind == "value_error":
        return raw.problem(place, str(context["error"]))
    return raw.problem(place, str(details["msg"]), value=value)


def _unknown_kind(place: tuple[str | int, ...], raw: RawScenario) -> Problem:
    section = next((str(step) for step in reversed(place) if step in _SECTIONS), "assets")
    known = sorted(_models_in(_SECTIONS[section]))
    _, entry = raw.locate(place)
    if not isinstance(entry, dict):
        return raw.problem(place, value=entry, allowed="a mapping with a kind")
    kind = entry.get("kind", ...)
    hint = did_you_mean(str(kind), known)
    elsewhere = next((s for s, union in _SECTIONS.items() if s != section and kind in _models_in(union)), None)
    if elsewhere is not None:
        hint = f"{kind} is listed under {elsewhere}"
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
    annotation: Any = Scenario
    for depth, step in enumerate(place):
        model = _model_at(annotation, _entry(place[:depth], data))
        if isinstance(step, str) and model is not None:
            by_key = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            annotation = by_key.get(step)
        elif isinstance(step, str):
            annotation = next(iter(reversed(get_args(annotation))), None)
        else:
            annotation = next((a for a in get_args(annotation) if a is not Ellipsis), None)
    model = _model_at(annotation, _entry(place, data))
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


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
