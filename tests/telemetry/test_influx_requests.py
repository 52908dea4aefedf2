# SPDX-License-Identifier: Apache-2.0
"""A large group goes to InfluxDB in several requests at once, and its mark after all of them or not at all."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from telemetry.envelope import Batch, Header, Opener, Packer
from telemetry.ports import Mark, StoreError
from telemetry.records import Sample
from telemetry.stores.influx import BODY_BYTES, WRITERS, InfluxStore
from telemetry.stores.line_protocol import sample_text


@dataclass
class Database:
    """What a server was sent. It answers the first ``meet`` requests when all of them have come, as ``status`` says."""

    meet: int = 1
    status: dict[int, int] = field(default_factory=dict)  # of the n-th request
    bodies: list[bytes] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)  # how many were answered when one with a mark came
    answered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def __post_init__(self) -> None:
        self.met = threading.Barrier(self.meet)

    def take(self, body: bytes) -> int:
        with self.lock:
            self.bodies.append(body)
            number = len(self.bodies)
            if b"vuon_mark," in body:
                self.marked.append(self.answered)
        if number <= self.meet:
            self.met.wait(20)
        with self.lock:
            self.answered += 1
        return self.status.get(number, 204)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    made = Database(**getattr(request, "param", {}))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = made.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its parameter's name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def group(points: int) -> list[Batch]:
    """Make batches of a thousand points each."""
    opener, packer = Opener(), Packer()
    return [
        opener.open(
            packer.pack(
                Header("farm-1", 1, 7, seq, 0, 0, 1_790_000_000_000 + seq, True, 0),
                [Sample(f"zone-{at}/soil_moisture", 0, at + seq / 8, at + seq / 8) for at in range(1000)],
            )
        )
        for seq in range(points // 1000)
    ]


def lines(database: Database) -> list[bytes]:
    return sorted(line for body in database.bodies for line in body.splitlines() if not line.startswith(b"vuon_mark,"))


async def write(database: Database, batches: list[Batch]) -> None:
    store = InfluxStore(database.url, "vuon")
    try:
        await store.write(batches, Mark("w0", 5))
    finally:
        await store.close()


async def test_what_is_small_is_one_request_with_its_mark_at_the_end(database: Database) -> None:
    await write(database, group(5_000))
    (body,) = database.bodies
    assert body.splitlines()[-1].startswith(b"vuon_mark,worker=w0 number=5i ")
    assert len(lines(database)) == 5_000


@pytest.mark.parametrize("database", [{"meet": WRITERS}], indirect=True)
async def test_what_is_large_goes_in_several_requests_at_once_and_the_mark_after_all(database: Database) -> None:
    batches = group(60_000)
    await write(database, batches)
    *bodies, last = database.bodies
    assert len(bodies) >= WRITERS
    assert max(map(len, bodies)) < 1.2 * BODY_BYTES
    assert min(map(len, bodies)) > 0.5 * max(map(len, bodies))
    assert last.startswith(b"vuon_mark,worker=w0 number=5i ")
    assert database.marked == [len(bodies)], "every other one was answered before"
    assert lines(database) == sorted(line for batch in batches for line in sample_text(batch).splitlines())


@pytest.mark.parametrize("database", [{"meet": WRITERS, "status": {2: 503}}], indirect=True)
async def test_where_one_of_them_fails_the_mark_is_not_sent(database: Database) -> None:
    with pytest.raises(StoreError):
        await write(database, group(60_000))
    assert database.marked == []
