# SPDX-License-Identifier: Apache-2.0
"""The demo with its log sent through Mosquitto and the hub into InfluxDB, and the proof that it is there.

The rule it keeps: what counts is what InfluxDB gives back, point by point, beside what the farm's own log holds; an
answer of 204 is no proof.
"""

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from drivers.bus import fine_timer_loop
from edge.config import parse
from edge.demo import AGENT_ENDED, Demo, DemoFailed, Findings, judge
from edge.demo_servers import DATABASE, Servers, disk_indexes, servers, uplink_table
from edge.exits import LOG_FILE
from edge.toml_reader import settings_text
from pages.words import N_, Told
from telemetry.history import LogReader
from telemetry.outgoing import OutgoingRows
from telemetry.ranges import RangeSet
from telemetry.records import Sample

ACK_WAIT_S: Final = 30.0
LOOK_S: Final = 0.1

# For each series: wall time in ms to value (None: no number).
Contents = dict[str, dict[int, float | None]]


@dataclass(slots=True)
class Carried:
    """What became of the points on their way; ``faults`` is empty when all is well."""

    points_acknowledged: int = 0
    points_in_influxdb: int = 0
    lost: int = 0
    different: int = 0
    faults: list[Told] = field(default_factory=list)


@contextlib.asynccontextmanager
async def playing(state: Path, source: Path) -> AsyncIterator[tuple[Demo, Servers]]:
    """Start the servers, and give a demo whose farm sends its log to them."""
    text = await asyncio.to_thread(settings_text, source)
    edge = parse(text, str(source)).farm.edge
    async with servers(Demo(state, source), edge) as made:
        linked = state / "linked.toml"
        linked.write_text(text + uplink_table(made, edge), encoding="utf-8")
        yield Demo(state, linked), made


async def check_itself(state: Path, source: Path, seconds: float) -> tuple[Findings, Carried]:
    """Run the farm for ``seconds``, wait until the hub has acknowledged all, and compare log and database."""
    async with playing(state, source) as (demo, made):
        async with demo.field() as nature, demo.agent() as child:
            await demo.agent_answers(child)
            began_s = time.monotonic()
            await asyncio.sleep(seconds)
            live = await demo.client.status()
            lived_s = time.monotonic() - began_s
            end_s = time.monotonic() + ACK_WAIT_S
            while live.health.unsent_rows or not live.health.stored_rows:
                if child.returncode is not None:
                    raise DemoFailed(AGENT_ENDED, code=child.returncode)
                if time.monotonic() > end_s:
                    raise DemoFailed(
                        N_("{count} batches were not acknowledged in {seconds} s"),
                        count=live.health.unsent_rows,
                        seconds=ACK_WAIT_S,
                    )
                await asyncio.sleep(LOOK_S)
                live = await demo.client.status()
            found = judge(demo, nature, live, lived_s)
        # The agent writes down what was acknowledged when it ends.
        accepted = await asyncio.to_thread(acknowledged, demo.state / LOG_FILE)
        carried = compare(accepted, await stored(made, live.edge, accepted))
        if disk_indexes(made):
            carried.faults.append(Told(N_("InfluxDB made a shard with its index on the disk")))
        return found, carried


def acknowledged(log: Path) -> Contents:
    """Give the samples of the log in batches that the hub has acknowledged."""
    rows, reader = OutgoingRows(log), LogReader(log)
    try:
        spans = {(span.epoch, span.nonce): RangeSet(span.ranges) for span in rows.acked()}
        contents: Contents = defaultdict(dict)
        for header, records in reader.records():
            if header.seq in spans.get((header.epoch, header.nonce), RangeSet()):
                for record in records:
                    if isinstance(record, Sample):
                        at = record.mono_ms + header.offset_ms
                        contents[record.series][at] = _number(record.value)
        return contents
    finally:
        reader.close()
        rows.close()


async def stored(made: Servers, edge: str, wanted: Contents) -> Contents:
    """Ask InfluxDB for the same series and the same time."""
    from telemetry.stores.influx import InfluxStore  # heavy: only where it is used

    store = InfluxStore(made.influx_url, DATABASE)
    contents: Contents = {}
    try:
        for series, points in wanted.items():
            got = await store.range(edge, series, min(points), max(points) + 1)
            contents[series] = dict(zip(got.wall_ms.tolist(), map(_number, got.value.tolist()), strict=True))
    finally:
        await store.close()
    return contents


def compare(accepted: Contents, there: Contents) -> Carried:
    """Count what is there, what is missing and what is another value."""
    carried = Carried(
        points_acknowledged=sum(map(len, accepted.values())), points_in_influxdb=sum(map(len, there.values()))
    )
    for series, points in accepted.items():
        got = there.get(series, {})
        lost = [at for at in points if at not in got]
        carried.lost += len(lost)
        carried.different += sum(got[at] != value for at, value in points.items() if at in got)
        if lost:
            carried.faults.append(
                Told(N_("{count} acknowledged points of {series} are not in InfluxDB"), count=len(lost), series=series)
            )
    if carried.different:
        carried.faults.append(Told(N_("{count} points are other values in InfluxDB"), count=carried.different))
    if not carried.points_acknowledged:
        carried.faults.append(Told(N_("no point was acknowledged")))
    return carried


def run_checked(state: Path, source: Path, seconds: float) -> tuple[list[Told], str]:
    """Run the self-check on an event loop of its own; give its faults, and all of it as one line of JSON."""
    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        found, carried = runner.run(check_itself(state, source, seconds))
    faults = found.faults + carried.faults
    counts = {name: getattr(carried, name) for name in carried.__slots__}
    told = json.loads(found.as_json()) | counts | {"faults": [str(fault) for fault in faults], "ok": not faults}
    return faults, json.dumps(told)


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 nan is the value of no answer
