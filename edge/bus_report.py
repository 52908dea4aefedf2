# SPDX-License-Identifier: Apache-2.0
"""How the lines and the devices on them are doing, as the agent tells it and a technician reads it.

The rule it keeps: it only counts what the sources counted; ages are taken when somebody asks.
"""

from collections.abc import Mapping, Sequence
from math import nan

from drivers.bus import Bus as ModbusLine
from drivers.ports import Source
from drivers.scheduler import Health
from drivers.text_bus import LineBus, Sdi12Bus
from edge.config import Bus
from edge.farm_profile import Known
from edge.live_lines import BusReport, DeviceHealth, LineHealth
from edge.poller import ModbusSource


def device_health(one: Known, health: Health | None, now_s: float) -> DeviceHealth:
    """Put one device's health together; None: it was never asked."""
    device = one.device
    if health is None:
        return DeviceHealth(device.name, device.type, str(device.address), "unknown", 0, {}, nan, nan)
    ago_s = now_s - health.last_good_s
    return DeviceHealth(
        device.name, device.type, str(device.address), health.state, health.good, health.errors, health.latency_s, ago_s
    )


def bus_report(buses: Sequence[Bus], known: Sequence[Known], sources: Mapping[str, Source], now_s: float) -> BusReport:
    """Ask every source how it is doing; ``now_s`` is the event loop's time."""
    lines = []
    for bus in buses:
        source = sources.get(bus.name)
        line = source.bus if isinstance(source, ModbusSource) else source
        if not isinstance(line, ModbusLine | LineBus | Sdi12Bus):
            continue
        told = line.health()
        here = [one for one in known if one.device.bus == bus.name]
        devices = tuple(device_health(one, told.get(one.device.name), now_s) for one in here)
        down = "" if line.up else line.down
        lines.append(LineHealth(bus.name, bus.port, bus.kind, line.up, line.polls, devices, down))
    return BusReport(tuple(lines))
