# SPDX-License-Identifier: Apache-2.0
"""Parity, which no pseudo-terminal carries: every bit of every character on a virtual wire, with a UART at each end.

What an 8E1 device says is read at 8E1 and never taken for a value at another setting; a 7E1 sensor is read through a
port that only knows 8N1.
"""

import asyncio
import itertools

import pytest

from drivers import sdi12_words
from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read, words
from drivers.modbus_rtu import Reply, RtuMaster, frame_of
from drivers.modbus_slave import PlainMemory, RtuSlaves
from drivers.sdi12 import Answered, Unanswered
from drivers.sdi12_line import Sdi12Line
from drivers.sim.line_instruments import SimulatedLineInstrument
from edge import virtual

FORMS = [LineSettings(19200, *form) for form in (("N", 1, 8), ("E", 1, 8), ("O", 1, 8), ("N", 2, 8))]
E71 = LineSettings(1200, "E", 1, 7)
N81 = LineSettings(1200)


def parity_of(value: int, settings: LineSettings) -> list[int]:
    odd = value.bit_count() & 1
    return {"N": [], "E": [odd], "O": [1 - odd]}[settings.parity]


def sent(data: bytes, settings: LineSettings) -> list[int]:
    """Give the line's level for each bit time: start bit, data from the lowest bit on, parity, stop bits."""
    levels: list[int] = []
    for byte in data:
        bits = [byte >> place & 1 for place in range(settings.data_bits)]
        levels += [0, *bits, *parity_of(byte & (1 << settings.data_bits) - 1, settings), *[1] * settings.stop_bits]
    return levels


def heard(levels: list[int], settings: LineSettings) -> bytes:
    """Read characters as a UART does: from each start bit on; a wrong parity or stop bit loses the character."""
    found = bytearray()
    line = iter([*levels, *[1] * 12])
    for level in line:
        if level:
            continue
        bits = list(itertools.islice(line, settings.data_bits))
        parity = list(itertools.islice(line, int(settings.parity != "N")))
        stop = next(line, 1)
        value = sum(bit << place for place, bit in enumerate(bits))
        if stop and parity == parity_of(value, settings):
            found.append(value)
    return bytes(found)


def exchanged(master: LineSettings, slave: LineSettings) -> tuple[int, ...] | None:
    """Ask a slave over the wire; give its registers, None when no answer was taken."""
    core, device = RtuMaster(master), RtuSlaves({17: PlainMemory(holding={0: 0x1234, 1: 0xFF00, 2: 7})})
    frame = core.start(read(17, 3, 0, 3), 1.0, 0.1)
    for answer in [*device.feed(heard(sent(frame, master), slave)), *device.gap()]:
        for event in core.feed(heard(sent(answer, slave), master), 1.05):
            if isinstance(event, Reply):
                return words(event.payload)
    return None


@pytest.mark.parametrize("slave", FORMS, ids=str)
@pytest.mark.parametrize("master", FORMS, ids=str)
def test_a_device_is_read_at_its_own_format_and_never_wrongly_at_another(
    master: LineSettings, slave: LineSettings
) -> None:
    got = exchanged(master, slave)
    same = (master.parity, master.data_bits) == (slave.parity, slave.data_bits)
    if same and master.stop_bits >= slave.stop_bits:
        assert got == (0x1234, 0xFF00, 7)
    else:
        assert got in {None, (0x1234, 0xFF00, 7)}, "an answer may be lost, never be another"
        if master.parity != slave.parity and "N" not in {master.parity, slave.parity}:
            assert got is None, "even and odd cannot understand each other"


def test_a_flipped_bit_is_seen_by_parity_before_the_check_sum_has_to() -> None:
    even = FORMS[1]
    frame = frame_of(1, b"\x03\x02\x00\x64")
    levels = sent(frame, even)
    data_bits = [at for at in range(len(levels)) if at % 11 in range(1, 9)]
    for at in data_bits:
        spoiled = [*levels]
        spoiled[at] ^= 1
        assert len(heard(spoiled, even)) < len(frame)


class Wire:
    """A 7E1 sensor's line, bit by bit, behind a port that is set to 8N1."""

    def __init__(self, sensor: SimulatedLineInstrument, spoil: int = 0) -> None:
        self._sensor = sensor
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self.spoil = spoil  # how many answers lose a bit

    async def read(self) -> bytes:
        return await self._came.get()

    async def write(self, data: bytes) -> None:
        command = heard(sent(data, N81), E71)
        for delay_s, answer in self._sensor.answer(command, self._loop.time()):
            levels = sent(answer, E71)
            if self.spoil and len(answer) > 4:
                self.spoil -= 1
                levels[13] ^= 1
            self._loop.call_later(delay_s + len(data) / 120, self._came.put_nowait, heard(levels, N81))

    async def send_break(self, seconds: float) -> None:
        assert seconds >= 0.012

    def discard_input(self) -> None:
        while not self._came.empty():
            self._came.get_nowait()

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("spoil", [0, 2])
def test_a_7e1_sensor_is_read_through_a_port_that_only_knows_8n1(spoil: int) -> None:
    async def main(_loop: virtual.VirtualLoop) -> Answered | Unanswered:
        sensor = SimulatedLineInstrument(Catalogue().entry("meter-teros-12"), lambda _n, _t: 21.5, address="3")
        line = Sdi12Line(Wire(sensor, spoil), slack_s=0.0, as_8n1=True)
        return await line.ask(sdi12_words.continuous("3", crc=True))

    answer = virtual.run(main)
    assert isinstance(answer, Answered), "a spoiled answer is asked for again"
    assert sdi12_words.values(answer.text)[1] == pytest.approx(21.5)


def test_a_7e1_sensor_hears_nothing_of_plain_8n1_characters() -> None:
    assert heard(sent(b"3R0!", N81), E71) != b"3R0!"
    assert heard(sent(sdi12_words.to_8n1(b"3R0!"), N81), E71) == b"3R0!"
