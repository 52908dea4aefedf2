# SPDX-License-Identifier: Apache-2.0
"""The forms of a calibration: what is asked, with what is proposed, and the reading of the answers.

The rule it keeps: numbers are read as people write them; an answer that cannot be is refused with what was seen.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite, nan
from typing import Final, Literal

import msgspec

from drivers.calibration.artifact import Reference
from drivers.calibration.methods import PointPlan, Preset
from drivers.calibration.sheets import SHEET_FIELDS

NOT_POSSIBLE: Final = "{value:.4g} {unit} is not possible here: {low:.4g} to {high:.4g}; check the unit"
# Name of the answer, English label, unit, what is possible.
CONDITIONS: Final = {
    "temperature": ("temperature_c", "Temperature of the sample", "°C", -5.0, 60.0),
    "pressure": ("pressure_hpa", "Air pressure", "hPa", 500.0, 1100.0),
    "permittivity": ("permittivity", "Permittivity of the soil", "1", 1.0, 90.0),
}


class AnswerRefused(ValueError):
    """The answer cannot be taken. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to enter. ``kind``: text, number or date; ``name`` is its key among the answers."""

    name: str
    label: str  # English msgid
    kind: Literal["text", "number", "date"]
    value: str = ""
    unit: str = ""
    required: bool = True


def reference_fields(preset: Preset | None, last: Reference | None, unit: str, now: datetime) -> tuple[Field, ...]:
    """Ask for the reference: what was used last time while it is valid, else what the method proposes."""
    name = preset.name if preset else ""
    uncertainty = f"{preset.uncertainty:g}" if preset else ""
    lot = expires = ""
    if last is not None and (last.expires is None or last.expires > now):
        name, uncertainty, lot = last.name, f"{last.uncertainty:g}", last.lot
        expires = last.expires.date().isoformat() if last.expires else ""
    return (
        Field("name", "Name of the reference", "text", name),
        Field("lot", "Lot or serial number", "text", lot, required=False),
        Field("expires", "Valid until", "date", expires, required=False),
        Field("uncertainty", "Its own uncertainty (k = 2)", "number", uncertainty, unit),
    )


def truth_fields(plan: PointPlan, unit: str) -> tuple[Field, ...]:
    """Ask for a point's truth, or for the sheet that it is worked out from."""
    if plan.sheet:
        return tuple(Field(name, label, "number", "", of) for name, label, of in SHEET_FIELDS[plan.sheet])
    proposed = "" if plan.truth is None else f"{plan.truth:g}"
    return (Field("truth", "Value of the reference", "number", proposed, unit),)


def read_reference(answers: Mapping[str, str], now: datetime) -> Reference:
    """Read the answers to ``reference_fields``. Raises AnswerRefused."""
    name = answers.get("name", "").strip()
    if not name:
        raise AnswerRefused("Name the reference: a certificate without one proves nothing")
    expires: datetime | None = None
    if text := answers.get("expires", "").strip():
        try:
            expires = datetime.fromisoformat(text).replace(hour=23, minute=59, second=59, tzinfo=now.tzinfo)
        except ValueError as error:
            raise AnswerRefused("{text} is no date; write it like 2027-06-30", text=text) from error
        if expires < now:
            raise AnswerRefused("The reference expired on {day}: use a valid one", day=text)
    uncertainty = number(answers.get("uncertainty", ""), "uncertainty")
    if uncertainty < 0.0:
        raise AnswerRefused("An uncertainty cannot be negative: {value:.4g}", value=uncertainty)
    return Reference(name, uncertainty, answers.get("lot", "").strip(), expires)


def number(text: str, name: str) -> float:
    """Read a number as people write it, with decimal comma or point."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = nan
    if not isfinite(value):
        raise AnswerRefused("{text} is no number ({name})", text=text, name=name)
    return value
