# SPDX-License-Identifier: Apache-2.0
"""Runs a stored day again: the log's samples, ticks and orders through a new engine, decision against decision.

The rule it keeps: the engine and the tick are the ones that ran; nothing but the log and the boot's own folder is
read; a decision is the same only when every bit of it is.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import msgspec

from controllers.engine import Engine
from controllers.ticks import Maintenance, Override, Reset
from drivers.catalogue import Catalogue
from edge.boots import Boots
from edge.config import FarmConfig, parse
from edge.control_loop import Senses, TickRunner, Trust
from edge.exits import LOG_FILE
from edge.wiring import feedback_series, known_devices
from telemetry.history import LogReader
from telemetry.records import AnyRecord, Decision, Event, Sample, Tick

DIFFERENCES_MAX: Final = 20
BEFORE_START_MAX: Final = 5


@dataclass(slots=True)
class Outcome:
    """How one boot's replay went. ``differences`` holds the first few, in words."""

    epoch: int
    ticks: int = 0
    missed_ticks: int = 0
    decisions: int = 0
    same: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every stored decision came again and no other."""
        return self.decisions == self.same and not self.differences


class Replay:
    """One boot, record by record."""

    def __init__(self, config: FarmConfig, engine: Engine, epoch: int, types: Catalogue) -> None:
        known = known_devices(config, types)
        senses = Senses(engine.series, engine.outputs, feedback_series(config, known), Trust.of(config.calibration))
        self._runner = TickRunner(engine, senses, config.control.timezone)
        self._overrides: dict[str, Override] = {}
        self._maintenance: dict[str, Maintenance] = {}
        self._resets: list[Reset] = []
        self._expected: deque[Decision] = deque()
        self._last_number = 0
        self.outcome = Outcome(epoch)

    def take(self, record: AnyRecord) -> None:
        """Take the next record of the log."""
        match record:
            case Sample():
                self._runner.senses.take(record)
            case Tick():
                self._tick(record)
            case Decision():
                self._compare(record)
            case Event():
                self._hear(record)

    def finish(self) -> Outcome:
        """Say how it went; what the last tick decided must have been stored."""
        self._leftovers()
        return self.outcome

    def _tick(self, tick: Tick) -> None:
        self._leftovers()
        self.outcome.ticks += 1
        self.outcome.missed_ticks += max(0, tick.number - self._last_number - 1)
        self._last_number = tick.number
        for place, work in list(self._maintenance.items()):
            if tick.mono_ms >= work.until_ms:
                del self._maintenance[place]
        overrides, maintenance = tuple(self._overrides.values()), tuple(self._maintenance.values())
        result = self._runner.tick(tick, overrides, maintenance, tuple(self._resets))
        self._resets.clear()
        self._expected.extend(result.decisions)

    def _compare(self, stored: Decision) -> None:
        self.outcome.decisions += 1
        again = self._expected.popleft() if self._expected else None
        if again is not None and _bits(again) == _bits(stored):
            self.outcome.same += 1
        else:
            self._differ(f"{stored.output} at {stored.mono_ms} ms: stored {stored}, now {again}")

    def _leftovers(self) -> None:
        for decision in self._expected:
            self._differ(f"{decision.output} at {decision.mono_ms} ms: now {decision}, but nothing was stored")
        self._expected.clear()

    def _differ(self, text: str) -> None:
        if len(self.outcome.differences) < DIFFERENCES_MAX:
            self.outcome.differences.append(text)

    def _hear(self, event: Event) -> None:
        if event.kind in {"order.hold", "order.stop"}:
            self._overrides[event.subject] = msgspec.convert(
                {
                    "output": event.subject,
                    "level": event.fields["level"],
                    "until_ms": event.fields["until_ms"],
                    "person": event.person,
                    "origin": event.fields["origin"],
                },
                Override,
            )
        elif event.kind == "order.end":
            self._overrides.pop(event.subject, None)
        elif event.kind == "order.maintenance":
            until_ms = int(event.fields["until_ms"])
            self._maintenance.pop(event.subject, None)
            if until_ms > event.mono_ms:
                self._maintenance[event.subject] = Maintenance(event.subject, until_ms, event.person)
        elif event.kind == "order.reset":
            self._resets.append(Reset(event.subject, event.person))


def replay(state: Path) -> Iterator[Outcome]:
    """Replay every boot whose folder is still kept; DiskError when there is no log."""
    reader = LogReader(state / LOG_FILE)
    boots = Boots(state)
    try:
        for epoch, batches in groupby(reader.records(), key=lambda batch: batch[0].epoch):
            records = (record for _, group in batches for record in group)
            try:
                text, memory = boots.began(epoch)
            except FileNotFoundError:
                continue  # an older boot than those that are kept
            types = boots.types(epoch)
            config = parse(text, types=types)
            # Only words about the start itself may stand before it.
            first = next((one for one in islice(records, BEFORE_START_MAX) if _is_start(one)), None)
            if not isinstance(first, Event):
                yield Outcome(epoch, differences=["the beginning of this boot is not in the log"])
                continue
            engine = Engine(config.control, first.mono_ms)
            if memory is not None:
                wall_ms, clock_ok = int(first.fields["wall_ms"]), bool(first.fields["clock_ok"])
                engine.restore(memory, first.mono_ms, wall_ms, clock_ok=clock_ok)
            yield _run(Replay(config, engine, epoch, types), records)
    finally:
        reader.close()


def _run(one: Replay, records: Iterable[AnyRecord]) -> Outcome:
    for record in records:
        one.take(record)
    return one.finish()


def _is_start(record: AnyRecord) -> bool:
    return isinstance(record, Event) and record.kind == "agent.start"


def _bits(decision: Decision) -> bytes:
    """Give every bit of a decision; nan compares equal to itself this way."""
    return msgspec.msgpack.encode(decision)
