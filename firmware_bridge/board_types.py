# SPDX-License-Identifier: Apache-2.0
"""What each kind of board has room for.

The rule it keeps: the numbers are those of ``firmware/boards/*/board_pins.h`` (a test reads both), so that a farm
is told what does not fit before anything is flashed.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BoardType:
    """How many of each a board has; pins are numbered from 0, input 0 is always the stop chain."""

    outputs: int
    pumps: int
    dosers: int
    inputs: int
    counters: int
    channels: int


BOARD_TYPES: Final[dict[str, BoardType]] = {
    "avr-nano": BoardType(outputs=8, pumps=2, dosers=2, inputs=3, counters=3, channels=4),
    "linux": BoardType(outputs=16, pumps=4, dosers=4, inputs=8, counters=8, channels=8),
}


def kind_of(about: str) -> str:
    """Give the kind of board out of what it says of itself ("avr-nano 0.1.0"); "" when it names none."""
    return about.rpartition(" ")[0]
