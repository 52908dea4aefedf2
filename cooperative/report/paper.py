# SPDX-License-Identifier: Apache-2.0
"""Lays a report out as a page for people: words and numbers are made here, the template only places them.

The rule it keeps: what is not known is written as "not enough data", a percentage never stands without what it is of,
and the page says what each grade means.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cooperative.indicators.model import NOT_ENOUGH_DATA, Indicator, Note, Part
from cooperative.report.build import Report
from pages.numbers import UNKNOWN, decimal, unit_name
from pages.paper import pdf
from pages.words import N_, Words

TEMPLATE: Final = Path(__file__).with_name("report.typ")

_LABELS: Final = {
    "heading": N_("Report on high-tech farming from measured evidence"),
    "cooperative": N_("Cooperative"),
    "period": N_("Period"),
    "farms": N_("Farms"),
    "area": N_("Cropped area"),
    "computed": N_("Computed at"),
    "code": N_("Code"),
    "indicator": N_("Indicator"),
    "value": N_("Value"),
    "coverage": N_("Coverage"),
    "grade": N_("Grade"),
    "details": N_("Where the figures come from"),
    "subject": N_("Subject"),
    "numerator": N_("Measured"),
    "denominator": N_("Out of"),
    "farm": N_("Farm"),
    "annex": N_("Instruments"),
    "instrument": N_("Instrument"),
    "due": N_("Calibration due"),
    "grades": N_("What the grades mean"),
    "grade_a": N_("A: from an instrument within its calibration date, at least 90 % of the data"),
    "grade_b": N_("B: instrument without valid calibration, or 70 to 90 % of the data"),
    "grade_none": N_("Below 70 % of the data no figure is given. Gaps are never filled in."),
    "no_claim": N_(
        "This report presents evidence against the named rules. It does not certify that a standard is met."
    ),
    "fingerprint": N_("Fingerprint of the data used"),
    "rule": N_("Rule"),
    "signature": N_("Reporter (signature, full name)"),
    "page": N_("Page"),
}


def pdf_bytes(report: Report, words: Words) -> bytes:
    """Give the report as a tagged A4 PDF in the language of ``words``. Raises pages.paper.PaperError."""
    return pdf(TEMPLATE, page_data(report, words))


def page_data(report: Report, words: Words) -> dict[str, Any]:
    """Give everything the template places, as finished text."""
    ended = "" if report.complete else " " + words.text(N_("(still running)"))
    return {
        "lang": words.language,
        "labels": {key: words.text(text) for key, text in _LABELS.items()},
        "member": report.member,
        "farms": ", ".join(report.farms),
        "period": f"{_moment(report.from_time)} – {_moment(report.to_time)}{ended}",
        "computed_at": _moment(report.computed_at),
        "area": f"{decimal(report.area_ha, 2, words.language)} ha",
        "indicators": [_indicator(item, words) for item in report.indicators],
        "instruments": [
            {
                "farm": line.farm,
                "name": f"{line.device} ({line.model})",
                "due": _day(line.calibration_due) if line.calibration_due else words.text(N_("never calibrated")),
                "ok": line.in_date,
            }
            for line in report.instruments
        ],
    }


def _indicator(item: Indicator, words: Words) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": words.text(item.title),
        "value": _value(item.value, item.unit, words),
        "known": item.value is not None,
        "share": f"{_amount(item.numerator, words)} / {_amount(item.denominator, words)} "
        + words.text(item.denominator_unit),
        "coverage": round(100.0 * item.coverage),
        "grade": item.grade or UNKNOWN,
        "shares": " · ".join(
            f"{name} {decimal(100 * share, 0, words.language)} %" for name, share in item.grade_shares.items()
        ),
        "definition": words.text(item.definition),
        "rule": f"{item.rule} v{item.rule_version}",
        "hash": item.input_hash[:16],
        "notes": [_note(note, words) for note in item.notes],
        "parts": [_part(part, words) for part in item.parts],
    }


def _part(part: Part, words: Words) -> dict[str, Any]:
    return {
        "subject": f"{part.farm} · {part.subject}",
        "value": _value(part.value, part.unit, words),
        "coverage": round(100.0 * part.coverage),
        "grade": part.grade or UNKNOWN,
        "notes": "; ".join(_note(note, words) for note in part.notes),
    }


def _value(value: float | None, unit: str, words: Words) -> str:
    if value is None:
        return words.text(NOT_ENOUGH_DATA)
    return f"{_amount(value, words)} {unit_name(unit, words.language)}"


def _amount(value: float, words: Words) -> str:
    places = 0 if abs(value) >= 1000 or value == int(value) else 1 if abs(value) >= 10 else 2
    return decimal(value, places, words.language)


def _note(note: Note, words: Words) -> str:
    return words.say(note.text, note.fields)


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%d/%m/%Y %H:%M")


def _day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%d/%m/%Y")
