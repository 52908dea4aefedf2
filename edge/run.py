# SPDX-License-Identifier: Apache-2.0
"""Runs an agent on this machine from farm.toml until a signal ends it.

The rule it keeps: nothing starts unless everything can: the file is right, the ports are there, the folder can be
written; a second signal does not hurry the outputs' way to safety.
"""

import asyncio
import gc
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from edge.config import FarmConfig, load
from edge.config_ports import missing_ports, played_ports
from edge.toml_reader import Problem, settings_text


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asked for."""

    config: Path
    state: Path
    tolerate_missing_ports: bool = False


class PortsMissing(Exception):
    """Ports of farm.toml are not on this machine."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} ports are missing")
        self.problems = problems


def read(order: Order) -> FarmConfig:
    """Read and judge the file. OSError, SettingsRefused or PortsMissing say why nothing was started."""
    config = load(order.config)
    missing = played_ports(config, order.config)
    if not order.tolerate_missing_ports:
        missing += missing_ports(config, order.config)
    if missing:
        raise PortsMissing(missing)
    return config


def run(order: Order, config: FarmConfig) -> None:
    """Run until SIGTERM or SIGINT. DiskError or SocketTaken when it cannot start; a bug's exception ends it."""
    from edge.kernel_cache import fill

    compiled, why_not = fill()
    order.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Numba and the devices' catalogue load only now: all that could refuse has agreed.
    from drivers.bus import fine_timer_loop

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(_main(order, config, compiled=compiled, why_not=why_not))


async def _main(order: Order, config: FarmConfig, *, compiled: bool, why_not: str) -> None:
    from edge.device_types import device_types
    from edge.log_lines import tell
    from edge.machine import Machine
    from edge.wiring import assemble, real_openers
    from edge.world import SystemClock, World
    from telemetry.records import Event

    world = World(SystemClock(config.farm.clock), order.state, Machine(os.environ.get("NOTIFY_SOCKET", "")), tell=tell)
    text = settings_text(order.config)
    agent = assemble(config, text, world, real_openers, compiled=compiled, types=device_types(order.config))
    if why_not:
        agent.record((Event("kernels.uncompiled", "agent", 0, "warning", fields={"detail": why_not}),))
    gc.freeze()  # all that was loaded stays as long as the agent
    gc.enable()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stop)
    try:
        await agent.run()
    finally:
        agent.log.close()
