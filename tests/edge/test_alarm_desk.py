# SPDX-License-Identifier: Apache-2.0
"""Alarms in the agent: the siren through the gate, answers of people, memory on disk, messages on their way."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from controllers.settings import OutputSettings
from edge.alarm_desk import SIREN, TEST_EVERY_MS, AlarmDesk
from edge.alarm_settings import Alarms
from edge.alarms import AlarmBoard
from edge.control_loop import Deadlines, every
from edge.orders import Orders
from edge.seen_orders import Giver
from edge.world import BootClock
from telemetry.records import AnyRecord, Event
from tests.edge.fake_farm import settings
from tests.edge.test_notify import children, contacts_file
from tests.support.ntfy import NtfyServer
from tests.support.waiting import until

OUTPUTS = (
    OutputSettings("horn", "siren", "farm", needs_mains=False),
    OutputSettings("light", "siren", "farm", needs_mains=False),
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 0.0
        self.ok = True

    def mono_s(self) -> float:
        return self.s

    def wall_ms(self) -> int:
        return 1_800_000_000_000 + round(self.s * 1000)

    def clock_ok(self) -> bool:
        return self.ok


class Rig:
    """An alarm desk with its board, orders and log."""

    def __init__(self, state: Path, alarms: Alarms, *, send: bool = False) -> None:
        self.clock = Clock()
        self.boot = BootClock(self.clock)
        self.log: list[AnyRecord] = []
        config = msgspec.structs.replace(settings(), alarms=alarms)
        control = msgspec.structs.replace(config.control, outputs=(*config.control.outputs, *OUTPUTS))
        config = msgspec.structs.replace(config, control=control)
        self.board = AlarmBoard(self.take)
        outputs = {output.id: output for output in control.outputs}
        self.orders = Orders(outputs, (), control.limits, self.boot.mono_ms, self.take)
        self.desk = AlarmDesk(config, self.board, self.orders, self.boot, self.take, state, 1, send=send)

    def take(self, records: Sequence[AnyRecord]) -> None:
        self.log.extend(records)

    def tick(self, seconds: float = 1.0, minute: int = 720) -> None:
        self.clock.s += seconds
        self.boot.look()
        self.orders.expire()
        self.desk.tick(self.boot.mono_ms(), minute)

    def events(self, kind: str) -> list[Event]:
        return [one for one in self.log if isinstance(one, Event) and one.kind == kind]

    def answer(self, call: str, number: int = 0, seconds: float = 0.0, role: str = "operator") -> str:
        args = {"person": "lan", "role": role, "number": number, "seconds": seconds}
        return self.desk.order(call, args).detail


LOUD = Alarms(sirens=("horn",), siren_s=60.0, lamps=("light",))


def test_the_siren_sounds_for_the_highest_severity_and_ends_by_itself(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    rig.board.put("disk.refuses", "log", "critical", 0)
    rig.tick()
    horn = rig.orders.overrides["horn"]
    assert (horn.level, horn.person, horn.origin) == (1.0, SIREN, "remote")
    assert rig.events("order.hold")[0].subject == "horn", "it is in the log, so a replay knows it"
    rig.tick(61.0)
    assert "horn" not in rig.orders.overrides
    assert "light" in rig.orders.overrides, "the lamp stays on while nobody has seen it"


def test_an_acknowledgement_silences_siren_and_lamp(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    rig.board.put("disk.refuses", "log", "critical", 0)
    rig.tick()
    assert rig.answer("acknowledge", 1) == ""
    rig.tick()
    assert rig.orders.overrides == {}
    assert rig.events("alarm.acknowledged")[0].person == "lan"


def test_a_lesser_alarm_lights_the_lamp_only(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    rig.board.put("bus.babble", "bus-1", "alarm", 0)
    for _ in range(300):
        rig.tick()
    assert set(rig.orders.overrides) == {"light"}


def test_a_persons_own_order_on_the_siren_goes_first(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    rig.orders.hold("horn", 0.0, 600.0, Giver("binh", "technician"))
    rig.board.put("disk.refuses", "log", "critical", 0)
    rig.tick()
    assert rig.orders.overrides["horn"].person == "binh"


def test_the_test_button_sounds_shortly_and_not_too_often(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    assert rig.answer("alarm_test", role="viewer") != ""
    assert rig.answer("alarm_test") == ""
    assert rig.orders.overrides["horn"].until_ms == 3000
    assert "wait a moment" in rig.answer("alarm_test")
    rig.tick(TEST_EVERY_MS / 1000.0)
    assert rig.answer("alarm_test") == ""
    assert [event.person for event in rig.events("alarm.test")] == ["lan", "lan"]


def test_a_clock_that_is_never_right_is_an_alarm_and_ends_when_it_is(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Alarms(clock_patience_s=60.0))
    rig.clock.ok = False
    rig.tick(59.0)
    assert not rig.board.stands("clock.untrusted", "farm")
    rig.tick(2.0)
    assert rig.board.stands("clock.untrusted", "farm")
    rig.clock.ok = True
    rig.tick()
    assert not rig.board.stands("clock.untrusted", "farm")


@pytest.mark.parametrize(
    "args",
    [{}, {"person": "lan"}, {"person": "lan", "role": "admin", "number": "1"},
     {"person": "lan", "role": "admin", "seconds": "for ever"}, {"person": "lan", "role": "admin", "more": 1}],
)  # fmt: skip
def test_bad_arguments_are_refused(tmp_path: Path, args: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Rig(tmp_path, Alarms()).desk.order("acknowledge", args)


def test_the_memory_survives_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LOUD)
    rig.board.put("disk.refuses", "log", "critical", 0)
    rig.tick()
    rig.answer("acknowledge", 1)

    async def write() -> None:
        task = asyncio.create_task(rig.desk.run())
        await until((tmp_path / "alarms.state").exists, "the memory")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(write())
    again = Rig(tmp_path, LOUD)
    again.desk.restore()
    (alarm,) = again.board.live(0)
    assert (alarm.number, alarm.person) == (1, "lan")
    again.tick()
    assert again.events("alarm.call") == []
    assert again.orders.overrides == {}


def test_the_end_of_an_alarm_is_told_in_whole_words(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Alarms(contacts_file="x"), send=True)
    rig.board.put("disk.refuses", "log", "critical", 0, {"detail": "I/O error"})
    rig.tick()
    rig.board.clear("disk.refuses", "log", 2000)
    rig.tick()
    began, ended = rig.desk._notices
    assert "I/O error" in began.body["en"]
    assert ended.body["en"].startswith("Over: Controller: The record cannot be written: I/O error")
    assert ended.body["vi"].startswith("Đã hết: Bộ điều khiển: Không ghi được sổ dữ liệu: I/O error")
    assert not any("{" in text for one in (began, ended) for text in (*one.body.values(), *one.title.values()))


@pytest.mark.parametrize("memory", [b"", b"{", b'{"wall_ms": "x"}', bytes(range(190, 254))])
def test_a_spoiled_memory_is_as_none(tmp_path: Path, memory: bytes) -> None:
    (tmp_path / "alarms.state").write_bytes(memory)
    rig = Rig(tmp_path, LOUD)
    rig.desk.restore()
    assert len(rig.board) == 0


def test_the_loop_ticks_on_while_its_sending_child_is_killed(tmp_path: Path, ntfy: NtfyServer) -> None:
    """From the board to a telephone and back, with the child shot in between; the ticks do not notice."""
    ntfy.failures = 1
    path = contacts_file(tmp_path, ("lan", (ntfy.way,)))
    rig = Rig(tmp_path, Alarms(contacts_file=str(path)), send=True)
    deadlines = Deadlines()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        desk = asyncio.create_task(rig.desk.run())
        ticking = asyncio.create_task(every(0.1, lambda _n, _late: rig.tick(0.1), deadlines, loop.time))
        rig.board.put("disk.refuses", "log", "critical", 0)
        await until(lambda: bool(rig.events("notify.failed")), "the first failure", 60.0)
        before = deadlines.ticks
        assert rig.board.stands("notify.fails", "lan")
        for child in children():
            os.kill(child, signal.SIGKILL)
        await until(lambda: bool(rig.events("notify.sent")), "the message", 60.0)
        assert deadlines.ticks > before
        for task in (desk, ticking):
            task.cancel()
        await asyncio.gather(desk, ticking, return_exceptions=True)

    asyncio.run(main())
    assert sum(one > 0.05 for one in deadlines.durations_s) <= 1, "a tick waits for no file and no child"
    assert ntfy.taken[0]["title"] == "Nghiêm trọng: HTX Tân Tiến"
    assert "Không ghi được" in ntfy.taken[0]["message"]
    assert not rig.board.stands("notify.fails", "lan")


def test_the_agent_never_loads_the_messengers_library() -> None:
    import subprocess

    code = "import sys, edge.agent, edge.alarm_desk; print('apprise' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
