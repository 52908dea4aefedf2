# SPDX-License-Identifier: Apache-2.0
"""The bus on an event loop: real bytes over pseudo-terminals, virtual time, unplugging, refusals that help."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers import serial_port
from drivers.bus import Bus
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read, words, write_coil
from drivers.modbus_slave import PlainMemory
from drivers.ports import ByteStream, Fault, LineDown
from drivers.scheduler import Answer, Outcome, Rank, Transaction
from drivers.serial_port import SerialOpener, opener
from drivers.sim.line import LineOpener, SimLine
from drivers.sim.pty_line import PtyLine
from drivers.tcp_stream import TcpOpener
from edge import virtual

FAST = LineSettings(baud=115200)


def _line(settings: LineSettings = FAST, latency_s: float = 0.002) -> SimLine:
    memory = PlainMemory(holding={index: index + 7 for index in range(8)}, coils=dict.fromkeys(range(8), False))
    return SimLine(settings, {1: memory, 2: memory}, latency_s=latency_s)


@asynccontextmanager
async def _running(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def _pass(seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def _until(happened: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not happened():
            await _pass(0.005)


async def test_polls_and_commands_share_a_line_of_real_bytes() -> None:
    line, got, faults = PtyLine(_line()), list[Outcome](), list[Fault]()
    bus = Bus(opener(line.path, FAST), FAST, faults.append)
    bus.poll(Transaction("probe", read(1, 3, 0, 3)), 0.05, got.append)
    async with _running(bus):
        await _until(lambda: len(got) >= 3)
        outcome = await bus.submit(Transaction("relay", write_coil(2, 3, True), rank=Rank.ACTUATOR))
    line.close()
    assert isinstance(outcome, Answer)
    assert all(isinstance(item, Answer) and words(item.payload) == (7, 8, 9) for item in got)
    assert faults == []
    assert bus.health()["probe"].state == "ok"


def test_the_same_bus_runs_in_virtual_time_without_a_silence_violation() -> None:
    settings = LineSettings()
    line = _line(settings, 0.01)

    async def main(loop: virtual.VirtualLoop) -> int:
        got: list[Outcome] = []
        bus = Bus(LineOpener(line), settings, lambda fault: pytest.fail(str(fault)))
        bus.poll(Transaction("a", read(1, 3, 0, 8)), 1.0, got.append)
        bus.poll(Transaction("b", read(2, 3, 0, 8)), 0.5, got.append)
        async with _running(bus):
            await _pass(600.0)
        assert all(isinstance(item, Answer) for item in got)
        return len(got)

    assert virtual.run(main) == pytest.approx(600 + 1200, abs=4)
    assert line.violations == 0


class LateLoop(virtual.VirtualLoop):
    """A host whose timers come late and whose every look at the clock takes a moment."""

    def __init__(self, late_s: float, jitter_s: float) -> None:
        super().__init__()
        self._late_s, self._jitter_s = late_s, jitter_s
        self._rng = random.Random(5)

    def time(self) -> float:
        """Give the time, a little later at each look."""
        self._now_s += 3e-7
        return self._now_s

    def _pass_time(self, seconds: float) -> None:
        super()._pass_time(seconds + self._late_s + self._rng.uniform(0.0, self._jitter_s))


@pytest.mark.parametrize(
    ("late_s", "jitter_s", "least_pct"),
    [(0.0, 0.0, 99.6), (0.00015, 0.00005, 99.3), (0.0004, 0.0001, 98.5), (0.0004, 0.002, 94.5)],
)
def test_a_host_with_late_timers_keeps_the_silence_and_loses_little_of_the_line(
    late_s: float, jitter_s: float, least_pct: float
) -> None:
    settings, seconds, units = LineSettings(), 30.0, range(1, 21)
    line = SimLine(settings, {unit: PlainMemory(holding=dict.fromkeys(range(8), unit)) for unit in units})
    loop = LateLoop(late_s, jitter_s)
    got: list[Outcome] = []
    bus = Bus(LineOpener(line), settings, lambda fault: pytest.fail(str(fault)))

    async def main() -> None:
        for unit in units:
            bus.poll(Transaction(f"{unit}", read(unit, 3, 0, 8)), 0.1, got.append)
        async with _running(bus):
            await _pass(seconds)

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    poll_s = 29 * settings.character_s + 0.01 + settings.silence_s
    assert line.violations == 0
    assert 100 * len(got) * poll_s / seconds > least_pct


async def test_an_adapter_unplugged_and_plugged_again_is_soon_back_without_a_leak(
    tmp_path: Path,
) -> None:
    identity = tmp_path / "usb-adapter"
    line, got, faults = PtyLine(_line()), list[Outcome](), list[Fault]()
    identity.symlink_to(line.path)
    bus = Bus(SerialOpener(str(identity), FAST), FAST, faults.append)
    bus.poll(Transaction("probe", read(1, 3, 0, 1)), 0.05, got.append)
    before = _descriptors()
    async with _running(bus):
        for _ in range(3):
            await _until(lambda: bool(got) and isinstance(got[-1], Answer))
            line.close()
            identity.unlink()
            await _until(lambda: not bus.up)
            got.clear()
            outcome = await bus.submit(Transaction("relay", write_coil(2, 3, True), rank=Rank.ACTUATOR))
            assert isinstance(outcome, Fault)
            line = PtyLine(_line())
            identity.symlink_to(line.path)
            await _until(lambda: any(isinstance(item, Answer) for item in got), 8.0)
    line.close()
    kinds = [fault.kind for fault in faults]
    assert kinds.count("bus.line_back") == 3
    assert _descriptors() <= before


@pytest.mark.parametrize(
    ("where", "seen", "hint"),
    [
        ("/dev/serial/by-path/nothing-here", "no such port", "by-path"),
        ("/dev/null", "", "8N1"),
    ],
)
async def test_a_port_that_cannot_be_opened_says_what_to_do(where: str, seen: str, hint: str) -> None:
    with pytest.raises(LineDown) as refused:
        await opener(where, FAST).open()
    assert seen in refused.value.seen
    assert hint in refused.value.hint
    assert where in str(refused.value)


async def test_a_port_that_somebody_holds_names_the_remedy() -> None:
    line = PtyLine(_line())
    first: ByteStream = await opener(line.path, FAST).open()
    try:
        with pytest.raises(LineDown) as refused:
            await opener(line.path, FAST).open()
        assert "busy" in refused.value.seen
        assert "Another program" in refused.value.hint
    finally:
        first.close()
        line.close()


def test_refusals_of_the_system_become_hints() -> None:
    denied = serial_port._refusal("/dev/ttyUSB0", PermissionError(13, "Permission denied"))
    assert "dialout" in denied.hint
    assert "EIO" not in denied.seen
    assert "unplugged" in serial_port._refusal("/dev/ttyUSB0", OSError(5, "Input/output error")).hint


async def test_a_gateway_that_is_not_there_says_so() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(LineDown, match="gateway"):
        await TcpOpener("127.0.0.1", port).open()
    with pytest.raises(ValueError, match="socket://HOST:PORT"):
        TcpOpener.from_url("socket://nowhere")


async def test_no_break_travels_over_a_pseudo_terminal_and_the_error_says_so() -> None:
    line = PtyLine(_line())
    stream = await opener(line.path, LineSettings(baud=1200, parity="E", data_bits=7)).open()
    with pytest.raises(LineDown, match="break"):
        await stream.send_break(0.012)
    stream.close()
    line.close()


def test_ports_are_listed_by_lasting_names() -> None:
    assert all(Path(name).is_absolute() for name in serial_port.ports())
    assert serial_port.latency_timer_ms("/dev/null") is None
