"""The horizon: absolute steps, local days and months, DST, and local time stamps."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from optimizer.horizon import Horizon

CHICAGO = "America/Chicago"


def horizon(start: str = "2024-08-19T00:00", steps: int = 24, step: str = "1h", timezone: str = CHICAGO) -> Horizon:
    return Horizon(start=start, steps=steps, step=step, timezone=timezone)


def refusal(**fields: object) -> tuple[str, str]:
    """Field and message of the only error."""
    with pytest.raises(ValidationError) as caught:
        Horizon.model_validate({"start": "2024-08-19T00:00", "steps": 24, "timezone": CHICAGO} | fields)
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["msg"]


def test_steps_start_at_local_midnight() -> None:
    h = horizon()
    assert h.utc[0] == pd.Timestamp("2024-08-19T05:00Z")
    assert h.local[0].isoformat() == "2024-08-19T00:00:00-05:00"
    assert h.end_utc == pd.Timestamp("2024-08-20T05:00Z")
    assert len(h.utc) == len(h.local) == 24
    assert str(h.utc.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-08-19", 24)])
def test_a_local_day_has_as_many_steps_as_the_clock_change_leaves(day: str, hours: int) -> None:
    """Proves: steps are absolute. Sensitivity: stepping the wall clock would give 24 on each day."""
    codes = horizon(f"{day}T00:00", steps=48).period_codes("day")
    assert (codes == 0).sum() == hours
    assert horizon(f"{day}T00:00", steps=100, step="15min").period_codes("day").tolist().count(0) == min(4 * hours, 100)


def test_periods_are_numbered_from_zero() -> None:
    h = horizon("2024-08-30T12:00", steps=60)
    assert h.period_codes("step").tolist() == list(range(60))
    assert h.period_codes("horizon").tolist() == [0] * 60
    assert h.period_codes("day").tolist() == [0] * 12 + [1] * 24 + [2] * 24
    assert h.period_codes("month").tolist() == [0] * 36 + [1] * 24
    with pytest.raises(ValueError, match="unknown period 'week'"):
        h.period_codes("week")  # type: ignore[arg-type]


def test_periods_go_by_local_time() -> None:
    """Sensitivity: by UTC the month would change 5 hours earlier."""
    assert horizon("2024-08-31T18:00", steps=8).period_codes("month").tolist() == [0] * 6 + [1] * 2


@pytest.mark.parametrize(
    ("step", "hours"), [("5min", 1 / 12), ("15min", 0.25), ("1h", 1.0), ("90min", 1.5), ("1d", 24)]
)
def test_step_length_and_energy(step: str, hours: float) -> None:
    h = horizon(step=step)
    assert h.step_h == pytest.approx(hours)
    assert h.energy_mwh(10.0) == pytest.approx(10 * hours)
    np.testing.assert_allclose(h.energy_mwh(np.array([1.0, -2.0])), [hours, -2 * hours])


@pytest.mark.parametrize(
    ("stamp", "first", "last"),
    [
        ("2024-08-19T00:00", 0, 0),
        ("2024-08-19T00:30", 1, 0),
        ("2024-08-18T23:30", 0, -1),
        ("2024-08-19", 0, 0),
        ("2024-08-19T06:00Z", 1, 1),
        ("2024-08-21T00:00:01", 49, 48),
    ],
)
def test_step_at_rounds_into_the_window(stamp: str, first: int, last: int) -> None:
    h = horizon()
    assert (h.step_at(stamp, side="start"), h.step_at(stamp, side="end")) == (first, last)


def test_step_at_counts_absolute_steps_over_a_clock_change() -> None:
    assert horizon("2024-11-03T00:00").step_at("2024-11-04T00:00", side="end") == 25
    assert horizon("2024-03-10T00:00").step_at("2024-03-11T00:00", side="end") == 23


def test_a_start_that_happens_twice_asks_for_an_offset() -> None:
    field, message = refusal(start="2024-11-03T01:30")
    assert field == "start"
    assert "happens twice" in message
    assert "2024-11-03T01:30-05:00 or 2024-11-03T01:30-06:00" in message
    assert horizon("2024-11-03T01:30-06:00").utc[0] == pd.Timestamp("2024-11-03T07:30Z")
    assert horizon("2024-11-03T01:30-05:00").utc[0] == pd.Timestamp("2024-11-03T06:30Z")


def test_a_start_that_never_happens_asks_for_an_offset() -> None:
    field, message = refusal(start="2024-03-10T02:30")
    assert field == "start"
    assert "does not exist" in message
    assert "UTC offset" in message


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"timezone": "America/Chicgo"}, "timezone", "did you mean 'America/Chicago'?"),
        ({"timezone": "America"}, "timezone", "unknown time zone"),
        ({"timezone": "../etc/passwd"}, "timezone", "unknown time zone"),
        ({"timezone": "localtime"}, "timezone", "unknown time zone"),
        ({"start": "19.08.2024"}, "start", "a time is written as 2024-08-19T06:00"),
        ({"start": "2024-02-30T00:00"}, "start", "is not a time"),
        ({"start": "0001-01-01T00:00"}, "start", "the year must be"),
        ({"start": 20240819}, "start", "valid string"),
        ({"step": "4min"}, "step", "from 5 minutes to 1 day"),
        ({"step": "2d"}, "step", "from 5 minutes to 1 day"),
        ({"step": "hourly"}, "step", "from 5 minutes to 1 day"),
        ({"steps": 0}, "steps", "greater than or equal to 1"),
        ({"steps": True}, "steps", "valid integer"),
        ({"steps": 10**9}, "steps", "less than or equal"),
        ({"step_size": "1h"}, "step_size", "Extra inputs"),
    ],
)
def test_refusals_name_the_field(fields: dict[str, object], field: str, words: str) -> None:
    where, message = refusal(**fields)
    assert where == field
    assert words in message


def test_python_datetimes_are_taken_as_text() -> None:
    h = Horizon.model_validate({"start": datetime(2024, 8, 19, 5, tzinfo=UTC), "steps": 1, "timezone": CHICAGO})
    assert h.utc[0] == horizon().utc[0]
    assert Horizon.model_validate(h.model_dump()) == h


def test_an_instant_is_described_in_local_time_and_utc() -> None:
    h = horizon("2024-11-03T00:00")
    assert h.describe(h.utc[2]) == "2024-11-03T01:00-06:00 (2024-11-03T07:00Z)"


@given(
    start=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1)),
    steps=st.integers(1, 3000),
    step=st.sampled_from(["5min", "15min", "1h", "1d"]),
    timezone=st.sampled_from([CHICAGO, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]),
)
def test_every_step_is_found_again_by_its_time_stamp(start: datetime, steps: int, step: str, timezone: str) -> None:
    stamp = start.replace(microsecond=0, tzinfo=UTC).isoformat()
    h = horizon(stamp, steps, step, timezone)
    assert (np.diff(h.utc.to_numpy()) == np.timedelta64(h.step_length, "us")).all()
    last = h.utc[-1].isoformat()
    assert h.step_at(last, side="start") == h.step_at(last, side="end") == steps - 1
    codes = h.period_codes("day")
    assert set(codes.tolist()) == set(range(int(codes.max()) + 1))


@given(
    start=st.sampled_from(["2011-10-20T00:00", "2016-02-25T06:00", "2024-03-01T00:00", "2024-10-20T00:00"]),
    step=st.sampled_from(["15min", "1h", "1d"]),
    timezone=st.sampled_from(
        [CHICAGO, "America/Havana", "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo", "Antarctica/Troll", "UTC"]
    ),
    steps=st.integers(1, 60),
    first=st.integers(0, 900),
)
@settings(deadline=None)
def test_a_part_is_the_horizon_that_starts_there(start: str, step: str, timezone: str, steps: int, first: int) -> None:
    """Proves: a part that shares the calendar of the whole is, in its stamps, periods, labels and shares, the horizon
    of the same start that knows no other: over both changes of the clocks, where midnight is skipped (São Paulo) or
    shown twice (Havana), and where a day is left out (Apia)."""
    part = horizon(start, 960, step, timezone).part(first, steps)
    own = horizon(part.start, steps, step, timezone)
    assert part == own
    assert part.model_dump() == own.model_dump()
    assert part.utc.equals(own.utc)
    assert part.local.equals(own.local)
    assert (part.utc.name, part.utc.dtype, part.local.dtype) == (own.utc.name, own.utc.dtype, own.local.dtype)
    assert (part.start_utc, part.end_utc) == (own.start_utc, own.end_utc)
    for kind in ("day", "month", "year"):
        assert part.period_codes(kind).tolist() == own.period_codes(kind).tolist()
        assert part.period_labels(kind) == own.period_labels(kind)
        assert part.covered_share(kind).tolist() == own.covered_share(kind).tolist()
        assert part.starts_inside(kind) == own.starts_inside(kind)


def test_a_part_lies_within_the_horizon() -> None:
    """Proves: steps 20 to 24 of 24 are refused, 20 to 23 are not, and a horizon is its own part."""
    h = horizon(steps=24)
    with pytest.raises(ValueError, match="steps 20 to 24 are not within 0 to 23"):
        h.part(20, 5)
    with pytest.raises(ValueError, match="not within"):
        h.part(-1, 5)
    assert h.part(20, 4).start == "2024-08-19T20:00-05:00"
    assert h.part(0, 24).utc.equals(h.utc)


def test_a_day_that_begins_twice_begins_the_first_time() -> None:
    """Proves: in Havana the clocks go from 1:00 back to midnight on 2011-11-13, so that the day has 25 hours from its
    first midnight on, and a horizon from the second one starts inside it. Sensitivity: to ask for the time zone's only
    midnight fails."""
    h = horizon("2011-11-13T00:00-05:00", 24, timezone="America/Havana")
    assert h.starts_inside("day")
    assert h.covered_share("day") == pytest.approx([24 / 25])
    assert not horizon("2011-11-13T00:00-04:00", 25, timezone="America/Havana").starts_inside("day")
