# SPDX-License-Identifier: Apache-2.0
"""The life of one alarm: raised, acknowledged, shelved until a moment, cleared.

The rule it keeps: nobody silences anything for ever. An acknowledgement ends with its alarm, a shelf ends at a time
that was said when it began, and the highest severity is shelved only by a technician and only shortly.
"""

from dataclasses import dataclass, field
from math import isfinite
from typing import Final

import msgspec

from edge.users import ROLES, Role
from pages.words import N_

SHELVE_MAX_S: Final = 24 * 3600.0
SHELVE_CRITICAL_MAX_S: Final = 3600.0
RANK: Final = {"critical": 3, "alarm": 2, "warning": 1, "info": 0}
NO_SUCH_ALARM: Final = N_("there is no such alarm")
NO_END: Final = N_("say for how long: above 0 s and at most {most} s")
ROLE_TOO_LOW: Final = "this role may not do that"

Fields = dict[str, str | float | int | bool]
Key = tuple[str, str]  # (kind, subject)


@dataclass(slots=True)
class Standing:
    """An alarm that stands. ``carried_until_ms`` > 0: it stood when the last boot ended and was not seen since."""

    number: int
    severity: str
    since_ms: int
    fields: Fields = field(default_factory=dict)
    person: str = ""
    carried_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Shelf:
    """An alarm that nobody is called for until ``until_ms``; it is kept when the alarm goes and comes again."""

    until_ms: int
    person: str


class SavedAlarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One standing alarm for the next boot; ``since_ms`` counts back from the moment of saving."""

    kind: str
    subject: str
    number: int
    severity: str
    ago_ms: int
    fields: Fields = {}
    person: str = ""


class SavedShelf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shelf for the next boot."""

    kind: str
    subject: str
    left_ms: int
    person: str


class AlarmMemory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the alarms remember over a restart. ``told`` is what ``edge.alarm_calls`` has said to whom."""

    wall_ms: int
    clock_ok: bool
    next_number: int
    standing: tuple[SavedAlarm, ...] = ()
    shelves: tuple[SavedShelf, ...] = ()
    told: tuple["SavedTold", ...] = ()


class SavedTold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was told of one alarm: the severity said, how long ago, and how often it was escalated."""

    kind: str
    subject: str
    severity: str
    ago_ms: int
    rounds: int


def may_acknowledge(role: str) -> str:
    """Say "" when this role may acknowledge, else why not."""
    return "" if ROLES.get(role, Role.VIEWER) >= Role.OPERATOR else ROLE_TOO_LOW


def may_shelve(role: str, severity: str, seconds: float) -> tuple[str, Fields]:
    """Say ("", {}) when this role may shelve an alarm of this severity for so long, else why not."""
    critical = severity == "critical"
    if ROLES.get(role, Role.VIEWER) < (Role.TECHNICIAN if critical else Role.OPERATOR):
        return ROLE_TOO_LOW, {}
    most_s = SHELVE_CRITICAL_MAX_S if critical else SHELVE_MAX_S
    if not isfinite(seconds) or not 0.0 < seconds <= most_s:
        return NO_END, {"most": most_s}
    return "", {}
