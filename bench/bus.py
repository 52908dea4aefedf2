# SPDX-License-Identifier: Apache-2.0
"""The field bus in figures: use of the wire, dead devices, wrong values, eight buses, peers beside us.

The rule it keeps: exact figures come from virtual time; real ones from pseudo-terminals with paced bytes, where
our master and the peers meet the same simulated devices one after the other in the same run.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from drivers.bus import Bus, fine_timer_loop
from drivers.bus_master import BusMaster
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read
from drivers.modbus_slave import PlainMemory, Serve
from drivers.ports import Fault
from drivers.scheduler import Answer, Outcome, Transaction
from drivers.serial_port import opener
from drivers.sim.faults import KINDS, Disturbance
from drivers.sim.line import SimLine, run_virtual
from drivers.sim.pty_line import PtyLine
from drivers.sim.trial import Trial

LINE = LineSettings()
SLAVES, REGISTERS, LATENCY_S = 20, 8, 0.01
POLL_S = (8 + 5 + 2 * REGISTERS) * LINE.character_s + LATENCY_S + LINE.silence_s
MOST_PER_S = 1 / POLL_S
WARM_S, WINDOW_S = 2.0, 2.0
FAULTY, FAULTY_TORTURE = 1_000_000, 10_000_000


def _memory(unit: int) -> PlainMemory:
    return PlainMemory(holding={index: unit * 100 + index for index in range(REGISTERS)})


# ---- virtual time ------------------------------------------------------------------------------


class Virtual:
    """A saturated bus of twenty in virtual time."""

    def __init__(self, period_s: float = 0.1) -> None:
        self.good = 0
        self.faults: list[Fault] = []
        self.memories: dict[int, Serve] = {unit: _memory(unit) for unit in range(1, SLAVES + 1)}
        self.serve = dict(self.memories)
        self.line = SimLine(LINE, self.serve, byte_by_byte=False)
        self.master = BusMaster("bench", LINE, self._outcome)
        for unit in self.memories:
            transaction = Transaction(f"{unit}", read(unit, 3, 0, REGISTERS))
            self.master.add_poll(transaction, period_s, self._outcome, 0.0)
        self.master.line_opened(0.0)
        self.now_s = 0.0

    def _outcome(self, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            self.good += 1
        else:
            self.faults.append(outcome)

    def run(self, seconds: float) -> None:
        self.now_s = run_virtual(self.master, self.line, self.now_s, self.now_s + seconds)

    def use_pct(self, seconds: float) -> float:
        good, begun_s = self.good, self.now_s
        self.run(seconds)
        return 100 * (self.good - good) / (self.now_s - begun_s) / MOST_PER_S


def dead_phase(dead: int) -> dict[str, float]:
    """Kill ``dead`` of the twenty, measure the use that is left, when each death and return was known."""
    bus = Virtual()
    bus.run(30.0)
    died_s = bus.now_s
    units = list(range(3, 3 + dead))
    for unit in units:
        del bus.serve[unit]
    bus.run(10.0)
    detect_s = max(fault.at_s for fault in bus.faults if fault.kind == "bus.dead") - died_s
    use_pct = bus.use_pct(600.0)
    bus.faults.clear()
    back_s = bus.now_s
    for unit in units:
        bus.serve[unit] = bus.memories[unit]
    bus.run(30.0)
    returned = [fault.at_s - back_s for fault in bus.faults if fault.kind == "bus.back"]
    recover_s = max(returned) if len(returned) == dead else float("inf")
    return {"use_pct": use_pct, "detect_s": detect_s, "recover_s": recover_s, "violations": bus.line.violations}


def _week() -> dict[str, float]:
    bus = Virtual(period_s=10.0)
    begun = time.perf_counter()
    bus.run(7 * 86400.0)
    return {"week_wall_s": time.perf_counter() - begun, "week_polls": bus.good, "week_faults": len(bus.faults)}


def _faults(seed: int, faulty: int) -> dict[str, Any]:
    disturbance = Disturbance(0.8)
    verdict = Trial(disturbance, seed=seed).run(faulty, disturbance)
    return {"faulty": verdict.faulty, "wrong": verdict.wrong, "answers": verdict.answers, "requests": verdict.requests}


# ---- real time ---------------------------------------------------------------------------------


def _hurry(core: int) -> bool:
    """Take real-time priority and one core where the system lets us; say whether it did."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    except OSError:
        return False
    return True


def _serve_lines(pipe: Connection, lines: int, dead: int) -> None:
    """The devices, in a process of their own: ``lines`` pseudo-terminals with twenty slaves each."""
    _hurry(0)

    async def main() -> None:
        served = []
        for _ in range(lines):
            serve: dict[int, Serve] = {unit: _memory(unit) for unit in range(1 + dead, SLAVES + 1)}
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
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve_lines, args=(theirs, lines, dead))
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


def _in_child(function: Callable[..., dict[str, float]], *args: Any) -> dict[str, float]:
    """Run a master in a process of its own, so that its CPU time is its own."""
    ours, theirs = multiprocessing.Pipe()

    def child() -> None:
        _hurry(1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        begun = time.monotonic()
        result = function(*args)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        theirs.send({"core_pct": 100 * used_s / (time.monotonic() - begun), **result})

    process = multiprocessing.Process(target=child)
    process.start()
    result: dict[str, float] = ours.recv() if ours.poll(120) else {"per_s": 0.0}
    process.join(5)
    if process.is_alive():
        process.terminate()
    return result


def ours(paths: list[str], seconds: float) -> dict[str, float]:
    """Poll every line with our bus, all in one loop; median of the windows per line."""
    counts = [0] * len(paths)

    async def main() -> dict[str, float]:
        tasks = []
        for index, path in enumerate(paths):
            bus = Bus(opener(path, LINE), LINE, lambda fault: print(fault, file=sys.stderr))

            def deliver(outcome: Outcome, index: int = index) -> None:
                counts[index] += isinstance(outcome, Answer)

            for unit in range(1, SLAVES + 1):
                bus.poll(Transaction(f"{unit}", read(unit, 3, 0, REGISTERS)), 0.1, deliver)
            tasks.append(asyncio.create_task(bus.run()))
        await asyncio.sleep(WARM_S)
        rates = []
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            before, begun = list(counts), time.monotonic()
            await asyncio.sleep(WINDOW_S)
            rates.append((sum(counts) - sum(before)) / (time.monotonic() - begun) / len(paths))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return {"per_s": statistics.median(rates), "best_per_s": max(rates)}

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        return runner.run(main())


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
        result = _in_child(function, port, *args)
    result["use_pct"] = round(100 * result.pop("per_s") / MOST_PER_S, 2)
    result["best_use_pct"] = round(100 * result.pop("best_per_s", 0.0) / MOST_PER_S, 2)
    result["core_pct"] = round(result.get("core_pct", 0.0), 2)
    result["silence_violations"] = seen.get("violations", -1)
    print(
        f"  {name:34s} {result['use_pct']:7.2f} %  best {result['best_use_pct']:7.2f} %  "
        f"core {result['core_pct']:5.2f} %  silence violations {result['silence_violations']}"
    )
    return result


def main(seconds: float = 12.0, *, torture: bool = False) -> None:
    """Run everything; the last line is the JSON object."""
    print(f"Most that 9600 8N1 allows, {SLAVES} slaves, {REGISTERS} registers, 10 ms latency: {MOST_PER_S:.2f} polls/s")
    healthy = Virtual()
    healthy.run(30.0)
    use_pct = healthy.use_pct(900.0)
    dead = {count: dead_phase(count) for count in (1, 4, 10)}
    cycle_s = SLAVES * POLL_S
    print(f"virtual time: use {use_pct:.3f} %, silence violations {healthy.line.violations}")
    for count, figures in dead.items():
        print(
            f"  {count:2d} of 20 dead: use {figures['use_pct']:.2f} %, known after {figures['detect_s']:.2f} s "
            f"(cycle {cycle_s:.2f} s), back after {figures['recover_s']:.2f} s"
        )
    print("real time, one line:")
    runs = [measured("ours", ours, seconds)]
    peers = {"minimalmodbus": measured("minimalmodbus", minimal, seconds)}
    runs.append(measured("ours", ours, seconds))
    peers |= {
        "pymodbus_sync": measured("pymodbus sync", pymodbus_sync, seconds, 1.0, 0),
        "pymodbus_async": measured("pymodbus async", pymodbus_async, seconds, 1.0, 0),
    }
    runs.append(measured("ours", ours, seconds))
    peers |= {
        "ours_dead1": measured("ours, 1 of 20 dead", ours, seconds, dead=1),
        "minimalmodbus_dead1": measured("minimalmodbus 1 s, 1 of 20 dead", minimal, seconds, dead=1),
        "pymodbus_defaults_dead1": measured("pymodbus defaults, 1 of 20 dead", pymodbus_sync, seconds, 3.0, 3, dead=1),
    }
    us = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    with devices(8) as (paths, _):
        eight = _in_child(ours, paths, seconds)
    eight_pct = 100 * eight["per_s"] / MOST_PER_S
    print(f"eight lines in one process: {eight_pct:.2f} % of the most, {eight['core_pct']:.2f} % of a core")
    total = FAULTY_TORTURE if torture else FAULTY
    with multiprocessing.Pool(2) as pool:
        lived = pool.apply_async(_week)
        trials = pool.starmap(_faults, [(seed, total // 4) for seed in (101, 202, 303, 404)], 1)
        week = lived.get()
    wrong: list[str] = [text for trial in trials for text in trial["wrong"]]
    faulty = sum(trial["faulty"] for trial in trials)
    print(f"{faulty} disturbed exchanges of {len(KINDS)} kinds: {len(wrong)} wrong values")
    print(f"a week of twenty slaves every 10 s: {week['week_polls']} polls in {week['week_wall_s']:.0f} s")
    for text in wrong[:5]:
        print("  wrong:", text)
    print(
        json.dumps(
            {
                "util_real_pct": us["use_pct"],
                "util_real_best_pct": max(run["best_use_pct"] for run in runs),
                "util_virtual_pct": round(use_pct, 3),
                "dead1_pct": round(dead[1]["use_pct"], 2),
                "dead4_pct": round(dead[4]["use_pct"], 2),
                "dead10_pct": round(dead[10]["use_pct"], 2),
                "silence_violations": sum(int(run["silence_violations"]) for run in runs) + healthy.line.violations,
                "wrong_values": len(wrong),
                "fault_kinds": len(KINDS),
                "transactions": faulty,
                "detect_s": round(dead[1]["detect_s"], 3),
                "detect_all_of_10_s": round(dead[10]["detect_s"], 3),
                "cycle_s": round(cycle_s, 3),
                "recover_s": round(max(figures["recover_s"] for figures in dead.values()), 3),
                "buses8_pct": round(eight_pct, 2),
                "buses8_core_pct": round(eight["core_pct"], 2),
                "week_wall_s": round(week["week_wall_s"], 1),
                "real_time_priority": _hurry(0),
                "peers": peers,
            }
        )
    )


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(torture="--torture" in sys.argv)
