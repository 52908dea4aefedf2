# SPDX-License-Identifier: Apache-2.0
"""Turns codes into what a farmer reads: qualities, kinds of output, states, ages, crops.

The rule it keeps: every code has words in both languages; one that has none is shown as it is rather than hidden.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from edge.output_words import OPENS
from pages.words import N_, Field, Words
from telemetry.records import Input, Quality

# The first that holds is what the tile says.
QUALITY_WORDS: Final = (
    (Quality.LOCKED, N_("being calibrated")),
    (Quality.COMM, N_("no answer from the probe")),
    (Quality.SENTINEL, N_("the probe reports a fault")),
    (Quality.STALE, N_("old value")),
    (Quality.RANGE, N_("impossible value")),
    (Quality.STUCK, N_("value stands still")),
    (Quality.SPIKE, N_("sudden jump, being checked")),
    (Quality.WARMUP, N_("warming up")),
    (Quality.EXTRAPOLATED, N_("outside its calibration")),
)
PROBE_LOCKED: Final = N_("Locked: a probe that this rests on is out for its calibration.")
SEVERITY_WORDS: Final = {"critical": N_("Critical"), "alarm": N_("Alarm"), "warning": N_("Warning"), "info": N_("Note")}


def quality_words(quality: int, words: Words) -> str:
    """Say what is wrong with a value; "" when nothing is."""
    for flag, msgid in QUALITY_WORDS:
        if quality & flag:
            return words.text(msgid)
    return ""


def ago(seconds: float, words: Words) -> str:
    """Say how long ago: 12 seconds ago, 3 minutes ago, 2 hours ago."""
    whole = max(0, int(seconds))
    if whole < 60:
        return words.count("{n} second ago", "{n} seconds ago", whole)
    if whole < 3600:
        return words.count("{n} minute ago", "{n} minutes ago", whole // 60)
    if whole < 172_800:
        return words.count("{n} hour ago", "{n} hours ago", whole // 3600)
    return words.count("{n} day ago", "{n} days ago", whole // 86_400)


def state_of(kind: str, level: float, *, proportional: bool, words: Words) -> str:
    """Say what an output does: open, closed, on, off, or a share."""
    if proportional and 0.0 < level < 1.0:
        return f"{level * 100:.0f}\u00a0%"
    if kind in OPENS:
        return words.text("Open") if level > 0 else words.text("Closed")
    return words.text("On") if level > 0 else words.text("Off")


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """The message of one reason code, and what a person should check ("" = nothing)."""

    msgid: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A code in words."""

    text: str
    check: str = ""


def say(code: str, fields: Mapping[str, Field], book: Mapping[str, ReasonWords], words: Words) -> Said:
    """Give the sentence for a code and what to check."""
    known = book.get(code)
    if known is None:
        # The agent's refusals are message ids themselves; any other unknown code is shown as it is.
        return Said(words.say(code, fields) if " " in code else code)
    return Said(words.say(known.msgid, fields), words.say(known.check, fields) if known.check else "")


def quality_of(inputs: Sequence[Input]) -> int:
    """Join what is wrong with the sensors behind a decision's inputs."""
    return reduce(or_, (one.quality for one in inputs), 0)


def fields_of(inputs: Sequence[Input]) -> dict[str, Field]:
    """Give a decision's inputs as the fields of its sentence."""
    return {one.name: one.value for one in inputs}
