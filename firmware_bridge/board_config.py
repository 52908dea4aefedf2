# SPDX-License-Identifier: Apache-2.0
"""What hangs on a board, as the farm wrote it, and the calls that tell the board.

The rule it keeps: one configuration gives one list of calls and one CRC-32 over their bytes, which the board
computes from what it received; only when both agree does the board act on it. Impossible values are refused here
with their name, before the board refuses them with a number.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.codec import CodecError, parse_format
from firmware_bridge.codes import OutputKind
from firmware_bridge.dictionary import EXPECTED

LEASE_LIMIT_S: Final = 5.0  # the firmware refuses longer leases
DAY_S: Final = 86400.0
NOT_FITTED: Final = 255
_FORMATS: Final = {form.name: form for form in map(parse_format, EXPECTED)}


class BoardConfigError(ValueError):
    """The configuration cannot be told to a board; ``msgid`` and ``fields`` name the output and the value."""

    def __init__(self, msgid: str, **fields: str | float) -> None:
        super().__init__(msgid.format(**fields))
        self.msgid = msgid
        self.fields = fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Valve:
    """A valve or a relay. Outputs with the same ``group`` (not 0) are never on together."""

    name: str
    output: int
    max_on_s: float
    lease_s: float = 1.0
    min_off_s: float = 0.0
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pump:
    """A pump that needs one of ``valves`` open. ``counter`` or ``adc`` watch for running dry."""

    name: str
    output: int
    max_on_s: float
    valves: tuple[str, ...]
    lease_s: float = 1.0
    min_off_s: float = 0.0
    group: int = 0
    open_lead_s: float = 1.0
    close_lead_s: float = 0.2
    counter: str = ""
    adc: str = ""
    current_min: int = 0  # sum of sixteen 10-bit conversions
    dry_run_s: float = 5.0
    tries: int = 3
    lockout_s: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Doser:
    """A dosing pump with its caps; it doses only while ``counter`` has pulsed within ``flow_window_s``."""

    name: str
    output: int
    counter: str
    rate_ml_s: float
    event_ml: float
    hour_ml: float
    day_ml: float
    max_on_s: float
    lease_s: float = 1.0
    min_off_s: float = 0.0
    flow_window_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A float switch or contact. While active its ``blocks`` are off; ``latches``: until a person clears it."""

    name: str
    input: int
    blocks: tuple[str, ...] = ()
    active_high: bool = True
    latches: bool = False
    debounce_ms: int = 50
    series: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A pulse counter. Pulses closer than ``min_interval_us`` are bounces.

    ``series`` gets the total, ``per_pulse`` [``unit``] for each pulse; ``rate_series`` how much a minute.
    """

    name: str
    counter: int
    min_interval_us: int = 1000
    series: str = ""
    rate_series: str = ""
    per_pulse: float = 1.0
    unit: str = "count"
    rate_unit: str = "L/min"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analogue:
    """An analogue channel. ``bad_limit`` averages outside the limits in a row are a fault (0: not checked).

    Limits are sums of sixteen 10-bit conversions; ``series`` gets ``factor`` x average + ``offset`` [``unit``].
    """

    name: str
    channel: int
    limit_low: int = 0
    limit_high: int = 16368
    bad_limit: int = 0
    shuts_down: bool = False
    series: str = ""
    factor: float = 1.0
    offset: float = 0.0
    unit: str = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardConfig:
    """Everything on one board. ``kind`` is the name that the board must say of itself, "" when any may answer."""

    name: str
    kind: str = ""
    valves: tuple[Valve, ...] = ()
    pumps: tuple[Pump, ...] = ()
    dosers: tuple[Doser, ...] = ()
    inputs: tuple[Input, ...] = ()
    counters: tuple[Counter, ...] = ()
    analogue: tuple[Analogue, ...] = ()
    changeover_s: float = 0.5
    report_s: float = 1.0
    numbers: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check names and numbers; BoardConfigError names what is doubled or unknown."""
        for part in self.outputs:
            if part.name in self.numbers or part.output in self.numbers.values():
                raise BoardConfigError(
                    "{board}: output {output} or name {name} is used twice",
                    board=self.name,
                    output=part.output,
                    name=repr(part.name),
                )
            self.numbers[part.name] = part.output
            if not 0.1 <= part.lease_s <= LEASE_LIMIT_S:
                raise BoardConfigError(
                    "{name}: lease_s {seen} is not within 0.1 to {most}",
                    name=part.name,
                    seen=part.lease_s,
                    most=LEASE_LIMIT_S,
                )
            if not 0 < part.max_on_s <= DAY_S:
                raise BoardConfigError(
                    "{name}: max_on_s {seen} is not within 0 to {most}", name=part.name, seen=part.max_on_s, most=DAY_S
                )
        valves = {valve.name for valve in self.valves}
        for pump in self.pumps:
            if not pump.valves or not valves.issuperset(pump.valves):
                raise BoardConfigError(
                    "{name}: valves {seen} must name valves of this board", name=pump.name, seen=", ".join(pump.valves)
                )
        for doser in self.dosers:
            if not 0 < doser.event_ml <= doser.hour_ml <= doser.day_ml:
                raise BoardConfigError("{name}: caps must be 0 < event_ml <= hour_ml <= day_ml", name=doser.name)
        for entry in self.inputs:
            if entry.input == 0:
                raise BoardConfigError("{name}: input 0 is the stop chain and cannot be configured", name=entry.name)

    @property
    def outputs(self) -> tuple[Valve | Pump | Doser, ...]:
        """All outputs."""
        return (*self.valves, *self.pumps, *self.dosers)

    def calls(self) -> Iterator[tuple[str, dict[str, int | bytes]]]:
        """Give the calls between config_begin and config_end, in the order the board needs."""
        counters = {"": NOT_FITTED} | {entry.name: entry.counter for entry in self.counters}
        channels = {"": NOT_FITTED} | {entry.name: entry.channel for entry in self.analogue}
        for valve in self.valves:
            yield "config_output", _output(valve, OutputKind.VALVE, valve.group)
        for pump in self.pumps:
            yield "config_output", _output(pump, OutputKind.PUMP, pump.group)
        for doser in self.dosers:
            yield "config_output", _output(doser, OutputKind.DOSER, 0)
        for counter in self.counters:
            yield "config_counter", {"counter": counter.counter, "min_interval_us": counter.min_interval_us}
        for entry in self.analogue:
            yield (
                "config_adc",
                {
                    "channel": entry.channel,
                    "limit_low": entry.limit_low,
                    "limit_high": entry.limit_high,
                    "bad_limit": entry.bad_limit,
                    "action": int(entry.shuts_down),
                },
            )
        for pump in self.pumps:
            yield "config_pump", self._pump(pump, _find(counters, pump.counter), _find(channels, pump.adc))
        for doser in self.dosers:
            yield "config_doser", self._doser(doser, _find(counters, doser.counter))
        for contact in self.inputs:
            flags = int(contact.active_high) | 2 * int(contact.latches)
            yield (
                "config_input",
                {
                    "input": contact.input,
                    "flags": flags,
                    "debounce_ms": contact.debounce_ms,
                    "blocks": self.mask(contact.blocks),
                },
            )

    def _pump(self, pump: Pump, counter: int, adc: int) -> dict[str, int | bytes]:
        watched = counter != NOT_FITTED or adc != NOT_FITTED
        return {
            "output": pump.output,
            "counter": counter,
            "tries": pump.tries,
            "valves": self.mask(pump.valves),
            "open_lead_ms": _ms(pump.open_lead_s),
            "close_lead_ms": _ms(pump.close_lead_s),
            "dry_run_ms": _ms(pump.dry_run_s) if watched else 0,
            "lockout_s": pump.lockout_s,
            "adc": adc,
            "current_min": pump.current_min,
        }

    def _doser(self, doser: Doser, counter: int) -> dict[str, int | bytes]:
        return {
            "output": doser.output,
            "counter": counter,
            "rate_ul_s": round(doser.rate_ml_s * 1000),
            "flow_window_ms": _ms(doser.flow_window_s),
            "event_ul": round(doser.event_ml * 1000),
            "hour_ul": round(doser.hour_ml * 1000),
            "day_ul": round(doser.day_ml * 1000),
        }

    def mask(self, names: tuple[str, ...]) -> int:
        """Give the bits of the named outputs; BoardConfigError when one is unknown."""
        bits = 0
        for name in names:
            if name not in self.numbers:
                raise BoardConfigError(
                    "{board} has no output {name}; it has {known}",
                    board=self.name,
                    name=repr(name),
                    known=", ".join(sorted(self.numbers)),
                )
            bits |= 1 << self.numbers[name]
        return bits

    @property
    def crc(self) -> int:
        """CRC-32 over the changeover time and length and bytes of each call: the configuration's name."""
        data = _ms(self.changeover_s).to_bytes(2, "little")
        try:
            for name, values in self.calls():
                body = _FORMATS[name].encode(values)
                data += bytes((len(body),)) + body
        except CodecError as bad:
            raise BoardConfigError("{board}: a number does not fit: {seen}", board=self.name, seen=str(bad)) from bad
        return zlib.crc32(data)


def _output(part: Valve | Pump | Doser, kind: OutputKind, group: int) -> dict[str, int | bytes]:
    return {
        "output": part.output,
        "kind": int(kind),
        "group": group,
        "lease_max_ms": _ms(part.lease_s),
        "min_off_ms": _ms(part.min_off_s),
        "max_on_ms": _ms(part.max_on_s),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _find(numbers: dict[str, int], name: str) -> int:
    if name not in numbers:
        raise BoardConfigError(
            "no counter or channel {name}; there are {known}", name=repr(name), known=", ".join(sorted(numbers)[1:])
        )
    return numbers[name]
