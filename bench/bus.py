# SPDX-License-Identifier: Apache-2.0
"""The field bus in figures: use of the wire, dead devices, wrong values, eight buses, peers beside us.

The rule it keeps: exact figures come from virtual time; real ones from pseudo-terminals with paced bytes, where
our master and the peers meet the same simulated devices one after the other in the same run.
"""

import json
import multiprocessing
import statistics
import sys
import time
from typing import Any

from bench._bus_real import (
    BAD_READS,
    LINE,
    MOST_PER_S,
    POLL_S,
    REGISTERS,
    SLAVES,
    devices,
    in_child,
    measured,
    memory,
    minimal,
    ours,
    pymodbus_async,
    pymodbus_sync,
    under_faults,
)
from bench._cores import awake, hurry
from bench._fuzz import Findings, Fuzzer
from bench._fuzz_bus import TARGETS
from drivers.bus_master import BusMaster
from drivers.modbus_pdu import read
from drivers.modbus_slave import Serve
from drivers.ports import Fault
from drivers.scheduler import Answer, Outcome, Transaction
from drivers.sim.faults import KINDS
from drivers.sim.line import SimLine, run_virtual
from drivers.sim.trial import judged

FAULTY, FAULTY_TORTURE = 1_000_000, 10_000_000
LOT = 250_000  # disturbed exchanges of one seed
FUZZ_RUNS, FUZZ_RUNS_TORTURE = 3_000, 200_000


# ---- virtual time ------------------------------------------------------------------------------


class Virtual:
    """A saturated bus of twenty in virtual time."""

    def __init__(self, period_s: float = 0.1) -> None:
        self.good = 0
        self.faults: list[Fault] = []
        self.memories: dict[int, Serve] = {unit: memory(unit) for unit in range(1, SLAVES + 1)}
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


def _faults_lot(lot: tuple[int, int]) -> dict[str, Any]:
    seed, faulty = lot
    verdict = judged(faulty, seed)
    return {"faulty": verdict.faulty, "wrong": verdict.wrong, "answers": verdict.answers, "requests": verdict.requests}


def _fuzz(number: int, runs: int) -> Findings:
    target = TARGETS[number]
    return Fuzzer(target.call, target.watched, target.seeds, target.words, seed=number + 1).run(runs)


def real_time(seconds: float) -> dict[str, Any]:
    """Compare with the peers on one paced line, then run eight lines; all on cores that do not sleep."""
    print("real time, one line:")
    with awake():
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
            "pymodbus_defaults_dead1": measured(
                "pymodbus defaults, 1 of 20 dead", pymodbus_sync, seconds, 3.0, 3, dead=1
            ),
        }
        eights = []
        for _ in range(3):
            with devices(8) as (paths, _seen):
                eights.append(in_child(ours, paths, seconds))
    eight_pct = 100 * statistics.median(eight["per_s"] for eight in eights) / MOST_PER_S
    eight_core_pct = statistics.median(eight["core_pct"] for eight in eights)
    print(f"eight lines in one process, three times: {eight_pct:.2f} % of the most, {eight_core_pct:.2f} % of a core")
    print(f"the same faults for everyone, {BAD_READS} reads:")
    badly = under_faults()
    return {
        "util_real_pct": statistics.median(run["use_pct"] for run in runs),
        "util_real_best_pct": max(run["best_use_pct"] for run in runs),
        "silence_violations": sum(int(run["silence_violations"]) for run in runs),
        "buses8_pct": round(eight_pct, 2),
        "buses8_core_pct": round(eight_core_pct, 2),
        "peers_wrong_values": {name: int(figures.get("wrong", -1)) for name, figures in badly.items()},
        "peers_reads": BAD_READS,
        "peers": peers,
    }


def virtual_time() -> dict[str, Any]:
    """Use of a saturated line, healthy and with some of the twenty dead, in exact time."""
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
    return {
        "util_virtual_pct": round(use_pct, 3),
        "dead1_pct": round(dead[1]["use_pct"], 2),
        "dead4_pct": round(dead[4]["use_pct"], 2),
        "dead10_pct": round(dead[10]["use_pct"], 2),
        "detect_s": round(dead[1]["detect_s"], 3),
        "detect_all_of_10_s": round(dead[10]["detect_s"], 3),
        "cycle_s": round(cycle_s, 3),
        "recover_s": round(max(figures["recover_s"] for figures in dead.values()), 3),
        "silence_violations": healthy.line.violations,
    }


def counted(faulty: int, fuzz_runs: int) -> dict[str, Any]:
    """Disturb so many exchanges, fuzz every parser so often, and live through a week of twenty slaves."""
    lots = [(101 * lot, LOT) for lot in range(1, faulty // LOT + 1)]
    with multiprocessing.Pool(2) as pool:
        lived = pool.apply_async(_week)
        # the longest first, so that both cores end together
        fuzzed = pool.starmap_async(_fuzz, [(number, fuzz_runs) for number in range(len(TARGETS))], 1)
        trials = []
        for trial in pool.imap(_faults_lot, lots):
            trials.append(trial)
            for text in trial["wrong"][:5]:
                print("  wrong:", text, flush=True)
        week, findings = lived.get(), fuzzed.get()
    wrong = sum(len(trial["wrong"]) for trial in trials)
    disturbed = sum(trial["faulty"] for trial in trials)
    print(f"{disturbed} disturbed exchanges of {len(KINDS)} kinds: {wrong} wrong values")
    print(f"a week of twenty slaves every 10 s: {week['week_polls']} polls in {week['week_wall_s']:.0f} s")
    for target, found in zip(TARGETS, findings, strict=True):
        print(
            f"  fuzzed {target.name:18s} {found.runs:7d} inputs, {found.edges:4d} edges, {len(found.crashes)} crashes"
        )
        for crash in found.crashes:
            print("    ", crash.said, crash.data.hex())
    return {
        "wrong_values": wrong,
        "fault_kinds": len(KINDS),
        "transactions": disturbed,
        "week_wall_s": round(week["week_wall_s"], 1),
        "fuzz_runs": sum(found.runs for found in findings),
        "fuzz_crashes": sum(len(found.crashes) for found in findings),
    }


def main(seconds: float = 12.0, *, torture: bool = False) -> None:
    """Run everything, or only what is counted and ten times as often; the last line is the JSON object."""
    if torture:
        print(json.dumps(counted(FAULTY_TORTURE, FUZZ_RUNS_TORTURE)))
        return
    exact, real = virtual_time(), real_time(seconds)
    real["silence_violations"] += exact["silence_violations"]
    print(json.dumps(exact | real | counted(FAULTY, FUZZ_RUNS) | {"real_time_priority": hurry(0)}))


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(torture="--torture" in sys.argv)
