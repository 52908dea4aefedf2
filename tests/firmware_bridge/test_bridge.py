# SPDX-License-Identifier: Apache-2.0
"""The bridge and the ports on the firmware itself, in virtual time: leases end when wishes end, whatever dies."""

import asyncio
from math import nan
from pathlib import Path

import pytest

from firmware_bridge.board_config import Valve
from firmware_bridge.calls import CallFailed
from firmware_bridge.linux_board import VirtualBoard
from tests.firmware_bridge.farm_board import Epochs, Host, Watch, farm_board, in_virtual_time, pass_time

LEASE_S = 1.0
TICK_S = 0.0011  # the firmware decides once a millisecond


def test_a_valve_is_on_exactly_as_long_as_it_was_held(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> list[tuple[float, bool]]:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        asked = asyncio.get_running_loop().time()
        assert (await host.outputs.hold("bed-1", 1.0, 2.5)).outcome == "done"
        await pass_time(4.0)
        board.follow()
        await host.stop()
        return [(at - asked, on) for at, on in watch.switched(0)]

    (on_at, on), (off_at, off) = in_virtual_time(board_program, work)
    assert (on, off) == (True, False)
    assert on_at < 0.01
    assert off_at == pytest.approx(2.5, abs=0.02)


def test_a_dead_host_closes_everything_within_the_lease(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> float:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 600.0)
        await pass_time(10.3)
        await host.stop()
        died = asyncio.get_running_loop().time()
        await pass_time(5.0)
        board.follow()
        assert board.on == 0
        return watch.switched(0)[-1][0] - died

    assert in_virtual_time(board_program, work) <= LEASE_S + TICK_S


def test_a_tick_that_hangs_wishes_nothing_more(board_program: Path) -> None:
    """The bridge lives on and talks, but nobody renews the wish: off when it ends."""

    async def work(board: VirtualBoard) -> float:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        for _ in range(5):
            await host.outputs.hold("bed-1", 1.0, 2.0)
            await pass_time(1.0)
        hung = asyncio.get_running_loop().time()
        await pass_time(5.0)
        board.follow()
        await host.stop()
        return watch.switched(0)[-1][0] - hung

    assert in_virtual_time(board_program, work) <= 1.0 + 0.02


def test_a_pump_waits_for_its_valve_and_stops_before_it(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> tuple[list[tuple[float, bool]], list[tuple[float, bool]]]:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        waiting = await host.outputs.hold("pump", 1.0, 4.0)
        assert (waiting.outcome, waiting.detail) == ("refused", "block.no_open_valve")
        await host.outputs.hold("bed-1", 1.0, 2.0)
        for _ in range(60):
            board.inject("counter 0 1")
            await pass_time(0.1)
        await host.stop()
        return watch.switched(0), watch.switched(2)

    valve, pump = in_virtual_time(board_program, work)
    assert pump[0][0] - valve[0][0] == pytest.approx(0.5, abs=0.003)
    assert valve[1][0] - pump[1][0] == pytest.approx(0.2, abs=0.003)


def test_a_dry_pump_is_locked_out_and_freed_by_a_person(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 60.0)
        await host.outputs.hold("pump", 1.0, 60.0)
        await pass_time(8.0)
        board.follow()
        (on_at, _), (off_at, _) = watch.switched(2)
        assert off_at - on_at == pytest.approx(5.0, abs=0.01)
        assert (await host.outputs.hold("pump", 1.0, 60.0)).detail == "block.dry_run"
        await host.bridge.call("clear_lockout", epoch=host.bridge.epoch, outputs=1 << 2)
        assert (await host.outputs.hold("pump", 1.0, 60.0)).outcome == "done"
        await host.stop()

    in_virtual_time(board_program, work)


def test_a_doser_keeps_its_caps_and_needs_flowing_water(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        dry = await host.outputs.dose("acid", 3.0, 5.0)
        assert dry.outcome == "done"  # it waits for water
        await pass_time(1.0)
        board.follow()
        assert watch.switched(3) == []
        await host.outputs.release("acid")
        await pass_time(0.1)
        assert (await host.outputs.dosed_ml("acid"))[1:] == (0.0, 0.0)
        told = []
        for _ in range(3):
            told.append(await host.outputs.dose("acid", 5.0, 10.0))
            for _ in range(40):
                board.inject("counter 0 1")
                await pass_time(0.1)
        assert [(c.outcome, c.detail) for c in told] == [("done", ""), ("done", ""), ("refused", "refusal.hour_cap")]
        seconds = sum(b[0] - a[0] for a, b in zip(watch.switched(3)[::2], watch.switched(3)[1::2], strict=True))
        assert seconds * 2.0 == pytest.approx(10.0, abs=0.02)
        assert (await host.outputs.dose("acid", 6.0, 10.0)).detail == "refusal.event_cap"
        await host.stop()

    in_virtual_time(board_program, work)


def test_holding_a_doser_doses_and_gives_back_the_rest(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> float:
        host = Host(board, farm_board())
        await host.start()
        board.inject("counter 0 1")
        assert (await host.outputs.hold("acid", 1.0, 1.5)).outcome == "done"
        for _ in range(30):
            board.inject("counter 0 1")
            await pass_time(0.1)
        _, hour_ml, _ = await host.outputs.dosed_ml("acid")
        await host.stop()
        return hour_ml

    assert in_virtual_time(board_program, work) == pytest.approx(3.0, abs=0.05)


def test_of_two_hosts_only_the_one_with_the_higher_epoch_acts(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        first = Host(board, farm_board(), Epochs(5))
        await first.start()
        assert first.bridge.epoch == 6
        await first.outputs.hold("bed-1", 1.0, 60.0)
        await first.bridge.call("claim", epoch=7, host=99)  # what a clone of this host would do at its start
        await pass_time(0.3)
        board.follow()
        assert board.on == 0
        told = await first.outputs.hold("bed-1", 1.0, 60.0)
        assert (told.outcome, told.detail) in {("failed", "mcu.fenced"), ("refused", "refusal.fenced")}
        await pass_time(5.0)
        board.follow()
        assert board.on == 0
        assert first.kinds().count("mcu.fenced") == 1
        await first.stop()

    in_virtual_time(board_program, work)


def test_the_same_configuration_is_not_sent_twice_and_another_is(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> tuple[list[str], list[str], list[str]]:
        found = []
        other = farm_board(valves=(Valve(name="bed-1", output=0, max_on_s=5.0),), pumps=(), dosers=(), inputs=())
        for config in (farm_board(), farm_board(), other):
            host = Host(board, config)
            await host.start()
            found.append(host.kinds())
            await host.stop()
        return found[0], found[1], found[2]

    first, again, changed = in_virtual_time(board_program, work)
    assert "mcu.configuring" in first
    assert "mcu.configuring" not in again
    assert "mcu.configuring" in changed


def test_a_reset_is_survived_and_wishes_go_on(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 20.0)
        await pass_time(1.0)
        board.inject("reset")
        assert board.on == 0
        await host.until(lambda: board.on == 1, seconds=3.0)
        assert "mcu.restarted" in host.kinds()
        assert len(watch.switched(0)) == 3
        await host.stop()

    in_virtual_time(board_program, work)


def test_a_hung_controller_is_ended_by_its_watchdog(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> float:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 20.0)
        await pass_time(1.0)
        board.inject("wedge")
        hung = asyncio.get_running_loop().time()
        await pass_time(0.5)
        board.follow()
        off = watch.switched(0)[1][0]
        await host.until(lambda: host.bridge.board.reset_cause == 4, seconds=5.0)
        await host.stop()
        return off - hung

    assert in_virtual_time(board_program, work) <= 0.251


def test_the_stop_chain_latches_until_a_person_clears_it(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> float:
        host, watch = Host(board, farm_board()), Watch(board)
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 60.0)
        board.inject("input 0 1")
        pressed = asyncio.get_running_loop().time()
        await pass_time(0.5)
        board.follow()
        with pytest.raises(CallFailed, match="still_active"):
            await host.bridge.call("clear_shutdown", epoch=host.bridge.epoch, reason=1)
        board.inject("input 0 0")
        await pass_time(0.5)
        assert (await host.outputs.hold("bed-1", 1.0, 5.0)).detail == "refusal.shutdown"
        board.inject("reset")
        await host.until(lambda: host.bridge.board.boots > 2 and host.bridge.ready, seconds=5.0)
        assert (await host.outputs.hold("bed-1", 1.0, 5.0)).detail == "refusal.shutdown"
        with pytest.raises(CallFailed, match="wrong_reason"):
            await host.bridge.call("clear_shutdown", epoch=host.bridge.epoch, reason=2)
        await host.bridge.call("clear_shutdown", epoch=host.bridge.epoch, reason=1)
        assert (await host.outputs.hold("bed-1", 1.0, 5.0)).outcome == "done"
        assert "mcu.shutdown" in host.kinds()
        await host.stop()
        return watch.switched(0)[1][0] - pressed

    assert in_virtual_time(board_program, work) < 0.010


def test_a_full_tank_forbids_its_valve_only(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host = Host(board, farm_board())
        await host.start()
        await host.outputs.hold("fill", 1.0, 60.0)
        await host.outputs.hold("bed-1", 1.0, 60.0)
        board.inject("input 1 1")
        await pass_time(0.1)
        board.follow()
        assert board.on == 1
        assert (await host.outputs.hold("fill", 1.0, 5.0)).detail == "block.input"
        board.inject("input 1 0")
        await pass_time(0.1)
        board.follow()
        assert board.on == 0b10001
        await host.stop()

    in_virtual_time(board_program, work)


def test_readings_carry_totals_through_a_reset(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host = Host(board, farm_board())
        await host.start()
        board.inject("adc 0 2500")
        board.inject("counter 0 7")
        await pass_time(2.0)
        board.inject("reset")
        await host.until(lambda: host.bridge.board.boots > 2 and host.bridge.ready, seconds=5.0)
        board.inject("counter 0 5")
        await pass_time(2.0)
        last = {reading.series: reading for reading in host.readings}
        assert last["house/water_volume"].raw == 12.0
        assert last["house/pressure"].raw == pytest.approx(511.0)
        assert last["tank/full"].raw == 0.0
        assert last["house/pressure"].mono_ms <= asyncio.get_running_loop().time() * 1000
        await host.stop()

    in_virtual_time(board_program, work)


@pytest.mark.parametrize(
    ("output", "level", "lease_s", "detail"),
    [
        ("bed-1", nan, 1.0, "output.not_proportional"),
        ("bed-1", 0.5, 1.0, "output.not_proportional"),
        ("bed-1", 1.0, nan, "output.bad_lease"),
        ("bed-1", 1.0, -1.0, "output.bad_lease"),
        ("bed-1", 1.0, 1e9, "output.bad_lease"),
        ("nothing", 1.0, 1.0, "output.unknown"),
    ],
)
def test_nonsense_opens_nothing(board_program: Path, output: str, level: float, lease_s: float, detail: str) -> None:
    async def work(board: VirtualBoard) -> tuple[str, str]:
        host = Host(board, farm_board())
        await host.start()
        told = await host.outputs.hold(output, level, lease_s)
        board.follow()
        assert board.on == 0
        await host.stop()
        return told.outcome, told.detail

    assert in_virtual_time(board_program, work) == ("refused", detail)


def test_a_month_long_clock_step_changes_no_lease(board_program: Path) -> None:
    """Leases know only the loop's monotonic time: the wall clock appears nowhere in the bridge."""
    root = Path(__file__).resolve().parents[2] / "firmware_bridge"
    for name in ("bridge.py", "leases.py", "link.py", "clock_sync.py", "mcu_devices.py"):
        text = (root / name).read_text(encoding="utf-8")
        assert "datetime" not in text
        assert "import time" not in text
    assert board_program.exists()


def test_a_board_of_another_kind_than_the_farm_names_is_told_and_nothing_is_commanded(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> tuple[list[str], list[str]]:
        host = Host(board, farm_board(kind="avr-nano"))
        host.task = asyncio.create_task(host.source.run(host.readings.extend, host.faults.append), name="host")
        await host.until(lambda: "mcu.other_board" in host.kinds())
        await pass_time(20.0)
        answer = await host.outputs.hold("bed-1", 1.0, 60.0)
        board.follow()
        assert (answer.outcome, board.on, host.epochs.value) == ("failed", 0, 0)
        await host.stop()
        right = Host(board, farm_board(kind="linux"))
        await right.start()
        await right.stop()
        return host.kinds(), [fault.detail for fault in host.faults]

    kinds, details = in_virtual_time(board_program, work)
    assert kinds == ["mcu.other_board"]
    assert details[0].startswith("linux ")
    assert details[0].endswith("; farm.toml: avr-nano")


def test_a_broken_wire_to_the_board_ends_no_host_however_much_is_asked(board_program: Path) -> None:
    async def nothing(data: bytes) -> None:
        del data  # they go nowhere

    async def work(board: VirtualBoard) -> tuple[list[str], int, str]:
        host = Host(board, farm_board())
        await host.start()
        await host.outputs.hold("bed-1", 1.0, 600.0)
        board.write = nothing  # type: ignore[method-assign]
        asked = [asyncio.create_task(host.bridge.call("get_output", output=0)) for _ in range(200)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, CallFailed) for answer in answers)
        await pass_time(60.0)
        board.follow()
        dark = board.on
        del board.write
        await pass_time(20.0)
        outcome = (await host.outputs.hold("bed-1", 1.0, 2.0)).outcome
        await host.stop()
        return [fault.kind for fault in host.faults], dark, outcome

    told, dark, outcome = in_virtual_time(board_program, work)
    assert "mcu.session_lost" in told
    assert dark == 0, "the leases ran out"
    assert outcome == "done", "and all is well once the wire is mended"
