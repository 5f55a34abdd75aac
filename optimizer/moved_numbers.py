"""Numbers of a scenario moved: what is written where one stood, a series, a table or a time included.

Both who values a number (:mod:`optimizer.explanation`) and who looks for one that makes a plan possible
(:mod:`optimizer.infeasibility`) move numbers in this way, so that both write the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from optimizer.horizon import parse_stamp, to_utc


def moved(value: Any, by: float, zone: ZoneInfo) -> Any:
    """What is written where ``value`` stands, for ``by`` more of it: units of a number, a series or a table's rows, or
    hours of a time. ``zone`` is that of the horizon; None where nothing stands that could be moved."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value + int(by) if isinstance(value, int) and float(by).is_integer() else value + by
    if isinstance(value, str) and _is_time(value):
        return moved_time(value, by, zone)
    if isinstance(value, Mapping) and "table" in value:
        return {**value, "table": [[at, number + by] for at, number in value["table"]]}
    if isinstance(value, Mapping) and "series" in value:
        return {**value, "add": value.get("add", 0) + by}
    return {"series": value, "add": by} if _is_series(value) else None


def scaled(value: Any, factor: float) -> Any:
    """What is written where a number or a series stands, for ``factor`` times as much; None where neither does."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value * factor
    if isinstance(value, Mapping) and "series" in value:
        added = {"add": value["add"] * factor} if "add" in value else {}
        return {**value, "scale": value.get("scale", 1) * factor, **added}
    return {"series": value, "scale": factor} if _is_series(value) else None


def moved_time(stamp: str, hours: float, zone: ZoneInfo) -> str:
    """A time moved by hours, on the wall clock of ``zone``; with its UTC offset where the clock shows it twice."""
    at = (to_utc(stamp, zone) + timedelta(seconds=round(hours * 3600))).astimezone(zone)
    is_shown_twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    shown = at if is_shown_twice else at.replace(tzinfo=None)
    return shown.isoformat(timespec="seconds" if at.second else "minutes")


def attribute_of(owner: BaseModel, key: str) -> str:
    """Name of the attribute that a key of the file is read into; the key itself where there is none."""
    return next((name for name, field in type(owner).model_fields.items() if field.alias == key), key)


def held_in(component: Any, field: str) -> Any:
    """What a component holds in a field (``grid.import_limit_mw``); None where the field, or a part of it, is not
    given."""
    held = component
    for key in field.split("."):
        if not isinstance(held, BaseModel):
            break
        held = getattr(held, attribute_of(held, key))
    return held


def _is_time(text: str) -> bool:
    try:
        parse_stamp(text)
    except ValueError:
        return False
    return True


def _is_series(value: Any) -> bool:
    """Whether a column's name or a list of numbers stands there."""
    if isinstance(value, str):
        return True
    return isinstance(value, list) and bool(value) and not any(isinstance(item, Mapping) for item in value)
