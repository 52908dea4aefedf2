# SPDX-License-Identifier: Apache-2.0
"""Sealing changes nothing that can be read; retiring takes only what is sealed and acknowledged; room is made."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from telemetry.history import LogReader, Points
from telemetry.log import Log
from telemetry.records import AnyRecord, Decision, Event, Sample
from telemetry.rows import MIGRATIONS, RealDisk
from telemetry.sealing import merge_days, seal
from telemetry.upkeep import Keeping, Upkeep

DAY = 86_400_000
START = 1_760_054_400_000 // DAY * DAY  # midnight UTC
PERIOD = 60_000
FOREVER = 1 << 43


def fill(log: Log, minutes: int, first: int = 0) -> None:
    """Log two series a minute and a decision now and then, half an hour a group."""
    for start in range(first, first + minutes, 30):
        records: list[AnyRecord] = []
        for at in range(start, min(start + 30, first + minutes)):
            value = round(20 + 5 * np.sin(at / 200) + at % 7 / 10, 1)
            mono = at * PERIOD + 7
            quality = 1 if at % 100 == 0 else 0
            records.append(Sample("a/co2", mono, value * 2, value, quality, "cal-1" if at < 700 else "cal-2", 0.5))
            records.append(Sample("b/air_temperature", mono, value, value))
        if start % 60 == 0:
            records.append(Decision("valve-1", "a", start * PERIOD, "REST", 0.0, "irrigation"))
        log.append(records)
        log.flush((start + 30) * PERIOD, START + (start + 30) * PERIOD, True)


def seen(points: Points) -> list[list[float]]:
    return [points.wall_ms.tolist(), points.value.tolist(), points.quality.tolist()]


def everything(path: Path) -> list[object]:
    reader = LogReader(path)
    try:
        found: list[object] = [seen(reader.range(series, 0, FOREVER)) for series in reader.series()]
        found.append([(stored.wall_ms, repr(stored.record)) for stored in reader.others(0, FOREVER)])
        assert not reader.check()
        return found
    finally:
        reader.close()


def test_sealing_and_merging_change_nothing_that_can_be_read(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 3 * 1440)
    before = everything(log.path)
    while seal(log.transaction, 50).rows:
        assert everything(log.path) == before
    merged = merge_days(log.transaction, START + 3 * DAY)
    assert merged.days == 2 * 2  # the third day has not ended an hour ago
    assert everything(log.path) == before
    fill(log, 100, first=3 * 1440)
    assert len(LogReader(log.path).range("a/co2", 0, FOREVER).value) == 3 * 1440 + 100
    log.close()


@pytest.mark.parametrize("bucket", [60_000, 3_600_000, 86_400_000])
@pytest.mark.parametrize("merged", [False, True])
def test_roll_ups_are_what_a_slow_count_gives_sealed_or_not(tmp_path: Path, bucket: int, merged: bool) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 2 * 1440)
    if merged:
        while seal(log.transaction).rows:
            continue
        merge_days(log.transaction, START + DAY + 2 * 3_600_000)  # the first day is merged, the second is in parts
    fill(log, 600, first=2 * 1440)  # and this is in rows
    reader = LogReader(log.path)
    rollup = reader.rollup("a/co2", 0, FOREVER, bucket)
    points = reader.range("a/co2", 0, FOREVER)
    assert rollup.count.sum() == (points.quality == 0).sum()
    for start, count, low, high, total in zip(
        rollup.wall_ms, rollup.count, rollup.low, rollup.high, rollup.total, strict=True
    ):
        rows = (points.wall_ms // bucket * bucket == start) & (points.quality == 0)
        values = points.value[rows]
        assert count == len(values)
        if count:
            assert (low, high) == (values.min(), values.max())
            assert total == pytest.approx(values.sum(), rel=1e-12)
    reader.close()
    log.close()


def test_late_data_of_a_merged_day_lands_in_its_chunk_and_roll_up(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 1440)
    seal(log.transaction)
    merge_days(log.transaction, START + 2 * DAY)
    log.append([Sample("a/co2", 500, 999.0, 999.0)])
    log.flush(1440 * PERIOD, START + 1440 * PERIOD, True)
    seal(log.transaction)
    merge_days(log.transaction, START + 2 * DAY)
    reader = LogReader(log.path)
    assert 999.0 in reader.range("a/co2", START, START + 1000).value
    assert reader.rollup("a/co2", START, START + DAY, DAY).high.tolist() == [999.0]
    assert len(reader.range("a/co2", 0, FOREVER).value) == 1441
    reader.close()
    log.close()


@pytest.fixture(autouse=True)
def seal_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.upkeep.SEAL_AT_ROWS", 1)


def rows_left(path: Path) -> int:
    connection = sqlite3.connect(path)
    count = int(connection.execute("SELECT count(*) FROM batch").fetchone()[0])
    connection.close()
    return count


@pytest.mark.parametrize(("acked", "left"), [(None, 1), (0, 96), (50, 46)])
def test_a_row_goes_only_when_sealed_acknowledged_and_old(tmp_path: Path, acked: int | None, left: int) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 2 * 1440)
    before = everything(log.path)
    acked_row = None if acked is None else lambda: acked
    upkeep = Upkeep(log.transaction, log.path, "farm-1", acked_row=acked_row, keeping=Keeping(replay_days=2))
    assert upkeep.step(0, START + 2 * DAY) == []
    assert rows_left(log.path) == 96
    upkeep.step(0, START + 60 * DAY)
    assert rows_left(log.path) == left
    assert everything(log.path) == before
    log.append([Sample("a/co2", 7 * DAY, 1.0, 1.0)])
    assert log.flush(7 * DAY, START + 7 * DAY, True) == 97
    log.close()


def dated(path: Path, rows: range, by_ms: int) -> None:
    """Change the dates of rows, as a clock does that jumps and jumps back."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE batch SET first_ms=first_ms+?, last_ms=last_ms+? WHERE row BETWEEN ? AND ?",
            (by_ms, by_ms, rows.start, rows.stop - 1),
        )
    connection.close()


def rows_of(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    rows = [int(row) for (row,) in connection.execute("SELECT row FROM batch ORDER BY row")]
    connection.close()
    return rows


TEN_YEARS = 3650 * DAY


def test_rows_that_a_wrong_clock_dated_back_leave_no_hole_in_the_journal(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 2 * 1440)
    dated(log.path, range(60, 70), -TEN_YEARS)
    upkeep = Upkeep(log.transaction, log.path, "farm-1", keeping=Keeping(replay_days=1))
    while seal(log.transaction).rows:
        continue
    upkeep.step(0, START + 2 * DAY)
    assert rows_of(log.path) == list(range(49, 97))  # the second day's half hours, all of them
    log.close()


def test_a_row_that_a_wrong_clock_dated_ahead_does_not_hold_up_the_others_for_years(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 2 * 1440)
    dated(log.path, range(1, 3), TEN_YEARS)
    while seal(log.transaction).rows:
        continue
    patient = Upkeep(log.transaction, log.path, "farm-1", keeping=Keeping(replay_days=1))
    patient.step(0, START + 60 * DAY)
    assert rows_of(log.path) == list(range(1, 97))
    Upkeep(log.transaction, log.path, "farm-1", keeping=Keeping(replay_days=1, rows_max=20)).step(0, START + 60 * DAY)
    assert rows_of(log.path) == list(range(77, 97))
    log.close()


def test_a_damaged_chunk_is_named_and_the_rest_is_served(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 2 * 1440)
    while seal(log.transaction).rows:
        continue
    merge_days(log.transaction, START + 3 * DAY)
    with log.transaction() as connection:
        key, data = connection.execute("SELECT key, data FROM chunk ORDER BY key LIMIT 1").fetchone()
        broken = bytearray(data)
        broken[len(broken) // 2] ^= 1
        connection.execute("UPDATE chunk SET data=? WHERE key=?", (bytes(broken), key))
    reader = LogReader(log.path)
    assert len(reader.range("a/co2", 0, FOREVER).value) == 1440
    assert f"chunk {key}" in reader.damage
    reader.close()
    log.close()


class SmallDisk(RealDisk):
    """A disk that says how much is free, and lets a ballast be."""

    def __init__(self, free: int) -> None:
        self.free = free

    def free_bytes(self, folder: Path) -> int:
        return self.free


def test_a_disk_that_fills_up_gives_an_alarm_and_the_ballast_before_any_data(tmp_path: Path) -> None:
    disk = SmallDisk(10**9)
    log = Log.open(tmp_path / "log.db", "farm-1", disk=disk)
    fill(log, 3 * 1440)
    before = everything(log.path)
    keeping = Keeping(ballast_bytes=1_000_000, reserve_bytes=2_000_000)
    upkeep = Upkeep(log.transaction, log.path, "farm-1", disk=disk, keeping=keeping)
    assert upkeep.step(0, START + 4 * DAY) == []
    ballast = tmp_path / "log.ballast"
    assert ballast.stat().st_size == 1_000_000
    disk.free = 1_000_000
    events = upkeep.step(1000, START + 4 * DAY)
    assert [event.kind for event in events] == ["log.disk_low"]
    assert not ballast.exists()
    assert everything(log.path) == before
    assert len(LogReader(log.path).rollup("a/co2", 0, FOREVER, DAY).count) == 3
    disk.free = 10**9
    assert [event.kind for event in upkeep.step(2000, START + 4 * DAY)] == ["log.disk_well"]
    log.close()


def test_raw_data_goes_only_where_allowed_and_leaves_a_gap_event(tmp_path: Path) -> None:
    disk = SmallDisk(0)
    log = Log.open(tmp_path / "log.db", "farm-1", disk=disk)
    fill(log, 3 * 1440)
    while seal(log.transaction).rows:
        continue
    merge_days(log.transaction, START + 5 * DAY)
    upkeep = Upkeep(log.transaction, log.path, "farm-1", disk=disk, keeping=Keeping(raw_expendable=True))
    gap = upkeep.make_room(0)[-1]
    assert (gap.kind, gap.fields) == ("log.gap", {"day_ms": START, "series": 2})
    assert len(LogReader(log.path).range("a/co2", 0, FOREVER).value) == 2 * 1440
    log.close()


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.rows.MIGRATIONS", MIGRATIONS[:1])
    old = sqlite3.connect(tmp_path / "log.db")
    log = Log.open(tmp_path / "log.db", "farm-1")
    log.append([Event("note", "x", 1)])
    log.flush(1, START, True)
    log.close()
    old.close()
    monkeypatch.setattr("telemetry.rows.MIGRATIONS", MIGRATIONS)
    log = Log.open(tmp_path / "log.db", "farm-1")
    assert log.epoch == 2
    fill(log, 1440)
    seal(log.transaction)
    reader = LogReader(log.path)
    assert len(reader.events(0, FOREVER)) == 1
    reader.close()
    log.close()


def test_roll_ups_of_minutes_that_an_older_file_kept_go_and_are_computed_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.rows.MIGRATIONS", MIGRATIONS[:3])
    log = Log.open(tmp_path / "log.db", "farm-1")
    fill(log, 1440)
    while seal(log.transaction).rows:
        continue
    merge_days(log.transaction, START + 2 * DAY)
    with log.transaction() as connection:
        connection.execute("INSERT INTO chunk SELECT key + 1, data FROM chunk")
    log.close()
    monkeypatch.setattr("telemetry.rows.MIGRATIONS", MIGRATIONS)
    log = Log.open(tmp_path / "log.db", "farm-1")
    with log.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM chunk").fetchone() == (2,)
    reader = LogReader(log.path)
    assert reader.rollup("a/co2", 0, FOREVER, 60_000).count.sum() == 1440 - 15
    assert not reader.check()
    reader.close()
    log.close()
