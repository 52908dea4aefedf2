# SPDX-License-Identifier: Apache-2.0
"""The log: what was flushed is read back exactly, in order, from another connection; damage is named, not served."""

import sqlite3
from math import nan
from pathlib import Path

import numpy as np
import pytest

from telemetry.history import LogReader
from telemetry.log import SAFE, SD_CARD, Log, LogUnavailableError
from telemetry.records import Ack, AnyRecord, Command, Decision, Event, Input, Reading, Sample, Tick
from telemetry.rows import DiskError, RealDisk

WALL = 1_760_000_000_000


def group(mono_ms: int, value: float = 24.5) -> list[AnyRecord]:
    """One of each kind of record at one time."""
    return [
        Tick(mono_ms // 1000, mono_ms, WALL + mono_ms, True, 12),
        Reading("pepper-1/air_temperature", "air-1", mono_ms, value, "°C"),
        Sample("pepper-1/air_temperature", mono_ms, value, value + 0.05, 32, "cal-7", 0.3),
        Decision("valve-1", "pepper-1", mono_ms, "SOIL_DRY", 1.0, "irrigation", (Input("soil", nan, 8),), "cap", True),
        Command("c-1", "valve-1", mono_ms, 1.0, 3000, mono_ms + 10_000, "auto", seq=4),
        Ack("c-1", "valve-1", mono_ms + 5, "done", feedback=12.25),
        Event("alarm.raised", "pepper-1", mono_ms, "alarm", fields={"value": 39.5, "count": 3, "ok": False}),
    ]


def same(left: list[AnyRecord], right: list[AnyRecord]) -> bool:
    """Compare with nan equal to nan."""
    return repr(left) == repr(right)


def test_what_was_flushed_is_read_back_from_another_connection(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1", nonce=7)
    log.append(group(1000))
    assert log.flush(1500, WALL + 1500, True) == 1
    log.append(group(11_000))
    assert log.flush(11_500, WALL + 11_500, True) == 2
    reader = LogReader(tmp_path / "log.db")
    got = [record for _, records in reader.records() for record in records]
    assert same(got, group(1000) + group(11_000))
    assert reader.series() == ["pepper-1/air_temperature"]
    seen = reader.latest()["pepper-1/air_temperature"]
    assert seen.wall_ms == WALL + 11_000
    assert seen.age_ms(WALL + 12_000) == 1000
    assert [stored.wall_ms for stored in reader.decisions("pepper-1", WALL, WALL + 60_000)] == [
        WALL + 1000,
        WALL + 11_000,
    ]
    assert reader.decisions("elsewhere", WALL, WALL + 60_000) == []
    assert len(reader.events(WALL, WALL + 5000, "alarm.")) == 1
    assert len(reader.commands(WALL, WALL + 60_000, "valve-1")) == 4
    reader.close()
    log.close()


def test_a_boot_begins_a_new_epoch_and_its_own_numbers(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        log = Log.open(tmp_path / "log.db", "farm-1", nonce=epoch)
        log.append(group(1000))
        assert (log.epoch, log.flush(1000, WALL, True)) == (epoch, 1)
        log.close()


@pytest.mark.parametrize(("profile", "early", "late"), [(SAFE, 9_000, 9_500), (SD_CARD, 59_000, 59_500)])
def test_samples_wait_for_the_profile_and_control_records_do_not(
    tmp_path: Path, profile: object, early: int, late: int
) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1", profile=SAFE if profile is SAFE else SD_CARD)
    assert not log.due(0)
    log.append([Sample("a/co2", 0, 1.0, 1.0)])
    assert not log.due(early)
    assert log.due(late)
    log.append([Event("boot", "farm-1", 1)])
    assert log.due(1)
    log.flush(1, WALL, True)
    assert not log.due(100_000)
    log.close()


def test_groups_written_before_the_clock_was_known_are_placed_when_it_is(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    log.append(group(1000))
    log.flush(1000, 5_000, False)  # 1970: a Pi without a clock chip
    log.append(group(11_000))
    log.flush(11_000, WALL + 11_000, True)
    reader = LogReader(tmp_path / "log.db")
    points = reader.range("pepper-1/air_temperature", WALL, WALL + 60_000)
    assert points.wall_ms.tolist() == [WALL + 1000, WALL + 11_000]
    first = reader.batches()[0][1].header
    assert first.clock_ok
    assert first.placed
    reader.close()
    log.close()


def test_a_clock_that_is_set_begins_a_new_timeline_and_one_that_is_lost_is_held_over(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    steps = [(1000, WALL + 1000, True), (2000, WALL + 2100, True), (3000, 0, False), (4000, WALL - 86_400_000, True)]
    for mono, wall, ok in steps:
        log.append(group(mono))
        log.flush(mono, wall, ok)
    reader = LogReader(tmp_path / "log.db")
    headers = [batch.header for _, batch in reader.batches()]
    assert [header.timeline for header in headers] == [0, 0, 0, 1]
    assert [header.offset_ms for header in headers] == [WALL, WALL, WALL, WALL - 86_404_000]
    assert all(header.clock_ok for header in headers)
    reader.close()
    log.close()


def test_a_flipped_bit_is_found_named_and_never_served(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = Log.open(path, "farm-1")
    for at in range(20):
        log.append(group(at * 1000, 20.0 + at))
        log.flush(at * 1000, WALL + at * 1000, True)
    log.close()
    raw = sqlite3.connect(path)
    data = bytearray(raw.execute("SELECT data FROM batch WHERE row=8").fetchone()[0])
    data[len(data) // 2] ^= 4
    raw.execute("UPDATE batch SET data=? WHERE row=8", (bytes(data),))
    raw.commit()
    raw.close()
    reader = LogReader(path)
    assert len(reader.range("pepper-1/air_temperature", 0, WALL * 2).value) == 19
    assert list(reader.check()) == [8]
    assert "crc" in reader.damage[8]
    reader.close()


class FullDisk(RealDisk):
    """A disk on which every page is one too many, while ``full`` is set."""

    def __init__(self) -> None:
        self.opened: list[sqlite3.Connection] = []

    def connect(self, path: Path, *, read_only: bool) -> sqlite3.Connection:
        self.opened.append(super().connect(path, read_only=read_only))
        return self.opened[-1]

    def fill(self) -> None:
        pages = self.opened[0].execute("PRAGMA page_count").fetchone()[0]
        self.opened[0].execute(f"PRAGMA max_page_count={pages}")

    def empty(self) -> None:
        self.opened[0].execute("PRAGMA max_page_count=1000000")


def test_a_full_disk_keeps_the_group_waiting_and_the_next_flush_writes_it(tmp_path: Path) -> None:
    disk = FullDisk()
    log = Log.open(tmp_path / "log.db", "farm-1", disk=disk)
    log.append(group(1000))
    assert log.flush(1000, WALL, True) == 1
    disk.fill()
    big: list[AnyRecord] = [Event("note", "x", 1, fields={"text": "%x" % (7**n)}) for n in range(2000, 2020)]
    log.append(big)
    with pytest.raises(LogUnavailableError, match="full"):
        log.flush(2000, WALL + 1000, True)
    assert log.waiting == len(big)
    disk.empty()
    assert log.flush(3000, WALL + 2000, True) == 2
    reader = LogReader(tmp_path / "log.db")
    assert same([r for _, records in reader.records() for r in records], group(1000) + big)
    reader.close()
    log.close()


def test_what_does_not_fit_the_waiting_room_leaves_a_gap_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.log.WAITING_MAX", 100)
    log = Log.open(tmp_path / "log.db", "farm-1")
    log.append([Sample("a/co2", at, 1.0, 1.0) for at in range(101)])
    assert log.dropped == 10
    log.flush(200, WALL, True)
    reader = LogReader(tmp_path / "log.db")
    (gap,) = reader.events(0, WALL * 2, "log.gap")
    assert isinstance(gap.record, Event)
    assert gap.record.fields == {"records": 10, "from_ms": 0}
    reader.close()
    log.close()


def test_thinning_keeps_every_peak(tmp_path: Path) -> None:
    log = Log.open(tmp_path / "log.db", "farm-1")
    values = [20.0] * 1000
    values[377] = 99.0
    values[701] = nan
    log.append([Sample("a/co2", at * 1000, v, v) for at, v in enumerate(values)])
    log.flush(1_000_000, WALL + 1_000_000, True)
    reader = LogReader(tmp_path / "log.db")
    points = reader.range("a/co2", WALL, WALL + 1_000_000, 50)
    assert len(points.value) <= 50
    assert np.nanmax(points.value) == 99.0
    assert (np.diff(points.wall_ms) > 0).all()
    reader.close()
    log.close()


def test_a_log_of_another_edge_or_no_log_at_all_is_refused_by_name(tmp_path: Path) -> None:
    Log.open(tmp_path / "log.db", "farm-1").close()
    with pytest.raises(DiskError, match="belongs to 'farm-1'"):
        Log.open(tmp_path / "log.db", "farm-2")
    with pytest.raises(DiskError, match="no such log"):
        LogReader(tmp_path / "none.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE cake(slice)")
    other.close()
    with pytest.raises(DiskError, match="not a log of Vườn"):
        Log.open(tmp_path / "other.db", "farm-1")
