"""The project's docstrings as Markdown, for the reference pages: what ``docs/build.py`` does for the kinds' pages."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import griffe


def _prose() -> Any:
    spec = importlib.util.spec_from_file_location("docs_prose", Path(__file__).with_name("prose.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prose


class DocstringRoles(griffe.Extension):
    """Turns literals, references and literal blocks of docstrings into Markdown."""

    def __init__(self) -> None:
        self._prose = _prose()

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite a docstring as it is collected."""
        if obj.docstring is not None:
            obj.docstring.value = self._prose(obj.docstring.value)
