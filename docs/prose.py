"""Docstrings as Markdown."""

from __future__ import annotations

import inspect
import re


def prose(text: str) -> str:
    """A docstring as Markdown: literal blocks are fenced, literals and references become code."""
    out: list[str] = []
    literal = False
    for line in inspect.cleandoc(text).splitlines():
        indented = line.startswith("    ")
        if not literal and indented and (not out or not out[-1]):
            out.append("```text")
            literal = True
        elif literal and line and not indented:
            while not out[-1]:
                out.pop()
            out += ["```", ""]
            literal = False
        out.append(line[4:] if literal else _inline(line))
    while literal and not out[-1]:
        out.pop()
    return "\n".join([*out, "```"] if literal else out)


def _inline(line: str) -> str:
    line = re.sub(r":(?:mod|func|class|meth|attr):`~?([^`]+)`", r"`\1`", line)
    return re.sub(r"::$", ":", line.replace("``", "`"))
