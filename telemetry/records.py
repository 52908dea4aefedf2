# SPDX-License-Identifier: Apache-2.0
"""What Vườn remembers: reading, sample, decision, command, ack, event, and the words for their quality.

The rule it keeps: records are frozen, carry the edge's monotonic time in whole milliseconds
(``mono_ms``, counted from the start of the boot epoch) and never a wall clock. The envelope of a batch
ties monotonic to wall time once, with ``clock_ok``; so a clock that jumps cannot reorder what happened.
Records meet bytes only in ``telemetry.envelope``.
"""

import enum
import re
from math import nan
from typing import Final

import msgspec

# A place (house, zone, tank, station) and a series: safe in topics, tags, file names and URLs.
PLACE_PATTERN: Final = re.compile(r"^[a-z][a-z0-9-]{0,31}$")
SERIES_PATTERN: Final = re.compile(r"^[a-z][a-z0-9-]{0,31}/[a-z][a-z0-9_]{0,31}(\.[0-9]{1,2})?$")


def series_id(place: str, quantity: str, index: int = 0) -> str:
    """Name a series: ``pepper-1/soil_moisture`` or, for a second probe there, ``pepper-1/soil_moisture.2``.

    It names the place and the quantity, never the instrument, so a replaced probe continues its series.
    """
    name = f"{place}/{quantity}" + (f".{index}" if index else "")
    if not SERIES_PATTERN.match(name):
        raise ValueError(f"bad series name {name!r}: use a-z, 0-9 and '-' in the place, at most 32 characters")
    return name


class Quality(enum.IntFlag):
    """Why a value may not be what it seems; 0 is good. Bits are stored: never renumber."""

    GOOD = 0
    RANGE = 1  # outside what nature or the instrument can give
    SPIKE = 2  # changed faster than believable, not yet confirmed
    STUCK = 4  # identical for longer than the quantity can stand still
    STALE = 8  # older than three periods
    EXTRAPOLATED = 16  # outside the domain of its calibration
    UNCALIBRATED = 32  # no calibration on file; the maker's scale is used
    OVERDUE = 64  # calibration past its due date
    SENTINEL = 128  # the instrument itself reported a fault code
    COMM = 256  # no valid answer on the bus
    LOCKED = 512  # the probe is out for calibration
    WARMUP = 1024  # within the instrument's warm-up time
    SIMULATED = 2048  # made by the digital twin
    UNVERIFIED = 4096  # the catalogue entry has no cited frame


# A control loop may not act on a value that carries any of these.
UNUSABLE: Final = (
    Quality.RANGE
    | Quality.SPIKE
    | Quality.STUCK
    | Quality.STALE
    | Quality.EXTRAPOLATED
    | Quality.SENTINEL
    | Quality.COMM
    | Quality.LOCKED
    | Quality.WARMUP
)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record"):
    """The base of all records."""


class Reading(Record, frozen=True, tag="reading"):
    """What one instrument said: the raw signal in the instrument's own unit, when it was *measured*."""

    series: str
    device: str
    mono_ms: int
    raw: float
    unit: str
    quality: int = 0


class Sample(Record, frozen=True, tag="sample"):
    """A reading after calibration and checks, in the quantity's canonical unit. ``raw`` stays beside it for ever.

    ``calibration`` is the id of the artifact used ("" = the maker's scale), ``uncertainty`` its expanded
    uncertainty (k = 2), nan where unknown. ``value`` is nan when there was no answer.
    """

    series: str
    mono_ms: int
    raw: float
    value: float
    quality: int = 0
    calibration: str = ""
    uncertainty: float = nan


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number a decision used, and how good it was."""

    name: str
    value: float
    quality: int = 0


class Decision(Record, frozen=True, tag="decision"):
    """What the engine or the safety kernel decided for one output, also when it decided nothing.

    ``code`` is a reason of ``controllers.reasons``; ``level`` is what is wanted of the output (0 closed or off,
    1 open or on, between for proportional ones); ``limit`` names the rule that bound it ("" = none).
    """

    output: str
    place: str
    mono_ms: int
    code: str
    level: float
    rule: str
    inputs: tuple[Input, ...] = ()
    limit: str = ""
    vetoed: bool = False


class Command(Record, frozen=True, tag="command"):
    """One order to an output, through the one gate. It dies by itself: lease and expiry are part of it."""

    id: str
    output: str
    mono_ms: int
    level: float
    lease_ms: int
    expires_ms: int
    origin: str  # auto, manual, remote, safety
    person: str = ""
    reason: str = ""
    epoch: int = 0
    seq: int = 0


class Ack(Record, frozen=True, tag="ack"):
    """What became of a command: done, refused, failed, duplicate, expired; with the feedback where there is any."""

    command: str
    output: str
    mono_ms: int
    outcome: str
    detail: str = ""
    feedback: float = nan


class Event(Record, frozen=True, tag="event"):
    """Something that happened and is neither a value nor a decision: boot, fault, alarm, override, clock step.

    ``kind`` is dotted (``bus.timeout``, ``alarm.raised``, ``clock.step``); ``fields`` are for the message's words.
    """

    kind: str
    subject: str
    mono_ms: int
    severity: str = "info"  # info, warning, alarm, critical
    person: str = ""
    fields: dict[str, str | float | int | bool] = {}


class Tick(Record, frozen=True, tag="tick"):
    """One control tick that ran: what replay needs to run it again.

    ``wall_ms`` and ``clock_ok`` are the wall clock as the tick saw it; ``late_us`` is its lateness.
    """

    number: int
    mono_ms: int
    wall_ms: int
    clock_ok: bool
    late_us: int = 0


AnyRecord = Reading | Sample | Decision | Command | Ack | Event | Tick


class CalibrationSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both the farm and the cooperative read of a calibration."""

    id: str
    series: str
    device: str
    quantity: str
    method: str
    performed_at: str  # RFC 3339 with zone
    due_at: str
    person: str
    passed: bool
    expanded_uncertainty: float
    as_found_error: float
    as_left_error: float
    content_hash: str


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measuring device in use at a place; the master data behind indicators I15 to I17."""

    device: str
    model: str
    series: tuple[str, ...]
    period_s: float
    calibration_due: str = ""  # RFC 3339; "" = never calibrated


class Plot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One zone as the cooperative counts it."""

    place: str
    title: str
    area_m2: float
    crop: str
    irrigation: str  # drip, micro_sprinkler, sprinkler, surface, none
    house: str = ""
    band_day: tuple[float, float, float, float] | None = None  # T low, T high (°C), VPD low, VPD high (kPa)
    band_night: tuple[float, float, float, float] | None = None
    meter: str = ""  # the series of its water meter


class FarmProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a farm tells the hub about itself: the denominators of the report.

    ``unleased`` names water that nothing closes when the farm's controller dies, each with the reason given.
    """

    edge: str
    title: str
    member: str
    timezone: str
    plots: tuple[Plot, ...]
    instruments: tuple[Instrument, ...]
    calibrations: tuple[CalibrationSummary, ...] = ()
    unleased: tuple[tuple[str, str], ...] = ()
