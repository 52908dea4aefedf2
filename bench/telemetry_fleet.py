# SPDX-License-Identifier: Apache-2.0
"""A fleet in one process, for the bench.

``python -m bench.telemetry_fleet PORT EDGES MESSAGES POINTS RATE [FIRST [NEW]]``

It publishes batches of many edges at a rate of points a second (0 = as fast as they are acknowledged), real
envelopes with a dictionary, and prints how many it sent and how long that took. As an edge does, it keeps only so
much unanswered on its way. The first NEW messages go as fast as they are acknowledged, whatever the rate; a line says
when they all are.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

from bench.telemetry_data import SERIES, values
from telemetry.envelope import Header, Packer
from telemetry.notes import AckNote, read_note
from telemetry.ranges import RangeSet
from telemetry.records import AnyRecord, Sample
from telemetry.topics import topic

SERIES_AN_EDGE: Final = 10
ROW_MS: Final = 6_000
SEND_AHEAD: Final = 0.02
WINDOW: Final = 4_000
NEW_BEFORE_MS: Final = 120_000  # the first messages tell of a time before, so that no later one says the same again
NEW_S: Final = 120.0  # at most; what is not answered by then is not waited for


def bodies(points: int) -> tuple[list[bytes], Packer, bytes]:
    """Give some bodies of ``points`` samples (10 series), a packer with a dictionary, and the dictionary."""
    packer, made = Packer(), list[bytes]()
    rows = points // SERIES_AN_EDGE
    data = values(7, rows * 48)
    for start in range(0, len(data), rows):
        group: list[AnyRecord] = []
        for at in range(rows):
            mono = 3_600_000 + at * ROW_MS
            row = data[start + at].tolist()[:SERIES_AN_EDGE]
            group += [Sample(SERIES[i], mono, value, value, 0, "", 0.3) for i, value in enumerate(row)]
        made.append(packer.encode(group))
    dictionary = b"".join(made[-2:])[-16_384:]
    packer.use_dictionary(dictionary)
    return made[:-2], packer, dictionary


def packet(name: str, payload: bytes) -> bytes:
    """Make an MQTT 3.1.1 PUBLISH of quality 0."""
    head = struct.pack(">H", len(name)) + name.encode()
    length, left = b"", len(head) + len(payload)
    while True:
        left, part = left >> 7, left & 0x7F
        length += bytes((part | (0x80 if left else 0),))
        if not left:
            return b"\x30" + length + head + payload


def connect(port: int) -> socket.socket:
    """Open an MQTT connection without keep-alive."""
    client = socket.create_connection(("127.0.0.1", port))
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", 5) + b"fleet"
    client.sendall(b"\x10" + bytes((len(body),)) + body)
    assert client.recv(4) == b"\x20\x02\x00\x00"
    return client


class Answers:
    """Counts the batches that the hub has in its hands or acknowledges, in a thread of its own.

    A store that settles slowly (VictoriaMetrics) has them held meanwhile; an edge sends on then, and so does the fleet.
    """

    def __init__(self, client: socket.socket) -> None:
        self.count = 0
        self._stored: dict[str, RangeSet] = {}
        pattern = b"vuon/1/coop/+/ack"
        client.sendall(bytes((0x82, len(pattern) + 5, 0, 1)) + struct.pack(">H", len(pattern)) + pattern + b"\x00")
        threading.Thread(target=self._read, args=(client.makefile("rb"),), daemon=True, name="answers").start()

    def _read(self, stream: BinaryIO) -> None:
        while head := stream.read(1):
            length = shift = 0
            while (part := stream.read(1)[0]) & 0x80:
                length |= (part & 0x7F) << shift
                shift += 7
            body = stream.read(length | part << shift)
            if head[0] >> 4 == 3:
                size = int.from_bytes(body[:2], "big")
                edge = body[2 : 2 + size].decode().split("/")[3]
                ranges = self._stored.setdefault(edge, RangeSet())
                before = sum(high - low + 1 for low, high in ranges)
                note = read_note(AckNote, body[2 + size :])
                for spans in note.stored + note.held:
                    for low, high in spans.ranges:
                        ranges.add(low, high)
                self.count += sum(high - low + 1 for low, high in ranges) - before


def messages(
    edges: int, count: int, points: int, first: int = 0, new: int = 0, *, at_once: bool = False
) -> Iterator[bytes]:
    """Give the packets one after the other, each with the time of now; the edges are numbered from ``first``.

    No farm measures twice in the same millisecond, which a store would keep once: the ``new`` first ones are dated
    earlier, and of messages that all go ``at_once`` each but a farm's last one, by the spans of those behind it.
    """
    made, packer, _ = bodies(points)
    rows = points // SERIES_AN_EDGE
    for at in range(count):
        edge = f"farm-{first + at % edges}"
        before_ms = NEW_BEFORE_MS if at < new else 0
        if at_once:
            before_ms = (count // edges - at // edges) * rows * ROW_MS
        wall_ms = time.time_ns() // 1_000_000 - before_ms
        last_ms = 3_600_000 + (rows - 1) * ROW_MS
        header = Header(edge, 1, 7, at // edges + 1, 0, last_ms, wall_ms, True, points)
        yield packet(topic("coop", edge, "batch"), packer.seal(header, made[at % len(made)]))


def main(port: int, edges: int, count: int, points: int, first: int, new: int, rate: float) -> None:
    """Send them all, no faster than ``rate`` points a second once the ``new`` first ones are acknowledged."""
    client = connect(port)
    _, _, dictionary = bodies(points)
    announcement = packet(topic("coop", f"farm-{first}", "dictionary"), dictionary)
    client.sendall(announcement)
    time.sleep(1.0)
    answers = Answers(client)
    start = time.monotonic()
    for at, data in enumerate(messages(edges, count, points, first, new, at_once=not rate)):
        if new and at == new:
            while answers.count < new and time.monotonic() < start + NEW_S:
                time.sleep(0.01)
            print(json.dumps({"new": answers.count, "seconds": time.monotonic() - start}), flush=True)
            start = time.monotonic()
        client.sendall(announcement + data if at % 500 == 0 else data)
        while (not rate or (at < new and time.monotonic() < start + NEW_S)) and at - answers.count > WINDOW:
            time.sleep(0.01)
        if rate and at >= new and (ahead := start + (at - new) * points / rate - time.monotonic()) > SEND_AHEAD:
            time.sleep(ahead)
    print(json.dumps({"points": (count - new) * points, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:5] + sys.argv[6:8]]
    to_port, farms, total, each, begin_at, made_first = [*given, 0, 0][:6]
    main(to_port, farms, total, each, begin_at, made_first, float(sys.argv[5]))
