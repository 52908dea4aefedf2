# SPDX-License-Identifier: Apache-2.0
"""The cooperative's side of the telemetry bench: ingest into InfluxDB and VictoriaMetrics, the naive peer, a backlog.

What counts is what the database returns when it is asked to count; CPU is read from /proc for broker and worker.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.telemetry_backlog import GROUP_POINTS, day_of_backlog, month_of_backlog
from telemetry.log import Log
from telemetry.mqtt import MqttBroker
from telemetry.outgoing import OutgoingRows
from telemetry.records import Sample
from telemetry.stores.http_client import HttpClient
from telemetry.topics import topic
from telemetry.uplink import Uplink
from tests.support.servers import Server, influxdb, mosquitto, victoria_metrics

Figures = dict[str, float | None]
ROOT: Final = Path(__file__).resolve().parents[1]
EDGES: Final = 4_500
COUNTRY: Final = 45_000  # cooperatives, each of which reports once a minute
ASK_EVERY_S: Final = 0.01
TICK_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(process: subprocess.Popen[bytes] | None) -> float:
    """Give the CPU seconds of a process."""
    assert process
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_S


@contextmanager
def hub(folder: Path, broker: Server, store: str, edges: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a hub worker."""
    folder.mkdir(exist_ok=True)
    (folder / "hub.toml").write_text(
        f'name = "hub-1"\ntitle = "t"\nstate = "state"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n{store}\n'
        f'[[members]]\nname = "coop"\ntitle = "t"\nedges = {json.dumps(edges)}\n'
    )
    greeted = threading.Event()
    watcher = paho.Client(CallbackAPIVersion.VERSION2, client_id="watcher")
    watcher.on_message = lambda *_: greeted.set()
    watcher.connect("127.0.0.1", broker.port)
    watcher.subscribe(topic("coop", edges[-1], "ask"))  # it listens before it greets, and greets this one last
    watcher.loop_start()
    process = subprocess.Popen([sys.executable, "-m", "tests.support.hub", str(folder / "hub.toml")], cwd=ROOT)
    try:
        if not greeted.wait(60):
            raise RuntimeError("the hub greeted nobody within a minute")
        yield process
    finally:
        watcher.loop_stop()
        process.kill()
        process.wait()


def influx_count(client: HttpClient, database: str = "vuon") -> int:
    """Count the values in the database."""
    data = client.get("/query", {"db": database, "q": "SELECT count(v) FROM /^[a-z0-9_]+$/"})
    series = msgspec.json.decode(data)["results"][0].get("series", [])
    return sum(row[1] for each in series for row in each["values"])


def victoria_count(client: HttpClient) -> int:
    """Count the values in the database."""
    query = {"query": 'sum(count_over_time({__name__=~".+_v"}[1h]))', "nocache": "1", "step": "1s"}
    result = msgspec.json.decode(client.get("/api/v1/query", query))["data"]["result"]
    return int(float(result[0]["value"][1])) if result else 0


def victoria_flushed(client: HttpClient, want: int, seconds: float) -> None:
    """Wait until it has taken so many rows, by its own counter, and have it make them readable.

    To count nine million values takes it a second of a core; asked again and again it would slow down what is measured.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = client.get("/metrics", {}).decode().splitlines()
        rows = [line for line in lines if line.startswith("vm_rows_inserted_total{")]
        if sum(float(line.rpartition(" ")[2]) for line in rows) >= want:
            break
        time.sleep(0.05)
    client.get("/internal/force_flush", {})


def fleet(broker: Server, count: int, points: int, rate: float) -> dict[str, float]:
    """Run the fleet to its end."""
    command = [sys.executable, "-m", "bench.telemetry_fleet", str(broker.port), str(EDGES), str(count), str(points)]
    out = subprocess.run([*command, str(rate)], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(out)
    return figures


def until_counted(count: Callable[[], int], want: int, seconds: float) -> tuple[int, float]:
    """Ask until all is there; give how many, and when it was asked that all were: what was counted was there then."""
    end = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if (there := count()) >= want or asked >= end:
            return there, asked
        time.sleep(0.1)


def at_75k(folder: Path, seconds: int) -> tuple[Figures, str]:
    """Broker and worker at 75,000 points a second into InfluxDB, 100 points a message, and a real edge beside them.

    Every farm has reported once before: to make a series costs InfluxDB far more than a point of one that it has.
    """
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder))
        database, front = stack.enter_context(influxdb(folder))
        client = HttpClient(database.url, timeout_s=60)
        client.post("/query", {"q": "CREATE DATABASE vuon"})
        edges = ["probe-1", *(f"farm-{at}" for at in range(COUNTRY))]
        store = f'[store]\nkind = "influx"\nurl = "{front.url}"'
        worker = stack.enter_context(hub(folder / "hub", broker, store, edges))
        count = COUNTRY + seconds * 750
        command = [sys.executable, "-m", "bench.telemetry_fleet", str(broker.port), str(COUNTRY), str(count), "100"]
        publisher = subprocess.Popen([*command, "75000", "0", str(COUNTRY)], cwd=ROOT, stdout=subprocess.PIPE)
        assert publisher.stdout
        new = json.loads(publisher.stdout.readline())
        time.sleep(4.0)
        before, start = cpu_s(worker) + cpu_s(broker.process), time.monotonic()
        waits, answers = asyncio.run(probe(folder, broker, client, seconds - 8))
        cores = (cpu_s(worker) + cpu_s(broker.process) - before) / (time.monotonic() - start)
        publisher.communicate()
        there, _ = until_counted(lambda: influx_count(client), count * 100 + len(waits), 20)
    waits.sort()
    note = f"{there - len(waits):,} of {count * 100:,} points counted in InfluxDB; {COUNTRY:,} edges of 10 series, "
    note += f"all of them made by {new['new']:,} first messages in {new['seconds']:.0f} s before"
    return {
        "cores_75k": cores,
        "p99_ms_75k": waits[int(len(waits) * 0.99)] * 1000,
        "ack_max_s": max(answers, default=None),
        "missing_75k": count * 100 + len(waits) - there,
    }, note


async def probe(folder: Path, broker: Server, client: HttpClient, seconds: float) -> tuple[list[float], list[float]]:
    """Be a real edge: commit, then ask the database until the point is there; give these times and those of acks.

    It is asked every ``ASK_EVERY_S``, for asking loads it: a time may be so much too long, never too short.
    """
    log = Log.open(folder / "probe.db", "probe-1")
    url = f"mqtt://127.0.0.1:{broker.port}"
    uplink = Uplink(log, OutgoingRows(folder / "probe.db"), MqttBroker(url), "coop", now=time.monotonic)
    task = asyncio.create_task(uplink.run(), name="uplink")
    await asyncio.sleep(1.0)
    waits: list[float] = []
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        now_ms = time.time_ns() // 1_000_000
        log.append([Sample("probe/switch", now_ms, number, number)])
        await asyncio.to_thread(log.flush, now_ms, now_ms, True)
        committed = time.monotonic()
        uplink.wake()
        query = {"db": "vuon", "q": f"SELECT v FROM switch WHERE time >= {now_ms * 1_000_000}"}
        while b"values" not in await asyncio.to_thread(client.get, "/query", query):  # noqa: ASYNC110 - no event there
            await asyncio.sleep(ASK_EVERY_S)
        waits.append(time.monotonic() - committed)
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)
    answers = list(uplink.state.answer_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return waits, answers


def burst(folder: Path, kind: str, messages: int, points: int) -> tuple[float, int]:
    """Points a second from the first message to the last one counted, everything at once; and how many are missing."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder, "allow_anonymous true\nmax_queued_messages 0\n"))
        if kind == "influx":
            database, front = stack.enter_context(influxdb(folder))
            client = HttpClient(database.url, timeout_s=60)
            client.post("/query", {"q": "CREATE DATABASE vuon"})
            url, count = front.url, lambda: influx_count(client)
        else:
            server = stack.enter_context(victoria_metrics(folder))
            client = HttpClient(server.url, timeout_s=60)
            url, count = server.url, lambda: victoria_count(client)
        store = f'[store]\nkind = "{kind}"\nurl = "{url}"'
        stack.enter_context(hub(folder / "hub", broker, store, [f"farm-{at}" for at in range(EDGES)]))
        sent = fleet(broker, messages, points, 0)
        start = time.monotonic() - sent["seconds"]
        if kind == "victoria":
            victoria_flushed(client, messages * points, 60)
        there, end = until_counted(count, messages * points, 60)
    return there / (end - start), messages * points - there


def naive(folder: Path, seconds: float) -> float:
    """The naive peer: one JSON point a message at QoS 1, influxdb-client, one write a point; points a second."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder, "allow_anonymous true\nmax_queued_messages 0\n"))
        database, front = stack.enter_context(influxdb(folder))
        client = HttpClient(database.url, timeout_s=60)
        client.post("/query", {"q": "CREATE DATABASE vuon"})
        (folder / "hub.toml").write_text(
            f'name = "hub-1"\ntitle = "t"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
            f'[store]\nkind = "influx"\nurl = "{front.url}"\n'
        )
        command = [sys.executable, "-m", "tests.support.naive_hub", str(folder / "hub.toml")]
        process = subprocess.Popen(command, cwd=ROOT)
        stack.callback(process.wait)
        stack.callback(process.kill)
        time.sleep(2.0)
        publisher = paho.Client(CallbackAPIVersion.VERSION2, client_id="naive-edge")
        publisher.max_inflight_messages_set(1000)
        publisher.connect("127.0.0.1", broker.port)
        publisher.loop_start()
        base, at, first, start = time.time_ns(), 0, 0, 0.0
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for _ in range(500):  # always more than it can take
                at += 1
                point = {"edge": "farm-1", "place": f"zone-{at % 50}", "v": at / 10, "t": base + at * 1_000_000}
                publisher.publish("naive/farm-1", json.dumps(point), qos=1)
            time.sleep(0.1)
            if not first and (first := influx_count(client)):
                start = time.monotonic()
                end = start + seconds
        rate = (influx_count(client) - first) / (time.monotonic() - start)
        publisher.loop_stop()
    return rate


def drain(folder: Path, backlog: Callable[[Path], None], seconds: float) -> dict[str, float]:
    """Send a backlog of 50 series at 10 s through a real uplink, at most so long, live points meanwhile."""
    path = folder / "backlog.db"
    backlog(path)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder))
        database, front = stack.enter_context(influxdb(folder))
        client = HttpClient(database.url, timeout_s=60)
        client.post("/query", {"q": "CREATE DATABASE vuon"})
        store = f'[store]\nkind = "influx"\nurl = "{front.url}"'
        stack.enter_context(hub(folder / "hub", broker, store, ["farm-1"]))
        command = [sys.executable, "-m", "bench.telemetry_drain", str(path), str(broker.port), front.url, str(seconds)]
        edge = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        out, _ = edge.communicate(timeout=seconds + 60)
        found: dict[str, float] = json.loads(out.splitlines()[-1])
        want = round((found["groups"] - found["groups_left"]) * GROUP_POINTS)
        there, _ = until_counted(lambda: influx_count(client), want, 30)
    return found | {"missing": max(0, want - there)}


def drains(folder: Path, seconds: float) -> Figures:
    """A day of backlog to its end, and a month's for so many seconds."""
    day, month = folder / "day", folder / "month"
    day.mkdir()
    month.mkdir()
    one = drain(day, day_of_backlog, 100)
    many = drain(month, month_of_backlog, seconds)
    return {
        "drain_24h_s": one["took_s"],
        "drain_points_per_s": many["points_per_s"],
        "live_lag_s": max(one["live_lag_s"], many["live_lag_s"]),
        "rss_mb": max(one["rss_mb"], many["rss_mb"]),
        "drain_missing": one["missing"] + many["missing"],
    }


def run(seconds: int) -> tuple[Figures, dict[str, str]]:
    """Run this side; give figures and notes."""
    figures: Figures = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="vuon-bench-") as name:
        folders = iter([Path(name) / part for part in ("a", "b", "c", "d", "e")])

        def fresh() -> Path:
            folder = next(folders)
            folder.mkdir()
            return folder

        at_rate, notes["75k"] = at_75k(fresh(), seconds)
        figures |= at_rate
        ours, figures["ingest_missing"] = burst(fresh(), "influx", 10_000, 100)
        figures["victoria_points_per_s"], figures["victoria_missing"] = burst(fresh(), "victoria", 18_000, 1_000)
        theirs = naive(fresh(), 5.0)
        figures |= {"ingest_points_per_s": ours, "naive_points_per_s": theirs, "ratio_naive": ours / max(1.0, theirs)}
        figures |= drains(fresh(), 30)
    return figures, notes
