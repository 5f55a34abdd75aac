"""The few exception types of the library and the one shape in which an input problem is told."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

PathKey = tuple[str | int, ...]
"""Place in a scenario file: `("sites", 0, "name")`."""

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input, told so that a planner can mend it.

    Reads as ``sites[0].assets[2].machines (west.yaml:23): found -5; must be at least 0``.
    """

    path: str
    """Place in the scenario file, e.g. ``sites[0].assets[2].machines``; empty for the file as a whole."""
    message: str = ""
    """What is wrong, where "found … must be …" does not say it all."""
    value: object = field(default=..., hash=False)
    """The value found; ``...`` (Ellipsis) where there is none to show."""
    allowed: str | None = None
    """What is allowed, to be read after "must be": ``at least 0``."""
    hint: str | None = None
    """How it is probably mended: ``did you mean 'machines'?``."""
    file: str | None = None
    """Name of the file."""
    line: int | None = None
    """Line in the file, from 1."""

    def __str__(self) -> str:
        parts = [self.message] if self.message else []
        if self.value is not ...:
            parts.append(f"found {shown(self.value)}")
        if self.allowed:
            parts.append(f"must be {self.allowed}")
        if self.hint:
            parts.append(self.hint)
        head = " ".join(part for part in (self.path, self._location()) if part)
        return f"{head}: {'; '.join(parts)}" if head else "; ".join(parts)

    def _location(self) -> str:
        if self.file is None:
            return "" if self.line is None else f"(line {self.line})"
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"({place})" if self.path else place


class OptimizerError(Exception):
    """Base of every error that the library raises on purpose; `exit_code` is the command line's."""

    exit_code: ClassVar[int] = 1


class InputError(OptimizerError):
    """The input was refused; `problems` holds everything that is wrong with it, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(list(problems))  # as `args`, so that the error survives pickling between processes
        self.problems: list[Problem] = list(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class WithoutPlanError(OptimizerError):
    """The scenario is in order, and yet there is no plan; `status` is that of the summary."""

    status: ClassVar[str]

    @property
    def details(self) -> dict[str, Any]:
        """What is known of the reason beside the message, for scripts."""
        return {}


class InfeasibleError(WithoutPlanError):
    """No plan satisfies all limits."""

    exit_code = 3
    status = "infeasible"

    def __init__(
        self,
        message: str = "",
        conflicts: Sequence[Mapping[str, Any]] = (),
        repairs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message, list(conflicts), list(repairs))  # as `args`: it survives pickling between processes
        self.conflicts: list[Mapping[str, Any]] = list(conflicts)
        """Rules and limits that cannot be kept together: ``where``, ``rule``, ``limit``, ``first``, ``last``, …"""
        self.repairs: list[Mapping[str, Any]] = list(repairs)
        """Changes of the scenario that were proven to give a plan, the smallest first: ``changes``, each with ``path``
        and ``value`` as ``--set`` takes them."""

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def details(self) -> dict[str, Any]:
        return {"conflicts": self.conflicts, "repairs": self.repairs}


class UnboundedError(WithoutPlanError):
    """Profit can grow without limit, so a limit is missing from the input."""

    exit_code = 3
    status = "unbounded"

    def __init__(self, message: str = "", grows: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message, list(grows))
        self.grows: list[Mapping[str, Any]] = list(grows)
        """Quantities that can grow together without end: ``where``, ``quantity``, ``step``, ``per_unit``, ``earns``."""

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def details(self) -> dict[str, Any]:
        return {"grows": self.grows}


class NoPlanError(WithoutPlanError):
    """The solver stopped at a limit before it had found any plan."""

    exit_code = 5
    status = "no_plan"


class AuditError(OptimizerError):
    """The independent recomputation contradicts the plan."""

    exit_code = 6


class OutputError(OptimizerError):
    """Results could not be written (disk full, folder not writable)."""

    exit_code = 1


def path_text(place: Sequence[str | int]) -> str:
    """`("sites", 0, "name")` as `sites[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def shown(value: object) -> str:
    """`value` as it would stand in a JSON file, cut to a readable length."""
    if isinstance(value, list | tuple):
        value = value[:_LONGEST_VALUE]  # a long series is not spelled out only to be cut again
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'machines'?`` for the nearest of the `known` names, or None where none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = name.casefold()
    near = difflib.get_close_matches(folded, by_folded, n=3, cutoff=0.6)
    swapped = [each for each in near if sorted(each) == sorted(folded)]  # two letters swapped are the likeliest slip
    return f"did you mean '{by_folded[(swapped or near)[0]]}'?" if near else None


def with_hint(message: str, hint: str | None) -> str:
    """`message`, followed by the hint if there is one."""
    return f"{message}; {hint}" if hint else message
