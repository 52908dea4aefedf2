# SPDX-License-Identifier: Apache-2.0
"""What a person set by hand, as people say it: who, what became of the output, and for how long.

The rule it keeps: an output that only knows two states is never told as a number.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Final

from edge.output_words import OPENS
from pages.words import N_, Field, Words
from telemetry.records import Event

BY_HAND: Final = "people.override"
# By whether it opens (else it is switched) and whether it is on: a whole sentence, and the words before a countdown.
SENTENCES: Final = {
    (True, True): N_("Opened by hand by {person}, for another {minutes} min."),
    (True, False): N_("Kept closed by hand by {person}, for another {minutes} min."),
    (False, True): N_("Switched on by hand by {person}, for another {minutes} min."),
    (False, False): N_("Kept off by hand by {person}, for another {minutes} min."),
}
SHARE_SENTENCE: Final = N_("Set by hand to {share} by {person}, for another {minutes} min.")
WATERED: Final = N_("Opened by hand by {person}, for {minutes} min.")
COUNTDOWNS: Final = {
    (True, True): N_("Opened by {person}, closes in"),
    (True, False): N_("Kept closed by {person} for"),
    (False, True): N_("Switched on by {person}, for another"),
    (False, False): N_("Kept off by {person} for"),
}
SHARE_COUNTDOWN: Final = N_("Set to {share} by {person}, for another")
SOMEBODY: Final = N_("somebody")
AT_THE_PLANT: Final = N_("the switch at the plant")


def giver(order: Event | None, words: Words) -> str:
    """Name who gave an order, as it is stored; "" where that is not known."""
    if order is None:
        return ""
    return words.text(AT_THE_PLANT) if order.fields.get("origin") == "local" else order.person


def sentence(kind: str, level: float, share: str, left_min: Field, person: str, words: Words) -> str:
    """Say who holds an output, how, and for how long; ``share`` is "" but for a proportional output between."""
    msgid = SHARE_SENTENCE if share else SENTENCES[kind in OPENS, level > 0.0]
    return _said(msgid, {"share": share, "minutes": _whole(left_min)}, person, words)


def watered(planned_min: Field, person: str, words: Words) -> str:
    """Say who opened a valve, and for how long."""
    return _said(WATERED, {"minutes": _whole(planned_min)}, person, words)


def countdown_words(kind: str, level: float, share: str, person: str, words: Words) -> str:
    """Give the words that stand before the countdown of a person's order."""
    msgid = SHARE_COUNTDOWN if share else COUNTDOWNS[kind in OPENS, level > 0.0]
    return words.say(msgid, {"share": share, "person": person or words.text(SOMEBODY)})


def _said(msgid: str, fields: Mapping[str, Field], person: str, words: Words) -> str:
    text = words.say(msgid, {**fields, "person": person or words.text(SOMEBODY)})
    return text[:1].upper() + text[1:]


def _whole(minutes: Field) -> Field:
    """Give whole minutes, at least one; what is no number stays as it is."""
    return max(1, round(minutes)) if isinstance(minutes, int | float) and isfinite(minutes) else minutes
