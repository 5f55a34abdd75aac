"""Paper-sized scenarios of GPU pools and the work on them, beside those of :mod:`small_case`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from small_case import START, site_case, spot

import optimizer as opt

KW = 1e-3
"""MWh per kW and hour."""


def pool(name: str = "h", **fields: Any) -> dict[str, Any]:
    """10 nodes of 8 GPUs, 2 kW idle and 10 kW at full work, switched off at no cost."""
    plain = {"kind": "gpu_pool", "name": name, "nodes": 10, "idle_kw": 2, "full_kw": 10}
    return plain | fields


def rental(name: str = "r", **fields: Any) -> dict[str, Any]:
    """Nodes at 1 per GPU-hour, 8 per node-hour."""
    return {"kind": "rental", "name": name, "pool": "h", "price_per_gpu_hour": 1.0} | fields


def service(name: str = "s", **fields: Any) -> dict[str, Any]:
    """A node serves 10 units an hour at 0.2 kWh (idling) and 0.8 kWh (serving) each."""
    plain = {
        "kind": "inference_service",
        "name": name,
        "pool": "h",
        "unit": "Mtok",
        "capacity_per_node_hour": 10,
        "revenue_per_unit": 1.0,
    }
    return plain | fields


def job(name: str = "j", **fields: Any) -> dict[str, Any]:
    """A malleable job worth 100 on up to 10 nodes."""
    plain = {"kind": "training_job", "name": name, "pool": "h", "value": 100}
    size = {} if fields.get("class", "malleable") != "malleable" else {"max_nodes": 10}
    return plain | size | fields


def pool_case(
    price: Any, steps: int, *workloads: Mapping[str, Any], on: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """One site with one pool, bought at ``price`` per MWh; ``fields`` are those of :func:`small_case.site_case`."""
    case = site_case(steps=steps, contracts=[spot(price)], assets=[on or pool()], **fields)
    case["sites"][0]["workloads"] = [dict(work) for work in workloads]
    return case


def two_sites(prices: Iterable[Any], steps: int, *workloads: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Sites ``a`` and ``b``, each with a pool ``h`` and a price of its own; the workloads are shared."""
    case = site_case(steps=steps, contracts=[spot(0)], **fields)
    case["sites"] = [
        {"name": name, "contracts": [spot(price)], "assets": [pool()]} for name, price in zip("ab", prices, strict=True)
    ]
    case["workloads"] = [dict(work) for work in workloads]
    return case


def at(hour: float) -> str:
    """Time stamp so many hours after the start of :mod:`small_case`'s horizon."""
    minutes = round(hour * 60)
    return f"{START[:10]}T{minutes // 60:02d}:{minutes % 60:02d}"


def table(plan: opt.Plan, component: str, variable: str, member: int = 0) -> dict[str, list[float]]:
    """A variable with a dimension of the component's own: a list over time by label."""
    array = plan.dispatch[f"{component}.{variable}"].isel(member=member)
    labels = [str(label) for label in array[array.dims[0]].to_numpy()]
    return {label: [round(float(v), 6) + 0.0 for v in row] for label, row in zip(labels, array.to_numpy(), strict=True)}
