# SPDX-License-Identifier: Apache-2.0
"""Every Modbus type end to end: the real bus and serial port, a pseudo-terminal, the simulated instrument."""

import asyncio
from collections.abc import Sequence
from functools import partial
from math import isfinite

from drivers.actuators.orders import over
from drivers.actuators.relay import RelayBoard
from drivers.bus import Bus
from drivers.catalogue import Catalogue
from drivers.catalogue_schema import Entry
from drivers.line_settings import LineSettings
from drivers.modbus_slave import Serve
from drivers.polling import BusInstrument
from drivers.ports import ByteStream, Fault
from drivers.registry import names_of, read_text
from drivers.serial_port import opener
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import SimLine
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.pty_line import PtyLine
from drivers.sim.text_pty import TextPtyLine
from drivers.text_decode import join_sdi12
from telemetry.quantities import quantity
from telemetry.records import Quality, Reading, series_id

FAST = LineSettings(921600)
CATALOGUE = Catalogue()
# Outputs show their own state; binary and text instruments have lines of their own.
MODBUS = [e for e in CATALOGUE.entries() if e.protocol == "modbus"]
LINES = [e for e in CATALOGUE.entries() if e.protocol != "modbus"]


def world(name: str, _now: float) -> float:
    known = quantity(name.partition(".")[0])
    return known.low + 0.25 * (min(known.high, known.low + 100.0) - known.low)


def answer(slave: SimulatedInstrument, line: SimLine, pdu: bytes) -> bytes | None:
    return slave.answer(slave.address, pdu, line.now_s)


async def test_every_type_is_read_over_a_pty() -> None:
    slaves = [
        SimulatedInstrument(entry, world, address=number, baud=FAST.baud)
        for number, entry in enumerate(MODBUS, start=1)
    ]
    serve: dict[int, Serve] = {}
    line = SimLine(FAST, serve, latency_s=0.0005, byte_by_byte=False)
    for slave in slaves:
        serve[slave.address] = partial(answer, slave, line)
    pty = PtyLine(line)
    faults: list[Fault] = []
    bus = Bus(opener(pty.path, FAST), FAST, faults.append, name="all")
    arrived: dict[str, dict[str, Reading]] = {}
    done = asyncio.Event()

    def deliver(readings: Sequence[Reading]) -> None:
        for reading in readings:
            arrived.setdefault(reading.device, {})[reading.series] = reading
        if len(arrived) == len(MODBUS):
            done.set()

    for slave in slaves:
        entry = slave.entry
        names = names_of(entry)
        series = {n: series_id("z", n.partition(".")[0], int(n.partition(".")[2] or 0)) for n in names}
        instrument = BusInstrument(
            entry, entry.type, slave.address, series, period_s=60.0, deliver=deliver, mono_ms=lambda s: int(s * 1000)
        )
        instrument.attach(bus)
    running = asyncio.create_task(bus.run())
    try:
        await asyncio.wait_for(done.wait(), 20.0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pty.close()
    assert faults == []
    for entry in MODBUS:
        got = arrived[entry.type]
        assert len(got) == len(names_of(entry)), entry.type
        for where, reading in got.items():
            assert isfinite(reading.raw), f"{entry.type} {where} is nan"
            assert not reading.quality & (Quality.COMM | Quality.SENTINEL), f"{entry.type} {where}"
            assert bool(reading.quality & Quality.UNVERIFIED) != entry.verified


async def test_a_relay_is_held_and_released_over_a_pty() -> None:
    board = SimulatedInstrument(CATALOGUE.entry("waveshare-relay-8ch"), address=3, baud=FAST.baud)
    serve: dict[int, Serve] = {}
    line = SimLine(FAST, serve, latency_s=0.0005)
    serve[3] = partial(answer, board, line)
    pty = PtyLine(line)
    bus = Bus(opener(pty.path, FAST), FAST, lambda _fault: None)
    relay = RelayBoard(board.entry, 3, {"valve": 4}, over(bus, "board"))
    running = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(10.0):
            assert (await relay.hold("valve", 1.0, 60.0)).outcome == "done"
            assert await relay.states() == {"valve": True}
            assert (await relay.release("valve")).outcome == "done"
            assert await relay.states() == {"valve": False}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pty.close()


async def ask(stream: ByteStream, command: bytes, ends: bytes, length: int = 0) -> bytes:
    """Send a command and read to the end of its answer."""
    await stream.write(command)
    answer = b""
    async with asyncio.timeout(5.0):
        while len(answer) < length or not answer.endswith(ends):
            answer += await stream.read()
    return answer


async def whole_answer(stream: ByteStream, entry: Entry) -> bytes:
    text = entry.text
    assert text is not None
    if entry.protocol == "binary":
        return await ask(stream, bytes.fromhex(text.request), b"", text.reply_bytes)
    if entry.protocol == "ascii":
        return await ask(stream, text.request.replace("{a}", "0").encode("ascii"), text.ends.encode("ascii"))
    head = await ask(stream, b"0C!", b"\r\n")
    rows: list[bytes] = []
    while sum(row.count(b"+") + row.count(b"-") for row in rows) < int(head[4:6]):
        rows.append(await ask(stream, f"0D{len(rows)}!".encode("ascii"), b"\r\n"))
    return join_sdi12(rows)


async def test_every_line_protocol_type_is_read_over_a_pty() -> None:
    for entry in LINES:
        line = TextPtyLine([SimulatedLineInstrument(entry, world)], patience=0.0)
        stream = await opener(line.path, LineSettings(9600)).open()
        try:
            measured = read_text(entry, await whole_answer(stream, entry))
        finally:
            stream.close()
            line.close()
        assert {m.name for m in measured} == set(names_of(entry)), entry.type
        assert all(isfinite(m.raw) for m in measured), entry.type
