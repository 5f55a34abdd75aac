"""YAML 1.2 text (and so JSON) as plain data with line numbers, under strict limits.

Only the core schema of YAML 1.2 is read: `on`, `off`, `yes` and `no` are text, and so are dates and `12:30`.
The text is read as a stream of events without recursion, so no nesting or alias can exhaust memory or the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from optimizer.errors import InputError, PathKey, Problem, path_text

_DEEPEST = 64
_MOST_NODES = 2_000_000
_MOST_ALIASED_NODES = 100_000
_MOST_DIGITS = 400  # beyond the range of a float in any case, and converting them would take long
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def parse_yaml(text: str, file: str | None = None) -> tuple[Any, dict[PathKey, int]]:
    """Data of a YAML text, and the lines (from 1) of its keys and list items.

    An item on its list's own line has no entry. Raises InputError, naming `file`, if the text is not well formed.
    """
    return _Reader(file).read(text)


def to_yaml(data: Any) -> str:
    """Plain data as YAML text that YAML 1.1 and 1.2 read alike."""
    text: str = yaml.dump(data, Dumper=_CoreDumper, sort_keys=False, allow_unicode=True, width=120)
    return text


class _CoreDumper(_Dumper):  # type: ignore[misc]
    """Quotes text that only YAML 1.2 takes for a number (`1e3`, `0o17`), beside what YAML 1.1 does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_CoreDumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(rf"^(?:{_INT.pattern})$"), list("-+0123456789"))
_CoreDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"^(?:{_FLOAT.pattern})$"), list("-+.0123456789")
)


@dataclass
class _Open:
    """A list or mapping that is being read."""

    value: list[Any] | dict[str, Any]
    place: PathKey
    line: int
    anchor: str | None
    nodes_before: int
    key: str | None = None


class _Reader:
    """Builds plain data from the events of the YAML parser."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._lines: dict[PathKey, int] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: list[_Open] = []
        self._nodes = 0
        self._aliased = 0
        self._root: Any = None

    def read(self, text: str) -> tuple[Any, dict[PathKey, int]]:
        try:
            documents = 0
            for event in _events(text):
                documents += isinstance(event, yaml.DocumentStartEvent)
                if documents > 1:
                    raise self._error("holds more than one document (a line of `---`)", event)
                self._take(event)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
            line = mark.line + 1 if mark is not None else None
            raise InputError([Problem("", f"is not well-formed YAML: {said}", file=self._name, line=line)]) from None
        return self._root, self._lines

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self._open.pop()
            if closed.anchor is not None:
                self._anchors[closed.anchor] = (closed.value, self._nodes - closed.nodes_before)
        elif isinstance(event, yaml.ScalarEvent):
            self._count(1, event)
            if isinstance(self._parent_value(), dict) and self._open[-1].key is None:
                self._begin_entry(event)
                return
            value = self._scalar(event)
            self._put(value, event, is_scalar=True)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1)
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event)

    def _parent_value(self) -> list[Any] | dict[str, Any] | None:
        return self._open[-1].value if self._open else None

    def _begin(self, event: Any) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event, "map" if is_mapping else "seq")
        self._count(1, event)
        if len(self._open) >= _DEEPEST:
            raise self._error(f"is nested more than {_DEEPEST} levels deep", event)
        value: list[Any] | dict[str, Any] = {} if is_mapping else []
        place = self._put(value, event, is_scalar=False)
        self._open.append(_Open(value, place, _line(event), event.anchor, self._nodes))

    def _begin_entry(self, event: yaml.ScalarEvent) -> None:
        """Take a key. Keys are text as written, as in JSON."""
        parent, key = self._open[-1], event.value
        if key == "<<" and event.implicit[0]:
            raise self._error("merge keys (<<) are not part of YAML 1.2; write the keys out", event)
        place = (*parent.place, key)
        if key in parent.value:
            first = self._lines[place]
            raise self._error(f"the key is there twice, first in line {first}", event, place)
        parent.key = key
        self._lines[place] = _line(event)

    def _put(self, value: Any, event: yaml.Event, *, is_scalar: bool) -> PathKey:
        """Place a value into what is being read."""
        if not self._open:
            self._root = value
            return ()
        parent = self._open[-1]
        if isinstance(parent.value, dict):
            if parent.key is None:
                raise self._error("a key must be plain text", event)
            place: PathKey = (*parent.place, parent.key)
            parent.value[parent.key] = value
            parent.key = None
            return place
        place = (*parent.place, len(parent.value))
        line = _line(event)
        if not is_scalar or line != parent.line:  # a list of numbers on one line needs no entry for each of them
            self._lines[place] = line
        parent.value.append(value)
        return place

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        anchor = event.anchor
        if anchor not in self._anchors:
            raise self._error(f"the alias *{anchor} refers to nothing that stands complete before it", event)
        value, nodes = self._anchors[anchor]
        self._aliased += nodes
        if self._aliased > _MOST_ALIASED_NODES:
            raise self._error(f"aliases expand to more than {_MOST_ALIASED_NODES} values", event)
        self._count(nodes, event)
        self._put(copied(value), event, is_scalar=False)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if event.tag is None:
            return self._plain(text, event) if event.implicit[0] else text
        self._check_tag(event, "str")
        return text

    def _plain(self, text: str, event: yaml.Event) -> Any:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INT.fullmatch(text):
            if len(text) > _MOST_DIGITS:
                raise self._error(f"a number of {len(text)} digits", event)
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _check_tag(self, event: Any, allowed: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{allowed}"):
            raise self._error(f"the tag {event.tag} is not allowed", event)

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise self._error(f"holds more than {_MOST_NODES} values; long series belong into data files", event)

    def _error(self, message: str, event: yaml.Event, place: PathKey | None = None) -> InputError:
        if place is None:
            place = self._open[-1].place if self._open else ()
        return InputError([Problem(path_text(place), message, file=self._name, line=_line(event))])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


def _events(text: str) -> Iterator[yaml.Event]:
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def copied(value: Any) -> Any:
    """A copy of plain data that shares no list or dict with it."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
