# SPDX-License-Identifier: Apache-2.0
"""One contract for every store, real servers included; what counts is what can be read back, never a 204."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from math import nan
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from telemetry.envelope import Batch, Header, Opener, Packer
from telemetry.history import Points
from telemetry.ports import Mark, Store, StoreError, StoreRefusedError
from telemetry.records import Ack, AnyRecord, Decision, Event, Input, Sample
from telemetry.stores.embedded import EmbeddedStore
from telemetry.stores.http_client import HttpClient
from telemetry.stores.influx import InfluxStore
from telemetry.stores.sharded import ShardedStore
from telemetry.stores.victoria import VictoriaStore
from tests.support.influx_generations import ORG, TOKEN, influx_door
from tests.support.servers import influxdb, victoria_metrics
from tests.support.waiting import passes

T = TypeVar("T")
# influx2 and influx3 are the documented HTTP interfaces of those servers before the engine of a real 1.6.
BACKENDS = ("embedded", "influx", "influx2", "influx3", "victoria", "sharded")


class Servers:
    """The servers of this module; one that is not installed skips the tests that want it."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self._found: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self.buckets: set[str] = set()

    def add(self, name: str, start: Callable[[], str]) -> None:
        try:
            self._found[name] = start()
        except pytest.skip.Exception as missing:
            self._missing[name] = str(missing)

    def url(self, name: str) -> str:
        if name in self._missing:
            pytest.skip(self._missing[name])
        return self._found[name]


# Started before the first test of the module: the leak fixture looks at what a test itself leaves behind.
@pytest.fixture(scope="module", autouse=True)
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    found = Servers()
    with found.stack as stack:
        folder = tmp_path_factory.mktemp
        found.add("influx", lambda: stack.enter_context(influxdb(folder("influx")))[1].url)
        for generation in (2, 3):
            found.add(
                f"influx{generation}",
                lambda generation=generation: stack.enter_context(  # type: ignore[misc]
                    influx_door(generation, found.url("influx"), found.buckets)
                ),
            )
        found.add("victoria", lambda: stack.enter_context(victoria_metrics(folder("victoria"))).url)
        yield found


class FlushedVictoria(VictoriaStore):
    """Shows at once what it took; the server itself takes a second, and ten for a series it was asked for before."""

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        await super().write(batches, mark)
        await asyncio.to_thread(self._http.get, "/internal/force_flush", {})


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path / "store.db")
    elif request.param == "sharded":
        made = ShardedStore({name: EmbeddedStore(tmp_path / f"{name}.db") for name in ("a", "b", "c")})
    elif request.param == "influx":
        made = InfluxStore(servers.url("influx"), f"db{next(_edges)}")
        await made.prepare()
    elif request.param in {"influx2", "influx3"}:
        name = f"db{next(_edges)}"
        plain = InfluxStore(servers.url("influx"), name)
        await plain.prepare()  # the operator of a real one makes the bucket; 3 makes it at the first write
        await plain.close()
        servers.buckets.add(name)
        every = request.param == "influx3"
        made = InfluxStore(servers.url(request.param), name, org=ORG, token=TOKEN, every_tag=every)
    else:
        made = FlushedVictoria(servers.url("victoria"), EmbeddedStore(tmp_path / "journal.db"), settle_s=1.0)
    yield made
    await made.close()


_edges = iter(range(10_000))


@pytest.fixture
def edge() -> str:
    """A name of its own for each test: the servers live for the whole module."""
    return f"farm-{next(_edges)}"


@functools.cache
def now() -> int:
    """The minute in which this module's first test runs: at import it could be an hour old by then, ms."""
    return time.time_ns() // 1_000_000 // 60_000 * 60_000


def batch(
    edge: str,
    seq: int,
    records: list[AnyRecord],
    *,
    wall_ms: int | None = None,
    epoch: int = 1,
    timeline: int = 0,
    nonce: int = 77,
) -> Batch:
    header = Header(edge, epoch, nonce, seq, timeline, 0, now() if wall_ms is None else wall_ms, True, 0)
    return Opener().open(Packer().pack(header, records))


async def until(read: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Read again until it is good: VictoriaMetrics shows what it took after a second or so."""
    end = time.monotonic() + 10
    while not good(got := await read()) and time.monotonic() < end:
        await passes(0.1)
    return got


async def points(store: Store, edge: str, series: str, count: int) -> Points:
    return await until(
        lambda: store.range(edge, series, now() - 3_600_000, now() + 3_600_000), lambda got: len(got.value) >= count
    )


def samples(series: str, values: list[float], first_ms: int = 0) -> list[AnyRecord]:
    return [Sample(series, first_ms + at * 1000, value, value) for at, value in enumerate(values)]


async def test_what_was_written_is_read_back_exactly(store: Store, edge: str) -> None:
    values = [24.3, -0.125, 1013.25, 1e-9, 123456789.0, 0.1 + 0.2, 0.0]
    await store.write([batch(edge, 1, samples("pepper-1/soil_ec.2", values))], Mark("w0", 1))
    got = await points(store, edge, "pepper-1/soil_ec.2", len(values))
    assert got.value.tolist() == pytest.approx(values, rel=1e-14)
    assert got.wall_ms.tolist() == [now() + at * 1000 for at in range(len(values))]
    assert not got.quality.any()


async def test_a_batch_written_twice_is_there_once(store: Store, edge: str) -> None:
    one = batch(edge, 1, samples("a/co2", [400.0, 410.0]))
    for mark in (1, 2, 3):
        await store.write([one, one], Mark("w0", mark))
    got = await points(store, edge, "a/co2", 2)
    assert got.value.tolist() == [400.0, 410.0]


async def test_late_data_lands_in_its_place(store: Store, edge: str) -> None:
    await store.write([batch(edge, 2, samples("a/co2", [3.0, 4.0], 60_000))], Mark("w0", 1))
    await store.write([batch(edge, 1, samples("a/co2", [1.0, 2.0]))], Mark("w0", 2))
    got = await points(store, edge, "a/co2", 4)
    assert got.value.tolist() == [1.0, 2.0, 3.0, 4.0]


async def test_no_answer_and_bad_quality_are_kept_as_such(store: Store, edge: str) -> None:
    records: list[AnyRecord] = [
        Sample("a/co2", 0, 1.0, 1.0),
        Sample("a/co2", 1000, nan, nan, 256),
        Sample("a/co2", 2000, 9.0, 9999.0, 1),
    ]
    await store.write([batch(edge, 1, records)], Mark("w0", 1))
    got = await points(store, edge, "a/co2", 3)
    assert got.quality.tolist() == [0, 256, 1]
    assert np.array_equal(got.value, [1.0, nan, 9999.0], equal_nan=True)


async def test_the_mark_is_read_back_once_the_batch_can_be(store: Store, edge: str) -> None:
    worker = f"w-{edge}"
    assert await store.read_marks(worker, 0) == []
    for number in (1, 2, 7):
        await store.write([batch(edge, number, samples("a/co2", [float(number)], number * 1000))], Mark(worker, number))
    assert await until(lambda: store.read_marks(worker, 2), lambda got: len(got) == 2) == [2, 7]
    assert len((await points(store, edge, "a/co2", 3)).value) == 3
    assert await store.read_marks("another", 0) == []


async def test_a_group_of_many_requests_is_there_whole(store: Store, edge: str) -> None:
    group = [batch(edge, seq, samples("a/co2", [float(seq)] * 1_000, seq * 1_000_000)) for seq in range(20)]
    await store.write(group, Mark("w0", 1))
    got = await until(lambda: store.range(edge, "a/co2", 0, now() + 10**9), lambda got: len(got.value) >= 20_000)
    assert np.array_equal(got.value, np.repeat(np.arange(20.0), 1_000))


async def test_edges_do_not_see_each_other(store: Store, edge: str) -> None:
    other = f"{edge}-b"
    await store.write(
        [batch(edge, 1, samples("a/co2", [1.0])), batch(other, 1, samples("a/co2", [2.0]))], Mark("w0", 1)
    )
    assert (await points(store, edge, "a/co2", 1)).value.tolist() == [1.0]
    assert (await points(store, other, "a/co2", 1)).value.tolist() == [2.0]
    assert len((await store.range("nobody", "a/co2", 0, now() * 2)).value) == 0


async def test_a_clock_set_back_overwrites_nothing(store: Store, edge: str) -> None:
    await store.write([batch(edge, 1, samples("a/co2", [1.0]), timeline=0)], Mark("w0", 1))
    await store.write([batch(edge, 2, samples("a/co2", [2.0]), timeline=1)], Mark("w0", 2))
    assert sorted((await points(store, edge, "a/co2", 2)).value.tolist()) == [1.0, 2.0]


async def test_a_copied_card_overwrites_nothing_in_the_same_millisecond(store: Store, edge: str) -> None:
    """VictoriaMetrics keeps whole milliseconds: docs/telemetry.md says that there one of them stays."""
    for nonce in (1, 2, 3):
        await store.write([batch(edge, 1, samples("a/co2", [float(nonce)]), nonce=nonce)], Mark("w0", nonce))
    want = 1 if isinstance(store, VictoriaStore) else 3
    assert len(set((await points(store, edge, "a/co2", want)).value.tolist())) == want


async def test_the_latest_of_each_series(store: Store, edge: str) -> None:
    records = samples("a/co2", [400.0, 420.0]) + samples("b-1/soil_ec.3", [1.25])
    await store.write([batch(edge, 1, records)], Mark("w0", 1))
    seen = await until(lambda: store.latest(edge), lambda got: len(got) == 2 and got["a/co2"].sample.value == 420.0)
    assert {series: (each.sample.value, each.wall_ms) for series, each in seen.items()} == {
        "a/co2": (420.0, now() + 1000),
        "b-1/soil_ec.3": (1.25, now()),
    }
    assert await store.latest("nobody") == {}


async def test_decisions_and_events_come_back_with_all_their_words(store: Store, edge: str) -> None:
    records: list[AnyRecord] = [
        Decision("valve-1", "a", 1000, "SOIL_DRY", 1.0, "irrigation", (Input("soil", 12.5),), "cap", vetoed=True),
        Ack("c-1", "valve-1", 1000, "done", 'said "öffne, bitte" = \\ ok', feedback=1.5),
        Event("alarm.raised", "a", 1000, fields={"text": "quá nóng, 39 °C", "n": 3}),
        Event("alarm.raised", "b", 1000),
    ]
    await store.write([batch(edge, 1, records)], Mark("w0", 1))
    got = await until(lambda: store.others(edge, now(), now() + 60_000), lambda got: len(got) == 4)
    assert sorted(repr(stored.record) for stored in got) == sorted(repr(record) for record in records)
    assert {stored.wall_ms for stored in got} == {now() + 1000}


async def test_a_second_probe_that_comes_later_has_its_own_place(store: Store, edge: str) -> None:
    """InfluxDB 3 takes no tag that a table's first line did not have."""
    await store.write([batch(edge, 1, samples("a/leaf_wetness", [1.0]))], Mark("w0", 1))
    await store.write([batch(edge, 2, samples("a/leaf_wetness.2", [2.0]))], Mark("w0", 2))
    assert (await points(store, edge, "a/leaf_wetness", 1)).value.tolist() == [1.0]
    assert (await points(store, edge, "a/leaf_wetness.2", 1)).value.tolist() == [2.0]
    seen = await until(lambda: store.latest(edge), lambda got: len(got) == 2)
    assert {series: each.sample.value for series, each in seen.items()} == {
        "a/leaf_wetness": 1.0,
        "a/leaf_wetness.2": 2.0,
    }


@pytest.mark.parametrize(
    ("generation", "org", "token", "bucket", "said"),
    [
        (2, ORG, "another", "known", "401"),
        (2, "nobody", TOKEN, "known", "404"),
        (2, ORG, TOKEN, "unknown", "404"),
        (3, "-", "another", "known", "401"),
    ],
)
async def test_a_refusal_of_influxdb_2_and_3_is_told(
    servers: Servers, edge: str, generation: int, org: str, token: str, bucket: str, said: str
) -> None:
    servers.buckets.add("known")
    store = InfluxStore(servers.url(f"influx{generation}"), bucket, org=org, token=token)
    with pytest.raises(StoreError, match=said):
        await store.write([batch(edge, 1, samples("a/co2", [1.0]))], Mark("w0", 1))
    await store.close()


async def test_without_every_tag_influxdb_3_refuses_a_later_probe(servers: Servers, edge: str) -> None:
    store = InfluxStore(servers.url("influx3"), "sparse", token=TOKEN)
    await store.write([batch(edge, 1, samples("a/co2", [1.0]))], Mark("w0", 1))
    with pytest.raises(StoreError, match="400"):
        await store.write([batch(edge, 2, samples("a/co2.2", [2.0]))], Mark("w0", 2))
    await store.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9"])
async def test_a_store_that_is_away_says_so(url: str, tmp_path: Path, edge: str) -> None:
    journal = EmbeddedStore(tmp_path / "journal.db")
    for store in (InfluxStore(url, "vuon"), VictoriaStore(url, journal)):
        with pytest.raises(StoreError):
            await store.write([batch(edge, 1, samples("a/co2", [1.0]))], Mark("w0", 1))
        with pytest.raises(StoreError):
            await store.read_marks("w0", 0)
        await store.close()


async def test_a_value_of_another_type_than_the_database_has_is_refused_for_good(servers: Servers, edge: str) -> None:
    store = InfluxStore(servers.url("influx"), "typed")
    await store.prepare()
    client = HttpClient(servers.url("influx"))
    client.post("/write", {"db": "typed"}, b"co2,place=a v=1i")
    with pytest.raises(StoreRefusedError, match="field type conflict"):
        await store.write([batch(edge, 1, samples("a/co2", [1.5]))], Mark("w0", 1))
    await store.write([batch(edge, 2, samples("a/soil_ec", [1.5]))], Mark("w0", 2))
    client.close()
    await store.close()
