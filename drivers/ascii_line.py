# SPDX-License-Identifier: Apache-2.0
"""Instruments that speak lines of text or short frames: one request, one or more answers, bytes in, events out.

The rule it keeps: an answer is taken only between its request and its deadline, only whole, only if it passes
the protocol's own check; what came before is dropped.
"""

from collections.abc import Callable
from typing import Final

import msgspec

MAX_LINE: Final = 512


class ExchangeError(ValueError):
    """We broke the rules: an exchange is under way, or the request cannot be sent."""


class Ask(msgspec.Struct, frozen=True):
    """One request. ``wait_s``: from its sending to the whole answer. ``lines``: how many answers belong to it.

    An answer among ``ends`` is the last one, whatever the count.
    """

    request: bytes
    wait_s: float
    lines: int = 1
    ends: tuple[bytes, ...] = ()


class Got(msgspec.Struct, frozen=True):
    """The answers, without their line ends, and when the last byte was seen."""

    ask: Ask
    answers: tuple[bytes, ...]
    at_s: float


class Missed(msgspec.Struct, frozen=True):
    """No usable answer: kind timeout or garbled."""

    ask: Ask
    kind: str
    detail: str
    at_s: float


Cut = Callable[[bytearray], bytes | None]
"""Takes the first whole answer off the buffer, or gives None; it may drop what cannot belong to an answer."""


def lines_ending(end: bytes) -> Cut:
    """Cut lines that end with ``end``."""

    def cut(buffer: bytearray) -> bytes | None:
        at = buffer.find(end)
        if at < 0:
            return None
        line = bytes(buffer[:at])
        del buffer[: at + len(end)]
        return line

    return cut


class LineExchange:
    """The master's end of such a line. ``good`` says whether an answer belongs to the request."""

    def __init__(self, cut: Cut, good: Callable[[Ask, bytes], bool]) -> None:
        self.deadline_s: float | None = None
        self._cut = cut
        self._good = good
        self._ask: Ask | None = None
        self._buffer = bytearray()
        self._answers: list[bytes] = []
        self._rejected = b""

    def start(self, ask: Ask, now: float) -> bytes:
        """Begin an exchange; give the bytes to send."""
        if self._ask is not None:
            raise ExchangeError(f"{self._ask.request!r} is still under way")
        self._ask, self.deadline_s = ask, now + ask.wait_s
        self._buffer.clear()
        self._answers.clear()
        self._rejected = b""
        return ask.request

    def feed(self, data: bytes, now: float) -> list[Got | Missed]:
        """Take bytes; give the event that they complete."""
        ask = self._ask
        if ask is None:
            return []
        self._buffer += data
        while (answer := self._cut(self._buffer)) is not None:
            if not self._good(ask, answer):
                self._rejected = answer[:64]
                continue
            self._answers.append(answer)
            if len(self._answers) == ask.lines or answer in ask.ends:
                self._ask, self.deadline_s = None, None
                return [Got(ask, tuple(self._answers), now)]
        if len(self._buffer) > MAX_LINE:
            self._rejected = bytes(self._buffer[:64])
            del self._buffer[:-MAX_LINE]
        return []

    def expire(self, now: float) -> list[Got | Missed]:
        """End the exchange when its deadline has passed."""
        ask = self._ask
        if ask is None or self.deadline_s is None or now < self.deadline_s:
            return []
        self._ask, self.deadline_s = None, None
        if ask.ends and self._answers:
            return [Got(ask, tuple(self._answers), now)]  # an instrument set to leave the last one out
        seen = self._rejected or bytes(self._buffer[:64])
        return [Missed(ask, "garbled" if seen else "timeout", seen.decode("ascii", "replace"), now)]
