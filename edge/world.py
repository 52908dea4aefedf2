# SPDX-License-Identifier: Apache-2.0
"""Everything the agent takes from outside: clock, disk, lines, network, seed.

The rule it keeps: nothing in the agent asks the operating system for the time, a file, a port or a random
number except through the world it was given; so the same agent runs on a farm, on PTYs and in virtual time.
"""

import asyncio
import ctypes
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from telemetry.records import Event
from telemetry.rows import Disk, RealDisk

# include/uapi/linux/timex.h: adjtimex returns TIME_ERROR while the kernel's clock is not synchronised.
TIME_ERROR: Final = 5
# No farm ran this before: a wall clock earlier than this is a dead RTC (2025-01-01T00:00:00Z).
EARLIEST_WALL_MS: Final = 1_735_689_600_000


class Clock(Protocol):
    """Two times that are never mixed: monotonic for intervals and leases, wall for schedules and people."""

    def mono_s(self) -> float:
        """Seconds that only go forward; the event loop's own time."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC, as far as the machine knows."""

    def clock_ok(self) -> bool:
        """Say whether the wall clock may be trusted for schedules."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clocks; ``trust``: ``ntp`` asks the kernel if it is synchronised, ``rtc`` believes a battery."""

    trust: str = "ntp"

    def mono_s(self) -> float:
        """See Clock."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000

    def clock_ok(self) -> bool:
        """See Clock."""
        if self.wall_ms() < EARLIEST_WALL_MS:
            return False
        return self.trust == "rtc" or kernel_synchronised()


def kernel_synchronised() -> bool:
    """Ask the kernel (adjtimex, read only) whether some time service keeps its clock; False where it cannot tell."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # struct timex is 208 bytes on 64-bit Linux; modes = 0 (the first field) only reads.
        return 0 <= int(libc.adjtimex(ctypes.create_string_buffer(256))) != TIME_ERROR
    except (OSError, AttributeError):
        return False


@dataclass(slots=True)
class VirtualClock:
    """A clock that follows an event loop's own time; the wall starts at ``start_wall_ms`` and can be pushed."""

    loop: asyncio.AbstractEventLoop
    start_wall_ms: int
    trusted: bool = True
    pushed_ms: int = 0

    def mono_s(self) -> float:
        """See Clock."""
        return self.loop.time()

    def wall_ms(self) -> int:
        """See Clock."""
        return self.start_wall_ms + round(self.loop.time() * 1000.0) + self.pushed_ms

    def clock_ok(self) -> bool:
        """See Clock."""
        return self.trusted


@dataclass(slots=True)
class BootClock:
    """The agent's own time: milliseconds since it was made, and the wall clock as the last tick saw its trust."""

    clock: Clock
    start_s: float = field(init=False)
    clock_ok: bool = field(init=False)

    def __post_init__(self) -> None:
        self.start_s = self.clock.mono_s()
        self.clock_ok = self.clock.clock_ok()

    def mono_ms(self) -> int:
        """Milliseconds since the agent was made."""
        return round((self.clock.mono_s() - self.start_s) * 1000.0)

    def to_ms(self, loop_s: float) -> int:
        """Turn seconds of the event loop's time into the agent's milliseconds."""
        return round((loop_s - self.start_s) * 1000.0)

    def look(self) -> None:
        """Ask again whether the wall clock may be trusted."""
        self.clock_ok = self.clock.clock_ok()

    def wall(self) -> tuple[int, bool]:
        """Give the wall clock in ms, and whether it may be trusted."""
        return self.clock.wall_ms(), self.clock_ok


@dataclass(frozen=True, slots=True)
class Connection:
    """The two ends of one accepted local connection and the user at the other side (-1 = not known)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    uid: int
    gid: int


class Network(Protocol):
    """What the agent may reach or offer beyond its lines."""

    async def serve_local(self, path: Path, answer: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Offer the agent's socket at ``path`` until cancelled."""

    def notify(self, message: str) -> None:
        """Tell the service manager (sd_notify); silent where there is none."""


@dataclass(frozen=True, slots=True)
class World:
    """One world to run an agent in. ``state`` is the only folder it writes to, through ``disk``.

    ``network`` is None where the agent must do without (virtual time): no socket, no uplink, no watchdog.
    ``seed`` feeds everything random, so a run repeats; None takes real chance. ``tell`` is told every event that a
    technician at the console of the machine should see.
    """

    clock: Clock
    state: Path
    network: Network | None
    disk: Disk = field(default_factory=RealDisk)
    seed: int | None = None
    tell: Callable[[Event], None] = lambda _event: None
