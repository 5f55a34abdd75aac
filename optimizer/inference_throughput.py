"""The bundled table of models served on GPU nodes: published throughput of a whole node, each with its source.

``input_tokens_per_s`` is what a node takes in while it only prefills, ``output_tokens_per_s`` what it gives out while
it only decodes (or, where the source has no such split, while it does both). ``joules_per_output_token`` is left blank
where the source does not state it: a node at its capacity then draws the pool's ``full_kw``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from optimizer.errors import did_you_mean, with_hint

TOKENS = {"tok": 1.0, "token": 1.0, "ktok": 1e3, "Mtok": 1e6, "Gtok": 1e9}
"""Units that count tokens, and how many."""


@dataclass(frozen=True)
class ServedModel:
    """A model on one kind of node: tokens per second of the whole node, J per output token with idling, source."""

    model: str
    gpu: str
    gpus_per_node: int
    precision: str
    input_tokens_per_s: float | None
    output_tokens_per_s: float
    joules_per_output_token: float | None
    source: str


@cache
def served_models() -> dict[str, ServedModel]:
    """All bundled models by name."""
    text = (files("optimizer") / "data" / "inference_throughput.csv").read_text(encoding="utf-8")
    models = [
        ServedModel(
            model=row["model"],
            gpu=row["gpu"],
            gpus_per_node=int(row["gpus_per_node"]),
            precision=row["precision"],
            input_tokens_per_s=_number(row["input_tokens_per_s"]),
            output_tokens_per_s=float(row["output_tokens_per_s"]),
            joules_per_output_token=_number(row["joules_per_output_token"]),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return {m.model: m for m in models}


def served_model(name: str) -> ServedModel:
    """One bundled model. Raises ValueError, with the nearest name, where there is none."""
    models = served_models()
    if name not in models:
        message = with_hint(f"no bundled model {name!r}", did_you_mean(name, models))
        raise ValueError(f"{message} Known: {', '.join(models)}")
    return models[name]


def tokens_per_unit(unit: str) -> float | None:
    """Tokens in a unit of demand; None for a unit that does not count tokens."""
    return TOKENS.get(unit)


def _number(text: str) -> float | None:
    return float(text) if text else None
