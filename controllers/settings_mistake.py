# SPDX-License-Identifier: Apache-2.0
"""One mistake in a farm's control settings, and the words that several checks share.

The rule it keeps: a mistake names the field by its path in farm.toml, what was seen and what is expected; a NaN lies
in no range.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

OUT_OF_RANGE: Final = "must be from {low} to {high}, but is {seen}"
UNKNOWN: Final = "names {seen}, but there is no such {kind}"
BAD_TIME: Final = "not a time of day: {seen}; write HH:MM, for instance 06:30"
MUST_EXCEED: Final = "must be greater than {other} ({low}), but is {seen}"
WRONG_KIND: Final = "names {seen}, which is a {kind}; a {wanted} is needed here"
NOT_A_MEMBER: Final = "the pump, master valve or doser {seen} belongs to another place ({other})"
NEEDS_VALUE: Final = "the strategy {strategy} needs this to be set"

Fields = Mapping[str, str | float]


class Mistake(NamedTuple):
    """One mistake: where (path in farm.toml), what (English msgid) and the fields of its words."""

    path: str
    msgid: str
    fields: Fields


def outside(path: str, given: msgspec.Struct, ranges: Mapping[str, tuple[float, float]]) -> Iterator[Mistake]:
    """Name each field of ``given`` that lies outside its (lowest, highest)."""
    for field, (low, high) in ranges.items():
        seen = getattr(given, field)
        if not low <= seen <= high:
            yield Mistake(f"{path}.{field}".lstrip("."), OUT_OF_RANGE, {"low": low, "high": high, "seen": seen})
