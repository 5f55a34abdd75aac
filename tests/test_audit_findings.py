"""What an audit has found: judged a buffer at a time, and the same as one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer import audit_findings
from optimizer.audit_findings import Findings

NUMBERS = st.one_of(
    st.floats(-10, 10), st.sampled_from([math.inf, -math.inf, math.nan, 0.0, 1000.0]), st.integers(-3, 3).map(float)
)
CHECKS = st.lists(st.tuples(st.booleans(), st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6)), max_size=12)


def one_by_one(is_limit: bool, pairs: list[tuple[float, float]]) -> float:
    """Worst relative violation by its definition, in plain Python; 0 without one, inf for what is no number."""
    worst = 0.0
    for one, other in pairs:
        excess, scale = (-math.inf if other == math.inf else one - other, other) if is_limit else (one, other)
        if is_limit and math.isinf(scale):
            scale = 0.0
        relative = excess / (max(1.0, abs(scale)) if not math.isnan(scale) else math.nan)
        worst = max(worst, math.inf if math.isnan(relative) else relative)
    return worst


@given(CHECKS, st.integers(1, 8))
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_buffer_at_a_time_is_one_by_one(checks: list[tuple[bool, list[tuple[float, float]]]], room: int) -> None:
    """Proves: with any size of the buffer, smaller than a rule and larger than all, every violated rule is found in its
    order with the violation of the definition, infinite and missing numbers included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_findings, "BUFFER", room)
        findings = Findings()
        for number, (is_limit, pairs) in enumerate(checks):
            one, other = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
            (findings.limit if is_limit else findings.add)("here", f"rule {number}", one, other)
        found = {v.rule: math.inf if math.isnan(v.relative) else v.relative for v in findings.worst}
        assert findings.checks == len(checks)
    expected = {f"rule {n}": one_by_one(*check) for n, check in enumerate(checks)}
    assert found == pytest.approx({rule: worst for rule, worst in expected.items() if worst > 0})
    assert list(found) == [rule for rule, worst in expected.items() if worst > 0]


def test_what_is_gone_on_with_afterwards_does_not_count() -> None:
    """Proves: the audit takes what was stated: 3 above a limit of 2 is half of it, whatever the array holds later."""
    findings = Findings()
    level = np.array([1.0, 3.0])
    findings.limit("store", "level", level, 2.0)
    level += 100.0
    assert findings.largest is not None
    assert (findings.largest.relative, findings.largest.absolute) == (0.5, 1.0)


def test_asked_in_between_nothing_is_lost_or_told_twice() -> None:
    """Proves: rules keep their order, whichever way they were stated and whenever somebody has looked."""
    findings = Findings()
    findings.add("a", "one", [0.5], 1.0)
    assert [v.rule for v in findings.worst] == ["one"]
    findings.limit("a", "two", [[4.0, 6.0]], [[4.0, 4.0]])
    findings.limit("a", "held", [[4.0], [3.0]], [[4.0, 5.0]])
    findings.add("a", "three", [0.25], 1.0)
    assert [v.rule for v in findings.worst] == ["one", "two", "three"]
    assert [v.relative for v in findings.worst] == [0.5, 0.5, 0.25]
    assert findings.checks == 4
