# SPDX-License-Identifier: Apache-2.0
"""The part of a session in which an instrument's own memory takes a point and is read again.

The rule it keeps: a point counts only when the instrument shows afterwards what it was told.
"""

from datetime import datetime
from math import isfinite, sqrt
from typing import Final

import msgspec

from drivers.calibration.artifact import Point
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.session import Session, method_of, quantity_of, to_point
from drivers.calibration.telling import FOUND, as_shown, found_before, shows
from drivers.units import conversion

READINGS: Final = 2
READINGS_MAX: Final = 40
NOT_TAKEN: Final = "The instrument was told {truth:.4g} and shows {shown:.4g}: it did not take it"


def point_name(session: Session) -> str:
    """Name the point as the instrument's memory calls it: mid, low, dry, ...; "" where there is one only."""
    return method_of(session).points[session.point].tell


def told(session: Session) -> Session:
    """Note that the instrument was told the point; it is read again."""
    return msgspec.structs.replace(session, stage="after", told=session.told + 1, trace=())


def taken_up(session: Session) -> Session:
    """Go back to the signal of the point where a break came between telling and reading again."""
    return to_point(session, session.point) if session.stage in {"tell", "after"} else session


def checked(session: Session, now: datetime) -> Session:
    """Take the point once the last readings show what was told; AnswerRefused when they never do."""
    if session.stage != "after":
        return session
    # The first reading may have been under way while the instrument was told.
    readings = [point.signal for point in session.trace[1:] if isfinite(point.signal)]
    if len(readings) < READINGS:
        return session
    last = readings[-READINGS:]
    mean = sum(last) / READINGS
    before = session.waiting[0]
    unit, name = session.signal_unit, quantity_of(session)
    truth = as_shown(before, unit, name).truth
    staged = method_of(session).points[session.point].staged
    if not staged and not shows(mean, truth, unit, name):
        if len(readings) < READINGS_MAX:
            return session
        raise AnswerRefused(NOT_TAKEN, truth=truth, shown=mean)
    spread = sqrt(sum((value - mean) ** 2 for value in last) / (READINGS - 1))
    point = _left(session, before, mean, max(spread, before.signal_sd), now)
    session = msgspec.structs.replace(session, taken=(*session.taken, point), waiting=())
    if session.point + 1 < len(method_of(session).points):
        return to_point(session, session.point + 1)
    return msgspec.structs.replace(session, stage="result", truth=None, trace=())


def _left(session: Session, before: Point, mean: float, spread: float, now: datetime) -> Point:
    unit, name = session.signal_unit, quantity_of(session)
    taken = [as_shown(one, unit, name) for one in session.taken]
    found = found_before(method_of(session), taken, session.slopes, before)
    factor, offset = conversion(unit, name)
    sheet = {**before.sheet, FOUND: offset + factor * found}
    return msgspec.structs.replace(before, at=now, signal=mean, signal_sd=spread, count=READINGS, sheet=sheet)
