# SPDX-License-Identifier: Apache-2.0
"""Atlas EZO, Vaisala WXT and MH-Z19 over whole, byte-at-a-time, noisy, delayed, corrupting and lossy lines."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import atlas_ezo, mhz19, wxt
from drivers.ascii_line import Ask, ExchangeError, Got, LineExchange, Missed, lines_ending
from drivers.crc import sdi12_crc

MH_Z19 = bytes.fromhex("ff 86 02 60 47 00 00 00 d1")


def _talk(exchange: LineExchange, ask: Ask, pieces: list[bytes], *, step_s: float = 0.001) -> Got | Missed:
    exchange.start(ask, 0.0)
    now = 0.0
    for piece in pieces:
        now += step_s
        if now >= ask.wait_s:
            break
        events = exchange.feed(piece, now)
        if events:
            return events[0]
    return exchange.expire(ask.wait_s)[0]


def _wxt(text: bytes) -> bytes:
    return text + sdi12_crc(text) + b"\r\n"


WIND = _wxt(b"0r1,Dx=005D,Sx=2.8M")
CASES = [
    ("EZO", atlas_ezo.line, atlas_ezo.reading(), b"7.02\r*OK\r"),
    ("WXT", wxt.line, wxt.poll("0", 1), WIND),
    ("MH-Z19", mhz19.line, mhz19.reading(), MH_Z19),
]
LINES: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda data: [data],
    "byte at a time": lambda data: [data[i : i + 1] for i in range(len(data))],
    "noisy before": lambda data: [b"\x00\xfe\r\n", data],
    "delayed": lambda data: [b""] * 100 + [data],
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("name", "make", "ask", "answer"), CASES, ids=[case[0] for case in CASES])
def test_an_answer_comes_through(
    name: str, make: Callable[[], LineExchange], ask: Ask, answer: bytes, line: str
) -> None:
    got = _talk(make(), ask, LINES[line](answer))
    assert isinstance(got, Got), (name, got)


@pytest.mark.parametrize(("name", "make", "ask", "answer"), CASES[1:], ids=[case[0] for case in CASES[1:]])
@settings(max_examples=60)
@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_damaged_answer_is_never_taken(
    name: str, make: Callable[[], LineExchange], ask: Ask, answer: bytes, at: int, bit: int
) -> None:
    data = bytearray(answer)
    data[at % len(data)] ^= 1 << bit
    got = _talk(make(), ask, [bytes(data)])
    if isinstance(got, Got):
        assert got.answers == (answer.removesuffix(b"\r\n"),), name  # only the line end was hit


@pytest.mark.parametrize(("name", "make", "ask", "answer"), CASES, ids=[case[0] for case in CASES])
def test_an_echo_is_not_the_answer(name: str, make: Callable[[], LineExchange], ask: Ask, answer: bytes) -> None:
    got = _talk(make(), ask, [ask.request, answer])
    assert isinstance(got, Got), name
    assert got.answers[0] == answer.split(b"\r")[0]


@pytest.mark.parametrize(("name", "make", "ask", "answer"), CASES, ids=[case[0] for case in CASES])
def test_half_an_answer_is_none(name: str, make: Callable[[], LineExchange], ask: Ask, answer: bytes) -> None:
    half = answer[: len(answer) // 3]
    assert isinstance(_talk(make(), ask, [half]), Missed), name


def test_lines_are_bounded_and_one_at_a_time() -> None:
    exchange = LineExchange(lines_ending(b"\r"), lambda _ask, _answer: True)
    exchange.start(Ask(b"x", 1.0), 0.0)
    with pytest.raises(ExchangeError):
        exchange.start(Ask(b"y", 1.0), 0.0)
    for _ in range(100):
        exchange.feed(b"z" * 100, 0.1)
    assert len(exchange._buffer) <= 600


def test_the_weather_station_gives_values_in_canonical_units() -> None:
    values = {
        v.name: (v.value, v.unit) for v in wxt.values(b"0R0,Dx=005D,Sx=2.8M,Ta=23.0C,Ua=30.0P,Pa=1028.2H,Rc=0.00M")
    }
    assert values["Dx"] == (5.0, "deg")
    assert values["Ta"] == (23.0, "degC")
    assert values["Pa"] == (1028.2, "hPa")
    fahrenheit, knots, invalid = wxt.values(b"0R0,Ta=212.0F,Sm=10.0N,Ua=0.0#")
    assert fahrenheit.value == pytest.approx(100.0)
    assert knots.value == pytest.approx(5.144, abs=1e-3)
    assert math.isnan(invalid.value)
    assert invalid.unit == "%"
    with pytest.raises(wxt.WeatherError, match="unit letter"):
        wxt.values(b"0R0,Ta=23.0X")
    with pytest.raises(ExchangeError):
        wxt.poll("00")


@pytest.mark.parametrize(
    ("message", "wire"), [(1, b"0r1Goe"), (2, b"0r2Gje"), (3, b"0r3Kid"), (5, b"0r5Kcd"), (0, b"0r0Kld")]
)
def test_the_weather_stations_requests_are_those_of_its_manual(message: int, wire: bytes) -> None:
    assert wxt.poll("0", message).request == wire + b"\r\n"
    assert wxt.poll("A", message, crc=False).request == f"AR{message}\r\n".encode()
    assert sdi12_crc(b"0tX,Use chksum Goe") == b"IU~"


@pytest.mark.parametrize(
    ("ask", "request_"),
    [
        (atlas_ezo.reading_at(24.5), b"RT,24.50\r"),
        (atlas_ezo.compensate(19.0), b"T,19.00\r"),
        (atlas_ezo.calibrate("pH", "mid", 7.0, points_done=0), b"Cal,mid,7\r"),
        (atlas_ezo.calibrate("pH", "low", 4.01, points_done=1), b"Cal,low,4.01\r"),
        (atlas_ezo.calibrate("EC", "dry", None, points_done=0), b"Cal,dry\r"),
        (atlas_ezo.calibrate("EC", "high", 80000, points_done=2), b"Cal,high,80000\r"),
        (atlas_ezo.calibrate("EC", "one", 1413, points_done=1), b"Cal,1413\r"),
        (atlas_ezo.calibrate("DO", "air", None, points_done=0), b"Cal\r"),
        (atlas_ezo.calibrate("DO", "zero", 0.0, points_done=1), b"Cal,0\r"),
        (atlas_ezo.calibrate("RTD", "t", 100.0, points_done=0), b"Cal,100\r"),
        (atlas_ezo.calibrate("pH", "clear", None, points_done=3), b"Cal,clear\r"),
        (atlas_ezo.probe_constant(1.0), b"K,1\r"),
        (atlas_ezo.sleep(), b"Sleep\r"),
        (atlas_ezo.quiet(), b"C,0\r"),
    ],
)
def test_the_circuits_commands_are_spelled_right(ask: Ask, request_: bytes) -> None:
    assert ask.request == request_
    assert isinstance(_talk(atlas_ezo.line(), ask, [b"7.00\r*OK\r" if request_[:1] == b"R" else b"*OK\r"]), Got)


@pytest.mark.parametrize(
    "make",
    [
        lambda: atlas_ezo.calibrate("pH", "low", 4.0, points_done=0),
        lambda: atlas_ezo.calibrate("EC", "low", 12880, points_done=0),
        lambda: atlas_ezo.calibrate("pH", "mid", None, points_done=0),
        lambda: atlas_ezo.calibrate("DO", "mid", 7.0, points_done=0),
        lambda: atlas_ezo.compensate(200.0),
        lambda: atlas_ezo.probe_constant(50.0),
        lambda: mhz19.measuring_range(3000),
    ],
)
def test_a_step_that_would_spoil_the_calibration_is_refused(make: Callable[[], Ask]) -> None:
    with pytest.raises(ExchangeError):
        make()


def test_the_circuits_answers_are_read() -> None:
    got = _talk(atlas_ezo.line(), atlas_ezo.slope(), [b"?Slope,99.7,100.3,-0.89\r*OK\r"])
    assert isinstance(got, Got)
    assert atlas_ezo.numbers(got.answers[0]) == (99.7, 100.3, -0.89)
    assert atlas_ezo.trouble(got.answers) == ""
    refused = _talk(atlas_ezo.line(), atlas_ezo.reading(), [b"*ER\r"])
    assert isinstance(refused, Got)
    assert "does not know" in atlas_ezo.trouble(refused.answers)
    without_codes = _talk(atlas_ezo.line(), atlas_ezo.reading(), [b"6.88\r"])
    assert isinstance(without_codes, Got)
    assert atlas_ezo.numbers(without_codes.answers[0]) == (6.88,)


def test_the_co2_module_is_read() -> None:
    got = _talk(mhz19.line(), mhz19.reading(), [MH_Z19])
    assert isinstance(got, Got)
    assert mhz19.air(got.answers[0]) == mhz19.Air(608, 31, 0)
    assert mhz19.reading().request.hex(" ") == "ff 01 86 00 00 00 00 00 79"
    assert mhz19.self_calibration(on=False).request.hex(" ") == "ff 01 79 00 00 00 00 00 86"
    assert mhz19.zero().request.hex(" ") == "ff 01 87 00 00 00 00 00 78"


@settings(max_examples=150)
@given(st.sampled_from(CASES), st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_bring_an_exchange_out_of_step(
    case: tuple[str, Callable[[], LineExchange], Ask, bytes], pieces: list[bytes]
) -> None:
    exchange = case[1]()
    assert isinstance(_talk(exchange, case[2], pieces), Got | Missed)
    assert len(exchange._buffer) <= 600
