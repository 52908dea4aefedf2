# SPDX-License-Identifier: Apache-2.0
"""Proposes a catalogue entry for a device that nobody knows yet, from what it says and what a person sees.

The rule it keeps: it proposes, the person decides; the text it writes passes the same checks as any other entry.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from drivers.catalogue_schema import WORDS, Order, WordType
from drivers.decode import bits_to_number
from drivers.line_settings import LineSettings

SCALES: Final = (1.0, 0.1, 0.01, 0.001)
_TYPES: Final[tuple[tuple[WordType, Order], ...]] = (
    ("i16", "ABCD"),
    ("u16", "ABCD"),
    ("f32", "ABCD"),
    ("f32", "CDAB"),
    ("f32", "BADC"),
    ("f32", "DCBA"),
    ("i32", "ABCD"),
    ("i32", "CDAB"),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A place in the registers whose number is what the person sees on another instrument."""

    at: int
    type: WordType
    order: Order
    scale: float
    value: float


def guesses(registers: Mapping[int, int], expected: float, tolerance: float) -> list[Guess]:
    """Find where ``expected`` (in the instrument's unit) may stand, within ``tolerance``; the closest first.

    ``registers`` maps addresses to words. Zero proves nothing and is not looked for.
    """
    if not isfinite(expected) or expected == 0.0 or not tolerance > 0.0:
        raise ValueError("expected must be a number other than 0, and the tolerance above 0")
    found: list[Guess] = []
    for at in sorted(registers):
        for kind, order in _TYPES:
            words = [registers.get(at + i) for i in range(WORDS[kind])]
            whole = [word for word in words if word is not None]
            if len(whole) < len(words):
                continue
            bits = bits_to_number(whole, kind, order)
            for scale in (1.0,) if kind == "f32" else SCALES:
                value = bits * scale
                if isfinite(value) and abs(value - expected) <= tolerance:
                    found.append(Guess(at, kind, order, scale, value))
    unique = {(g.at, WORDS[g.type], g.order, g.scale): g for g in reversed(found)}
    return sorted(unique.values(), key=lambda g: (WORDS[g.type], abs(g.value - expected), g.at))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _value_line(quantity: str, unit: str, guess: Guess) -> str:
    parts = [f'quantity = "{quantity}"', f"at = {guess.at}"]
    if guess.type != "u16":
        parts.append(f'type = "{guess.type}"')
    if guess.order != "ABCD":
        parts.append(f'order = "{guess.order}"')
    if guess.scale != 1.0:
        parts.append(f"scale = {guess.scale!r}")
    if unit:
        parts.append(f"unit = {_text(unit)}")
    return "  { " + ", ".join(parts) + " },"


def propose_entry(
    type_name: str,
    title: str,
    maker: str,
    settings: LineSettings,
    address: int,
    function: int,
    values: Sequence[tuple[str, str, Guess]],
    *,
    source: str = "",
    golden: str = "",
) -> str:
    """Write the TOML of a new entry; ``values`` are (quantity, unit, guess), ``golden`` an inline golden table."""
    form = f"{settings.data_bits}{settings.parity}{settings.stop_bits}"
    serial = f"serial = {{ baud = {settings.baud}, address = {address}"
    lines = [f"type = {_text(type_name)}", f"title = {_text(title)}", f"maker = {_text(maker)}"]
    if function != 3:
        lines.append(f"function = {function}")
    lines.append(serial + (f', format = "{form}"' if form != "8N1" else "") + " }")
    if source:
        lines.append(f"source = [{{ at = {_text(source)} }}]")
    lines += ["value = [", *(_value_line(quantity, unit, guess) for quantity, unit, guess in values), "]"]
    if golden:
        lines.append(f"golden = [{golden}]")
    return "\n".join(lines) + "\n"


def inline_golden(request: bytes, reply: bytes, gives: Iterable[tuple[str, float]]) -> str:
    """Write one exchange (whole frames) as an inline golden table."""
    values = ", ".join(f'"{name}" = {value!r}' for name, value in gives)
    return f'{{ request = "{request.hex(" ").upper()}", reply = "{reply.hex(" ").upper()}", gives = {{ {values} }} }}'
