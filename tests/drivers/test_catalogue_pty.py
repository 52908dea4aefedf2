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
from drivers.ports import Fault
from drivers.registry import names_of
from drivers.serial_port import opener
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import SimLine
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.pty_line import PtyLine
from drivers.sim.text_line import TextLine
from drivers.sim.text_pty import TextPtyLine
from drivers.text_bus import LineBus, Sdi12Bus
from drivers.text_places import TextDevice
from telemetry.quantities import quantity
from telemetry.records import Quality, Reading, series_id

FAST = LineSettings(921600)
CATALOGUE = Catalogue()
# Outputs show their own state; binary and text instruments have lines of their own.
MODBUS = [e for e in CATALOGUE.entries() if e.protocol == "modbus"]
LINES = [e for e in CATALOGUE.entries() if e.protocol != "modbus"]


def world(name: str, _now: float) -> float:
    if name == "raw_signal":
        return 2500.0
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


async def test_every_line_protocol_type_is_read_over_a_pty_by_its_line() -> None:
    groups = [(group, protocol) for protocol in ("sdi12", "ascii", "binary") for group in lines_of(protocol)]
    await asyncio.gather(*(all_are_read(group, sdi12=protocol == "sdi12") for group, protocol in groups))


def lines_of(protocol: str) -> list[list[Entry]]:
    """SDI-12 sensors share one line; what has no address is alone on its own."""
    mine = [entry for entry in LINES if entry.protocol == protocol]
    return [mine] if protocol == "sdi12" else [[entry] for entry in mine]


async def all_are_read(entries: list[Entry], *, sdi12: bool) -> None:
    addresses = [chr(ord("a") + index) if sdi12 else "0" for index in range(len(entries))]
    instruments = [
        SimulatedLineInstrument(entry, world, address=at, patience=0.02)
        for entry, at in zip(entries, addresses, strict=True)
    ]
    pty = TextPtyLine(TextLine(instruments))
    devices = [
        TextDevice(entry.type, entry, at, 60.0, {name: f"z/{name}" for name in names_of(entry)})
        for entry, at in zip(entries, addresses, strict=True)
    ]
    arrived: dict[str, Reading] = {}
    faults: list[Fault] = []
    done = asyncio.Event()

    def deliver(readings: Sequence[Reading]) -> None:
        arrived.update((f"{reading.device} {reading.series}", reading) for reading in readings)
        if len({reading.device for reading in arrived.values()}) == len(entries):
            done.set()

    kind = partial(Sdi12Bus, adapter=True) if sdi12 else LineBus
    source = kind("line", opener(pty.path, FAST), devices, lambda s: int(s * 1000))
    running = asyncio.create_task(source.run(deliver, faults.append))
    try:
        await asyncio.wait_for(done.wait(), 30.0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pty.close()
    assert faults == []
    assert len(arrived) == sum(len(names_of(entry)) for entry in entries)
    for where, reading in arrived.items():
        assert isfinite(reading.raw), where
        assert not reading.quality & (Quality.COMM | Quality.SENTINEL), where
