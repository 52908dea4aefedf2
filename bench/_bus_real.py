# SPDX-License-Identifier: Apache-2.0
"""The field bus in real time: our master and its peers on pseudo-terminals with paced bytes, one after the other.

The rule it keeps: devices and masters run in processes of their own, so that each one's processor time is its own; who
meets faults meets the same ones from the same seed.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from bench._cores import hurry
from drivers.bus import Bus, fine_timer_loop
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read, words
from drivers.modbus_slave import PlainMemory, Serve
from drivers.scheduler import Answer, Outcome, Transaction
from drivers.serial_port import opener
from drivers.sim.faults import Disturbance
from drivers.sim.line import SimLine
from drivers.sim.pty_line import PtyLine

LINE = LineSettings()
SLAVES, REGISTERS, LATENCY_S = 20, 8, 0.01
POLL_S = (8 + 5 + 2 * REGISTERS) * LINE.character_s + LATENCY_S + LINE.silence_s
MOST_PER_S = 1 / POLL_S
WARM_S, WINDOW_S = 2.0, 2.0
WINDOW_ANSWERS: Final = 40  # about two seconds

# The faulty line: a third of the exchanges disturbed, each read at one of four places of one of four devices.
BAD_LINE: Final = LineSettings(19200)
BAD_SHARE, BAD_WAIT_S, BAD_READS = 0.3, 0.15, 400
PLACES: Final = tuple((unit, address) for unit in (1, 2, 3, 4) for address in (0, 10, 20, 30))


def memory(unit: int) -> PlainMemory:
    """Give a device whose registers tell its unit and their address."""
    return PlainMemory(holding={index: unit * 100 + index for index in range(48)})


def _serve_lines(pipe: Connection, lines: int, dead: int) -> None:
    """The devices, in a process of their own: ``lines`` pseudo-terminals with twenty slaves each."""
    hurry(0)

    async def main() -> None:
        served = []
        for _ in range(lines):
            serve: dict[int, Serve] = {unit: memory(unit) for unit in range(1 + dead, SLAVES + 1)}
            served.append(PtyLine(SimLine(LINE, serve, latency_s=LATENCY_S)))
        pipe.send([line.path for line in served])
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), gone.set)
        await gone.wait()
        loop.remove_reader(pipe.fileno())
        pipe.send({"violations": sum(line.line.violations for line in served)})
        for line in served:
            line.close()

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main())


@contextlib.contextmanager
def devices(lines: int = 1, dead: int = 0) -> Iterator[tuple[list[str], dict[str, int]]]:
    """Run the simulated devices; give their ports, and at the end what they saw."""
    with _served(_serve_lines, lines, dead) as served:
        yield served


@contextlib.contextmanager
def _served(function: Callable[..., None], *args: Any) -> Iterator[tuple[list[str], dict[str, int]]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=function, args=(theirs, *args))
    process.start()
    seen: dict[str, int] = {}
    try:
        yield ours.recv(), seen
    finally:
        ours.send("end")
        if ours.poll(5):
            seen.update(ours.recv())
        process.join(5)
        if process.is_alive():
            process.terminate()
            process.join()


def in_child(function: Callable[..., dict[str, float]], *args: Any) -> dict[str, float]:
    """Run a master in a process of its own, so that its CPU time is its own."""
    ours, theirs = multiprocessing.Pipe()

    def child() -> None:
        hurry(1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        begun = time.monotonic()
        result = function(*args)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        theirs.send({"core_pct": 100 * used_s / (time.monotonic() - begun), **result})

    process = multiprocessing.Process(target=child)
    process.start()
    theirs.close()  # so that a child that dies is an end, and not a wait
    result: dict[str, float] = {"per_s": 0.0}
    with contextlib.suppress(EOFError):
        if ours.poll(120):
            result = ours.recv()
    process.join(5)
    if process.is_alive():
        process.terminate()
    return result


def ours(paths: list[str], seconds: float) -> dict[str, float]:
    """Poll every line with our bus, all in one loop; median of the windows per line.

    A window is so many answers and the time that they took: to count answers in a fixed time would round to whole ones.
    """
    times: list[list[float]] = [[] for _ in paths]

    async def main() -> None:
        tasks = []
        for path, mine in zip(paths, times, strict=True):
            bus = Bus(opener(path, LINE), LINE, lambda fault: print(fault, file=sys.stderr))

            def deliver(outcome: Outcome, mine: list[float] = mine) -> None:
                if isinstance(outcome, Answer):
                    mine.append(time.monotonic())

            for unit in range(1, SLAVES + 1):
                bus.poll(Transaction(f"{unit}", read(unit, 3, 0, REGISTERS)), 0.1, deliver)
            tasks.append(asyncio.create_task(bus.run()))
        await asyncio.sleep(WARM_S)
        for mine in times:
            mine.clear()
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main())
    windows = [
        WINDOW_ANSWERS / (mine[at + WINDOW_ANSWERS] - mine[at])
        for mine in times
        for at in range(0, len(mine) - WINDOW_ANSWERS, WINDOW_ANSWERS)
    ]
    windows = windows or [sum(map(len, times)) / len(times) / seconds]  # a line too bad for one whole window
    return {"per_s": statistics.median(windows), "best_per_s": max(windows)}


def _blocking(poll: Callable[[int], object], seconds: float) -> dict[str, float]:
    """Poll the twenty in turn with a blocking client; median of the windows."""
    rates = []
    unit = 0
    begun_s = time.monotonic()
    while time.monotonic() < begun_s + WARM_S + seconds:
        good, begun = 0, time.monotonic()
        while time.monotonic() < begun + WINDOW_S:
            good += bool(poll(unit % SLAVES + 1))
            unit += 1
        rates.append((good, time.monotonic() - begun))
    return _summed(rates[1:])


def _summed(windows: list[tuple[int, float]]) -> dict[str, float]:
    """Give the median window; of windows that one wait made long, the mean."""
    if any(seconds > 2 * WINDOW_S for _, seconds in windows):
        mean = sum(good for good, _ in windows) / sum(seconds for _, seconds in windows)
        return {"per_s": mean, "best_per_s": mean}
    rates = [good / seconds for good, seconds in windows]
    return {"per_s": statistics.median(rates), "best_per_s": max(rates)}


def minimal(path: str, seconds: float) -> dict[str, float]:
    """The minimalmodbus library."""
    import minimalmodbus

    port = minimalmodbus.Instrument(path, 1, close_port_after_each_call=False)
    port.serial.baudrate, port.serial.timeout = LINE.baud, 1.0
    expected = {unit: list(range(unit * 100, unit * 100 + REGISTERS)) for unit in range(1, SLAVES + 1)}

    def poll(unit: int) -> bool:
        port.address = unit
        try:
            return bool(port.read_registers(0, REGISTERS) == expected[unit])
        except (OSError, ValueError):
            return False

    return _blocking(poll, seconds)


def pymodbus_sync(path: str, seconds: float, wait_s: float, retries: int) -> dict[str, float]:
    """The pymodbus library, its synchronous client."""
    from pymodbus import ModbusException
    from pymodbus.client import ModbusSerialClient

    client = ModbusSerialClient(path, baudrate=LINE.baud, timeout=wait_s, retries=retries)
    client.connect()

    def poll(unit: int) -> bool:
        try:
            return not client.read_holding_registers(0, count=REGISTERS, device_id=unit).isError()
        except ModbusException:
            return False

    try:
        return _blocking(poll, seconds)
    finally:
        client.close()  # type: ignore[no-untyped-call]


def pymodbus_async(path: str, seconds: float, wait_s: float, retries: int) -> dict[str, float]:
    """The pymodbus library, its asynchronous client."""
    from pymodbus import ModbusException
    from pymodbus.client import AsyncModbusSerialClient

    async def main() -> dict[str, float]:
        client = AsyncModbusSerialClient(path, baudrate=LINE.baud, timeout=wait_s, retries=retries)
        await client.connect()
        rates = []
        unit = 0
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + WARM_S + seconds:
            good, begun = 0, time.monotonic()
            while time.monotonic() < begun + WINDOW_S:
                with contextlib.suppress(ModbusException):
                    reply = await client.read_holding_registers(0, count=REGISTERS, device_id=unit % SLAVES + 1)
                    good += not reply.isError()
                unit += 1
            rates.append((good, time.monotonic() - begun))
        client.close()
        return _summed(rates[1:])

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        return runner.run(main())


def measured(name: str, function: Callable[..., dict[str, float]], *args: Any, dead: int = 0) -> dict[str, float]:
    """Run one master against fresh devices; print and give its figures."""
    with devices(1, dead) as (paths, seen):
        port: Any = paths if function is ours else paths[0]
        result = in_child(function, port, *args)
    result["use_pct"] = round(100 * result.pop("per_s") / MOST_PER_S, 2)
    result["best_use_pct"] = round(100 * result.pop("best_per_s", 0.0) / MOST_PER_S, 2)
    result["core_pct"] = round(result.get("core_pct", 0.0), 2)
    result["silence_violations"] = seen.get("violations", -1)
    print(
        f"  {name:34s} {result['use_pct']:7.2f} %  best {result['best_use_pct']:7.2f} %  "
        f"core {result['core_pct']:5.2f} %  silence violations {result['silence_violations']}"
    )
    return result


# ---- the same faults for everyone --------------------------------------------------------------


def _serve_badly(pipe: Connection, seed: int) -> None:
    hurry(0)

    async def main() -> None:
        serve: dict[int, Serve] = {unit: memory(unit) for unit in (1, 2, 3, 4)}
        line = PtyLine(SimLine(BAD_LINE, serve, behaviour=Disturbance(BAD_SHARE), seed=seed, byte_by_byte=False))
        pipe.send([line.path])
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), gone.set)
        await gone.wait()
        loop.remove_reader(pipe.fileno())
        pipe.send({})
        line.close()

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main())


def _judged(heard: Sequence[int] | None, unit: int, address: int, counts: dict[str, float]) -> None:
    if heard is None:
        counts["errors"] += 1
    elif list(heard) == [unit * 100 + address, unit * 100 + address + 1]:
        counts["right"] += 1
    else:
        counts["wrong"] += 1


def _reads(reader: Callable[[int, int], Sequence[int] | None]) -> dict[str, float]:
    counts = {"right": 0.0, "wrong": 0.0, "errors": 0.0}
    for number in range(BAD_READS):
        unit, address = PLACES[number % len(PLACES)]
        _judged(reader(unit, address), unit, address, counts)
    return counts


def ours_badly(path: str) -> dict[str, float]:
    """Read with our bus; a read counts as an error when its outcome is one."""

    async def main() -> dict[str, float]:
        counts = {"right": 0.0, "wrong": 0.0, "errors": 0.0}
        bus = Bus(opener(path, BAD_LINE), BAD_LINE, lambda _fault: None)
        running = asyncio.create_task(bus.run())
        for number in range(BAD_READS):
            unit, address = PLACES[number % len(PLACES)]
            transaction = Transaction(f"{unit}", read(unit, 3, address, 2), within_s=5.0, timeout_max_s=BAD_WAIT_S)
            outcome = await bus.submit(transaction)
            heard = words(outcome.payload) if isinstance(outcome, Answer) else None
            _judged(heard, unit, address, counts)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return counts

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        return runner.run(main())


def minimal_badly(path: str) -> dict[str, float]:
    """Read with minimalmodbus."""
    import minimalmodbus

    port = minimalmodbus.Instrument(path, 1, close_port_after_each_call=False)
    port.serial.baudrate, port.serial.timeout = BAD_LINE.baud, BAD_WAIT_S

    def reader(unit: int, address: int) -> Sequence[int] | None:
        port.address = unit
        try:
            heard: list[int] = port.read_registers(address, 2)
        except (OSError, ValueError):
            return None
        return heard

    return _reads(reader)


def pymodbus_badly(path: str) -> dict[str, float]:
    """Read with pymodbus, its synchronous client."""
    from pymodbus import ModbusException
    from pymodbus.client import ModbusSerialClient

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    client = ModbusSerialClient(path, baudrate=BAD_LINE.baud, timeout=BAD_WAIT_S, retries=2)

    def reader(unit: int, address: int) -> Sequence[int] | None:
        try:
            client.connect()
            reply = client.read_holding_registers(address, count=2, device_id=unit)
        except (ModbusException, OSError):
            return None
        return None if reply.isError() else reply.registers

    try:
        return _reads(reader)
    finally:
        client.close()  # type: ignore[no-untyped-call]


def under_faults() -> dict[str, dict[str, float]]:
    """Let each master read the same places on the same faulty line; print and give what each took for right."""
    told = {}
    for name, function in (("ours", ours_badly), ("minimalmodbus", minimal_badly), ("pymodbus sync", pymodbus_badly)):
        with _served(_serve_badly, 77) as (paths, _):
            told[name] = figures = in_child(function, paths[0])
        right, errors, wrong = (int(figures.get(key, 0)) for key in ("right", "errors", "wrong"))
        print(f"  {name:34s} right {right:4d}  errors {errors:4d}  WRONG VALUES {wrong:4d}  of {BAD_READS}")
    return told
