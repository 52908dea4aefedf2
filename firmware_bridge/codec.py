# SPDX-License-Identifier: Apache-2.0
"""Fields in and out of message bodies, by the format text that the firmware carries.

The rule it keeps: a format is ``name field=TYPE ...`` with B, H, I (unsigned 8, 16, 32 bits, little-endian) or a
last ``*`` (the rest of the frame); a body must fit its format to the byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SIZES: Final = {"B": 1, "H": 2, "I": 4}


class CodecError(ValueError):
    """We broke the rules: a field is missing, unknown or does not fit."""


class MalformedBody(ValueError):
    """They broke the rules: a body that does not fit the format it claims."""


@dataclass(frozen=True, slots=True)
class Format:
    """One parsed message format."""

    text: str
    name: str
    fields: tuple[tuple[str, str], ...]

    def encode(self, values: Mapping[str, int | bytes]) -> bytes:
        """Pack ``values``; CodecError names the field that is missing, unknown or out of range."""
        if set(values) != {name for name, _ in self.fields}:
            raise CodecError(f"{self.name} wants {[n for n, _ in self.fields]}, was given {sorted(values)}")
        body = bytearray()
        for name, kind in self.fields:
            value = values[name]
            if kind == "*":
                if not isinstance(value, bytes):
                    raise CodecError(f"{self.name}.{name} wants bytes, was given {value!r}")
                body += value
            elif not isinstance(value, int) or not 0 <= value < 1 << 8 * _SIZES[kind]:
                raise CodecError(f"{self.name}.{name}={value!r} does not fit in {8 * _SIZES[kind]} bits")
            else:
                body += value.to_bytes(_SIZES[kind], "little")
        return bytes(body)

    def decode(self, body: bytes) -> dict[str, int | bytes]:
        """Unpack ``body``; MalformedBody when it is too short or too long."""
        values: dict[str, int | bytes] = {}
        at = 0
        for name, kind in self.fields:
            if kind == "*":
                values[name] = body[at:]
                return values
            end = at + _SIZES[kind]
            if end > len(body):
                raise MalformedBody(f"{self.name}: {len(body)} bytes end before field {name}")
            values[name] = int.from_bytes(body[at:end], "little")
            at = end
        if at != len(body):
            raise MalformedBody(f"{self.name}: {len(body)} bytes, its format has {at}")
        return values


def parse_format(text: str) -> Format:
    """Parse one line of a dictionary; CodecError when it is not a format."""
    name, *parts = text.split()
    fields: list[tuple[str, str]] = []
    for part in parts:
        field, _, kind = part.partition("=")
        if kind not in {*_SIZES, "*"} or (fields and fields[-1][1] == "*"):
            raise CodecError(f"not a message format: {text!r}, field {part!r}")
        fields.append((field, kind))
    return Format(text.strip(), name, tuple(fields))
