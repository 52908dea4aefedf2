# SPDX-License-Identifier: Apache-2.0
"""The link against the firmware itself, over lines that lose, double, spoil, delay and cut."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge.board_process import BoardProcess
from firmware_bridge.dictionary import EXPECTED, dictionary_crc
from firmware_bridge.frame import Frame, FrameReader, Kind, encode_frame
from firmware_bridge.link import DEAD_S, QUEUE_MAX, WINDOW_CALLS, Link, LinkError, State
from firmware_bridge.link_events import (
    Abandoned,
    Connected,
    Died,
    Event,
    Mismatched,
    Refused,
    Replied,
    ReplyLost,
    Reported,
    Restarted,
)

Line = Callable[[bytes], bytes]
ENDINGS = (Replied, Refused, ReplyLost, Abandoned)


def clean(data: bytes) -> bytes:
    return data


class Wire:
    """A link and a board in lockstep, with a line of some quality in each direction."""

    def __init__(self, program: Path, down: Line = clean, up: Line = clean) -> None:
        self.board = BoardProcess([program, "--virtual"])
        self.link = Link(7)
        self.down, self.up = down, up
        self.events: list[Event] = self.link.start(self.now)

    @property
    def now(self) -> float:
        return self.board.us * 1e-6

    def step(self, us: int = 2000) -> None:
        data = self.link.to_send()
        if data:
            self.board.send(self.down(data))
        for event in self.board.run(us):
            if event.e == "tx":
                self.events += self.link.feed(self.up(bytes.fromhex(event.hex)), self.now)
        self.events += self.link.tick(self.now)

    def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        end = self.now + seconds
        while not done():
            self.step()
            assert self.now < end, f"nothing came of it in {seconds} s: {self.link.state}"

    def connect(self) -> None:
        self.until(lambda: self.link.state is State.READY)

    def ask(self, name: str, **values: int | bytes) -> Event:
        token = self.link.call(name, self.now, **values)
        self.until(lambda: any(getattr(event, "token", None) == token for event in self.events))
        return next(event for event in self.events if getattr(event, "token", None) == token)


@pytest.fixture
def wire(board_program: Path) -> Iterator[Wire]:
    made = Wire(board_program)
    yield made
    made.board.close()


def rough(seed: int) -> Line:
    chance = random.Random(seed)

    def pass_on(data: bytes) -> bytes:
        draw = chance.random()
        if draw < 0.1:
            return b""
        if draw < 0.2:
            at = chance.randrange(len(data))
            return data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]
        if draw < 0.25:
            return data + data
        if draw < 0.3:
            return data[: chance.randrange(len(data))]
        return chance.randbytes(3) + data if draw < 0.35 else data

    return pass_on


def test_learns_the_dictionary_from_the_board(wire: Wire) -> None:
    wire.connect()
    connected = next(event for event in wire.events if isinstance(event, Connected))
    assert connected.about.startswith("linux ")
    assert connected.dictionary.lines == EXPECTED


def test_a_known_dictionary_is_not_asked_for_again(board_program: Path, wire: Wire) -> None:
    wire.connect()
    asked = wire.link.counts.sent
    again = Wire(board_program)
    try:
        again.link = Link(7, wire.link._known)
        again.link.start(again.now)
        again.connect()
        assert again.link.counts.sent == 1 < asked
    finally:
        again.board.close()


@pytest.mark.parametrize("seed", range(6))
def test_every_call_ends_once_and_is_done_once_on_a_rough_line(board_program: Path, seed: int) -> None:
    wire = Wire(board_program, rough(seed), rough(seed + 100))
    try:
        wire.connect()
        tokens = [wire.link.call("claim", wire.now, epoch=epoch, host=9) for epoch in range(1, 40)]
        wire.until(lambda: sum(isinstance(event, ENDINGS) for event in wire.events) >= len(tokens))
        ends = [event.token for event in wire.events if isinstance(event, ENDINGS)]
        assert sorted(ends) == tokens
        # A claim is refused when its epoch was claimed before: done twice or out of order would show as a refusal.
        assert not [event for event in wire.events if isinstance(event, Refused)]
        boot = wire.ask("get_boot")
        while not isinstance(boot, Replied):
            boot = wire.ask("get_boot")
        assert boot.values["epoch"] == 39
    finally:
        wire.board.close()


def test_calls_keep_their_order(wire: Wire) -> None:
    wire.connect()
    tokens = [wire.link.call("get_output", wire.now, output=n % 16) for n in range(40)]
    wire.until(lambda: sum(isinstance(event, Replied) for event in wire.events) == 40)
    replies = [event for event in wire.events if isinstance(event, Replied)]
    assert [reply.token for reply in replies] == tokens
    assert [reply.values["output"] for reply in replies] == [n % 16 for n in range(40)]


def test_a_refusal_names_its_reason(wire: Wire) -> None:
    wire.connect()
    refused = wire.ask("lease", outputs=1, epoch=1, lease_ms=100, expires_ms=10_000)
    assert isinstance(refused, Refused)
    assert refused.reason == 4


def test_a_reset_under_us_is_one_event_and_ends_what_was_asked(wire: Wire) -> None:
    wire.connect()
    token = wire.link.call("get_boot", wire.now)
    wire.link.to_send()
    wire.board.do("reset")
    wire.until(lambda: any(isinstance(event, Restarted) for event in wire.events))
    assert Abandoned(token) in wire.events
    wire.events += wire.link.start(wire.now)
    wire.connect()
    assert isinstance(wire.ask("get_boot"), Replied)


def test_silence_is_found_and_told_once(wire: Wire) -> None:
    wire.connect()
    wire.down = lambda _data: b""
    wire.link.call("get_boot", wire.now)
    wire.until(lambda: wire.link.state is State.DEAD, seconds=DEAD_S + 1)
    assert sum(isinstance(event, Died) for event in wire.events) == 1
    assert wire.link.deadline is None


def test_a_board_that_reports_and_does_not_hear_is_found_too(wire: Wire) -> None:
    """One of two wires is broken: calls once piled up behind it until the agent itself ended."""
    wire.connect()
    wire.ask("set_report", period_ms=200)
    wire.until(lambda: any(isinstance(event, Reported) for event in wire.events))
    wire.down = lambda _data: b""
    wire.link.call("get_boot", wire.now)
    before = sum(isinstance(event, Reported) for event in wire.events)
    wire.until(lambda: wire.link.state is State.DEAD, seconds=DEAD_S + 1)
    assert sum(isinstance(event, Reported) for event in wire.events) > before + 5


def test_a_lost_answer_is_given_again_without_doing_the_call_again(wire: Wire) -> None:
    wire.connect()
    lost: list[bytes] = []

    def lose_first(data: bytes) -> bytes:
        if lost:
            return data
        lost.append(data)
        return b""

    wire.up = lose_first
    answer = wire.ask("claim", epoch=1, host=3)
    assert isinstance(answer, Replied)
    assert wire.link.counts.resent == 1


def test_no_call_before_the_board_is_known(wire: Wire) -> None:
    with pytest.raises(LinkError, match="hello"):
        wire.link.call("get_boot", 0.0)


def test_a_caller_that_never_waits_is_stopped(wire: Wire) -> None:
    wire.connect()
    for _ in range(QUEUE_MAX + WINDOW_CALLS):
        wire.link.call("get_boot", wire.now)
    with pytest.raises(LinkError, match="does not wait"):
        wire.link.call("get_boot", wire.now)


def test_reports_come_unasked_and_lost_ones_are_counted(wire: Wire) -> None:
    wire.connect()
    wire.ask("set_report", period_ms=100)
    wire.until(lambda: sum(isinstance(event, Reported) for event in wire.events) > 20)
    wire.up = lambda _data: b""
    for _ in range(100):
        wire.step()
    wire.up = clean
    before = len(wire.events)
    wire.until(lambda: len(wire.events) > before)
    assert wire.link.counts.reports_lost > 0


class ForeignBoard:
    """A board that speaks other messages, answered by hand."""

    def __init__(self, lines: tuple[str, ...], protocol: int = 1) -> None:
        self.lines, self.protocol, self.reader = lines, protocol, FrameReader()

    def answer(self, data: bytes) -> bytes:
        out = b""
        for frame in self.reader.feed(data):
            if frame.body[0] == 0:
                crc = dictionary_crc(self.lines)
                body = bytes((1, self.protocol, len(self.lines))) + crc.to_bytes(2, "little") + b"foreign 9.9.9"
            else:
                message, offset = frame.body[1], frame.body[2]
                text = self.lines[message].encode()
                body = bytes((3, message, len(text))) + text[offset : offset + 48]
            out += encode_frame(Frame(Kind.REPLY, frame.seq, 0, body))
        return out


@pytest.mark.parametrize(
    ("lines", "protocol", "said"),
    [
        (tuple(line.replace("lease_ms=H", "lease_ms=I") for line in EXPECTED), 1, "lease: the board says"),
        (EXPECTED[:-1], 1, "no message 'sdi12_text'"),
        (EXPECTED, 2, "protocol 2"),
        (("nonsense line=Z", *EXPECTED[1:]), 1, "cannot be read"),
    ],
)
def test_another_dictionary_is_refused_at_connect(lines: tuple[str, ...], protocol: int, said: str) -> None:
    link, board = Link(7), ForeignBoard(lines, protocol)
    events = link.start(0.0)
    for _ in range(200):
        events += link.feed(board.answer(link.to_send()), 0.0)
    mismatch = next(event for event in events if isinstance(event, Mismatched))
    assert said in mismatch.lines[0]
    assert link.state is State.DEAD
    with pytest.raises(LinkError):
        link.call("get_boot", 0.0)
