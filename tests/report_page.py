"""Cases for the tests of the report, and what reads a page back: its pictures' data, its headings, its bill."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
from small_case import site_case, spot

import optimizer as opt
from optimizer.plan import Plan
from optimizer.reporting.arrays import unpacked

TURN_OF_MONTH = "2024-08-31T22:00"
TDU = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 1}


def site(name: str, load: Any, *contracts: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "house_load_mw": load, "contracts": [spot(50), *contracts]} | fields


def portfolio(sites: list[dict[str, Any]], *contracts: Mapping[str, Any], steps: int = 2) -> dict[str, Any]:
    case = site_case(steps=steps, contracts=[])
    return case | {"sites": sites, "contracts": [dict(contract) for contract in contracts]}


def plan_of(case: dict[str, Any]) -> Plan:
    return opt.optimize(opt.scenario_from_dict(case))


def block(text: str, name: str) -> str:
    """What stands in one of the page's data blocks."""
    found = re.search(rf'<script type="[a-z/]+" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return found[1]


def arrays(text: str) -> list[Any]:
    """The series that the pictures refer to."""
    return unpacked(block(text, "arrays"), json.loads(block(text, "lengths")))


def figures(text: str) -> list[dict[str, Any]]:
    """The pictures' data in the page, with their series in their places."""
    series = arrays(text)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return series[value["array"]] if set(value) == {"array"} else {k: filled(v) for k, v in value.items()}
        return [filled(entry) for entry in value] if isinstance(value, list) else value

    specs: list[dict[str, Any]] = filled(json.loads(block(text, "figures")))
    return specs


def hours(text: str) -> dict[str, Any]:
    """What the page can tell of each hour."""
    told: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(block(text, "hours"))))
    return told


def library(text: str) -> str:
    """The packed drawing library in the page."""
    return block(text, "library")


def values(series: Any) -> list[float]:
    assert series.dtype == np.dtype("<f4")
    found: list[float] = series.tolist()
    return found


def trace(text: str, name: str) -> dict[str, Any]:
    """The last trace of a name: the line itself, after its band."""
    return next(t for spec in figures(text) for t in reversed(spec["data"]) if t.get("name") == name)


def bill_rows(text: str) -> dict[str, list[str]]:
    """Cells of the bill by row; a line's quantity or unit stands in brackets behind the figure."""
    found = re.search(r"<h2[^>]*>Bill</h2>.*?<table>(.*?)</table>", text, re.DOTALL)
    assert found is not None
    rows = {}
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", found[1]):
        head, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        rows[_plain(re.sub(r"<span>(.*?)</span>", r"[\1]", head))] = [
            _plain(re.sub(r"<span>(.*?)</span>", r" [\1]", cell)) for cell in cells
        ]
    return rows


def _plain(cell: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", cell.replace("<br>", " ")))


class Outline(HTMLParser):
    """Headings, attributes that load something, and whether tags are balanced."""

    VOID = frozenset({"meta", "br", "wbr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[tuple[str, str | None]] = []
        self.metas: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self.metas.append(dict(attrs))
        loads = {"src", "href", "srcset", "data", "action"}
        given = {key: value or "" for key, value in attrs}
        self.loads += [(k, v) for k, v in given.items() if k in loads and not v.startswith("#")]
        self.ids += [given["id"]] if "id" in given else []
        self.references += [given["href"][1:]] if given.get("href", "").startswith("#") else []
        self.references += [given[key] for key in ("for", "aria-describedby") if key in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
