# SPDX-License-Identifier: Apache-2.0
"""Frames on the wire: ``00 COBS(length kind seq ack body crc32) 00``.

The rule it keeps: only a frame whose length byte and CRC-32 hold comes out; everything else is counted.
The delimiter in front ends whatever noise stood before it, so the first frame after noise is not lost with it.
"""

import enum
import zlib
from dataclasses import dataclass
from typing import Final

FRAME_MAX: Final = 64  # decoded, with length and CRC
HEAD: Final = 4
CRC: Final = 4
BODY_MAX: Final = FRAME_MAX - HEAD - CRC


class FrameError(ValueError):
    """We broke the rules: a frame that cannot be sent."""


class Kind(enum.IntEnum):
    """What a frame is for; the names are those of ``firmware/src/frame.h``."""

    CONNECT = 1
    CALL = 2
    REPLY = 3
    DONE = 4
    NAK = 5
    STRANGER = 6
    REPORT = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """One checked frame. ``seq`` numbers calls and reports, ``ack`` is the call number the board waits for."""

    kind: int
    seq: int
    ack: int
    body: bytes


def crc16(data: bytes) -> int:
    """CRC-16/MCRF4XX: reflected polynomial 0x8408, start 0xFFFF, no final inversion ("123456789" -> 0x6F91)."""
    crc = 0xFFFF
    for byte in data:
        low = (byte ^ crc) & 0xFF
        low = (low ^ (low << 4)) & 0xFF
        crc = ((low << 8) | (crc >> 8)) ^ (low >> 4) ^ (low << 3)
    return crc


def encode_frame(frame: Frame) -> bytes:
    """Give the wire bytes of ``frame``; FrameError when its body is longer than BODY_MAX."""
    if len(frame.body) > BODY_MAX:
        raise FrameError(f"frame body of {len(frame.body)} bytes; the board takes at most {BODY_MAX}")
    data = bytes((HEAD + len(frame.body) + CRC, frame.kind, frame.seq, frame.ack)) + frame.body
    data += zlib.crc32(data).to_bytes(CRC, "little")
    wire = bytearray(1)
    for run in data.split(b"\0"):
        wire.append(len(run) + 1)
        wire += run
    wire.append(0)
    return bytes(wire)


def _decode(wire: bytes) -> Frame | None:
    """Undo COBS and check; None when it is not a frame."""
    data = bytearray()
    at = 0
    while at < len(wire):
        end = at + wire[at]
        if end > len(wire):
            return None
        data += wire[at + 1 : end]
        data.append(0)
        at = end
    del data[-1:]
    if not HEAD + CRC <= len(data) <= FRAME_MAX or data[0] != len(data):
        return None
    if zlib.crc32(data[:-CRC]) != int.from_bytes(data[-CRC:], "little"):
        return None
    return Frame(data[1], data[2], data[3], bytes(data[HEAD:-CRC]))


class FrameReader:
    """Cuts a byte stream into frames, however it arrives. ``bad`` counts what was not a frame."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._overlong = False
        self.bad = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they come and give the frames they complete."""
        frames: list[Frame] = []
        *ended, rest = data.split(b"\0")
        for part in ended:
            self._hold(part)
            if self._held or self._overlong:
                frame = None if self._overlong else _decode(bytes(self._held))
                if frame is None:
                    self.bad += 1
                else:
                    frames.append(frame)
            self._held.clear()
            self._overlong = False
        self._hold(rest)
        return frames

    def _hold(self, part: bytes) -> None:
        if len(self._held) + len(part) > FRAME_MAX + 1:
            self._overlong = True
            self._held.clear()
        elif not self._overlong:
            self._held += part
