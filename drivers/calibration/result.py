# SPDX-License-Identifier: Apache-2.0
"""From a session's points to a sealed record: fit, health, jump against the last one, uncertainty, due date.

The rule it keeps: what cannot be trusted is refused with its reason (``FitRefused``) and the calibration in force
stays; a large jump needs a second look, so it is refused unless the technician confirms it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf, isfinite
from typing import Final, Literal, cast

import msgspec

from drivers.calibration.artifact import SCHEMA, BudgetLine, Calibration, Point, beside, seal
from drivers.calibration.curves import Curve, apply_one
from drivers.calibration.fit import (
    Fit,
    FitRefused,
    checked,
    fit_gain,
    fit_linear,
    fit_offset,
    fit_piecewise,
    fit_polynomial,
    fit_spline,
    fitted,
)
from drivers.calibration.fit_probes import (
    SWAPPED,
    check_electrode,
    fit_cell,
    fit_gas,
    fit_hilhorst,
    fit_nernst,
    fit_soil,
    fit_steinhart_hart,
)
from drivers.calibration.methods import Method, usual_span
from drivers.calibration.probes import Beta, Cell, GasPressure, Nernst, nernst_mv
from drivers.calibration.session import Session, method_of, quantity_of
from drivers.calibration.shapes import Linear, Offset
from drivers.calibration.soils import Hilhorst, Soil
from drivers.calibration.telling import FOUND, GAIN_HIGH, GAIN_LOW, JUMP, JUMP_MAX_SHARE, UNSOUND_GAIN
from drivers.calibration.uncertainty import (
    COVERAGE_FACTOR,
    Component,
    combined,
    reference_component,
    resolution_component,
)
from drivers.units import BARE_UNITS, conversion
from telemetry.quantities import quantity

# An instrument passes when what is left at the points is within this share of the quantity's usual span.
TOLERANCE_SHARE: Final = 0.05
SoilEquation = Literal["teros-mineral", "teros-soilless", "teros-topp", "topp"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the points come to, before anybody signs."""

    points: tuple[Point, ...]
    made: Fit
    health: dict[str, float]
    found: float  # largest error at the points with what is in force now
    left: float
    jump_share: float
    budget: tuple[BudgetLine, ...]
    expanded: float


def preview(session: Session, before: Calibration | None) -> Preview:
    """Fit and judge the session's points. ``before`` is the calibration in force. Raises FitRefused."""
    method = method_of(session)
    points = _points(session, before)
    if len(points) < method.points_kept:
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=len(points), needed=method.points_kept)
    made = _fit(session, points)
    _check_gain(session, made)
    parts = _budget(session, points, made)
    found = [abs(_found(session, before, point) - point.truth) for point in points]
    return Preview(
        points,
        made,
        _health(session, made),
        max(found),
        max(abs(residual) for residual in made.residuals),
        _jump_share(session, points, made, before),
        tuple(BudgetLine(part.name, part.standard) for part in parts),
        COVERAGE_FACTOR * combined(parts),
    )


def fit_of(session: Session) -> Fit:
    """Fit the session's points by its method, with the maker's scale in force before. Raises FitRefused."""
    return preview(session, None).made


def finish(
    session: Session,
    now: datetime,
    *,
    adjusted: bool,
    before: Calibration | None,
    identity: str,
    jump_confirmed: bool = False,
) -> Calibration:
    """Make the sealed record. ``before`` is the calibration in force.

    Raises FitRefused; artifact.BadArtifact if the parts make no sense together.
    """
    seen = preview(session, before)
    if adjusted and seen.jump_share > JUMP_MAX_SHARE and not jump_confirmed:
        raise FitRefused(JUMP, jump=100.0 * seen.jump_share)
    if session.reference is None:
        raise FitRefused("There is no reference: a record without one proves nothing")
    method, name = method_of(session), quantity_of(session)
    low, high = _domain(session, seen.made)
    left = seen.left if adjusted else seen.found
    return seal(
        Calibration(
            schema=SCHEMA,
            id=identity,
            series=session.series,
            quantity=name,
            unit=quantity(name).unit,
            signal_unit=session.signal_unit,
            device=session.device,
            method=method.name,
            method_version=method.version,
            adjusted=adjusted,
            points=seen.points,
            references=(session.reference,),
            curve=seen.made.curve,
            residuals=seen.made.residuals,
            domain_low=low,
            domain_high=high,
            expanded_uncertainty=seen.expanded,
            as_found_error=seen.found,
            as_left_error=left,
            person=session.person,
            place=session.place,
            performed_at=now,
            due_at=now + timedelta(days=method.due_days),
            passed=left <= TOLERANCE_SHARE * usual_span(name),
            budget=seen.budget,
            health=seen.health,
            previous_hash=before.content_hash if before is not None else "",
        )
    )


def makers_curve(method: Method, name: str, signal_unit: str) -> Curve:
    """Give the scale that is in force before any calibration: the unit's, the ideal electrode's, the equation's."""
    match method.fit:
        case "nernst":
            return Nernst(0.0, 1.0, 1.0, "mV" if signal_unit == "mV" else "pH")
        case "cell":
            return Cell(conversion(signal_unit, name)[0], compensated_by_instrument=method.option == "compensated")
        case "soil":
            return Soil(cast("SoilEquation", method.option), signal="%" if signal_unit == "%" else "")
        case "hilhorst":
            return Hilhorst(conversion(signal_unit, name)[0])
        case "gas":
            return GasPressure()
        case "steinhart-hart":
            return Beta(10000.0, 3950.0)
        case _:
            return _unit_line(name, signal_unit)


def _unit_line(name: str, signal_unit: str) -> Linear:
    try:
        factor, offset = conversion(signal_unit, name)
    except KeyError:
        factor, offset = 1.0, 0.0  # a bare count: nothing is claimed for it
    return Linear(offset, factor)


def _points(session: Session, before: Calibration | None) -> tuple[Point, ...]:
    """Give the points; for a running total the truth goes on from where the reading stood, so that nothing jumps."""
    if method_of(session).fit != "total" or not session.taken:
        return session.taken
    start = msgspec.structs.replace(session.taken[0], truth=_in_force(session, before, session.taken[0]))
    return (start, *(msgspec.structs.replace(p, truth=start.truth + p.truth) for p in session.taken[1:]))


def _fit(session: Session, points: Sequence[Point]) -> Fit:
    signal = [point.signal for point in points]
    truth = [point.truth for point in points]
    warm = [25.0 if point.temperature_c is None else point.temperature_c for point in points]
    method, unit = method_of(session), session.signal_unit
    match method.fit:
        case "offset":
            return _offset(session, signal, truth)
        case "chip":  # the instrument corrects itself: what is left is left
            x, y = checked(signal, truth, 1)
            return fitted(_unit_line(quantity_of(session), unit), x, y, 0)
        case "gain":
            return fit_gain(signal, truth)
        case "polynomial":
            return fit_polynomial(signal, truth, 2)
        case "piecewise":
            return fit_piecewise(signal, truth)
        case "spline":
            return fit_spline(signal, truth)
        case "nernst":
            return fit_nernst(signal, truth, warm, "mV" if unit == "mV" else "pH")
        case "cell":
            return fit_cell(signal, truth, warm, compensated=method.option == "compensated")
        case "soil":
            return fit_soil(signal, truth, cast("SoilEquation", method.option), "%" if unit == "%" else "")
        case "hilhorst":
            return fit_hilhorst(signal, truth, warm, [point.permittivity or 0.0 for point in points])
        case "gas":
            return fit_gas(signal, truth, [point.pressure_hpa or 0.0 for point in points])
        case "steinhart-hart":
            return fit_steinhart_hart(signal, truth)
        case "linear" | "total":
            return fit_linear(signal, truth)


def _offset(session: Session, signal: list[float], truth: list[float]) -> Fit:
    """Shift the maker's scale; where the instrument has a unit of its own the shift is of the converted value."""
    line = _unit_line(quantity_of(session), session.signal_unit)
    made = fit_offset([line.offset + line.gain * value for value in signal], truth)
    if (line.offset, line.gain) == (0.0, 1.0) or not isinstance(made.curve, Offset):
        return made
    curve = Linear(line.offset + made.curve.offset, line.gain)
    return Fit(curve, made.residuals, made.residual_sd, made.coefficient_sd, min(signal), max(signal), made.free)


def _check_gain(session: Session, made: Fit) -> None:
    """Refuse what no sound instrument gives: falling, or far from the scale of its unit."""
    expected = _unit_line(quantity_of(session), session.signal_unit).gain
    match made.curve:
        case Linear():
            gain = made.curve.gain / expected
        case Cell():
            gain = made.curve.constant / expected
        case _:
            return
    if session.signal_unit in BARE_UNITS:
        return  # a bare signal has no scale of its own
    if gain < 0.0:
        raise FitRefused(SWAPPED)
    if not GAIN_LOW <= gain <= GAIN_HIGH:
        raise FitRefused(UNSOUND_GAIN, gain=gain, low=GAIN_LOW, high=GAIN_HIGH)


def _health(session: Session, made: Fit) -> dict[str, float]:
    if method_of(session).chip:
        return _chip_health(session)
    match made.curve:
        case Nernst(signal="mV") as probe:
            zero_mv = probe.offset
        case Nernst() as probe:
            zero_mv = probe.offset * float(nernst_mv(25.0))
        case Cell() as cell:
            # Beside the maker's scale, whatever units the instrument speaks in.
            scale = _unit_line(quantity_of(session), session.signal_unit).gain
            return {"cell_constant": cell.constant / scale, "dry_offset": cell.dry_offset}
        case Linear() as line if session.signal_unit not in BARE_UNITS:
            return {"gain": line.gain / _unit_line(quantity_of(session), session.signal_unit).gain}
        case Soil() as soil:
            return {"soil_gain": soil.gain, "soil_offset": soil.offset}
        case _:
            return {}
    return {"slope_acid_pct": 100.0 * probe.slope_acid, "slope_base_pct": 100.0 * probe.slope_base, "zero_mv": zero_mv}


def _chip_health(session: Session) -> dict[str, float]:
    seen = session.health
    if "slope_acid_pct" in seen:
        slopes = (seen["slope_acid_pct"] / 100.0, seen["slope_base_pct"] / 100.0)
        check_electrode(min(slopes), max(slopes), seen["zero_mv"] / float(nernst_mv(25.0)))
    return dict(seen)


def _budget(session: Session, points: Sequence[Point], made: Fit) -> list[Component]:
    """List the components (GUM 4.2, 4.3): repeatability in the truth's unit, reference, resolution, fit."""
    reference = session.reference.uncertainty if session.reference is not None else inf
    parts = [reference_component(reference)]
    # Every later sample is one reading, so it is one reading's spread that counts, not the mean's.
    spread = max((_steepness(made, p) * p.signal_sd for p in points if isfinite(p.signal_sd)), default=0.0)
    parts.append(Component("repeatability", spread, max(1, min(p.count for p in points) - 1)))
    if session.step > 0.0:  # a step that is not known is left out by name, not counted as nothing
        parts.append(resolution_component(session.step * max(_steepness(made, point) for point in points)))
    if isfinite(made.residual_sd):
        parts.append(Component("fit", made.residual_sd, made.free))
    return parts


def _steepness(made: Fit, point: Point) -> float:
    """Give how much the truth moves for one unit of signal at the point."""
    step = max(abs(point.signal), 1.0) * 1e-6
    conditions = beside(point)
    high = apply_one(made.curve, point.signal + step, conditions)
    low = apply_one(made.curve, point.signal - step, conditions)
    return abs(high - low) / (2.0 * step)


def _domain(session: Session, made: Fit) -> tuple[float, float]:
    """Give the signals for which the curve is trusted, in the signal's unit."""
    method, known = method_of(session), quantity(quantity_of(session))
    if method.fit in {"offset", "gas", "chip"}:
        line = _unit_line(known.name, session.signal_unit)
        ends = ((known.low - line.offset) / line.gain, (known.high - line.offset) / line.gain)
        return min(ends), max(ends)
    if method.fit == "total":
        return made.low, known.high
    if method.fit in {"gain", "cell", "hilhorst"}:
        return min(0.0, made.low), made.high * (1.0 + method.reach_share)
    reach = method.reach_share * (made.high - made.low)
    return made.low - reach, made.high + reach


def _found(session: Session, before: Calibration | None, point: Point) -> float:
    """Give what was shown at the point before this calibration; an instrument's own memory has forgotten it since."""
    return point.sheet[FOUND] if method_of(session).chip else _in_force(session, before, point)


def _in_force(session: Session, before: Calibration | None, point: Point) -> float:
    if before is None or not before.adjusted:
        curve = makers_curve(method_of(session), quantity_of(session), session.signal_unit)
    else:
        curve = before.curve
    return apply_one(curve, point.signal, beside(point))


def _jump_share(session: Session, points: Sequence[Point], made: Fit, before: Calibration | None) -> float:
    """Give the largest change at the points, as a share of the value (of a tenth of the largest one near 0)."""
    if before is None or method_of(session).chip:  # a chip's jump was judged before it was told
        return 0.0
    floor = max(0.1 * max(abs(point.truth) for point in points), 1e-9)
    return max(
        abs(apply_one(made.curve, point.signal, beside(point)) - _in_force(session, before, point))
        / max(abs(point.truth), floor)
        for point in points
    )
