# SPDX-License-Identifier: Apache-2.0
"""Runs a stored day again: the log's samples, ticks and orders through a new engine, decision against decision.

The rule it keeps: the engine and the tick are the ones that ran; nothing but the log and the boot's own folder is
read; a decision is the same only when every bit of it is.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import msgspec

from controllers.engine import Engine
from controllers.settings import ControlSettings
from controllers.state import EngineState
from controllers.ticks import Maintenance, Override, Reset
from drivers.catalogue import Catalogue
from edge.boots import BootDamaged, Boots
from edge.config import FarmConfig, parse
from edge.control_loop import Senses, TickRunner, Trust
from edge.exits import LOG_FILE
from edge.toml_reader import SettingsRefused
from edge.wiring import feedback_series, known_devices
from telemetry.history import LogReader
from telemetry.records import AnyRecord, Decision, Event, Sample, Tick

DIFFERENCES_MAX: Final = 20
BEFORE_START_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of wall time, ms since 1970, from (inclusive) to (exclusive)."""

    from_ms: int = 0
    to_ms: int = 1 << 62

    def holds(self, wall_ms: int) -> bool:
        """Say whether a moment lies in it."""
        return self.from_ms <= wall_ms < self.to_ms


ALL: Final = Span()


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


class Orders:
    """What people had ordered at a moment of the log."""

    def __init__(self) -> None:
        self._overrides: dict[str, Override] = {}
        self._maintenance: dict[str, Maintenance] = {}
        self._resets: list[Reset] = []

    def at(self, mono_ms: int) -> tuple[tuple[Override, ...], tuple[Maintenance, ...], tuple[Reset, ...]]:
        """Give the orders in force at a tick; a reset is given once."""
        for place, work in list(self._maintenance.items()):
            if mono_ms >= work.until_ms:
                del self._maintenance[place]
        resets = tuple(self._resets)
        self._resets.clear()
        return tuple(self._overrides.values()), tuple(self._maintenance.values()), resets

    def hear(self, event: Event) -> None:
        """Take an order, or the end of one."""
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


class Replay:
    """One boot, record by record; what is compared lies in ``span``, what runs begins at the boot's first tick."""

    def __init__(self, config: FarmConfig, engine: Engine, epoch: int, types: Catalogue, span: Span = ALL) -> None:
        known = known_devices(config, types)
        senses = Senses(engine.series, engine.outputs, feedback_series(config, known), Trust.of(config.calibration))
        self._runner = TickRunner(engine, senses, config.control.timezone)
        self._orders = Orders()
        self._expected: deque[Decision] = deque()
        self._last_number = 0
        self._span = span
        self._within = False
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
                self._orders.hear(record)

    def finish(self) -> Outcome:
        """Say how it went; what the last tick decided must have been stored."""
        self._leftovers()
        return self.outcome

    def _tick(self, tick: Tick) -> None:
        self._leftovers()
        self._within = self._span.holds(tick.wall_ms)
        if self._within:
            self.outcome.ticks += 1
            self.outcome.missed_ticks += max(0, tick.number - self._last_number - 1)
        self._last_number = tick.number
        self._expected.extend(self._runner.tick(tick, *self._orders.at(tick.mono_ms)).decisions)

    def _compare(self, stored: Decision) -> None:
        again = self._expected.popleft() if self._expected else None
        if not self._within:
            return
        self.outcome.decisions += 1
        if again is not None and _bits(again) == _bits(stored):
            self.outcome.same += 1
        else:
            self._differ(f"{stored.output} at {stored.mono_ms} ms: stored {stored}, now {again}")

    def _leftovers(self) -> None:
        for decision in self._expected if self._within else ():
            self._differ(f"{decision.output} at {decision.mono_ms} ms: now {decision}, but nothing was stored")
        self._expected.clear()

    def _differ(self, text: str) -> None:
        if len(self.outcome.differences) < DIFFERENCES_MAX:
            self.outcome.differences.append(text)


@dataclass(frozen=True, slots=True)
class StoredBoot:
    """One boot as the log and its folder keep it; ``start`` is None where its beginning is not in the log."""

    epoch: int
    config: FarmConfig
    types: Catalogue
    memory: EngineState | None
    start: Event | None
    records: Iterator[AnyRecord]

    def engine(self, control: ControlSettings) -> Engine:
        """Make an engine as this boot's began, with these settings; the boot's own for a true replay."""
        if self.start is None:
            raise ValueError("the beginning of this boot is not in the log")
        engine = Engine(control, self.start.mono_ms)
        if self.memory is not None:
            wall_ms, clock_ok = int(self.start.fields["wall_ms"]), bool(self.start.fields["clock_ok"])
            engine.restore(self.memory, self.start.mono_ms, wall_ms, clock_ok=clock_ok)
        return engine


@dataclass(frozen=True, slots=True)
class UnreadBoot:
    """One boot that cannot be run again; ``why`` names the damaged file. Its first and last tick, ms since 1970."""

    epoch: int
    why: str
    from_ms: int
    to_ms: int

    def touches(self, span: Span) -> bool:
        """Say whether the boot lived in this stretch of time."""
        return self.from_ms < span.to_ms and self.to_ms >= span.from_ms


def stored_boots(state: Path) -> Iterator[StoredBoot | UnreadBoot]:
    """Give every boot whose folder is still kept; DiskError when there is no log."""
    reader = LogReader(state / LOG_FILE)
    boots = Boots(state)
    try:
        for epoch, batches in groupby(reader.records(), key=lambda batch: batch[0].epoch):
            records = (record for _, group in batches for record in group)
            try:
                text, memory = boots.began(epoch)
                types = boots.types(epoch)
                config = parse(text, str(boots.settings(epoch)), types=types)
            except FileNotFoundError:
                continue  # an older boot than those that are kept
            except (BootDamaged, SettingsRefused, OSError) as damage:
                walls = [record.wall_ms for record in records if isinstance(record, Tick)]
                yield UnreadBoot(epoch, str(damage), min(walls, default=0), max(walls, default=0))
                continue
            # Only words about the start itself may stand before it.
            first = next((one for one in islice(records, BEFORE_START_MAX) if _is_start(one)), None)
            yield StoredBoot(epoch, config, types, memory, first if isinstance(first, Event) else None, records)
    finally:
        reader.close()


def replay(state: Path, span: Span = ALL) -> Iterator[Outcome]:
    """Replay every stored boot, comparing what lies in ``span``; DiskError when there is no log."""
    for boot in stored_boots(state):
        if isinstance(boot, UnreadBoot):
            if boot.touches(span):
                yield Outcome(boot.epoch, differences=[boot.why])
            continue
        if boot.start is None:
            yield Outcome(boot.epoch, differences=["the beginning of this boot is not in the log"])
            continue
        one = Replay(boot.config, boot.engine(boot.config.control), boot.epoch, boot.types, span)
        for record in boot.records:
            one.take(record)
        outcome = one.finish()
        if outcome.ticks or span == ALL:
            yield outcome


def _is_start(record: AnyRecord) -> bool:
    return isinstance(record, Event) and record.kind == "agent.start"


def _bits(decision: Decision) -> bytes:
    """Give every bit of a decision; nan compares equal to itself this way."""
    return msgspec.msgpack.encode(decision)
