# SPDX-License-Identifier: Apache-2.0
"""What is judged before an instrument's own memory is told a point: after that there is no way back for some of them.

The rule it keeps: what a fit would refuse afterwards (swapped or equal references, a probe out of health, a jump) is
refused here, before anything was written.
"""

from collections.abc import Sequence
from math import inf, nan
from typing import Final

import msgspec

from drivers.calibration.artifact import Point
from drivers.calibration.fit import EQUAL_POINTS
from drivers.calibration.fit_probes import SLOPE_HIGH, SLOPE_LOW, SWAPPED, UNSOUND_SLOPE, UNSOUND_ZERO, ZERO_MAX_PH
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import Method, PointPlan, signal_span
from drivers.units import conversion

JUMP: Final = "The reading would jump by {jump:.0f} % against the calibration in force: check, then confirm"
JUMP_MAX_SHARE: Final = 0.15
TOOK_SHARE: Final = 0.02  # how near an instrument must show what it was told: of the usual span, or of the value
EQUAL_BELOW: Final = 0.1  # of the ideal slope: the probe stands in the buffer before
# A linear instrument whose gain is outside this is broken, miswired or was given swapped references.
GAIN_LOW: Final = 0.5
GAIN_HIGH: Final = 2.0
UNSOUND_GAIN: Final = "The gain is {gain:.3g}: a sound probe lies between {low} and {high}; check references and unit"
DRY_MAX_US_CM: Final = 50.0
WET: Final = "The probe shows {signal:.0f} µS/cm in the air: it is not dry, or its cable is wet"
ZERO_LEFT_SHARE: Final = 0.1  # of what it shows in the air
OXYGEN_LEFT: Final = "The probe still shows {signal:.2f} mg/L: take fresh solution, stir and wait"
RTD_MAX_C: Final = 5.0
FAR_OFF: Final = "The probe is {error:.1f} °C off, a sound one {most:.0f} °C at most: check reference and wiring"
FOUND: Final = "found"  # among a point's sheet: what the instrument showed before it was told anything


def as_shown(point: Point, unit: str, name: str) -> Point:
    """Give ``point`` of quantity ``name`` with its truth in the signal's ``unit``: what the instrument has to show."""
    factor, offset = conversion(unit, name)
    return msgspec.structs.replace(point, truth=(point.truth - offset) / factor)


def shows(signal: float, truth: float, unit: str, name: str, share: float = TOOK_SHARE) -> bool:
    """Say whether ``signal`` is near enough to ``truth``, both in ``unit``."""
    return abs(signal - truth) <= max(TOOK_SHARE * signal_span(name, unit), share * abs(truth))


def found_before(method: Method, taken: Sequence[Point], slopes: tuple[float, float], point: Point) -> float:
    """Give what the instrument would have shown at ``point`` with what its memory held when the session began.

    An EZO-pH circuit forgets its slopes when it takes the middle point: its later readings are of the ideal slope, so
    the slope it had (share, acid and base) is put back in. An EZO-DO circuit shows another gain since the air.
    """
    if not taken or method.option not in {"pH", "DO"}:
        return point.signal
    before = taken[0].sheet.get(FOUND, nan)
    if method.option == "DO":
        return point.signal * before / taken[0].truth
    distance = point.signal - taken[0].truth
    return before + distance / slopes[0 if distance < 0.0 else 1]


def check_telling(
    method: Method, plan: PointPlan, taken: Sequence[Point], point: Point, *, floor: float, compared: bool, sure: bool
) -> None:
    """Raise AnswerRefused where the instrument must not be told ``point``.

    The truths are in the signal's unit here. ``compared``: there is a calibration in force, so a jump against it, as a
    share of the truth (of ``floor`` near 0), must be confirmed (``sure``).
    """
    if method.option == "pH":
        _check_electrode(taken, point)
    elif method.chip == "ezo":
        _check_circuit(plan, taken, point)
    jump = abs(point.signal - point.truth) / max(abs(point.truth), floor)
    as_found = not taken or method.option != "pH"  # an EZO-pH circuit has forgotten its slopes by then
    if compared and as_found and jump > JUMP_MAX_SHARE and not sure:
        raise AnswerRefused(JUMP, jump=100.0 * jump)


def _check_circuit(plan: PointPlan, taken: Sequence[Point], point: Point) -> None:
    match plan.tell:
        case "dry":
            if abs(point.signal) > DRY_MAX_US_CM:
                raise AnswerRefused(WET, signal=point.signal)
        case "t":
            if abs(point.signal - point.truth) > RTD_MAX_C:
                raise AnswerRefused(FAR_OFF, error=abs(point.signal - point.truth), most=RTD_MAX_C)
        case "zero":
            if abs(point.signal) > ZERO_LEFT_SHARE * taken[0].truth:
                raise AnswerRefused(OXYGEN_LEFT, signal=point.signal)
        case _:
            _check_gain(taken, point)


def _check_gain(taken: Sequence[Point], point: Point) -> None:
    """Judge the signal's rise since the point before (since 0 at the first one)."""
    signal, truth = (taken[-1].signal, taken[-1].truth) if taken else (0.0, 0.0)
    share = (point.signal - signal) / (point.truth - truth)
    if taken and abs(share) < EQUAL_BELOW:
        raise AnswerRefused(EQUAL_POINTS)
    if taken and share < 0.0:
        raise AnswerRefused(SWAPPED)
    if not 1.0 / GAIN_HIGH <= share <= 1.0 / GAIN_LOW:
        gain = 1.0 / share if share else inf
        raise AnswerRefused(UNSOUND_GAIN, gain=gain, low=GAIN_LOW, high=GAIN_HIGH)


def _check_electrode(taken: Sequence[Point], point: Point) -> None:
    if not taken:
        zero_ph = point.signal - point.truth
        if abs(zero_ph) > ZERO_MAX_PH:
            raise AnswerRefused(UNSOUND_ZERO, zero=zero_ph, most=ZERO_MAX_PH)
        return
    middle = taken[0]
    reach = point.truth - middle.truth
    share = (point.signal - middle.truth) / reach
    if abs(share) < EQUAL_BELOW:
        raise AnswerRefused(EQUAL_POINTS)
    if share < 0.0:
        raise AnswerRefused(SWAPPED)
    if not SLOPE_LOW <= share <= SLOPE_HIGH:
        raise AnswerRefused(UNSOUND_SLOPE, slope=100.0 * share, low=100.0 * SLOPE_LOW, high=100.0 * SLOPE_HIGH)
