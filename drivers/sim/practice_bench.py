# SPDX-License-Identifier: Apache-2.0
"""Devices to practise on: a line behind a pseudo-terminal with a probe that the catalogue knows and one it does not.

The rule it keeps: as on a real line, a device hears only its own speed, and settings that want a power cycle wait
for one; the world around it stands still, so that what a page says it shows is what it shows.
"""

import termios
from collections.abc import Mapping, Sequence
from typing import Final

from drivers.catalogue import parse_entry
from drivers.catalogue_schema import Entry
from drivers.line_settings import LineSettings
from drivers.sim.devices import line_with
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.pty_line import PtyLine
from drivers.sim.text_line import TextLine
from drivers.sim.text_pty import TextPtyLine
from telemetry.quantities import quantity

# What the devices meet, in canonical units. What is not named here stands at a quarter of its quantity's range.
WORLD: Final[Mapping[str, float]] = {
    "soil_moisture": 27.5,
    "soil_temperature": 24.3,
    "soil_ec": 1.25,
    "soil_ph": 6.4,
    "water_level": 1.32,
    "water_temperature": 22.8,
    "water_ph": 6.1,
    "water_ec": 1.8,
    "air_temperature": 28.4,
    "air_humidity": 71.0,
    "air_pressure": 1008.0,
    "co2": 420.0,
    "wind_speed": 2.1,
    "wind_direction": 140.0,
    "rainfall": 0.0,
    "rain_rate": 0.0,
    "raw_signal": 2500.0,
}
KNOWN: Final = "sn-3002-thc-s"
# A tank probe that nobody has described yet: its level in millimetres from register 40, its temperature after it.
UNKNOWN: Final = """
type = "unknown-tank-probe"
title = "a tank probe that the catalogue does not know"
maker = "unknown"
serial = { baud = 4800, address = 2 }
value = [
  { quantity = "water_level", at = 40, unit = "mm" },
  { quantity = "water_temperature", at = 41, type = "i16", scale = 0.1 },
]
"""


def world(name: str, _now: float) -> float:
    """Give what stands still around the devices."""
    kind, _, index = name.partition(".")
    if kind in WORLD:
        return WORLD[kind] + 0.1 * float(index or 0)
    known = quantity(kind)
    return known.low + 0.25 * (min(known.high, known.low + 100.0) - known.low)


def unknown_probe() -> SimulatedInstrument:
    """Give the probe that the catalogue does not know."""
    return SimulatedInstrument(parse_entry(UNKNOWN, "unknown-tank-probe.toml"), world)


class PracticeBench:
    """A line to practise on; open ``path`` with any program. All devices speak Modbus, or all another protocol."""

    def __init__(self, devices: Sequence[tuple[Entry, str]], *, unknown: bool = False) -> None:
        """``devices``: entries and their addresses ("" is the maker's); ValueError for a mixed line.

        ``unknown`` adds the probe that the catalogue does not know.
        """
        if len({entry.protocol for entry, _ in devices}) > 1:
            raise ValueError(", ".join(f"{entry.type}: {entry.protocol}" for entry, _ in devices))
        self._modbus: list[SimulatedInstrument] = []
        self._pty: PtyLine | TextPtyLine
        if devices and devices[0][0].protocol != "modbus":
            self._pty = TextPtyLine(TextLine([SimulatedLineInstrument(e, world, address=at) for e, at in devices]))
        else:
            self._modbus += [SimulatedInstrument(entry, world, address=int(at or 0)) for entry, at in devices]
            self._modbus += [unknown_probe()] if unknown else []
            self._line = line_with(self._modbus, LineSettings(), 0.005, self._baud)
            self._pty = PtyLine(self._line)
        self.path = self._pty.path

    def _baud(self) -> int:
        """Give the speed at which the line was opened (a pseudo-terminal remembers it), and pace the line by it."""
        asked = termios.tcgetattr(self._pty.slave)[4]
        baud = next((d.baud for d in self._modbus if getattr(termios, f"B{d.baud}") == asked), 0)
        if baud:
            settings = LineSettings(baud)
            self._line.character_s, self._line.silence_s = settings.character_s, settings.silence_s
        return baud

    def power_cycle(self) -> None:
        """Take the power of every device off and on."""
        for device in self._modbus:
            device.power_cycle(0.0)

    def close(self) -> None:
        """Close at once."""
        self._pty.close()
