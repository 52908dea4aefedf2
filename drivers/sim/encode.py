# SPDX-License-Identifier: Apache-2.0
"""Turns physical values into the register words that an instrument of the catalogue would hold.

The rule it keeps: it is the inverse of ``drivers.decode`` for every type, order, sign and scale, so that an entry
can be read back through the real decoder; it rounds and limits like the instrument's own registers do.
"""

from collections.abc import Callable
from math import isfinite

from drivers.catalogue_schema import Entry, Value
from drivers.decode import TYPE_LIMITS, number_to_words, value_function, value_unit
from drivers.units import from_canonical

# Bits of the scale register where the entry takes the number of decimals from one.
SIMULATED_DECIMALS = 1


def sentinel_number(value: Value) -> float:
    """Give the bits with which this instrument says "no value"; nan for a float without a sentinel of its own."""
    if value.sentinels:
        return value.sentinels[0]
    if value.type == "f32":
        return float("nan")
    return float(TYPE_LIMITS[value.type][1])


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
