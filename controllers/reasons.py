# SPDX-License-Identifier: Apache-2.0
"""Every reason for what an output does or does not do: its dotted name, stored number, sentence, and what to check.

The rules it keeps: each reason stands here once; the sentence is an English message id whose named fields are the
names of the decision's inputs (facts), so a stored decision can be told in any language years later; ``check`` tells
a technician where to look, and everything that alarms has one. Numbers: ``controllers.kernels.codes``.
"""

import re
from typing import Final, NamedTuple

from controllers.kernels import codes
from controllers.reason_texts import TEXTS
from controllers.water_texts import WATER_TEXTS
from controllers.watering_texts import WATERING_TEXTS

_FIELD = re.compile(r"\{(\w+)\}")


class Reason(NamedTuple):
    """One reason. ``fields`` are the facts that the sentence names, in its order."""

    name: str
    number: int
    severity: str  # info, warning, alarm, critical
    text: str  # English msgid
    check: str  # English msgid, "" where there is nothing to check
    fields: tuple[str, ...]


def _reasons() -> dict[int, Reason]:
    found: dict[int, Reason] = {}
    for number, (name, severity, text, check) in (TEXTS | WATERING_TEXTS | WATER_TEXTS).items():
        found[number] = Reason(name, number, severity, text, check, tuple(_FIELD.findall(text)))
    return found


REASONS: Final[dict[int, Reason]] = _reasons()
BY_NAME: Final[dict[str, Reason]] = {reason.name: reason for reason in REASONS.values()}


def name_of(number: float) -> str:
    """Give the dotted name of a stored number; "" for none."""
    return REASONS[int(number)].name if number != codes.NONE else ""


def reason(name: str) -> Reason:
    """Give a reason by its dotted name; KeyError names it."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise KeyError(f"unknown reason {name!r}: it was stored by a newer version of this program") from None


def message_ids() -> tuple[str, ...]:
    """List every sentence and check that needs a translation."""
    return tuple(dict.fromkeys(text for r in REASONS.values() for text in (r.text, r.check) if text))
