# SPDX-License-Identifier: Apache-2.0
"""Safety by numbers: years and hours under faults, time, bad input, coverage, mutants, lateness, reasons.

    .venv/bin/python -m bench.safety [--years 1] [--mutants 0] [--agent-hours 6] [--torture] [--parts years,agents]

Each breach is printed by its promise. ``--torture`` lives ten years and thirty days of the agent, tries all of the bad
input, and takes hours: ``--parts`` does some of it, and ``--agent-lives 3-4`` some of the farms that live the agent's
days.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from controllers.houses import HOUSES
from controllers.schedule import local_time
from edge.exits import LOG_FILE
from edge.kernel_cache import fill
from edge.reason_runs import past
from edge.simulate_faults import Verdict, torture
from telemetry.history import LogReader
from tests.controllers.test_schedule import live_through, transitions
from tests.controllers.test_schedule import (
    test_ten_thousand_clock_jumps_double_nothing_and_lose_nothing_lived_through as clock_jumps,
)
from tests.support.year_log import write_year
from tests.torture.agent import Verdict as AgentVerdict
from tests.torture.farm_mutants import Verdict as FilesVerdict
from tests.torture.farm_mutants import try_files
from tests.torture.hostile_orders import Verdict as OrdersVerdict
from tests.torture.hostile_orders import try_sequences

ROOT = Path(__file__).parents[1]
SEGMENT_DAYS = 365.0 / 8
FAULTS_A_DAY, FAULTS_A_DAY_TORTURE = 28.0, 280.0  # 10^4 a year; 10^6 in ten
LONGEST_LIFE_H = 72.0  # longer times of the whole agent are lived by several farms, each from its own seed
LOOP_S = 20.0
WALKED = re.compile(r"branches walked: ([0-9.]+) %")
SCORE = re.compile(r"(\d+) of (\d+) noticed .*, (\d+) mutants in all")
BY_RECORD = re.compile(r"(\d+) of them by the record")


def years(count: float, faults_a_day: float) -> list[Verdict]:
    """Live through so many greenhouse-years in two processes."""
    rate = ["--faults-a-day", str(faults_a_day)]
    parts = list(range(max(1, round(count * 365.0 / SEGMENT_DAYS))))
    lives = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.safety", *rate, "--segments", ",".join(map(str, half))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for half in (parts[0::2], parts[1::2])
        if half
    ]
    told = [life.communicate()[0] for life in lives]
    return [msgspec.json.decode(line, type=Verdict) for text in told for line in text.splitlines()]


def segments(parts: list[int], faults_a_day: float) -> None:
    """Live through some eighths of years and print each verdict."""
    names = sorted(HOUSES)
    for part in parts:
        verdict = torture(HOUSES[names[part % len(names)]], part, SEGMENT_DAYS, faults_a_day)
        print(msgspec.json.encode(verdict).decode(), flush=True)


def dst() -> tuple[int, int, int]:
    """Give transitions 2020-2037, doubled jobs and jobs lost within the grace."""
    lived: dict[tuple[int, int], tuple[int, int]] = {}
    count = doubled = lost = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for at in transitions(name):
            count += 1
            before, after = local_time((at - 60) * 1000, zone), local_time(at * 1000, zone)
            shift = (after.day - before.day) * 1440 + after.minute - before.minute - 1
            key = (before.minute, shift)
            if key not in lived:
                start = at - 86_400 - 60 * before.minute
                runs, _, dropped = live_through(zone, start, 4 * 1440)
                lived[key] = (sum(n > 1 for n in runs.values()), sum(late <= 60 for late in dropped))
            doubled += lived[key][0]
            lost += lived[key][1]
    return count, doubled, lost


def agent_hours(hours: float, only: str) -> tuple[list[AgentVerdict], float]:
    """Let the whole agent live on bytes, firmware, disk and network in virtual time, in two processes.

    ``only`` names the first and the last of the farms among which the hours are shared ("3-4"); "" are all.
    """
    began = time.perf_counter()
    lives = 2 * math.ceil(hours / 2.0 / LONGEST_LIFE_H)
    share, faults = hours / lives, math.ceil(hours / lives * 63.0)
    command = [sys.executable, "-m", "tests.torture.agent", "--hours", str(share), "--faults", str(faults), "--seed"]

    def live(seed: int) -> AgentVerdict:
        words = [*command, str(seed), *(["--no-replay"] if seed % 2 else [])]
        told = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout
        verdict = msgspec.json.decode(told.splitlines()[-1], type=AgentVerdict)
        print(
            f"  seed {seed}: {verdict.hours:.1f} h, {verdict.faults} faults, {verdict.breaches or 'no breach'}",
            flush=True,
        )
        return verdict

    first, last = map(int, only.split("-")) if only else (1, lives)
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(live, range(first, last + 1)))
    return verdicts, sum(one.hours for one in verdicts) * 3600.0 / (time.perf_counter() - began)


def doors(files: int, sequences: int) -> tuple[FilesVerdict, OrdersVerdict]:
    """Try damaged files and hostile sequences."""
    with ProcessPoolExecutor(2) as pool:
        bad, hostile = pool.submit(try_files, files, 1), pool.submit(try_sequences, sequences, 1)
        return bad.result(), hostile.result()


def jumps() -> int:
    """Jump the wall clock ten thousand times; the test's own judge raises where a job is doubled or lost."""
    for seed in range(4):
        clock_jumps(seed)
    return 10_000


def why_ms() -> float:
    """Give the slowest answer to why an output did what it did, on a year of data, of the best of five each."""
    end_ms = 1_788_220_800_000
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        write_year(Path(folder), end_ms)
        for days_ago in (0, 1, 30, 100, 200, 300):
            reader = LogReader(Path(folder) / LOG_FILE)
            took = []
            for _ in range(5):
                began = time.perf_counter()
                past(reader, "pepper-1-fan", end_ms - days_ago * 86_400_000 - 1, 5)
                took.append(time.perf_counter() - began)
            reader.close()
            slowest = max(slowest, min(took))
    return 1000.0 * slowest


@contextmanager
def stress() -> Iterator[None]:
    """Keep processors, memory and disk busy."""
    burn = "while True: sum(range(10**6))"
    eat = "b = bytearray(200_000_000)\nwhile True:\n b[::4096] = bytes(len(b[::4096]))"
    with tempfile.NamedTemporaryFile() as scratch:
        once = f"f = open({scratch.name!r}, 'wb'); f.write(bytes(20_000_000)); os.fsync(f.fileno())"
        write = f"import os\nwhile True:\n {once}"
        hogs = [subprocess.Popen([sys.executable, "-c", code]) for code in (burn, burn, burn, eat, write)]
        try:
            yield
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()


LOOP = """
import asyncio, os, sys
from edge.control_loop import Deadlines, every
if sys.argv[1] == "recommended":  # what deploy/systemd gives the agent; without the right to it, the next best
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        os.nice(-10)
late = []
async def main():
    loop = asyncio.get_running_loop()
    task = loop.create_task(every(0.1, lambda _number, late_us: late.append(late_us), Deadlines(), loop.time))
    await asyncio.sleep(float(sys.argv[2]))
    task.cancel()
asyncio.run(main())
late.sort()
print(late[int(0.99 * len(late))] / 1000.0)
"""


def loop_p99_ms(settings: str) -> float:
    """Give the 99th percentile of the lateness of a 10 Hz loop under stress."""
    with stress():
        done = subprocess.run(
            [sys.executable, "-c", LOOP, settings, str(LOOP_S)], cwd=ROOT, capture_output=True, check=True, text=True
        )
    return float(done.stdout)


def branches_and_mutants(sample: int) -> dict[str, object]:
    """Measure branch coverage and the mutation score in a process of their own, where the core is loaded uncompiled."""
    jobs = str(os.cpu_count() or 1)
    told = subprocess.run(
        [sys.executable, "-m", "scripts.mutate", "--sample", str(sample), "--jobs", jobs],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    print(told, end="")
    walked, found, record = WALKED.search(told), SCORE.search(told), BY_RECORD.search(told)
    if walked is None or found is None or record is None:
        raise RuntimeError("the mutants gave no score")
    noticed, tried, total = (int(number) for number in found.groups())
    return {
        "branch_cov_pct": float(walked[1]),
        "mutation_pct": round(100.0 * noticed / tried, 1),
        "mutants_tried": tried,
        "mutants_total": total,
        "mutants_by_record": int(record[1]),
    }


def lived(given: argparse.Namespace) -> dict[str, object]:
    """Live through the years."""
    verdicts = years(given.years, given.faults_a_day)
    breaches = Counter[str]()
    for verdict in verdicts:
        breaches.update(verdict.breaches)
        for promise, first in verdict.first.items():
            print(f"  BREACH {promise} {verdict.house} seed {verdict.seed}: {first}")
    for promise, count in breaches.items():
        print(f"  {promise:14} {count} breaches")
    return {
        "greenhouse_years": round(sum(v.greenhouse_years for v in verdicts), 3),
        "faults": sum(v.faults for v in verdicts),
        "breaches": breaches.total(),
        "breaches_by_promise": dict(breaches),
    }


def timed_jobs(_given: argparse.Namespace) -> dict[str, object]:
    """Live through the transitions and jumps of clocks."""
    transitions_seen, doubled, lost = dst()
    jumped = jumps()
    print(f"  {transitions_seen} DST transitions, {jumped} clock jumps: {doubled} jobs doubled, {lost} lost")
    return {
        "dst_transitions": transitions_seen,
        "clock_jumps": jumped,
        "double_jobs": doubled,
        "lost_jobs": lost,
    }


def agents_lived(given: argparse.Namespace) -> dict[str, object]:
    """Live through the agent's hours."""
    agents, speed = agent_hours(given.agent_hours, given.agent_lives)
    broken = Counter[str]()
    for agent in agents:
        broken.update(agent.breaches)
        for promise, first in agent.first.items():
            print(f"  BREACH {promise} agent seed {agent.seed}: {first}")
    faults = sum(agent.faults for agent in agents)
    hours = sum(agent.hours for agent in agents)
    print(f"  agent: {hours} h, {faults} faults, {broken.total()} breaches, {speed:.0f} x life")
    return {
        "agent_sim_hours": hours,
        "agent_faults": faults,
        "agent_breaches": broken.total(),
        "agent_breaches_by_promise": dict(broken),
        "agent_fault_kinds": len({kind for agent in agents for kind in agent.kinds}),
        "agent_speedup": round(speed, 1),
    }


def bad_input(given: argparse.Namespace) -> dict[str, object]:
    """Try both doors."""
    files, orders = doors(given.files, given.sequences)
    for surprise in (*files.unsafe[:5], *files.unnamed[:5], *orders.effects[:5]):
        print(f"  BAD INPUT {surprise}")
    print(f"  {files.files} damaged files: {files.refused} refused; {orders.sequences} hostile sequences")
    return {
        "farm_files": files.files,
        "farm_files_refused": files.refused,
        "farm_files_unsafe": len(files.unsafe),
        "farm_files_unnamed": len(files.unnamed),
        "hostile_sequences": orders.sequences,
        "hostile_effects": len(orders.effects),
    }


def quality(given: argparse.Namespace) -> dict[str, object]:
    """Judge the tests of the safety core."""
    return branches_and_mutants(given.mutants)


def answers(_given: argparse.Namespace) -> dict[str, object]:
    """Time the loop and the reasons."""
    recommended, naive, why = loop_p99_ms("recommended"), loop_p99_ms("naive"), why_ms()
    print(f"  10 Hz loop under stress: p99 {recommended:.1f} ms late, naive {naive:.1f} ms; why in {why:.1f} ms")
    return {
        "loop_p99_ms_stress": round(recommended, 2),
        "loop_p99_ms_naive": round(naive, 2),
        "why_ms": round(why, 2),
    }


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, object]]] = {
    "years": lived,
    "time": timed_jobs,
    "agents": agents_lived,
    "input": bad_input,
    "mutants": quality,
    "answers": answers,
}


def main() -> None:
    """Run everything, print the tables and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=float, default=1.0)
    parser.add_argument("--faults-a-day", type=float, default=FAULTS_A_DAY)
    parser.add_argument("--mutants", type=int, default=0, help="a sample of so many (0: all)")
    parser.add_argument("--agent-hours", type=float, default=6.0)
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument("--segments", default="")
    parser.add_argument("--parts", default="", help=f"some of {','.join(PARTS)}; all where none is named")
    parser.add_argument("--agent-lives", default="", help="first and last of the farms that share the agent's hours")
    parser.add_argument("--torture", action="store_true", help="ten years, thirty days, all bad input")
    given = parser.parse_args()
    wanted = given.parts.split(",") if given.parts else list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    if given.segments:
        segments([int(part) for part in given.segments.split(",")], given.faults_a_day)
        return
    if given.torture:
        given.years, given.agent_hours = 10.0, 720.0
        given.faults_a_day = FAULTS_A_DAY_TORTURE
        given.files = given.sequences = 100_000
    fill()
    began = time.monotonic()
    result: dict[str, object] = {}
    with ThreadPoolExecutor(1) as beside:  # what only computes shares the cores; what is timed has them for itself
        judged = beside.submit(quality, given) if "mutants" in wanted else None
        for name, measure in PARTS.items():
            if name in wanted and measure not in {quality, answers}:
                result |= measure(given)
        result |= judged.result() if judged else {}
    if "answers" in wanted:
        result |= answers(given)
    print(json.dumps(result | {"bench_s": round(time.monotonic() - began)}))


if __name__ == "__main__":
    main()
