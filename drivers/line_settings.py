# SPDX-License-Identifier: Apache-2.0
"""How characters stand on a serial line: baud, bits, parity, and the times that follow from them.

The rule it keeps: every duration of a line is computed here, from the settings, in seconds.
"""

from typing import Literal

import msgspec

Parity = Literal["N", "E", "O"]

# Modbus over Serial Line 1.02 §2.5.1.1: above 19200 baud the silence is fixed.
FAST_SILENCE_S = 0.00175
SILENCE_CHARACTERS = 3.5


class LineSettings(msgspec.Struct, frozen=True):
    """One line's setting, as on a data sheet: 9600 8N1 is ``LineSettings()``."""

    baud: int = 9600
    parity: Parity = "N"
    stop_bits: int = 1
    data_bits: int = 8

    def __post_init__(self) -> None:
        if not 300 <= self.baud <= 4_000_000:
            raise ValueError(f"baud {self.baud} is not a speed of a serial line (300 to 4000000)")
        if self.parity not in {"N", "E", "O"} or self.stop_bits not in {1, 2} or self.data_bits not in {7, 8}:
            raise ValueError(f"{self.data_bits}{self.parity}{self.stop_bits} is no character format known here")

    @property
    def character_s(self) -> float:
        """Duration of one character with start, parity and stop bits (s)."""
        return (1 + self.data_bits + (self.parity != "N") + self.stop_bits) / self.baud

    @property
    def silence_s(self) -> float:
        """The silence t3.5 that separates two Modbus RTU frames (s)."""
        if self.baud > 19200:
            return FAST_SILENCE_S
        return SILENCE_CHARACTERS * self.character_s

    def __str__(self) -> str:
        return f"{self.baud} {self.data_bits}{self.parity}{self.stop_bits}"
