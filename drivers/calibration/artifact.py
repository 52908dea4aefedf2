# SPDX-License-Identifier: Apache-2.0
"""The calibration record: what was measured against what, by whom, with which result, sealed by its own hash.

The rule it keeps: an artifact is never changed after sealing; its content hash covers everything but itself, and
``previous_hash`` chains it to the one before for the same series. Opening a file checks schema, hash and sense, and
raises ``BadArtifact`` saying what was seen; there is no half-read calibration.
"""

import hashlib
from datetime import datetime
from math import isfinite
from typing import Final

import msgspec
import numpy as np

from drivers.calibration.curves import Beside, Curve, apply_one
from telemetry.quantities import QUANTITIES
from telemetry.records import SERIES_PATTERN, CalibrationSummary

SCHEMA: Final = "vuon-calibration/1"
FILE_MAX_BYTES: Final = 256 * 1024
POINTS_MAX: Final = 64


class BadArtifact(ValueError):
    """A calibration file that may not be used. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code.format(**fields))
        self.code = code
        self.fields = fields


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The very instrument: replaced probes start a new record."""

    name: str
    model: str
    serial: str = ""
    bus: str = ""
    address: str = ""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stable point: the mean signal of ``count`` readings, their standard deviation, and the reference's truth."""

    at: datetime
    signal: float
    signal_sd: float
    count: int
    truth: float
    reference: str  # the name of one of the references
    temperature_c: float | None = None
    pressure_hpa: float | None = None
    permittivity: float | None = None
    sheet: dict[str, float] = {}  # what the truth was computed from: masses, volumes, seconds


def beside(point: Point) -> Beside:
    """Give what was measured beside the probe at this point; what was not is taken as usual (25 °C, 1013.25 hPa)."""
    usual = Beside()
    return Beside(
        usual.temperature_c if point.temperature_c is None else point.temperature_c,
        usual.pressure_hpa if point.pressure_hpa is None else point.pressure_hpa,
        usual.permittivity if point.permittivity is None else point.permittivity,
    )


class BudgetLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One component of the uncertainty: its English name and standard uncertainty in the unit of the truth."""

    name: str
    standard: float


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the instrument was compared with. ``uncertainty`` is expanded (k = 2), in the unit of the truth."""

    name: str
    uncertainty: float
    lot: str = ""
    expires: datetime | None = None


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One calibration, with all that is needed to judge it again."""

    schema: str
    id: str
    series: str
    quantity: str
    unit: str
    signal_unit: str
    device: Device
    method: str
    method_version: int
    adjusted: bool  # False: compared and recorded only (hiệu chuẩn); True: the reading is changed (hiệu chỉnh)
    points: tuple[Point, ...]
    references: tuple[Reference, ...]
    curve: Curve
    residuals: tuple[float, ...]
    domain_low: float
    domain_high: float
    expanded_uncertainty: float
    as_found_error: float  # largest error at the points with the calibration in force before, unit of the truth
    as_left_error: float
    person: str
    place: str
    performed_at: datetime
    due_at: datetime
    passed: bool
    budget: tuple[BudgetLine, ...] = ()
    health: dict[str, float] = {}  # what the fit says of the probe: slope_acid_pct, zero_mv, gain ...
    previous_hash: str = ""
    notes: str = ""
    content_hash: str = ""


def seal(calibration: Calibration) -> Calibration:
    """Give the same record with its content hash; raises BadArtifact when it makes no sense."""
    sealed = msgspec.structs.replace(calibration, content_hash=content_hash(calibration))
    _sense(sealed)
    return sealed


def content_hash(calibration: Calibration) -> str:
    """SHA-256 over the record without its own hash, as sorted JSON."""
    open_record = msgspec.structs.replace(calibration, content_hash="")
    return hashlib.sha256(msgspec.json.encode(open_record, order="sorted")).hexdigest()


def encode(calibration: Calibration) -> bytes:
    """Give the file's bytes: indented JSON, one record."""
    return msgspec.json.format(msgspec.json.encode(calibration, order="sorted"), indent=2) + b"\n"


def decode(data: bytes) -> Calibration:
    """Read a file's bytes. Raises BadArtifact for anything torn, foreign, edited or senseless."""
    if len(data) > FILE_MAX_BYTES:
        raise BadArtifact("The file is {size} bytes long: no calibration is", size=float(len(data)))
    try:
        calibration = msgspec.json.decode(data, type=Calibration)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadArtifact("The file cannot be read: {why}", why=str(error)) from error
    if calibration.schema != SCHEMA:
        raise BadArtifact(
            "The file has schema {seen}; this program reads {known}", seen=calibration.schema, known=SCHEMA
        )
    if content_hash(calibration) != calibration.content_hash:
        raise BadArtifact("The file was changed after it was signed: its content does not match its hash")
    _sense(calibration)
    return calibration


def summary(calibration: Calibration) -> CalibrationSummary:
    """Give what the cooperative reads of it."""
    return CalibrationSummary(
        id=calibration.id,
        series=calibration.series,
        device=calibration.device.name,
        quantity=calibration.quantity,
        method=calibration.method,
        performed_at=calibration.performed_at.isoformat(),
        due_at=calibration.due_at.isoformat(),
        person=calibration.person,
        passed=calibration.passed,
        expanded_uncertainty=calibration.expanded_uncertainty,
        as_found_error=calibration.as_found_error,
        as_left_error=calibration.as_left_error,
        content_hash=calibration.content_hash,
    )


def _sense(calibration: Calibration) -> None:
    """Refuse a record whose parts contradict each other, whatever its hash says."""
    expiries = (one.expires for one in calibration.references if one.expires is not None)
    for stamp in (calibration.performed_at, calibration.due_at, *(p.at for p in calibration.points), *expiries):
        if stamp.tzinfo is None:
            raise BadArtifact("A time without its zone: {stamp}", stamp=stamp.isoformat())
    if not SERIES_PATTERN.match(calibration.series):
        raise BadArtifact("{series!r} names no series", series=calibration.series)
    known = QUANTITIES.get(calibration.quantity)
    if known is None or known.unit != calibration.unit:
        raise BadArtifact("{quantity} is not measured in {unit}", quantity=calibration.quantity, unit=calibration.unit)
    if calibration.series.partition("/")[2].partition(".")[0] != calibration.quantity:
        raise BadArtifact(
            "The series {series} does not hold {quantity}", series=calibration.series, quantity=calibration.quantity
        )
    if not 1 <= len(calibration.points) <= POINTS_MAX or len(calibration.residuals) != len(calibration.points):
        raise BadArtifact("{count} points are no calibration", count=float(len(calibration.points)))
    if not calibration.person.strip():
        raise BadArtifact("Nobody signed: the person's name is missing")
    if calibration.due_at <= calibration.performed_at:
        raise BadArtifact("It would be due before it was performed: {stamp}", stamp=calibration.due_at.isoformat())
    names = {reference.name for reference in calibration.references}
    for point in calibration.points:
        if point.reference not in names:
            raise BadArtifact(
                "A point was taken against {name}, which is not among the references", name=point.reference
            )
        if not (isfinite(point.signal) and isfinite(point.truth) and point.count >= 1):
            raise BadArtifact("A point is not a number: read the instrument again")
        used = next(one for one in calibration.references if one.name == point.reference)
        if used.expires is not None and used.expires < point.at:
            raise BadArtifact("The reference {name} had expired when it was used", name=used.name)
    for one in calibration.references:
        if not (isfinite(one.uncertainty) and one.uncertainty >= 0.0):
            raise BadArtifact("The uncertainty is no number")
    _curve_sense(calibration)


def _curve_sense(calibration: Calibration) -> None:
    if not calibration.domain_low <= calibration.domain_high:
        raise BadArtifact("The domain ends before it begins")
    if not (isfinite(calibration.as_found_error) and isfinite(calibration.as_left_error)):
        raise BadArtifact("The error found or left is no number")
    if not (isfinite(calibration.expanded_uncertainty) and calibration.expanded_uncertainty >= 0.0):
        raise BadArtifact("The uncertainty is no number")
    try:
        redone = [
            point.truth - apply_one(calibration.curve, point.signal, beside(point)) for point in calibration.points
        ]
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise BadArtifact("The curve cannot be computed: {why}", why=str(error)) from error
    scale = max(1.0, *(abs(point.truth) for point in calibration.points))
    if not np.allclose(redone, calibration.residuals, rtol=0.0, atol=1e-6 * scale, equal_nan=False):
        raise BadArtifact("The residuals are not those of this curve at these points")
