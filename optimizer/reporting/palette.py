"""Colours that colour-blind readers can tell apart (Okabe and Ito; the last three after Tol), and hatching beyond."""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#AA3377", "#999933", "#7B6FD0")
NEUTRAL = "#9A9A9A"
GREYS = ("#B4B4B4", "#D6D6D6", "#8A8A8A")
GAIN, LOSS = "#009E73", "#D55E00"
GROUPS = {"money": "#009E73", "limit": "#0072B2", "obligation": "#CC79A7", "none": "#9A9A9A"}
"""Colours of the groups of reasons."""
NOT_PAYING = "#E69F00"
"""Of the group ``money`` where nothing runs."""
HATCHES = ("", "/", ".", "x", "-")

INK = "@ink"
"""Colour of the text: dark on a light page, light on a dark one; the page's script puts it in."""
FAINT_INK, PAGE = "@faint", "@page"
"""The colour of the text, see-through, and that of the page; put in likewise."""


@dataclass(frozen=True)
class Look:
    """Colour and hatching of an area or a line."""

    colour: str
    hatch: str = ""

    def faint(self, opacity: float = 0.22) -> str:
        """The colour, see-through."""
        if self.colour == INK:
            return FAINT_INK
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


def looks(count: int) -> list[Look]:
    """So many looks: every colour once, and the same ones hatched after that."""
    return [Look(COLOURS[i % len(COLOURS)], HATCHES[i // len(COLOURS) % len(HATCHES)]) for i in range(count)]
