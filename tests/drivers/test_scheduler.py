# SPDX-License-Identifier: Apache-2.0
"""Who speaks next: deadlines, ranks, dead devices, merged reads; judged on a simulated line in virtual time."""

import math

import pytest

from drivers.bus_master import BusMaster
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import RequestError, read, words, write_coil, write_register
from drivers.modbus_slave import PlainMemory, Serve
from drivers.ports import Fault
from drivers.scheduler import MAX_JOBS, Answer, Device, Job, Outcome, Rank, Scheduler, Transaction
from drivers.sim.line import Emission, Exchange, SimLine, plain, run_virtual

LINE = LineSettings()


class World:
    """A bus with a few devices, and what it said."""

    def __init__(self, units: int = 3, *, latency_s: float = 0.01) -> None:
        self.serve: dict[int, Serve] = {
            unit: PlainMemory(holding={i: 100 * unit + i for i in range(10)}, coils=dict.fromkeys(range(8), False))
            for unit in range(1, units + 1)
        }
        self.outcomes: list[tuple[float, Outcome]] = []
        self.reports: list[Outcome] = []
        self.asked: list[bytes] = []
        self.line = SimLine(LINE, self.serve, behaviour=self._heard, latency_s=latency_s)
        self.master = BusMaster("bus", LINE, self.reports.append, check_echo=False)
        self.master.line_opened(0.0)
        self.now_s = 0.1

    def _heard(self, exchange: Exchange) -> list[Emission]:
        self.asked.append(exchange.frame)
        return plain(exchange)

    def _take(self, outcome: Outcome) -> None:
        self.outcomes.append((self.now_s, outcome))

    def poll(
        self,
        unit: int,
        address: int = 0,
        count: int = 2,
        period_s: float = 1.0,
        spare: int | None = None,
        merge_gap: int = 0,
    ) -> Job:
        request = read(unit, 3, address, count)
        transaction = Transaction(f"device {unit}", request, spare=spare, merge_gap=merge_gap)
        return self.master.add_poll(transaction, period_s, self._take, self.now_s)

    def run(self, seconds: float) -> None:
        self.now_s = run_virtual(self.master, self.line, self.now_s, self.now_s + seconds)

    def answers(self) -> list[Answer]:
        return [outcome for _, outcome in self.outcomes if isinstance(outcome, Answer)]

    def faults(self) -> list[str]:
        return [outcome.kind for _, outcome in self.outcomes if isinstance(outcome, Fault)]


def test_polls_come_at_their_period_with_their_values() -> None:
    world = World()
    world.poll(1)
    world.poll(2, address=3, count=1, period_s=0.5)
    world.run(9.95)
    seen = [(a.device, words(a.payload)) for a in world.answers()]
    assert seen.count(("device 1", (100, 101))) == 10
    assert seen.count(("device 2", (203,))) == 20
    assert world.line.violations == 0


def test_a_value_is_dated_when_the_device_answered() -> None:
    world = World()
    world.poll(1)
    world.run(0.5)
    answer = world.answers()[0]
    assert answer.measured_at_s == pytest.approx(0.1 + 8 * LINE.character_s + 0.01, abs=1e-3)
    assert answer.latency_s == pytest.approx(0.01, abs=1e-4)


def test_an_actuator_goes_before_everything_that_waits() -> None:
    world = World()
    for unit in (1, 2, 3):
        for address in (0, 4, 7):
            world.poll(unit, address)
    transaction = Transaction("relay", write_coil(3, 0, True), rank=Rank.ACTUATOR)
    world.master.submit(transaction, world._take, world.now_s)
    world.run(0.2)
    assert world.asked[0][:2] == b"\x03\x05"
    memory = world.serve[3]
    assert isinstance(memory, PlainMemory)
    assert memory.coils[0] is True


def test_many_commands_do_not_starve_the_sensors() -> None:
    world = World()
    world.poll(1)
    for number in range(60):
        transaction = Transaction("relay", write_register(2, number % 10, number), rank=Rank.ACTUATOR, within_s=9.0)
        world.master.submit(transaction, world._take, world.now_s)
    world.run(1.0)
    assert any(frame[0] == 1 for frame in world.asked[:20])


def test_a_command_that_waited_too_long_is_never_sent() -> None:
    world = World()
    transaction = Transaction("relay", write_coil(3, 0, True), rank=Rank.ACTUATOR, within_s=0.5)
    world.master.submit(transaction, world._take, world.now_s)
    world.now_s += 2.0
    world.run(0.5)
    assert world.asked == []
    assert world.faults() == ["bus.overdue"]


def test_orders_keep_their_order_whatever_their_deadlines() -> None:
    world = World()
    for on, within_s in ((True, 5.0), (False, 0.5)):
        transaction = Transaction("relay", write_coil(3, 0, on), rank=Rank.ACTUATOR, within_s=within_s)
        world.master.submit(transaction, world._take, world.now_s)
    world.run(1.0)
    assert [frame[4] for frame in world.asked] == [0xFF, 0x00]


def test_an_order_that_failed_is_not_repeated_after_a_younger_one() -> None:
    world = World()
    busy = iter([b"\x85\x06"])  # the device is busy once, with the first order

    def once_busy(pdu: bytes) -> bytes | None:
        answer = next(busy, None)
        return answer if answer is not None else memory(pdu)

    memory = world.serve[3]
    world.serve[3] = once_busy
    for on in (True, False):
        transaction = Transaction("relay", write_coil(3, 0, on), rank=Rank.ACTUATOR, within_s=3.0)
        world.master.submit(transaction, world._take, world.now_s)
    world.run(3.0)
    assert world.faults() == ["bus.superseded"]
    assert isinstance(memory, PlainMemory)
    assert memory.coils[0] is False, "the younger order stands"


def test_an_order_is_never_repeated_after_its_time() -> None:
    world = World()
    del world.serve[3]
    transaction = Transaction("relay", write_coil(3, 0, True), rank=Rank.ACTUATOR, within_s=0.4, retries=9)
    world.master.submit(transaction, world._take, world.now_s)
    begun_s = world.now_s
    world.run(0.8)
    memory = world.serve[3] = PlainMemory(coils={0: False})
    world.run(3.0)
    assert len(world.faults()) == 1
    assert world.outcomes[0][0] - begun_s < 1.5
    assert memory.coils[0] is False


def test_a_dead_device_is_known_within_a_second_and_a_cycle_and_comes_back() -> None:
    world = World()
    for unit in (1, 2, 3):
        world.poll(unit)
    world.run(5.0)
    gone, died_s = world.serve.pop(2), world.now_s
    world.run(5.0)
    dead = [report for report in world.reports if isinstance(report, Fault) and report.kind == "bus.dead"]
    assert [report.device for report in dead] == ["device 2"]
    assert dead[0].at_s - died_s <= 2.0
    assert world.master.health()["device 2"].state == "dead"
    world.serve[2], back_s = gone, world.now_s
    world.run(3.0)
    back = [report for report in world.reports if isinstance(report, Fault) and report.kind == "bus.back"]
    assert back[0].at_s - back_s < 2.0, "on an idle line the dead are asked every second"
    assert world.master.health()["device 2"].state == "ok"


def test_the_dead_cost_a_busy_line_less_than_three_percent() -> None:
    world = World(16)
    for unit in range(1, 17):
        world.poll(unit, period_s=0.01, count=8)
    world.run(5.0)
    before = len(world.answers())
    world.run(20.0)
    healthy = len(world.answers()) - before
    for unit in range(1, 9):
        del world.serve[unit]
    world.run(10.0)
    before = len(world.answers())
    world.run(20.0)
    assert len(world.answers()) - before > 0.97 * healthy


def test_neighbouring_registers_are_read_together_and_given_apart() -> None:
    world = World()
    world.poll(1, 0, 2)
    world.poll(1, 2, 3)
    world.poll(1, 7, 1)
    world.run(0.9)
    assert len(world.asked) == 2, "0 to 4 in one frame, 7 in another"
    assert {words(a.payload) for a in world.answers()} == {(100, 101), (102, 103, 104), (107,)}


def test_a_bridge_over_unread_registers_is_dropped_when_the_device_refuses_it() -> None:
    world = World()
    world.serve[1] = PlainMemory(holding={0: 1, 1: 2, 6: 7})
    world.poll(1, 0, 2, merge_gap=5)
    world.poll(1, 6, 1, merge_gap=5)
    world.run(4.95)
    assert {words(a.payload) for a in world.answers()} == {(1, 2), (7,)}
    assert world.faults() == []
    assert len(world.asked) == 1 + 2 * 5, "refused once, then two reads a period"


def test_an_exception_is_told_and_does_not_kill() -> None:
    world = World()
    world.poll(1, 50, 2)
    world.run(2.5)
    assert world.faults() == ["bus.exception.2"] * 3
    assert world.master.health()["device 1"].errors == {"exception": 3}


def test_a_device_whose_answers_always_come_too_late_is_learned() -> None:
    world = World(latency_s=0.45)
    world.poll(1, spare=1)
    world.run(30.0)
    assert len(world.answers()) > 10
    assert world.master.health()["device 1"].latency_s == pytest.approx(0.45, abs=0.02)


def test_a_lost_line_ends_what_waits_and_polls_go_on_after() -> None:
    world = World()
    world.poll(1)
    transaction = Transaction("relay", write_coil(3, 0, True), rank=Rank.ACTUATOR)
    world.master.submit(transaction, world._take, world.now_s)
    world.master.line_lost(world.now_s, "unplugged")
    world.master.line_lost(world.now_s, "unplugged")
    assert world.faults() == ["bus.line_down", "bus.line_down"], "the command and the poll, once each"
    world.now_s += 5.0
    world.master.line_opened(world.now_s)
    world.run(2.0)
    assert len(world.answers()) >= 2
    assert not [frame for frame in world.asked if frame[1] == 5], "the lost command is not sent later"


def test_a_line_that_never_falls_silent_is_named() -> None:
    world = World()
    transaction = Transaction("relay", write_coil(3, 0, True), rank=Rank.ACTUATOR, within_s=0.5)
    world.master.submit(transaction, world._take, world.now_s)
    for _ in range(3000):
        world.now_s += 0.001
        world.master.received(b"\x55", world.now_s)
        assert not world.master.step(world.now_s).send
    assert {report.kind for report in world.reports if isinstance(report, Fault)} == {"bus.babble"}
    assert world.faults() == ["bus.babble"]


def test_a_removed_poll_is_silent() -> None:
    world = World()
    job = world.poll(1)
    world.run(1.5)
    world.master.remove(job)
    before = len(world.answers())
    world.run(3.0)
    assert len(world.answers()) == before


def test_what_cannot_be_a_poll_is_refused() -> None:
    world = World()
    with pytest.raises(RequestError, match="period"):
        world.poll(1, period_s=0.0)
    with pytest.raises(RequestError, match="broadcast"):
        world.master.add_poll(Transaction("all", write_coil(0, 0, True)), 1.0, world._take, 0.0)
    scheduler = Scheduler()
    for _ in range(MAX_JOBS):
        scheduler.add(Job(Transaction("d", read(1, 3, 0, 1)), world._take, 0.0, None))
    with pytest.raises(RequestError, match="cannot carry"):
        scheduler.add(Job(Transaction("d", read(1, 3, 0, 1)), world._take, 0.0, None))


def test_time_outs_follow_the_devices_history_but_never_fall_below_the_floor() -> None:
    device = Device("probe")
    assert device.timeout_s(0, 1.0) == 0.3
    for _ in range(20):
        device.answered(0.005, 1.0)
    assert device.timeout_s(0, 1.0) == 0.04
    for _ in range(50):
        device.answered(0.2, 1.0)
    assert 0.2 < device.timeout_s(0, 1.0) < 0.5
    assert device.timeout_s(9, 1.0) == 1.0
    assert math.isfinite(device.health().timeout_s)
