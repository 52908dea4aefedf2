# SPDX-License-Identifier: Apache-2.0
"""Turns physical values into the register words that an instrument of the catalogue would hold.

The rule it keeps: it is the inverse of ``drivers.decode`` for every type, order, sign and scale, so that an entry
can be read back through the real decoder; it rounds and limits like the instrument's own registers do.
"""

import struct
from collections.abc import Callable
from math import isfinite

from drivers.catalogue_schema import WORDS, Entry, Order, Value
from drivers.decode import ordered_bytes, value_function, value_unit
from drivers.units import from_canonical

# Bits of the scale register where the entry takes the number of decimals from one.
SIMULATED_DECIMALS = 1
_INTEGERS = {"u16": (0, 0xFFFF), "i16": (-0x8000, 0x7FFF), "u32": (0, 0xFFFFFFFF), "i32": (-0x80000000, 0x7FFFFFFF)}
_LIMITS = {**_INTEGERS, "u8_high": (0, 0xFF), "u8_low": (0, 0xFF), "u64": (0, 2**64 - 1), "bit": (0, 1)}


def number_to_words(number: float, kind: str, order: Order) -> list[int]:
    """Give the words of ``number`` as ``kind`` in ``order``; whole numbers are rounded and kept within the type."""
    count = WORDS[kind]
    if kind == "f32":
        data = struct.pack(">f", number)
    else:
        low, high = _LIMITS[kind]
        whole = min(max(round(number), low), high)
        if kind == "u8_high":
            whole <<= 8
        data = (whole & (1 << (16 * count)) - 1).to_bytes(2 * count, "big")
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    # Each order is its own inverse: applying it again brings A B C D to the order of the wire.
    swapped = ordered_bytes(words, order)
    return [int.from_bytes(swapped[i : i + 2], "big") for i in range(0, len(swapped), 2)]


def sentinel_number(value: Value) -> float:
    """Give the bits with which this instrument says "no value"; nan for a float without a sentinel of its own."""
    if value.sentinels:
        return value.sentinels[0]
    if value.type == "f32":
        return float("nan")
    return float(_LIMITS[value.type][1])


def raw_to_bits(raw: float, value: Value) -> float:
    """Undo scale, offset and sign of ``value`` for ``raw`` in the instrument's own unit."""
    scale = value.scale * 10.0**-SIMULATED_DECIMALS if value.decimals_at is not None else value.scale
    bits = (raw - value.offset) / scale
    if value.negative_from is not None and bits < 0:
        return value.negative_from - bits
    if value.mask is not None:
        shift = (value.mask & -value.mask).bit_length() - 1
        return float((round(bits) << shift) & value.mask)
    return bits


def encode(entry: Entry, canonical: Callable[[str], float]) -> dict[tuple[int, int], int]:
    """Fill the registers of ``entry`` from ``canonical(name)``; a value that is nan becomes the sentinel."""
    registers: dict[tuple[int, int], int] = {}
    for value in entry.value:
        function = value_function(entry, value)
        order = value.order or entry.order
        name = f"{value.quantity}.{value.index}" if value.index else value.quantity
        number = canonical(name)
        if value.decimals_at is not None:
            registers[function, value.decimals_at] = SIMULATED_DECIMALS
        if not isfinite(number):
            bits = sentinel_number(value)
        else:
            raw = from_canonical(number, value_unit(value), value.quantity)
            if value.plus is not None:
                whole = float(int(raw))
                rest = number_to_words((raw - whole) / value.plus.scale, value.plus.type, order)
                for i, word in enumerate(rest):
                    registers[function, value.plus.at + i] = word
                raw = whole
            bits = raw_to_bits(raw, value)
        for i, word in enumerate(number_to_words(bits, value.type, order)):
            key = (function, value.at + i)
            shared = value.mask is not None or value.type.startswith("u8")
            registers[key] = registers.get(key, 0) | word if shared else word
    return registers
