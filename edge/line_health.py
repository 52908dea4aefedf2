# SPDX-License-Identifier: Apache-2.0
"""How well the farm's devices answer: polls them for a while the way the agent does and counts.

The rule it keeps: it runs the agent's own bus and instruments, so what it finds is what the agent would meet.
"""

import asyncio
from collections.abc import Iterable

from drivers.bus import Bus
from drivers.polling import BusInstrument
from drivers.ports import Fault
from drivers.scheduler import Health
from drivers.serial_port import opener
from edge.connected import Connected

SHORTEST_PERIOD_S = 1.0


async def watch(devices: Iterable[Connected], for_s: float) -> tuple[dict[str, Health], list[Fault]]:
    """Poll the ``devices`` of one bus for ``for_s``; give each one's health, and what became of the line itself.

    Every device is read once a second, or as often as its maker allows. Devices without values are not asked.
    """
    mine = [one for one in devices if one.entry.value]
    if not mine:
        return {}, []
    faults: list[Fault] = []
    line = mine[0]
    bus = Bus(opener(line.bus.port, line.settings), line.settings, faults.append, name=line.bus.name)
    for one in mine:
        BusInstrument(
            one.entry,
            one.device.name,
            one.device.unit,
            {},
            period_s=max(SHORTEST_PERIOD_S, one.entry.min_interval_s),
            deliver=lambda _: None,
            mono_ms=lambda now_s: int(now_s * 1000.0),
        ).attach(bus)
    try:
        async with asyncio.timeout(for_s):
            await bus.run()
    except TimeoutError:
        pass
    told = bus.health()
    return {one.device.name: told[one.device.name] for one in mine if one.device.name in told}, [
        fault for fault in faults if fault.kind == "bus.line_down"
    ]
