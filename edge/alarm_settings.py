# SPDX-License-Identifier: Apache-2.0
"""What ``farm.toml`` says of alarms: whom they reach, when, and what lights up or sounds.

The rule it keeps: people, their numbers and every secret stand in another file that only the agent's user can read.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Alarms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom alarms reach, and when. ``contacts_file`` (mode 0600) holds people and their secrets: docs/alarms.md.

    From ``quiet_from`` to ``quiet_to`` (local) only the highest severity calls; what nobody acknowledged in
    ``escalate_after_min`` goes to the next circle of people (0 = never). ``sirens`` and ``lamps`` name outputs of
    the kind siren. A clock that is not right ``clock_patience_s`` after the start is an alarm.
    """

    contacts_file: str = ""
    quiet_from: TimeOfDay = "22:00"
    quiet_to: TimeOfDay = "05:00"
    escalate_after_min: Annotated[float, Meta(ge=0.0, le=720.0)] = 15.0
    sirens: tuple[str, ...] = ()
    siren_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 120.0
    lamps: tuple[str, ...] = ()
    clock_patience_s: Annotated[float, Meta(ge=0.0, le=86400.0)] = 600.0
