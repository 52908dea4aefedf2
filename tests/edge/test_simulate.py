# SPDX-License-Identifier: Apache-2.0
"""A month repeats to the last digit and makes sense; a greenhouse-year under ten thousand faults breaks no promise."""

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from controllers.engine import Engine
from controllers.houses import HOUSES
from controllers.settings_check import problems
from controllers.ticks import TickInput, TickResult
from edge.cli import main
from edge.hazard_checks import PROMISES, Judge
from edge.simulate import Remembered, Simulation, control_settings, simulate
from edge.simulate_faults import KINDS, Chaos, Verdict, torture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", HOUSES)
def test_the_model_houses_control_has_no_problem(name: str) -> None:
    assert problems(control_settings(HOUSES[name])) == []


def test_the_same_seed_gives_the_same_days_and_another_seed_others() -> None:
    model = HOUSES["da-lat-pepper"]
    assert simulate(model, 3.0, seed=5) == simulate(model, 3.0, seed=5)
    assert simulate(model, 3.0, seed=5) != simulate(model, 3.0, seed=6)


@pytest.mark.parametrize(("name", "water_l_m2_day"), [("da-lat-pepper", (1.0, 5.0)), ("tay-ninh-melon", (1.5, 7.0))])
def test_ten_days_make_agronomic_sense_and_no_alarm(name: str, water_l_m2_day: tuple[float, float]) -> None:
    report = simulate(HOUSES[name], 10.0, seed=2)
    low, high = water_l_m2_day
    assert low <= report.water_l_m2 / report.days <= high
    assert report.temperature_in_band_pct > 60.0
    assert report.yield_proxy_kg_m2 > 0.2
    assert report.waterings > 5
    assert set(report.hazards) <= {"safety.max_on"}


def test_the_eyes_see_what_the_twin_tells() -> None:
    life = Simulation(HOUSES["da-lat-pepper"], 3)
    for _ in range(600):
        given, _ = life.step()
    signals = life.twin.signals()
    for name, value in zip(life.engine.series, given.sense.values, strict=True):
        place, quantity = name.split("/")
        assert value == pytest.approx(signals[place, quantity], abs=1e-9), name


def test_the_command_prints_json_and_refuses_what_it_does_not_know() -> None:
    run = CliRunner().invoke(main, ["simulate", "--days", "1", "--json"])
    assert run.exit_code == 0
    found = json.loads(run.output)
    assert {"yield_proxy_kg_m2", "water_l_m2", "energy_kwh_m2", "temperature_hours_in_band", "hazards"} <= set(found)
    assert CliRunner().invoke(main, ["simulate", "--house", "moon"]).exit_code == 2
    assert CliRunner().invoke(main, ["simulate", "--start", "tomorrow"]).exit_code == 2
    assert "tay-ninh-melon" in CliRunner().invoke(main, ["simulate", "--list"]).output
    assert "yield_proxy" in CliRunner().invoke(main, ["simulate", "--days", "0.1"]).output


SEGMENTS = 8
LIFE = """
import sys, msgspec
from controllers.engine import Engine
from controllers.houses import HOUSES
from edge.simulate_faults import torture
names = sorted(HOUSES)
for part in map(int, sys.argv[1:]):
    verdict = torture(HOUSES[names[part % len(names)]], part, 365.0 / 8, 28.0)
    print(msgspec.json.encode(verdict).decode(), flush=True)
"""


@pytest.mark.slow
def test_a_greenhouse_year_under_ten_thousand_faults_breaks_no_promise() -> None:
    halves = [[str(part) for part in range(SEGMENTS) if part % 2 == half] for half in (0, 1)]
    lives = [subprocess.Popen([sys.executable, "-c", LIFE, *half], cwd=ROOT, stdout=subprocess.PIPE) for half in halves]
    try:
        told = [life.communicate(timeout=500)[0] for life in lives]
    finally:
        for life in lives:
            life.kill()
            life.wait()
    verdicts = [msgspec.json.decode(line, type=Verdict) for text in told for line in text.splitlines()]
    assert sum(v.greenhouse_years for v in verdicts) >= 0.999
    assert sum(v.faults for v in verdicts) >= 10_000
    assert max(v.kinds for v in verdicts) == len(KINDS)
    for verdict in verdicts:
        assert not any(verdict.breaches.values()), (verdict.house, verdict.seed, verdict.first)


def sabotage(given: TickInput, result: TickResult, how: str) -> TickResult:
    """Replace what safety allowed by what a broken engine might do."""
    allowed = result.allowed.copy()
    if how == "all on":
        allowed[:] = 1.0
    elif how == "all off":
        allowed[:] = 0.0
    elif how == "flicker":
        allowed[:] = given.number % 2
    else:
        allowed[:] = np.nan
    return result._replace(allowed=allowed)


def test_a_blind_house_may_be_shut_by_a_wind_that_is_too_old_but_by_no_other() -> None:
    """Ten faults an hour found it (melon, seed 3, 280 a day, step 16,195): H9's rule comes after the blind house's."""
    settings = control_settings(HOUSES["tay-ninh-melon"])
    engine = Engine(settings)
    told = {name: (300.0 if name.endswith("voltage") else 20.0, 0, 0) for name in engine.series}
    told["tay-ninh-melon/air_temperature"] = (math.nan, 0, 0)
    for age_ms, breaches in ((0, 2), (61_000, 0)):
        told["tay-ninh-melon-outside/wind_speed"] = (2.0, 0, age_ms)
        judge = Judge(settings, engine.series, engine.outputs, 300_000.0)
        shut = np.zeros(len(engine.outputs))
        for step in range(1, 7):
            given = TickInput(step, 60_000 * step, 60_000 * step, True, 1, 600, engine.sense(told))
            judge.watch(given, TickResult(shut, shut, (), (), False))
        assert judge.breaches["blind"] == breaches, age_ms


@pytest.mark.parametrize(
    ("house", "seed", "steps"),
    [
        # the thermometer began to lie in the very step in which the controller started: all is off for its first 10 s
        ("tay-ninh-melon", 13, 2_330),
        ("tay-ninh-melon", 5, 3_930),
        # a blind house whose vents a storm had shut, and a wind that fell to just under the limit: no calm yet
        ("da-lat-pepper", 8, 11_900),
    ],
)
def test_what_ten_years_of_ten_times_the_faults_found_stays_explained(house: str, seed: int, steps: int) -> None:
    verdict = torture(HOUSES[house], seed, steps / 1440.0, 280.0)
    assert verdict.breaches == dict.fromkeys(PROMISES, 0), verdict.first


def storm_after(calm_steps: int) -> int:
    """Breaches of a judge who sees a blind house stay shut after a storm for so many calm steps."""
    settings = control_settings(HOUSES["tay-ninh-melon"])
    engine = Engine(settings)
    told = {name: (300.0 if name.endswith("voltage") else 20.0, 0, 0) for name in engine.series}
    told["tay-ninh-melon/air_temperature"] = (math.nan, 0, 0)
    judge = Judge(settings, engine.series, engine.outputs, 300_000.0)
    shut = np.zeros(len(engine.outputs))
    for step in range(1, 7 + calm_steps):
        told["tay-ninh-melon-outside/wind_speed"] = (16.0 if step < 6 else 14.0 if step == 6 else 11.0, 0, 0)
        given = TickInput(step, 60_000 * step, 60_000 * step, True, 1, 600, engine.sense(told))
        judge.watch(given, TickResult(shut, shut, (), (), False))
    return judge.breaches["blind"]


def test_a_blind_house_that_stays_shut_after_a_storm_is_told_once_the_calm_has_lasted() -> None:
    assert storm_after(10) == 0
    assert storm_after(15) > 0


def test_a_house_that_stays_shut_in_heat_is_told_in_the_second_step_after_a_start() -> None:
    settings = control_settings(HOUSES["tay-ninh-melon"])
    engine = Engine(settings)
    told = {name: (300.0 if name.endswith("voltage") else 2.0, 0, 0) for name in engine.series}
    told["tay-ninh-melon/air_temperature"] = (50.0, 0, 0)
    judge = Judge(settings, engine.series, engine.outputs, 300_000.0)
    shut = np.zeros(len(engine.outputs))
    heat = []
    for step in range(1, 20):
        if step == 15:
            judge.forget()
        given = TickInput(step, 60_000 * step, 60_000 * step, True, 1, 600, engine.sense(told))
        judge.watch(given, TickResult(shut, shut, (), (), False))
        heat.append(judge.breaches["heat"])
    assert heat[13] > 0
    assert heat[14] == heat[13]
    assert heat[15] > heat[14]


def test_the_judge_finds_each_kind_of_breach() -> None:
    found: set[str] = set()
    for how in ("all on", "all off", "flicker", "no number"):
        life = Simulation(HOUSES["da-lat-pepper"], 1)
        chaos = Chaos(life, 1, 60.0)
        judge = Judge(life.settings, life.engine.series, life.engine.outputs, 300_000.0)
        air = life.engine.series.index("da-lat-pepper/air_temperature")
        for step in range(4_000):
            given, result = life.step(chaos.bend)
            if step % 500 < 30:  # a day out of hell
                given.sense.values[air] = 50.0 if step % 1000 < 500 else -5.0
            judge.watch(given, sabotage(given, result, how))
        found |= {promise for promise, count in judge.breaches.items() if count}
    # no flow, a leak and an empty tank need their own nature; the others a broken engine shows at once
    assert found >= set(PROMISES) - {"leak", "no_flow", "dry_run", "override"}


def test_weather_is_looked_up_every_five_minutes() -> None:
    class Counted:
        calls = 0

        def at(self, hour: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            Counted.calls += 1
            return np.full(8, hour)

    weather = Remembered(Counted())
    rows = [float(weather.at(minute / 60.0)[0]) for minute in range(60)]
    assert Counted.calls == 12
    assert rows[0] == 0.0
    assert rows[59] == pytest.approx(55 / 60)
