# SPDX-License-Identifier: Apache-2.0
"""Which device of the farm is connected to which real line, for a technician's errands while the agent is stopped.

The rule it keeps: it only reads the farm's settings; simulated lines are left out.
"""

from dataclasses import dataclass
from typing import Final

from drivers.catalogue import Catalogue
from drivers.catalogue_schema import Entry
from drivers.line_settings import LineSettings
from edge.config import SIMULATED, Bus, Device, FarmConfig

SDI12_BD: Final = 1200


@dataclass(frozen=True, slots=True)
class Connected:
    """Where a device of the farm is connected, and what it is."""

    device: Device
    bus: Bus
    entry: Entry

    @property
    def settings(self) -> LineSettings:
        """The line's settings."""
        return line_settings(self.bus)


def line_settings(bus: Bus) -> LineSettings:
    """Give the settings of a bus as they stand in ``farm.toml``."""
    sdi12 = bus.kind == "sdi12"
    baud_bd = SDI12_BD if sdi12 else bus.baud_bd
    form = bus.format or ("7E1" if sdi12 else "8N1")
    return LineSettings(baud_bd, form[1], int(form[2]), int(form[0]))  # type: ignore[arg-type]


def connected(farm: FarmConfig, types: Catalogue) -> dict[str, Connected]:
    """Give every device on a serial line by its name, in the order of the file."""
    buses = {bus.name: bus for bus in farm.buses if bus.port != SIMULATED}
    return {
        device.name: Connected(device, buses[device.bus], types.entry(device.type, device.variant))
        for device in farm.devices
        if device.bus in buses
    }
