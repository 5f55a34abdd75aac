"""Runs in a row: the second starts where the first has ended, with what the first hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pandas as pd
from small_case import START, solved

import optimizer as opt


def start_of(first_step: int, start: str = START) -> str:
    """Local start of a run of hourly steps whose first step is so many hours after ``start``."""
    return (pd.Timestamp(start) + pd.Timedelta(hours=first_step)).isoformat(timespec="minutes")


def in_a_row(case: Callable[[int, int], Mapping[str, Any]], *edges: int) -> list[opt.Plan]:
    """Plans of ``case(first step, end step)`` between the edges, each with the carry of the one before."""
    plans: list[opt.Plan] = []
    for first, end in pairwise(edges):
        carried = {"carry": plans[-1].summary["carry"]} if plans else {}
        plans.append(solved({**case(first, end), **carried}))
    return plans


def ledger_of(plans: list[opt.Plan]) -> dict[str, float]:
    """What the plans book together, by line."""
    lines = {line for plan in plans for line in plan.summary["ledger"]}
    return {line: round(sum(plan.summary["ledger"].get(line, 0.0) for plan in plans), 6) for line in sorted(lines)}
