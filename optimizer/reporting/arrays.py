"""The page's numbers: every series once, in one compressed block that the page's script unpacks.

A picture refers to a series by its number (``{"array": 12}``). Series are single precision; long ones are rounded to
five significant digits, finer than any screen, which halves their size. Bytes of the same significance stand together
("shuffled", as in HDF5), since they are alike and compress well.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Single = NDArray[np.float32]
LONG = 2_000
"""Values from which a series is rounded."""
KEPT_BITS = np.uint32(0xFFFFFF80)
HALF = np.uint32(0x40)
"""16 bits of the mantissa are kept: a relative error of at most 8e-6."""


class ArrayStore:
    """Collects series; those that are equal are stored once."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._blocks: list[bytes] = []
        self.lengths: list[int] = []

    def add(self, values: NDArray[Any]) -> dict[str, int]:
        """Store a series, (n,), and return the reference that stands for it."""
        single = np.ascontiguousarray(values, dtype="<f4")
        if len(single) > LONG:
            single = _rounded(single)
        raw = single.tobytes()
        if raw not in self._places:
            self._places[raw] = len(self.lengths)
            self._blocks.append(single.view(np.uint8).reshape(-1, 4).T.tobytes())
            self.lengths.append(len(single))
        return {"array": self._places[raw]}

    def referred(self, value: Any) -> Any:
        """A picture's data with all its series replaced by references."""
        if isinstance(value, np.ndarray):
            return self.add(value)
        if isinstance(value, dict):
            return {key: self.referred(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self.referred(entry) for entry in value]
        return value

    def packed(self) -> str:
        """All series, compressed, as text."""
        return compressed(b"".join(self._blocks))


def compressed(raw: bytes, level: int = 6) -> str:
    """Bytes as the page holds them: deflated, in base64."""
    return base64.b64encode(zlib.compress(raw, level)).decode("ascii")


def unpacked(text: str, lengths: list[int]) -> list[Single]:
    """The series of a block, as the page's script reads them."""
    raw, found, start = zlib.decompress(base64.b64decode(text)), [], 0
    for length in lengths:
        block = np.frombuffer(raw, dtype=np.uint8, count=4 * length, offset=start)
        found.append(np.ascontiguousarray(block.reshape(4, length).T).reshape(-1).view("<f4"))
        start += 4 * length
    return found


def _rounded(single: Single) -> Single:
    finite = np.isfinite(single)
    bits = np.where(finite, single, np.float32(0.0)).view(np.uint32)
    kept = ((bits + HALF) & KEPT_BITS).view(np.float32)
    return np.where(finite, kept, single).astype("<f4")
