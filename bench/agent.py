# SPDX-License-Identifier: Apache-2.0
"""What the agent costs: processor and memory at 100 points a second, virtual speed, start, a simulated month.

    .venv/bin/python -m bench.agent [SECONDS]

The agent under measure is a process of its own (`vuon run`) that polls simulated instruments over pseudo-terminals at
9600 baud; the instruments live in this process, so their cost is not in the figures.
"""

import asyncio
import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from drivers.bus import fine_timer_loop
from edge.demo import Demo
from edge.kernel_cache import fill

ROOT = Path(__file__).parent.parent
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
PACKAGES = ("telemetry", "drivers", "controllers", "pages", "firmware_bridge", "edge")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STATIONS = 16  # weather stations of six values, each asked once a second, on two further buses
GOALS = {
    "agent_core_pct_100pps": "< 5",
    "agent_rss_mb": "< 180",
    "agent_rss_mb_nojit": "< 60",
    "sim_30d_s": "< 2",
    "agent_virtual_speedup": ">= 300",
    "compilations_after_start": "0",
    "warm_start_cpu_s": "<= 1.0",
}


def large_farm() -> str:
    """Give the example farm with enough further instruments for 100 values a second."""
    text = FARM.read_text(encoding="utf-8")
    for bus in ("a", "b"):
        text += f'\n[[bus]]\nname = "bench-{bus}"\nport = "sim"\n'
    for number in range(STATIONS):
        text += (
            f'\n[[station]]\nid = "pepper-1-s{number}"\n\n[[device]]\nname = "station-{number}"\n'
            f'bus = "bench-{"ab"[number % 2]}"\ntype = "vuon-weather-station"\naddress = {number // 2 + 1}\n'
            f'place = "pepper-1-s{number}"\nperiod_s = 1.0\n'
        )
    return text


def cpu_s(pid: int) -> float:
    """Give user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Give the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


async def real_agent(folder: Path, text: str, seconds: float) -> dict[str, float]:
    """Run the agent process for ``seconds`` after its first tick; give what it cost."""
    farm = folder / "source.toml"
    farm.write_text(text, encoding="utf-8")
    demo = Demo(folder / "state", farm)
    async with demo.field(), demo.agent() as child:
        live = await demo.agent_answers(child)
        while live.health.ticks < 1:
            await asyncio.sleep(0.02)
            live = await demo.client.status()
        start_cpu_s = cpu_s(child.pid)
        await asyncio.sleep(5.0)
        before, at_s, points = cpu_s(child.pid), time.monotonic(), (await demo.client.status()).health.points
        await asyncio.sleep(seconds)
        live = await demo.client.status()
        lasted_s = time.monotonic() - at_s
        return {
            "start_cpu_s": start_cpu_s,
            "core_pct": 100.0 * (cpu_s(child.pid) - before) / lasted_s,
            "points_per_s": (live.health.points - points) / lasted_s,
            "rss_mb": rss_mb(child.pid),
            "overruns": float(live.health.overruns),
            "tick_p99_ms": live.health.tick_p99_ms,
        }


def measured(seconds: float, *, environment: dict[str, str] | None = None, text: str | None = None) -> dict[str, float]:
    """Run ``real_agent`` with this environment for its child."""
    changed = {name: os.environ.get(name) for name in environment or {}}
    os.environ.update(environment or {})
    try:
        with (
            tempfile.TemporaryDirectory(prefix="vuon-") as folder,
            asyncio.Runner(loop_factory=fine_timer_loop) as runner,
        ):
            return runner.run(real_agent(Path(folder), text or large_farm(), seconds))
    finally:
        for name, value in changed.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


VIRTUAL = """
import json, sys, tempfile, time
from pathlib import Path
from controllers.kernels.jit import compilations
from edge.config import parse
from edge.rehearsal import rehearse
text = Path(sys.argv[1]).read_text(encoding="utf-8")
config = parse(text)
with tempfile.TemporaryDirectory(prefix="vuon-", dir="/dev/shm") as folder:
    rehearse(config, text, Path(folder), 30.0)
began, cpu = time.perf_counter(), time.process_time()
with tempfile.TemporaryDirectory(prefix="vuon-", dir="/dev/shm") as folder:
    agent = rehearse(config, text, Path(folder), float(sys.argv[2]))
print(json.dumps({"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu,
                  "points": agent.board.counts.points, "compilations": compilations()}))
"""
MONTH = """
import json, time
from controllers.houses import HOUSES
from edge.simulate import simulate
simulate(HOUSES["da-lat-pepper"], days=1.0, seed=1)
began = time.perf_counter()
simulate(HOUSES["da-lat-pepper"], days=30.0, seed=1)
print(json.dumps({"s": time.perf_counter() - began}))
"""


def child(code: str, *arguments: object) -> dict[str, Any]:
    """Run code in a fresh process; give the JSON of its last line."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    # As on a farm, where installing leaves Python's compiled files of the program itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for package in PACKAGES:
        compileall.compile_dir(ROOT / package, quiet=2)
    fill()
    jit = measured(seconds)
    plain = measured(5.0, environment={"VUON_NO_JIT": "1"}, text=FARM.read_text(encoding="utf-8"))
    virtual_s = 3600.0
    virtual = child(VIRTUAL, FARM, virtual_s)
    month = child(MONTH)
    figures: dict[str, Any] = {
        "agent_core_pct_100pps": round(jit["core_pct"] * 100.0 / jit["points_per_s"], 2),
        "agent_rss_mb": round(jit["rss_mb"], 1),
        "agent_rss_mb_nojit": round(plain["rss_mb"], 1),
        "sim_30d_s": round(month["s"], 3),
        "agent_virtual_speedup": round(virtual_s / virtual["wall_s"], 1),
        "compilations_after_start": virtual["compilations"],
        "warm_start_cpu_s": round(jit["start_cpu_s"], 2),
    }
    for name, goal in GOALS.items():
        print(f"{name:28} {figures[name]:>10}   goal {goal}")
    figures |= {
        "points_per_s": round(jit["points_per_s"], 1),
        "overruns": jit["overruns"],
        "tick_p99_ms": round(jit["tick_p99_ms"], 2),
        "virtual_cpu_speedup": round(virtual_s / virtual["cpu_s"], 1),
        "seconds": seconds,
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(f"{'points per second':28} {figures['points_per_s']:>10}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
