# SPDX-License-Identifier: Apache-2.0
"""The kernels' speed, with refet, pyet and simple-pid on the same inputs in the same run.

    .venv/bin/python -m bench.kernels

Times are CPU times of the best batch, ours and the peers' alike, because the machine may be shared. The peers run in
a venv of their own; the results
of all three evapotranspirations are compared value by value before any time is believed.
"""

import json
import math
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from bench._venv import ROOT, venv_python
from controllers.engine import Engine
from controllers.kernels import evapotranspiration as et
from controllers.kernels import pid, psychrometrics
from controllers.kernels import soil_water as sw
from controllers.ticks import TickInput
from tests.controllers.farm_rig import FARM, GOOD, ZONE_A

STATIONS_DAYS = 1_000_000
LOOPS = 10_000
FIELDS = 1_000
SEASON = 200
ZONES = 10_000
LATITUDE_DEG, ALTITUDE_M = 11.95, 1500.0


def cpu_s(job: Callable[[], object], repeats: int, batch: int = 1) -> float:
    """Give the CPU time [s] of one call in the best of ``repeats`` batches."""
    job()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(batch):
            job()
        times.append((time.process_time() - start) / batch)
    return min(times)


def weather() -> dict[str, np.ndarray]:
    """Make a million days of plausible weather."""
    chance = np.random.default_rng(1)
    tmin = chance.uniform(-5.0, 25.0, STATIONS_DAYS)
    tmax = tmin + chance.uniform(3.0, 15.0, STATIONS_DAYS)
    ea = 0.6108 * np.exp(17.27 * (tmin - 1.0) / (tmin + 236.3))
    return {
        "tmax": tmax, "tmin": tmin, "ea": ea, "rs": chance.uniform(4.0, 28.0, STATIONS_DAYS),
        "u2": chance.uniform(0.3, 6.0, STATIONS_DAYS), "day": chance.integers(1, 366, STATIONS_DAYS).astype(np.float64),
    }  # fmt: skip


def evapotranspiration(given: dict[str, np.ndarray]) -> tuple[np.ndarray, float, float]:
    """Run ours; give the values, the time with the place's sky known, and the time of that sky (a year) itself."""
    year, sky = np.arange(1.0, 367.0), np.empty(366)
    sky_s = cpu_s(lambda: et.daily_sky(math.radians(LATITUDE_DEG), ALTITUDE_M, year, sky), 5)
    rso, out = sky[given["day"].astype(np.int64) - 1], np.empty(STATIONS_DAYS)
    pressure = psychrometrics.pressure_kpa(ALTITUDE_M)

    def ours() -> None:
        et.reference_et_daily(
            given["tmax"], given["tmin"], given["ea"], given["rs"], given["u2"], rso,
            pressure, et.SHORT_CN_DAY, et.SHORT_CD_DAY, out,
        )  # fmt: skip

    return out, cpu_s(ours, 25), sky_s


def copy_floor_s() -> float:
    """Give the time [s] in which the memory can carry the same bytes: six columns read, one written."""
    block = np.empty(STATIONS_DAYS * 9 // 2)
    into = np.empty_like(block)
    return cpu_s(lambda: np.copyto(into, block), 25)


def pid_s() -> tuple[float, float]:
    """Give the time [s] of 10,000 full loops, and of one."""

    def loops(count: int) -> Callable[[], None]:
        gains = pid.parameters([pid.Gains(0.5, 0.01, 0.2, 5.0, 0.02)] * count)
        state, out = pid.fresh_state(count), np.empty(count)
        setpoint, measured = np.full(count, 20.0), np.random.default_rng(1).uniform(17.0, 23.0, count)
        forced = np.full(count, math.nan)
        return lambda: pid.pid_step(1.0, setpoint, measured, forced, gains, state, out)

    return cpu_s(loops(LOOPS), 25, 200), cpu_s(loops(1), 25, 2000)


def field_days_per_s() -> float:
    """Give how many field-days of the dual-Kc balance one core does in a second: a season over many fields."""
    chance = np.random.default_rng(2)
    soil = np.tile(np.array([[0.30, 0.15, 0.10, 9.0, 0.40, 75.0]]), (FIELDS, 1))
    state, flux = np.zeros((FIELDS, sw.STATE_COLUMNS)), np.empty((FIELDS, sw.FLUX_COLUMNS))
    state[:, sw.FW] = 1.0
    gifts = chance.uniform(0.0, 30.0, (SEASON, FIELDS)) * (chance.random((SEASON, FIELDS)) < 0.15)
    wetted, efficiency, salt = np.full(FIELDS, 0.4), np.full(FIELDS, 0.9), np.ones(FIELDS)
    rain = chance.exponential(12.0, SEASON) * (chance.random(SEASON) < 0.2)

    def season() -> None:
        for day in range(SEASON):
            sw.balance_day(
                5.0, float(rain[day]), 0.9, 1.2, 0.6, 0.8,
                soil, gifts[day], wetted, efficiency, salt, 0, state, flux,
            )  # fmt: skip

    return FIELDS * SEASON / cpu_s(season, 9)


def tick_s() -> float:
    """Give the time [s] of one whole tick of the engine over 10,000 irrigated zones on 100 lines."""
    replace = msgspec.structs.replace
    zones = tuple(replace(ZONE_A, id=f"z{i}", valve=f"v{i}", line=f"l{i // 100}") for i in range(ZONES))
    valves = tuple(replace(FARM.outputs[0], id=f"v{i}", place=f"z{i}") for i in range(ZONES))
    lines = tuple(replace(FARM.lines[0], id=f"l{i}", pump="", master_valve="", fill_valve="") for i in range(100))
    engine = Engine(replace(FARM, zones=zones, lines=lines, outputs=valves))
    moisture = {f"z{i}/soil_moisture": (20.0 if i % 2 else 30.0, 0, 0) for i in range(ZONES)}
    sense = engine.sense(moisture | {name: (value, 0, 0) for name, value in GOOD.items()})
    times = []
    for second in range(1, 160):
        start = time.process_time()
        engine.tick(TickInput(second, second * 1000, second * 1000, True, 739_000, 600 + second // 60, sense))
        times.append(time.process_time() - start)
    return min(times[20:])


def peers(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run the peers on the same inputs."""
    with tempfile.TemporaryDirectory() as folder:
        into, out = Path(folder, "in.npz"), Path(folder, "out.npz")
        site = {"latitude_deg": np.array(LATITUDE_DEG), "altitude_m": np.array(ALTITUDE_M)}
        np.savez(into, allow_pickle=False, **(site | given))
        subprocess.run(
            [str(venv_python("bench-kernels")), str(ROOT / "bench" / "_kernels_peers.py"), str(into), str(out)],
            check=True,
            timeout=400,
        )
        return dict(np.load(out))


def main() -> None:
    """Print the table and the JSON line."""
    given = weather()
    theirs = peers(given)
    ours, eto_s, sky_s = evapotranspiration(given)
    floor_s = copy_floor_s()
    many_s, one_s = pid_s()
    rate, tick = field_days_per_s(), tick_s()
    refet_s, pyet_s, simple_s = (float(theirs[name]) for name in ("refet_s", "pyet_s", "simple_pid_s"))
    differ = {name: float(np.nanmax(np.abs(ours - theirs[name]))) for name in ("refet", "pyet")}
    if max(differ.values()) > 0.02:
        raise SystemExit(f"the evapotranspirations differ by {differ} mm: no speed is worth anything")
    print(f"{'10^6 station-days of ETo':34}{eto_s * 1e3:10.2f} ms   copying the same bytes {floor_s * 1e3:.2f} ms")
    print(f"{'  refet 0.5.0':34}{refet_s * 1e3:10.1f} ms   {refet_s / eto_s:6.0f}x   differs {differ['refet']:.1e} mm")
    print(f"{'  pyet 1.5.0':34}{pyet_s * 1e3:10.1f} ms   {pyet_s / eto_s:6.0f}x   differs {differ['pyet']:.1e} mm")
    print(f"{'  the sky of one place, once':34}{sky_s * 1e6:10.1f} us")
    print(f"{'10,000 PID loops':34}{many_s * 1e6:10.1f} us   one loop {one_s * 1e6:.2f} us")
    print(f"{'  simple-pid 2.0.1':34}{simple_s * 1e6:10.0f} us   {simple_s / many_s:6.0f}x")
    print(f"{'dual-Kc balance':34}{rate:10.3g} field-days/s")
    print(f"{'one tick, 10,000 zones':34}{tick * 1e3:10.3f} ms")
    print(
        json.dumps(
            {
                "pid10k_us": round(many_s * 1e6, 2),
                "pid10k_vs_simple_pid": round(simple_s / many_s, 1),
                "eto1m_ms": round(eto_s * 1e3, 3),
                "eto_vs_refet": round(refet_s / eto_s, 1),
                "eto_vs_pyet": round(pyet_s / eto_s, 1),
                "dualkc_field_days_per_s": round(rate),
                "tick10k_ms": round(tick * 1e3, 3),
                "pid1_us": round(one_s * 1e6, 3),
                "refet_ms": round(refet_s * 1e3, 1),
                "pyet_ms": round(pyet_s * 1e3, 1),
                "simple_pid10k_us": round(simple_s * 1e6),
                "copy_floor_ms": round(floor_s * 1e3, 2),
                "differs_refet_mm": differ["refet"],
                "differs_pyet_mm": differ["pyet"],
                "notes": "CPU time of the best batch; ETo with the place's clear sky known",
            }
        )
    )


if __name__ == "__main__":
    main()
