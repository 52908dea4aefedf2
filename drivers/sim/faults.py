# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on an RS-485 line, each kind by name: damage, loss, noise, lateness, strangers, echo.

The rule it keeps: a fault changes what is heard, never what a device truly measured or did. Damage that by
chance carries a valid CRC (one in 65,536) is drawn again: no receiver on earth could know it.
The kinds come from the threads listed in docs/bus.md.
"""

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from drivers.crc import crc16
from drivers.modbus_rtu import frame_of
from drivers.sim.faults_framing import FRAMING, LATE_MOST_S
from drivers.sim.line import Behaviour, Emission, Exchange, plain

TWICE_MOST_S: Final = 0.2

Damage = Callable[[bytearray, random.Random], bytearray]


# ---- damage to a reply -------------------------------------------------------------------------


def _flip(bits: int, data: bytearray, rng: random.Random) -> bytearray:
    for place in rng.sample(range(8 * len(data)), bits):
        data[place >> 3] ^= 1 << (place & 7)
    return data


def _burst(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(8 * len(data) - 16)
    for place in range(at, at + 16):
        if rng.random() < 0.5:
            data[place >> 3] ^= 1 << (place & 7)
    return data


def _set_byte(value: int | None, data: bytearray, rng: random.Random) -> bytearray:
    data[rng.randrange(len(data))] = rng.randrange(256) if value is None else value
    return data


def _strip_high(data: bytearray, _rng: random.Random) -> bytearray:
    return bytearray(byte & 0x7F for byte in data)


def _swap_crc(data: bytearray, _rng: random.Random) -> bytearray:
    data[-1], data[-2] = data[-2], data[-1]
    return data


def _zero_crc(data: bytearray, _rng: random.Random) -> bytearray:
    data[-2:] = b"\0\0"
    return data


def _lose(count: int, at: int | None, data: bytearray, rng: random.Random) -> bytearray:
    begin = rng.randrange(1, len(data) - count) if at is None else at % len(data)
    del data[begin : begin + count]
    return data


def _half(data: bytearray, _rng: random.Random) -> bytearray:
    return data[: len(data) // 2]


def _one(data: bytearray, _rng: random.Random) -> bytearray:
    return data[:1]


def _double(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    data.insert(at, data[at])
    return data


def _insert(data: bytearray, rng: random.Random) -> bytearray:
    data.insert(rng.randrange(1, len(data)), rng.randrange(256))
    return data


def _invert(data: bytearray, _rng: random.Random) -> bytearray:
    return bytearray(byte ^ 0xFF for byte in data)


def _swap_bytes(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) - 1)
    data[at], data[at + 1] = data[at + 1], data[at]
    return data


def _slip(data: bytearray, rng: random.Random) -> bytearray:
    """A bit is lost or heard twice: all after it moves by one place."""
    place = rng.randrange(8 * len(data) - 8)
    bits = "".join(f"{byte:08b}" for byte in data)
    bits = bits[:place] + (bits[place + 1 :] + "1" if rng.random() < 0.5 else bits[place] + bits[place:-1])
    return bytearray(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def _other_speed(data: bytearray, rng: random.Random) -> bytearray:
    return bytearray(rng.choice((0x00, 0x80, 0xE0, 0xF8, 0xFE, 0xFF)) for _ in data)


def _damaged(how: Damage, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None:
        return []
    for _ in range(8):
        data = how(bytearray(reply), exchange.rng)
        if len(data) < 4 or crc16(data) != 0:
            return [exchange.emit(bytes(data))]
    return [exchange.emit(reply[:-1])]


# ---- noise -------------------------------------------------------------------------------------


def _noise(exchange: Exchange, least: int, most: int) -> bytes:
    return exchange.rng.randbytes(exchange.rng.randint(least, most))


def _noise_before(least: int, most: int, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    noise = _noise(exchange, least, most)
    return [exchange.emit(noise + (reply or b""))]


def _bytes_before(before: bytes, exchange: Exchange) -> list[Emission]:
    return [exchange.emit(before + (exchange.ask() or b""))]


def _noise_after(least: int, most: int, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    return [exchange.emit((reply or b"") + _noise(exchange, least, most))]


def _noise_alone(exchange: Exchange) -> list[Emission]:
    return [exchange.emit(_noise(exchange, 1, 24))]


def _babble(exchange: Exchange) -> list[Emission]:
    exchange.ask()
    return [exchange.emit(_noise(exchange, 200, 300))]


def _driver_stuck(exchange: Exchange) -> list[Emission]:
    return [exchange.emit((exchange.ask() or b"") + bytes(20))]


def _restart(exchange: Exchange) -> list[Emission]:
    return [exchange.emit(b"\r\nREADY V1.02\r\n", exchange.rng.uniform(0.0, 0.4))]


# ---- time --------------------------------------------------------------------------------------


def _silent(exchange: Exchange) -> list[Emission]:
    exchange.ask()
    return []


def _unheard(_exchange: Exchange) -> list[Emission]:
    return []


def _hole(seconds: float, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None:
        return []
    cut = exchange.rng.randrange(1, len(reply))
    first = exchange.emit(reply[:cut])
    return [first, exchange.emit(reply[cut:], cut * exchange.character_s + seconds)]


def _slow_characters(exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    return [] if reply is None else [exchange.emit(reply, spacing=1.4)]


def _usb_timer(exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None:
        return []
    return [exchange.emit(reply, len(reply) * exchange.character_s + 0.016, spacing=0.001)]


def _late(least_s: float, most_s: float, polite: bool, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    delay_s = exchange.rng.uniform(least_s, most_s)
    return [] if reply is None else [exchange.emit(reply, delay_s, polite=polite)]


def _twice(least_s: float, most_s: float, polite: bool, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None:
        return []
    first = exchange.emit(reply)
    again_s = len(reply) * exchange.character_s + exchange.rng.uniform(least_s, most_s)
    return [first, exchange.emit(reply, again_s, polite=polite)]


def _exception_late(exchange: Exchange) -> list[Emission]:
    exchange.ask()
    reply = frame_of(exchange.unit, bytes((exchange.frame[1] | 0x80, 4)))
    return [exchange.emit(reply, exchange.rng.uniform(0.05, LATE_MOST_S), polite=True)]


# ---- strangers, with a valid CRC ---------------------------------------------------------------


def _as_unit(choose: Callable[[Exchange], int], exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    return [] if reply is None else [exchange.emit(frame_of(choose(exchange), reply[1:-2]))]


def _nobodys_unit(exchange: Exchange) -> int:
    return exchange.unit ^ 0x40


def _somebodys_unit(exchange: Exchange) -> int:
    others = [unit for unit in exchange.line.serve if unit != exchange.unit]
    return exchange.rng.choice(others) if others else exchange.unit ^ 0x40


def _wrong_function(exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None:
        return []
    other = 3 if reply[1] != 3 else 4
    return [exchange.emit(frame_of(exchange.unit, bytes((other,)) + reply[2:-2]))]


def _other_count(more: int, exchange: Exchange) -> list[Emission]:
    reply = exchange.ask()
    if reply is None or reply[1] not in {1, 2, 3, 4}:
        return [] if reply is None else [exchange.emit(reply)]
    data = reply[3:-2]
    data = data + b"\x12\x34" if more > 0 else data[:-2]
    return [exchange.emit(frame_of(exchange.unit, bytes((reply[1], len(data))) + data))]


def _exception(code: int, exchange: Exchange) -> list[Emission]:
    exchange.ask()
    return [exchange.emit(frame_of(exchange.unit, bytes((exchange.frame[1] | 0x80, code))))]


def _wrong_echo(exchange: Exchange) -> list[Emission]:
    """A write is answered with another value; a read is not answered."""
    reply = bytearray(exchange.ask() or b"")
    if len(reply) < 8 or reply[1] < 5:
        return []
    reply[4] ^= 0x01
    return [exchange.emit(frame_of(reply[0], bytes(reply[1:-2])))]


def _foreign_before(exchange: Exchange) -> list[Emission]:
    unit = _somebodys_unit(exchange)
    foreign = frame_of(unit, b"\x03\x04" + exchange.rng.randbytes(4))
    reply = exchange.ask()
    first = exchange.emit(foreign)
    return [first] if reply is None else [first, exchange.emit(reply, (len(foreign) + 4) * exchange.character_s)]


def _second_master(exchange: Exchange) -> list[Emission]:
    """Another master reads a block of its own; the same block at the same time would fool anybody."""
    unit = _somebodys_unit(exchange)
    asked = frame_of(unit, b"\x03\x00\x00\x00\x07")
    told = frame_of(unit, b"\x03\x0e" + exchange.rng.randbytes(14))
    delay_s = exchange.rng.uniform(-exchange.latency_s, 0.05)
    answer = plain(exchange)
    return [*answer, exchange.emit(asked, delay_s), exchange.emit(told, delay_s + 0.02)]


def _twin(least_s: float, most_s: float, exchange: Exchange) -> list[Emission]:
    """A second device with the same address and other values answers too (alone it would fool anybody)."""
    reply = exchange.ask()
    if reply is None or exchange.line.next_s() < math.inf:
        return [] if reply is None else [exchange.emit(reply)]
    pdu = bytearray(reply[1:-2])
    pdu[-1] ^= 0x5A
    delay_s = exchange.rng.uniform(least_s, most_s)
    return [exchange.emit(reply), exchange.emit(frame_of(exchange.unit, bytes(pdu)), delay_s)]


# ---- echo --------------------------------------------------------------------------------------


def echoed(exchange: Exchange, behaviour: Behaviour = plain) -> list[Emission]:
    """The adapter hears itself: the request comes back first."""
    echo = Emission(exchange.start_s, exchange.frame, exchange.character_s, polite=True)
    return [echo, *behaviour(exchange)]


def _echo_damaged(exchange: Exchange) -> list[Emission]:
    data = _flip(1, bytearray(exchange.frame), exchange.rng)
    echo = Emission(exchange.start_s, bytes(data), exchange.character_s, polite=True)
    return [echo, *plain(exchange)]


def _echo_only(exchange: Exchange) -> list[Emission]:
    return echoed(exchange, _unheard)


DAMAGES: Final[Mapping[str, Damage]] = {
    "one bit flipped": partial(_flip, 1),
    "two bits flipped": partial(_flip, 2),
    "three bits flipped": partial(_flip, 3),
    "burst of 16 bits": _burst,
    "one byte changed": partial(_set_byte, None),
    "one byte zero": partial(_set_byte, 0),
    "one byte FF": partial(_set_byte, 0xFF),
    "high bits lost": _strip_high,
    "CRC bytes swapped": _swap_crc,
    "CRC zero": _zero_crc,
    "first byte lost": partial(_lose, 1, 0),
    "last byte lost": partial(_lose, 1, -1),
    "inner byte lost": partial(_lose, 1, None),
    "two bytes lost": partial(_lose, 2, None),
    "second half lost": _half,
    "one byte only": _one,
    "byte doubled": _double,
    "byte inserted": _insert,
    "all bits inverted": _invert,
    "neighbours swapped": _swap_bytes,
    "a bit slipped": _slip,
    "another speed": _other_speed,
}

KINDS: Final[Mapping[str, Behaviour]] = {
    **{name: partial(_damaged, how) for name, how in DAMAGES.items()},
    "noise byte before": partial(_noise_before, 1, 1),
    "noise before": partial(_noise_before, 2, 6),
    "much noise before": partial(_noise_before, 20, 40),
    "zero byte before": partial(_bytes_before, b"\x00"),
    "FF 00 before": partial(_bytes_before, b"\xff\x00"),
    "noise byte after": partial(_noise_after, 1, 1),
    "much noise after": partial(_noise_after, 10, 30),
    "noise alone": _noise_alone,
    "babble": _babble,
    "driver stuck on": _driver_stuck,
    "device restarts": _restart,
    "no answer": _silent,
    "request not heard": _unheard,
    "hole of 7 ms": partial(_hole, 0.007),
    "hole of 15 ms": partial(_hole, 0.015),
    "hole of 60 ms": partial(_hole, 0.06),
    "slow characters": _slow_characters,
    "USB latency timer": _usb_timer,
    "late, in the pause": partial(_late, 0.03, 0.09, False),
    "late, into later traffic": partial(_late, 0.09, LATE_MOST_S, False),
    "late, from a buffering gateway": partial(_late, 0.03, LATE_MOST_S, True),
    "late exception": _exception_late,
    "answer twice at once": partial(_twice, 0.0, 0.0, False),
    "answer twice": partial(_twice, 0.005, TWICE_MOST_S, False),
    "answer twice, buffered": partial(_twice, 0.005, TWICE_MOST_S, True),
    "nobody's address": partial(_as_unit, _nobodys_unit),
    "another device's address": partial(_as_unit, _somebodys_unit),
    "wrong function": _wrong_function,
    "fewer registers": partial(_other_count, -1),
    "more registers": partial(_other_count, 1),
    "exception 2": partial(_exception, 2),
    "exception 4": partial(_exception, 4),
    "exception 6": partial(_exception, 6),
    "exception 11": partial(_exception, 11),
    "exception unknown": partial(_exception, 0x77),
    "write echoed wrong": _wrong_echo,
    "foreign answer before": _foreign_before,
    "second master": _second_master,
    "two devices at once": partial(_twin, 0.0, 0.004),
    "two devices, one slower": partial(_twin, 0.035, TWICE_MOST_S),
    "echo": echoed,
    "echo damaged": _echo_damaged,
    "echo only": _echo_only,
    **FRAMING,
}


class Disturbance:
    """Chooses for each request whether and how the line fails; counts what it did."""

    def __init__(self, share: float, kinds: Mapping[str, Behaviour] = KINDS) -> None:
        self.share = share
        self.kinds = kinds
        self.done = dict.fromkeys(kinds, 0)
        self._names = list(kinds)

    def __call__(self, exchange: Exchange) -> list[Emission]:
        """Be the line's behaviour."""
        rng = exchange.rng
        if rng.random() >= self.share or len(exchange.frame) < 4 or crc16(exchange.frame) != 0:
            return plain(exchange)
        name = rng.choice(self._names)
        self.done[name] += 1
        return self.kinds[name](exchange)
