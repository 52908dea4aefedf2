# SPDX-License-Identifier: Apache-2.0
"""The ports of the field: bytes, sensors, outputs. Real, simulated and recorded are siblings behind them.

The rule it keeps: at most six methods a port; a port never knows which backend stands behind it, and time
reaches it from the event loop's clock (``loop.time()``, seconds) so that the same code runs in virtual time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry.records import Reading


class LineDown(Exception):
    """The byte stream is gone (unplugged, closed, refused). ``hint`` is a message id telling what to check."""

    def __init__(self, where: str, seen: str, hint: str) -> None:
        super().__init__(f"{where}: {seen} ({hint})")
        self.where = where
        self.seen = seen
        self.hint = hint


class ByteStream(Protocol):
    """An open serial line, socket or simulated line."""

    async def read(self) -> bytes:
        """Wait for at least one byte and give all that came; raise LineDown when the line is gone."""

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; returns when the last byte is handed to the line; raise LineDown."""

    async def send_break(self, seconds: float) -> None:
        """Hold the line in break state (SDI-12); a stream that cannot raises LineDown."""

    def discard_input(self) -> None:
        """Throw away what was received and not yet read."""

    def close(self) -> None:
        """Close at once; never raises."""


class StreamOpener(Protocol):
    """Opens a line by its identity, again and again as it comes and goes."""

    async def open(self) -> ByteStream:
        """Open the line, or raise LineDown saying what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A foreseeable fault of a device or line: data, not an exception. ``kind`` is dotted, e.g. ``bus.timeout``."""

    device: str
    kind: str
    at_s: float
    detail: str = ""


class Source(Protocol):
    """Something that delivers readings: a bus with its devices, a microcontroller, a recording."""

    async def run(self, deliver: Callable[[Sequence[Reading]], None], report: Callable[[Fault], None]) -> None:
        """Deliver readings and report faults until cancelled."""


@dataclass(frozen=True, slots=True)
class OutputAbility:
    """What one output can promise by itself, without the host."""

    leased: bool  # closes by itself when its lease is not renewed
    proportional: bool  # takes levels between 0 and 1
    lease_max_s: float
    feedback: bool  # tells its own position, flow or current


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the output's hardware answered. ``outcome``: done, refused, failed; ``detail``: a reason code."""

    outcome: str
    detail: str = ""
    feedback: float = float("nan")


class Outputs(Protocol):
    """A group of outputs on one device (relay board, microcontroller, drive). An *on* is a lease, never a fact."""

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give the outputs by name."""

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Put ``output`` at ``level`` for ``lease_s`` seconds at most; renewing is calling again."""

    async def release(self, output: str) -> Confirmation:
        """Put ``output`` in its safe state now; idempotent."""
