# SPDX-License-Identifier: Apache-2.0
"""A mobile modem that sends one message by AT commands: bytes in, bytes and an end out, in PDU or in text mode.

The rule it keeps: every wait has an end; a PIN is entered at most once, for the third wrong one locks the card; lines
nobody asked for (calls, signal strength) are passed over; each refusal of modem or network has words.
Sources: 3GPP TS 27.005 3.2.5 (+CMS ERROR), 3.3.1, 3.5.1 (+CMGS); 3GPP TS 27.007 7.2 (+CREG), 8.3 (+CPIN), 9.2.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from drivers.sms_pdu import message, septets, split

Mode = Literal["pdu", "text"]

ANSWER_S: Final = 5.0
HELLO_S: Final = 1.0
HELLOS: Final = 5  # a modem that finds its speed by itself needs some
SEND_S: Final = 60.0
REGISTER_S: Final = 2.0
REGISTER_TRIES: Final = 30
LINE_MAX: Final = 1024
END: Final = b"\x1a"
ABORT: Final = b"\x1b"
REGISTERED: Final = frozenset({1, 5, 6, 7})  # home, roaming, and both for short messages only
DENIED: Final = 3

# What a technician should know of the commonest answers of modem and network; the number is said with the rest.
ERRORS: Final = {
    "CME 10": "there is no SIM card", "CME 11": "the SIM card wants its PIN", "CME 12": "the SIM card is locked (PUK)",
    "CME 13": "the SIM card is faulty", "CME 14": "the SIM card is busy", "CME 15": "this is not a SIM card",
    "CME 16": "the PIN is wrong", "CME 30": "there is no mobile network here",
    "CMS 1": "this number does not exist", "CMS 8": "the network bars this SIM card",
    "CMS 10": "the network bars calls of this SIM card", "CMS 21": "the network rejected the message",
    "CMS 27": "the telephone cannot be reached", "CMS 28": "the network does not know this number",
    "CMS 30": "the network does not know this SIM card", "CMS 38": "the network is out of order",
    "CMS 41": "the network fails for the moment", "CMS 42": "the network is overloaded",
    "CMS 50": "this SIM card may not send messages", "CMS 96": "the number or text is incomplete",
    "CMS 302": "the modem does not allow it", "CMS 303": "the modem cannot do it",
    "CMS 304": "the modem refuses the form of the message",
    "CMS 310": "there is no SIM card", "CMS 311": "the SIM card wants its PIN", "CMS 313": "the SIM card is faulty",
    "CMS 322": "the memory for messages is full", "CMS 330": "the number of the service centre is not set",
    "CMS 331": "there is no mobile network here", "CMS 332": "the network does not answer",
}  # fmt: skip
_ERROR: Final = re.compile(r"^\+(CM[SE]) ERROR: (\d+)$")
_REGISTRATION: Final = re.compile(r"^\+CREG: (?:\d,)?(\d)")


class ModemBusy(ValueError):
    """We broke the rules: a message is under way."""


class Say(msgspec.Struct, frozen=True):
    """Bytes to send to the modem now."""

    data: bytes


class Done(msgspec.Struct, frozen=True):
    """The network took every part; its references."""

    references: tuple[int, ...]


class Failed(msgspec.Struct, frozen=True):
    """The message was not sent. ``code`` like ``CMS 331``, ``timeout``, ``pin``; ``detail`` in words."""

    code: str
    detail: str


Event = Say | Done | Failed


class _Step(msgspec.Struct, frozen=True):
    """One command: what ends it, how long it may take, and whether its refusal ends the whole."""

    command: bytes
    wait_s: float = ANSWER_S
    prompt: bool = False
    optional: bool = False


class AtModem:
    """Sends one message after another. ``pin`` is entered once if the card asks; "" never."""

    def __init__(self, pin: str = "", mode: Mode = "pdu") -> None:
        self._pin = pin
        self._mode = mode
        self._steps: Iterator[_Step] = iter(())
        self._step: _Step | None = None
        self._line = b""
        self._left = 0
        self._references: list[int] = []
        self._ready = False
        self._wants_pin = False
        self.deadline: float | None = None

    def start(self, number: str, text: str, reference: int, now: float) -> list[Event]:
        """Begin to send ``text`` to ``number``; BadMessage when they cannot be, ModemBusy before the last ended."""
        if self._step is not None:
            raise ModemBusy("a message is under way")
        sending = list(self._in_pdu(number, text, reference) if self._mode == "pdu" else self._in_text(number, text))
        self._references = []
        self._ready = False
        self._left = HELLOS
        self._steps = iter(sending)
        self._line = b""
        return self._do(_Step(b"AT\r", HELLO_S), now)

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the modem."""
        events: list[Event] = []
        for byte in data:
            if self._step is None:
                break
            self._line += bytes((byte,))
            # The prompt is no line: <CR><LF><greater than><space> (TS 27.005 3.5.1).
            if self._step.prompt and self._line.lstrip(b"\r\n") == b"> ":
                self._line = b""
                events += self._next(now)
            elif byte in b"\r\n":
                line, self._line = self._line.strip().decode("ascii", "replace"), b""
                if line:
                    events += self._hear(line, now)
            elif len(self._line) > LINE_MAX:
                self._line = b""
        return events

    def expire(self, now: float) -> list[Event]:
        """Tell that ``deadline`` has come."""
        step = self._step
        if step is None or self.deadline is None or now < self.deadline:
            return []
        if step.command == b"AT\r" and self._left > 1:
            self._left -= 1
            return self._do(step, now)
        if step.command == b"AT+CREG?\r":  # waiting for the network between two questions
            return self._do(step, now)
        abort: list[Event] = [Say(ABORT)] if step.prompt or step.command.endswith(END) else []
        return abort + self._end(Failed("timeout", f"no answer to {_shown(step.command)}"))

    # ---- the way of one message ------------------------------------------------------------------

    def _hear(self, line: str, now: float) -> list[Event]:
        step = self._step
        if step is None:
            return []
        if (error := _ERROR.match(line)) is not None:
            return self._refused(f"{error[1]} {error[2]}", now)
        if line == "ERROR":
            return self._refused("ERROR", now)
        if line.startswith("+CPIN:"):
            return self._card(line[6:].strip())
        if (found := _REGISTRATION.match(line)) is not None and step.command == b"AT+CREG?\r":
            return self._registered(int(found[1]), now)
        if line.startswith("+CMGS:"):
            reference = line[6:].split(",", maxsplit=1)[0].strip()
            self._references.append(int(reference) if reference.isdecimal() else -1)
            return []
        return self._accepted(now) if line == "OK" else []

    def _accepted(self, now: float) -> list[Event]:
        step = self._step
        if step is None or step.prompt:
            return []
        if step.command == b"AT+CREG?\r" and not self._ready:
            self.deadline = now + REGISTER_S
            return []
        if step.command == b"AT\r":
            return self._do(_Step(b"ATE0\r", optional=True), now)
        if step.command == b"ATE0\r":
            return self._do(_Step(b"AT+CMEE=1\r", optional=True), now)
        if step.command == b"AT+CMEE=1\r":
            return self._do(_Step(b"AT+CPIN?\r"), now)
        if step.command == b"AT+CPIN?\r" or step.command.startswith(b"AT+CPIN="):
            if self._pin_due():
                entered = f'AT+CPIN="{self._pin}"\r'.encode()
                self._pin = ""  # once: the third wrong one locks the card
                return self._do(_Step(entered, SEND_S), now)
            self._left = REGISTER_TRIES
            return self._do(_Step(b"AT+CREG?\r"), now)
        return self._next(now)

    def _pin_due(self) -> bool:
        due, self._wants_pin = self._wants_pin, False
        return due

    def _card(self, state: str) -> list[Event]:
        if state == "SIM PIN" and self._pin:
            self._wants_pin = True
            return []
        if state == "SIM PIN":
            return self._end(Failed("pin", "the SIM card wants its PIN, or the one given was wrong"))
        if state != "READY":
            return self._end(Failed("pin", f"the SIM card says {state}"))
        return []

    def _registered(self, state: int, now: float) -> list[Event]:
        self._ready = state in REGISTERED
        if self._ready:
            return []
        self._left -= 1
        if state == DENIED or self._left <= 0:
            words = "the network refuses this SIM card" if state == DENIED else "there is no mobile network here"
            return self._end(Failed("network", words))
        self.deadline = now + REGISTER_S
        return []

    def _refused(self, code: str, now: float) -> list[Event]:
        step = self._step
        if step is not None and step.optional:
            return self._accepted(now)
        words = ERRORS.get(code, "the modem or the network refused it")
        return self._end(Failed(code, f"{words} ({code})"))

    def _next(self, now: float) -> list[Event]:
        step = next(self._steps, None)
        return self._end(Done(tuple(self._references))) if step is None else self._do(step, now)

    def _do(self, step: _Step, now: float) -> list[Event]:
        self._step = step
        self.deadline = now + step.wait_s
        return [Say(step.command)]

    def _end(self, event: Done | Failed) -> list[Event]:
        self._step = None
        self.deadline = None
        return [event]

    @staticmethod
    def _in_pdu(number: str, text: str, reference: int) -> Iterator[_Step]:
        parts = message(number, text, reference)
        yield _Step(b"AT+CMGF=0\r")
        for one in parts:
            yield _Step(f"AT+CMGS={one.length}\r".encode(), prompt=True)
            yield _Step(one.pdu.encode() + END, SEND_S)

    @staticmethod
    def _in_text(number: str, text: str) -> Iterator[_Step]:
        """Text mode: letters of the GSM alphabet as they are (ASCII only), all else in UCS2 hexadecimal."""
        message(number, text, 0)  # refuses what no mode can send
        plain = septets(text) is not None and text.isascii() and "\n" not in text and "\r" not in text
        parts = split(text)
        yield _Step(b"AT+CMGF=1\r")
        yield _Step(b'AT+CSCS="GSM"\r' if plain else b'AT+CSCS="UCS2"\r')
        # First octet SMS-SUBMIT with a relative validity of one day; protocol 0; the alphabet (TS 27.005 3.3.2).
        yield _Step(f"AT+CSMP=17,167,0,{0 if plain else 8}\r".encode())
        for one in parts:
            to, body = (number, one) if plain else (_hex(number), _hex(one))
            yield _Step(f'AT+CMGS="{to}"\r'.encode(), prompt=True)
            yield _Step(body.encode("ascii") + END, SEND_S)


def _hex(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


def _shown(command: bytes) -> str:
    """Give a command for people: without the PIN, and of a message only that it was one."""
    if command.endswith(END):
        return "the message"
    return command.split(b"=")[0].decode().strip()
