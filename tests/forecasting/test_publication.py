"""When values become known."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from optimizer.forecasting.publication import Publication

HOUR = timedelta(hours=1)


def known_from(text: str, start: str, timezone: str = "America/Chicago") -> str:
    """Publication of the hour that starts at a local time, as local time."""
    starts = pd.DatetimeIndex([pd.Timestamp(start, tz=timezone)]).tz_convert("UTC")
    instant = int(Publication.parse(text).instants(starts, HOUR, timezone)[0])
    return pd.Timestamp(instant, unit="us", tz="UTC").tz_convert(timezone).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        ("at the end", "2024-08-19T18:00"),
        ("2h after the end", "2024-08-19T20:00"),
        ("30min after the end", "2024-08-19T18:30"),
        ("day before 13:00", "2024-08-18T13:00"),
        ("same day 06:00", "2024-08-19T06:00"),
        ("2 days before 09:30", "2024-08-17T09:30"),
        ("day after 00:00", "2024-08-20T00:00"),
        # in UTC, 17:00 in Chicago is 22:00 of the same day, which is over at 19:00 in Chicago
        ("day after 00:00 UTC", "2024-08-19T19:00"),
    ],
)
def test_an_hour_is_known_from_the_time_that_the_rule_says(rule: str, published: str) -> None:
    assert known_from(rule, "2024-08-19T17:00") == published


def test_publication_follows_the_local_clock_through_its_changes() -> None:
    """Proves: 13:00 stays 13:00 on the day of 23 hours; a time that the clocks skip becomes the next there is."""
    assert known_from("day before 13:00", "2024-03-11T05:00") == "2024-03-10T13:00"
    assert known_from("same day 02:30", "2024-03-10T12:00") == "2024-03-10T03:00"


def test_a_time_that_happens_twice_is_its_second_time() -> None:
    """Proves: nothing is taken for known an hour too early."""
    starts = pd.DatetimeIndex([pd.Timestamp("2024-11-03T12:00", tz="America/Chicago")]).tz_convert("UTC")
    instant = int(Publication.parse("same day 01:30").instants(starts, HOUR, "America/Chicago")[0])
    assert pd.Timestamp(instant, unit="us", tz="UTC") == pd.Timestamp("2024-11-03T07:30Z")


def test_what_is_always_known_was_known_long_ago() -> None:
    starts = pd.date_range("2024-08-19", periods=3, freq="1h", tz="UTC")
    assert (Publication.parse("always").instants(starts, HOUR, "UTC") < -(10**18)).all()


@pytest.mark.parametrize("text", ["tomorrow", "day before 25:00", "day before", "13:00", "2h before the end", ""])
def test_other_texts_are_refused_with_the_forms_that_are_read(text: str) -> None:
    with pytest.raises(ValueError, match="day before 13:00"):
        Publication.parse(text)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        Publication.parse("day before 13:00 America/Chikago")
