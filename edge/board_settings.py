# SPDX-License-Identifier: Apache-2.0
"""What ``farm.toml`` says of a microcontroller board: its line, and what hangs on which pin.

The rule it keeps: limits of an output (longest time on, caps of a doser, ...) stand once, in its [[output]]; here are
only pins and what the board needs to judge by itself.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Pin = Annotated[int, Meta(ge=0, le=15)]
BoardName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class BoardTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of the tables of a board."""


class BoardCounter(BoardTable, frozen=True):
    """A pulse meter: ``per_pulse`` litres (water_volume) or millimetres (rainfall) for each pulse.

    ``series`` gets the total and ``flow`` litres a minute; both may be left out. Pumps named in ``guards`` stop when
    they run without a pulse, dosers dose only while it pulses.
    """

    counter: Pin
    per_pulse: Annotated[float, Meta(gt=0.0, le=1e6)]
    series: str = ""
    flow: str = ""
    guards: tuple[str, ...] = ()
    bounce_ms: Annotated[float, Meta(ge=0.0, le=65.0)] = 1.0


class BoardInput(BoardTable, frozen=True):
    """A float switch or contact. While it is active the outputs in ``blocks`` are off on the board itself.

    ``latches`` True: until a person releases it. Input 0 is the stop chain and needs no table.
    """

    input: Annotated[int, Meta(ge=1, le=15)]
    series: str = ""
    blocks: tuple[str, ...] = ()
    active_high: bool = True
    latches: bool = False
    debounce_ms: Annotated[int, Meta(ge=1, le=255)] = 50


class BoardAnalogue(BoardTable, frozen=True):
    """An analogue channel: ``zero_v`` means ``zero`` and ``full_v`` means ``full``, in the unit of ``series``.

    Outside ``least_v`` to ``most_v`` the value is marked impossible; ``stops_all`` also latches every output off.
    """

    channel: Pin
    series: str
    zero: float
    full: float
    zero_v: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.0
    full_v: Annotated[float, Meta(ge=0.0, le=5.0)] = 5.0
    least_v: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.0
    most_v: Annotated[float, Meta(ge=0.0, le=5.0)] = 5.0
    stops_all: bool = False


class Board(BoardTable, frozen=True):
    """One of our microcontrollers. ``port``: /dev/serial/by-id/..., rfc2217://..., socket://... or ``sim``.

    ``outputs`` ties its output pins ("0", "1", ...) to [[output]] ids. An *on* lives ``lease_s`` on the board without
    the agent. Its values come every ``period_s``; pins that change are told at once.
    """

    name: BoardName
    port: Annotated[str, Meta(min_length=1)]
    place: BoardName
    type: Literal["avr-nano", "linux"] = "avr-nano"
    outputs: dict[str, str] = {}
    counters: tuple[BoardCounter, ...] = ()
    inputs: tuple[BoardInput, ...] = ()
    analogue: tuple[BoardAnalogue, ...] = ()
    lease_s: Annotated[float, Meta(ge=0.2, le=5.0)] = 1.0
    period_s: Annotated[float, Meta(ge=0.1, le=60.0)] = 2.0
    dry_run_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 5.0
