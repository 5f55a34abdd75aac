"""Cases for the tests of the report, and what reads a page back: its pictures' data, its headings, its bill."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
from small_case import site_case, spot

import optimizer as opt
from optimizer.plan import Plan

TURN_OF_MONTH = "2024-08-31T22:00"
TDU = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 1}


def site(name: str, load: Any, *contracts: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "house_load_mw": load, "contracts": [spot(50), *contracts]} | fields


def portfolio(sites: list[dict[str, Any]], *contracts: Mapping[str, Any], steps: int = 2) -> dict[str, Any]:
    case = site_case(steps=steps, contracts=[])
    return case | {"sites": sites, "contracts": [dict(contract) for contract in contracts]}


def plan_of(case: dict[str, Any]) -> Plan:
    return opt.optimize(opt.scenario_from_dict(case))


def figures(text: str) -> list[dict[str, Any]]:
    """The pictures' data in the page."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    specs: list[dict[str, Any]] = json.loads(found[1])
    return specs


def library(text: str) -> str:
    """The packed drawing library in the page."""
    found = re.search(r'<script type="text/plain" id="library">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return found[1]


def values(packed: dict[str, str]) -> list[float]:
    assert packed["dtype"] == "f4"
    found: list[float] = np.frombuffer(base64.b64decode(packed["bdata"]), dtype="<f4").tolist()
    return found


def trace(text: str, name: str) -> dict[str, Any]:
    """The last trace of a name: the line itself, after its band."""
    return next(t for spec in figures(text) for t in reversed(spec["data"]) if t.get("name") == name)


def bill_rows(text: str) -> dict[str, list[str]]:
    """Cells of the bill by row; a line's quantity or unit stands in brackets behind the figure."""
    found = re.search(r"<h2>Bill</h2>.*?<table>(.*?)</table>", text, re.DOTALL)
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

    VOID = frozenset({"meta", "br", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[tuple[str, str | None]] = []
        self.metas: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self.metas.append(dict(attrs))
        self.loads += [(key, value) for key, value in attrs if key in {"src", "href", "srcset", "data", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
