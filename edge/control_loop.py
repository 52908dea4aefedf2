# SPDX-License-Identifier: Apache-2.0
"""The heart: one tick at a fixed rate, from the newest samples to affirmed outputs.

The rule it keeps: a tick reads no file, waits for no device and no network; its lateness and its overruns are
counted; a tick that was missed is not made up for. What a tick saw is in the log, so it can be run again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from controllers.schedule import local_time
from controllers.ticks import Floats, Maintenance, Override, Reset, Sense, TickInput, TickResult
from edge.config import Calibration
from edge.reason_runs import steady
from telemetry.records import Decision, Quality, Sample, Tick

DURATIONS_KEPT: Final = 600
NEVER_MS: Final = -1
_COMM: Final = int(Quality.COMM)
_STALE: Final = int(Quality.STALE)
_EXTRAPOLATED: Final = int(Quality.EXTRAPOLATED)
_OVERDUE: Final = int(Quality.OVERDUE)


class Engine(Protocol):
    """What the loop needs of ``controllers.engine.Engine``."""

    @property
    def series(self) -> Sequence[str]:
        """The series it wants, in the order of its inputs."""

    @property
    def outputs(self) -> Sequence[str]:
        """The outputs it decides on, in the order of its results."""

    def tick(self, given: TickInput) -> TickResult:
        """Decide once."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What of a calibration's doubts the farm lets control act on (table [calibration] of farm.toml)."""

    accept_extrapolated: bool = False
    refuse_overdue: bool = False

    @classmethod
    def of(cls, settings: Calibration) -> "Trust":
        """Read the farm's settings."""
        return cls(settings.accept_extrapolated, settings.refuse_overdue)

    def judged(self, quality: int) -> int:
        """Give the flags as control is to see them; what is stored keeps its own."""
        if self.accept_extrapolated:
            quality &= ~_EXTRAPOLATED
        if self.refuse_overdue and quality & _OVERDUE:
            quality |= _EXTRAPOLATED
        return quality


class Senses:
    """The newest sample of each series that an engine wants, and what the hardware says of each output."""

    def __init__(
        self, series: Sequence[str], outputs: Sequence[str], feedback: Mapping[str, str], trust: Trust | None = None
    ) -> None:
        self._trust = trust or Trust()
        self._slots = {name: i for i, name in enumerate(series)}
        self._values = np.full(len(series), nan)
        self._quality = np.zeros(len(series), dtype=np.int64)
        self._measured_ms = np.full(len(series), NEVER_MS, dtype=np.int64)
        self._feedback = np.full(len(outputs), nan)
        slots = {name: i for i, name in enumerate(outputs)}
        self._told_by = {series: slots[output] for output, series in feedback.items() if output in slots}

    def take(self, sample: Sample) -> None:
        """Keep a sample. One missed answer is no silence yet: the last value stands until the pipeline says stale."""
        if sample.quality & _COMM and not sample.quality & _STALE:
            return
        slot = self._slots.get(sample.series)
        if slot is not None:
            self._values[slot] = sample.value
            self._quality[slot] = self._trust.judged(sample.quality)
            self._measured_ms[slot] = sample.mono_ms
        output = self._told_by.get(sample.series)
        if output is not None:
            self._feedback[output] = sample.value

    def at(self, mono_ms: int) -> Sense:
        """Give what is known at ``mono_ms``; the arrays are copies."""
        age = np.where(self._measured_ms == NEVER_MS, NEVER_MS, mono_ms - self._measured_ms)
        return Sense(self._values.copy(), self._quality.copy(), age)

    def feedback(self) -> Floats:
        """Give what the hardware says of each output, nan where it cannot tell."""
        return self._feedback.copy()


class TickRunner:
    """Runs one engine tick and remembers the last result; used alike by the live loop and by replay."""

    def __init__(self, engine: Engine, senses: Senses, timezone: str) -> None:
        self.engine = engine
        self.senses = senses
        self.zone = ZoneInfo(timezone)
        self.last: dict[str, Decision] = {}
        self.reasons: dict[str, Decision] = {}  # as last, but between two pulses the reason of the pulses
        self.wanted: dict[str, float] = {}
        self.allowed: dict[str, float] = {}

    def tick(
        self,
        tick: Tick,
        overrides: Sequence[Override] = (),
        maintenance: Sequence[Maintenance] = (),
        resets: Sequence[Reset] = (),
    ) -> TickResult:
        """Run the engine for the moment that ``tick`` describes."""
        local = local_time(tick.wall_ms, self.zone)
        result = self.engine.tick(
            TickInput(
                number=tick.number,
                mono_ms=tick.mono_ms,
                wall_ms=tick.wall_ms,
                clock_ok=tick.clock_ok,
                day=local.day,
                minute=local.minute,
                sense=self.senses.at(tick.mono_ms),
                overrides=tuple(overrides),
                maintenance=tuple(maintenance),
                resets=tuple(resets),
                feedback=self.senses.feedback(),
            )
        )
        for i, output in enumerate(self.engine.outputs):
            self.wanted[output] = float(result.wanted[i])
            self.allowed[output] = float(result.allowed[i])
        for decision in result.decisions:
            self.last[decision.output] = decision
            self.reasons[decision.output] = steady(self.reasons.get(decision.output), decision)
        return result


@dataclass(slots=True)
class Deadlines:
    """How punctual the loop is."""

    ticks: int = 0
    overruns: int = 0
    missed: int = 0
    durations_s: list[float] = field(default_factory=list)

    def note(self, duration_s: float, late_s: float, period_s: float) -> None:
        """Count one tick; it overran when its work did not end before the next one was due."""
        self.ticks += 1
        if duration_s + late_s > period_s:
            self.overruns += 1
        self.durations_s.append(duration_s)
        if len(self.durations_s) > DURATIONS_KEPT:
            del self.durations_s[: DURATIONS_KEPT // 2]

    def p99_ms(self) -> float:
        """Give the 99th percentile of the recent ticks' durations."""
        if not self.durations_s:
            return 0.0
        ranked = sorted(self.durations_s)
        return 1000.0 * ranked[min(len(ranked) - 1, round(0.99 * len(ranked)))]


async def every(
    period_s: float, work: Callable[[int, int], None], deadlines: Deadlines, now_s: Callable[[], float]
) -> None:
    """Call ``work(number, late_us)`` at a fixed rate for ever; ticks that were missed are counted and left out.

    ``now_s`` measures the work itself (a processor clock); the rate comes from the event loop's time.
    """
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    number = 0
    while True:
        number += 1
        due_s = start_s + number * period_s
        await asyncio.sleep(due_s - loop.time())
        late_s = max(0.0, loop.time() - due_s)
        began_s = now_s()
        work(number, round(late_s * 1e6))
        deadlines.note(now_s() - began_s, late_s, period_s)
        behind = int((loop.time() - start_s) / period_s) - number
        if behind > 0:
            deadlines.missed += behind
            number += behind


def cpu_now_s() -> float:
    """Give the clock for durations of a tick's work."""
    return time.perf_counter()
