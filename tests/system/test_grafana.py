# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboard: every query of it, with Grafana's variables filled in, gives data on a real InfluxDB.

Grafana itself is not in Debian, PyPI or npm; what it would ask is asked here.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from telemetry.envelope import Header, Opener, Packer
from telemetry.ports import Mark
from telemetry.quantities import QUANTITIES
from telemetry.records import Ack, AnyRecord, Command, Decision, Event, Sample
from telemetry.stores.http_client import HttpClient
from telemetry.stores.influx import InfluxStore
from telemetry.stores.line_protocol import JOURNAL
from tests.support.servers import influxdb

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "vuon-influxdb.json"
EDGE = "da-lat-1"
NOW_MS = time.time_ns() // 1_000_000


def targets() -> list[tuple[str, str]]:
    told = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [(panel["title"], target["query"]) for panel in told["panels"] for target in panel["targets"]]


def filled(query: str) -> str:
    """Fill in the variables as Grafana does for an hour, one farm and all places."""
    query = query.replace("/^$edge$/", f"/^{EDGE}$/").replace("/^$place$/", "/^.*$/")
    query = query.replace("$timeFilter", f"time >= {NOW_MS - 3_600_000}ms and time <= {NOW_MS}ms")
    return query.replace("$__interval", "1m")


def measurements() -> set[str]:
    """Give what the queries name."""
    return {name for _, query in targets() for name in re.findall(r'FROM "([a-z0-9_]+)"', query)}


def an_hour() -> list[AnyRecord]:
    """Give an hour of everything that the dashboard looks at: rising counters, flags, decisions, events."""
    quantities = sorted(
        set(re.findall(r'FROM "([a-z0-9_]+)"', DASHBOARD.read_text(encoding="utf-8").replace('\\"', '"')))
    )
    records: list[AnyRecord] = []
    for at in range(0, 3_600_000, 60_000):
        records += [
            Sample(f"pepper-1/{name}", at, at / 1e5, at / 1e5, 8 if at % 600_000 == 0 else 0) for name in quantities
        ]
    records.append(Decision("valve-1", "pepper-1", 1000, "SOIL_DRY", 1.0, "irrigation"))
    records.append(Command("c-1", "valve-1", 1000, 1.0, 10_000, 11_000, "auto"))
    records.append(Ack("c-1", "valve-1", 1000, "done"))
    records.append(Event("alarm.raised", "pepper-1", 1000, "alarm"))
    return records


@contextmanager
def filled_database(folder: Path) -> Iterator[HttpClient]:
    with influxdb(folder) as (_, front):
        asyncio.run(fill(front.url))
        client = HttpClient(front.url)
        try:
            yield client
        finally:
            client.close()


async def fill(url: str) -> None:
    store = InfluxStore(url, "vuon")
    await store.prepare()
    header = Header(EDGE, 1, 77, 1, 0, 0, NOW_MS - 3_600_000, True, 0)
    await store.write([Opener().open(Packer().pack(header, an_hour()))], Mark("w", 1))
    await store.close()


def ask(client: HttpClient, query: str) -> list[dict[str, Any]]:
    answer = json.loads(client.get("/query", {"db": "vuon", "epoch": "ms", "q": query}))["results"][0]
    assert "error" not in answer, f"{query}: {answer['error']}"
    found: list[dict[str, Any]] = answer.get("series", [])
    return found


@pytest.mark.server("influxd", "nginx")
def test_every_query_of_the_dashboard_gives_data(tmp_path: Path) -> None:
    with filled_database(tmp_path) as client:
        empty = []
        for title, query in targets():
            series = ask(client, filled(query))
            values = [cell for one in series for row in one["values"] for cell in row[1:] if cell is not None]
            if not values:
                empty.append(title)
        assert empty == []
        variables = json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]
        found = {each["name"]: ask(client, filled(each["query"])) for each in variables}
    assert {row[1] for one in found["edge"] for row in one["values"]} == {EDGE}
    assert {row[1] for one in found["place"] for row in one["values"]} == {"pepper-1"}


def test_the_dashboard_asks_for_quantities_that_exist() -> None:
    assert measurements() - {JOURNAL} <= set(QUANTITIES)
    assert len(measurements()) > 8


def test_panels_have_places_and_ids_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert all(panel["datasource"]["uid"] == "${DS_VUON}" for panel in panels)
