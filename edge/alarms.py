# SPDX-License-Identifier: Apache-2.0
"""What is wrong now, since when, why, and who knows of it.

The rule it keeps: every step in an alarm's life is one event in the log (``history`` of ``edge.alarm_history`` reads
them back); consequences stand inside their cause. It decides nothing and switches nothing.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from edge.alarm_causes import DEAD, LINE_SILENT, Topology
from edge.alarm_life import (
    NO_SUCH_ALARM,
    RANK,
    AlarmMemory,
    Fields,
    Key,
    SavedAlarm,
    SavedShelf,
    Shelf,
    Standing,
    may_acknowledge,
    may_shelve,
)
from edge.live import Alarm
from telemetry.records import AnyRecord, Event, Quality, Sample

RAISED: Final = "alarm.raised"
CLEARED: Final = "alarm.cleared"
ACKNOWLEDGED: Final = "alarm.acknowledged"
SHELVED: Final = "alarm.shelved"
UNSHELVED: Final = "alarm.unshelved"
# How long an alarm of the last boot is believed without being seen again.
CARRIED_MS: Final = 300_000
# What a sample's flags mean for a person, the gravest first.
OF_QUALITY: Final = (
    (int(Quality.STALE), "sensor.silent"),
    (int(Quality.SENTINEL), "sensor.fault_code"),
    (int(Quality.RANGE), "sensor.out_of_range"),
    (int(Quality.STUCK), "sensor.stuck"),
    (int(Quality.EXTRAPOLATED), "sensor.outside_calibration"),
    (int(Quality.OVERDUE), "sensor.calibration_overdue"),
)
# Events that stand for a fault until their counterpart comes; a hazard's own name is its field ``code``.
RAISING: Final = {
    "hazard.raised": "hazard",
    "output.silent": "output.silent",
    "clock.untrusted": "clock.untrusted",
    "memory.lost": "memory.lost",
}
CLEARING: Final = {"hazard.cleared": "hazard", "output.answers": "output.silent", "clock.trusted": "clock.untrusted"}
# What happened once and is over before anybody looks: it stands until a person has seen it.
ENDS_WHEN_SEEN: Final = frozenset({"memory.lost"})
SENSOR_KINDS: Final = tuple(kind for _, kind in OF_QUALITY)

_JUDGED: Final = int(functools.reduce(operator.or_, (bit for bit, _ in OF_QUALITY)))


@dataclass(frozen=True, slots=True)
class Group:
    """One thing that went wrong: its cause first, then what follows from it; ``severity`` is the gravest of them."""

    key: Key
    cause: Standing
    severity: str
    inside: tuple[tuple[Key, Standing], ...]
    acknowledged: bool
    shelved: bool


class AlarmBoard:
    """The alarms that stand. ``record`` takes their events, ``topology`` knows what causes what."""

    def __init__(self, record: Callable[[Sequence[AnyRecord]], None], topology: Topology | None = None) -> None:
        self._record = record
        self._topology = topology or Topology()
        self._standing: dict[Key, Standing] = {}
        self._shelves: dict[Key, Shelf] = {}
        self._sensors: set[str] = set()
        self._next = 1
        self._groups: tuple[Group, ...] | None = None
        self._carried = False
        self.changed: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._standing)

    def stands(self, kind: str, subject: str) -> bool:
        """Say whether this alarm stands."""
        return (kind, subject) in self._standing

    # ---- raised and cleared ----------------------------------------------------------------------

    def told(self, kind: str, subject: str) -> Fields | None:
        """Give what this alarm told when it was raised; None while it does not stand."""
        standing = self._standing.get((kind, subject))
        return None if standing is None else standing.fields

    def put(self, kind: str, subject: str, severity: str, mono_ms: int, fields: Fields | None = None) -> None:
        """Raise an alarm; nothing happens when it already stands."""
        fields = fields or {}
        if self._stand((kind, subject), severity, mono_ms, fields):
            number = self._standing[kind, subject].number
            told: Fields = {"alarm": kind, "number": number, **fields}
            self._record((Event(RAISED, subject, mono_ms, severity, fields=told),))
            self._look_at_buses(kind, mono_ms)

    def clear(self, kind: str, subject: str, mono_ms: int) -> None:
        """Clear an alarm; nothing happens when it does not stand."""
        standing = self._fall((kind, subject))
        if standing is not None:
            lasted_s = (mono_ms - standing.since_ms) / 1000.0
            fields: Fields = {"alarm": kind, "number": standing.number, "lasted_s": lasted_s}
            self._record((Event(CLEARED, subject, mono_ms, fields=fields),))
            self._look_at_buses(kind, mono_ms)

    def follow(self, event: Event) -> None:
        """Take over what an event says of a standing fault; the event itself is already in the log."""
        kind = RAISING.get(event.kind)
        if kind is not None:
            self._stand((str(event.fields.get("code", kind)), event.subject), event.severity, event.mono_ms,
                        event.fields)  # fmt: skip
        kind = CLEARING.get(event.kind)
        if kind is not None:
            self._fall((str(event.fields.get("code", kind)), event.subject))

    def judge(self, sample: Sample) -> None:
        """Raise or clear what a sample's flags say about its sensor."""
        if not sample.quality & _JUDGED and sample.series not in self._sensors:
            return
        present = next((kind for bit, kind in OF_QUALITY if sample.quality & bit), "")
        if present:
            self._sensors.add(sample.series)
        else:
            self._sensors.discard(sample.series)
        if present:
            severity = "warning" if present.startswith("sensor.calib") else "alarm"
            fields: Fields = {} if isnan(sample.value) else {"raw": sample.raw, "value": sample.value}
            self.put(present, sample.series, severity, sample.mono_ms, fields)
        for kind in SENSOR_KINDS:
            if kind != present and self.stands(kind, sample.series):
                self.clear(kind, sample.series, sample.mono_ms)

    def look(self, mono_ms: int) -> None:
        """End shelves whose time has come, and alarms of the last boot that nobody has seen since."""
        if self._shelves:
            for key, shelf in list(self._shelves.items()):
                if mono_ms >= shelf.until_ms:
                    self._unshelve(key, mono_ms, "")
        if self._carried:
            waiting = [(key, one) for key, one in self._standing.items() if one.carried_until_ms]
            self._carried = bool(waiting)
            for key, one in waiting:
                if mono_ms >= one.carried_until_ms:
                    self.clear(*key, mono_ms)

    def _stand(self, key: Key, severity: str, mono_ms: int, fields: Fields) -> bool:
        """Let an alarm stand; False when it stood already (one of the last boot is then believed again)."""
        known = self._standing.get(key)
        if known is not None:
            if known.carried_until_ms:
                known.carried_until_ms, known.fields = 0, dict(fields)
            return False
        self._standing[key] = Standing(self._next, severity, mono_ms, dict(fields))
        self._next += 1
        self._touch()
        return True

    def _fall(self, key: Key) -> Standing | None:
        standing = self._standing.pop(key, None)
        if standing is not None:
            self._touch()
        return standing

    def _look_at_buses(self, kind: str, mono_ms: int) -> None:
        """Raise or clear that a whole bus is silent, after a device died or came back: one alarm for all of them."""
        if kind != DEAD:
            return
        silent = self._topology.silent_buses(self._standing)
        for bus in self._topology.polled:
            if bus in silent and not self.stands(LINE_SILENT, bus):
                self.put(LINE_SILENT, bus, "alarm", mono_ms, {"devices": len(self._topology.polled[bus])})
            elif bus not in silent and self.stands(LINE_SILENT, bus):
                self.clear(LINE_SILENT, bus, mono_ms)

    # ---- what people do --------------------------------------------------------------------------

    def key_of(self, number: int) -> Key | None:
        """Find a standing alarm by its number."""
        return next((key for key, one in self._standing.items() if one.number == number), None)

    def acknowledge(self, number: int, person: str, role: str, mono_ms: int) -> tuple[str, Fields]:
        """Note that ``person`` has seen an alarm and all that follows from it; gives ("", {}) or why not."""
        refused = may_acknowledge(role)
        if refused:
            return refused, {}
        members = self._members(number)
        if not members:
            return NO_SUCH_ALARM, {}
        for (kind, subject), one in members:
            if not one.person:
                one.person = person
                fields: Fields = {"alarm": kind, "number": one.number}
                self._record((Event(ACKNOWLEDGED, subject, mono_ms, person=person, fields=fields),))
            if kind in ENDS_WHEN_SEEN:
                self.clear(kind, subject, mono_ms)
        self._touch()
        return "", {}

    def shelve(self, number: int, seconds: float, person: str, role: str, mono_ms: int) -> tuple[str, Fields]:
        """Call nobody for an alarm and what follows from it for ``seconds``; gives ("", {}) or why not."""
        members = self._members(number)
        if not members:
            return NO_SUCH_ALARM, {}
        refused = may_shelve(role, _gravest(one for _, one in members), seconds)
        if refused[0]:
            return refused
        until_ms = mono_ms + round(seconds * 1000.0)
        for (kind, subject), one in members:
            self._shelves[kind, subject] = Shelf(until_ms, person)
            fields: Fields = {"alarm": kind, "number": one.number, "until_ms": until_ms}
            self._record((Event(SHELVED, subject, mono_ms, person=person, fields=fields),))
        self._touch()
        return "", {}

    def unshelve(self, number: int, person: str, role: str, mono_ms: int) -> tuple[str, Fields]:
        """End a shelf before its time; gives ("", {}) or why not."""
        refused = may_acknowledge(role)
        if refused:
            return refused, {}
        members = [key for key, _ in self._members(number) if key in self._shelves]
        if not members:
            return NO_SUCH_ALARM, {}
        for key in members:
            self._unshelve(key, mono_ms, person)
        return "", {}

    def _unshelve(self, key: Key, mono_ms: int, person: str) -> None:
        del self._shelves[key]
        self._record((Event(UNSHELVED, key[1], mono_ms, person=person, fields={"alarm": key[0]}),))
        self._touch()

    def _members(self, number: int) -> list[tuple[Key, Standing]]:
        """Give the alarm of that number and, when it is a cause, what follows from it."""
        for group in self.groups():
            if group.cause.number == number:
                return [(group.key, group.cause), *group.inside]
        key = self.key_of(number)
        return [] if key is None else [(key, self._standing[key])]

    # ---- who looks -------------------------------------------------------------------------------

    def _touch(self) -> None:
        self._groups = None
        self.changed()

    def groups(self) -> tuple[Group, ...]:
        """Give what stands by cause, the gravest and newest first."""
        if self._groups is None:
            inside: dict[Key, list[tuple[Key, Standing]]] = {}
            for key, one in self._standing.items():
                root = self._topology.root(key, self._standing)
                inside.setdefault(root, [])
                if root != key:
                    inside[root].append((key, one))
            found = [self._group(root, members) for root, members in inside.items()]
            found.sort(key=lambda group: (-RANK.get(group.severity, 0), -group.cause.since_ms))
            self._groups = tuple(found)
        return self._groups

    def _group(self, root: Key, members: list[tuple[Key, Standing]]) -> Group:
        cause = self._standing[root]
        every = [(root, cause), *members]
        return Group(
            root,
            cause,
            _gravest(one for _, one in every),
            tuple(members),
            acknowledged=_covers(cause, every, [one for _, one in every if one.person]),
            shelved=_covers(cause, every, [one for key, one in every if key in self._shelves]),
        )

    def live(self, mono_ms: int) -> tuple[Alarm, ...]:
        """Give what stands by cause, the gravest and newest first; consequences are inside."""
        return tuple(
            self._alarm(group.key, group.cause, mono_ms, group.severity, group.inside) for group in self.groups()
        )

    def _alarm(
        self, key: Key, one: Standing, mono_ms: int, severity: str, inside: Sequence[tuple[Key, Standing]] = ()
    ) -> Alarm:
        shelf = self._shelves.get(key)
        return Alarm(
            *key,
            severity,
            (mono_ms - one.since_ms) / 1000.0,
            one.fields,
            number=one.number,
            person=one.person,
            shelved_s=max(0.0, (shelf.until_ms - mono_ms) / 1000.0) if shelf else 0.0,
            shelved_by=shelf.person if shelf else "",
            inside=tuple(self._alarm(member, other, mono_ms, other.severity) for member, other in inside),
        )

    # ---- over a restart --------------------------------------------------------------------------

    def memory(self, mono_ms: int, wall_ms: int, *, clock_ok: bool) -> AlarmMemory:
        """Take what the next boot must know."""
        return AlarmMemory(
            wall_ms=wall_ms,
            clock_ok=clock_ok,
            next_number=self._next,
            standing=tuple(
                SavedAlarm(*key, one.number, one.severity, mono_ms - one.since_ms, one.fields, one.person)
                for key, one in self._standing.items()
            ),
            shelves=tuple(
                SavedShelf(*key, shelf.until_ms - mono_ms, shelf.person) for key, shelf in self._shelves.items()
            ),
        )

    def restore(self, memory: AlarmMemory, mono_ms: int, wall_ms: int, *, clock_ok: bool) -> None:
        """Take over what stood when the last boot ended.

        An alarm that is not seen again within five minutes is cleared, but not one that waits for a person. Without two
        trusted clocks nobody knows how long the controller was off; then every shelf is over.
        """
        known = clock_ok and memory.clock_ok
        down_ms = max(0, wall_ms - memory.wall_ms) if known else 0
        self._next = max(self._next, memory.next_number)
        for one in memory.standing:
            if self.stands(one.kind, one.subject):
                continue  # this boot has found it already
            number = one.number
            if self.key_of(number) is not None:  # taken by what this boot has found
                number, self._next = self._next, self._next + 1
            since_ms = mono_ms - one.ago_ms - down_ms
            until_ms = 0 if one.kind in ENDS_WHEN_SEEN else mono_ms + CARRIED_MS
            standing = Standing(number, one.severity, since_ms, one.fields, one.person, until_ms)
            self._standing[one.kind, one.subject] = standing
            if one.kind in SENSOR_KINDS:
                self._sensors.add(one.subject)
        for shelf in memory.shelves if known else ():
            if shelf.left_ms > down_ms:
                self._shelves[shelf.kind, shelf.subject] = Shelf(mono_ms + shelf.left_ms - down_ms, shelf.person)
        self._carried = bool(self._standing)
        self._touch()


def _gravest(alarms: Iterable[Standing]) -> str:
    return max((one.severity for one in alarms), key=lambda name: RANK.get(name, 0))


def _covers(cause: Standing, every: Sequence[tuple[Key, Standing]], some: Sequence[Standing]) -> bool:
    """Say whether what was done to ``some`` holds for the whole: the cause is among them, and nothing is graver."""
    return cause in some and _gravest(some) == _gravest(one for _, one in every)
