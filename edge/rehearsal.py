# SPDX-License-Identifier: Apache-2.0
"""The whole agent on simulated bytes in virtual time: a day in minutes, the same day every time.

The rule it keeps: the agent is the one that runs on a farm; only its world is another. Nothing here is known to it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from drivers.catalogue import Catalogue
from edge import virtual
from edge.agent import Agent
from edge.config import FarmConfig
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import Network, VirtualClock, World
from telemetry.rows import Disk, RealDisk

# When nobody says when the day begins: 2026-03-01 06:00 in Viet Nam.
START_WALL_MS: Final = 1_772_319_600_000

Script = Callable[[Agent, SimulatedField], Coroutine[Any, Any, None]]


async def _nothing(_agent: Agent, _field: SimulatedField) -> None:
    """Let the day pass undisturbed."""


def start_wall_ms(config: FarmConfig) -> int:
    """Give the moment at which the simulation of this farm begins."""
    start = config.simulation.start if config.simulation is not None else ""
    return round(datetime.fromisoformat(start).timestamp() * 1000.0) if start else START_WALL_MS


def rehearse(
    config: FarmConfig,
    text: str,
    state: Path,
    seconds: float,
    script: Script = _nothing,
    disk: Disk | None = None,
    network: Network | None = None,
) -> Agent:
    """Run the farm for ``seconds`` of its own time, with ``script`` beside it; gives the agent as it ended."""

    async def main(loop: virtual.VirtualLoop) -> Agent:
        clock = VirtualClock(loop, start_wall_ms(config))
        seed = config.simulation.seed if config.simulation is not None else 0
        world = World(clock, state, network, disk or RealDisk(), seed)
        known = known_devices(config, Catalogue())
        field = SimulatedField(config, known, loop.time(), clock.wall_ms() / 1000.0, byte_by_byte=False)
        agent = assemble(config, text, world, field.open_line, compiled=True)

        async def end() -> None:
            await asyncio.sleep(seconds)
            agent.stop()

        try:
            async with asyncio.TaskGroup() as group:
                live = group.create_task(field.live(), name="nature")
                acts = group.create_task(script(agent, field), name="script")
                group.create_task(end(), name="end")
                await group.create_task(agent.run(), name="agent")
                live.cancel()
                acts.cancel()
        finally:
            field.shut()
        agent.log.close()
        return agent

    return virtual.run(main)
