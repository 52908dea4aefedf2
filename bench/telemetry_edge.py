# SPDX-License-Identifier: Apache-2.0
"""The edge's side of the telemetry bench: CPU a point, bytes to the card, on the wire, on the disk, queries."""

import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from bench.telemetry_data import PERIOD_MS, SERIES, START_MS, polls, values
from telemetry.envelope import Header, Packer
from telemetry.log import SAFE, SD_CARD, Log, Profile
from telemetry.records import AnyRecord, Sample
from telemetry.sealing import DAY_MS, merge_days, seal
from telemetry.stores.http_client import HttpClient
from telemetry.upkeep import Keeping, Upkeep
from tests.support import loopdisk
from tests.support.servers import influxdb, victoria_metrics

Figures = dict[str, float | None]
DAYS: Final = 30
WIRE_DICTIONARIES: Final = (2, 32, 4_352)  # after these groups, as the log makes them


def edge_path(folder: Path) -> Figures:
    """CPU of append and flush, 50 points a commit, each commit synced (class C: fsync before accepted).

    The middle one of three runs: one that a neighbour on the host disturbs takes up to three times as long.
    """
    return {"edge_us_per_point": sorted(edge_run(folder / f"edge-{run}.db") for run in range(3))[1]}


def edge_run(path: Path) -> float:
    """Give the microseconds of CPU a point of a thousand commits, once three hundred were made."""
    log = Log.open(path, "farm-1")
    groups = list(polls(1, 1_300))
    for mono, group in groups[:300]:
        log.append(group)
        log.flush(mono, START_MS + mono, True)
    before = time.process_time()
    for mono, group in groups[300:]:
        log.append(group)
        log.flush(mono, START_MS + mono, True)
    took = time.process_time() - before
    log.close()
    return took / (1_000 * 50) * 1e6


def wire() -> Figures:
    """Bytes on the wire for messages of 60 points, the mean of a day: envelope, MQTT, TCP and IPv4 headers."""
    packer, sizes = Packer(), list[int]()
    bodies: list[bytes] = []
    steps = DAY_MS // PERIOD_MS
    data = np.hstack([values(2, steps), values(3, steps)[:, :10]])
    names = [*SERIES, *(f"tank-{at}/water_ph" for at in range(10))]
    for step, row in enumerate(data):
        mono = step * PERIOD_MS
        group: list[AnyRecord] = [
            Sample(names[at], mono + at // 5 * 130, value, value, 0, "", 0.3) for at, value in enumerate(row.tolist())
        ]
        body = packer.encode(group)
        header = Header("farm-1", 3, 77, step + 1, 0, mono, START_MS + mono, True, len(group))
        sizes.append(len(packer.seal(header, body)))
        bodies = [*bodies[-2:], body]
        if step in WIRE_DICTIONARIES:
            packer.use_dictionary(b"".join(bodies)[-16_384:])
        if step == WIRE_DICTIONARIES[-1] - 3:
            packer.forget()
    mqtt, tcp_ip = 2 + 2 + len("vuon/1/member-1/farm-1/batch"), 52
    return {"bytes_per_point_wire": (statistics.mean(sizes[WIRE_DICTIONARIES[1] :]) + mqtt + tcp_ip) / 60}


def card_day(profile: Profile) -> float | None:
    """Megabytes written to the device in one day of 50 series at 10 s, sealing and merging included."""
    if not loopdisk.possible():
        return None
    with loopdisk.loop_disk(300) as disk:
        log = Log.open(disk.folder / "log.db", "farm-1", profile=profile)
        upkeep = Upkeep(log.transaction, log.path, "farm-1", keeping=Keeping(ballast_bytes=1_000_000))
        upkeep.step(0, START_MS)
        before = disk.written_bytes()
        for mono, group in polls(4, 8_640):
            log.append(group)
            if log.due(mono):
                log.flush(mono, START_MS + mono, True)
            if mono % 60_000 == 0:
                upkeep.step(mono, START_MS + mono)
        upkeep.step(DAY_MS, START_MS + DAY_MS + 3_700_000)
        written = disk.written_bytes() - before
        log.close()
    return written / 1e6


def build_month(path: Path, days: int = DAYS) -> Figures:
    """Thirty days of 50 series at 10 s through log, sealing and merging; bytes a point with roll-ups."""
    log = Log.open(path, "farm-1")
    steps = days * 8_640
    data = values(5, steps)
    for hour in range(steps // 360):
        group: list[AnyRecord] = []
        for step in range(hour * 360, hour * 360 + 360):
            mono = step * PERIOD_MS
            group += [
                Sample(SERIES[at], mono, value, value, 0, "", 0.3) for at, value in enumerate(data[step].tolist())
            ]
            if len(group) == 4_500:
                log.append(group)
                group = []
                log.flush(mono, START_MS + mono, True)
        log.append(group)
        log.flush(mono, START_MS + mono, True)
        while seal(log.transaction).rows:
            continue
        if hour % 24 == 23:
            merge_days(log.transaction, START_MS + mono + DAY_MS)
    upkeep = Upkeep(log.transaction, path, "farm-1", keeping=Keeping(replay_days=0))
    upkeep.step(mono, START_MS + mono + 2 * DAY_MS)
    log.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return {"bytes_per_point_disk": path.stat().st_size / data.size}


def queries(path: Path, days: int = DAYS) -> dict[str, float]:
    """Three queries over HTTP, from the outside, against a reader process; medians of 30, in ms."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "bench.telemetry_http", str(path), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        client = HttpClient(f"http://127.0.0.1:{port}")
        give_up = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < give_up:
            time.sleep(0.1)
        end = START_MS + days * DAY_MS
        month = {"series": SERIES[0], "from": str(START_MS), "to": str(end)}
        raw = {"series": ",".join(SERIES[:6]), "from": str(end - DAY_MS), "to": str(end)}
        assert len(json.loads(client.get("/last", {}))) == 50
        assert len(client.get("/raw", raw)) == 6 * 8_640 * 16
        return {
            "q_last50_ms": median_ms(lambda: client.get("/last", {})),
            "q_30d_ms": median_ms(lambda: client.get("/hours", month)),
            "q_24h_ms": median_ms(lambda: client.get("/raw", raw)),
        }
    finally:
        process.kill()
        process.wait()


def peer_queries(folder: Path, days: int = DAYS) -> dict[str, dict[str, float]]:
    """The same month and the same questions at InfluxDB and VictoriaMetrics, over HTTP."""
    data = values(5, days * 8_640)
    end = START_MS + days * DAY_MS
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        database, _ = stack.enter_context(influxdb(folder))
        influx = HttpClient(database.url, timeout_s=120)
        influx.post("/query", {"q": "CREATE DATABASE vuon"})
        victoria = HttpClient(stack.enter_context(victoria_metrics(folder)).url, timeout_s=120)
        heads = [f"{name.split('/')[1]},edge=farm-1,place={name.split('/')[0]} v=" for name in SERIES]
        for start in range(0, len(data), 400):
            rows = data[start : start + 400].tolist()
            lines = [
                f"{head}{value} {START_MS + (start + at) * PERIOD_MS}"
                for at, row in enumerate(rows)
                for head, value in zip(heads, row, strict=True)
            ]
            body = "\n".join(lines).encode()
            influx.post("/write", {"db": "vuon", "precision": "ms"}, body)
            victoria.post("/write", {"precision": "ms"}, body)

        def ask(query: str) -> Callable[[], bytes]:
            return lambda: influx.get("/query", {"db": "vuon", "q": query, "epoch": "ms"})

        day = f"time >= {(end - DAY_MS) * 1_000_000} AND time < {end * 1_000_000}"
        six = ";".join(
            f"SELECT v FROM {name.split('/')[1]} WHERE place='{name.split('/')[0]}' AND {day}" for name in SERIES[:6]
        )
        month = f"time >= {START_MS * 1_000_000} AND time < {end * 1_000_000}"
        hours = f"SELECT mean(v) FROM air_temperature WHERE place='zone-0' AND {month} GROUP BY time(1h)"
        found["influxdb"] = {
            "q_last50_ms": median_ms(ask("SELECT last(v) FROM /.*/ GROUP BY place"), 5),
            "q_30d_ms": median_ms(ask(hours), 5),
            "q_24h_ms": median_ms(ask(six), 5),
        }
        whole = {"start": str(START_MS / 1000), "end": str(end / 1000), "step": "1h"}
        last = {"time": str(end / 1000), "step": "5m"}
        six_series = "|".join(dict.fromkeys(name.split("/")[1] for name in SERIES[:5]))
        export = {"match[]": f'{{__name__=~"({six_series})_v",place="zone-0"}}'}
        export |= {"start": str((end - DAY_MS) / 1000), "end": str(end / 1000)}
        average = whole | {"query": 'avg_over_time(air_temperature_v{place="zone-0"}[1h])', "nocache": "1"}
        found["victoriametrics"] = {
            "q_last50_ms": median_ms(lambda: victoria.get("/api/v1/query", last | {"query": '{edge="farm-1"}'}), 5),
            "q_30d_ms": median_ms(lambda: victoria.get("/api/v1/query_range", average), 5),
            "q_24h_ms": median_ms(lambda: victoria.get("/api/v1/export", export), 5),
        }
    return found


def median_ms(call: Callable[[], object], times: int = 30) -> float:
    """Time a call from the outside."""
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def run() -> tuple[Figures, dict[str, dict[str, float]], dict[str, str]]:
    """Run this side; give figures, peers and notes."""
    notes: dict[str, str] = {}
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="vuon-bench-") as name:
        folder = Path(name)
        figures |= edge_path(folder) | wire()
        figures["card_mb_day_safe"] = card_day(SAFE)
        figures["card_mb_day_sd"] = card_day(SD_CARD)
        if figures["card_mb_day_safe"] is None:
            notes["card_mb_day"] = "needs root and a loop device"
        safe = figures["card_mb_day_safe"]
        figures["device_bytes_per_point"] = None if safe is None else safe * 1e6 / (50 * 8_640)
        figures |= build_month(folder / "month.db")
        figures |= queries(folder / "month.db")
        peers = peer_queries(folder)
    return figures, peers, notes
