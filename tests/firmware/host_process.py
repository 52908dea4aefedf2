# SPDX-License-Identifier: Apache-2.0
"""A real host process on a real port: ``python host_process.py PORT [SECONDS]`` waters until somebody ends it.

It holds a valve by a control tick of 0.2 s with wishes of 0.6 s, or once for SECONDS. SIGUSR1 wedges its kernel
tick (the whole loop computes for ever), SIGUSR2 only the control tick. With VUON_BROKER it also tells a broker what
it does, as an agent with an uplink does, and says ``published`` for each message. It says ``on`` when the valve is on,
and ``wall SECONDS`` with its wall clock at each tick.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time

from drivers.line_settings import LineSettings
from drivers.ports import Fault
from drivers.serial_port import opener
from firmware_bridge.board_config import BoardConfig, Valve
from firmware_bridge.bridge import Bridge
from firmware_bridge.mcu_devices import McuOutputs

TICK_S = 0.2
WISH_S = 0.6


class Epochs:
    def last(self) -> int:
        return 0

    def keep(self, epoch: int) -> None:
        del epoch


def compute_for_ever() -> None:
    for _ in itertools.count():
        pass


async def tell_broker(url: str) -> None:
    """Publish at every tick; a broker that went away is looked for again."""
    from telemetry.mqtt import MqttBroker
    from telemetry.ports import BrokerError, Message

    tick = asyncio.Condition()
    while True:
        with contextlib.suppress(BrokerError):
            async with MqttBroker(url).connect("safety-table") as session:
                while True:
                    await session.publish(Message("farm/valve", b"on", 1))
                    print("published", flush=True)
                    await pause(tick)
        await pause(tick)


async def pause(bell: asyncio.Condition) -> None:
    """Wait for one tick of time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TICK_S), bell:
            await bell.wait()


async def main(port: str, once_s: float) -> None:
    config = BoardConfig(name="mcu", valves=(Valve(name="bed", output=0, max_on_s=60.0),))
    ready = asyncio.Event()

    def listen(fault: Fault) -> None:
        print(fault.kind, fault.detail, file=sys.stderr, flush=True)
        if fault.kind == "mcu.ready":
            ready.set()

    bridge = Bridge(opener(port, LineSettings(baud=115200)), config, Epochs(), host_id=7, report=listen)
    outputs = McuOutputs(bridge)
    wedged = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, compute_for_ever)
    loop.add_signal_handler(signal.SIGUSR2, wedged.set)
    running = asyncio.create_task(bridge.run(), name="bridge")
    broker = os.environ.get("VUON_BROKER", "")
    telling = asyncio.create_task(tell_broker(broker), name="broker") if broker else None
    await ready.wait()
    told = await outputs.hold("bed", 1.0, once_s or WISH_S)
    print("on" if told.outcome == "done" else told.detail, flush=True)
    while not wedged.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await wedged.wait()
        if not once_s and not wedged.is_set():
            await outputs.hold("bed", 1.0, WISH_S)
        print("wall", time.time(), flush=True)
    await running
    if telling is not None:
        telling.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
