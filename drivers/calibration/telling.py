# SPDX-License-Identifier: Apache-2.0
"""What is judged before an instrument's own memory is told a point: after that there is no way back for some of them.

The rule it keeps: what a fit would refuse afterwards (swapped or equal references, a probe out of health, a jump) is
refused here, before anything was written.
"""

from collections.abc import Sequence
from math import nan
from typing import Final

from drivers.calibration.artifact import Point
from drivers.calibration.fit import EQUAL_POINTS
from drivers.calibration.fit_probes import SLOPE_HIGH, SLOPE_LOW, SWAPPED, UNSOUND_SLOPE, UNSOUND_ZERO, ZERO_MAX_PH
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import Method

JUMP: Final = "The reading would jump by {jump:.0f} % against the calibration in force: check, then confirm"
JUMP_MAX_SHARE: Final = 0.15
EQUAL_BELOW: Final = 0.1  # of the ideal slope: the probe stands in the buffer before
FOUND: Final = "found"  # among a point's sheet: what the instrument showed before it was told anything


def found_before(taken: Sequence[Point], slopes: tuple[float, float], point: Point) -> float:
    """Give what the instrument would have shown at ``point`` with what its memory held when the session began.

    An EZO circuit forgets its slopes when it takes the middle point: its later readings are of the ideal slope, so
    the slope it had (share, acid and base) is put back in.
    """
    if not taken:
        return point.signal
    distance = point.signal - taken[0].truth
    return taken[0].sheet.get(FOUND, nan) + distance / slopes[0 if distance < 0.0 else 1]


def check_telling(method: Method, taken: Sequence[Point], point: Point, *, compared: bool, sure: bool) -> None:
    """Raise AnswerRefused where the instrument must not be told ``point``.

    ``compared``: there is a calibration in force, so a jump against it must be confirmed (``sure``).
    """
    if method.chip == "ezo":
        _check_electrode(taken, point)
    jump = abs(point.signal - point.truth) / max(abs(point.truth), 1e-9)
    if compared and not taken and jump > JUMP_MAX_SHARE and not sure:
        raise AnswerRefused(JUMP, jump=100.0 * jump)


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
