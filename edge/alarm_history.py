# SPDX-License-Identifier: Apache-2.0
"""Alarms of the past, read back from the log's events alone.

The rule it keeps: nothing but the log is read; what began before the span or still stands says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.alarm_life import Fields, Key
from edge.alarms import ACKNOWLEDGED, CLEARED, CLEARING, RAISED, RAISING, SHELVED
from telemetry.records import Event


@dataclass(slots=True)
class PastAlarm:
    """One alarm from its beginning to its end (``cleared_ms`` 0: it still stands), ms since 1970."""

    kind: str
    subject: str
    severity: str
    raised_ms: int
    fields: Fields
    acknowledged_ms: int = 0
    person: str = ""
    shelved_by: str = ""
    cleared_ms: int = 0


def history(events: Iterable[tuple[int, Event]]) -> list[PastAlarm]:
    """Give the alarms that a stretch of events (wall ms, event), oldest first, tells of; the newest comes first."""
    open_now: dict[Key, PastAlarm] = {}
    found: list[PastAlarm] = []
    for wall_ms, event in events:
        kind = _kind(event)
        if not kind:
            continue
        key = (kind, event.subject)
        if event.kind == RAISED or event.kind in RAISING:
            if key not in open_now:
                open_now[key] = PastAlarm(kind, event.subject, event.severity, wall_ms, dict(event.fields))
                found.append(open_now[key])
        elif event.kind == CLEARED or event.kind in CLEARING:
            ended = open_now.pop(key, None)
            if ended is not None:
                ended.cleared_ms = wall_ms
        elif (known := open_now.get(key)) is not None:
            if event.kind == ACKNOWLEDGED and not known.person:
                known.acknowledged_ms, known.person = wall_ms, event.person
            elif event.kind == SHELVED:
                known.shelved_by = event.person
    return found[::-1]


def _kind(event: Event) -> str:
    """Give the alarm that an event tells of, "" for another event."""
    if event.kind in {RAISED, CLEARED, ACKNOWLEDGED, SHELVED}:
        return str(event.fields.get("alarm", ""))
    kind = RAISING.get(event.kind) or CLEARING.get(event.kind)
    return str(event.fields.get("code", kind)) if kind else ""
