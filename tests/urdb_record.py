"""Records of the Utility Rate Database, small enough to read."""

from __future__ import annotations

from typing import Any

import pytest

from optimizer.tariffs import TariffFileError
from optimizer.tariffs.urdb import read_urdb

ALL = [[0] * 24] * 12
FLAT: dict[str, Any] = {
    "energyratestructure": [[{"rate": 0.1}]],
    "energyweekdayschedule": ALL,
    "energyweekendschedule": ALL,
}


def charges_of(**fields: Any) -> dict[str, dict[str, Any]]:
    """The charges of a record, by name."""
    return {charge["name"]: charge for charge in read_urdb(fields)}


def refusal(**fields: Any) -> list[str]:
    """Everything for which a record is refused."""
    with pytest.raises(TariffFileError) as caught:
        read_urdb(fields)
    return caught.value.messages


def schedule(period: int, months: range, hours: range) -> list[list[int]]:
    """Period 0 but for some hours of some months (counted from 1)."""
    return [[period if month in months and hour in hours else 0 for hour in range(24)] for month in range(1, 13)]
