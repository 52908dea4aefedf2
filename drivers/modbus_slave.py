# SPDX-License-Identifier: Apache-2.0
"""The slave's end of Modbus: cut requests out of bytes, serve them from a register map, build replies.

The rule it keeps: it answers as the specification says a device answers, so that a simulated instrument and an
independent master agree. Source: MODBUS Application Protocol V1.1b3 §6, MODBUS over Serial Line V1.02 §2.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from drivers.crc import crc16
from drivers.modbus_pdu import (
    BIT_READS,
    MAX_READ_BITS,
    MAX_READ_REGISTERS,
    READ_COILS,
    READ_HOLDING,
    READ_WRITE,
    REGISTER_READS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    bits,
    pack_bits,
    words,
)
from drivers.modbus_rtu import frame_of

MAX_FRAME = 256

Serve = Callable[[bytes], bytes | None]


def request_length(data: bytes | bytearray, raw_lengths: Mapping[int, int]) -> int:
    """Give the whole length of the RTU request that ``data`` begins with; 0 when more bytes must tell."""
    if len(data) < 2:
        return 0
    function = data[1]
    if function in BIT_READS or function in REGISTER_READS or function in {WRITE_COIL, WRITE_REGISTER}:
        return 8
    if function in {WRITE_COILS, WRITE_REGISTERS}:
        return 9 + data[6] if len(data) > 6 else 0
    if function == READ_WRITE:
        return 13 + data[10] if len(data) > 10 else 0
    return raw_lengths.get(function, 0)


class RtuSlaves:
    """One or more slaves on one line: ``feed`` takes the line's bytes and gives replies to send.

    ``serve`` maps a unit address to a function from request PDU to reply PDU (``None``: the device stays
    silent). Unit 0 reaches all and is never answered. ``gap`` (a silence of t3.5) must be told by the caller.
    """

    def __init__(self, serve: Mapping[int, Serve], raw_lengths: Mapping[int, int] | None = None) -> None:
        self.serve = serve
        self.raw_lengths = dict(raw_lengths or {})
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; give the reply frames of the requests that they complete."""
        self._buffer += data
        replies: list[bytes] = []
        while (size := request_length(self._buffer, self.raw_lengths)) and len(self._buffer) >= size:
            frame = bytes(self._buffer[:size])
            if crc16(frame) != 0:
                break  # out of step: wait for the silence
            del self._buffer[:size]
            reply = self.answer(frame)
            if reply is not None:
                replies.append(reply)
        if len(self._buffer) > MAX_FRAME:
            del self._buffer[:-MAX_FRAME]
        return replies

    def gap(self) -> list[bytes]:
        """The line was silent for t3.5: what stands in the buffer is one frame or rubbish."""
        frame = bytes(self._buffer)
        self._buffer.clear()
        if len(frame) < 4 or crc16(frame) != 0:
            return []
        reply = self.answer(frame)
        return [] if reply is None else [reply]

    def answer(self, frame: bytes) -> bytes | None:
        """Serve one whole request frame."""
        unit, pdu = frame[0], frame[1:-2]
        if unit == 0:
            for serve in self.serve.values():
                serve(pdu)
            return None
        slave = self.serve.get(unit)
        reply = slave(pdu) if slave else None
        return None if reply is None else frame_of(unit, reply)


class Registers(Protocol):
    """A device's memory. A method raises KeyError for what is not there, ValueError for what is refused."""

    def read_words(self, function: int, address: int, count: int) -> list[int]:
        """Give registers (function 3 or 4)."""

    def read_bits(self, function: int, address: int, count: int) -> list[bool]:
        """Give coils or inputs (function 1 or 2)."""

    def write_words(self, address: int, values: tuple[int, ...]) -> None:
        """Set holding registers."""

    def write_bits(self, address: int, values: tuple[bool, ...]) -> None:
        """Set coils."""


def serve_registers(memory: Registers, pdu: bytes) -> bytes:
    """Give the reply PDU of a device with this memory; errors become the specification's exceptions."""
    function = pdu[0]
    try:
        return _served(memory, function, pdu)
    except KeyError:
        return bytes((function | 0x80, 2))
    except (ValueError, IndexError, struct.error):
        return bytes((function | 0x80, 3))
    except NotImplementedError:
        return bytes((function | 0x80, 1))


def _served(memory: Registers, function: int, pdu: bytes) -> bytes:
    if function in BIT_READS or function in REGISTER_READS:
        address, count = struct.unpack(">HH", pdu[1:])
        limit = MAX_READ_BITS if function in BIT_READS else MAX_READ_REGISTERS
        if not 1 <= count <= limit:
            raise ValueError(count)
        if function in BIT_READS:
            data = pack_bits(memory.read_bits(function, address, count))
        else:
            data = struct.pack(f">{count}H", *memory.read_words(function, address, count))
        return bytes((function, len(data))) + data
    if function == WRITE_COIL:
        address, value = struct.unpack(">HH", pdu[1:])
        if value not in {0, 0xFF00}:
            raise ValueError(value)
        memory.write_bits(address, (value != 0,))
        return pdu
    if function == WRITE_REGISTER:
        address, value = struct.unpack(">HH", pdu[1:])
        memory.write_words(address, (value,))
        return pdu
    return _served_block(memory, function, pdu)


def _served_block(memory: Registers, function: int, pdu: bytes) -> bytes:
    if function in {WRITE_COILS, WRITE_REGISTERS}:
        address, count, size = struct.unpack(">HHB", pdu[1:6])
        data = pdu[6:]
        expected = 2 * count if function == WRITE_REGISTERS else (count + 7) // 8
        if size != len(data) or size != expected or count == 0:
            raise ValueError(size)
        if function == WRITE_REGISTERS:
            memory.write_words(address, words(data))
        else:
            memory.write_bits(address, bits(data, count))
        return pdu[:5]
    if function == READ_WRITE:
        address, count, write_address, write_count, size = struct.unpack(">HHHHB", pdu[1:10])
        data = pdu[10:]
        if size != len(data) or size != 2 * write_count or not 1 <= count <= MAX_READ_REGISTERS:
            raise ValueError(size)
        memory.write_words(write_address, words(data))
        read = memory.read_words(READ_HOLDING, address, count)
        return bytes((function, 2 * count)) + struct.pack(f">{count}H", *read)
    raise NotImplementedError(function)


class PlainMemory:
    """A memory of four plain tables, as the specification draws it; an absent cell is an illegal address."""

    def __init__(
        self,
        holding: dict[int, int] | None = None,
        inputs: dict[int, int] | None = None,
        coils: dict[int, bool] | None = None,
        discrete: dict[int, bool] | None = None,
    ) -> None:
        self.holding = holding if holding is not None else {}
        self.inputs = inputs if inputs is not None else {}
        self.coils = coils if coils is not None else {}
        self.discrete = discrete if discrete is not None else {}

    def read_words(self, function: int, address: int, count: int) -> list[int]:
        """Give registers (function 3 or 4)."""
        table = self.holding if function == READ_HOLDING else self.inputs
        return [table[index] & 0xFFFF for index in range(address, address + count)]

    def read_bits(self, function: int, address: int, count: int) -> list[bool]:
        """Give coils or inputs (function 1 or 2)."""
        table = self.coils if function == READ_COILS else self.discrete
        return [table[index] for index in range(address, address + count)]

    def write_words(self, address: int, values: tuple[int, ...]) -> None:
        """Set holding registers; all or none."""
        for index in range(address, address + len(values)):
            _ = self.holding[index]
        self.holding.update(enumerate(values, address))

    def write_bits(self, address: int, values: tuple[bool, ...]) -> None:
        """Set coils; all or none."""
        for index in range(address, address + len(values)):
            _ = self.coils[index]
        self.coils.update(enumerate(values, address))

    def __call__(self, pdu: bytes) -> bytes | None:
        """Serve one request PDU: the callable that :class:`RtuSlaves` wants."""
        return serve_registers(self, pdu)
