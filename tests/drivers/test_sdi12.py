# SPDX-License-Identifier: Apache-2.0
"""SDI-12: the whole command set, the specification's timing in virtual time, and a line of sensors."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import sdi12_words as w
from drivers.crc import crc16, sdi12_crc
from drivers.sdi12 import (
    ANSWER_S,
    BREAK_S,
    CHARACTER_S,
    MARK_S,
    Answered,
    Event,
    Recorder,
    Result,
    Round,
    Transmit,
    Unanswered,
)

Sensor = Callable[[str, float], list[tuple[float, bytes]]]


class Line:
    """A wire in virtual time: knows when each edge was, and what the sensors say to it."""

    def __init__(self, sensors: dict[str, Sensor]) -> None:
        self.now_s = 0.0
        self.sensors = sensors
        self.log: list[tuple[float, str]] = []
        self.coming: list[tuple[float, int, bytes]] = []
        self.order = 0

    def say(self, at_s: float, text: bytes) -> None:
        for index, byte in enumerate(text):
            self.order += 1
            heapq.heappush(self.coming, (at_s + (index + 1) * CHARACTER_S, self.order, bytes((byte,))))

    def carry(self, recorder: Recorder, move: Transmit) -> None:
        self.now_s += move.wait_s
        if move.break_s:
            self.log.append((self.now_s, "break"))
            self.now_s += move.break_s + move.mark_s
            self.log.append((self.now_s, "start bit"))
        else:
            self.now_s += move.mark_s
            self.log.append((self.now_s, "command"))
        self.now_s += len(move.data) * CHARACTER_S
        recorder.sent(self.now_s)
        text = move.data.decode()
        for sensor in self.sensors.values():
            for delay_s, answer in sensor(text, self.now_s):
                self.say(self.now_s + delay_s, answer)

    def ask(self, recorder: Recorder, command: w.Command, turn: Round | None = None) -> Event:
        self.carry(recorder, recorder.start(command, self.now_s))
        while True:
            deadline_s = recorder.deadline_s
            assert deadline_s is not None
            if self.coming and self.coming[0][0] <= deadline_s:
                at_s, _, byte = heapq.heappop(self.coming)
                self.now_s = max(self.now_s, at_s)
                moves: list[Transmit | Event] = list(recorder.feed(byte, self.now_s))
            else:
                self.now_s = deadline_s
                moves = list(recorder.expire(self.now_s))
            for move in moves:
                if isinstance(move, Transmit):
                    self.carry(recorder, move)
                elif isinstance(move, Answered | Unanswered):
                    return move
                elif turn is not None:
                    turn.take(move)

    def measure(self, recorder: Recorder, starts: list[w.Command]) -> Round:
        turn = Round(starts)
        while not turn.done:
            command = turn.next(self.now_s)
            if command is not None:
                turn.take(self.ask(recorder, command, turn))
                continue
            assert turn.wait_s is not None
            while self.coming and self.coming[0][0] <= turn.wait_s:
                at_s, _, byte = heapq.heappop(self.coming)
                self.now_s = max(self.now_s, at_s)
                for event in recorder.feed(byte, self.now_s):
                    turn.take(event)
            self.now_s = max(self.now_s, turn.next_ready_s)
        return turn


def _probe(address: str, *, seconds: int = 1, values: str = "+1.5-2.25", serves: bool = True) -> Sensor:
    """A sensor as the specification draws it: two values, service request after M, CRC where asked."""
    state = {"crc": False}

    def answer(text: str, _now: float) -> list[tuple[float, bytes]]:
        if text[0] != address:
            return []
        body = text[1:-1]
        end = b"\r\n"
        if body == "":
            return [(0.009, address.encode() + end)]
        if body[0] in "MC":
            state["crc"] = body[1:2] == "C"
            count = "2" if body[0] == "M" else "02"
            started = [(0.009, f"{address}{seconds:03d}{count}".encode() + end)]
            if body[0] == "M" and seconds and serves:
                started.append((0.2, address.encode() + end))
            return started
        if body == "D0":
            line = (address + values).encode()
            return [(0.009, line + (sdi12_crc(line) if state["crc"] else b"") + end)]
        if body == "I":
            return [(0.009, f"{address}14METER   TER12 400serial".encode() + end)]
        return []

    return answer


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (w.acknowledge("0"), b"0!"),
        (w.query(), b"?!"),
        (w.identify("z"), b"zI!"),
        (w.change_address("0", "B"), b"0AB!"),
        (w.measure("1"), b"1M!"),
        (w.measure("1", 9, crc=True), b"1MC9!"),
        (w.concurrent("1", 3), b"1C3!"),
        (w.concurrent("1", crc=True), b"1CC!"),
        (w.verify("1"), b"1V!"),
        (w.data("1", 9), b"1D9!"),
        (w.data("1", 999), b"1D999!"),
        (w.binary_data("1", 12), b"1DB12!"),
        (w.continuous("1", 0), b"1R0!"),
        (w.continuous("1", 9, crc=True), b"1RC9!"),
        (w.high_volume("1"), b"1HA!"),
        (w.high_volume("1", binary=True), b"1HB!"),
        (w.identify_measurement("1", "MC1"), b"1IMC1!"),
        (w.identify_parameter("1", "M", 1), b"1IM_001!"),
        (w.identify_parameter("1", "HA", 42), b"1IHA_042!"),
        (w.extended("1", "XFOO"), b"1XFOO!"),
    ],
)
def test_every_command_of_version_1_4_is_spelled_right(command: w.Command, wire: bytes) -> None:
    assert command.wire == wire


@pytest.mark.parametrize(
    "make",
    [
        lambda: w.acknowledge("?"),
        lambda: w.acknowledge("10"),
        lambda: w.change_address("0", "!"),
        lambda: w.measure("0", 10),
        lambda: w.data("0", 1000),
        lambda: w.identify_measurement("0", "D0"),
        lambda: w.identify_parameter("0", "M", 0),
        lambda: w.extended("0", "XA!B"),
        lambda: Round([w.data("0")]),
    ],
)
def test_what_is_no_command_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(w.CommandError):
        make()


def test_answers_are_read() -> None:
    assert w.values("0+3.14-2.7+.5+100") == (3.14, -2.7, 0.5, 100.0)
    assert w.started("A02116") == w.Started("A", 21, 16)
    assert w.started("00013") == w.Started("0", 1, 3)
    assert w.started("0005999") == w.Started("0", 5, 999)
    assert w.identity("014METER   TER12 400serial").model == "TER12"
    assert w.parameter("0,TA,degC;") == w.Parameter("0", "TA", "degC")
    assert w.check_crc("0+3.14OqZ", w.data("0", crc=True)) == "0+3.14"
    body = b"0" + (8).to_bytes(2, "little") + b"\x09" + bytes.fromhex("0000c03f 000010c0")
    assert w.packet_values(body + crc16(body, 0).to_bytes(2, "little")) == (1.5, -2.25)


@pytest.mark.parametrize(
    "read",
    [
        lambda: w.values("0+3.1.4"),
        lambda: w.values("0 3"),
        lambda: w.started("00A13"),
        lambda: w.check_crc("0+3.15OqZ", w.data("0", crc=True)),
        lambda: w.packet_values(b"0\x01\x00\x01\x05\x00\x00"),
        lambda: w.identity("014"),
        lambda: w.parameter("0"),
    ],
)
def test_an_answer_that_cannot_be_read_says_what_was_seen(read: Callable[[], object]) -> None:
    with pytest.raises(w.AnswerError):
        read()


def test_break_marking_and_retries_keep_the_times_of_the_specification() -> None:
    line, recorder = Line({}), Recorder(slack_s=0.0)
    event = line.ask(recorder, w.measure("3"))
    assert isinstance(event, Unanswered)
    assert event.kind == "timeout"
    breaks = [at_s for at_s, what in line.log if what == "break"]
    commands = [at_s for at_s, what in line.log if what != "break"]
    assert (len(breaks), len(commands)) == (3, 9), "three tries with each of three breaks"
    assert BREAK_S >= 0.012
    assert MARK_S >= 0.00833
    assert commands[0] - breaks[0] == pytest.approx(BREAK_S + MARK_S, abs=4e-4)
    sending_s = 3 * CHARACTER_S
    pauses = [later - earlier - sending_s for earlier, later in itertools.pairwise(commands)]
    assert min(pauses) >= 0.01667
    assert commands[2] + sending_s - breaks[0] > 0.1, "one try comes 100 ms after the break, when all are awake"


def test_no_break_for_a_sensor_that_is_awake_but_one_for_another() -> None:
    line, recorder = Line({"0": _probe("0"), "1": _probe("1")}), Recorder(slack_s=0.0)
    for address, breaks in (("0", 1), ("0", 1), ("1", 2)):
        assert isinstance(line.ask(recorder, w.acknowledge(address)), Answered)
        assert sum(what == "break" for _, what in line.log) == breaks
    line.now_s += 0.1
    line.ask(recorder, w.acknowledge("1"))
    assert sum(what == "break" for _, what in line.log) == 3, "silent for more than 87 ms: it may sleep"


@pytest.mark.parametrize(("late_s", "answered"), [(ANSWER_S - 4e-4, True), (ANSWER_S + CHARACTER_S + 4e-4, False)])
def test_an_answer_begins_within_15_ms(late_s: float, answered: bool) -> None:
    def slow(_text: str, _now: float) -> list[tuple[float, bytes]]:
        return [(late_s, b"0\r\n")]

    line, recorder = Line({"0": slow}), Recorder(slack_s=0.0)
    line.ask(recorder, w.acknowledge("0"))
    assert (len(line.log) == 2) is answered, "a first try is enough exactly when the answer is in time"


def test_a_measurement_ends_early_by_its_service_request_or_late_without() -> None:
    for serves, longest_s in ((True, 0.6), (False, 2.5)):
        line, recorder = Line({"0": _probe("0", serves=serves)}), Recorder(slack_s=0.0)
        turn = line.measure(recorder, [w.measure("0", crc=True)])
        assert isinstance(turn.results[0], Result)
        assert turn.results[0].values == (1.5, -2.25)
        assert line.now_s < longest_s


def test_ten_sensors_measure_together() -> None:
    sensors = {str(i): _probe(str(i), values=f"+{i}-{i}") for i in range(10)}
    line, recorder = Line(sensors), Recorder(slack_s=0.0)
    turn = line.measure(recorder, [w.concurrent(address, crc=True) for address in sensors])
    assert {r.address: r.values for r in turn.results if isinstance(r, Result)} == {
        str(i): (float(i), float(-i)) for i in range(10)
    }
    together_s = line.now_s
    line = Line(sensors)
    line.measure(Recorder(slack_s=0.0), [w.measure(address) for address in sensors])
    assert together_s < 4.0


def test_a_missing_sensor_costs_its_own_result_only() -> None:
    line, recorder = Line({"0": _probe("0")}), Recorder(slack_s=0.0)
    turn = line.measure(recorder, [w.concurrent("0"), w.concurrent("7")])
    assert {result.address: type(result).__name__ for result in turn.results} == {"0": "Result", "7": "Failed"}


def test_damage_is_seen_by_the_crc_and_asked_again() -> None:
    probe, heard = _probe("0", seconds=0), []

    def noisy(text: str, now: float) -> list[tuple[float, bytes]]:
        answers = probe(text, now)
        if text == "0D0!":
            heard.append(text)
            if len(heard) == 1:
                return [(delay_s, answer.replace(b"1.5", b"7.5")) for delay_s, answer in answers]
        return answers

    line = Line({"0": noisy})
    turn = line.measure(Recorder(slack_s=0.0), [w.measure("0", crc=True)])
    assert isinstance(turn.results[0], Result)
    assert turn.results[0].values == (1.5, -2.25)
    assert len(heard) == 2


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_bring_the_recorder_out_of_step(pieces: list[bytes]) -> None:
    recorder = Recorder(slack_s=0.0)
    recorder.start(w.data("0", crc=True), 0.0)
    recorder.sent(0.04)
    for number, piece in enumerate(pieces):
        for event in recorder.feed(piece, 0.05 + number * 1e-3):
            assert isinstance(event, Answered) or not recorder.busy
    assert len(recorder._buffer) <= 1200


def test_seven_bits_travel_through_an_eight_bit_port() -> None:
    text = bytes(range(128))
    assert w.from_8n1(w.to_8n1(text)) == text
    assert w.from_8n1(b"\x01") == b"?"


async def test_a_line_on_the_event_loop_measures() -> None:
    from drivers.sdi12_line import Sdi12Line

    class Wire:
        """A byte stream with two probes on it."""

        def __init__(self) -> None:
            self.breaks = 0
            self.got: asyncio.Queue[bytes] = asyncio.Queue()
            self.probes = [_probe("0", seconds=0), _probe("1", seconds=0)]

        async def read(self) -> bytes:
            return await self.got.get()

        async def write(self, data: bytes) -> None:
            for probe in self.probes:
                for _, answer in probe(w.from_8n1(data).decode(), 0.0):
                    self.got.put_nowait(w.to_8n1(answer))

        async def send_break(self, seconds: float) -> None:
            assert seconds >= 0.012
            self.breaks += 1

        def discard_input(self) -> None:
            while not self.got.empty():
                self.got.get_nowait()

        def close(self) -> None:
            """Nothing to close."""

    wire = Wire()
    line = Sdi12Line(wire, slack_s=0.02, as_8n1=True)
    results = await line.measure([w.measure("0", crc=True), w.concurrent("1")])
    assert sorted(r.values for r in results if isinstance(r, Result)) == [(1.5, -2.25), (1.5, -2.25)]
    assert wire.breaks >= 2
    with pytest.raises(w.CommandError, match="answers at '1' already"):
        await line.readdress("0", "1")


def _asked(command: w.Command) -> Recorder:
    recorder = Recorder(slack_s=0.0)
    recorder.start(command, 0.0)
    recorder.sent(0.05)
    return recorder


def test_an_answer_behind_anothers_in_the_same_piece_is_taken() -> None:
    (event,) = _asked(w.continuous("3")).feed(b"7+1.5\r\n3+2.5\r\n", 0.08)
    assert isinstance(event, Answered)
    assert event.text == "3+2.5"


def test_a_sensor_that_talks_on_and_on_neither_fills_memory_nor_keeps_the_command_for_ever() -> None:
    recorder = _asked(w.continuous("3"))
    now = 0.08
    for _ in range(20_000):
        assert recorder.feed(b"7+1\r\n7+2\r\n7+3\r\n", now) == []
        assert len(recorder._buffer) <= w.MAX_LINE
        now += 0.001
        if recorder.expire(now):
            break
    assert now < 12.0, "the specification's next try comes"
