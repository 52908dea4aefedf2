# SPDX-License-Identifier: Apache-2.0
"""Alarms live as they should: one cause, one alarm; seen by whom; silent for a while and never for ever; restarts."""

from collections.abc import Sequence

import pytest

from edge.alarm_calls import AGAIN_MS, ROUNDS_MAX, SETTLE_MS, Call, Caller, in_quiet_hours
from edge.alarm_causes import Topology
from edge.alarm_life import SHELVE_CRITICAL_MAX_S, SHELVE_MAX_S
from edge.alarms import CARRIED_MS, AlarmBoard
from telemetry.records import AnyRecord, Event, Quality, Sample

DEVICES = [f"probe-{i}" for i in range(40)]
WIRED = Topology(
    device_of={f"zone-{i}/soil_moisture": f"probe-{i}" for i in range(40)} | {"valve-1": "relays"},
    bus_of=dict.fromkeys([*DEVICES, "relays"], "bus-1"),
    polled={"bus-1": frozenset(DEVICES)},
    listens={"house-1": frozenset({"zone-0/soil_moisture"})},
)
QUIET = (22 * 60, 5 * 60)
NOON, NIGHT = 12 * 60, 2 * 60


class Log(list[AnyRecord]):
    def take(self, records: Sequence[AnyRecord]) -> None:
        self.extend(records)

    def kinds(self) -> list[str]:
        return [one.kind for one in self if isinstance(one, Event)]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def board(log: Log) -> AlarmBoard:
    return AlarmBoard(log.take, WIRED)


def silent(i: int, at_ms: int = 0) -> Sample:
    return Sample(f"zone-{i}/soil_moisture", at_ms, 1.0, float("nan"), int(Quality.STALE | Quality.COMM))


def cut_the_bus(board: AlarmBoard, at_ms: int) -> None:
    """Let every device of the bus fall silent as the bus itself reports it: device by device, then the series."""
    for i, device in enumerate(DEVICES):
        board.put("bus.dead", device, "alarm", at_ms + 100 * i)
    for i in range(40):
        board.judge(silent(i, at_ms + 30_000))


def test_a_broken_bus_is_one_alarm_with_its_eighty_consequences_inside(board: AlarmBoard) -> None:
    cut_the_bus(board, 1000)
    (alarm,) = board.live(60_000)
    assert (alarm.kind, alarm.subject) == ("bus.silent", "bus-1")
    assert len(alarm.inside) == 80
    assert len(board) == 81


def test_a_pulled_adapter_takes_everything_inside_itself(board: AlarmBoard) -> None:
    cut_the_bus(board, 1000)
    board.put("bus.line_down", "bus-1", "alarm", 50_000)
    board.follow(Event("output.silent", "valve-1", 51_000, "alarm"))
    (alarm,) = board.live(60_000)
    assert alarm.kind == "bus.line_down"
    assert len(alarm.inside) == 82


def test_two_dead_probes_of_forty_are_two_alarms(board: AlarmBoard) -> None:
    board.put("bus.dead", "probe-0", "alarm", 0)
    board.put("bus.dead", "probe-1", "alarm", 0)
    board.judge(silent(0))
    assert sorted((a.kind, a.subject, len(a.inside)) for a in board.live(0)) == [
        ("bus.dead", "probe-0", 1),
        ("bus.dead", "probe-1", 0),
    ]


def test_a_cause_is_as_grave_as_what_follows_from_it(board: AlarmBoard) -> None:
    cut_the_bus(board, 0)
    board.follow(Event("hazard.raised", "house-1", 40_000, "critical", fields={"code": "safety.blind"}))
    (alarm,) = board.live(60_000)
    assert (alarm.kind, alarm.severity) == ("bus.silent", "critical")


def test_when_one_device_comes_back_the_others_stand_for_themselves(board: AlarmBoard) -> None:
    cut_the_bus(board, 0)
    board.clear("bus.dead", "probe-7", 90_000)
    assert not board.stands("bus.silent", "bus-1")
    assert len(board.live(90_000)) == 40, "39 dead devices, and the probe of the one that is back"


def test_an_acknowledgement_holds_for_all_that_follows_and_is_written_down(board: AlarmBoard, log: Log) -> None:
    cut_the_bus(board, 0)
    (alarm,) = board.live(0)
    assert board.acknowledge(alarm.number, "lan", "operator", 70_000) == ("", {})
    assert all(one.person == "lan" for one in board.live(70_000)[0].inside)
    assert log.kinds().count("alarm.acknowledged") == 81
    assert board.groups()[0].acknowledged
    assert board.acknowledge(alarm.number, "binh", "operator", 71_000) == ("", {})
    assert log.kinds().count("alarm.acknowledged") == 81, "the first one counts"


def test_something_graver_inside_an_acknowledged_alarm_is_new(board: AlarmBoard) -> None:
    cut_the_bus(board, 0)
    board.acknowledge(board.live(0)[0].number, "lan", "operator", 70_000)
    board.follow(Event("hazard.raised", "house-1", 80_000, "critical", fields={"code": "safety.blind"}))
    assert not board.groups()[0].acknowledged


@pytest.mark.parametrize(
    ("severity", "role", "seconds", "refused"),
    [
        ("alarm", "viewer", 60.0, "this role may not do that"),
        ("alarm", "operator", 60.0, ""),
        ("alarm", "operator", 0.0, "say for how long: above 0 s and at most {most} s"),
        ("alarm", "operator", float("inf"), "say for how long: above 0 s and at most {most} s"),
        ("alarm", "operator", float("nan"), "say for how long: above 0 s and at most {most} s"),
        ("alarm", "operator", SHELVE_MAX_S + 1, "say for how long: above 0 s and at most {most} s"),
        ("critical", "operator", 60.0, "this role may not do that"),
        ("critical", "technician", SHELVE_CRITICAL_MAX_S, ""),
        ("critical", "admin", SHELVE_CRITICAL_MAX_S + 1, "say for how long: above 0 s and at most {most} s"),
    ],
)
def test_who_may_shelve_what_and_for_how_long(
    board: AlarmBoard, severity: str, role: str, seconds: float, refused: str
) -> None:
    board.put("disk.refuses", "log", severity, 0)
    number = board.live(0)[0].number
    assert board.shelve(number, seconds, "lan", role, 0)[0] == refused
    assert (board.live(0)[0].shelved_s > 0) == (refused == "")


def test_a_shelf_ends_by_itself_and_holds_while_the_alarm_comes_and_goes(board: AlarmBoard, log: Log) -> None:
    board.put("bus.dead", "probe-1", "alarm", 0)
    board.shelve(board.live(0)[0].number, 600.0, "lan", "operator", 1000)
    board.clear("bus.dead", "probe-1", 2000)
    board.put("bus.dead", "probe-1", "alarm", 3000)
    board.look(600_999)
    assert board.groups()[0].shelved
    board.look(601_000)
    assert not board.groups()[0].shelved
    assert log.kinds()[-1] == "alarm.unshelved"


def test_an_unknown_number_is_refused(board: AlarmBoard) -> None:
    assert board.acknowledge(7, "lan", "admin", 0)[0] == "there is no such alarm"
    assert board.shelve(7, 60.0, "lan", "admin", 0)[0] == "there is no such alarm"
    assert board.unshelve(7, "lan", "admin", 0)[0] == "there is no such alarm"


@pytest.mark.parametrize(("known", "left_s"), [(True, 540.0), (False, 0.0)])
def test_a_restart_keeps_what_was_seen_and_a_shelf_only_when_the_time_is_known(
    board: AlarmBoard, known: bool, left_s: float
) -> None:
    board.put("bus.dead", "probe-1", "alarm", 10_000)
    number = board.live(10_000)[0].number
    board.acknowledge(number, "lan", "operator", 11_000)
    board.shelve(number, 600.0, "lan", "operator", 20_000)
    memory = board.memory(20_000, 1_800_000_000_000, clock_ok=known)
    log = Log()
    again = AlarmBoard(log.take, WIRED)
    again.restore(memory, 0, 1_800_000_060_000, clock_ok=True)
    (alarm,) = again.live(0)
    assert (alarm.number, alarm.person, alarm.shelved_s) == (number, "lan", left_s)
    again.put("bus.dead", "probe-1", "alarm", 5000)
    assert log == [], "it is the same alarm"
    again.look(CARRIED_MS + 1)
    assert again.stands("bus.dead", "probe-1")


def test_an_alarm_of_the_last_boot_that_nobody_sees_again_is_cleared(board: AlarmBoard) -> None:
    board.put("bus.dead", "probe-1", "alarm", 0)
    board.judge(silent(3))
    log = Log()
    again = AlarmBoard(log.take, WIRED)
    again.restore(board.memory(0, 0, clock_ok=True), 0, 0, clock_ok=True)
    again.judge(Sample("zone-3/soil_moisture", 9000, 1.0, 30.0))
    assert not again.stands("sensor.silent", "zone-3/soil_moisture"), "a good value clears at once"
    again.look(CARRIED_MS - 1)
    assert again.stands("bus.dead", "probe-1")
    again.look(CARRIED_MS)
    assert len(again) == 0
    assert log.kinds() == ["alarm.cleared", "alarm.cleared"]
    again.put("bus.dead", "probe-2", "alarm", CARRIED_MS)
    assert again.live(CARRIED_MS)[0].number == 3, "numbers go on"


# ---- who is called -------------------------------------------------------------------------------


def calls(
    board: AlarmBoard, caller: Caller, until_ms: int, minute: int = NOON, from_ms: int = 0, clock_ok: bool = True
) -> list[Call]:
    found: list[Call] = []
    for now in range(from_ms, until_ms + 1, 1000):
        board.look(now)
        found += caller.look(board.groups(), now, minute, clock_ok=clock_ok)
    return found


def test_a_broken_bus_is_one_call(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    cut_the_bus(board, 0)
    (call,) = calls(board, caller, 3_600_000)
    assert (call.key, call.why, call.inside) == (("bus.silent", "bus-1"), "raised", 80)


def test_a_single_alarm_of_the_line_waits_a_moment_for_its_cause(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    board.put("bus.dead", "probe-1", "alarm", 0)
    assert calls(board, caller, SETTLE_MS - 1) == []
    assert len(calls(board, caller, SETTLE_MS, from_ms=SETTLE_MS)) == 1


def test_the_highest_severity_calls_at_once_also_at_night_and_the_rest_in_the_morning(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    board.put("disk.refuses", "log", "critical", 0)
    board.put("bus.babble", "bus-1", "alarm", 0)
    assert [call.key[0] for call in calls(board, caller, 3_600_000, NIGHT)] == ["disk.refuses"]
    assert [call.key[0] for call in calls(board, caller, 3_601_000, 5 * 60, from_ms=3_601_000)] == ["bus.babble"]


def test_without_a_trusted_clock_there_is_no_night(board: AlarmBoard) -> None:
    board.put("bus.babble", "bus-1", "alarm", 0)
    assert len(calls(board, Caller(0, QUIET), 1000, NIGHT, clock_ok=False)) == 1


def test_what_nobody_acknowledges_goes_to_the_next_circle_and_ends(board: AlarmBoard) -> None:
    caller = Caller(15 * 60_000, QUIET)
    board.put("disk.refuses", "log", "critical", 0)
    told = calls(board, caller, 3 * 3_600_000)
    assert [(call.why, call.tier) for call in told[:4]] == [
        ("raised", 1), ("escalated", 2), ("escalated", 3), ("escalated", 3),
    ]  # fmt: skip
    assert len(told) < 9, "the pauses grow"
    board.acknowledge(1, "lan", "operator", 3 * 3_600_000)
    assert calls(board, caller, 12 * 3_600_000, from_ms=3 * 3_600_000 + 1000) == []


def test_calls_for_one_alarm_have_an_end_even_when_nobody_ever_answers(board: AlarmBoard) -> None:
    caller = Caller(60_000, QUIET)
    board.put("disk.refuses", "log", "critical", 0)
    told = 0
    for now in range(0, 40 * 86_400_000, 60_000):
        told += len(caller.look(board.groups(), now, NOON, clock_ok=True))
    assert told == 1 + ROUNDS_MAX


def test_an_alarm_that_grows_worse_calls_again(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    cut_the_bus(board, 0)
    assert len(calls(board, caller, 120_000)) == 1
    board.follow(Event("hazard.raised", "house-1", 121_000, "critical", fields={"code": "safety.blind"}))
    (call,) = calls(board, caller, 130_000, from_ms=121_000)
    assert (call.why, call.severity) == ("worse", "critical")


def test_a_shelved_alarm_calls_nobody_until_the_shelf_ends(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    board.put("bus.babble", "bus-1", "alarm", 0)
    board.shelve(1, 600.0, "lan", "operator", 0)
    assert calls(board, caller, 599_000) == []
    assert len(calls(board, caller, 600_000, from_ms=600_000)) == 1


def test_an_alarm_that_comes_and_goes_does_not_ring_each_time(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    told: list[Call] = []
    for at in range(0, AGAIN_MS, 10_000):
        board.put("bus.babble", "bus-1", "alarm", at)
        told += calls(board, caller, at + 4000, from_ms=at)
        board.clear("bus.babble", "bus-1", at + 5000)
        told += calls(board, caller, at + 9000, from_ms=at + 5000)
    assert [call.why for call in told] == ["raised", "cleared"]


def test_the_end_of_an_alarm_is_told_to_those_who_heard_of_it(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    board.put("bus.babble", "bus-1", "alarm", 0)
    calls(board, caller, 5000)
    board.clear("bus.babble", "bus-1", 6000)
    assert [call.why for call in calls(board, caller, 10_000, from_ms=6000)] == ["cleared"]


def test_a_restart_calls_nobody_twice(board: AlarmBoard) -> None:
    caller = Caller(0, QUIET)
    board.put("disk.refuses", "log", "critical", 0)
    assert len(calls(board, caller, 1000)) == 1
    again = AlarmBoard(Log().take, WIRED)
    again.restore(board.memory(1000, 0, clock_ok=True), 0, 0, clock_ok=True)
    after = Caller(0, QUIET)
    after.restore(caller.memory(1000), 0)
    again.put("disk.refuses", "log", "critical", 500)
    assert calls(again, after, 600_000) == []


@pytest.mark.parametrize(
    ("minute", "quiet_from", "quiet_to", "quiet"),
    [(0, 1320, 300, True), (299, 1320, 300, True), (300, 1320, 300, False), (1319, 1320, 300, False),
     (780, 720, 840, True), (840, 720, 840, False), (0, 0, 0, False), (700, 700, 700, False)],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(minute: int, quiet_from: int, quiet_to: int, quiet: bool) -> None:
    assert in_quiet_hours(minute, quiet_from, quiet_to) is quiet


def test_a_lost_memory_stands_until_somebody_has_seen_it(board: AlarmBoard, log: Log) -> None:
    board.follow(Event("memory.lost", "agent", 0, "warning", fields={"detail": "engine.state"}))
    board.look(3_600_000)
    assert board.stands("memory.lost", "agent")
    assert board.acknowledge(1, "lan", "operator", 3_600_000) == ("", {})
    assert not board.stands("memory.lost", "agent")
    assert log.kinds() == ["alarm.acknowledged", "alarm.cleared"]


def test_a_lost_memory_that_nobody_has_seen_outlives_a_restart(log: Log) -> None:
    before = AlarmBoard(log.take, WIRED)
    before.put("memory.lost", "agent", "warning", 0, {"detail": "engine.state"})
    before.put("uplink.failed", "uplink", "warning", 0)
    now = AlarmBoard(log.take, WIRED)
    now.restore(before.memory(0, 0, clock_ok=True), 0, 0, clock_ok=True)
    now.look(10 * CARRIED_MS)
    assert [one.kind for one in now.live(0)] == ["memory.lost"]
    assert now.told("memory.lost", "agent") == {"detail": "engine.state"}
    assert now.told("uplink.failed", "uplink") is None


def test_an_alarm_that_this_start_has_found_is_not_replaced_by_the_last_boots(log: Log) -> None:
    before = AlarmBoard(log.take, WIRED)
    before.put("uplink.failed", "uplink", "warning", 0)
    before.put("memory.lost", "agent", "warning", 0, {"detail": "old"})
    memory = before.memory(0, 0, clock_ok=True)
    now = AlarmBoard(log.take, WIRED)
    now.put("memory.lost", "agent", "warning", 0, {"detail": "new"})
    now.restore(memory, 0, 0, clock_ok=True)
    assert [one.fields["detail"] for one in now.live(0) if one.kind == "memory.lost"] == ["new"]
    now.put("uplink.failed", "other", "warning", 0)
    assert len({one.number for one in now.live(0)}) == len(now) == 3
