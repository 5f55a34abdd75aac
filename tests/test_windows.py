"""Windows of the local clock in which a charge applies."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from optimizer.horizon import Horizon
from optimizer.windows import Window, mask_of

WEEK = Horizon(start="2024-08-19T00:00", steps=168, timezone="America/Chicago")  # from a Monday on


def hours_of(horizon: Horizon, **fields: object) -> list[str]:
    """Local starts of the steps inside a window."""
    mask = Window.model_validate(fields).mask(horizon)
    return [stamp.strftime("%a %H:%M") for stamp in horizon.local[mask]]


def test_hours_run_from_the_first_up_to_the_second() -> None:
    """Proves: [13, 19] is 13:00 to 19:00, six hours a day. Sensitivity: an inclusive end would give 49 hours."""
    assert len(hours_of(WEEK, hours=[13, 19])) == 42
    assert hours_of(WEEK, hours=[13, 19])[:6] == [f"Mon {h}:00" for h in range(13, 19)]


def test_hours_over_midnight_and_several_spans() -> None:
    assert hours_of(WEEK, hours=[22, 2], weekdays=["tue"]) == ["Tue 00:00", "Tue 01:00", "Tue 22:00", "Tue 23:00"]
    assert hours_of(WEEK, hours=[[6, 7], [17, 18]], weekdays=["sun"]) == ["Sun 06:00", "Sun 17:00"]


def test_weekdays_and_holidays() -> None:
    """Proves: a holiday counts as a Sunday: out of the workdays, into the weekend."""
    assert len(hours_of(WEEK, weekdays="workdays")) == 120
    assert len(hours_of(WEEK, weekdays="workdays", holidays=["2024-08-21"])) == 96
    assert "Wed 00:00" in hours_of(WEEK, weekdays="weekend", holidays=["2024-08-21"])


def test_months_are_those_of_the_local_clock() -> None:
    """Proves: 31 August 23:00 in Chicago is August, though it is September in UTC."""
    edge = Horizon(start="2024-08-31T22:00", steps=4, timezone="America/Chicago")
    assert hours_of(edge, months=[9]) == ["Sun 00:00", "Sun 01:00"]


def test_a_day_on_which_the_clocks_change_keeps_its_hours() -> None:
    """Proves: 13:00 to 19:00 is six steps on a day of 25 hours; the night window [0, 3] has four."""
    autumn = Horizon(start="2024-11-03T00:00", steps=25, timezone="America/Chicago")
    assert len(hours_of(autumn, hours=[13, 19])) == 6
    assert len(hours_of(autumn, hours=[0, 3])) == 4


def test_quarter_hours() -> None:
    fine = Horizon(start="2024-08-19T00:00", steps=96, step="15min", timezone="UTC")
    assert hours_of(fine, hours=[6.5, 7]) == ["Mon 06:30", "Mon 06:45"]


def test_hours_that_cut_a_step_are_found() -> None:
    window = Window.model_validate({"hours": [6.5, 9]})
    (found,) = window.findings(WEEK, "window")
    assert found.field == "window.hours"
    assert "6.5" in found.message
    assert not list(window.findings(Horizon(start="2024-08-19", steps=4, step="30min", timezone="UTC"), "window"))


@pytest.mark.parametrize(
    "fields",
    [
        {"months": [0]},
        {"months": []},
        {"hours": [5, 5]},
        {"hours": [5, 25]},
        {"hours": [1, 2, 3]},
        {"weekdays": "weekdays"},
        {"weekdays": []},
        {"holidays": ["2024-13-01"]},
        {"hour": [1, 2]},
    ],
)
def test_windows_that_say_nothing_sensible_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Window.model_validate(fields)


def test_no_window_is_every_step() -> None:
    assert np.array_equal(mask_of(None, WEEK), np.ones(168, bool))
