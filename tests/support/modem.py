# SPDX-License-Identifier: Apache-2.0
"""A mobile modem behind a pseudo-terminal, as 3GPP TS 27.005 and 27.007 describe one; it keeps what it "sent".

It reads SMS-SUBMIT by itself (not with the code under test) and can be given a locked card, a bad network and noise.
"""

import asyncio
import os
import pty
import re
import tty
from dataclasses import dataclass, field

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def read_pdu(pdu: str) -> tuple[str, str, tuple[int, ...]]:
    """Give number, text and concatenation (reference, count, which) of an SMS-SUBMIT behind its service centre."""
    octets = bytes.fromhex(pdu)
    at = 1 + octets[0]
    first = octets[at]
    digits, kind = octets[at + 2], octets[at + 3]
    half = (digits + 1) // 2
    swapped = octets[at + 4 : at + 4 + half].hex()
    number = "".join(swapped[i + 1] + swapped[i] for i in range(0, len(swapped), 2))[:digits]
    at += 4 + half
    coding = octets[at + 1]
    at += 2 + (1 if first & 0x18 == 0x10 else 0)
    length, data = octets[at], octets[at + 1 :]
    header = data[: data[0] + 1] if first & 0x40 else b""
    if coding == 8:
        text = data[len(header) : length].decode("utf-16-be")
    else:
        bits = int.from_bytes(data, "little")
        skip = -(-len(header) * 8 // 7)
        text = "".join(GSM[(bits >> (7 * i)) & 0x7F] for i in range(skip, length))
    return ("+" if kind == 0x91 else "") + number, text, tuple(header[3:6])


@dataclass
class Modem:
    """The modem. ``registered`` are its answers to +CREG?, the last one stays; ``refuse`` answers +CMGS."""

    pin: str = ""
    registered: list[int] = field(default_factory=lambda: [1])
    refuse: str = ""
    deaf: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _buffer: bytes = b""
    _pdu: bool = False
    _to: str | None = None
    _coding: str = "GSM"
    _echo: bool = True
    _parts: dict[int, dict[int, str]] = field(default_factory=dict)

    def hear(self, data: bytes) -> bytes:
        """Take bytes, give the answer."""
        if self.deaf:
            return b""
        out = data if self._echo else b""
        self._buffer += data
        while True:
            if self._to is not None:
                body, end, rest = self._buffer.partition(b"\x1a")
                if not end:
                    return out
                self._buffer = rest
                out += self._take(self._to, body.decode("ascii"))
                self._to = None
                continue
            line, end, rest = self._buffer.partition(b"\r")
            if not end:
                return out
            self._buffer = rest
            out += self._command(line.decode("ascii").strip("\x1b"))

    def _command(self, line: str) -> bytes:
        self.asked.append(line)
        ok = b"\r\nOK\r\n"
        if line == "ATE0":
            self._echo = False
        if line == "AT+CPIN?":
            state = "SIM PIN" if self.pin else "READY"
            return f"\r\n+CPIN: {state}\r\n".encode() + ok
        if found := re.fullmatch(r'AT\+CPIN="(\d+)"', line):
            if found[1] != self.pin:
                return b"\r\n+CME ERROR: 16\r\n"
            self.pin = ""
        if line == "AT+CREG?":
            state_now = self.registered.pop(0) if len(self.registered) > 1 else self.registered[0]
            # A call comes in between, as calls do.
            return f"\r\nRING\r\n\r\n+CREG: 0,{state_now}\r\n".encode() + ok
        if found := re.fullmatch(r"AT\+CMGF=(\d)", line):
            self._pdu = found[1] == "0"
        if found := re.fullmatch(r'AT\+CSCS="(\w+)"', line):
            self._coding = found[1]
        if found := re.fullmatch(r'AT\+CMGS="?([^"]+)"?', line):
            if self.refuse:
                return f"\r\n{self.refuse}\r\n".encode()
            self._to = found[1]
            return b"\r\n> "
        return ok

    def _take(self, to: str, body: str) -> bytes:
        if self._pdu:
            assert (len(body) - 2) // 2 == int(to), "AT+CMGS told another length"
            number, text, header = read_pdu(body)
            if header:
                reference, count, which = header
                parts = self._parts.setdefault(reference, {})
                parts[which] = text
                if len(parts) == count:
                    self.sent.append((number, "".join(parts[i] for i in sorted(parts))))
            else:
                self.sent.append((number, text))
        elif self._coding == "UCS2":
            self.sent.append((bytes.fromhex(to).decode("utf-16-be"), bytes.fromhex(body).decode("utf-16-be")))
        else:
            self.sent.append((to, body))
        return f"\r\n+CMGS: {len(self.asked)}\r\n\r\nOK\r\n".encode()


class ModemPty:
    """The modem at the other end of a pseudo-terminal: open ``path`` with any serial program."""

    def __init__(self, modem: Modem) -> None:
        self.modem = modem
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._heard)

    def _heard(self) -> None:
        answer = self.modem.hear(os.read(self._master, 4096))
        for byte in answer:  # byte at a time, as a slow line gives them
            os.write(self._master, bytes((byte,)))

    def close(self) -> None:
        """Pull the plug."""
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
