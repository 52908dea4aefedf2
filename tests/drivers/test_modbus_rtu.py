# SPDX-License-Identifier: Apache-2.0
"""The RTU master core: good answers taken at once, everything else named, nothing taken twice."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.line_settings import LineSettings
from drivers.modbus_pdu import (
    Request,
    RequestError,
    bits,
    raw,
    read,
    read_write,
    words,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus_rtu import OWED_MOST, Event, Failure, Reply, RtuMaster, Stray, frame_of

LINE = LineSettings()
READ = read(1, 3, 0, 2)
GOOD = frame_of(1, bytes.fromhex("03 04 00 01 00 02"))


def _core(*, echo: bool | None = False) -> RtuMaster:
    core = RtuMaster(LINE)
    core.echo = echo
    return core


def _ask(core: RtuMaster, request: Request, now: float, *, liveness: bool = False) -> float:
    """Start a request; give the end of its frame on the wire."""
    core.start(request, max(now, core.ready_s), 0.1, liveness=liveness)
    return core.sent_s


def _only(events: list[Event], kind: type[Event]) -> Event:
    assert len(events) == 1, events
    assert isinstance(events[0], kind)
    return events[0]


def _expire(core: RtuMaster) -> Failure:
    assert core.deadline_s is not None
    failures = [event for event in core.expire(core.deadline_s) if isinstance(event, Failure)]
    assert len(failures) == 1
    return failures[0]


@pytest.mark.parametrize(
    ("request_", "wire", "answer", "payload"),
    [
        (read(17, 1, 0x13, 0x25), "11 01 00 13 00 25", "01 05 cd 6b b2 0e 1b", "cd 6b b2 0e 1b"),
        (read(17, 2, 0xC4, 0x16), "11 02 00 c4 00 16", "02 03 ac db 35", "ac db 35"),
        (read(17, 3, 0x6B, 3), "11 03 00 6b 00 03", "03 06 02 2b 00 00 00 64", "02 2b 00 00 00 64"),
        (read(17, 4, 8, 1), "11 04 00 08 00 01", "04 02 00 0a", "00 0a"),
        (write_coil(17, 0xAC, True), "11 05 00 ac ff 00", "05 00 ac ff 00", ""),
        (write_register(17, 1, 3), "11 06 00 01 00 03", "06 00 01 00 03", ""),
        (
            write_coils(17, 0x13, (True, False, True, True, False, False, True, True, True, False)),
            "11 0f 00 13 00 0a 02 cd 01",
            "0f 00 13 00 0a",
            "",
        ),
        (write_registers(17, 1, (10, 0x102)), "11 10 00 01 00 02 04 00 0a 01 02", "10 00 01 00 02", ""),
        (
            read_write(17, 3, 6, 14, (255, 255, 255)),
            "11 17 00 03 00 06 00 0e 00 03 06 00 ff 00 ff 00 ff",
            "17 0c 00 fe 0a cd 00 01 00 03 00 0d 00 ff",
            "00 fe 0a cd 00 01 00 03 00 0d 00 ff",
        ),
        (raw(17, b"\x42", 1), "11 42", "42", ""),
    ],
    ids=["1", "2", "3", "4", "5", "6", "15", "16", "23", "raw 0x42"],
)
@pytest.mark.parametrize("step", [1, 3, 300], ids=["byte by byte", "in threes", "whole"])
def test_the_examples_of_the_specification_pass(
    request_: Request, wire: str, answer: str, payload: str, step: int
) -> None:
    core = _core()
    now = 1.0
    frame = core.start(request_, now, 0.1)
    assert frame[:-2].hex(" ") == wire
    reply = frame_of(17, bytes.fromhex(answer))
    now = core.sent_s + 0.01
    events: list[Event] = []
    for at in range(0, len(reply), step):
        piece = reply[at : at + step]
        now += len(piece) * core.character_s
        assert not events
        events = core.feed(piece, now)
    event = _only(events, Reply)
    assert isinstance(event, Reply)
    assert event.payload.hex(" ") == payload
    assert event.latency_s == pytest.approx(0.01)
    assert core.ready_s == pytest.approx(now + 3.5 * 10 / 9600)


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (b"", "timeout"),
        (GOOD[:-1], "truncated"),
        (GOOD[:-1] + b"\x00", "crc"),
        (frame_of(9, GOOD[1:-2]), "foreign"),
        (frame_of(1, bytes.fromhex("03 06 00 01 00 02 00 03")), "foreign"),
        (b"\xff\x00\x55", "noise"),
        (frame_of(1, bytes.fromhex("04 04 00 01 00 02")), "foreign"),
    ],
)
def test_what_is_no_answer_is_named(seen: bytes, kind: str) -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    if seen:
        assert not [event for event in core.feed(seen, sent_s + 0.03) if isinstance(event, Reply)]
    assert _expire(core).kind == kind


def test_an_exception_ends_the_wait_with_its_fifth_byte() -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    reply = frame_of(1, b"\x83\x02")
    assert not core.feed(reply[:4], sent_s + 0.014)
    event = _only(core.feed(reply[4:], sent_s + 0.015), Failure)
    assert isinstance(event, Failure)
    assert (event.kind, event.code, event.detail) == ("exception", 2, "illegal data address")


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x00", b"\x01", b"\x01\x03", b"\x01\x03\x04", bytes(range(40))])
def test_the_answer_is_hunted_through_noise(noise: bytes) -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    events = core.feed(noise + GOOD, sent_s + 0.06)
    assert isinstance(events[-1], Reply)
    assert events[-1].payload == b"\0\1\0\2"


def test_a_damaged_frame_is_known_after_a_gap_not_after_the_time_out() -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    core.feed(GOOD[:-1] + b"\x00", sent_s + 0.02)
    assert core.deadline_s == pytest.approx(sent_s + 0.04)
    assert _expire(core).kind == "crc"


def test_an_unanswered_request_may_not_be_followed_by_one_whose_answer_looks_alike() -> None:
    core = _core()
    _ask(core, READ, 0.0)
    now = _expire(core).at_s
    elsewhere = read(1, 3, 40, 2)
    with pytest.raises(RequestError, match="older answer of unit 1"):
        core.start(elsewhere, now, 0.1)
    assert core.clear_at(elsewhere, now) == pytest.approx(now + 2.0)
    for other in (read(1, 3, 40, 3), read(1, 4, 40, 2), read(2, 3, 40, 2)):
        assert core.clear_at(other, now) == now
    assert core.clear_at(elsewhere, now + 2.0) == now + 2.0


def test_more_silence_than_is_remembered_makes_every_answer_of_that_unit_doubtful() -> None:
    core = _core()
    now = 0.0
    for count in range(1, OWED_MOST + 2):  # each of another length, so that none waits for another
        core.start(read(1, 3, 0, count), max(now, core.ready_s), 0.004)
        now = _expire(core).at_s
    assert len(core._owed[1]) == OWED_MOST
    unseen = read(1, 4, 0, 100)
    assert core.clear_at(unseen, now) > now
    assert core.clear_at(read(2, 4, 0, 100), now) == now
    assert core.clear_at(unseen, now + 2.0) == now + 2.0


def test_a_late_answer_is_not_taken_for_the_next_and_teaches_the_latency() -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    now = _expire(core).at_s
    _ask(core, read(1, 3, 40, 3), now)
    events = core.feed(GOOD, sent_s + 0.3)
    assert not [event for event in events if isinstance(event, Reply)]
    right = frame_of(1, bytes.fromhex("03 06 00 09 00 09 00 09"))
    events = core.feed(right, sent_s + 0.33)
    late, reply = events
    assert isinstance(late, Stray)
    assert late.kind == "late"
    assert isinstance(reply, Reply)
    assert reply.payload == bytes.fromhex("00 09 00 09 00 09")


def test_a_request_for_life_gives_no_value_while_an_older_answer_may_come() -> None:
    core = _core()
    _ask(core, READ, 0.0)
    now = _expire(core).at_s
    sent_s = _ask(core, read(1, 3, 40, 2), now, liveness=True)
    event = _only(core.feed(GOOD, sent_s + 0.02), Reply)
    assert isinstance(event, Reply)
    assert (event.fresh, event.payload) == (False, b"")


def test_a_lost_write_may_be_repeated_at_once_but_not_after_another_write() -> None:
    core = _core()
    on, off = write_coil(1, 3, True), write_coil(1, 3, False)
    _ask(core, on, 0.0)
    now = _expire(core).at_s
    assert core.clear_at(on, now) == now
    sent_s = _ask(core, off, now)
    assert isinstance(core.feed(frame_of(1, off.pdu), sent_s + 0.03)[-1], Reply)
    assert core.clear_at(on, sent_s + 0.04) > sent_s + 1.0


def test_the_answer_said_twice_is_not_the_answer_to_the_same_question_again() -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    core.feed(GOOD, sent_s + 0.02)
    assert core.clear_at(READ, sent_s + 0.03) == pytest.approx(sent_s + 0.02 + 0.25)
    assert core.clear_at(read(1, 3, 0, 3), sent_s + 0.03) == sent_s + 0.03


@pytest.mark.parametrize("request_", [READ, write_coil(1, 3, True), write_register(1, 9, 77)])
def test_with_an_echo_the_second_copy_counts(request_: Request) -> None:
    core = _core(echo=True)
    frame = core.start(request_, 0.0, 0.1)
    assert not core.feed(frame[:3], 0.004)
    assert not core.feed(frame[3:], core.sent_s)
    answer = GOOD if request_ is READ else frame_of(1, request_.pdu)
    assert isinstance(core.feed(answer, core.sent_s + 0.02)[-1], Reply)
    assert core.echo is True


def test_a_write_that_only_echoes_is_not_done() -> None:
    core = _core(echo=True)
    for _ in range(2):
        frame = core.start(write_coil(1, 3, True), core.ready_s, 0.1)
        core.feed(frame, core.sent_s)
        assert _expire(core).kind == "echo"
    assert core.echo is None, "twice without a second copy: the echo must be tested again"


def test_an_echo_that_appears_is_noticed_by_its_time() -> None:
    core = _core(echo=False)
    frame = core.start(write_coil(1, 3, True), 0.0, 0.1)
    assert not core.feed(frame, core.sent_s)
    assert not core.feed(b"\x55", core.sent_s + 0.05)
    assert _expire(core).kind == "echo"


def test_a_read_after_its_own_echo_teaches_the_echo() -> None:
    core = _core(echo=False)
    frame = core.start(READ, 0.0, 0.1)
    assert isinstance(core.feed(frame + GOOD, core.sent_s + 0.03)[-1], Reply)
    assert core.echo is True


def test_a_broadcast_is_done_after_the_turnaround() -> None:
    core = _core()
    core.start(write_register(0, 1, 2), 0.0, 0.1)
    assert core.deadline_s == pytest.approx(core.sent_s + 0.1)
    assert isinstance(_only(core.expire(core.sent_s + 0.11), Reply), Reply)
    with pytest.raises(RequestError, match="broadcast"):
        read(0, 3, 0, 1)


def test_silence_of_three_and_a_half_characters_is_kept() -> None:
    core = _core()
    sent_s = _ask(core, READ, 0.0)
    core.feed(GOOD, sent_s + 0.02)
    with pytest.raises(RequestError, match="silent until"):
        core.start(read(2, 3, 0, 1), sent_s + 0.0235, 0.1)
    core.start(read(2, 3, 0, 1), sent_s + 0.02 + 0.0037, 0.1)
    assert LineSettings(baud=115200).silence_s == 0.00175
    assert LineSettings(baud=19200, parity="E").silence_s == pytest.approx(3.5 * 11 / 19200)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: read(1, 3, 0, 126), "126 registers"),
        (lambda: read(1, 1, 0, 2001), "2001 bits"),
        (lambda: read(1, 3, 65535, 2), "leave the range"),
        (lambda: read(256, 3, 0, 1), "unit 256"),
        (lambda: read(1, 7, 0, 1), "not a read"),
        (lambda: write_register(1, 0, 65536), "does not fit"),
        (lambda: write_registers(1, 0, ()), "0 registers"),
        (lambda: write_registers(1, 0, (1,) * 124), "124 registers"),
        (lambda: write_coils(1, 0, (True,) * 1969), "1969 coils"),
        (lambda: read_write(1, 0, 1, 0, (1,) * 122), "122 registers"),
        (lambda: raw(1, b"\x90", 1), "function 144"),
    ],
)
def test_an_impossible_request_is_refused_before_the_wire(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(RequestError, match=message):
        make()


def test_bits_and_words_stand_as_on_the_wire() -> None:
    assert bits(bytes.fromhex("cd 01"), 10) == (True, False, True, True, False, False, True, True, True, False)
    assert words(bytes.fromhex("02 2b 00 64")) == (0x22B, 0x64)


REQUESTS = st.sampled_from(
    [READ, read(1, 1, 0, 9), write_coil(1, 0, True), write_registers(1, 0, (1, 2)), raw(1, b"\x42", 1)]
)


@settings(max_examples=300)
@given(REQUESTS, st.lists(st.tuples(st.binary(max_size=300), st.floats(0, 0.2)), max_size=12), st.booleans())
def test_no_bytes_bring_the_core_out_of_step(request_: Request, pieces: list[tuple[bytes, float]], echo: bool) -> None:
    core = _core(echo=echo)
    frame = core.start(request_, 0.0, 0.1)
    now, ends = 0.0, 0
    for data, wait_s in [(frame[:4], 0.0), *pieces]:
        now += wait_s
        events = core.expire(now) + core.feed(data, now)
        ends += sum(isinstance(event, Reply | Failure) for event in events)
        assert len(core._buffer) <= 1024
    ends += len([e for e in core.expire(math.inf) if isinstance(e, Failure)])
    assert ends == 1
    assert core.deadline_s is None


@settings(max_examples=200)
@given(st.binary(max_size=30), st.binary(max_size=12), st.integers(1, 16), st.integers(0, 2**80))
def test_a_good_answer_in_any_noise_gives_its_value_or_nothing(
    before: bytes, after: bytes, cut: int, value: int
) -> None:
    request = read(1, 3, 0, 5)
    payload = (value % 2**80).to_bytes(10, "big")
    stream = before + frame_of(1, b"\x03\x0a" + payload) + after
    core = _core()
    now = _ask(core, request, 0.0)
    for at in range(0, len(stream), cut):
        now += len(stream[at : at + cut]) * core.character_s
        for event in core.feed(stream[at : at + cut], now):
            if isinstance(event, Reply):
                assert event.payload == payload
                return
    pytest.fail("the answer was not found")
