# SPDX-License-Identifier: Apache-2.0
"""The ten prepared days: each farm is well, each has an answer, and a day can be made and looked at."""

from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from edge.config import parse
from edge.exits import LOG_FILE
from edge.live import LiveState
from scripts.ten_days import EVENING_FILE, make
from telemetry.history import LogReader
from telemetry.records import Decision
from tests.ten_days.days import DAYS, Day, farm_text, gusts_m_s

ANSWERS = Path(__file__).parents[1] / "ten_days" / "answers.md"


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_each_days_farm_is_well_and_has_an_answer(day: Day) -> None:
    assert parse(farm_text(day)).simulation is not None
    assert f"\n| {DAYS.index(day) + 1} | " in ANSWERS.read_text(encoding="utf-8")
    assert day.reasons


def test_the_gusts_of_the_storm_are_a_storms_and_not_a_stuck_meters() -> None:
    gusts = gusts_m_s(50)
    assert all(15.0 < gust < 25.0 for gust in gusts)
    assert max(sum(1 for _ in same) for _, same in groupby(gusts)) <= 3


def test_the_first_minutes_of_a_day_without_water_can_be_made_and_looked_at(tmp_path: Path) -> None:
    dry = next(day for day in DAYS if "safety.tank_low" in day.reasons)
    state = make(tmp_path, dry, end_hour=5.75)
    evening = msgspec.msgpack.decode((state / EVENING_FILE).read_bytes(), type=LiveState)
    assert any(alarm.kind in {"safety.dry_run", "safety.tank_low"} for alarm in evening.alarms)
    reader = LogReader(state / LOG_FILE)
    try:
        stored = [record for _, group in reader.records() for record in group]
    finally:
        reader.close()
    limits = {record.limit for record in stored if isinstance(record, Decision)}
    assert limits >= {"safety.boot_hold", "safety.dry_run"}
