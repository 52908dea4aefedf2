# SPDX-License-Identifier: Apache-2.0
"""Turns register words into numbers in the instrument's own unit, and plans which registers to ask for.

The rule it keeps: pure; no line, no clock. A value that cannot be told (missing register, sentinel, NaN, fault
status) becomes nan or keeps its number with a quality flag, never a quiet guess and never clamped.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Final

from drivers.catalogue_schema import WORDS, Block, Entry, Order, Value
from drivers.units import to_canonical
from telemetry.quantities import quantity
from telemetry.records import Quality, Reading

# (function, register address) -> word; coils and inputs are words 0 or 1.
Registers = Mapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """One read request: ``count`` registers from ``start`` by ``function``; ``spare`` further ones are readable."""

    function: int
    start: int
    count: int
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one instrument, in the instrument's own unit."""

    quantity: str
    index: int
    raw: float
    unit: str
    quality: int = 0

    @property
    def name(self) -> str:
        """Give ``quantity`` or ``quantity.index``."""
        return f"{self.quantity}.{self.index}" if self.index else self.quantity

    @property
    def canonical(self) -> float:
        """Give the value in the quantity's canonical unit."""
        return to_canonical(self.raw, self.unit, self.quantity)


def value_function(entry: Entry, value: Value) -> int:
    """Give the function code that reads ``value``."""
    return value.function or entry.function


def value_unit(value: Value) -> str:
    """Give the unit that the instrument speaks for ``value``."""
    return value.unit or quantity(value.quantity).unit


def value_step(entry: Entry, value: Value) -> float:
    """Give the smallest step of ``value`` in its unit; 0 where it is not known (floats, text without ``step``)."""
    if value.step or entry.protocol != "modbus" or value.type.startswith("f") or value.decimals_at is not None:
        return value.step
    return abs(value.scale)


def _spans(entry: Entry) -> list[tuple[int, int, int]]:
    """List (function, first register, end) of all that must be read."""
    spans: list[tuple[int, int, int]] = []
    for value in entry.value:
        function = value_function(entry, value)
        spans.append((function, value.at, value.at + WORDS[value.type]))
        if value.plus is not None:
            spans.append((function, value.plus.at, value.plus.at + WORDS[value.plus.type]))
        if value.decimals_at is not None:
            spans.append((function, value.decimals_at, value.decimals_at + 1))
    spans.extend((s.function or entry.function, s.at, s.at + 1) for s in entry.status)
    return sorted(set(spans))


def plan_blocks(entry: Entry) -> tuple[ReadBlock, ...]:
    """Give the read requests of one poll: the entry's own blocks, or the fewest that read no unknown register."""
    if entry.protocol != "modbus":
        return ()
    if entry.block:
        return tuple(_given(entry, block) for block in entry.block)
    blocks: list[ReadBlock] = []
    for function, start, end in _spans(entry):
        if blocks and blocks[-1].function == function:
            last = blocks[-1]
            last_end = last.start + last.count
            reach = max(end, last_end) - last.start
            if start - last_end <= entry.gap_most and reach <= entry.block_most:
                blocks[-1] = ReadBlock(function, last.start, reach)
                continue
        blocks.append(ReadBlock(function, start, end - start))
    return tuple(blocks)


def _given(entry: Entry, block: Block) -> ReadBlock:
    return ReadBlock(block.function or entry.function, block.at, block.count, block.spare)


def ordered_bytes(words: Sequence[int], order: Order) -> bytes:
    """Give the bytes of ``words`` in the order A B C D (most significant first); 64 bit likewise."""
    data = b"".join(word.to_bytes(2, "big") for word in words)
    if order in {"BADC", "DCBA"} and len(words) > 1:
        data = b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, len(data), 2))
        words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    if order in {"CDAB", "DCBA"}:
        return b"".join(word.to_bytes(2, "big") for word in reversed(words))
    return data


def bits_to_number(words: Sequence[int], kind: str, order: Order) -> float:
    """Read ``words`` as ``kind``; a float32 may come out as nan or infinite."""
    data = ordered_bytes(words, order)
    if kind == "f32":
        number: float = struct.unpack(">f", data)[0]
        return number
    if kind in {"i16", "i32"}:
        return float(int.from_bytes(data, "big", signed=True))
    if kind == "u8_high":
        return float(data[0])
    if kind == "u8_low":
        return float(data[1])
    if kind == "bit":
        return float(words[0] != 0)
    return float(int.from_bytes(data, "big"))


_INTEGERS: Final = {
    "u16": (0, 0xFFFF),
    "i16": (-0x8000, 0x7FFF),
    "u32": (0, 0xFFFFFFFF),
    "i32": (-0x80000000, 0x7FFFFFFF),
}
TYPE_LIMITS: Final = {**_INTEGERS, "u8_high": (0, 0xFF), "u8_low": (0, 0xFF), "u64": (0, 2**64 - 1), "bit": (0, 1)}


def number_to_words(number: float, kind: str, order: Order) -> list[int]:
    """Give the words of ``number`` as ``kind`` in ``order``; whole numbers are rounded and kept within the type."""
    count = WORDS[kind]
    if kind == "f32":
        data = struct.pack(">f", number)
    else:
        low, high = TYPE_LIMITS[kind]
        whole = min(max(round(number), low), high)
        if kind == "u8_high":
            whole <<= 8
        data = (whole & (1 << (16 * count)) - 1).to_bytes(2 * count, "big")
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    # Each order is its own inverse: applying it again brings A B C D to the order of the wire.
    swapped = ordered_bytes(words, order)
    return [int.from_bytes(swapped[i : i + 2], "big") for i in range(0, len(swapped), 2)]


def _take(registers: Registers, function: int, start: int, count: int) -> list[int] | None:
    words = [registers.get((function, start + i)) for i in range(count)]
    return None if any(word is None for word in words) else [word for word in words if word is not None]


def _scaled(bits: float, value: Value, decimals: int | None) -> float:
    if value.mask is not None:
        shift = (value.mask & -value.mask).bit_length() - 1
        bits = float((int(bits) & value.mask) >> shift)
    if value.negative_from is not None and bits >= value.negative_from:
        bits = -(bits - value.negative_from)
    scale = value.scale if decimals is None else value.scale * 10.0**-decimals
    # Dividing by a power of ten gives the decimal that the maker prints (305 / 10 = 30.5, not 30.500000000000004).
    inverse = 1.0 / scale
    whole = round(inverse)
    raw = bits / whole if abs(inverse - whole) < 1e-9 * abs(inverse) else bits * scale
    return raw + value.offset


def _decode_value(entry: Entry, value: Value, registers: Registers) -> Measured:
    function = value_function(entry, value)
    unit = value_unit(value)
    order = value.order or entry.order
    words = _take(registers, function, value.at, WORDS[value.type])
    decimals: int | None = None
    if value.decimals_at is not None:
        found = registers.get((function, value.decimals_at))
        if found is None:
            words = None
        else:
            decimals = found
    if words is None:
        return Measured(value.quantity, value.index, nan, unit, int(Quality.COMM))
    bits = bits_to_number(words, value.type, order)
    if not isfinite(bits) or bits in value.sentinels or (decimals is not None and decimals > 9):
        return Measured(value.quantity, value.index, nan, unit, int(Quality.SENTINEL))
    raw = _scaled(bits, value, decimals)
    if value.plus is not None:
        more = _take(registers, function, value.plus.at, WORDS[value.plus.type])
        if more is None:
            return Measured(value.quantity, value.index, nan, unit, int(Quality.COMM))
        raw += bits_to_number(more, value.plus.type, order) * value.plus.scale
    return Measured(value.quantity, value.index, raw, unit, _range_flag(value, raw))


def _range_flag(value: Value, raw: float) -> int:
    if not isfinite(raw):
        return int(Quality.SENTINEL)
    low = value.low if value.low is not None else -float("inf")
    high = value.high if value.high is not None else float("inf")
    return 0 if low <= raw <= high else int(Quality.RANGE)


def status_flags(entry: Entry, registers: Registers) -> tuple[int, tuple[str, ...]]:
    """Read the status registers: quality flags for all values, and what the instrument says in words (msgids)."""
    quality = 0
    said: list[str] = []
    for status in entry.status:
        word = registers.get((status.function or entry.function, status.at))
        if word is None:
            continue
        masked = word & status.mask
        if (masked == status.equals) if status.equals is not None else bool(masked):
            said.append(status.means)
            quality |= {"fault": int(Quality.SENTINEL), "warmup": int(Quality.WARMUP), "note": 0}[status.quality]
    return quality, tuple(said)


def decode(entry: Entry, registers: Registers, since_power_s: float | None = None) -> tuple[Measured, ...]:
    """Decode all values of ``entry`` from what was read; values without their registers come as nan with COMM.

    ``since_power_s`` is the time since the instrument got power, None where nobody knows.
    """
    common, _ = status_flags(entry, registers)
    if since_power_s is not None and since_power_s < entry.warm_up_s:
        common |= int(Quality.WARMUP)
    decoded = [_decode_value(entry, value, registers) for value in entry.value]
    return tuple(Measured(m.quantity, m.index, m.raw, m.unit, m.quality | common) for m in decoded)


def block_registers(block: ReadBlock, words: Iterable[int]) -> dict[tuple[int, int], int]:
    """Place the words of one reply at their addresses."""
    return {(block.function, block.start + i): word for i, word in enumerate(words)}


def to_readings(
    entry: Entry, measured: Iterable[Measured], series: Mapping[str, str], device: str, mono_ms: int
) -> tuple[Reading, ...]:
    """Name measured values: ``series`` maps ``quantity`` or ``quantity.index`` to a series id; others are left out."""
    unverified = 0 if entry.verified else int(Quality.UNVERIFIED)
    return tuple(
        Reading(series[m.name], device, mono_ms, m.raw, m.unit, m.quality | unverified)
        for m in measured
        if m.name in series
    )
