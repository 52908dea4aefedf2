# SPDX-License-Identifier: Apache-2.0
"""An edge process for tests and benches: appends numbered samples to a log, sends them, tells what was accepted.

Run as ``python -m tests.support.fleet FOLDER BROKER_URL MEMBER EDGE [RATE] [SERIES] [FIRST]``. Every group that
``flush`` accepted is written after the fact, one line each, to ``FOLDER/accepted``: epoch, seq, number, wall time.
``FOLDER/clock`` may hold a number of
ms by which its wall clock is wrong. It runs until it is killed.
"""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

from telemetry.log import Log
from telemetry.mqtt import MqttBroker
from telemetry.outgoing import OutgoingRows
from telemetry.records import AnyRecord, Sample
from telemetry.uplink import Uplink


class Edge:
    """One edge: a log, an uplink, and a producer of numbered samples."""

    def __init__(self, folder: Path, url: str, member: str, edge: str, rate: float, series: int, first: int) -> None:
        self.folder = folder
        self.rate = rate
        self.series = series
        self.log = Log.open(folder / "log.db", edge)
        self.rows = OutgoingRows(folder / "log.db")
        self.uplink = Uplink(self.log, self.rows, MqttBroker(url, keepalive_s=5), member, now=time.monotonic)
        self.start_ns = time.monotonic_ns()
        self.number = int((folder / "number").read_text()) if (folder / "number").exists() else first
        self.accepted = (folder / "accepted").open("a", encoding="ascii")

    def wall_ms(self) -> int:
        """Give the wall clock, as wrong as it was set."""
        with suppress(OSError, ValueError):
            return time.time_ns() // 1_000_000 + int((self.folder / "clock").read_text())
        return time.time_ns() // 1_000_000

    async def produce(self) -> None:
        """Log a group, note it as accepted, and so on."""
        while True:
            mono_ms = (time.monotonic_ns() - self.start_ns) // 1_000_000
            wall_ms = self.wall_ms()
            value = float(self.number)
            records: list[AnyRecord] = [Sample(f"zone-{at}/co2", mono_ms, value, value) for at in range(self.series)]
            # The next number is on the disk before this one is used: no number is ever used twice.
            (self.folder / "number").write_text(str(self.number + 1))
            self.log.append(records)
            seq = await asyncio.to_thread(self.log.flush, mono_ms, wall_ms, True)
            self.uplink.wake()
            self.accepted.write(f"{self.log.epoch} {seq} {self.number} {wall_ms}\n")
            self.accepted.flush()
            self.number += 1
            await asyncio.sleep(1 / self.rate)

    async def run(self) -> None:
        """Be an edge until killed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.produce(), name="produces")
            group.create_task(self.uplink.run(), name="uplink")

    def close(self) -> None:
        """Let go of the files."""
        self.accepted.close()
        self.rows.close()
        self.log.close()


def accepted(folder: Path) -> dict[int, int]:
    """Give number and wall time of what an edge accepted; a line cut short by kill -9 does not count."""
    if not (folder / "accepted").exists():
        return {}
    text = (folder / "accepted").read_text()
    lines = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
    return {int(fields[2]): int(fields[3]) for fields in lines if len(fields) == 4}


if __name__ == "__main__":
    _, folder_name, broker_url, member_name, edge_name, *rest = sys.argv
    pace, width, begin = (*rest, *("5", "20", "0")[len(rest) :])
    asyncio.run(Edge(Path(folder_name), broker_url, member_name, edge_name, float(pace), int(width), int(begin)).run())
