# SPDX-License-Identifier: Apache-2.0
"""What people asked for and what of it still holds: manual levels, stops, probes out for calibration.

The rule it keeps: an order is admitted once ((issuer, epoch, seq)), from someone whose role allows it, for a
bounded time; it is written down before it acts, so that a replay knows it too. It decides nothing about
safety: every level still passes the engine and its safety kernel.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import isfinite
from typing import Final

from controllers.settings import OutputSettings, SafetyLimits
from controllers.ticks import Maintenance, Override, Reset
from edge.seen_orders import Giver, SeenOrders
from edge.users import ROLES, Role
from telemetry.records import AnyRecord, Event

STOP_HOLDS_S: Final = 900.0
LOCK_S: Final = 1800.0

UNKNOWN_OUTPUT: Final = "there is no such output"
UNKNOWN_PLACE: Final = "there is no such place"
UNKNOWN_SERIES: Final = "there is no such series"
ROLE_TOO_LOW: Final = "this role may not do that"
BAD_LEVEL: Final = "the level must be between 0 and 1, or 0 or 1 for an on-off output"
BAD_TIME: Final = "the time must be above 0 s and at most {most} s"
AT_THE_PLANT: Final = "the switch at the plant has it; somebody stands there"
SEEN_BEFORE: Final = "this order was already carried out"


class Orders:
    """The orders in force. ``record`` takes the events that make them replayable."""

    def __init__(
        self,
        outputs: Mapping[str, OutputSettings],
        series: Collection[str],
        limits: SafetyLimits,
        now_ms: Callable[[], int],
        record: Callable[[Sequence[AnyRecord]], None],
        seen: SeenOrders | None = None,
    ) -> None:
        self._outputs = outputs
        self._series = frozenset(series)
        self._places = frozenset({"farm", *outputs, *(output.place for output in outputs.values())})
        self._override_max_s = limits.override_max_s
        self._maintenance_max_s = limits.maintenance_max_s
        self._now_ms = now_ms
        self._record = record
        self._seen = seen or SeenOrders()
        self.overrides: dict[str, Override] = {}
        self.locks: dict[str, int] = {}
        self.maintenance: dict[str, Maintenance] = {}
        self._resets: list[Reset] = []

    def hold_max_s(self, output: str) -> float:
        """Give the longest manual hold of an output."""
        settings = self._outputs[output]
        return min(self._override_max_s, settings.max_on_s or self._override_max_s)

    def hold(self, output: str, level: float, seconds: float, giver: Giver) -> str:
        """Put ``output`` under a person's will; gives "" or why not (a message id)."""
        refused = self._admit(output, giver, Role.OPERATOR)
        if refused:
            return refused
        settings = self._outputs[output]
        if not isfinite(level) or not 0.0 <= level <= 1.0 or (not settings.proportional and level not in {0.0, 1.0}):
            return BAD_LEVEL
        if not isfinite(seconds) or not 0.0 < seconds <= self.hold_max_s(output):
            return BAD_TIME
        if giver.origin != "local" and self._held_locally(output):
            return AT_THE_PLANT
        self._set(output, level, seconds, giver, "order.hold")
        return ""

    def stop(self, output: str, giver: Giver) -> str:
        """Put ``output`` in its safe state: ends a person's hold, or keeps an automatic run off for a while."""
        refused = self._admit(output, giver, Role.OPERATOR)
        if refused:
            return refused
        if giver.origin != "local" and self._held_locally(output):
            return AT_THE_PLANT
        standing = self.overrides.get(output)
        safe = self._outputs[output].safe_level
        if standing is not None and standing.level != safe:
            self.drop(output, giver.person)
        else:
            self._set(output, safe, STOP_HOLDS_S, giver, "order.stop")
        return ""

    def _held_locally(self, output: str) -> bool:
        """Say whether the switch at the plant has this output: it wins over everybody from afar."""
        standing = self.overrides.get(output)
        return standing is not None and standing.origin == "local"

    def drop(self, output: str, person: str = "") -> None:
        """End the person's will over ``output``, if there is one."""
        if self.overrides.pop(output, None) is not None:
            self._record((Event("order.end", output, self._now_ms(), person=person),))

    def lock(self, series: str, giver: Giver, locked: bool) -> str:
        """Take a series out of control, or give it back; gives "" or why not."""
        refused = self.may_service(series, giver.role)
        if refused:
            return refused
        if locked:
            self.locks[series] = self._now_ms() + round(LOCK_S * 1000.0)
        else:
            self.locks.pop(series, None)
        kind = "probe.locked" if locked else "probe.unlocked"
        self._record((Event(kind, series, self._now_ms(), person=giver.person),))
        return ""

    def work_at(self, place: str, seconds: float, giver: Giver) -> str:
        """Keep the outputs of a place safe while somebody works there; 0 s ends it. Gives "" or why not."""
        refused = self._admit_at(place, giver)
        if refused:
            return refused
        if not isfinite(seconds) or not 0.0 <= seconds <= self._maintenance_max_s:
            return BAD_TIME
        now = self._now_ms()
        until_ms = now + round(seconds * 1000.0)
        self.maintenance.pop(place, None)
        if seconds > 0.0:
            self.maintenance[place] = Maintenance(place, until_ms, giver.person)
        self._record((Event("order.maintenance", place, now, person=giver.person, fields={"until_ms": until_ms}),))
        return ""

    def reset(self, place: str, giver: Giver) -> str:
        """Release what safety has latched at a place, for somebody has looked. Gives "" or why not."""
        refused = self._admit_at(place, giver)
        if refused:
            return refused
        self._resets.append(Reset(place, giver.person))
        self._record((Event("order.reset", place, self._now_ms(), person=giver.person),))
        return ""

    def take_resets(self) -> tuple[Reset, ...]:
        """Give the resets since the last tick; each is told to the engine once."""
        taken, self._resets = tuple(self._resets), []
        return taken

    def may_service(self, series: str, role: str) -> str:
        """Say "" when this role may work on the probe of ``series``, else why not."""
        if ROLES.get(role, Role.VIEWER) < Role.TECHNICIAN:
            return ROLE_TOO_LOW
        return "" if series in self._series else UNKNOWN_SERIES

    def expire(self) -> list[str]:
        """Drop what has run out; gives the series that come back into control."""
        now = self._now_ms()
        for output, override in list(self.overrides.items()):
            if now >= override.until_ms:
                self.drop(output)
        for place, work in list(self.maintenance.items()):
            if now >= work.until_ms:
                del self.maintenance[place]
        back = [series for series, until_ms in self.locks.items() if now >= until_ms]
        for series in back:
            del self.locks[series]
            self._record((Event("probe.unlocked", series, now),))
        return back

    def _admit(self, output: str, giver: Giver, least: Role) -> str:
        if output not in self._outputs:
            return UNKNOWN_OUTPUT
        if ROLES.get(giver.role, Role.VIEWER) < least:
            return ROLE_TOO_LOW
        return "" if self._seen.admit(giver) else SEEN_BEFORE

    def _admit_at(self, place: str, giver: Giver) -> str:
        if place not in self._places:
            return UNKNOWN_PLACE
        if ROLES.get(giver.role, Role.VIEWER) < Role.TECHNICIAN:
            return ROLE_TOO_LOW
        return "" if self._seen.admit(giver) else SEEN_BEFORE

    def _set(self, output: str, level: float, seconds: float, giver: Giver, kind: str) -> None:
        now = self._now_ms()
        override = Override(output, level, now + round(seconds * 1000.0), giver.person, giver.origin)
        self.overrides[output] = override
        fields: dict[str, str | float | int | bool] = {
            "level": level,
            "until_ms": override.until_ms,
            "origin": giver.origin,
        }
        self._record((Event(kind, output, now, person=giver.person, fields=fields),))
