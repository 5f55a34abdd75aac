"""The bundled table of GPU servers: GPUs, draw idle and at most, and what was measured, each with its source.

The draw at full work is the maker's maximum: right for connections and halls, too much for the energy bill. Where a
measurement under load is known, it stands beside it (8.4 of 10.2 kW for eight H100). The draw of an idle server is
given only where it was measured.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from optimizer.errors import did_you_mean, with_hint


@dataclass(frozen=True)
class GpuServer:
    """One server, or a rack that is one node: GPUs, kW idle and at most, the most that was measured, and sources."""

    model: str
    gpus: int
    idle_kw: float | None
    full_kw: float
    measured_kw: float | None
    source: str
    measured_source: str


def _number(text: str) -> float | None:
    return float(text) if text else None


@cache
def gpu_servers() -> dict[str, GpuServer]:
    """All bundled servers by name."""
    text = (files("optimizer") / "data" / "gpu_servers.csv").read_text(encoding="utf-8")
    found = [
        GpuServer(
            row["model"],
            int(row["gpus"]),
            _number(row["idle_kw"]),
            float(row["full_kw"]),
            _number(row["measured_kw"]),
            row["source"],
            row["measured_source"],
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return {server.model: server for server in found}


def gpu_server(name: str) -> GpuServer:
    """One bundled server. Raises ValueError, with the nearest name, where there is none."""
    servers = gpu_servers()
    if name in servers:
        return servers[name]
    raise ValueError(
        with_hint(f"model: found '{name}'; must be one of: {', '.join(servers)}", did_you_mean(name, servers))
    )


def filled_in(data: Any) -> Any:
    """The fields of a pool as given, with those of its ``model`` where they are not."""
    if not isinstance(data, dict) or not isinstance(data.get("model"), str):
        return data
    server = gpu_server(data["model"])
    given = {field: value for field, value in data.items() if value is not None}
    if "idle_kw" not in given and server.idle_kw is None:
        raise ValueError(f"no draw of an idle {server.model} is bundled, because none is published: give idle_kw")
    known = {"gpus_per_node": server.gpus, "idle_kw": server.idle_kw, "full_kw": server.full_kw}
    return known | given


def needed_without_model(schema: dict[str, Any]) -> None:
    """Editors do not ask for the draws: a ``model`` may give them."""
    schema["required"] = [field for field in schema["required"] if field not in ("idle_kw", "full_kw")]
