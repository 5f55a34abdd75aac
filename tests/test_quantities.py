"""Field types: strictness, units in the schema, and series in all their spellings."""

import pickle
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from optimizer.horizon import Horizon
from optimizer.quantities import (
    Count,
    Efficiency,
    Fraction,
    Hours,
    Kilowatts,
    LoadContext,
    MegawattHours,
    Megawatts,
    Money,
    Name,
    NonNegative,
    Series,
    SeriesOf,
    Stamp,
    Watts,
)

HORIZON = Horizon(start="2024-08-19T00:00", steps=4, timezone="America/Chicago")
Power = Annotated[Series, SeriesOf(unit="MW", ge=0, le=100)]


class Load(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    power_mw: Power = Series.constant(7)
    price: Series | None = None


def refusal(kind: Any, value: object, context: LoadContext | None = None) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value, context=context)
    return str(caught.value.errors()[0]["msg"])


def series(value: object, members: int | None = 1) -> Series:
    adapter: TypeAdapter[Series] = TypeAdapter(Power)
    return adapter.validate_python(value, context=LoadContext(HORIZON, members))


@pytest.mark.parametrize("kind", [Megawatts, MegawattHours, Kilowatts, Watts, Hours, Fraction, NonNegative, Money])
def test_numbers_are_finite_numbers_and_nothing_else(kind: Any) -> None:
    assert TypeAdapter(kind).validate_python(1) == 1.0
    for silly in ("1", True, None, float("nan"), float("inf"), 10**400, [1]):
        assert refusal(kind, silly)


@pytest.mark.parametrize(
    ("kind", "fine", "bad"),
    [
        (Megawatts, [0, 1.5], [-0.1]),
        (Fraction, [0, 0.5, 1], [-0.1, 1.01]),
        (Efficiency, [0.01, 1], [0, 1.01]),
        (Count, [1, 10**6], [0, 1.0, "1", True]),
        (Money, [-5, 0, 1e12], ["5"]),
        (Name, ["s21", "west-1_a"], ["1a", "a b", "", "a\n", "é", "a.b", 5]),
        (Stamp, ["2024-08-19T00:00", "2024-08-19", "2024-08-19T00:00-05:00"], ["19.8.2024", "2024-13-01T00:00", 5]),
    ],
)
def test_bounds(kind: Any, fine: list[object], bad: list[object]) -> None:
    for value in fine:
        assert TypeAdapter(kind).validate_python(value) == value
    for value in bad:
        assert refusal(kind, value)


def test_units_stand_in_the_schema() -> None:
    assert TypeAdapter(Megawatts).json_schema()["unit"] == "MW"
    schema = TypeAdapter(Power).json_schema()
    assert schema["unit"] == "MW"
    assert schema["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 100}


def test_a_stamp_that_happens_twice_is_refused_once_the_zone_is_known() -> None:
    assert TypeAdapter(Stamp).validate_python("2024-11-03T01:30") == "2024-11-03T01:30"
    assert "happens twice" in refusal(Stamp, "2024-11-03T01:30", LoadContext(HORIZON))


def test_a_number_is_spread_over_the_horizon_without_copies() -> None:
    power = series(5)
    assert power.values.shape == (1, 4)
    assert power.values.strides[1] == 0
    assert power.is_constant
    assert not power.varies_by_member
    assert power.by_member(3).shape == (3, 4)
    assert power.by_member(3).strides[0] == 0
    assert power.raw == 5


def test_lists() -> None:
    assert series([1, 2, 3, 4.5]).values.tolist() == [[1, 2, 3, 4.5]]
    by_member = series([[1, 2, 3, 4], [5, 6, 7, 8]], members=2)
    assert by_member.varies_by_member
    assert not by_member.is_constant
    assert by_member.by_member(2).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    with pytest.raises(ValueError, match="2 members, not 3"):
        by_member.by_member(3)


def test_scale_and_add() -> None:
    assert series({"series": [1, 2, 3, 4], "scale": 2, "add": 0.5}).values.tolist() == [[2.5, 4.5, 6.5, 8.5]]
    assert series({"series": 3}).values.tolist() == [[3] * 4]


def test_arrays_are_written_back_as_lists() -> None:
    power = series(np.array([1, 2, 3, 4]))
    assert power.raw == [1, 2, 3, 4]
    assert power == series([1, 2, 3, 4])
    assert series(np.float64(3)).raw == 3
    assert series((1, 2, 3, 4)).raw == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1, "found -1; must be at least 0 MW"),
        ([0, 0, -2, -3], "found -2 at 2024-08-19T02:00-05:00 (2024-08-19T07:00Z); must be at least 0 MW"),
        ([[0, 0, 0, 101], [0, 0, 102, 0]], "found 102 at 2024-08-19T02:00-05:00 (2024-08-19T07:00Z) in member 1"),
        ({"series": [1, 1, 1, 2], "scale": -1}, "found -1 at 2024-08-19T00:00"),
        ({"series": 1e308, "scale": 10}, "must be finite"),
        ([1, 2, 3], "found 3 values; must be one for each of 4 steps"),
        ([[1, 2, 3, 4], [1, 2, 3]], "member 1: found 3 values"),
        ([[1, 2, 3, 4]] * 3, "found 3 lists, one per member; the ensemble has 2 members"),
        ([1, 2, "x", 4], 'found "x" at position 2; must be a finite number'),
        ([1, 2, True, 4], "found true at position 2"),
        ([1, 2, float("nan"), 4], "found NaN at position 2"),
        ([[1, 2, 3, 4], 5], "member 1: found 5; must be a list of numbers"),
        ([], "found []; must be a list of numbers"),
        (True, "found true; must be a finite number"),
        (None, "found null; must be a finite number"),
        (float("inf"), "found Infinity"),
        (10**400, "must be a finite number"),
        ("12.5", "a number is written without quotes"),
        ("market", "a column written source.column"),
        ({"series": 1, "scal": 2}, "did you mean 'scale'?"),
        ({"series": 1, "scale": "2"}, 'scale: found "2"; must be a finite number'),
        ({"scale": 2}, "{series: source.column"),
        ({"series": {"series": 1}}, "{series: source.column"),
    ],
)
def test_refusals(value: object, words: str) -> None:
    assert words in refusal(Power, value, LoadContext(HORIZON, 2))


def test_exclusive_bounds() -> None:
    share = Annotated[Series, SeriesOf(gt=0, lt=1)]
    assert "must be above 0" in refusal(share, 0)
    assert "must be below 1" in refusal(share, 1)
    assert TypeAdapter(share).json_schema()["anyOf"][0] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
    }


def test_without_a_context_only_the_form_is_checked() -> None:
    load = Load.model_validate({"power_mw": "market.load", "price": [1, 2, 3]})
    assert load.price is not None
    assert load.price.values.shape == (1, 3)
    assert Load().power_mw.values.shape == (1, 1)
    with pytest.raises(ValueError, match="read without its data files"):
        _ = load.power_mw.values


def test_a_default_is_spread_over_the_horizon() -> None:
    assert Load.model_validate({}, context=LoadContext(HORIZON)).power_mw.values.shape == (1, 4)


@pytest.mark.parametrize("raw", [5, [1, 2, 3, 4], {"series": [1, 2, 3, 4], "scale": 2}, "market.load"])
def test_dump_gives_back_what_was_written(raw: object) -> None:
    load = Load.model_validate({"power_mw": raw})
    assert load.model_dump()["power_mw"] == raw
    assert Load.model_validate_json(load.model_dump_json()) == load
    assert pickle.loads(pickle.dumps(load)) == load
    assert hash(load) == hash(Load.model_validate({"power_mw": raw}))


def test_a_series_cannot_be_changed() -> None:
    written = [1, 2, 3, 4]
    power = series(written)
    written[0] = 99
    power.raw[1] = 99
    assert power.raw == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        power.values[0, 0] = 5
    assert power != series(5)
    assert power != 5
    assert repr(power) == "Series([1, 2, 3, 4])"
