# SPDX-License-Identifier: Apache-2.0
"""What a calibration's result says, as message ids and fields, the same in the terminal, on the page and on paper.

The rule it keeps: hiệu chuẩn (compare and record) and hiệu chỉnh (adjust the reading) are two words and two buttons.
"""

from typing import Final

from drivers.calibration.artifact import Calibration, Point
from drivers.calibration.forms import Field as Ask
from drivers.calibration.result import Preview
from drivers.calibration.sheets import SHEET_FIELDS
from drivers.calibration.telling import FOUND
from pages.words import N_, Field, Words

ADJUST: Final = N_("Adjust the reading (new curve in force)")
RECORD: Final = N_("Record only (reading unchanged)")
TAKEN: Final = N_("{person} is calibrating {series} now; one probe, one session.")
SHOWN_BEFORE: Final = N_("Shown before")

Line = tuple[str, dict[str, Field]]


def result_lines(seen: Preview, signal_unit: str, unit: str) -> list[Line]:
    """Say what the points come to, before anybody signs."""
    lines: list[Line] = [
        (
            N_("reference {truth:.3f} {unit}, read {signal:.3f} {signal_unit}, left over {residual:.3f} {unit}"),
            {
                "truth": point.truth,
                "signal": point.signal,
                "residual": residual,
                "unit": unit,
                "signal_unit": signal_unit,
            },
        )
        for point, residual in zip(seen.points, seen.made.residuals, strict=True)
    ]
    lines += health_lines(seen.health)
    lines.append(
        (
            N_("error found {found:.3f} {unit}, U (k = 2) {u:.3f} {unit}"),
            {"found": seen.found, "u": seen.expanded, "unit": unit},
        )
    )
    return lines


def proposed(field: Ask, speak: Words) -> str:
    """Give what is proposed for an answer, in the reader's language: a reference's usual name, a decimal comma."""
    if field.kind == "number" and speak.language == "vi":
        return field.value.replace(".", ",")
    return speak.text(field.value) if field.kind == "text" and field.value else field.value


def sheet_rows(point: Point, speak: Words) -> list[tuple[str, float, str]]:
    """Give what a point's truth was worked out from, or what was shown before an instrument's memory was calibrated."""
    labels = {name: (label, unit) for fields in SHEET_FIELDS.values() for name, label, unit in fields}
    rows = []
    order = list(labels)
    for name, value in sorted(point.sheet.items(), key=lambda one: order.index(one[0]) if one[0] in order else -1):
        label, unit = (SHOWN_BEFORE, "") if name == FOUND else labels.get(name, (name, ""))
        rows.append((speak.text(label), value, unit))
    return rows


def health_lines(health: dict[str, float]) -> list[Line]:
    """Say how the probe fares, from what the fit found."""
    fields: dict[str, Field] = dict(health)
    if "slope_acid_pct" in health:
        text = N_(
            "slope {slope_acid_pct:.1f} % acid, {slope_base_pct:.1f} % base (85 to 105 is sound), zero {zero_mv:.1f} mV"
        )
        return [(text, fields)]
    if "cell_constant" in health:
        return [(N_("cell constant {cell_constant:.4f}, dry {dry_offset:.4f}"), fields)]
    if "gain" in health:
        return [(N_("gain {gain:.4f} of the maker's scale"), fields)]
    if "soil_gain" in health:
        return [(N_("this soil: {soil_gain:.3f} times the equation, {soil_offset:.2f} % added"), fields)]
    return []


def signed_line(record: Calibration) -> Line:
    """Say that it is signed."""
    fields: dict[str, Field] = {
        "id": record.id,
        "person": record.person,
        "u": record.expanded_uncertainty,
        "unit": record.unit,
        "found": record.as_found_error,
        "left": record.as_left_error,
        "due": f"{record.due_at:%d/%m/%Y}",
    }
    text = N_(
        "Signed by {person}: {id}. Error found {found:.3f}, left {left:.3f}, U (k = 2) {u:.3f} {unit}. Due {due}."
    )
    return text, fields
