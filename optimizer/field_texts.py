"""Texts of the JSON Schema: the docstrings under the fields, read from the source only when a schema is asked for.

pydantic can do the same as each class is made (``use_attribute_docstrings``), but then every command pays for reading
and taking apart the source of a hundred classes: a third of the time until a scenario file is read.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class DescribedSchema(GenerateJsonSchema):
    """Gives every field that has no description the docstring under it, its own class's before those of its bases."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        for name, text in field_texts(schema["cls"]).items():
            field = schema["cls"].model_fields.get(name)
            if field is None or field.description is not None:
                continue
            key = field.alias if self.by_alias and field.alias is not None else name
            if key in found.get("properties", {}):
                found["properties"][key]["description"] = text
        return found


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """Docstrings under the fields of a model and its bases, by the name of the field."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base in BaseModel.__mro__:
            continue
        texts |= _texts_by_class(base.__module__).get(base.__qualname__, {})
    return texts


@cache
def _texts_by_class(module: str) -> dict[str, dict[str, str]]:
    """Docstrings under the annotated names of each class of a module; none where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return {}
    return {name: dict(_texts(body)) for name, body in _classes(tree.body, "")}


def _classes(statements: list[ast.stmt], prefix: str) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Qualified name and body of each class."""
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield prefix + statement.name, statement.body
            yield from _classes(statement.body, f"{prefix}{statement.name}.")


def _texts(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Each annotated name followed by a string, with that string."""
    for statement, text in pairwise(body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            yield statement.target.id, inspect.cleandoc(text.value.value)


def described_schema(keywords: dict[str, Any]) -> dict[str, Any]:
    """Keywords of ``model_json_schema`` with the generator of this module unless another is asked for."""
    return {"schema_generator": DescribedSchema} | keywords
