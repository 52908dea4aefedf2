# SPDX-License-Identifier: Apache-2.0
"""What an indicator is: a figure with its numerator, denominator, coverage, grade, rule and fingerprint.

The rule it keeps: no figure without its coverage; where there is too little data the value is None and stays None.
"""

from typing import Final

import msgspec

from pages.words import N_

NOT_ENOUGH_DATA: Final = N_("Not enough data")


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A remark on a figure: an English msgid with named fields."""

    text: str
    fields: dict[str, str | float | int] = {}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One plot's, house's or instrument's share of an indicator."""

    farm: str
    subject: str
    value: float | None
    unit: str
    numerator: float
    denominator: float
    coverage: float
    grade: str
    source: tuple[str, ...] = ()  # the series it was computed from
    notes: tuple[Note, ...] = ()


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reported figure and all that a reader needs to trust or doubt it."""

    id: str
    title: str  # English msgid
    value: float | None
    unit: str
    numerator: float
    denominator: float
    numerator_unit: str
    denominator_unit: str
    coverage: float
    grade: str
    grade_shares: dict[str, float]
    rule: str
    rule_version: int
    definition: str  # English msgid: how it is computed
    input_hash: str
    parts: tuple[Part, ...] = ()
    notes: tuple[Note, ...] = ()


def grade_shares(parts: tuple[Part, ...]) -> dict[str, float]:
    """Give the share of each grade over the parts, weighted by denominator; "-" is the share without enough data."""
    total = sum(part.denominator for part in parts)
    if total <= 0.0:
        return {}
    shares: dict[str, float] = {}
    for part in parts:
        shares[part.grade or "-"] = shares.get(part.grade or "-", 0.0) + part.denominator / total
    return dict(sorted(shares.items()))


def worst_grade(parts: tuple[Part, ...]) -> str:
    """Give the lowest grade among the parts that have a number; "" where none has."""
    grades = [part.grade for part in parts if part.grade]
    return max(grades) if grades else ""
