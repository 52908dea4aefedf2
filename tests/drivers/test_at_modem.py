# SPDX-License-Identifier: Apache-2.0
"""Short messages against published PDUs and transcripts of makers' manuals, and over a pseudo-terminal."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.at_modem import (
    ERRORS,
    HELLOS,
    REGISTER_S,
    REGISTER_TRIES,
    SEND_S,
    AtModem,
    Done,
    Event,
    Failed,
    ModemBusy,
    Say,
)
from drivers.sms_pdu import BadMessage, message, septets, split, submit
from edge.notify_contacts import Modem as ModemSettings
from edge.notify_ways import SmsWay
from tests.support.modem import Modem, ModemPty, read_pdu

VIETNAMESE = "Nghiêm trọng: Nhà ớt Đà Lạt · Nhiệt độ: Chống nóng: 43 °C, giới hạn 38 °C. Hãy đến ngay, mở cửa bằng tay!"


@pytest.mark.parametrize(
    ("number", "text", "validity", "ucs2", "pdu", "length"),
    [
        # Nordic Semiconductor, AT commands reference, +CMGS set command (its service centre left out here).
        ("+358401234567", "Testing a sms messaging over lte", 0x0B, None,
         "0011000C9153481032547600000B20D4F29C9E769F4161D0BC3D07B5CBF379F89C769F416F7B590E62D3CB", 42),
        # Neoway WM620 / N11 AT command manual, +CMGS in PDU mode with UCS2 and an empty service centre.
        ("13421839693", "hello", None, True, "0001000B813124819396F300080A00680065006C006C006F", 23),
        # The example that SMS PDU tutorials give since 1999: "hellohello" to +46 70 825 13 58, AT+CMGS=23.
        ("+46708251358", "hellohello", 0xAA, None, "0011000B916407281553F80000AA0AE8329BFD4697D9EC37", 23),
    ],
)  # fmt: skip
def test_published_pdus_come_out_octet_by_octet(
    number: str, text: str, validity: int | None, ucs2: bool | None, pdu: str, length: int
) -> None:
    assert submit(number, text, validity=validity, ucs2=ucs2) == (pdu, length)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600))
@settings(max_examples=300)
def test_any_text_arrives_whole_or_with_an_ellipsis(text: str) -> None:
    parts = message("+84901234567", text, 7)
    read = [read_pdu(one.pdu) for one in parts]
    assert all(len(one.pdu) // 2 - 1 == one.length <= 164 for one in parts)
    assert {number for number, _, _ in read} == {"+84901234567"}
    if len(parts) > 1:
        assert [header for _, _, header in read] == [(7, len(parts), i + 1) for i in range(len(parts))]
    joined = "".join(part for _, part, _ in read)
    if septets(text) is None:
        whole = "".join(split(text))
        assert joined == whole
        assert whole == text or (len(parts) == 4 and whole.endswith("…") and text.startswith(whole[:-1]))


@pytest.mark.parametrize("number", ["", "0", "+84 90", "0901-234-567", "+84901234567890123", "abc", "+"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(BadMessage, match="telephone number"):
        submit(number, "x")


def test_an_empty_text_and_one_that_is_too_long_are_refused() -> None:
    with pytest.raises(BadMessage):
        message("+84901234567", "", 0)
    with pytest.raises(BadMessage):
        submit("+84901234567", "ế" * 71)


# ---- the talk ------------------------------------------------------------------------------------


def talk(
    modem: AtModem, script: list[tuple[bytes, bytes]], text: str = "test", number: str = "+39338123456789"
) -> Event:
    """Play a transcript: what must be said, and what is answered; gives the end."""
    events = modem.start(number, text, 1, 0.0)
    for said, answer in script:
        assert events == [Say(said)], f"expected {said!r}"
        events = modem.feed(answer, 0.0)
    (end,) = events
    return end


OPENING = [
    (b"AT\r", b"AT\r\r\nOK\r\n"),
    (b"ATE0\r", b"ATE0\r\r\nOK\r\n"),
    (b"AT+CMEE=1\r", b"\r\nOK\r\n"),
    (b"AT+CPIN?\r", b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),
    (b"AT+CREG?\r", b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
]
TEXT_MODE = [
    (b"AT+CMGF=1\r", b"\r\nOK\r\n"),
    (b'AT+CSCS="GSM"\r', b"\r\nOK\r\n"),
    (b"AT+CSMP=17,167,0,0\r", b"\r\nOK\r\n"),
]


def test_text_mode_as_in_telits_user_guide() -> None:
    end = talk(
        AtModem(mode="text"),
        [*OPENING, *TEXT_MODE,
         (b'AT+CMGS="+39338123456789"\r', b"\r\n> "),
         (b"test\x1a", b"\r\n+CMGS: 1\r\n\r\nOK\r\n")],
    )  # fmt: skip
    assert end == Done((1,))


def test_text_mode_says_vietnamese_in_ucs2() -> None:
    end = talk(
        AtModem(mode="text"),
        [*OPENING,
         (b"AT+CMGF=1\r", b"\r\nOK\r\n"),
         (b'AT+CSCS="UCS2"\r', b"\r\nOK\r\n"),
         (b"AT+CSMP=17,167,0,8\r", b"\r\nOK\r\n"),
         (b'AT+CMGS="002B00380034003900300031"\r', b"\r\n> "),
         (b"1EDB0074\x1a", b"\r\n+CMGS: 9\r\n\r\nOK\r\n")],
        "ớt", "+84901",
    )  # fmt: skip
    assert end == Done((9,))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        # Telit, user guide of the HE910, "SMS send failed": the answers and their reasons.
        (b"\r\n+CMS ERROR: 330\r\n", "CMS 330"),
        (b"\r\n+CMS ERROR: 41\r\n", "CMS 41"),
        (b"\r\n+CMS ERROR: 331\r\n", "CMS 331"),
        (b"\r\n+CMS ERROR: 1\r\n", "CMS 1"),
        (b"\r\n+CMS ERROR: 42\r\n", "CMS 42"),
        (b"\r\n+CMS ERROR: 96\r\n", "CMS 96"),
        (b"\r\n+CMS ERROR: 512\r\n", "CMS 512"),
        (b"\r\nERROR\r\n", "ERROR"),
    ],
)
def test_what_the_network_refuses_is_said_in_words(answer: bytes, code: str) -> None:
    prompt = [*OPENING, (b"AT+CMGF=0\r", b"\r\nOK\r\n"), (b"AT+CMGS=18\r", b"\r\n> ")]
    modem = AtModem()
    modem.start("+39338123456789", "test", 1, 0.0)
    for _, reply in prompt:
        modem.feed(reply, 0.0)
    (end,) = modem.feed(answer, 0.0)
    assert isinstance(end, Failed)
    assert end.code == code
    assert ERRORS.get(code, "refused it") in end.detail
    assert modem.deadline is None


def test_a_modem_that_says_nothing_is_given_up_after_some_hellos() -> None:
    modem = AtModem()
    events, now, hellos = modem.start("+84901234567", "x", 1, 0.0), 0.0, 0
    while not isinstance(events[-1], Failed):
        assert events == [Say(b"AT\r")]
        hellos += 1
        assert modem.deadline is not None
        now = modem.deadline
        events = modem.expire(now)
    assert hellos == HELLOS
    assert events[-1].code == "timeout"


def test_a_send_without_an_answer_is_aborted_in_its_time() -> None:
    modem = AtModem()
    modem.start("+84901234567", "x", 1, 0.0)
    for _, reply in [*OPENING, (b"", b"\r\nOK\r\n"), (b"", b"\r\n> ")]:
        modem.feed(reply, 1.0)
    assert modem.expire(1.0 + SEND_S - 0.1) == []
    abort, end = modem.expire(1.0 + SEND_S)
    assert abort == Say(b"\x1b")
    assert end == Failed("timeout", "no answer to the message")


def test_the_network_is_waited_for_and_a_refusal_of_it_ends_at_once() -> None:
    modem = AtModem()
    modem.start("+84901234567", "x", 1, 0.0)
    for _, reply in OPENING[:-1]:
        modem.feed(reply, 0.0)
    now = 0.0
    for _ in range(REGISTER_TRIES - 1):
        assert modem.feed(b"\r\n+CREG: 0,2\r\n\r\nOK\r\n", now) == []
        assert modem.deadline == now + REGISTER_S
        now += REGISTER_S
        assert modem.expire(now) == [Say(b"AT+CREG?\r")]
    (end,) = modem.feed(b"\r\n+CREG: 0,2\r\n\r\nOK\r\n", now)
    assert end == Failed("network", "there is no mobile network here")
    modem.start("+84901234567", "x", 1, 0.0)
    for _, reply in OPENING[:-1]:
        modem.feed(reply, 0.0)
    assert modem.feed(b"\r\n+CREG: 0,3\r\n\r\nOK\r\n", 0.0) == [Failed("network", "the network refuses this SIM card")]


def test_a_pin_is_entered_once_and_a_wrong_one_never_again() -> None:
    modem = AtModem(pin="1234")
    modem.start("+84901234567", "x", 1, 0.0)
    for _, reply in OPENING[:3]:
        modem.feed(reply, 0.0)
    assert modem.feed(b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n", 0.0) == [Say(b'AT+CPIN="1234"\r')]
    (end,) = modem.feed(b"\r\n+CME ERROR: 16\r\n", 0.0)
    assert isinstance(end, Failed)
    assert "the PIN is wrong" in end.detail
    assert "1234" not in end.detail
    modem.start("+84901234567", "x", 1, 0.0)
    for _, reply in OPENING[:3]:
        modem.feed(reply, 0.0)
    (again,) = modem.feed(b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n", 0.0)
    assert isinstance(again, Failed)


def test_one_message_at_a_time() -> None:
    modem = AtModem()
    modem.start("+84901234567", "x", 1, 0.0)
    with pytest.raises(ModemBusy):
        modem.start("+84901234567", "y", 2, 0.0)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_nothing_that_a_line_can_say_breaks_it(noise: bytes) -> None:
    modem = AtModem(pin="1")
    modem.start("+84901234567", "x", 1, 0.0)
    for start in range(0, len(noise), 7):
        modem.feed(noise[start : start + 7], 0.0)
    assert modem.deadline is None or modem.deadline <= SEND_S


# ---- over a pseudo-terminal, as the sending child does it ----------------------------------------


def send(modem: Modem, state: Path, settings: dict[str, str], title: str, body: str) -> str:
    async def main() -> str:
        line = ModemPty(modem)
        try:
            way = SmsWay(ModemSettings(port=line.path, **settings), state)  # type: ignore[arg-type]
            async with asyncio.timeout(20.0):
                return await way.send("sms:+84901234567", title, body, "critical")
        finally:
            line.close()

    return asyncio.run(main())


@pytest.mark.parametrize("mode", ["pdu", "text"])
def test_a_vietnamese_alarm_arrives_over_a_serial_line(tmp_path: Path, mode: str) -> None:
    modem = Modem(registered=[2, 1])
    assert send(modem, tmp_path, {"mode": mode}, "Vườn", VIETNAMESE) == ""
    assert "".join(text for _, text in modem.sent) == f"Vườn\n{VIETNAMESE}"
    assert {number for number, _ in modem.sent} == {"+84901234567"}
    assert len(modem.sent) == (1 if mode == "pdu" else 2), "in PDU mode the parts are joined again"


def test_a_locked_card_is_opened_and_a_wrong_pin_is_tried_once_for_ever(tmp_path: Path) -> None:
    assert send(Modem(pin="4321"), tmp_path, {"pin": "4321"}, "t", "b") == ""
    locked = Modem(pin="4321")
    for _ in range(5):
        assert send(locked, tmp_path, {"pin": "9999"}, "t", "b") != ""
    assert sum(line.startswith("AT+CPIN=") for line in locked.asked) == 1
    assert send(locked, tmp_path, {"pin": "4321"}, "t", "b") == "", "the right one in the file is tried again"


def test_a_modem_that_is_not_there_says_what_to_check(tmp_path: Path) -> None:
    way = SmsWay(ModemSettings(port=str(tmp_path / "ttyUSB9")), tmp_path)
    said = asyncio.run(way.send("sms:+84901234567", "t", "b", "alarm"))
    assert "there is no such port" in said
