# SPDX-License-Identifier: Apache-2.0
"""The instruments of one line that does not speak Modbus: when each is due, how it is doing, what it delivers.

The rule it keeps: every measurement that was due ends in readings, also one that failed (nan with the flag for it);
a silent instrument is asked again at once, is taken for dead after three silences, and then costs the line at most
``PROBE_SHARE`` of its time.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.catalogue_schema import Entry
from drivers.decode import Measured, to_readings
from drivers.ports import Fault
from drivers.registry import read_numbers
from drivers.scheduler import DEAD_AFTER, Device, Health
from telemetry.records import Reading

PROBE_SHARE: Final = 0.2
TOLD_EVERY_S: Final = 60.0  # a circuit that lost its power has forgotten its water's temperature
TOLD_APART_C: Final = 0.1  # what such a circuit resolves; EC changes by 0.2 % with it
UNTOLD_S: Final = 60.0  # a thermometer may be silent so long before it counts as a fault
AGAIN_S: Final = 0.2  # a suspect is asked again so soon
Deliver = Callable[[Sequence[Reading]], None]
Report = Callable[[Fault], None]


@dataclass(frozen=True, slots=True)
class TextDevice:
    """One instrument. ``address`` is its SDI-12 address or its letter; ``series`` maps value names to series."""

    name: str
    entry: Entry
    address: str
    period_s: float
    series: Mapping[str, str]
    water_c: Callable[[], float] | None = None  # what it is told as the temperature of its water, nan while unknown


class Place:
    """What is known of one instrument on the line."""

    def __init__(self, device: TextDevice, now: float) -> None:
        self.device = device
        self.record = Device(device.name)
        self.period_s = device.period_s
        self.due_s = now
        self.asked_s = math.inf  # when it was asked; infinity: nothing is under way
        self.known = False  # it was told what it must know, since the line opened
        self.crc = False
        self.attended = False  # somebody calibrates it, and tells it himself what it must know
        self.told_c, self.told_s = math.nan, -math.inf  # the temperature it was told last, and when
        self.untold_s = math.nan  # since when there is none to tell

    def began(self, now: float) -> None:
        """Note that it is being asked."""
        self.asked_s = now
        self.due_s = max(self.due_s + self.period_s, now)


class Places:
    """All instruments of one line."""

    def __init__(self, bus: str, devices: Iterable[TextDevice], mono_ms: Callable[[float], int]) -> None:
        self.bus = bus
        self.deliver: Deliver = lambda _readings: None
        self.report: Report = lambda _fault: None
        self._mono_ms = mono_ms
        self.places = [Place(device, 0.0) for device in devices]
        self._told_lost = False
        self.down = ""  # why the line was last lost

    def health(self) -> dict[str, Health]:
        """Give each instrument's health."""
        return {place.device.name: place.record.health() for place in self.places}

    def attend(self, device: str, period_s: float | None) -> None:
        """Measure one instrument every ``period_s``, at its fastest where it cannot; None: as usual."""
        for place in self.places:
            if place.device.name == device:
                usual_s = place.device.period_s
                wanted_s = usual_s if period_s is None else min(usual_s, period_s)
                place.period_s = max(wanted_s, place.device.entry.min_interval_s)
                place.due_s = min(place.due_s, place.due_s - usual_s + place.period_s)
                place.attended, place.told_s = period_s is not None, -math.inf

    def opened(self, now: float) -> None:
        """The line is there (again): everyone is due, and must be told again what it must know."""
        self._told_lost = False
        for place in self.places:
            place.due_s, place.asked_s, place.known = now, math.inf, False
            place.told_s, place.untold_s = -math.inf, math.nan

    def lost(self, now: float, detail: str) -> None:
        """The line is gone: everyone's values end, once."""
        self.down = detail
        if not self._told_lost:
            for place in self.places:
                self._say(place, read_numbers(place.device.entry, ()), now)
        self._told_lost = True

    def due(self, now: float) -> list[Place]:
        """Give those to ask now, the most overdue first; none of them is being asked."""
        waiting = [place for place in self.places if place.due_s <= now and math.isinf(place.asked_s)]
        return sorted(waiting, key=lambda place: place.due_s)

    def next_s(self) -> float:
        """Give the time at which the next one is due."""
        return min((place.due_s for place in self.places if math.isinf(place.asked_s)), default=math.inf)

    def of(self, address: str) -> Place | None:
        """Give the instrument at an address."""
        return next((place for place in self.places if place.device.address == address), None)

    def temperature_to_tell(self, place: Place, now: float) -> float:
        """Give the temperature that an instrument must be told now; nan: none. One that is long unknown is a fault.

        It is told again each minute: a circuit that lost its power and not its line has forgotten it.
        """
        if place.device.water_c is None or place.attended:
            return math.nan
        temperature_c = place.device.water_c()
        if not math.isfinite(temperature_c):
            untold_s = now if math.isnan(place.untold_s) else place.untold_s
            if untold_s <= now - UNTOLD_S:
                self.report(Fault(place.device.name, "sensor.uncompensated", now))
                untold_s = math.inf  # told once
            place.untold_s = untold_s
            return math.nan
        place.untold_s = math.nan
        if abs(temperature_c - place.told_c) < TOLD_APART_C and now - place.told_s < TOLD_EVERY_S:
            return math.nan
        place.told_c, place.told_s = temperature_c, now
        return temperature_c

    def good(self, place: Place, measured: Sequence[Measured], measured_s: float, now: float) -> None:
        """Take a measurement that is whole."""
        place.record.answered(max(0.0, now - min(place.asked_s, now)), now)
        place.asked_s = math.inf
        if place.record.dead:
            place.record.dead = False
            self.report(Fault(place.device.name, "bus.back", now))
        self._say(place, measured, measured_s)

    def bad(self, place: Place, kind: str, detail: str, now: float) -> None:
        """Take a measurement that failed: timeout, garbled, short or refused (the instrument tells of a fault)."""
        record = place.record
        cost_s = now - min(place.asked_s, now)
        place.asked_s = math.inf
        record.errors[kind] = record.errors.get(kind, 0) + 1
        if kind == "refused":
            record.misses = 0
        else:
            record.misses += 1
            place.known = False
        if record.dead:
            place.due_s = max(place.due_s, now + cost_s / PROBE_SHARE)
        elif record.misses >= DEAD_AFTER:
            record.dead = True
            self.report(Fault(place.device.name, "bus.dead", now, f"{kind} {detail}".strip()))
        elif record.misses:
            place.due_s = min(place.due_s, now + AGAIN_S)
        self._say(place, read_numbers(place.device.entry, ()), now)

    def _say(self, place: Place, measured: Sequence[Measured], at_s: float) -> None:
        device = place.device
        self.deliver(to_readings(device.entry, measured, device.series, device.name, self._mono_ms(at_s)))
