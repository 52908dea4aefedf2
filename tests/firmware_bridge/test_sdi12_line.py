# SPDX-License-Identifier: Apache-2.0
"""The SDI-12 master over the board's own recorder: a sensor on the pin is asked, measured, and its silence noticed."""

import asyncio
import contextlib
from pathlib import Path

from drivers import sdi12_words
from drivers.sdi12 import Answered, Unanswered
from drivers.sdi12_line import Sdi12Line
from firmware_bridge.board_process import BoardEvent
from firmware_bridge.linux_board import VirtualBoard
from firmware_bridge.sdi12_line import BoardSdi12
from tests.firmware_bridge.farm_board import Host, farm_board, in_virtual_time, pass_time

BIT_US = 1e6 / 1200
ANSWERS = {b"0!": b"0\r\n", b"0I!": b"014VUON    PROBE 1.0001\r\n"}


class Sensor:
    """Hears the recorder's bits on the pin, and puts its answer there nine milliseconds later."""

    def __init__(self, board: VirtualBoard, answers: dict[bytes, bytes]) -> None:
        self.board = board
        self.answers = answers
        self.pin: list[BoardEvent] = []
        self.heard: list[bytes] = []
        self.at_us: int | None = None

    def watch(self, event: BoardEvent) -> None:
        if event.e != "sdi12":
            return
        if event.driven and self.pin and not self.pin[-1].driven:
            self.pin.clear()
        self.pin.append(event)
        if not event.driven and len(self.pin) > 3:
            self.heard.append(self.command())
            self.pin.clear()
            self.at_us = event.us + 9000

    def command(self) -> bytes:
        """Read the characters that the pin's levels spell: seven bits, even parity, spacing is 0."""
        released = self.pin[-1].us
        changes = [(event.us, event.spacing) for event in self.pin]

        def level(us: float) -> int:
            return [spacing for at, spacing in changes if at <= us][-1]

        marking = next(at for at, spacing in changes[1:] if not spacing)
        at = next(float(at) for at, spacing in changes if at > marking and spacing)
        text = b""
        while at + 8 * BIT_US < released:
            bits = [1 - level(at + (1.5 + place) * BIT_US) for place in range(7)]
            text += bytes((sum(bit << place for place, bit in enumerate(bits)),))
            later = [moment for moment, spacing in changes if moment > at + 8.5 * BIT_US and spacing]
            if not later:
                break
            at = float(later[0])
        return text

    async def live(self) -> None:
        """Follow the board closely, as a wire does."""
        while True:
            await pass_time(0.001)
            self.board.follow()
            if self.at_us is not None:
                self.board.inject(*self.edges(self.at_us, self.answers.get(self.heard[-1], b"")))
                self.at_us = None

    @staticmethod
    def edges(began_us: int, text: bytes) -> list[str]:
        lines = []
        for number, character in enumerate(text):
            ones = character.bit_count() % 2
            for place, bit in enumerate([0, *(character >> b & 1 for b in range(7)), ones, 1]):
                lines.append(f"line {round(began_us + (number * 10 + place) * BIT_US)} {0 if bit else 1}")
        return lines


def test_a_sensor_on_the_boards_pin_answers_like_one_on_any_line(board_program: Path) -> None:
    async def work(board: VirtualBoard) -> None:
        host, sensor = Host(board, farm_board()), Sensor(board, ANSWERS)
        board.on_event = sensor.watch
        await host.start()
        living = asyncio.create_task(sensor.live())
        line = Sdi12Line(await BoardSdi12(host.bridge).open(), slack_s=0.8, adapter=True)
        told = await line.ask(sdi12_words.identify("0"))
        assert isinstance(told, Answered), told
        assert "VUON" in str(told)
        assert sensor.heard == [b"0I!"]
        assert await line.scan("01") == ["0"]
        assert isinstance(await line.ask(sdi12_words.acknowledge("7")), Unanswered)
        assert (await host.outputs.hold("bed-1", 1.0, 2.0)).outcome == "done"
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living
        await host.stop()

    in_virtual_time(board_program, work)
