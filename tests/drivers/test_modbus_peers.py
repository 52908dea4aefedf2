# SPDX-License-Identifier: Apache-2.0
"""Independent implementations: pymodbus serves us; pymodbus and minimalmodbus read our simulated devices."""

import asyncio
import logging
import os
import pty
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import minimalmodbus
import pytest
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.framer import FramerRTU, FramerType
from pymodbus.pdu import DecodePDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.bus import Bus
from drivers.bus_master import ECHO_TEST
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import (
    Request,
    bits,
    read,
    read_write,
    words,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus_slave import PlainMemory
from drivers.ports import ByteStream, Fault, StreamOpener
from drivers.scheduler import Answer, Rank, Transaction
from drivers.serial_port import opener
from drivers.sim.line import SimLine
from drivers.sim.pty_line import PtyLine

FAST = LineSettings(baud=115200)
# A pseudo-terminal and a socket hand bytes over at once: the answer to a write is there before its last bit could have
# left a UART, as on a line that echoes. Nothing but knowing that the line cannot echo tells the two apart.
NO_ECHO = False


@contextmanager
def _pty_pair() -> Iterator[tuple[str, str]]:
    """Two pseudo-terminals joined back to back, as a cable joins two adapters."""
    loop = asyncio.get_running_loop()
    ends = [pty.openpty(), pty.openpty()]
    for master, slave in ends:
        tty.setraw(slave)
        os.set_blocking(master, False)

    def copy(source: int, target: int) -> None:
        os.write(target, os.read(source, 4096))

    loop.add_reader(ends[0][0], copy, ends[0][0], ends[1][0])
    loop.add_reader(ends[1][0], copy, ends[1][0], ends[0][0])
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        for master, slave in ends:
            loop.remove_reader(master)
            os.close(master)
            os.close(slave)


def _pymodbus_device(unit: int) -> SimDevice:
    coils = [SimData(0, values=[True, False] * 20, datatype=DataType.BITS)]
    discrete = [SimData(0, values=[False, True] * 20, datatype=DataType.BITS)]
    holding = [SimData(0, values=list(range(100, 140)), datatype=DataType.REGISTERS)]
    inputs = [SimData(0, values=list(range(500, 540)), datatype=DataType.REGISTERS)]
    return SimDevice(unit, simdata=(coils, discrete, holding, inputs))


@asynccontextmanager
async def _bus(line: StreamOpener, faults: list[Fault]) -> AsyncIterator[Bus]:
    bus = Bus(line, FAST, faults.append, check_echo=NO_ECHO)
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _do(bus: Bus, request: Request) -> bytes:
    transaction = Transaction(f"unit {request.unit}", request, rank=Rank.PERSON, within_s=5.0)
    async with asyncio.timeout(10):
        outcome = await bus.submit(transaction)
    assert isinstance(outcome, Answer), outcome
    return outcome.payload


async def _every_function(bus: Bus, unit: int) -> None:
    assert words(await _do(bus, read(unit, 3, 2, 3))) == (102, 103, 104)
    assert words(await _do(bus, read(unit, 4, 1, 2))) == (501, 502)
    assert bits(await _do(bus, read(unit, 1, 0, 10)), 10) == (True, False) * 5
    assert bits(await _do(bus, read(unit, 2, 0, 9)), 9) == (*(False, True) * 4, False)
    await _do(bus, write_coil(unit, 1, True))
    await _do(bus, write_register(unit, 7, 4242))
    await _do(bus, write_coils(unit, 2, (False, True, False)))
    await _do(bus, write_registers(unit, 8, (1, 65535)))
    assert words(await _do(bus, read(unit, 3, 6, 4))) == (106, 4242, 1, 65535)
    assert bits(await _do(bus, read(unit, 1, 0, 6)), 6) == (True, True, False, True, False, False)
    assert words(await _do(bus, read_write(unit, 10, 2, 11, (9,)))) == (110, 9)
    transaction = Transaction("absent", read(unit, 3, 5000, 1), rank=Rank.PERSON)
    outcome = await bus.submit(transaction)
    assert isinstance(outcome, Fault)
    assert outcome.kind == "bus.exception.2"


@asynccontextmanager
async def _pymodbus_on_a_cable() -> AsyncIterator[str]:
    """A pymodbus slave at the far end of a cable; gives the near end's port."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    with _pty_pair() as (ours, theirs):
        server = ModbusSerialServer(
            _pymodbus_device(17), framer=FramerType.RTU, port=theirs, baudrate=115200, ignore_missing_devices=True
        )
        await server.serve_forever(background=True)
        try:
            yield ours
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]


async def test_our_master_reads_and_writes_a_pymodbus_slave_over_a_pty() -> None:
    faults: list[Fault] = []
    async with _pymodbus_on_a_cable() as port, _bus(opener(port, FAST), faults) as bus:
        await _every_function(bus, 17)
        for number in range(100):
            await _do(bus, write_register(17, 7, number))
        errors = bus.health()["unit 17"].errors
    assert faults == []
    assert set(errors) <= {"exception", "timeout"}, "more than the one refusal and a busy host's lateness"


def test_the_echo_self_test_costs_a_slave_that_frames_by_content_no_request() -> None:
    """pymodbus knows no silence: the end of a self-test that was no whole frame stayed in front of the next request."""
    framer = FramerRTU(DecodePDU(is_server=True))
    assert framer.handleFrame(ECHO_TEST, 0, 0) == (len(ECHO_TEST), None)


@pytest.mark.parametrize("framer", [FramerType.SOCKET, FramerType.RTU], ids=["Modbus TCP", "RTU over TCP"])
async def test_our_master_speaks_to_a_pymodbus_gateway(framer: FramerType) -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    from drivers.modbus_tcp import GatewayOpener
    from drivers.tcp_stream import TcpOpener

    server = ModbusTcpServer(_pymodbus_device(17), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    port = server.transport.sockets[0].getsockname()[1]
    faults: list[Fault] = []
    raw = TcpOpener("127.0.0.1", port)
    try:
        line: StreamOpener = GatewayOpener(raw) if framer is FramerType.SOCKET else raw
        async with _bus(line, faults) as bus:
            await _every_function(bus, 17)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
    assert faults == []


def _our_line() -> SimLine:
    memory = PlainMemory(
        holding=dict(enumerate(range(100, 140))),
        inputs=dict(enumerate(range(500, 540))),
        coils={index: index % 2 == 0 for index in range(40)},
        discrete={index: index % 2 == 1 for index in range(40)},
    )
    return SimLine(FAST, {17: memory}, latency_s=0.002)


async def test_a_pymodbus_client_reads_and_writes_our_simulated_slave() -> None:
    line = PtyLine(_our_line())
    client = AsyncModbusSerialClient(line.path, baudrate=115200, timeout=2, retries=0)
    try:
        assert await client.connect()
        assert (await client.read_holding_registers(2, count=3, device_id=17)).registers == [102, 103, 104]
        assert (await client.read_input_registers(1, count=2, device_id=17)).registers == [501, 502]
        assert (await client.read_coils(0, count=10, device_id=17)).bits[:10] == [True, False] * 5
        assert (await client.read_discrete_inputs(0, count=8, device_id=17)).bits == [False, True] * 4
        assert not (await client.write_coil(1, True, device_id=17)).isError()
        assert not (await client.write_register(7, 4242, device_id=17)).isError()
        assert not (await client.write_coils(2, [False, True, False], device_id=17)).isError()
        assert not (await client.write_registers(8, [1, 65535], device_id=17)).isError()
        assert (await client.read_holding_registers(6, count=4, device_id=17)).registers == [106, 4242, 1, 65535]
        both = await client.readwrite_registers(
            read_address=10, read_count=2, write_address=11, values=[9], device_id=17
        )
        assert both.registers == [110, 9]
        assert (await client.read_holding_registers(5000, count=1, device_id=17)).exception_code == 2
    finally:
        client.close()
        line.close()


async def test_a_minimalmodbus_client_reads_and_writes_our_simulated_slave() -> None:
    line = PtyLine(_our_line())

    def talk() -> tuple[Any, ...]:
        instrument = minimalmodbus.Instrument(line.path, 17, close_port_after_each_call=False)
        instrument.serial.baudrate = 115200
        instrument.serial.timeout = 1.0
        try:
            instrument.write_register(7, 4242, functioncode=6)
            instrument.write_registers(8, [1, 65535])
            instrument.write_bit(1, 1)
            return (
                instrument.read_registers(6, 4),
                instrument.read_registers(1, 2, functioncode=4),
                instrument.read_bits(0, 4, functioncode=1),
            )
        finally:
            instrument.serial.close()

    try:
        assert await asyncio.to_thread(talk) == ([106, 4242, 1, 65535], [501, 502], [1, 1, 1, 0])
    finally:
        line.close()


async def test_a_stream_is_what_the_port_promises() -> None:
    line = PtyLine(_our_line())
    stream: ByteStream = await opener(line.path, FAST).open()
    try:
        request = read(17, 3, 0, 1)
        from drivers.modbus_rtu import frame_of

        await stream.write(frame_of(17, request.pdu))
        seen = b""
        async with asyncio.timeout(3):
            while len(seen) < 7:
                seen += await stream.read()
        assert seen == frame_of(17, b"\x03\x02\x00\x64")
    finally:
        stream.close()
        line.close()
