# SPDX-License-Identifier: Apache-2.0
"""One calibration as it is performed: a plain struct that is rendered and advanced, in a terminal or on a page.

The rule it keeps: the struct is all there is (it can be saved, read back and gone on with); a step forward is one
function of struct, answer and time; what is refused leaves the struct as it was and says why.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite, nan
from typing import Final, Literal

import msgspec

from drivers.calibration.artifact import Device, Point, Reference
from drivers.calibration.forms import (
    CONDITIONS,
    NOT_POSSIBLE,
    AnswerRefused,
    Field,
    number,
    read_reference,
    reference_fields,
    truth_fields,
)
from drivers.calibration.methods import METHODS, Method, criterion_for, signal_span, usual_span
from drivers.calibration.sheets import SHEET_FIELDS, SheetRefused, truth_of
from drivers.calibration.stability import Criterion, TracePoint, Verdict, judge
from drivers.calibration.telling import as_shown, check_telling, shows
from telemetry.quantities import quantity

SCHEMA: Final = "vuon-session/1"
TRACE_MAX: Final = 600
AGAIN_SHARE: Final = 0.05
NOT_AGAIN: Final = "It shows {shown:.4g} and not {truth:.4g}: rinse, put the probe into that standard and wait"

# "tell": the instrument's own memory is to take the point; "after": it is read again, to see that it did.
Stage = Literal["reference", "truth", "settle", "tell", "after", "result", "stopped"]


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a calibration stands.

    ``step`` is the signal's smallest step (0: not known); ``proposed`` is the reference used last time; ``beside``
    names what is measured beside the probe; ``waiting`` are points whose truth is entered later; ``saved`` counts how
    often it was written, so that two hands are noticed. Where an instrument's own memory is calibrated, ``told`` counts
    the points it took, ``kept`` is what it held before and ``slopes`` (acid, base) what its probe had then;
    ``compared``: a calibration is in force, ``curve`` is its id where it is ours and not the instrument's, ``health``
    what the instrument says of its probe at the end.
    """

    schema: str
    id: str
    series: str
    device: Device
    method: str
    person: str
    place: str
    signal_unit: str
    period_s: float
    started_at: datetime
    step: float = 0.0
    stage: Stage = "reference"
    point: int = 0
    truth: float | None = None
    sheet: dict[str, float] = {}
    entered: dict[str, float] = {}
    reference: Reference | None = None
    proposed: Reference | None = None
    beside: tuple[str, ...] = ()
    trace: tuple[TracePoint, ...] = ()
    waiting: tuple[Point, ...] = ()
    taken: tuple[Point, ...] = ()
    saved: int = 0
    told: int = 0
    kept: tuple[str, ...] = ()
    slopes: tuple[float, float] = (1.0, 1.0)
    compared: bool = False
    curve: str = ""
    health: dict[str, float] = {}


class Screen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person sees now. ``say`` and ``status`` are English msgids with fields; actions are msgids by name."""

    title: str
    step: int
    steps: int
    say: str
    status: str
    fields: dict[str, float | str]
    ask: tuple[Field, ...]
    actions: dict[str, str]
    trace: tuple[float, ...] = ()
    signal: float | None = None
    unit: str = ""
    stable: bool = False
    span_min: float = 0.0  # a trace within this counts as flat


def quantity_of(session: Session) -> str:
    """Give the quantity that the session calibrates."""
    return session.series.partition("/")[2].partition(".")[0]


def method_of(session: Session) -> Method:
    """Give the session's method."""
    return METHODS[session.method]


def verdict(session: Session, now: datetime) -> Verdict:
    """Judge whether the signal is still now."""
    now_s = (now - session.started_at).total_seconds()
    return judge(session.trace, _criterion(session), now_s)


def feed(
    session: Session,
    signal: float,
    temperature_c: float,
    now: datetime,
    pressure_hpa: float = nan,
    permittivity: float = nan,
) -> Session:
    """Take a reading into the trace while a point settles; at other times it is left out."""
    if session.stage not in {"settle", "after"}:
        return session
    at_s = (now - session.started_at).total_seconds()
    trace = (*session.trace, TracePoint(at_s, signal, temperature_c, pressure_hpa, permittivity))[-TRACE_MAX:]
    return msgspec.structs.replace(session, trace=trace)


def advance(session: Session, action: str, answers: Mapping[str, str], now: datetime) -> Session:
    """Go one step on. Raises AnswerRefused, and then nothing has changed."""
    match (session.stage, action):
        case (_, "stop"):
            return msgspec.structs.replace(session, stage="stopped")
        case ("reference", "next"):
            return to_point(msgspec.structs.replace(session, reference=read_reference(answers, now)), 0)
        case ("truth", "next") if session.waiting:
            return _complete_waiting(session, answers)
        case ("truth", "next"):
            truth, sheet = _truth(session, answers)
            entered = _conditions(session, answers)
            return msgspec.structs.replace(session, stage="settle", truth=truth, sheet=sheet, entered=entered, trace=())
        case ("settle", "again"):
            return msgspec.structs.replace(session, trace=())
        case ("settle", "back"):
            return to_point(session, session.point)
        case ("settle", "take"):
            return _take(session, answers, now)
        case ("result", "again"):
            return to_point(msgspec.structs.replace(session, taken=(), waiting=()), 0)
    raise AnswerRefused("{action} is not possible at this step", action=action)


def render(session: Session, now: datetime) -> Screen:
    """Give what the person sees now."""
    method = method_of(session)
    steps = len(method.points) + 2
    known = quantity(quantity_of(session))
    match session.stage:
        case "reference":
            ask = reference_fields(method.preset, session.proposed, known.unit, now)
            return Screen(method.title, 1, steps, "What do you compare with?", "", {}, ask, _NEXT)
        case "truth":
            plan = method.points[session.point]
            ask = (*truth_fields(plan, known.unit), *_condition_fields(session))
            return Screen(method.title, session.point + 2, steps, plan.prompt, "", {}, ask, _NEXT)
        case "settle" | "tell" | "after":
            return _settling(session, now, steps)
        case "result":
            actions = _RESULT if not method.chip else {name: _RESULT[name] for name in ("adjust", "stop")}
            return Screen(method.title, steps, steps, "All points are taken.", "", {}, (), actions)
        case "stopped":
            return Screen(
                method.title, steps, steps, "Stopped. The calibration in force has not changed.", "", {}, (), {}
            )


def needs(session: Session) -> tuple[str, ...]:
    """Name what the method must know beside the probe: temperature, pressure, permittivity."""
    method = method_of(session)
    match method.fit:
        case "nernst":
            return ("temperature",) if session.signal_unit == "mV" else ()
        case "cell":
            return ("temperature",) if method.option == "raw" else ()
        case "gas":
            return ("pressure",)
        case "hilhorst":
            return ("temperature", "permittivity")
        case _:
            return ()


def _criterion(session: Session) -> Criterion:
    return criterion_for(quantity_of(session), session.signal_unit, session.period_s)


def asked(session: Session) -> bool:
    """Say whether a person must enter anything at this point before the signal settles."""
    plan = method_of(session).points[session.point]
    if method_of(session).truth_last:
        return False
    known = plan.as_it_stands or plan.low == plan.high or plan.again is not None
    return not known or bool(_condition_fields(session))


def to_point(session: Session, place: int) -> Session:
    """Begin the point at ``place``."""
    plan = method_of(session).points[place]
    session = msgspec.structs.replace(session, point=place)
    stage: Stage = "truth" if asked(session) else "settle"
    truth = None if stage == "truth" or method_of(session).truth_last else (plan.truth or 0.0)
    if plan.again is not None:
        truth = session.taken[plan.again].truth
    return msgspec.structs.replace(session, stage=stage, truth=truth, sheet={}, entered={}, trace=())


_NEXT: Final = {"next": "Next", "stop": "Stop"}
_RESULT: Final = {
    "adjust": "Adjust the reading (new curve in force)",
    "record": "Record only (reading unchanged)",
    "again": "Take the points again",
    "stop": "Stop",
}


_LEAVE: Final = "Leave the probe in place until the signal is still."
_CHECKED: Final = "Leave the probe in place: the instrument took the value and is read again."


def _settling(session: Session, now: datetime, steps: int) -> Screen:
    seen = verdict(session, now)
    limits = _criterion(session)
    plan = method_of(session).points[session.point]
    fields: dict[str, float | str] = {
        "count": seen.count,
        "wait": seen.wait_s,
        "drift": abs(seen.drift_per_min),
        "sd": seen.sd,
        "limit": limits.sd_max if "spread" in seen.why else limits.drift_max_per_min,
    }
    actions = {"take": "Take this point"} if seen.stable else {}
    say = _LEAVE if asked(session) else plan.prompt
    if session.stage == "settle":
        actions |= {"again": "Start the trace anew", "back": "Change the value"}
    else:
        say, actions = _CHECKED, {}
    return Screen(
        title=method_of(session).title,
        step=session.point + 2,
        steps=steps,
        say=say,
        status=seen.why or "The signal is still",
        fields=fields,
        ask=(),
        actions=actions | {"stop": "Stop"},
        trace=tuple(p.signal for p in session.trace),
        signal=seen.mean if isfinite(seen.mean) else None,
        unit=session.signal_unit,
        stable=seen.stable,
        span_min=4.0 * limits.sd_max,
    )


def _condition_fields(session: Session) -> tuple[Field, ...]:
    return tuple(
        Field(name, label, "number", "", unit)
        for what in needs(session)
        if what not in session.beside
        for name, label, unit, _, _ in (CONDITIONS[what],)
    )


def _conditions(session: Session, answers: Mapping[str, str]) -> dict[str, float]:
    entered = {}
    for what in needs(session):
        name, _, unit, low, high = CONDITIONS[what]
        if what in session.beside:
            continue
        value = number(answers.get(name, ""), name)
        if not low <= value <= high:
            raise AnswerRefused(NOT_POSSIBLE, value=value, unit=unit, low=low, high=high)
        entered[name] = value
    return entered


def _truth(session: Session, answers: Mapping[str, str]) -> tuple[float, dict[str, float]]:
    plan = method_of(session).points[session.point]
    known = quantity(quantity_of(session))
    sheet: dict[str, float] = {}
    if plan.sheet:
        sheet = {name: number(answers.get(name, ""), name) for name, _, _ in SHEET_FIELDS[plan.sheet]}
        try:
            truth = truth_of(plan.sheet, sheet)
        except SheetRefused as refused:
            raise AnswerRefused(refused.code, **refused.fields) from None
    else:
        truth = number(answers.get("truth", ""), "truth")
    low, high = max(plan.low, known.low), min(plan.high, known.high)
    if not low <= truth <= high:
        raise AnswerRefused(NOT_POSSIBLE, value=truth, unit=known.unit, low=low, high=high)
    apart = method_of(session).spread_min_share * usual_span(quantity_of(session))
    for point in session.taken:
        if abs(point.truth - truth) < apart:
            raise AnswerRefused(
                "Too near to the point taken at {value:.4g} {unit}: the references must differ by {apart:.3g}",
                value=point.truth,
                unit=known.unit,
                apart=apart,
            )
    return truth, sheet


def _take(session: Session, answers: Mapping[str, str], now: datetime) -> Session:
    seen = verdict(session, now)
    late = method_of(session).truth_last
    if not seen.stable or session.reference is None or (session.truth is None and not late):
        raise AnswerRefused("The signal is not still yet: no point was taken")
    point = _point(session, seen, session.reference, now)
    again = method_of(session).points[session.point].again
    if method_of(session).chip and again is None:
        _check_telling(session, point, sure=answers.get("jump") == "yes")
        return msgspec.structs.replace(session, stage="tell", waiting=(point,))
    if again is not None:
        session = _read_again(session, again, point)
    elif late:
        session = msgspec.structs.replace(session, waiting=(*session.waiting, point))
    else:
        session = msgspec.structs.replace(session, taken=(*session.taken, point))
    if session.point + 1 < len(method_of(session).points):
        return to_point(session, session.point + 1)
    if late:
        return msgspec.structs.replace(session, stage="truth", point=0, truth=None, trace=())
    return msgspec.structs.replace(session, stage="result", truth=None, trace=())


def _check_telling(session: Session, point: Point, *, sure: bool) -> None:
    method, unit, name = method_of(session), session.signal_unit, quantity_of(session)
    taken = [as_shown(one, unit, name) for one in session.taken]
    told, floor = as_shown(point, unit, name), 0.1 * signal_span(name, unit)
    plan = method.points[session.point]
    check_telling(method, plan, taken, told, floor=floor, compared=session.compared, sure=sure)


def _read_again(session: Session, place: int, point: Point) -> Session:
    """Put what is shown now in the place of a point whose change was only noted when it was told."""
    told, unit, name = session.taken[place], session.signal_unit, quantity_of(session)
    truth = as_shown(told, unit, name).truth
    if not shows(point.signal, truth, unit, name, AGAIN_SHARE):
        raise AnswerRefused(NOT_AGAIN, truth=truth, shown=point.signal)
    fresh = msgspec.structs.replace(told, at=point.at, signal=point.signal, signal_sd=point.signal_sd)
    return msgspec.structs.replace(session, taken=(*session.taken[:place], fresh, *session.taken[place + 1 :]))


def _point(session: Session, seen: Verdict, reference: Reference, now: datetime) -> Point:
    total = quantity(quantity_of(session)).cumulative
    return Point(
        at=now,
        signal=session.trace[-1].signal if total else seen.mean,
        signal_sd=seen.sd,
        count=seen.count,
        truth=session.truth or 0.0,
        reference=reference.name,
        temperature_c=_known(session, "temperature_c", seen.temperature_c),
        pressure_hpa=_known(session, "pressure_hpa", seen.pressure_hpa),
        permittivity=_known(session, "permittivity", seen.permittivity),
        sheet=session.sheet,
    )


def _complete_waiting(session: Session, answers: Mapping[str, str]) -> Session:
    """Give the truth to a point whose signal was taken before."""
    truth, sheet = _truth(session, answers)
    entered = _conditions(session, answers)
    point = msgspec.structs.replace(session.waiting[session.point], truth=truth, sheet=sheet, **entered)
    taken = (*session.taken, point)
    last = len(taken) == len(session.waiting)
    return msgspec.structs.replace(
        session, taken=taken, point=session.point if last else session.point + 1, stage="result" if last else "truth"
    )


def _known(session: Session, name: str, measured: float) -> float | None:
    entered = session.entered.get(name)
    if entered is not None:
        return entered
    return measured if isfinite(measured) else None
