# SPDX-License-Identifier: Apache-2.0
"""Draws in a terminal: a row of block characters for a trace, plain text over any SSH line.

The rule it keeps: a value that is not known leaves a blank; a trace that does not move is drawn in the middle.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"


def bars(values: Sequence[float], width: int, span_min: float = 0.0) -> str:
    """Draw the last ``width`` values, lowest to highest of them over the height of one character.

    With ``span_min`` the height stands for at least so much, so that a still signal looks still.
    """
    shown = values[-width:]
    known = [value for value in shown if isfinite(value)]
    if not known:
        return " " * width
    span = max(max(known) - min(known), span_min)
    low = (max(known) + min(known) - span) / 2.0
    if span <= 0.0:
        return "".join(BLOCKS[3] if isfinite(value) else " " for value in shown).rjust(width)
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((value - low) / span * top)] if isfinite(value) else " " for value in shown).rjust(
        width
    )
