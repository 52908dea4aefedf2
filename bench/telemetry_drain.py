# SPDX-License-Identifier: Apache-2.0
"""The edge of the backlog bench: ``python -m bench.telemetry_drain LOG BROKER_PORT STORE_URL SECONDS``; prints JSON.

It sends for SECONDS, or until nothing is left, and commits a live point every half second meanwhile; it asks the store
itself when that point is there.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

from bench.telemetry_backlog import GROUP_POINTS
from telemetry.log import Log
from telemetry.mqtt import MqttBroker
from telemetry.outgoing import OutgoingRows
from telemetry.records import Sample
from telemetry.stores.http_client import HttpClient
from telemetry.uplink import Uplink

LAG_MOST_S: Final = 30.0


async def main(path: Path, port: int, url: str, seconds: float) -> None:
    """Send the backlog and tell how it went."""
    log, client = Log.open(path, "farm-1"), HttpClient(url)
    uplink = Uplink(log, OutgoingRows(path), MqttBroker(f"mqtt://127.0.0.1:{port}"), "coop", now=time.monotonic)
    backlog = uplink.pending()
    start = time.monotonic()
    task = asyncio.create_task(uplink.run(), name="uplink")
    lags: list[float] = []
    while (left := uplink.pending()) > 2 and time.monotonic() - start < seconds:
        now_ms = time.time_ns() // 1_000_000
        log.append([Sample("live/switch", now_ms, 1.0, 1.0)])
        await asyncio.to_thread(log.flush, now_ms, now_ms, True)
        committed = time.monotonic()
        uplink.wake()
        query = {"db": "vuon", "q": f"SELECT v FROM switch WHERE time >= {now_ms * 1_000_000}"}
        while b"values" not in await asyncio.to_thread(client.get, "/query", query):
            if time.monotonic() - committed > LAG_MOST_S:
                break  # it counts as that late
            await asyncio.sleep(0.02)
        lags.append(time.monotonic() - committed)
        await asyncio.sleep(max(0.0, 0.5 - lags[-1]))
    took = time.monotonic() - start
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    figures = {
        "took_s": took,
        "points_per_s": (backlog - left) * GROUP_POINTS / took,
        "live_lag_s": max(lags, default=0.0),
        "rss_mb": peak_mb(),
        "groups": backlog,
        "groups_left": left,
    }
    print(json.dumps(figures), flush=True)


def peak_mb() -> float:
    """Give the most memory this program held, MB (``ru_maxrss`` would count what it was forked from as well)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
