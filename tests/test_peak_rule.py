"""Rules of coincident peaks: months and seasons of a horizon, sums of probabilities, candidates from a signal."""

from typing import Any

import numpy as np
import pytest

from optimizer.horizon import Horizon
from optimizer.peak_rule import PeakRule


def horizon(start: str, steps: int, step: str = "1d", timezone: str = "UTC") -> Horizon:
    return Horizon(start=start, steps=steps, step=step, timezone=timezone)


def test_each_month_of_the_season_has_peaks_of_its_own() -> None:
    """Proves: of a year from 15 May, June to September are covered whole, and again none of the next May. Sensitivity:
    a season as one period would have one label."""
    rule = PeakRule(months=(6, 7, 8, 9), peaks_per_month=1)
    periods = rule.periods(horizon("2024-05-15", 365))
    assert [(p.label, p.peaks, len(p.steps), p.covered) for p in periods] == [
        ("2024-06", 1, 30, 1.0),
        ("2024-07", 1, 31, 1.0),
        ("2024-08", 1, 31, 1.0),
        ("2024-09", 1, 30, 1.0),
    ]
    assert rule.peaks == 4


def test_a_season_is_one_period_and_may_be_covered_in_part() -> None:
    """Proves: June and July are 61 of the 122 days of June to September. Sensitivity: by month there would be two
    periods, each whole."""
    rule = PeakRule(months=(6, 7, 8, 9), top=5)
    (period,) = rule.periods(horizon("2024-06-01", 61))
    assert (period.label, period.peaks, period.covered) == ("2024", 5, 61 / 122)
    assert rule.peaks == 5


def test_a_season_over_the_end_of_a_year_belongs_to_the_year_in_which_it_begins() -> None:
    """Proves: January 2024 ends the season 2023/2024, of which it is 31 of 121 days; November begins the next."""
    periods = PeakRule(months=(11, 12, 1, 2), top=5).periods(horizon("2024-01-01", 366))
    assert [p.label for p in periods] == ["2023/2024", "2024/2025"]
    assert [p.covered for p in periods] == [60 / 121, 61 / 120]


@pytest.mark.parametrize(
    ("months", "label"),
    [((1, 2, 12), "2023/2024"), ((1, 2, 7, 8), "2024"), (tuple(range(1, 13)), "2024"), ((12, 1, 6, 7), "2023/2024")],
)
def test_a_season_begins_after_its_longest_gap(months: tuple[int, ...], label: str) -> None:
    assert PeakRule(months=months, top=1).periods(horizon("2024-01-01", 10))[0].label == label


def test_a_month_with_a_clock_change_is_covered_whole() -> None:
    """Proves: November 2024 has 721 hours in Chicago. Sensitivity: taken as 720, it would be whole an hour early."""
    rule = PeakRule(months=(11,), peaks_per_month=1)
    steps = [720, 721]
    covered = [rule.periods(horizon("2024-11-01", n, "1h", "America/Chicago"))[0].covered for n in steps]
    assert covered == pytest.approx([720 / 721, 1.0])


def likely(signal: Any, hours: float, rule: PeakRule, at: Horizon) -> list[list[float]]:
    return [[round(p, 6) for p in row] for row in rule.likely(np.array(signal, dtype=float), hours, at).tolist()]


def test_the_hours_with_the_highest_signal_are_equally_likely_by_member() -> None:
    """Proves: the whole of June in days, 48 candidate hours are two days, each with a probability of 1/2; which two
    differs by member. Sensitivity: candidates of the mean signal would be the same two."""
    signal = np.zeros((2, 30))
    signal[0, [3, 7, 9]] = 5, 9, 7
    signal[1, [0, 29]] = 2, 3
    rule = PeakRule(months=(6,), peaks_per_month=1)
    found = rule.likely(signal, 48.0, horizon("2024-06-01", 30))
    assert [np.flatnonzero(row).tolist() for row in found] == [[7, 9], [0, 29]]
    assert found[found > 0].tolist() == [0.5] * 4


@pytest.mark.parametrize(("start", "highest"), [("2024-06-01", 14), ("2024-06-16", 0)])
def test_a_part_of_a_month_holds_its_share_of_the_peaks(start: str, highest: int) -> None:
    """Proves: half of June has half a peak, over 18 of 36 candidate hours, which is one day. Sensitivity: without
    scaling, the two halves of June would together expect two peaks, and it has one."""
    signal = np.zeros((1, 15))
    signal[0, highest] = 1.0
    rule = PeakRule(months=(6,), peaks_per_month=1)
    probability = rule.likely(signal, 36.0, horizon(start, 15))
    assert probability.sum() == pytest.approx(0.5)
    assert np.flatnonzero(probability).tolist() == [highest]


def test_steps_outside_of_the_months_are_no_candidates_and_equals_go_to_the_earlier() -> None:
    """Proves: 31 May has the highest signal and no chance; 3 of 30 days of June hold 0.1 peaks, over 24 of the 240
    candidate hours; of the three days, alike, the first is taken."""
    rule = PeakRule(months=(6,), top=1)
    assert likely([[9, 1, 1, 1]], 240.0, rule, horizon("2024-05-31", 4)) == [[0, 0.1, 0, 0]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either peaks_per_month or top"),
        ({"peaks_per_month": 1, "top": 5}, "either peaks_per_month or top"),
        ({"months": (6, 6), "top": 5}, "named twice"),
        ({"months": (), "top": 5}, "at least 1 item"),
        ({"months": (13,), "top": 5}, "less than or equal to 12"),
        ({"top": 0}, "greater than or equal to 1"),
    ],
)
def test_bad_rules_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PeakRule(**fields)
