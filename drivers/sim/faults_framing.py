# SPDX-License-Identifier: Apache-2.0
"""Faults of an answer's shape: begun twice, cut into segments, handed over in one burst, a length that is not true.

The rule it keeps: as in ``drivers.sim.faults``, what is heard changes, never what a device truly measured or did.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from drivers.modbus_rtu import frame_of
from drivers.sim.line import Behaviour, Emission, Exchange

BURST: Final = 0.01  # of a character: a segment of a network arrives at once
LATE_MOST_S: Final = 1.8  # below the master's limit of 2 s, which counts from the end of its own wait


def _false_start(pause_s: float, exchange: Exchange) -> list[Emission]:
    """The device breaks off and says the whole answer from its beginning, with or without a pause."""
    reply = exchange.ask()
    if reply is None:
        return []
    begun = reply[: exchange.rng.randrange(2, len(reply))]
    return [exchange.emit(begun), exchange.emit(reply, len(begun) * exchange.character_s + pause_s)]


def _segments(exchange: Exchange) -> list[Emission]:
    """A gateway hands the answer over in three segments, as a network cuts them."""
    reply = exchange.ask()
    if reply is None:
        return []
    cuts = sorted(exchange.rng.sample(range(1, len(reply)), 2))
    parts = (reply[: cuts[0]], reply[cuts[0] : cuts[1]], reply[cuts[1] :])
    pauses = (0.0, exchange.rng.uniform(0.001, 0.015), exchange.rng.uniform(0.016, 0.03))
    return [
        exchange.emit(part, pause_s, polite=True, spacing=BURST) for part, pause_s in zip(parts, pauses, strict=True)
    ]


def _late_burst(exchange: Exchange) -> list[Emission]:
    """A gateway holds the answer back and joins it at once to whatever passes then."""
    reply = exchange.ask()
    delay_s = exchange.rng.uniform(0.03, LATE_MOST_S)
    return [] if reply is None else [exchange.emit(reply, delay_s, polite=True, spacing=BURST)]


def _untrue_length(more: int, exchange: Exchange) -> list[Emission]:
    """The byte count is not the number of bytes, though the CRC is right; a write's answer is left out."""
    reply = exchange.ask()
    if reply is None or reply[1] > 4:
        return []
    return [exchange.emit(frame_of(reply[0], bytes((reply[1], (reply[2] + more) % 256)) + reply[3:-2]))]


def _padded(exchange: Exchange) -> list[Emission]:
    """The firmware sends a buffer of fixed size: zeros after the answer, under the CRC."""
    reply = exchange.ask()
    return [] if reply is None else [exchange.emit(frame_of(reply[0], reply[1:-2] + bytes(exchange.rng.randint(1, 8))))]


FRAMING: Final[Mapping[str, Behaviour]] = {
    "false start": partial(_false_start, 0.0),
    "false start, then a pause": partial(_false_start, 0.012),
    "three segments": _segments,
    "late, in one burst": _late_burst,
    "byte count too small": partial(_untrue_length, -2),
    "byte count too great": partial(_untrue_length, 2),
    "padded with zeros": _padded,
}
