"""The bundled table of ways of cooling: every figure plausible and sourced."""

from pathlib import Path

import pytest

from optimizer.cooling_types import CoolingType, cooling_type, cooling_types

TYPES = list(cooling_types().values())


@pytest.mark.parametrize("entry", TYPES, ids=lambda entry: entry.type)
def test_each_way_of_cooling_is_plausible_and_sourced(entry: CoolingType) -> None:
    """Proves: overheads between nothing and the average facility's, which a PUE in their stead (above 1) would miss;
    each within the range that it names."""
    assert 0 < entry.overhead < 1
    assert (entry.overhead_low or 0.0) <= entry.overhead <= (entry.overhead_high or 1.0)
    assert entry.limit_kw_per_rack is None or 5 < entry.limit_kw_per_rack < 200
    assert "http" in entry.source
    assert len(entry.basis) > 20


def test_known_figures() -> None:
    """Proves: 25 kW of pumps and fans for 720 kW, an annual PUE of 1.036, 2 kW of fans in a door of 60 kW."""
    assert cooling_type("immersion").overhead == pytest.approx(25 / 720, abs=5e-4)
    assert cooling_type("cold_plate").overhead == pytest.approx(1.036 - 1)
    assert cooling_type("rear_door").overhead == pytest.approx(2 / 60, abs=5e-4)


def test_the_page_says_the_same() -> None:
    page = (Path(__file__).parents[1] / "docs" / "cooling-types.md").read_text(encoding="utf-8")
    for entry in TYPES:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{entry.type}` |")]
        assert float(row.split("|")[2]) == entry.overhead
        assert entry.basis in row


def test_an_unknown_way_is_answered_with_a_near_one() -> None:
    with pytest.raises(ValueError, match="did you mean 'evaporative'"):
        cooling_type("evaporativ")
    with pytest.raises(ValueError, match="must be one of: air_chilled, air_free_cooling"):
        cooling_type("ice")
