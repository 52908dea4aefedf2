# SPDX-License-Identifier: Apache-2.0
"""``vuon explain`` tells the plan that was stored, in both languages, and its what-if follows FAO-56's arithmetic."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from controllers.what_if import outlook
from edge.cli_explain import explain
from edge.explaining import explain as tell
from pages.words import words
from telemetry.log import PROFILES, Log
from telemetry.records import Event, Sample
from telemetry.rows import RealDisk

ACCOUNT: dict[str, str | float | int | bool] = {
    "code": "irrigation.start.depletion", "strategy": "adaptive", "depletion_mm": 9.0, "doubt_mm": 1.0,
    "available_mm": 28.8, "allowed_mm": 8.0, "due_h": 0.0, "et_day_mm": 4.0, "rate_mm_h": 0.3, "et_today_mm": 1.5,
    "crop_share": 1.0, "scale": 0.9, "theta_pct": 26.0, "probe_bias_pct": 0.5, "air_c": 24.0, "air_rh_pct": 70.0,
    "from_air": "h/air_temperature", "quality_air": 0, "from_probe": "z/soil_moisture", "quality_probe": 8,
    "area_m2": 500.0, "efficiency_pct": 90.0, "stress_share_pct": 30.0, "drains_pct": 0.0, "gift_l": 5000.0,
    "field_capacity_pct": 31.0, "wilting_pct": 15.0, "root_m": 0.4, "wetted_pct": 45.0, "grade": 1.0,
    "used_l": 0.0, "drain_pct": 15.0,
}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Path:
    log = Log.open(tmp_path / "farm.log", "farm", profile=PROFILES["safe"], disk=RealDisk(), nonce=1)
    log.append((Sample("z/soil_moisture", 900, 26.0, 26.0), Event("plan.made", "zone-1", 1000, fields=ACCOUNT)))
    log.flush(2000, 1_772_319_600_000, True)
    log.close()
    return tmp_path


def run(state: Path, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(explain, ["--zone", "zone-1", "--state", str(state), *more])
    return done.exit_code, done.output


def test_every_input_stands_with_its_source_and_quality() -> None:
    told = tell(ACCOUNT, words("en"))
    probe = next(line for line in told.lines if "z/soil_moisture" in line.sources)
    assert probe.quality == "old value"
    air = next(line for line in told.lines if "h/air_temperature" in line.sources)
    assert air.quality == ""
    assert "9 mm" in told.sentence
    assert told.grade.startswith("B")
    assert any("= 5,000 L" in line.text for line in told.lines), "9 mm over 500 m² at 90 % are 5,000 L"


@pytest.mark.parametrize(("lang", "word"), [("vi", "vùng rễ thiếu"), ("en", "the roots lack")])
def test_it_speaks_both_languages(state: Path, lang: str, word: str) -> None:
    code, text = run(state, "--lang", lang, "--skip", "--add", "5mm")
    assert code == 0, text
    assert word in text


def test_json_holds_account_lines_and_choices(state: Path) -> None:
    code, text = run(state, "--json", "--skip", "--add", "5")
    told = json.loads(text)
    assert code == 0
    assert told["account"]["depletion_mm"] == 9.0
    planned, without, more = told["choices"]
    assert without["outlook"]["water_mm"] == 0.0
    assert without["outlook"]["lacking_mm"] > planned["outlook"]["lacking_mm"]
    assert more["gift_l"] - planned["gift_l"] == pytest.approx(5.0 * 500.0 / 0.9)
    assert more["outlook"]["drained_mm"] == pytest.approx(5.0)


def test_nonsense_and_unknown_zones_are_answered(state: Path) -> None:
    assert run(state, "--add", "a lot")[0] == 2
    done = CliRunner().invoke(explain, ["--zone", "nowhere", "--state", str(state)])
    assert done.exit_code == 1
    assert "nowhere" in done.output


def test_without_water_the_depletion_grows_and_ends_at_what_the_soil_holds() -> None:
    far = outlook(5.0, 30.0, 0.3, 9.0, 5.0, 0.0, goes_on=False, days=30)
    assert list(far.depletion_mm) == sorted(far.depletion_mm)
    assert far.depletion_mm[-1] <= 30.0
    assert far.dry_in_d == 0
    taken = far.depletion_mm[-1] - 5.0
    assert far.lacking_mm == pytest.approx(30 * 5.0 - taken)
