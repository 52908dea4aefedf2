# SPDX-License-Identifier: Apache-2.0
"""What is wrong now, and since when.

The rule it keeps: an alarm is raised once and cleared once; both are events in the log. It decides nothing.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from edge.live import Alarm
from telemetry.records import AnyRecord, Event, Quality, Sample

RAISED: Final = "alarm.raised"
CLEARED: Final = "alarm.cleared"
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
RAISING: Final = {"hazard.raised": "hazard", "output.silent": "output.silent"}
CLEARING: Final = {"hazard.cleared": "hazard", "output.answers": "output.silent"}
SENSOR_KINDS: Final = tuple(kind for _, kind in OF_QUALITY)

_JUDGED: Final = int(functools.reduce(operator.or_, (bit for bit, _ in OF_QUALITY)))

Fields = dict[str, str | float | int | bool]


@dataclass(frozen=True, slots=True)
class _Standing:
    severity: str
    since_ms: int
    fields: Fields


class AlarmBoard:
    """The alarms that stand. ``record`` takes their events."""

    def __init__(self, record: Callable[[Sequence[AnyRecord]], None]) -> None:
        self._record = record
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._sensors: set[str] = set()

    def __len__(self) -> int:
        return len(self._standing)

    def stands(self, kind: str, subject: str) -> bool:
        """Say whether this alarm stands."""
        return (kind, subject) in self._standing

    def put(self, kind: str, subject: str, severity: str, mono_ms: int, fields: Fields | None = None) -> None:
        """Raise an alarm; nothing happens when it already stands."""
        if (kind, subject) in self._standing:
            return
        fields = fields or {}
        self._standing[kind, subject] = _Standing(severity, mono_ms, fields)
        self._record((Event(RAISED, subject, mono_ms, severity, fields={"alarm": kind, **fields}),))

    def clear(self, kind: str, subject: str, mono_ms: int) -> None:
        """Clear an alarm; nothing happens when it does not stand."""
        standing = self._standing.pop((kind, subject), None)
        if standing is not None:
            lasted_s = (mono_ms - standing.since_ms) / 1000.0
            self._record((Event(CLEARED, subject, mono_ms, fields={"alarm": kind, "lasted_s": lasted_s}),))

    def follow(self, event: Event) -> None:
        """Take over what an event says of a standing fault; the event itself is already in the log."""
        kind = RAISING.get(event.kind)
        if kind is not None:
            key = (str(event.fields.get("code", kind)), event.subject)
            self._standing.setdefault(key, _Standing(event.severity, event.mono_ms, event.fields))
        kind = CLEARING.get(event.kind)
        if kind is not None:
            self._standing.pop((str(event.fields.get("code", kind)), event.subject), None)

    def judge(self, sample: Sample) -> None:
        """Raise or clear what a sample's flags say about its sensor."""
        if not sample.quality & _JUDGED and sample.series not in self._sensors:
            return
        present = next((kind for bit, kind in OF_QUALITY if sample.quality & bit), "")
        if present:
            self._sensors.add(sample.series)
        else:
            self._sensors.discard(sample.series)
        if present and not self.stands(present, sample.series):
            severity = "warning" if present.startswith("sensor.calib") else "alarm"
            fields: Fields = {} if isnan(sample.value) else {"raw": sample.raw, "value": sample.value}
            self.put(present, sample.series, severity, sample.mono_ms, fields)
        for kind in SENSOR_KINDS:
            if kind != present and self.stands(kind, sample.series):
                self.clear(kind, sample.series, sample.mono_ms)

    def live(self, mono_ms: int) -> tuple[Alarm, ...]:
        """Give what stands, the gravest and newest first."""
        order = {"critical": 0, "alarm": 1, "warning": 2}
        ranked = sorted(self._standing.items(), key=lambda item: (order.get(item[1].severity, 3), -item[1].since_ms))
        return tuple(
            Alarm(kind, subject, one.severity, (mono_ms - one.since_ms) / 1000.0, one.fields)
            for (kind, subject), one in ranked
        )
