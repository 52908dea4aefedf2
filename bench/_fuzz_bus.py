# SPDX-License-Identifier: Apache-2.0
"""What the field may send, for the fuzzer: one target for each parser of the bus, and the rules none may break.

The rule it keeps: only the errors that a parser promises may leave it, and no buffer grows beyond its limit. The
first bytes of an input choose what was asked and how the rest comes in pieces.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drivers import atlas_ezo, mhz19, sdi12_words, wxt
from drivers.ascii_line import MAX_LINE, Ask, Got, LineExchange
from drivers.catalogue import Catalogue, parse_entry
from drivers.catalogue_schema import CatalogueError
from drivers.decode import decode
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import MAX_PDU, Request, read, read_write, write_coil, write_register, write_registers
from drivers.modbus_rtu import MAX_BUFFER, OWED_MOST, RtuMaster, frame_of
from drivers.modbus_slave import MAX_FRAME, PlainMemory, RtuSlaves
from drivers.modbus_tcp import HEADER, TcpFraming
from drivers.monitor import Monitor
from drivers.registry import read_text
from drivers.sdi12 import Recorder, Round, Transmit
from drivers.sdi12_words import MAX_LINE as SDI12_MOST
from drivers.sdi12_words import AnswerError
from drivers.text_decode import TextFault
from drivers.text_exchange import ask_of, exchange_of, payload

LINE: Final = LineSettings()
BABBLE_BYTES: Final = 6000
LONGEST_COMMAND_S: Final = 9 * 10.0  # nine tries, each at most as long as the longest answer
CATALOGUE: Final = Catalogue()
ENTRIES: Final = CATALOGUE.entries()
TEXTS: Final = [entry for entry in ENTRIES if entry.protocol in {"ascii", "binary"}]
MODBUS: Final = [entry for entry in ENTRIES if entry.protocol == "modbus"]
MONITORED: Final = {entry.serial.address: entry for entry in MODBUS}
REQUESTS: Final[tuple[Request, ...]] = (
    read(1, 3, 0, 3), read(1, 4, 7, 1), read(17, 1, 0, 9), read(1, 2, 3, 1), read(2, 3, 0, 125), write_coil(1, 4, True),
    write_register(1, 9, 258), write_registers(3, 1, (1, 2)), read_write(1, 0, 2, 5, (9,)),
)  # fmt: skip


class LimitBroken(AssertionError):
    """A buffer grew beyond what it may hold."""


def within(size: int, most: int, what: str) -> None:
    """Hold a buffer to its limit."""
    if size > most:
        raise LimitBroken(f"{what}: {size} bytes, {most} are allowed")


def pieces(data: bytes, babble_bytes: int = BABBLE_BYTES) -> Iterator[bytes]:
    """Cut an input into pieces: each begins with its length; some inputs come again and again, to fill a buffer."""
    often = 1 + (babble_bytes // max(len(data), 64) if data[:1] > b"\xd0" else 0)
    for _ in range(often):
        at = 0
        while at < len(data):
            size = 1 + data[at] % 64
            yield data[at + 1 : at + 1 + size]
            at += 1 + size


def rtu(data: bytes) -> None:
    """The Modbus RTU master: requests, answers in pieces, silences."""
    core = RtuMaster(LINE)
    now = 0.0
    for piece in pieces(data):
        now += 0.002 * (1 + len(piece) % 7)
        if core.deadline_s is None and piece:
            request = REQUESTS[piece[0] % len(REQUESTS)]
            now = max(now, core.ready_s, core.clear_at(request, now)) + 1e-6
            core.start(request, now, 0.05)
        core.feed(piece[1:], now)
        within(len(core._buffer), MAX_BUFFER, "RtuMaster")
        within(max(map(len, core._owed.values()), default=0), OWED_MOST, "answers owed by a unit")
        if core.deadline_s is not None and now >= core.deadline_s:
            core.expire(now)


def tcp(data: bytes) -> None:
    """The Modbus TCP framing."""
    framing = TcpFraming()
    framing.wrap(frame_of(1, b"\x03\0\0\0\1"))
    for piece in pieces(data):
        try:
            framing.unwrap(piece)
        except ValueError:
            return  # promised: the caller closes the connection
        within(len(framing._buffer), HEADER.size + MAX_PDU, "TcpFraming")


def slaves(data: bytes) -> None:
    """The slave's end, which the simulated instruments speak with."""
    line = RtuSlaves({1: PlainMemory(holding=dict.fromkeys(range(20), 7), coils=dict.fromkeys(range(20), True))})
    for piece in pieces(data):
        line.feed(piece)
        within(len(line._buffer), MAX_FRAME + 64, "RtuSlaves")
        if len(piece) % 5 == 0:
            line.gap()


def monitored(data: bytes) -> None:
    """The bus monitor, which hears what was not meant for it."""
    monitor = Monitor(LINE, MONITORED)
    now = 0.0
    for piece in pieces(data, 0):
        now += 0.003 * (len(piece) % 5)
        monitor.feed(piece, now)
        within(len(monitor._buffer), 512, "Monitor")
    monitor.idle(now + 1.0)


STARTS: Final = (
    sdi12_words.measure("0", crc=True), sdi12_words.concurrent("1"), sdi12_words.measure("2"),
    sdi12_words.high_volume("3"), sdi12_words.high_volume("4", binary=True), sdi12_words.continuous("5", crc=True),
    sdi12_words.verify("6"),
)  # fmt: skip


def sdi12(data: bytes) -> None:
    """The SDI-12 recorder with a round of every kind of measurement."""
    recorder, turn = Recorder(slack_s=0.0), Round(list(STARTS))
    now = begun_s = 0.0
    for piece in pieces(data):
        now += 0.004 * (len(piece) % 3)
        if not recorder.busy:
            command = turn.next(now)
            if command is not None:
                recorder.start(command, now)
                recorder.sent(now)
                begun_s = now
        for event in [*recorder.feed(piece, now), *recorder.expire(now)]:
            if isinstance(event, Transmit):
                recorder.sent(now)
            else:
                turn.take(event)
        within(len(recorder._buffer), SDI12_MOST, "Recorder")
        if recorder.deadline_s is not None and recorder.deadline_s - begun_s > LONGEST_COMMAND_S:
            raise LimitBroken(f"a command that began at {begun_s} s may last until {recorder.deadline_s} s")
        within(len(turn.results), len(STARTS), "results")


def sdi12_answers(data: bytes) -> None:
    """Every reader of an SDI-12 answer."""
    text = data.decode("latin-1")
    readers: tuple[Callable[[], object], ...] = (
        lambda: sdi12_words.started(text), lambda: sdi12_words.values(text), lambda: sdi12_words.identity(text),
        lambda: sdi12_words.parameter(text), lambda: sdi12_words.packet_values(data),
        lambda: sdi12_words.check_crc(text, STARTS[0]), lambda: sdi12_words.from_8n1(data),
    )  # fmt: skip
    for reader in readers:
        try:
            reader()
        except AnswerError:
            continue


def _exchanged(line: LineExchange, ask: Ask, data: bytes) -> tuple[bytes, ...]:
    line.start(ask, 0.0)
    now = 0.0
    for piece in pieces(data):
        now += 0.01
        events = line.feed(piece, now) or line.expire(now)
        within(len(line._buffer), MAX_LINE, "LineExchange")
        if events:
            return events[0].answers if isinstance(events[0], Got) else ()
    line.expire(1e9)
    return ()


EZO_ASKS: Final = (atlas_ezo.reading(), atlas_ezo.slope(), atlas_ezo.status(), atlas_ezo.calibration_state())


def lines(data: bytes) -> None:
    """EZO, WXT, MH-Z19: the exchange, and what is read out of its answers."""
    which, rest = (data[0], data[1:]) if data else (0, b"")
    if which % 3 == 0:
        for answer in _exchanged(atlas_ezo.line(), EZO_ASKS[which // 3 % len(EZO_ASKS)], rest):
            atlas_ezo.numbers(answer)
    elif which % 3 == 1:
        for answer in _exchanged(wxt.line(), wxt.poll("0", crc=which % 2 == 0), rest):
            try:
                wxt.values(answer)
            except wxt.WeatherError:
                continue
    else:
        for answer in _exchanged(mhz19.line(), mhz19.reading(), rest):
            mhz19.air(answer)


def declared_lines(data: bytes) -> None:
    """Every declared line protocol: its exchange, then its decoding."""
    which, rest = (data[0], data[1:]) if data else (0, b"")
    entry = TEXTS[which % len(TEXTS)]
    answers = _exchanged(exchange_of(entry), ask_of(entry, "0"), rest)
    for answer in (*answers, rest):
        try:
            read_text(entry, payload(entry, answer))
        except TextFault:
            continue


def registers(data: bytes) -> None:
    """Any words in any type's registers."""
    which, rest = (data[0], data[1:]) if data else (0, b"")
    entry = MODBUS[which % len(MODBUS)]
    words = [int.from_bytes(rest[at : at + 2], "big") for at in range(0, len(rest), 2)] or [0]
    places = [(value.function or entry.function, at) for value in entry.value for at in range(value.at, value.at + 4)]
    decode(entry, {place: words[number % len(words)] for number, place in enumerate(places)})


def entries(data: bytes) -> None:
    """The text of a catalogue entry."""
    try:
        parse_entry(data.decode("utf-8", "replace"), "xy-md02.toml")
    except CatalogueError:
        return


@dataclass(frozen=True, slots=True)
class Target:
    """One parser: what to call, what to watch, what to begin with."""

    name: str
    call: Callable[[bytes], None]
    watched: tuple[str, ...]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()


def _framed(*frames: bytes) -> bytes:
    return b"".join(bytes(((len(frame) - 1) % 64,)) + frame for frame in frames)


RTU_REPLY: Final = frame_of(1, b"\x03\x06\0\1\0\2\0\3")
SDI12_TALK: Final = _framed(b"0" + b"00013\r\n", b"0+1.5+2-3\r\n", b"100102\r\n", b"2\r\n", b"1+1+2\r\n")
# Another sensor that talks on and on, two lines at a time.
BABBLE: Final = b"\xe0" + 33 * b"x" + _framed(b"7+1\r\n7+2\r\n7+3\r\n7+4\r\n7+5\r\n")
XY_MD02: Final = (CATALOGUE.path("xy-md02")).read_bytes()
TARGETS: Final = (
    Target("modbus rtu", rtu, ("drivers/modbus_rtu.py", "drivers/modbus_pdu.py"), (_framed(b"\0" + RTU_REPLY),),
           (RTU_REPLY, frame_of(1, b"\x83\x02"), frame_of(1, b"\x05\0\4\xff\0"))),
    Target("modbus tcp", tcp, ("drivers/modbus_tcp.py",), (_framed(b"\0\1\0\0\0\5\1\3\2\0\7"),), (b"\0\1\0\0",)),
    Target("modbus slave", slaves, ("drivers/modbus_slave.py",), (_framed(frame_of(1, b"\x03\0\0\0\2")),),
           (frame_of(1, b"\x10\0\1\0\1\2\0\7"), frame_of(1, b"\x17\0\1\0\1\0\1\0\1\2\0\7"))),
    Target("monitor", monitored, ("drivers/monitor.py",), (_framed(frame_of(1, b"\x03\0\0\0\2"), RTU_REPLY),)),
    Target("sdi-12", sdi12, ("drivers/sdi12.py", "drivers/sdi12_words.py"), (SDI12_TALK, BABBLE),
           (b"0+1.5OqZ\r\n", b"0\r\n", b"4D0!", b"3001003\r\n", b"4\6\0\2\1\2\3\4\5\6")),
    Target("sdi-12 answers", sdi12_answers, ("drivers/sdi12_words.py",),
           (b"00013", b"0+3.14+2.718", b"014METER   TER12 100", b"0,TEMP,C;"), (b"+1.5", b"-9999")),
    Target("lines", lines, ("drivers/ascii_line.py", "drivers/atlas_ezo.py", "drivers/wxt.py", "drivers/mhz19.py"),
           (b"\0" + _framed(b"7.02\r*OK\r"), b"\1" + _framed(b"0R0,Ta=23.0C\r\n"),
            b"\2" + _framed(bytes.fromhex("FF8602200000000058"))), (b"*OK\r", b"?Slope,99.7\r", b",Sx=2.8#")),
    Target("declared lines", declared_lines, ("drivers/text_decode.py", "drivers/text_exchange.py", "drivers/wxt.py"),
           tuple(bytes((n,)) + _framed(b"0R0,Dx=005D,Sx=2.8M\r\n", b"7.02\r") for n in range(len(TEXTS)))),
    Target("registers", registers, ("drivers/decode.py",), tuple(bytes((n, 0, 200)) for n in range(len(MODBUS)))),
    Target("catalogue entry", entries, ("drivers/catalogue.py", "drivers/catalogue_check.py", "drivers/toml_lines.py"),
           (XY_MD02,), (b"\n[[value]]\n", b"quantity = ", b"at = 70000\n", b"scale = nan\n", b'type = "f32"\n')),
)  # fmt: skip
