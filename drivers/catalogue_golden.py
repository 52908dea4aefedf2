# SPDX-License-Identifier: Apache-2.0
"""Replays a golden frame of the catalogue: the bytes of one exchange through the same decoder as the field's bytes.

The rule it keeps: it checks length, function and CRC like a master would, so that a misprinted frame is refused.
"""

from drivers.catalogue_schema import Entry, Golden
from drivers.crc import modbus_crc
from drivers.decode import ReadBlock, block_registers
from drivers.registry import read_registers, read_text
from drivers.text_decode import TextFault
from telemetry.records import Quality


class GoldenError(ValueError):
    """The frame is not what it says it is."""


def _bytes(hexadecimal: str, what: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:
        raise GoldenError(f"{what} is not hexadecimal: {hexadecimal!r}") from None


def _modbus(frame: bytes, what: str) -> bytes:
    """Give the frame without its CRC."""
    if len(frame) < 4:
        raise GoldenError(f"{what} has {len(frame)} bytes; a Modbus frame has at least 4")
    crc = modbus_crc(frame[:-2])
    if frame[-2:] != crc:
        raise GoldenError(f"{what} ends with {frame[-2:].hex(' ')}, its CRC is {crc.hex(' ')}")
    return frame[:-2]


def read_block(request: bytes) -> ReadBlock:
    """Read the block that a read request (address, function, start, count; without CRC) asks for."""
    if len(request) != 6 or request[1] not in {1, 2, 3, 4}:
        raise GoldenError(f"request {request.hex(' ')} is not a read of functions 1 to 4")
    return ReadBlock(request[1], int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big"))


def reply_words(block: ReadBlock, reply: bytes) -> list[int]:
    """Read the words (or bits) of a reply (without CRC) to ``block``."""
    if reply[1] != block.function:
        raise GoldenError(f"reply has function {reply[1]}, the request {block.function}")
    data = reply[3:]
    expected = (block.count + 7) // 8 if block.function in {1, 2} else 2 * block.count
    if reply[2] != len(data) or len(data) != expected:
        raise GoldenError(f"reply counts {reply[2]} bytes, has {len(data)}, the request asks for {expected}")
    if block.function in {1, 2}:
        return [(data[i // 8] >> (i % 8)) & 1 for i in range(block.count)]
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def replay(entry: Entry, golden: Golden) -> dict[str, float]:
    """Decode one golden exchange to canonical values by name; GoldenError says what does not fit."""
    if entry.protocol != "modbus":
        data = _bytes(golden.reply, "reply") if entry.protocol == "binary" else golden.reply.encode("utf-8")
        try:
            measured = read_text(entry, data)
        except TextFault as error:
            raise GoldenError(str(error)) from None
        return {m.name: m.canonical for m in measured if not m.quality & Quality.COMM}
    reply = _modbus(_bytes(golden.reply, "reply"), "reply")
    if golden.does:
        _modbus(_bytes(golden.request, "request"), "request")
        return {}
    request = _modbus(_bytes(golden.request, "request"), "request")
    if reply[0] != request[0] and request[0] != 0:
        raise GoldenError(f"reply comes from address {reply[0]}, the request went to {request[0]}")
    block = read_block(request)
    registers = block_registers(block, reply_words(block, reply))
    return {m.name: m.canonical for m in read_registers(entry, registers) if not m.quality & Quality.COMM}
