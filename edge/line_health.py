# SPDX-License-Identifier: Apache-2.0
"""How well the farm's devices answer while no agent runs: polls them for a while the way the agent does and counts.

The rule it keeps: it runs the agent's own lines and instruments, so what it finds is what the agent would meet.
"""

import asyncio

import msgspec

from drivers.catalogue import Catalogue
from drivers.ports import Fault
from drivers.registry import names_of
from drivers.serial_port import opener
from edge.bus_report import bus_report
from edge.config import SIMULATED, Device, FarmConfig
from edge.connected import line_settings
from edge.farm_profile import Known
from edge.line_sources import modbus_source, text_source
from edge.live_lines import BusReport

SHORTEST_PERIOD_S = 1.0


async def watch_farm(farm: FarmConfig, types: Catalogue, for_s: float) -> BusReport:
    """Poll the farm's lines for ``for_s``; every device once a second, or as often as its maker allows.

    Devices without values are not asked.
    """
    buses = [bus for bus in farm.buses if bus.port != SIMULATED]
    known = [_known(device, types) for device in farm.devices]
    sources = {}
    for bus in buses:
        here = [one for one in known if one.device.bus == bus.name]
        make = modbus_source if bus.kind == "modbus" else text_source
        sources[bus.name] = make(bus, here, opener(bus.port, line_settings(bus)), lambda now_s: int(now_s * 1000.0))
    tasks = [asyncio.create_task(source.run(lambda _readings: None, _ignore)) for source in sources.values()]
    try:
        await asyncio.wait(tasks, timeout=for_s)
        asked = [one for one in known if one.series]
        return bus_report(buses, asked, sources, asyncio.get_running_loop().time())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _known(device: Device, types: Catalogue) -> Known:
    entry = types.entry(device.type, device.variant)
    fast = msgspec.structs.replace(device, period_s=max(SHORTEST_PERIOD_S, entry.min_interval_s))
    return Known(fast, entry, {name: f"{device.place}/{name}" for name in names_of(entry)})


def _ignore(_fault: Fault) -> None:
    """What becomes of a line and its devices stands in their health."""
