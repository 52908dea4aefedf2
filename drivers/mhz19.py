# SPDX-License-Identifier: Apache-2.0
"""Winsen MH-Z19 CO2 modules: nine-byte frames with a sum.

The rule it keeps: a frame is found by its start, command and sum together, through any noise; a module that
still warms up says so. Source: MH-Z19B User's Manual V1.5, "Serial port (UART) output".
"""

from typing import Final

import msgspec

from drivers.ascii_line import Ask, ExchangeError, LineExchange
from drivers.crc import inverted_sum

FRAME: Final = 9
WAIT_S: Final = 0.3
WARM_UP_S: Final = 180.0
READ: Final = 0x86
RANGES_PPM: Final = (2000, 5000, 10000)


class Air(msgspec.Struct, frozen=True):
    """One reading: CO2, the module's own temperature (coarse), its status byte (0: fine)."""

    co2_ppm: int
    temperature_c: int
    status: int


def _frame(command: int, body: bytes = b"") -> bytes:
    frame = bytes((0xFF, 0x01, command)) + body.ljust(5, b"\0")
    return frame + bytes((inverted_sum(frame[1:]),))


def line() -> LineExchange:
    """Give the exchange for one module."""
    return LineExchange(_cut, _good)


def _cut(buffer: bytearray) -> bytes | None:
    while (at := buffer.find(0xFF)) >= 0:
        del buffer[:at]
        if len(buffer) < FRAME:
            return None
        frame = bytes(buffer[:FRAME])
        if inverted_sum(frame[1:8]) == frame[8]:
            del buffer[:FRAME]
            return frame
        del buffer[:1]
    buffer.clear()
    return None


def _good(ask: Ask, answer: bytes) -> bool:
    return answer != ask.request and answer[1] == ask.request[2]


def reading() -> Ask:
    """Ask for the concentration."""
    return Ask(_frame(READ), WAIT_S)


def self_calibration(*, on: bool) -> Ask:
    """Turn the automatic baseline on or off; a greenhouse with CO2 dosing wants it off. It is not answered."""
    return Ask(_frame(0x79, bytes((0xA0 if on else 0,))), WAIT_S)


def zero() -> Ask:
    """Take the present air for 400 ppm (20 minutes in outside air before). It is not answered."""
    return Ask(_frame(0x87), WAIT_S)


def measuring_range(ppm: int) -> Ask:
    """Set the range in ppm."""
    if ppm not in RANGES_PPM:
        raise ExchangeError(f"a range of {ppm} ppm is not one of {RANGES_PPM}")
    return Ask(_frame(0x99, b"\0\0\0" + ppm.to_bytes(2, "big")), WAIT_S)


def air(answer: bytes) -> Air:
    """Read the answer to :func:`reading`."""
    return Air(int.from_bytes(answer[2:4], "big"), answer[4] - 40, answer[5])
