# SPDX-License-Identifier: Apache-2.0
"""Who is called for which alarm, and when: at once, again when it grows worse, further when nobody answers.

The rule it keeps: one call a cause, not one a consequence; the highest severity is never held back; a quiet night
holds the rest until morning; without a trusted clock there is no night. Every repetition has an end.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from edge.alarm_causes import DEAD, OUTPUT_SILENT, SILENT
from edge.alarm_life import RANK, Key, SavedTold
from edge.alarms import Group

Why = Literal["raised", "worse", "escalated", "cleared", "test"]

# Faults of the line come one by one; a moment's patience lets the cause show itself first.
SETTLE_MS: Final = 60_000
SETTLES: Final = frozenset({SILENT, DEAD, OUTPUT_SILENT})
# An alarm that comes and goes calls at most so often.
AGAIN_MS: Final = 600_000
TIERS: Final = 3
ROUNDS_MAX: Final = 12
TOLD_MAX: Final = 1_000


class Call(NamedTuple):
    """Something to tell people. ``tier`` is the highest that hears of it; ``key`` the alarm, for its words."""

    key: Key
    severity: str
    why: Why
    tier: int
    inside: int


class _Told:
    """What was said of one cause. ``over_ms`` >= 0: it was cleared then."""

    __slots__ = ("at_ms", "over_ms", "rounds", "severity")

    def __init__(self, severity: str, at_ms: int, rounds: int = 0) -> None:
        self.severity = severity
        self.at_ms = at_ms
        self.rounds = rounds
        self.over_ms = -1


def in_quiet_hours(minute: int, quiet_from: int, quiet_to: int) -> bool:
    """Say whether a local minute lies in the quiet hours; they may go over midnight, and equal ends mean none."""
    if quiet_from <= quiet_to:
        return quiet_from <= minute < quiet_to
    return minute >= quiet_from or minute < quiet_to


class Caller:
    """Decides on calls. ``look`` is asked once a tick with what stands."""

    def __init__(self, escalate_ms: int, quiet: tuple[int, int]) -> None:
        self._escalate_ms = escalate_ms
        self._quiet = quiet
        self._told: dict[Key, _Told] = {}

    def look(self, groups: Sequence[Group], mono_ms: int, minute: int, *, clock_ok: bool) -> list[Call]:
        """Give the calls to make now."""
        if not groups and not self._told:
            return []
        quiet = clock_ok and in_quiet_hours(minute, *self._quiet)
        calls = [call for group in groups if (call := self._one(group, mono_ms, quiet=quiet)) is not None]
        return calls + self._over({key for group in groups for key in members(group)}, mono_ms, quiet=quiet)

    def _one(self, group: Group, mono_ms: int, *, quiet: bool) -> Call | None:
        if group.acknowledged or group.shelved or group.severity == "info":
            return None
        critical = group.severity == "critical"
        if quiet and not critical:
            return None
        told = self._told.get(group.key)
        if told is None:
            if any(key in self._told for key in members(group)[1:]):
                told = self._inherit(group)  # its consequence was told before the cause showed itself
            else:
                settled = critical or group.key[0] not in SETTLES or mono_ms - group.cause.since_ms >= SETTLE_MS
                return self._tell(group, "raised", mono_ms) if settled else None
        if told.over_ms >= 0 and mono_ms - told.at_ms < AGAIN_MS and _rank(group.severity) <= _rank(told.severity):
            return None  # it came back soon after it went: known
        if told.over_ms >= 0:
            return self._tell(group, "raised", mono_ms)
        if _rank(group.severity) > _rank(told.severity):
            return self._tell(group, "worse", mono_ms)
        if _rank(group.severity) >= RANK["alarm"] and told.rounds < ROUNDS_MAX and self._late(told, mono_ms):
            told.rounds += 1
            told.at_ms = mono_ms
            return Call(group.key, group.severity, "escalated", min(TIERS, 1 + told.rounds), len(group.inside))
        return None

    def _late(self, told: _Told, mono_ms: int) -> bool:
        # The pauses double once everybody has been called: a farm far away is not rung all night.
        return self._escalate_ms > 0 and mono_ms - told.at_ms >= self._escalate_ms << max(0, told.rounds - TIERS + 1)

    def _tell(self, group: Group, why: Why, mono_ms: int) -> Call:
        before = self._told.get(group.key)
        rounds = before.rounds if before is not None and why == "worse" else 0
        self._told[group.key] = _Told(group.severity, mono_ms, rounds)
        while len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]
        return Call(group.key, group.severity, why, min(TIERS, 1 + rounds), len(group.inside))

    def _inherit(self, group: Group) -> _Told:
        known = [self._told.pop(key) for key in members(group)[1:] if key in self._told]
        told = max(known, key=lambda one: _rank(one.severity))
        self._told[group.key] = told
        return told

    def _over(self, standing: set[Key], mono_ms: int, *, quiet: bool) -> list[Call]:
        calls: list[Call] = []
        for key, told in list(self._told.items()):
            if key in standing:
                continue
            if told.over_ms < 0:
                told.over_ms = mono_ms
                if not quiet or told.severity == "critical":
                    calls.append(Call(key, told.severity, "cleared", min(TIERS, 1 + told.rounds), 0))
            elif mono_ms - told.over_ms >= AGAIN_MS:
                del self._told[key]
        return calls

    def memory(self, mono_ms: int) -> tuple[SavedTold, ...]:
        """Take what was told, for the next boot."""
        return tuple(
            SavedTold(*key, told.severity, mono_ms - told.at_ms, told.rounds)
            for key, told in self._told.items()
            if told.over_ms < 0
        )

    def restore(self, saved: Sequence[SavedTold], mono_ms: int) -> None:
        """Take over what the last boot told, so that a restart calls nobody twice."""
        for one in saved:
            self._told[one.kind, one.subject] = _Told(one.severity, mono_ms - one.ago_ms, one.rounds)


def members(group: Group) -> list[Key]:
    """Give the keys of a group, the cause first."""
    return [group.key, *(key for key, _ in group.inside)]


def _rank(severity: str) -> int:
    return RANK.get(severity, 0)
