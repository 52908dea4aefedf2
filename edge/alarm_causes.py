# SPDX-License-Identifier: Apache-2.0
"""Which alarm is the cause of which: one broken bus is one alarm with its consequences inside.

The rule it keeps: it only looks at what stands and at how the farm is wired; a consequence is never lost, it stands
inside its cause, and a cause is as grave as the gravest thing inside it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from controllers.settings import ControlSettings
from edge.alarm_life import Key

if TYPE_CHECKING:
    from edge.config import FarmConfig

LINE_DOWN: Final = "bus.line_down"
LINE_SILENT: Final = "bus.silent"
DEAD: Final = "bus.dead"
SILENT: Final = "sensor.silent"
OUTPUT_SILENT: Final = "output.silent"
MAINS: Final = "safety.mains"
# What safety raises because it sees nothing; its cause may be the line to the instruments.
BLIND: Final = frozenset({"safety.wind_stale", "safety.blind", "safety.blind_cold", "safety.tank_blind"})
# What follows when the mains are gone.
NO_POWER: Final = frozenset(
    {OUTPUT_SILENT, "safety.no_response", "safety.no_flow", "safety.no_flow_stop", "safety.dry_run"}
)
DEPTH_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Topology:
    """How the farm is wired, as far as causes go.

    ``device_of`` names the device of a series or output, ``bus_of`` the bus of a device, ``polled`` the devices of a
    bus that are asked for values, ``listens`` the series that a house or line decides on.
    """

    device_of: Mapping[str, str] = field(default_factory=dict)
    bus_of: Mapping[str, str] = field(default_factory=dict)
    polled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    listens: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def silent_buses(self, standing: Collection[Key]) -> frozenset[str]:
        """Name the buses (of at least two devices) on which every device is dead."""
        return frozenset(
            bus
            for bus, devices in self.polled.items()
            if len(devices) > 1 and all((DEAD, device) in standing for device in devices)
        )

    def cause(self, key: Key, standing: Collection[Key]) -> Key | None:
        """Give the alarm that ``key`` directly comes from, None when it stands for itself."""
        kind, subject = key
        candidates: list[Key] = []
        if kind == DEAD:
            candidates = self._of_bus(self.bus_of.get(subject, ""))
        elif kind in {SILENT, OUTPUT_SILENT}:
            device = self.device_of.get(subject, "")
            candidates = [(DEAD, device), *self._of_bus(self.bus_of.get(device, ""))]
        elif kind in BLIND:
            candidates = [(SILENT, series) for series in sorted(self.listens.get(subject, frozenset()))]
        elif kind == LINE_SILENT:
            candidates = [(LINE_DOWN, subject)]
        if kind in NO_POWER:
            candidates.append((MAINS, "farm"))
        return next((one for one in candidates if one in standing), None)

    def root(self, key: Key, standing: Collection[Key]) -> Key:
        """Give the first cause of ``key`` among what stands; itself when there is none."""
        for _ in range(DEPTH_MAX):
            cause = self.cause(key, standing)
            if cause is None:
                break
            key = cause
        return key

    @staticmethod
    def _of_bus(bus: str) -> list[Key]:
        return [(LINE_DOWN, bus), (LINE_SILENT, bus)]


def topology(config: "FarmConfig", device_of: Mapping[str, str]) -> Topology:
    """Say how a farm is wired; ``device_of`` names the device of each series."""
    outputs = {output: device.name for device in config.devices for output in device.outputs.values()}
    outputs |= {output: board.name for board in config.boards for output in board.outputs.values()}
    outputs |= {output: board.name for board in config.boards for output in board.outputs.values()}
    bus_of = {device.name: device.bus for device in config.devices}
    asked = {device for device in device_of.values() if device in bus_of}
    polled = {bus.name: frozenset(device for device in asked if bus_of[device] == bus.name) for bus in config.buses}
    return Topology({**device_of, **outputs}, bus_of, polled, listens(config.control))


def listens(settings: ControlSettings) -> dict[str, frozenset[str]]:
    """Name the series that each house and line decides on."""
    found: dict[str, frozenset[str]] = {}
    for house in settings.houses:
        air = house.air_temperature or (f"{house.id}/air_temperature",)
        found[house.id] = frozenset((*air, *(name for name in (house.wind, house.outside_temperature) if name)))
    for line in settings.lines:
        found[line.id] = frozenset(name for name in (line.flow, line.tank_level) if name)
    return found
