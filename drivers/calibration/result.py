# SPDX-License-Identifier: Apache-2.0
"""From a session's points to a sealed record: fit, health, jump against the last one, uncertainty, due date.

The rule it keeps: what cannot be trusted is refused with its reason (``FitRefused``) and the calibration in force
stays; a large jump needs a second look, so it is refused unless the technician confirms it.
"""

from datetime import datetime, timedelta
from typing import Final

from drivers.calibration.artifact import SCHEMA, Calibration, seal
from drivers.calibration.curves import Linear, apply_one
from drivers.calibration.fit import Fit, FitRefused, expanded_uncertainty, fit_linear, fit_offset
from drivers.calibration.session import Session, method_of, quantity_of
from telemetry.quantities import quantity

JUMP_MAX_SHARE: Final = 0.15
# A linear instrument whose gain is outside this is broken, miswired or was given swapped references.
GAIN_LOW: Final = 0.5
GAIN_HIGH: Final = 2.0


def fit_of(session: Session) -> Fit:
    """Fit the session's points by its method. Raises FitRefused."""
    signal = [point.signal for point in session.taken]
    truth = [point.truth for point in session.taken]
    method = method_of(session)
    if len(signal) < len(method.points):
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=len(signal), needed=len(method.points))
    made = fit_offset(signal, truth) if method.fit == "offset" else fit_linear(signal, truth)
    curve = made.curve
    if isinstance(curve, Linear) and session.signal_unit == quantity(quantity_of(session)).unit:
        if curve.gain < 0.0:
            raise FitRefused("The reading falls where the reference rises: were the two references swapped?")
        if not GAIN_LOW <= curve.gain <= GAIN_HIGH:
            raise FitRefused(
                "The gain is {gain:.3g}: a sound probe lies between {low} and {high}; check references and unit",
                gain=curve.gain,
                low=GAIN_LOW,
                high=GAIN_HIGH,
            )
    return made


def finish(
    session: Session,
    now: datetime,
    *,
    adjusted: bool,
    before: Calibration | None,
    identity: str,
    resolution: float = 0.0,
    jump_confirmed: bool = False,
) -> Calibration:
    """Make the sealed record. ``before`` is the calibration in force; ``resolution`` the instrument's step.

    Raises FitRefused; artifact.BadArtifact if the parts make no sense together.
    """
    made = fit_of(session)
    assert session.reference is not None
    found = [abs(_in_force(before, point.signal, point.temperature_c) - point.truth) for point in session.taken]
    left = [abs(residual) for residual in made.residuals]
    jump = _jump_share(session, made, before)
    if adjusted and jump > JUMP_MAX_SHARE and not jump_confirmed:
        raise FitRefused(
            "The reading would jump by {jump:.0f} % against the calibration in force: check, then confirm",
            jump=100.0 * jump,
        )
    method = method_of(session)
    name = quantity_of(session)
    repeatability = max(point.signal_sd for point in session.taken)
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
            points=session.taken,
            references=(session.reference,),
            curve=made.curve,
            residuals=made.residuals,
            domain_low=made.low if method.fit != "offset" else quantity(name).low,
            domain_high=made.high if method.fit != "offset" else quantity(name).high,
            expanded_uncertainty=expanded_uncertainty(
                repeatability, session.reference.uncertainty, resolution, made.residual_sd
            ),
            as_found_error=max(found),
            as_left_error=max(left) if adjusted else max(found),
            person=session.person,
            place=session.place,
            performed_at=now,
            due_at=now + timedelta(days=method.due_days),
            passed=True,
            previous_hash=before.content_hash if before is not None else "",
        )
    )


def _in_force(before: Calibration | None, signal: float, temperature_c: float | None) -> float:
    if before is None or not before.adjusted:
        return signal
    return apply_one(before.curve, signal, 25.0 if temperature_c is None else temperature_c)


def _jump_share(session: Session, made: Fit, before: Calibration | None) -> float:
    """Give the largest change at the points, as a share of the value (of a tenth of the references' span near 0)."""
    if before is None:
        return 0.0
    truths = [abs(point.truth) for point in session.taken]
    floor = max(0.1 * max(truths), 1e-9)
    return max(
        abs(apply_one(made.curve, point.signal) - _in_force(before, point.signal, point.temperature_c))
        / max(abs(point.truth), floor)
        for point in session.taken
    )
