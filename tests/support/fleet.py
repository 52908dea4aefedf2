# SPDX-License-Identifier: Apache-2.0
"""An edge process for tests and benches: appends numbered samples to a log, sends them, tells what was accepted.

Run as ``python -m tests.support.fleet FOLDER BROKER_URL MEMBER EDGE [RATE] [SERIES]``. Every group that ``flush``
accepted is written, one line each, to ``FOLDER/accepted`` after the fact: epoch, seq, first and last number, wall
time of the first. It runs until it is killed.
"""

import asyncio
import sys
import time
from pathlib import Path

from telemetry.log import Log
from telemetry.mqtt import MqttBroker
from telemetry.outgoing import OutgoingRows
from telemetry.records import AnyRecord, Sample
from telemetry.uplink import Uplink


def value_of(number: int, series: int) -> float:
    """Give the value that sample ``number`` of a series must have: a checker can recompute it."""
    return ((number * 7919 + series * 104_729) % 10_007) / 10


async def run(folder: Path, url: str, member: str, edge: str, rate: float, series: int) -> None:
    """Be an edge."""
    log = Log.open(folder / "log.db", edge)
    uplink = Uplink(log, OutgoingRows(folder / "log.db"), MqttBroker(url, keepalive_s=5), member, now=time.monotonic)
    start = time.monotonic_ns()
    accepted = (folder / "accepted").open("a", encoding="ascii")
    number = int((folder / "number").read_text()) if (folder / "number").exists() else 0

    async def produce() -> None:
        nonlocal number
        while True:
            mono_ms = (time.monotonic_ns() - start) // 1_000_000
            wall_ms = time.time_ns() // 1_000_000
            records: list[AnyRecord] = [
                Sample(f"zone-{at}/co2", mono_ms, float(number), value_of(number, at)) for at in range(series)
            ]
            log.append(records)
            seq = await asyncio.to_thread(log.flush, mono_ms, wall_ms, True)
            uplink.wake()
            accepted.write(f"{log.epoch} {seq} {number} {wall_ms}\n")
            accepted.flush()
            number += 1
            (folder / "number").write_text(str(number))
            await asyncio.sleep(1 / rate)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce(), name="produces")
        group.create_task(uplink.run(), name="uplink")


if __name__ == "__main__":
    _, folder_name, broker_url, member_name, edge_name, *rest = sys.argv
    pace, width = (float(rest[0]), int(rest[1])) if len(rest) == 2 else (5.0, 20)
    asyncio.run(run(Path(folder_name), broker_url, member_name, edge_name, pace, width))
