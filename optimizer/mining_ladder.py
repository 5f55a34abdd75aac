"""The firmware steps of a fleet: as given, or those of a machine of the bundled tables.

Of the steps a plan uses those on the upper concave envelope of hash rate over power; the others are named in a warning,
and so are steps that hash less for more power. The tables: :mod:`optimizer.asic_models`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from optimizer.asic_models import asic_ladder, asic_model
from optimizer.component import Finding, StrictModel
from optimizer.mining_machine import Mode


class MiningLadder(StrictModel):
    """Steps in which machines can run."""

    modes: Annotated[list[Mode], Field(min_length=1)] | None = None
    """Firmware steps; or give ``model``."""
    model: str | None = None
    """A machine of the bundled table (``Antminer S21``), run at its nameplate."""
    ladder: bool = False
    """Run the ``model`` in the firmware steps of the bundled ladder instead, where there is one."""

    @model_validator(mode="after")
    def _steps_are_known(self) -> Self:
        if (self.modes is None) == (self.model is None):
            raise ValueError("give either modes or model (of the bundled table)")
        if self.ladder and self.model is None:
            raise ValueError("ladder: true is for a model of the bundled table; modes are a ladder themselves")
        names = [mode.name for mode in self.all_modes]
        if len(set(names)) < len(names):
            raise ValueError(f"modes share a name: {', '.join(names)}")
        return self

    @property
    def all_modes(self) -> list[Mode]:
        """Steps as given, or those of the bundled model."""
        if self.modes is not None:
            return self.modes
        assert self.model is not None
        if self.ladder:
            return [
                Mode(name=step.step, hash_th_s=step.hash_th_s, power_w=step.power_w) for step in asic_ladder(self.model)
            ]
        nameplate = asic_model(self.model)
        return [Mode(name="nameplate", hash_th_s=nameplate.hash_th_s, power_w=nameplate.power_w)]

    def ladder_findings(self, kept: list[Mode]) -> Iterator[Finding]:
        """Steps that are never used, and steps that hash less for more power."""
        field = "ladder" if self.ladder else "modes"
        dominated = [mode.name for mode in self.all_modes if mode not in kept]
        if dominated and not self.ladder:  # of a bundled ladder there is nothing to mend
            yield Finding(
                field,
                f"{', '.join(dominated)} lie below the envelope of hash over power and are never used: "
                "a mix of the other modes (and standing by) gives more hash for the same power",
                fatal=False,
            )
        rising = sorted(self.all_modes, key=lambda mode: mode.power_w)
        falling = [f"{b.name} below {a.name}" for a, b in pairwise(rising) if b.hash_th_s < a.hash_th_s]
        if falling:
            yield Finding(
                field,
                f"the hash rate falls while the power rises ({', '.join(falling)}): such a step pays only where "
                "drawing power is paid for",
                hint="check the figures of these steps",
                fatal=False,
            )
