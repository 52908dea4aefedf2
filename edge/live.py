# SPDX-License-Identifier: Apache-2.0
"""What is true now, as the console and the command line see it: tiles, outputs, alarms, health.

The rule it keeps: codes and fields, never sentences; ages are given in seconds at the moment of sending, so a
reader needs no clock in common with the agent.
"""

from math import nan

import msgspec

from telemetry.records import Input


class Tile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last value of one series. ``value`` is nan when there is none; ``age_s`` since it was measured.

    ``raw`` is the signal in ``raw_unit``, which moves in steps of ``step`` (0: not known).
    ``quality`` is the bit set of ``telemetry.records.Quality``; ``band`` the wanted range where the zone has one.
    """

    series: str
    place: str
    quantity: str
    unit: str
    value: float
    quality: int
    age_s: float
    period_s: float
    raw: float = nan
    raw_unit: str = ""
    calibration: str = ""
    uncertainty: float = nan
    band: tuple[float, float] | None = None
    step: float = 0.0


class OutputState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output: what it does and why.

    ``level`` is what was last confirmed by the hardware, ``wanted`` what the last decision asks for; ``code`` and
    ``inputs`` say why (``controllers.reasons``), ``limit`` which rule bound it. ``lease_s`` is what is left of the
    lease; ``override_s`` what is left of a person's order (0 = none), given by ``person``.
    ``hold_max_s`` is the longest manual hold the gate accepts; ``flow_l_min`` > 0 lets a page show litres;
    ``between_pulses`` says that ``code`` is why it pulses, and that it rests just now.
    """

    output: str
    place: str
    kind: str
    level: float
    wanted: float
    code: str
    rule: str
    inputs: tuple[Input, ...] = ()
    limit: str = ""
    vetoed: bool = False
    for_s: float = 0.0
    lease_s: float = 0.0
    override_s: float = 0.0
    person: str = ""
    feedback: float = nan
    outcome: str = ""
    detail: str = ""
    hold_max_s: float = 0.0
    flow_l_min: float = 0.0
    between_pulses: bool = False


class Alarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a person should know that is true now; ``severity``: warning, alarm, critical.

    ``number`` names it in orders; ``person`` has acknowledged it ("" = nobody); for ``shelved_s`` more seconds nobody
    is called for it; ``inside`` is what follows from it.
    """

    kind: str
    subject: str
    severity: str
    for_s: float
    fields: dict[str, str | float | int | bool] = {}
    number: int = 0
    person: str = ""
    shelved_s: float = 0.0
    shelved_by: str = ""
    inside: tuple["Alarm", ...] = ()


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent itself fares. ``compiled`` False: numba could not be loaded, plain Python computes."""

    uptime_s: float
    ticks: int
    overruns: int
    tick_p99_ms: float
    compiled: bool
    points: int
    decisions: int
    commands: int
    acks: int
    stored_rows: int
    unsent_rows: int
    disk_ok: bool
    uplink: str  # off, waiting, connected
    rss_mb: float
    version: str


class ZoneWater(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a zone's water: its usual flow with its standard uncertainty, and what it was fed today.

    ``waterings`` is from how many the flow is known, 0 not at all. Grams of the elements, litres fed and their mean EC
    (nan: nothing was fed).
    """

    zone: str
    usual_l_min: float = nan
    uncertainty_l_min: float = nan
    waterings: int = 0
    n_g: float = 0.0
    p_g: float = 0.0
    k_g: float = 0.0
    fed_l: float = 0.0
    ec_ms_cm: float = nan


class LiveState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it at one moment. ``epoch`` is the boot epoch, ``mono_ms`` counts from its start."""

    edge: str
    title: str
    epoch: int
    mono_ms: int
    wall_ms: int
    clock_ok: bool
    tiles: tuple[Tile, ...]
    outputs: tuple[OutputState, ...]
    alarms: tuple[Alarm, ...]
    health: Health
    water: tuple[ZoneWater, ...] = ()


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of an order. ``outcome``: done, refused, failed, duplicate, expired; ``detail``: a reason code."""

    outcome: str
    detail: str = ""
    fields: dict[str, str | float | int | bool] = {}
    command: str = ""
