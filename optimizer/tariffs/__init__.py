"""Readers of tariff files: each makes the charges of a tariff, as a scenario file would write them."""

from __future__ import annotations

from collections.abc import Sequence


class TariffFileError(ValueError):
    """A tariff file that cannot be billed as it stands; ``messages`` holds everything that is wrong with it."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__(list(messages))
        self.messages = list(messages)

    def __str__(self) -> str:
        return "; ".join(self.messages)
