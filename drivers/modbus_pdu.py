# SPDX-License-Identifier: Apache-2.0
"""Modbus requests and what a good reply to each must look like, without any framing.

The rule it keeps: a request that cannot be right is refused when it is made, so nothing wrong reaches a wire.
Source: MODBUS Application Protocol Specification V1.1b3, §6 and §7.
"""

import struct
from typing import Final

import msgspec

READ_COILS: Final = 1
READ_DISCRETE: Final = 2
READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_COIL: Final = 5
WRITE_REGISTER: Final = 6
WRITE_COILS: Final = 15
WRITE_REGISTERS: Final = 16
READ_WRITE: Final = 23

BIT_READS: Final = frozenset({READ_COILS, READ_DISCRETE})
REGISTER_READS: Final = frozenset({READ_HOLDING, READ_INPUT})
COUNTED: Final = frozenset({READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT, READ_WRITE})

MAX_READ_REGISTERS: Final = 125
MAX_READ_BITS: Final = 2000
MAX_WRITE_REGISTERS: Final = 123
MAX_WRITE_COILS: Final = 1968
MAX_READ_WRITE_REGISTERS: Final = 121
MAX_PDU: Final = 253
BROADCAST: Final = 0

EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


class RequestError(ValueError):
    """We broke the rules: this request may not be sent."""


class Request(msgspec.Struct, frozen=True):
    """One Modbus request. Make it with the functions below, they keep the limits of the specification."""

    unit: int
    function: int
    address: int
    count: int  # registers or bits asked for or written; 0 for a raw request
    pdu: bytes
    reply_length: int  # length of a good reply's PDU, with its function code
    writes: bool

    def mismatch(self, reply: bytes) -> str:
        """Say in what a reply PDU (already of the right length) does not belong to this request; '' if it does."""
        function = self.function
        if reply[0] != function:
            return f"function {reply[0]} in answer to {function}"
        if function in COUNTED:
            if reply[1] != self.reply_length - 2:
                return f"byte count {reply[1]} instead of {self.reply_length - 2}"
        elif function in {WRITE_COIL, WRITE_REGISTER}:
            if reply != self.pdu:
                return f"echo {reply.hex(' ')} instead of {self.pdu.hex(' ')}"
        elif function in {WRITE_COILS, WRITE_REGISTERS} and reply[1:5] != self.pdu[1:5]:
            return f"echo {reply[1:5].hex(' ')} instead of {self.pdu[1:5].hex(' ')}"
        return ""

    def payload(self, reply: bytes) -> bytes:
        """Give the register or bit bytes of a good reply PDU; for a write nothing; for a raw request all."""
        if self.function in COUNTED:
            return reply[2:]
        if self.writes and self.count:
            return b""
        return reply[1:]

    @property
    def reply_may_equal_request(self) -> bool:
        """A good reply is byte for byte the request: then only its time tells it from a local echo."""
        return self.function not in COUNTED and self.reply_length == len(self.pdu)


def _check(unit: int, address: int, count: int, limit: int, what: str) -> None:
    if not 0 <= unit <= 255:
        raise RequestError(f"unit {unit}: an address on the bus is 1 to 247 (0 broadcast, 248 to 255 general)")
    if not 1 <= count <= limit:
        raise RequestError(f"unit {unit}: {count} {what} in one request; the specification allows 1 to {limit}")
    if not 0 <= address <= 0xFFFF or address + count > 0x10000:
        raise RequestError(f"unit {unit}: {what} {address} to {address + count - 1} leave the range 0 to 65535")


def read(unit: int, function: int, address: int, count: int) -> Request:
    """Read ``count`` coils (1), discrete inputs (2), holding (3) or input registers (4) from ``address``."""
    if unit == BROADCAST:
        raise RequestError("unit 0 is broadcast: nobody answers a read")
    if function in REGISTER_READS:
        _check(unit, address, count, MAX_READ_REGISTERS, "registers")
        size = 2 * count
    elif function in BIT_READS:
        _check(unit, address, count, MAX_READ_BITS, "bits")
        size = (count + 7) // 8
    else:
        raise RequestError(f"function {function} is not a read; reads are 1, 2, 3 and 4")
    pdu = struct.pack(">BHH", function, address, count)
    return Request(unit, function, address, count, pdu, 2 + size, writes=False)


def write_coil(unit: int, address: int, value: bool | int) -> Request:
    """Write one coil (5). ``True``/``False`` are FF00/0000; a raw 16-bit value serves boards that extend it."""
    _check(unit, address, 1, 1, "coils")
    word = (0xFF00 if value else 0) if isinstance(value, bool) else value
    if not 0 <= word <= 0xFFFF:
        raise RequestError(f"unit {unit}: coil value {word} does not fit 16 bits")
    pdu = struct.pack(">BHH", WRITE_COIL, address, word)
    return Request(unit, WRITE_COIL, address, 1, pdu, 5, writes=True)


def write_register(unit: int, address: int, value: int) -> Request:
    """Write one holding register (6) with 0..65535; a negative number is the caller's two's complement."""
    _check(unit, address, 1, 1, "registers")
    if not 0 <= value <= 0xFFFF:
        raise RequestError(f"unit {unit}: register value {value} does not fit 16 bits")
    pdu = struct.pack(">BHH", WRITE_REGISTER, address, value)
    return Request(unit, WRITE_REGISTER, address, 1, pdu, 5, writes=True)


def _words(unit: int, values: tuple[int, ...]) -> bytes:
    for value in values:
        if not 0 <= value <= 0xFFFF:
            raise RequestError(f"unit {unit}: register value {value} does not fit 16 bits")
    return struct.pack(f">{len(values)}H", *values)


def write_coils(unit: int, address: int, values: tuple[bool, ...]) -> Request:
    """Write neighbouring coils (15)."""
    _check(unit, address, len(values), MAX_WRITE_COILS, "coils")
    data = pack_bits(values)
    pdu = struct.pack(">BHHB", WRITE_COILS, address, len(values), len(data)) + data
    return Request(unit, WRITE_COILS, address, len(values), pdu, 5, writes=True)


def write_registers(unit: int, address: int, values: tuple[int, ...]) -> Request:
    """Write neighbouring holding registers (16)."""
    _check(unit, address, len(values), MAX_WRITE_REGISTERS, "registers")
    data = _words(unit, values)
    pdu = struct.pack(">BHHB", WRITE_REGISTERS, address, len(values), len(data)) + data
    return Request(unit, WRITE_REGISTERS, address, len(values), pdu, 5, writes=True)


def read_write(unit: int, address: int, count: int, write_address: int, values: tuple[int, ...]) -> Request:
    """Write registers, then read others, in one transaction (23)."""
    if unit == BROADCAST:
        raise RequestError("unit 0 is broadcast: nobody answers a read")
    _check(unit, address, count, MAX_READ_REGISTERS, "registers")
    _check(unit, write_address, len(values), MAX_READ_WRITE_REGISTERS, "registers")
    data = _words(unit, values)
    head = struct.pack(">BHHHHB", READ_WRITE, address, count, write_address, len(values), len(data))
    return Request(unit, READ_WRITE, address, count, head + data, 2 + 2 * count, writes=True)


def raw(unit: int, pdu: bytes, reply_length: int) -> Request:
    """Ask with a maker's own function code, such as 0x42; ``reply_length`` counts the reply's PDU."""
    if not 0 <= unit <= 255 or not 1 <= len(pdu) <= MAX_PDU or not 1 <= reply_length <= MAX_PDU:
        raise RequestError(f"unit {unit}: a raw request of {len(pdu)} bytes for {reply_length} does not fit a frame")
    if pdu[0] == 0 or pdu[0] >= 0x80:
        raise RequestError(f"unit {unit}: function {pdu[0]} is not one; functions are 1 to 127")
    return Request(unit, pdu[0], 0, 0, bytes(pdu), reply_length, writes=True)


def words(payload: bytes) -> tuple[int, ...]:
    """Give the registers of a reply's payload as unsigned 16-bit numbers."""
    return struct.unpack(f">{len(payload) // 2}H", payload[: len(payload) & ~1])


def pack_bits(values: tuple[bool, ...] | list[bool]) -> bytes:
    """Pack coils as on the wire: the first in the lowest bit of the first byte, the rest filled with 0."""
    data = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        if value:
            data[index >> 3] |= 1 << (index & 7)
    return bytes(data)


def bits(payload: bytes, count: int) -> tuple[bool, ...]:
    """Give the first ``count`` coils or inputs of a reply's payload."""
    return tuple(bool(payload[i >> 3] >> (i & 7) & 1) for i in range(count))
