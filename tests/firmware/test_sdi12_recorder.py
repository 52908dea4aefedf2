# SPDX-License-Identifier: Apache-2.0
"""The SDI-12 recorder on one pin: its timing against SDI-12 v1.4 section 7, and what it hears from a sensor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.board_process import BoardEvent, BoardProcess
from firmware_bridge.link import Link, State
from firmware_bridge.link_events import Event, Refused, Replied

BIT_US = 1e6 / 1200
BREAK_MIN_US, MARKING_MIN_US, RELEASE_MAX_US = 12_000, 8_330, 7_500
TOLERANCE_US = 400
GIVE_UP_US = 10_000_000  # of the board's own time


class Recorder:
    """A board and a link, and a sensor's side of the pin."""

    def __init__(self, words: list[str | Path]) -> None:
        self.board = BoardProcess(words)
        self.link = Link(7)
        self.pin: list[BoardEvent] = []
        self.events: list[Event] = []
        self.link.start(0.0)
        while self.link.state is not State.READY:
            self.step()

    def step(self, us: int = 1000) -> None:
        assert self.board.us < GIVE_UP_US, "the board neither answers nor ends its command"
        data = self.link.to_send()
        if data:
            self.board.send(data)
        for event in self.board.run(us):
            if event.e == "tx":
                self.events += self.link.feed(bytes.fromhex(event.hex), self.board.us * 1e-6)
            elif event.e == "sdi12":
                self.pin.append(event)
        self.events += self.link.tick(self.board.us * 1e-6)

    def ask(self, name: str, **values: int | bytes) -> Replied | Refused:
        token = self.link.call(name, self.board.us * 1e-6, **values)
        while True:
            for event in self.events:
                if isinstance(event, Replied | Refused) and event.token == token:
                    return event
            self.step()

    def command(self, text: bytes, *, with_break: bool = True) -> float:
        """Send a command; wait until the line is let go; give when that was (us)."""
        self.pin.clear()
        assert isinstance(self.ask("sdi12_send", flags=int(with_break), text=text), Replied)
        while not self.pin or self.pin[-1].driven:
            self.step()
        return self.pin[-1].us

    def sensor_says(self, at_us: float, text: bytes, *, wrong_parity: bool = False) -> None:
        """Put a sensor's characters on the line: 7 data bits, even parity, levels inverted."""
        for number, character in enumerate(text):
            ones = character.bit_count() % 2 ^ int(wrong_parity and number == 1)
            bits = [0, *(character >> bit & 1 for bit in range(7)), ones, 1]
            for place, bit in enumerate(bits):
                edge = round(at_us + (number * 10 + place) * BIT_US)
                self.board.do(f"line {edge} {0 if bit else 1}")

    def heard(self) -> tuple[int, bytes]:
        self.step(60_000)
        while True:
            reply = self.ask("sdi12_read", offset=0)
            assert isinstance(reply, Replied)
            if reply.values["state"] != 1:
                break
            self.step(20_000)
        state, length, text = (reply.values[name] for name in ("state", "length", "text"))
        assert isinstance(state, int)
        assert isinstance(length, int)
        assert isinstance(text, bytes)
        while len(text) < length:
            more = self.ask("sdi12_read", offset=len(text))
            assert isinstance(more, Replied)
            piece = more.values["text"]
            assert isinstance(piece, bytes)
            text += piece
        return state, text


@pytest.fixture(params=["linux", "avr"])
def recorder(request: pytest.FixtureRequest, avr_programs: Path) -> Iterator[Recorder]:
    words: dict[str, list[str | Path]] = {
        "linux": [avr_programs / "vuon-board", "--virtual"],
        "avr": [avr_programs / "avr-rig", "--hex", avr_programs / "vuon-avr.hex", "--virtual"],
    }
    made = Recorder(words[request.param])
    yield made
    made.board.close()


def level_at(pin: list[BoardEvent], us: float) -> int:
    return [event.spacing for event in pin if event.us <= us][-1]


def test_break_marking_and_bits_have_the_documents_times(recorder: Recorder) -> None:
    released = recorder.command(b"0M!")
    spacing = next(event for event in recorder.pin if event.spacing)
    marking = next(event for event in recorder.pin if event.us > spacing.us and not event.spacing)
    start = next(event for event in recorder.pin if event.us > marking.us and event.spacing)
    assert BREAK_MIN_US <= marking.us - spacing.us <= BREAK_MIN_US + 1000
    assert MARKING_MIN_US <= start.us - marking.us <= MARKING_MIN_US + 1000
    for number, character in enumerate(b"0M!"):
        bits = [0, *(character >> bit & 1 for bit in range(7)), character.bit_count() % 2, 1]
        for place, bit in enumerate(bits):
            middle = start.us + (number * 10 + place + 0.5) * BIT_US
            for moment in (middle - TOLERANCE_US / 2, middle, middle + TOLERANCE_US / 2):
                assert level_at(recorder.pin, moment) == (0 if bit else 1), (number, place)
    assert released - (start.us + 30 * BIT_US) <= RELEASE_MAX_US


def test_a_reply_is_heard_to_the_last_character(recorder: Recorder) -> None:
    released = recorder.command(b"0D0!")
    reply = b"0+3.14+2.718+1.414-12.5+0.001+99.99+1234.5+0.00001+7654321Ipz\r\n"
    recorder.sensor_says(released + 8000, reply)
    recorder.step(round(len(reply) * 10 * BIT_US) + 10_000)
    assert recorder.heard() == (2, reply)


def test_a_sensor_two_percent_fast_is_understood(recorder: Recorder) -> None:
    released = recorder.command(b"0!", with_break=False)
    for number, character in enumerate(b"0\r\n"):
        bits = [0, *(character >> bit & 1 for bit in range(7)), character.bit_count() % 2, 1]
        for place, bit in enumerate(bits):
            edge = round(released + 8000 + (number * 10 + place) * BIT_US * 0.98)
            recorder.board.do(f"line {edge} {0 if bit else 1}")
    assert recorder.heard() == (2, b"0\r\n")


def test_silence_is_told_as_silence(recorder: Recorder) -> None:
    recorder.command(b"5!")
    assert recorder.heard() == (3, b"")


def test_a_character_with_wrong_parity_is_refused(recorder: Recorder) -> None:
    released = recorder.command(b"0!")
    recorder.sensor_says(released + 8000, b"0\r\n", wrong_parity=True)
    assert recorder.heard()[0] == 4


def test_a_sensor_that_talks_on_and_on_is_cut_off(recorder: Recorder) -> None:
    released = recorder.command(b"0D0!")
    recorder.sensor_says(released + 8000, b"0" * 90)
    recorder.step(800_000)
    assert recorder.heard()[0] == 5


def test_a_second_command_waits_its_turn(recorder: Recorder) -> None:
    assert isinstance(recorder.ask("sdi12_send", flags=1, text=b"0!"), Replied)
    busy = recorder.ask("sdi12_send", flags=1, text=b"1!")
    assert isinstance(busy, Refused)
    assert busy.reason == 15
