# SPDX-License-Identifier: Apache-2.0
"""``vuon compare`` runs every way of watering through the farm's own weather, and the model zone keeps its water."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from controllers import comparing
from controllers.zone_plan import zone_plan
from edge.cli_compare import compare
from edge.config import parse
from telemetry.log import PROFILES, Log
from telemetry.records import Sample
from telemetry.rows import RealDisk

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "demo.toml"
CONTROL = parse(EXAMPLE.read_text(encoding="utf-8")).control
DAYS = 4
MIDNIGHT_MS = 1_772_298_000_000  # 2026-03-01 00:00 in Viet Nam
STEPS = DAYS * comparing.DAY_S // comparing.STEP_S
HOUR = np.arange(STEPS) * comparing.STEP_S % comparing.DAY_S / 3600.0
SUN = np.clip(np.sin((HOUR - 6.0) / 12.0 * math.pi), 0.0, None) * 800.0
WEATHER = comparing.Weather(
    739_000, 24.0 + 5.0 * np.sin((HOUR - 9.0) / 12.0 * math.pi), np.full(STEPS, 70.0), SUN, np.full(STEPS, math.nan),
    np.full(STEPS, math.nan),
)  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, comparing.Tally]:
    return {one.strategy: one for one in comparing.compare(CONTROL, CONTROL.zones[0], WEATHER)}


def test_every_way_waters_and_says_how_often(found: dict[str, comparing.Tally]) -> None:
    assert set(found) == {"schedule", "moisture", "radiation_sum", "vpd_sum", "balance", "adaptive"}
    for one in found.values():
        assert one.litres > 0.0, one
        assert one.waterings == sum(one.reasons.values()), one


def test_the_reckoning_ways_lose_little_and_leave_no_thirst(found: dict[str, comparing.Tally]) -> None:
    assert found["adaptive"].drained_mm < 1.0
    assert found["adaptive"].lacking_mm <= min(found["balance"].lacking_mm, found["schedule"].lacking_mm) + 0.2


def test_the_model_root_zone_keeps_its_water() -> None:
    made = zone_plan(CONTROL.zones[0])
    bucket = comparing.Bucket(made, 1.0, 5.0, 3.0)
    before, given, wanted = bucket.depletion_mm, 0.0, 0.0
    for step in range(500):
        litres = 600.0 if step % 60 == 0 else 0.0
        given += litres * 0.9 / 500.0
        wanted += 0.3 / 12.0
        bucket.step(0.3, math.nan, litres, 0.0, 1.0 / 12.0)
    taken = wanted - bucket.lacking_mm
    assert bucket.depletion_mm == pytest.approx(before - given + taken + bucket.drained_mm, abs=1e-9)


def test_a_gap_in_the_weather_takes_the_mean_of_its_hour() -> None:
    sun = SUN.copy()
    sun[300:340] = math.nan
    gappy = comparing.rates(CONTROL, CONTROL.zones[0], with_sun(sun))
    whole = comparing.rates(CONTROL, CONTROL.zones[0], WEATHER)
    assert np.isfinite(gappy).all()
    assert gappy.sum() == pytest.approx(whole.sum(), rel=0.03)


def with_sun(sun: np.ndarray) -> comparing.Weather:
    w = WEATHER
    return comparing.Weather(w.start_day, w.air_c, w.rh_pct, sun, w.wind_m_s, w.rain_mm)


def test_the_command_reads_the_farm_s_own_history(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "farm.log", "farm", profile=PROFILES["safe"], disk=RealDisk(), nonce=1)
    for i in range(STEPS // 2):
        at = i * comparing.STEP_S * 1000
        values = {
            "pepper-1/air_temperature": WEATHER.air_c[i], "pepper-1/air_humidity": 70.0,
            "pepper-1-outside/solar_radiation": SUN[i],
        }  # fmt: skip
        log.append(tuple(Sample(name, at, float(value), float(value)) for name, value in values.items()))
        if i % 48 == 47:
            log.flush(at, MIDNIGHT_MS + at, True)
    log.flush(at, MIDNIGHT_MS + at, True)
    log.close()
    config = tmp_path / "farm.toml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    args = ["--zone", "pepper-1-1", "--days", "2", "--state", str(tmp_path), "--config", str(config), "--json"]
    done = CliRunner().invoke(compare, args)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["days"] == pytest.approx(2.0, abs=0.1)
    assert {one["strategy"] for one in told["ways"]} >= {"schedule", "moisture", "balance", "adaptive"}
    assert (
        CliRunner().invoke(compare, ["--zone", "no", "--state", str(tmp_path), "--config", str(config)]).exit_code == 2
    )


def test_without_history_it_says_so(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "farm.log", "farm", profile=PROFILES["safe"], disk=RealDisk(), nonce=1)
    log.append((Sample("pepper-1/air_temperature", 1000, 20.0, 20.0),))
    log.flush(2000, MIDNIGHT_MS, True)
    log.close()
    done = CliRunner().invoke(
        compare, ["--zone", "pepper-1-1", "--state", str(tmp_path), "--config", str(EXAMPLE)]
    )  # fmt: skip
    assert done.exit_code == 1
    assert "pepper-1-1" in done.output
