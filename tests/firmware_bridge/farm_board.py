# SPDX-License-Identifier: Apache-2.0
"""A small board's configuration and a host on it in virtual time, for the tests of bridge and devices."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from drivers.ports import Fault
from edge import virtual
from firmware_bridge.board_config import Analogue, BoardConfig, Counter, Doser, Input, Pump, Valve
from firmware_bridge.board_process import BoardEvent
from firmware_bridge.bridge import Bridge
from firmware_bridge.linux_board import VirtualBoard
from firmware_bridge.mcu_devices import McuOutputs, McuSource
from telemetry.records import Reading

T = TypeVar("T")


async def pass_time(seconds: float) -> None:
    """Let virtual time pass: it costs no real second."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


class Epochs:
    """Epochs kept in memory."""

    def __init__(self, last: int = 0) -> None:
        self.value = last

    def last(self) -> int:
        return self.value

    def keep(self, epoch: int) -> None:
        self.value = epoch


def farm_board(**changes: object) -> BoardConfig:
    parts: dict[str, object] = {
        "name": "mcu-1",
        "valves": (
            Valve(name="bed-1", output=0, max_on_s=60.0),
            Valve(name="bed-2", output=1, max_on_s=60.0),
            Valve(name="fill", output=4, max_on_s=60.0),
        ),
        "pumps": (
            Pump(name="pump", output=2, max_on_s=600.0, valves=("bed-1", "bed-2"), counter="flow", open_lead_s=0.5),
        ),
        "dosers": (
            Doser(
                name="acid",
                output=3,
                counter="flow",
                rate_ml_s=2.0,
                event_ml=5.0,
                hour_ml=12.0,
                day_ml=50.0,
                max_on_s=60.0,
            ),
        ),
        "inputs": (Input(name="tank-full", input=1, blocks=("fill",), series="tank/full"),),
        "counters": (Counter(name="flow", counter=0, series="house/water_volume"),),
        "analogue": (Analogue(name="pressure", channel=0, series="house/pressure"),),
    }
    return BoardConfig(**(parts | changes))  # type: ignore[arg-type]


class Host:
    """A bridge with its outputs and source on a virtual board."""

    def __init__(
        self, board: VirtualBoard, config: BoardConfig, epochs: Epochs | None = None, host_id: int = 7
    ) -> None:
        self.board = board
        self.faults: list[Fault] = []
        self.readings: list[Reading] = []
        self.epochs = epochs if epochs is not None else Epochs()
        self.bridge = Bridge(board, config, self.epochs, host_id=host_id, report=self.faults.append)
        self.outputs = McuOutputs(self.bridge)
        self.source = McuSource(self.bridge, lambda at: round(at * 1000))
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self.source.run(self.readings.extend, self.faults.append), name="host")
        await self.until(lambda: self.bridge.ready)

    async def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not done():
                await pass_time(0.01)
                self.board.follow()

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    def kinds(self) -> list[str]:
        return [fault.kind for fault in self.faults]


class Watch:
    """The history of the outputs with exact times."""

    def __init__(self, board: VirtualBoard) -> None:
        self.events: list[BoardEvent] = []
        board.on_event = self.events.append

    def switched(self, output: int) -> list[tuple[float, bool]]:
        """Give (second, on) of every change of one output."""
        found: list[tuple[float, bool]] = []
        was = False
        for event in self.events:
            on = bool(event.on >> output & 1)
            if event.e == "outputs" and on is not was:
                was = on
                found.append((event.us * 1e-6, on))
        return found


def in_virtual_time(program: Path, work: Callable[[VirtualBoard], Awaitable[T]]) -> T:
    """Run ``work`` with a fresh board in a virtual loop."""

    async def main(_loop: virtual.VirtualLoop) -> T:
        board = VirtualBoard([program, "--virtual"])
        try:
            return await work(board)
        finally:
            board.shut()

    return virtual.run(main)
