# SPDX-License-Identifier: Apache-2.0
"""Outputs on the bus, against the simulated board: leases end in the board, orders are confirmed or failed."""

from math import inf, nan

import msgspec
import pytest

from drivers.actuators.drive import DriveOutput
from drivers.actuators.orders import OrderFailed
from drivers.actuators.relay import RelayBoard
from drivers.actuators.valve import ValveOutput
from drivers.catalogue import Catalogue
from drivers.catalogue_schema import Drive, Entry, Valve, Write
from drivers.modbus_pdu import Request
from drivers.sim.instruments import SimulatedInstrument

CATALOGUE = Catalogue()
DRIVE = Entry(
    type="drive",
    title="a drive",
    maker="test",
    kind="drive",
    drive=Drive(
        command_at=0x2000,
        run_word=2,
        stop_word=1,
        frequency_at=0x2001,
        frequency_scale=0.01,
        most_hz=50.0,
        least_hz=10.0,
        actual_at=0x2103,
        silence_at=0x0903,
        silence_action=Write(at=0x0902, words=(1,)),
    ),
)
VALVE = Entry(
    type="valve",
    title="a valve",
    maker="test",
    kind="valve",
    valve=Valve(set_at=0, set_span=10000, actual_at=4, actual_span=10000, stroke_s=100.0),
)


class Line:
    """A line without a wire: asks the slave at a time that the test sets."""

    def __init__(self, slave: SimulatedInstrument) -> None:
        self.slave = slave
        self.now = 0.0
        self.sent: list[bytes] = []

    async def ask(self, request: Request) -> bytes:
        self.sent.append(request.pdu)
        reply = self.slave.answer(request.unit, request.pdu, self.now)
        if reply is None:
            raise OrderFailed("timeout")
        if reply[0] & 0x80:
            raise OrderFailed("exception", str(reply[1]))
        assert request.mismatch(reply) == ""
        return request.payload(reply)


def board() -> tuple[RelayBoard, Line]:
    slave = SimulatedInstrument(CATALOGUE.entry("waveshare-relay-8ch"), address=5)
    line = Line(slave)
    return RelayBoard(slave.entry, 5, {"valve-1": 1, "valve-2": 2, "fan": 8}, line.ask), line


async def test_a_held_valve_closes_by_itself_when_the_host_is_gone() -> None:
    relay, line = board()
    assert relay.abilities()["valve-1"].leased
    assert (await relay.hold("valve-1", 1.0, 12.34)).outcome == "done"
    assert line.sent == [bytes.fromhex("050200007b")]
    coils = line.slave.coils
    assert coils is not None
    assert coils.states(12.2)[0]
    assert not coils.states(12.3)[0], "the board rounds the lease down, never up"


async def test_a_renewed_lease_keeps_the_valve_open_without_a_gap() -> None:
    relay, line = board()
    coils = line.slave.coils
    assert coils is not None
    for step in range(10):
        line.now = float(step)
        assert (await relay.hold("fan", 1.0, 3.0)).outcome == "done"
        assert coils.states(line.now)[7]
    assert await relay.states() == {"valve-1": False, "valve-2": False, "fan": True}
    assert coils.states(11.9)[7]
    assert not coils.states(12.0)[7]


async def test_release_closes_at_once_and_is_idempotent() -> None:
    relay, line = board()
    await relay.hold("valve-2", 1.0, 100.0)
    for _ in range(2):
        assert (await relay.release("valve-2")).outcome == "done"
        assert not any((await relay.states()).values())
    assert line.slave.coils is not None
    assert not line.slave.coils.states(99.0)[1]


@pytest.mark.parametrize(
    ("level", "lease_s", "reason"),
    [
        (nan, 5.0, "output.level_impossible"),
        (inf, 5.0, "output.level_impossible"),
        (-0.1, 5.0, "output.level_impossible"),
        (1.5, 5.0, "output.level_impossible"),
        (0.5, 5.0, "output.on_off_only"),
        (1.0, nan, "output.lease_impossible"),
        (1.0, 0.0, "output.lease_impossible"),
        (1.0, 0.05, "output.lease_impossible"),
        (1.0, inf, "output.lease_impossible"),
    ],
)
async def test_an_impossible_order_is_refused_before_a_byte_is_sent(level: float, lease_s: float, reason: str) -> None:
    relay, line = board()
    refused = await relay.hold("valve-1", level, lease_s)
    assert (refused.outcome, refused.detail) == ("refused", reason)
    assert line.sent == []


async def test_a_silent_board_is_a_failed_order_not_a_done_one() -> None:
    relay, line = board()
    line.slave.silent = True
    assert await relay.hold("valve-1", 1.0, 5.0) == await relay.hold("valve-1", 1.0, 5.0)
    assert (await relay.release("valve-1")).detail == "output.timeout"


async def test_a_lease_beyond_what_the_board_can_is_cut() -> None:
    relay, line = board()
    await relay.hold("valve-1", 1.0, 1e6)
    assert line.sent == [bytes.fromhex("0502007fff")]


def test_wrong_channels_are_refused_when_the_board_is_made() -> None:
    entry = CATALOGUE.entry("waveshare-relay-8ch")
    line = Line(SimulatedInstrument(entry))
    with pytest.raises(ValueError, match="channels 1 to 8, not 9"):
        RelayBoard(entry, 1, {"valve": 9}, line.ask)
    with pytest.raises(ValueError, match="share one channel"):
        RelayBoard(entry, 1, {"a": 1, "b": 1}, line.ask)


async def test_a_board_without_timed_pulse_says_so() -> None:
    entry = CATALOGUE.entry("waveshare-relay-8ch")
    assert entry.relay is not None
    plain = msgspec.structs.replace(entry, relay=msgspec.structs.replace(entry.relay, flash_on_at=None))
    line = Line(SimulatedInstrument(plain))
    relay = RelayBoard(plain, 1, {"valve": 1}, line.ask)
    assert not relay.abilities()["valve"].leased
    assert (await relay.hold("valve", 1.0, 5.0)).outcome == "done"
    assert await relay.states() == {"valve": True}


async def test_a_drive_is_told_to_stop_by_itself_before_it_first_runs() -> None:
    line = Line(SimulatedInstrument(DRIVE, address=3))
    drive = DriveOutput(DRIVE, 3, "pump", line.ask)
    assert drive.abilities()["pump"].leased
    await drive.hold("pump", 1.0, 2.0)
    assert line.sent[:3] == [bytes.fromhex(pdu) for pdu in ("0609030014", "0609020001", "0620011388")]
    await drive.hold("pump", 1.0, 2.0)
    assert [pdu.hex() for pdu in line.sent].count("0609030014") == 1, "once is enough"


async def test_a_drive_that_hears_nobody_any_more_stops_its_pump() -> None:
    line = Line(SimulatedInstrument(DRIVE, address=3))
    drive = DriveOutput(DRIVE, 3, "pump", line.ask)
    for line.now in (0.0, 5.0, 10.0):
        await drive.hold("pump", 1.0, 10.0)
    motor = line.slave.motor
    assert motor is not None
    assert motor.hz(19.9) == pytest.approx(50.0)
    assert motor.hz(30.0) == 0.0


async def test_a_drive_that_does_not_take_the_silence_rule_never_runs() -> None:
    assert DRIVE.drive is not None
    deaf = msgspec.structs.replace(DRIVE, drive=msgspec.structs.replace(DRIVE.drive, silence_at=0x0999))
    line = Line(SimulatedInstrument(DRIVE, address=3))
    done = await DriveOutput(deaf, 3, "pump", line.ask).hold("pump", 1.0, 10.0)
    assert done.outcome == "failed"
    assert bytes.fromhex("0620000002") not in line.sent


async def test_a_drive_runs_up_and_tells_its_frequency() -> None:
    line = Line(SimulatedInstrument(DRIVE, address=3))
    drive = DriveOutput(DRIVE, 3, "pump", line.ask)
    await drive.hold("pump", 0.5, 10.0)
    line.now = 9.0
    done = await drive.hold("pump", 0.5, 10.0)
    assert done.outcome == "done"
    assert done.feedback == pytest.approx(0.5)
    assert (await drive.release("pump")).outcome == "done"
    assert line.slave.motor is not None
    assert line.slave.motor.hz(200.0) == 0.0


async def test_a_valve_tells_where_it_stands_not_where_it_shall() -> None:
    line = Line(SimulatedInstrument(VALVE, address=4))
    valve = ValveOutput(VALVE, 4, "mixing", line.ask)
    assert (await valve.hold("mixing", 0.8, 60.0)).feedback == 0.0
    line.now = 40.0
    assert (await valve.hold("mixing", 0.8, 60.0)).feedback == pytest.approx(0.4)
    line.now = 200.0
    assert (await valve.release("mixing")).feedback == pytest.approx(0.8)
    line.now = 400.0
    assert (await valve.release("mixing")).feedback == 0.0
