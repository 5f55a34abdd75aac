"""Field types with units and bounds, and the time series that a field may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from optimizer.errors import shown
from optimizer.horizon import Horizon, parse_stamp, stamp_text, to_utc
from optimizer.load_context import ColumnSource, LoadContext
from optimizer.series_values import copied, first_of, plain, resolved


def _number(unit: str, *, ge: float | None = None, gt: float | None = None, le: float | None = None) -> Any:
    return Field(strict=True, allow_inf_nan=False, ge=ge, gt=gt, le=le, json_schema_extra={"unit": unit})


Megawatts = Annotated[float, _number("MW", ge=0)]
MegawattHours = Annotated[float, _number("MWh", ge=0)]
Kilowatts = Annotated[float, _number("kW", ge=0)]
Watts = Annotated[float, _number("W", ge=0)]
Hours = Annotated[float, _number("h", ge=0)]
Fraction = Annotated[float, _number("1", ge=0, le=1)]
Efficiency = Annotated[float, _number("1", gt=0, le=1)]
NonNegative = Annotated[float, _number("1", ge=0)]
Positive = Annotated[float, _number("1", gt=0)]
Finite = Annotated[float, _number("1")]
Money = Annotated[float, _number("currency")]
Count = Annotated[int, Field(strict=True, ge=1, json_schema_extra={"unit": "count"})]
Name = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]


def _single_instant(stamp: str, info: ValidationInfo) -> str:
    parse_stamp(stamp)
    context: LoadContext | None = info.context
    if context is not None and context.horizon is not None:
        to_utc(stamp, context.horizon.zone)
    return stamp


Stamp = Annotated[
    str,
    BeforeValidator(stamp_text),
    Field(strict=True, json_schema_extra={"examples": ["2024-08-19T00:00", "2024-08-19T00:00-05:00"]}),
    AfterValidator(_single_instant),
]
"""A time in the scenario file: the horizon's local wall clock, or with a UTC offset."""


class Series:
    """Values over time, and by member if they differ between members; immutable.

    Written as a number, a list of T numbers, a list of M such lists, `source.column`, or
    `{series: …, scale: 1.1, add: 3.0}`.
    """

    def __init__(self, raw: object, values: NDArray[np.float64] | None, kind: SeriesOf | None = None) -> None:
        """``kind`` says within which bounds other values have to lie (:meth:`with_values`)."""
        self._raw = copied(raw)
        self._values = values
        self._kind = kind
        if values is not None:
            values.flags.writeable = False

    @classmethod
    def constant(cls, value: float) -> Self:
        """The same number at every step (a field's default)."""
        return cls(value, np.full((1, 1), float(value)))

    @property
    def raw(self) -> Any:
        """As written in the scenario file: numbers, lists, text, mappings. A copy: the series stays as it is."""
        return copied(self._raw)

    @property
    def values(self) -> NDArray[np.float64]:
        """Read-only, shape (1, T), or (M, T) if it differs by member; (1, 1) for a number read without a horizon."""
        if self._values is None:
            raise ValueError(f"the series {shown(self._raw)} was read without its data files")
        return self._values

    @property
    def unit(self) -> str:
        """Unit of the field; ``1`` where it has none."""
        return "1" if self._kind is None else self._kind.unit

    @cached_property
    def reference(self) -> tuple[str, str] | None:
        """Data source and column that it refers to, if it does."""
        raw = self._raw.get("series") if isinstance(self._raw, Mapping) else self._raw
        if not isinstance(raw, str):
            return None
        source, _, column = raw.partition(".")
        return source, column

    def with_values(self, sources: ColumnSource, horizon: Horizon, members: int) -> Self:
        """The same series with its column taken from elsewhere, scaled and shifted as before.

        Raises ValueError where the values are not finite or outside of the field's bounds.
        """
        values = resolved(self._raw, LoadContext(horizon, members, sources))
        assert values is not None
        (self._kind or SeriesOf())._check_bounds(values, horizon)
        return self._copy(self._raw, values)

    def between(self, first: int, steps: int) -> Self:
        """The part of ``steps`` steps from step ``first`` on."""
        if self.values.shape == (1, 1) or (first == 0 and steps == self.values.shape[1]):
            return self  # a field's default is one number whatever the horizon
        part = self.values[:, first : first + steps]
        raw = self._raw
        listed = raw.get("series") if isinstance(raw, Mapping) else raw
        if isinstance(listed, list):
            raw = part.tolist() if isinstance(listed[0], list) else part[0].tolist()
        return self._copy(raw, part)

    def without_values(self) -> Self:
        """The same series as if it had been read without its data files."""
        return self._copy(self._raw, None)

    def _copy(self, raw: Any, values: NDArray[np.float64] | None) -> Self:
        """A series that shares what never changes with this one."""
        new = type(self).__new__(type(self))
        new._raw, new._values, new._kind = raw, values, self._kind
        if values is not None:
            values.flags.writeable = False
        return new

    @cached_property
    def is_constant(self) -> bool:
        """Whether every step of every member has the same value."""
        return bool((self.values == self.values[0, 0]).all())

    @property
    def varies_by_member(self) -> bool:
        """Whether it holds one row per member."""
        return bool(self.values.shape[0] > 1)

    def by_member(self, members: int) -> NDArray[np.float64]:
        """Values with one row per member, shape (M, T); a common row is repeated without copying it."""
        rows = self.values.shape[0]
        if rows not in (1, members):
            raise ValueError(f"the series has {rows} members, not {members}")
        return np.broadcast_to(self.values, (members, self.values.shape[1]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        if self._values is None or other._values is None:
            return bool(self._raw == other._raw and self._values is other._values)
        return bool(self._raw == other._raw and np.array_equal(self._values, other._values))

    def __hash__(self) -> int:
        return hash(None if self._values is None else (self._values.shape, float(self._values.sum())))

    def __repr__(self) -> str:
        return f"Series({shown(self._raw)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return SeriesOf().__get_pydantic_core_schema__(source, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return SeriesOf().__get_pydantic_json_schema__(schema, handler)


@dataclass(frozen=True)
class SeriesOf:
    """Unit and bounds of a series: `price_per_mwh: Annotated[Series, SeriesOf(unit="1/MWh")]`."""

    unit: str = "1"
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        as_written = core_schema.plain_serializer_function_ser_schema(lambda series: series.raw)
        return core_schema.with_info_plain_validator_function(self._validated, serialization=as_written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
        number = {"type": "number"} | {names[k]: getattr(self, k) for k in names if getattr(self, k) is not None}
        plain: list[dict[str, Any]] = [
            number,
            {"type": "array", "minItems": 1, "items": number},
            {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 1, "items": number}},
            {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_-]*\..+$"},
        ]
        any_number = {"type": "number"}
        scaled = {
            "type": "object",
            "properties": {"series": {"anyOf": plain}, "scale": any_number, "add": any_number},
            "required": ["series"],
            "additionalProperties": False,
        }
        return {"anyOf": [*plain, scaled], "unit": self.unit}

    def _validated(self, value: object, info: ValidationInfo) -> Series:
        context: LoadContext = info.context if isinstance(info.context, LoadContext) else LoadContext()
        raw = value.raw if isinstance(value, Series) else plain(value, context.horizon)
        values = resolved(raw, context)
        if values is None and isinstance(value, Series):
            values = value._values  # read with its files before: they need not be there again
        if values is not None:
            self._check_bounds(values, context.horizon)
        return Series(raw, values, self)

    def _check_bounds(self, values: NDArray[np.float64], horizon: Horizon | None) -> None:
        if not np.isfinite(values).all():
            raise ValueError(f"found {first_of(values, ~np.isfinite(values), horizon)}; must be finite")
        limits = (
            (self.ge, np.less, "at least"),
            (self.gt, np.less_equal, "above"),
            (self.le, np.greater, "at most"),
            (self.lt, np.greater_equal, "below"),
        )
        for limit, breaks, words in limits:
            if limit is not None and (bad := breaks(values, limit)).any():
                unit = "" if self.unit == "1" else f" {self.unit}"
                raise ValueError(f"found {first_of(values, bad, horizon)}; must be {words} {limit:g}{unit}")
