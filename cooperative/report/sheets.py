# SPDX-License-Identifier: Apache-2.0
"""Writes a report as JSON and CSV.

The rule it keeps: JSON is the stable, versioned form, with null where there is too little data; in CSV no cell can be
a formula (text that begins with = + - @ or a control character gets an apostrophe), and numbers keep a decimal point
for machines.
"""

import csv
import io
from typing import Final

import msgspec

from cooperative.indicators.model import NOT_ENOUGH_DATA, Indicator, Part
from cooperative.report.build import Report
from pages.words import N_, Words

_COLUMNS: Final = (
    N_("Code"),
    N_("Indicator"),
    N_("Subject"),
    N_("Value"),
    N_("Unit"),
    N_("Numerator"),
    N_("Denominator"),
    N_("Coverage %"),
    N_("Evidence grade"),
    N_("Rule"),
    N_("Source series"),
    N_("Input fingerprint"),
)


def json_bytes(report: Report) -> bytes:
    """Give the report as indented JSON (UTF-8)."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def csv_bytes(report: Report, words: Words) -> bytes:
    """Give the report as CSV (UTF-8 with byte order mark, so that spreadsheets read Vietnamese)."""
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\r\n")
    sheet.writerow([words.text(column) for column in _COLUMNS])
    for indicator in report.indicators:
        sheet.writerow(_row(indicator, words))
        for part in indicator.parts:
            sheet.writerow(_part_row(indicator, part, words))
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _row(indicator: Indicator, words: Words) -> list[str]:
    return [
        indicator.id,
        words.text(indicator.title),
        "",
        _number(indicator.value, words),
        indicator.unit,
        f"{indicator.numerator:g} {words.text(indicator.numerator_unit)}",
        f"{indicator.denominator:g} {words.text(indicator.denominator_unit)}",
        f"{100.0 * indicator.coverage:.1f}",
        indicator.grade,
        f"{indicator.rule}/{indicator.rule_version}",
        "",
        indicator.input_hash,
    ]


def _part_row(indicator: Indicator, part: Part, words: Words) -> list[str]:
    return [
        indicator.id,
        words.text(indicator.title),
        safe_cell(f"{part.farm} · {part.subject}"),
        _number(part.value, words),
        part.unit,
        f"{part.numerator:g}",
        f"{part.denominator:g}",
        f"{100.0 * part.coverage:.1f}",
        part.grade,
        f"{indicator.rule}/{indicator.rule_version}",
        safe_cell(" ".join(part.source)),
        "",
    ]


def _number(value: float | None, words: Words) -> str:
    return words.text(NOT_ENOUGH_DATA) if value is None else f"{value:.6g}"


def safe_cell(text: str) -> str:
    """Keep a spreadsheet from running what a name contains."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
