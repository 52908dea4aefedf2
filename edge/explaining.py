# SPDX-License-Identifier: Apache-2.0
"""Tells an agronomist how a zone's last plan was reckoned: every input with its source and quality, then the sum.

The rule it keeps: only what the plan itself stored is told; a stand-in is called one, and what is missing stays a dash.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controllers.what_if import Outlook, net_mm, outlook
from edge.console.reason_words import reason_words
from edge.console.sentences import quality_words, say
from pages.words import N_, Field, Words

GRADES: Final = (
    N_("A: everything was measured"),
    N_("B: one measurement had a stand-in, or the probe was not believed"),
    N_("C: the zone's own past days stand in for the weather"),
    N_("D: a plain day of 4 mm was assumed; nothing was measured yet"),
)
STRATEGY_WORDS: Final = {
    "balance": N_("water balance with probes"),
    "drain": N_("drain feedback"),
    "adaptive": N_("adaptive"),
}
# Sentence, the fields that must be known for it to be said, and the inputs (from_..., quality_...) behind it.
STEPS: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        N_(
            "The roots can take {available_mm} mm: ({field_capacity_pct} % − {wilting_pct} %) × {root_m} m"
            " × {wetted_pct} % of the area wetted × 10."
        ),
        ("available_mm",),
        (),
    ),
    (N_("The crop is {age_d} days old."), ("age_d",), ()),
    (N_("Air: {air_c} °C, {air_rh_pct} %."), ("air_c",), ("air", "humidity")),
    (N_("Sun outside: {sun_w_m2} W/m²."), ("sun_w_m2",), ("sun",)),
    (
        N_(
            "The crop drinks {rate_mm_h} mm/h now, {et_today_mm} mm today so far, about {et_day_mm} mm a day"
            " (share of a full crop {crop_share}, learned factor {scale})."
        ),
        ("et_day_mm",),
        (),
    ),
    (
        N_("The probe reads {theta_pct} %, of which {probe_bias_pct} points are held to be its own error."),
        ("theta_pct",),
        ("probe",),
    ),
    (N_("The roots lack {depletion_mm} mm (give or take {doubt_mm} mm)."), ("depletion_mm",), ()),
    (N_("Watering begins at {allowed_mm} mm; that is in about {due_h} h."), ("allowed_mm",), ()),
    (N_("Rain forecast for today and tomorrow: {rain_mm} mm."), ("rain_mm",), ()),
    (
        N_(
            "The season ahead was tried under {past_years} past years of this place's own weather ({bridged_pct} % of"
            " their days bridged from other years)."
        ),
        ("past_years",),
        (),
    ),
    (
        N_("The water has {water_ec_ms_cm} mS/cm; this crop stands {salt_max_ms_cm} mS/cm."),
        ("water_ec_ms_cm",),
        ("salt",),
    ),
    (N_("{quota_left_l} L are left of the season's quota; {used_l} L were given."), ("quota_left_l",), ()),
    (
        N_(
            "The gift: {depletion_mm} mm ÷ (1 − {drains_pct} % to drain) × {area_m2} m² ÷ {efficiency_pct} % ="
            " {full_l} L, at most one dose: {gift_l} L."
        ),
        ("full_l",),
        ("drain",),
    ),
)  # fmt: skip
NO_PROBE: Final = N_("No probe is believed now; the balance goes on without it.")
NO_SUN: Final = N_("The sun is not measured now, or what was read cannot be.")


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the arithmetic, and the instruments behind it with what is wrong with them."""

    text: str
    sources: tuple[str, ...] = ()
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on, and where it leads."""

    name: str
    gift_l: float
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class Explained:
    """A whole explanation."""

    sentence: str
    check: str
    strategy: str
    grade: str
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...]


def number(account: Mapping[str, Field], name: str) -> float:
    """Give a number of the account, nan where it is not told."""
    value = account.get(name, math.nan)
    return float(value) if isinstance(value, int | float) else math.nan


def explain(account: Mapping[str, Field], words: Words, *, skip: bool = False, add_mm: float = 0.0) -> Explained:
    """Tell a plan's ``account``; ``skip`` leaves this watering out, ``add_mm`` [mm] gives more."""
    known = dict(account) | {"target_l": number(account, "gift_l")}
    share = number(account, "drains_pct") / 100.0
    efficiency, area = number(account, "efficiency_pct") / 100.0, number(account, "area_m2")
    if number(account, "gift_l") > 0.0:
        known["full_l"] = number(account, "depletion_mm") / max(1.0 - share, 0.1) * area / efficiency
    lines = [
        Line(words.say(msgid, known), *_sources(account, inputs, words))
        for msgid, needed, inputs in STEPS
        if all(name in known for name in needed)
    ]
    if "theta_pct" not in account:
        lines.append(Line(words.text(NO_PROBE), *_sources(account, ("probe",), words)))
    if "sun_w_m2" not in account:
        lines.append(Line(words.text(NO_SUN), *_sources(account, ("sun",), words)))
    said = say(str(account.get("code", "")), known, reason_words(), words)
    grade = number(account, "grade")
    strategy = str(account.get("strategy", ""))
    return Explained(
        said.text,
        said.check,
        words.text(STRATEGY_WORDS.get(strategy, strategy)),
        words.text(GRADES[min(int(grade), len(GRADES) - 1)]) if grade >= 0.0 else "",
        tuple(lines),
        choices(account, words, skip=skip, add_mm=add_mm),
    )


def choices(account: Mapping[str, Field], words: Words, *, skip: bool, add_mm: float) -> tuple[Choice, ...]:
    """Reckon the next days as planned, and otherwise where that was asked."""
    gift_l = max(number(account, "gift_l"), 0.0)
    per_mm = number(account, "area_m2") / (number(account, "efficiency_pct") / 100.0)
    asked = [(words.text(N_("as planned")), gift_l, True)]
    if skip:
        asked.append((words.text(N_("without any watering")), 0.0, False))
    if add_mm > 0.0:
        asked.append((words.say(N_("{mm} mm more"), {"mm": add_mm}), gift_l + add_mm * per_mm, True))
    return tuple(
        Choice(
            name,
            litres,
            outlook(
                number(account, "depletion_mm"),
                number(account, "available_mm"),
                number(account, "stress_share_pct") / 100.0,
                number(account, "allowed_mm"),
                number(account, "et_day_mm"),
                net_mm(
                    litres, number(account, "area_m2"), number(account, "efficiency_pct") / 100.0,
                    number(account, "drains_pct") / 100.0,
                ),
                goes_on=goes_on,
            ),
        )
        for name, litres, goes_on in asked
    )  # fmt: skip


def _sources(account: Mapping[str, Field], inputs: tuple[str, ...], words: Words) -> tuple[tuple[str, ...], str]:
    names: list[str] = []
    bits = 0
    for one in inputs:
        names += str(account.get(f"from_{one}", "")).split()
        bits |= int(number(account, f"quality_{one}")) if f"quality_{one}" in account else 0
    return tuple(names), quality_words(bits, words)
