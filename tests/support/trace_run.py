# SPDX-License-Identifier: Apache-2.0
"""Runs an agent over a pseudo-terminal and prints which of the given functions were entered, in order.

Run by ``tests/system/test_trace.py`` in a process of its own, with kernels uncompiled so that they can be seen.
Arguments: state folder, farm.toml, then ``file:function`` pairs. Prints one JSON list, the first entry of each.
"""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from drivers.bus import fine_timer_loop
from drivers.catalogue import Catalogue
from edge.config import parse
from edge.demo import with_ports
from edge.exits import LOG_FILE
from edge.wiring import SimulatedField, assemble, known_devices, real_openers
from edge.world import SystemClock, World
from telemetry.history import LogReader

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60


def main() -> None:
    state, farm = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = {tuple(one.split(":")) for one in sys.argv[3:]}
    seen: list[str] = []

    def watch(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
            if (name, frame.f_code.co_name) in wanted and name not in seen:
                seen.append(name)

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(live(state, farm.read_text(encoding="utf-8"), watch))
    sys.stdout.write(json.dumps(seen) + "\n")


async def live(state: Path, text: str, watch: Any) -> None:
    config = parse(text)
    loop = asyncio.get_running_loop()
    field = SimulatedField(config, known_devices(config, Catalogue()), loop.time(), time.time(), byte_by_byte=True)
    ptys = field.open_ptys()
    text = with_ports(text, config, {name: one.path for name, one in ptys.items()})
    agent = assemble(parse(text), text, World(SystemClock("rtc"), state, None), real_openers, compiled=False)
    nature = asyncio.create_task(field.live())
    sys.setprofile(watch)
    threading.setprofile(watch)
    running = asyncio.create_task(agent.run())
    for _ in range(SECONDS_MAX * 10):
        if running.done() or any(line.level > 0 for line in agent.gate.lines.values()):
            break
        await asyncio.sleep(0.1)
    agent.stop()
    await running
    reader = LogReader(state / LOG_FILE)
    reader.range("pepper-1/air_temperature", 0, 1 << 60)
    reader.close()
    agent.desk.live()
    sys.setprofile(None)
    nature.cancel()
    await asyncio.gather(nature, return_exceptions=True)
    for one in ptys.values():
        one.close()
    agent.log.close()


if __name__ == "__main__":
    main()
