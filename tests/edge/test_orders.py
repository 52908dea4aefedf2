# SPDX-License-Identifier: Apache-2.0
"""Orders: admitted once, from who may, for a bounded time, and written down before they act."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.settings import OutputSettings, SafetyLimits
from edge.alarms import AlarmBoard
from edge.derived import APART_MAX_MS, Deficits
from edge.orders import BAD_LEVEL, BAD_TIME, ROLE_TOO_LOW, SEEN_BEFORE, Orders
from edge.seen_orders import Giver, OrderMemory, SeenOrders
from telemetry.records import AnyRecord, Event, Quality, Sample

LAN = Giver("lan", "operator")
MINH = Giver("minh", "technician")


class Desk:
    def __init__(self) -> None:
        self.now_ms = 1000
        self.records: list[AnyRecord] = []
        outputs = {
            "valve-1": OutputSettings("valve-1", "valve", "zone-1", max_on_s=600.0),
            "vent-1": OutputSettings("vent-1", "vent", "house-1", proportional=True),
        }
        limits = SafetyLimits(override_max_s=3600.0)
        self.orders = Orders(outputs, {"zone-1/soil_moisture"}, limits, lambda: self.now_ms, self.take)

    def take(self, records: Sequence[AnyRecord]) -> None:
        self.records.extend(records)

    def kinds(self) -> list[str]:
        return [r.kind for r in self.records if isinstance(r, Event)]


def test_a_hold_stands_for_its_time_and_is_written_down_with_its_person() -> None:
    desk = Desk()
    assert desk.orders.hold("valve-1", 1.0, 300.0, LAN) == ""
    assert desk.orders.overrides["valve-1"].until_ms == 301_000
    desk.now_ms = 300_999
    desk.orders.expire()
    assert "valve-1" in desk.orders.overrides
    desk.now_ms = 301_000
    desk.orders.expire()
    assert desk.orders.overrides == {}
    assert desk.kinds() == ["order.hold", "order.end"]


def test_no_hold_is_longer_than_the_output_or_the_farm_allows() -> None:
    desk = Desk()
    assert desk.orders.hold("valve-1", 1.0, 601.0, LAN) == BAD_TIME
    assert desk.orders.hold("vent-1", 0.5, 3601.0, LAN) == BAD_TIME
    assert desk.orders.hold("vent-1", 0.5, 3600.0, LAN) == ""


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan"), float("inf"), 0.5])
def test_an_impossible_level_is_refused(level: float) -> None:
    assert Desk().orders.hold("valve-1", level, 60.0, LAN) == BAD_LEVEL


@pytest.mark.parametrize("role", ["viewer", "", "root", "Operator"])
def test_who_may_not_is_refused_and_nothing_is_written(role: str) -> None:
    desk = Desk()
    assert desk.orders.hold("valve-1", 1.0, 60.0, Giver("eve", role)) == ROLE_TOO_LOW
    assert desk.orders.stop("valve-1", Giver("eve", role)) == ROLE_TOO_LOW
    assert desk.records == []


def test_a_stop_ends_a_hold_or_keeps_an_automatic_run_off_for_a_while() -> None:
    desk = Desk()
    desk.orders.hold("valve-1", 1.0, 60.0, LAN)
    desk.orders.stop("valve-1", LAN)
    assert desk.orders.overrides == {}
    desk.orders.stop("valve-1", LAN)
    assert desk.orders.overrides["valve-1"].level == 0.0
    assert desk.orders.overrides["valve-1"].until_ms == 1000 + 900_000


def test_locks_and_maintenance_run_out_by_themselves() -> None:
    desk = Desk()
    assert desk.orders.lock("zone-1/soil_moisture", LAN, locked=True) == ROLE_TOO_LOW
    assert desk.orders.lock("zone-1/soil_moisture", MINH, locked=True) == ""
    assert desk.orders.work_at("zone-1", 60.0, MINH) == ""
    assert desk.orders.work_at("zone-1", 1e9, MINH) == BAD_TIME
    desk.now_ms += 1_800_000
    assert desk.orders.expire() == ["zone-1/soil_moisture"]
    assert desk.orders.maintenance == {}


def test_a_reset_is_told_to_the_engine_once() -> None:
    desk = Desk()
    assert desk.orders.reset("zone-1", MINH) == ""
    assert [r.place for r in desk.orders.take_resets()] == ["zone-1"]
    assert desk.orders.take_resets() == ()


def test_an_order_is_admitted_once_even_when_it_comes_in_disorder() -> None:
    desk = Desk()
    numbered = [Giver("lan", "operator", issuer="phone", epoch=1, seq=seq) for seq in (5, 4, 5, 6, 4)]
    said = [desk.orders.hold("valve-1", 1.0, 60.0, giver) for giver in numbered]
    assert said == ["", "", SEEN_BEFORE, "", SEEN_BEFORE]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4), st.integers(1, 1200)), max_size=300))
def test_no_numbered_order_is_ever_admitted_twice_nor_an_older_epoch(orders: list[tuple[str, int, int]]) -> None:
    seen = SeenOrders()
    admitted: list[tuple[str, int, int]] = []
    for issuer, epoch, seq in orders:
        if seen.admit(Giver("lan", "operator", issuer=issuer, epoch=epoch, seq=seq)):
            newest = max((e for i, e, _ in admitted if i == issuer), default=epoch)
            assert epoch >= newest
            admitted.append((issuer, epoch, seq))
    assert len(admitted) == len(set(admitted))


async def test_what_was_admitted_before_a_start_is_not_admitted_after_it(tmp_path: Path) -> None:
    before = OrderMemory(tmp_path)
    phone = Giver("lan", "operator", issuer="phone", epoch=2)
    for seq in (1, 2, 5, *range(100, 200)):
        assert before.seen.admit(replace(phone, seq=seq))
    await before.keep()
    (tmp_path / "orders-seen.json").chmod(0o400)
    kept = (tmp_path / "orders-seen.json").stat().st_mtime_ns
    await before.keep()
    assert (tmp_path / "orders-seen.json").stat().st_mtime_ns == kept, "nothing new, nothing written"
    after = OrderMemory(tmp_path)
    assert not any(after.seen.admit(replace(phone, seq=seq)) for seq in (1, 5, 100, 150, 199))
    assert not after.seen.admit(replace(phone, epoch=1, seq=9_000))
    assert not after.seen.admit(replace(phone, seq=3)), "older than all that were kept"
    assert after.seen.admit(replace(phone, seq=200))
    assert after.seen.admit(replace(phone, epoch=3, seq=1))
    (tmp_path / "orders-seen.json").unlink()
    (tmp_path / "orders-seen.json").write_bytes(b"{")
    assert OrderMemory(tmp_path).seen.admit(replace(phone, seq=1))


async def test_a_disk_that_refuses_stops_no_order(tmp_path: Path) -> None:
    memory = OrderMemory(tmp_path / "file" / "state")
    (tmp_path / "file").write_bytes(b"in the way of the folder")
    assert memory.seen.admit(Giver("lan", "operator", issuer="phone", epoch=1, seq=1))
    await memory.keep()


def test_an_alarm_is_raised_once_and_cleared_once() -> None:
    told: list[AnyRecord] = []
    board = AlarmBoard(told.extend)
    for at in range(3):
        board.judge(Sample("z/co2", at * 1000, 1e6, 1e6, int(Quality.RANGE)))
    assert [a.kind for a in board.live(5000)] == ["sensor.out_of_range"]
    board.judge(Sample("z/co2", 4000, 400.0, 400.0, 0))
    assert board.live(5000) == ()
    assert [e.kind for e in told if isinstance(e, Event)] == ["alarm.raised", "alarm.cleared"]


def test_the_gravest_alarm_stands_first_and_an_engines_hazard_is_followed() -> None:
    board = AlarmBoard(lambda _: None)
    board.put("bus.dead", "soil-1", "alarm", 1000)
    board.follow(Event("hazard.raised", "house-1", 2000, "critical", fields={"code": "safety.storm"}))
    assert [a.kind for a in board.live(3000)] == ["safety.storm", "bus.dead"]
    board.follow(Event("hazard.cleared", "house-1", 4000, fields={"code": "safety.storm"}))
    assert [a.kind for a in board.live(5000)] == ["bus.dead"]


def deficit(temperature: Sample | None, humidity: Sample) -> Sample:
    deficits = Deficits(lambda t, h: t * (100 - h) / 100)
    assert deficits.add("house-1", "house-1/air_temperature", "house-1/air_humidity").startswith("house-1/vapour")
    if temperature is not None:
        assert deficits.take([temperature]) == []
    (made,) = deficits.take([humidity])
    return made


def test_a_deficit_is_made_of_each_humidity_with_the_newest_temperature() -> None:
    made = deficit(Sample("house-1/air_temperature", 5, 20.0, 20.0), Sample("house-1/air_humidity", 5, 50.0, 50.0))
    assert (made.value, made.quality, made.mono_ms) == (10.0, 0, 5)


@pytest.mark.parametrize(
    ("temperature", "flag"),
    [
        (None, Quality.STALE),
        (Sample("house-1/air_temperature", 0, 20.0, 20.0), Quality.STALE),
        (Sample("house-1/air_temperature", APART_MAX_MS, 99.0, 99.0, int(Quality.RANGE)), Quality.RANGE),
    ],
)
def test_a_deficit_is_as_bad_as_the_worse_of_its_two(temperature: Sample | None, flag: Quality) -> None:
    made = deficit(temperature, Sample("house-1/air_humidity", APART_MAX_MS + 1, 50.0, 50.0))
    assert made.value != made.value
    assert made.quality & flag
