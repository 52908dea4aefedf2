# SPDX-License-Identifier: Apache-2.0
"""A calibration's certificate and label as PDF, in Vietnamese or English.

The rule it keeps: the page holds what the record holds, no more; the QR leads to the record, the hash proves it.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import Curve
from drivers.calibration.methods import METHODS, usual_span
from drivers.calibration.result import TOLERANCE_SHARE
from edge.calibration_words import health_lines, sheet_rows
from pages.numbers import FARM_ZONE, decimal, unit_name
from pages.paper import pdf
from pages.qr import svg
from pages.words import N_, Words
from telemetry.quantities import quantity

FOLDER: Final = Path(__file__).parent
CURVES: Final[dict[str, str]] = {
    "Offset": N_("offset"), "Linear": N_("straight line"), "Polynomial": N_("polynomial"),
    "Piecewise": N_("straight pieces"), "Spline": N_("monotone cubic spline"), "Nernst": N_("electrode (Nernst)"),
    "Cell": N_("conductivity cell"), "SteinhartHart": N_("thermistor (Steinhart-Hart)"),
    "Beta": N_("thermistor (beta)"),
    "GasPressure": N_("gas cell with air pressure"), "Soil": N_("soil equation with this soil's correction"),
    "Hilhorst": N_("pore water (Hilhorst)"),
}  # fmt: skip
BUDGET: Final[dict[str, str]] = {
    "reference": N_("reference"), "repeatability": N_("repeatability"), "resolution": N_("resolution"),
    "fit": N_("fit"),
}  # fmt: skip


def address(base: str, record: Calibration) -> str:
    """Give the address of the record's page; ``base`` is the console's, such as ``http://farm.local:8080``."""
    return f"{base.rstrip('/')}/calibrations/{record.series}/{record.id}"


def certificate(record: Calibration, farm: str, base: str, speak: Words, place: str) -> bytes:
    """Set the certificate of one record; ``place`` is what people call its place. PaperError when it cannot be set."""
    return pdf(FOLDER / "certificate.typ", certificate_data(record, farm, base, speak, place))


def label(record: Calibration, base: str, speak: Words, place: str) -> bytes:
    """Set the sticker of one record. PaperError when it cannot be set."""
    title = speak.say(N_("Label of {device}"), {"device": record.device.name})
    data = {
        "title": title,
        "language": speak.language,
        "qr": svg(address(base, record), title),
        "qr_alt": speak.text(N_("QR code that leads to the record")),
        "device": record.device.name,
        "series": f"{speak.text(quantity(record.quantity).title)} · {place}",
        "method": _method(record, speak),
        "done_label": speak.text(N_("Calibrated")),
        "done": _day(record.performed_at),
        "due_label": speak.text(N_("Due")),
        "due": _day(record.due_at),
        "person": record.person,
    }
    return pdf(FOLDER / "label.typ", data)


def certificate_data(record: Calibration, farm: str, base: str, speak: Words, place: str) -> dict[str, Any]:
    """Give all that the certificate says, in the reader's words."""
    places = max(3, quantity(record.quantity).decimals + 1)
    unit = _unit(record, speak)

    def number(value: float) -> str:
        return f"{decimal(value, places, speak.language)} {unit}".strip()

    kind = (
        N_("Adjusted: the reading follows the new curve")
        if record.adjusted
        else N_("Compared and recorded: the reading is unchanged")
    )
    title = speak.text(N_("Calibration certificate"))
    return {
        "title": title,
        "language": speak.language,
        "farm": farm,
        "subtitle": f"{speak.text(quantity(record.quantity).title)} · {place}",
        "person": record.person,
        "passed": record.passed,
        "verdict": speak.text(N_("Passed") if record.passed else N_("Not passed")) + " · " + speak.text(kind),
        "qr": svg(address(base, record), title),
        "qr_alt": speak.text(N_("QR code that leads to the record")),
        "heads": {
            "instrument": speak.text(N_("Instrument")),
            "reference": speak.text(N_("Reference")),
            "points": speak.text(N_("Points")),
            "result": speak.text(N_("Result")),
            "budget": speak.text(N_("Uncertainty budget (JCGM 100:2008)")),
        },
        "instrument": _instrument(record, speak, place),
        "reference": _reference(record, speak, number),
        "point_heads": [
            speak.text(N_("Time")), speak.text(N_("Reference")) + f" [{record.unit}]",
            speak.text(N_("Signal")) + f" [{record.signal_unit or '1'}]", "s", "n", "°C",
            speak.text(N_("Left over") if record.adjusted else N_("Off the curve")) + f" [{record.unit}]",
        ],
        "points": [
            [
                f"{_local(point.at):%d/%m/%Y %H:%M:%S}", decimal(point.truth, places, speak.language),
                decimal(point.signal, places, speak.language), decimal(point.signal_sd, places, speak.language),
                str(point.count),
                "—" if point.temperature_c is None else decimal(point.temperature_c, 1, speak.language),
                decimal(residual, places, speak.language),
            ]
            for point, residual in zip(record.points, record.residuals, strict=True)
        ],
        "points_note": speak.text(N_("s: standard deviation of the n readings of a point, in the signal's unit")),
        "result": _result(record, speak, number),
        "budget_heads": [speak.text(N_("Component")), speak.text(N_("Standard uncertainty"))],
        "sheet_head": speak.text(N_("Worked out from")),
        "sheets": _sheets(record, speak),
        "budget": _budget(record, speak, number),
        "signed": [
            speak.text(N_("Signed by")), f"{_local(record.performed_at):%d/%m/%Y %H:%M %z}", speak.text(N_("Seen by")),
        ],
        "footer": f"{record.id} · {record.series} · {record.schema}",
        "hash_label": speak.text(N_("SHA-256 of the record")),
        "hash": record.content_hash,
        "before_label": speak.text(N_("Record before")),
        "before": record.previous_hash or "—",
    }  # fmt: skip


def _instrument(record: Calibration, speak: Words, place: str) -> list[list[str]]:
    device = record.device
    return [
        [speak.text(N_("Device")), " · ".join(part for part in (device.name, device.model, device.serial) if part)],
        [speak.text(N_("Place")), place],
        [speak.text(N_("Series")), record.series],
        [speak.text(N_("Method")), f"{_method(record, speak)} ({record.method}, v{record.method_version})"],
    ]


def _reference(record: Calibration, speak: Words, number: Any) -> list[list[str]]:
    rows = []
    for one in record.references:
        rows += [
            [speak.text(N_("Name of the reference")), one.name],
            [speak.text(N_("Lot or serial number")), one.lot or "—"],
            [speak.text(N_("Valid until")), _day(one.expires) if one.expires else "—"],
            [speak.text(N_("Its own uncertainty (k = 2)")), number(one.uncertainty)],
        ]
    return rows


def _sheets(record: Calibration, speak: Words) -> list[list[str]]:
    """Give, for each point with a sheet, its truth and what that was worked out from."""
    places = quantity(record.quantity).decimals + 1
    unit = _unit(record, speak)
    rows = []
    for point in record.points:
        sheet = sheet_rows(point, speak)
        told = [f"{name} {_entered(value, speak)} {unit}".strip() for name, value, unit in sheet]
        if told:
            rows.append([f"{decimal(point.truth, places, speak.language)} {unit}", " · ".join(told)])
    return rows


def _entered(value: float, speak: Words) -> str:
    """Write a number of a sheet whole: what was weighed is evidence and is not rounded."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if speak.language == "vi" else text


def _budget(record: Calibration, speak: Words, number: Any) -> list[list[str]]:
    """Give every component: one that is not known (a step, a fit without points to spare) is named as such."""
    known = {one.name: one.standard for one in record.budget}
    rows = [[speak.text(title), number(known[name]) if name in known else "—"] for name, title in BUDGET.items()]
    rows += [[name, number(value)] for name, value in known.items() if name not in BUDGET]
    return [*rows, [speak.text(N_("Expanded uncertainty U, k = 2")), number(record.expanded_uncertainty)]]


def _result(record: Calibration, speak: Words, number: Any) -> list[list[str]]:
    low, high = (decimal(end, 3, speak.language) for end in (record.domain_low, record.domain_high))
    curve = speak.text(CURVES.get(type(record.curve).__name__, ""))
    health = [[speak.text(N_("Health of the probe")), speak.say(*line)] for line in health_lines(record.health)]
    return [
        [speak.text(N_("Curve") if record.adjusted else N_("Curve, not in force")), curve],
        [speak.text(N_("Coefficients, as in the record")), _coefficients(record.curve, speak)],
        *health,
        [speak.text(N_("Domain of the signal")), f"{low} – {high} {record.signal_unit}"],
        [speak.text(N_("Error found")), number(record.as_found_error)],
        [speak.text(N_("Error left")), number(record.as_left_error)],
        [speak.text(N_("Passed up to an error of")), number(TOLERANCE_SHARE * usual_span(record.quantity))],
        [speak.text(N_("Next due")), _day(record.due_at)],
    ]


def _coefficients(curve: Curve, speak: Words) -> str:
    """Give the curve's numbers under the names that they have in the record's file."""
    told = []
    for name, value in msgspec.structs.asdict(curve).items():
        numbers = value if isinstance(value, tuple) else (value,)
        texts = [_whole(one, speak) for one in numbers if isinstance(one, float)]
        if texts:
            told.append(f"{name} = {'; '.join(texts)}")
    return " · ".join(told)


def _unit(record: Calibration, speak: Words) -> str:
    """Give the unit as an auditor wants it: pH too stands behind its number."""
    return "pH" if record.unit == "pH" else unit_name(record.unit, speak.language)


def _whole(value: float, speak: Words) -> str:
    text = f"{value:.7g}"
    return text.replace(".", ",") if speak.language == "vi" else text


def _method(record: Calibration, speak: Words) -> str:
    known = METHODS.get(record.method)
    return speak.text(known.title) if known is not None else record.method


def _day(moment: datetime) -> str:
    return f"{_local(moment):%d/%m/%Y}"


def _local(moment: datetime) -> datetime:
    """Give the farm's time, wherever the machine's clock thinks it is."""
    return moment.astimezone(ZoneInfo(FARM_ZONE))
