# SPDX-License-Identifier: Apache-2.0
"""What goes into one control tick and what comes out: the engine's whole contact with the world.

The rule it keeps: a tick's result depends on its input and the engine's state alone, so the log replays it bit for
bit. Intervals and leases are monotonic (``mono_ms``); ``day`` and ``minute`` are the local calendar as
``controllers.schedule.local_time`` computed it, to be used only while ``clock_ok``.
"""

from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from telemetry.records import Decision, Event

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Origin = Literal["local", "manual", "remote"]


class Sense(NamedTuple):
    """The latest sample of each series in the order of ``Engine.series``: value, quality bits, age.

    Age counts from when it was *measured* and is negative where there never was a sample.
    """

    values: Floats
    quality: Ints
    age_ms: Ints


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's will over one output, until ``until_ms`` (monotonic). It passes the safety kernel like any other."""

    output: str
    level: float
    until_ms: int
    person: str
    origin: Origin = "manual"


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody works at ``place``: its outputs stay in their safe state until ``until_ms``, except by local hand."""

    place: str
    until_ms: int
    person: str


class Reset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person looked and releases what safety had latched at ``place`` (a line, an output)."""

    place: str
    person: str


class TickInput(NamedTuple):
    """All that one tick may know."""

    number: int
    mono_ms: int
    wall_ms: int
    clock_ok: bool
    day: int  # local day number (date.toordinal())
    minute: int  # local minute of that day, 0 to 1439
    sense: Sense
    overrides: tuple[Override, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    resets: tuple[Reset, ...] = ()
    stop_all: bool = False  # the emergency stop is pressed
    feedback: Floats | None = None  # per output: what the hardware says it does (nan: it cannot tell)


class TickResult(NamedTuple):
    """What the engine wants, what safety allows, and why, in the order of ``Engine.outputs``."""

    wanted: Floats
    allowed: Floats
    decisions: tuple[Decision, ...]  # those to store: changed, or a quarter of an hour old
    events: tuple[Event, ...]  # hazards raised and cleared, missed runs, clock steps
    save_state: bool  # a run or a latch changed: write the snapshot now, not at the next interval
