# SPDX-License-Identifier: Apache-2.0
"""What another farm.toml would have decided on stored days: two engines side by side on the same readings.

The rule it keeps: the readings are as they were. Nothing tells how the soil would have answered to other water, so
runs are compared, not plants; and because meters and feedback tell of what really ran, both engines do without them.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from controllers.engine import Engine
from controllers.settings import ControlSettings
from edge.config import FarmConfig
from edge.control_loop import Senses, TickRunner, Trust
from edge.replay import ALL, Orders, Span, StoredBoot, UnreadBoot, stored_boots
from telemetry.records import Event, Sample, Tick

DIFFERENCES_MAX: Final = 2_000
LONGEST_STEP_S: Final = 60.0  # a gap in the log is no watering


@dataclass(slots=True)
class Difference:
    """A stretch in which one output would have done otherwise; ms since 1970, litres where it waters a zone."""

    output: str
    place: str
    from_ms: int
    to_ms: int
    level: float
    code: str
    other_level: float
    other_code: str
    litres: float = 0.0
    other_litres: float = 0.0


@dataclass(slots=True)
class Total:
    """One output over the whole span."""

    output: str
    place: str
    starts: int = 0
    other_starts: int = 0
    on_s: float = 0.0
    other_on_s: float = 0.0
    litres: float = 0.0
    other_litres: float = 0.0


@dataclass(slots=True)
class Comparison:
    """One boot's comparison; ``unread`` says why there is none."""

    epoch: int
    ticks: int = 0
    from_ms: int = 0
    to_ms: int = 0
    totals: list[Total] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    left_out: int = 0
    unread: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


class NotComparable(Exception):
    """The two files do not describe the same outputs; the text names what is missing."""


def blind(control: ControlSettings) -> ControlSettings:
    """Take away what tells of the water that really ran: meters, pressure, the pump's current."""
    bare = {"flow": "", "pressure": "", "pump_current": "", "dry_run_kpa": 0.0, "dry_run_current_a": 0.0}
    return msgspec.structs.replace(
        control, lines=tuple(msgspec.structs.replace(line, **bare) for line in control.lines)
    )


class _Side:
    """One engine with what it has done."""

    def __init__(self, config: FarmConfig, engine: Engine) -> None:
        senses = Senses(engine.series, engine.outputs, {}, Trust.of(config.calibration))
        self.runner = TickRunner(engine, senses, config.control.timezone)

    def state(self, output: str) -> tuple[float, str]:
        """Give an output's level, and the reason that bound or asked for it."""
        decision = self.runner.last.get(output)
        code = "" if decision is None else decision.limit or decision.code
        return self.runner.allowed.get(output, 0.0), code


class _Compared:
    """Two sides, tick by tick."""

    def __init__(self, boot: StoredBoot, other: FarmConfig, span: Span) -> None:
        ours, theirs = boot.config.control, other.control
        missing = {one.id for one in ours.outputs} ^ {one.id for one in theirs.outputs}
        if missing:
            raise NotComparable(", ".join(sorted(missing)))
        self._left = _Side(boot.config, boot.engine(blind(ours)))
        self._right = _Side(other, boot.engine(blind(theirs)))
        self._orders = Orders()
        self._span = span
        self._flow_l_min = {zone.valve: zone.flow_l_min for zone in ours.zones}
        self._other_flow_l_min = {zone.valve: zone.flow_l_min for zone in theirs.zones}
        places = {one.id: one.place for one in ours.outputs}
        self._totals = {name: Total(name, place) for name, place in places.items()}
        self._open: dict[str, Difference] = {}
        self._was: dict[str, tuple[float, float]] = {}
        self._last_ms = -1
        self.found = Comparison(boot.epoch)

    def tick(self, tick: Tick) -> None:
        """Let both think, and compare."""
        overrides, maintenance, resets = self._orders.at(tick.mono_ms)
        for side in (self._left, self._right):
            side.runner.tick(tick, overrides, maintenance, resets)
        if not self._span.holds(tick.wall_ms):
            return
        step_s = min(LONGEST_STEP_S, (tick.mono_ms - self._last_ms) / 1000.0) if self._last_ms >= 0 else 0.0
        self._last_ms = tick.mono_ms
        self.found.ticks += 1
        self.found.from_ms = self.found.from_ms or tick.wall_ms
        self.found.to_ms = tick.wall_ms
        for name, total in self._totals.items():
            self._look(name, total, tick.wall_ms, step_s)

    def _look(self, name: str, total: Total, wall_ms: int, step_s: float) -> None:
        level, code = self._left.state(name)
        other_level, other_code = self._right.state(name)
        litres = level * step_s * self._flow_l_min.get(name, 0.0) / 60.0
        other_litres = other_level * step_s * self._other_flow_l_min.get(name, 0.0) / 60.0
        was, other_was = self._was.get(name, (0.0, 0.0))
        self._was[name] = (level, other_level)
        total.starts += level > 0.0 and was == 0.0
        total.other_starts += other_level > 0.0 and other_was == 0.0
        total.on_s += step_s * (level > 0.0)
        total.other_on_s += step_s * (other_level > 0.0)
        total.litres += litres
        total.other_litres += other_litres
        going = self._open.get(name)
        if abs(level - other_level) < 1e-9:
            if going is not None:
                going.to_ms = wall_ms
                del self._open[name]
            return
        if going is None:
            going = Difference(name, total.place, wall_ms, wall_ms, level, code, other_level, other_code)
            self._open[name] = going
            if len(self.found.differences) < DIFFERENCES_MAX:
                self.found.differences.append(going)
            else:
                self.found.left_out += 1
        going.to_ms = wall_ms
        going.litres += litres
        going.other_litres += other_litres

    def finish(self) -> Comparison:
        """Give what was found; outputs that never differed are in the totals all the same."""
        self.found.totals = list(self._totals.values())
        return self.found

    def hear(self, event: Event) -> None:
        """Take an order of people; both sides obey it alike."""
        self._orders.hear(event)

    def take(self, sample: Sample) -> None:
        """Take a reading; both sides see it."""
        self._left.runner.senses.take(sample)
        self._right.runner.senses.take(sample)


def what_if(state: Path, other: FarmConfig, span: Span = ALL) -> Iterator[Comparison]:
    """Compare every stored boot that touches ``span``; DiskError without a log, NotComparable for another farm."""
    for boot in stored_boots(state):
        if isinstance(boot, UnreadBoot):
            if boot.touches(span):
                yield Comparison(boot.epoch, from_ms=boot.from_ms, to_ms=boot.to_ms, unread=boot.why)
            continue
        if boot.start is None:
            continue
        both = _Compared(boot, other, span)
        for record in boot.records:
            match record:
                case Sample():
                    both.take(record)
                case Tick():
                    both.tick(record)
                case Event():
                    both.hear(record)
        found = both.finish()
        if found.ticks:
            yield found
