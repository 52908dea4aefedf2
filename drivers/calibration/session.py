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
from drivers.calibration.methods import METHODS, Method, criterion_for, usual_span
from drivers.calibration.stability import TracePoint, Verdict, judge
from telemetry.quantities import quantity

SCHEMA: Final = "vuon-session/1"
TRACE_MAX: Final = 600

Stage = Literal["reference", "truth", "settle", "result", "stopped"]


class AnswerRefused(ValueError):
    """The answer cannot be taken. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a calibration stands."""

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
    stage: Stage = "reference"
    point: int = 0
    truth: float | None = None
    reference: Reference | None = None
    trace: tuple[TracePoint, ...] = ()
    taken: tuple[Point, ...] = ()


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to enter. ``kind``: text, number or date; ``name`` is its key among the answers."""

    name: str
    label: str  # English msgid
    kind: Literal["text", "number", "date"]
    value: str = ""
    unit: str = ""
    required: bool = True


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
    return judge(session.trace, criterion_for(quantity_of(session), session.period_s), now_s)


def feed(session: Session, signal: float, temperature_c: float, now: datetime) -> Session:
    """Take a reading into the trace while a point settles; at other times it is left out."""
    if session.stage != "settle":
        return session
    at_s = (now - session.started_at).total_seconds()
    trace = (*session.trace, TracePoint(at_s, signal, temperature_c))[-TRACE_MAX:]
    return msgspec.structs.replace(session, trace=trace)


def advance(session: Session, action: str, answers: Mapping[str, str], now: datetime) -> Session:
    """Go one step on. Raises AnswerRefused, and then nothing has changed."""
    match (session.stage, action):
        case (_, "stop"):
            return msgspec.structs.replace(session, stage="stopped")
        case ("reference", "next"):
            return msgspec.structs.replace(session, stage="truth", reference=_reference(answers, now))
        case ("truth", "next"):
            truth = _truth(session, answers)
            return msgspec.structs.replace(session, stage="settle", truth=truth, trace=())
        case ("settle", "again"):
            return msgspec.structs.replace(session, trace=())
        case ("settle", "back"):
            return msgspec.structs.replace(session, stage="truth", trace=())
        case ("settle", "take"):
            return _take(session, now)
        case ("result", "again"):
            return msgspec.structs.replace(session, stage="truth", point=0, truth=None, taken=(), trace=())
    raise AnswerRefused("{action} is not possible at this step", action=action)


def render(session: Session, now: datetime) -> Screen:
    """Give what the person sees now."""
    method = method_of(session)
    steps = len(method.points) + 2
    known = quantity(quantity_of(session))
    match session.stage:
        case "reference":
            return Screen(
                method.title, 1, steps, "What do you compare with?", "", {}, _reference_fields(known.unit), _NEXT
            )
        case "truth":
            plan = method.points[session.point]
            proposed = "" if plan.truth is None else f"{plan.truth:g}"
            ask = (Field("truth", "Value of the reference", "number", proposed, known.unit),)
            return Screen(method.title, session.point + 2, steps, plan.prompt, "", {}, ask, _NEXT)
        case "settle":
            return _settling(session, now, steps)
        case "result":
            return Screen(method.title, steps, steps, "All points are taken.", "", {}, (), _RESULT)
        case "stopped":
            return Screen(
                method.title, steps, steps, "Stopped. The calibration in force has not changed.", "", {}, (), {}
            )


_NEXT: Final = {"next": "Next", "stop": "Stop"}
_RESULT: Final = {
    "adjust": "Adjust the reading (new curve in force)",
    "record": "Record only (reading unchanged)",
    "again": "Take the points again",
    "stop": "Stop",
}


def _settling(session: Session, now: datetime, steps: int) -> Screen:
    seen = verdict(session, now)
    limits = criterion_for(quantity_of(session), session.period_s)
    fields: dict[str, float | str] = {
        "count": seen.count,
        "wait": seen.wait_s,
        "drift": abs(seen.drift_per_min),
        "sd": seen.sd,
        "limit": limits.sd_max if "spread" in seen.why else limits.drift_max_per_min,
    }
    actions = {"take": "Take this point"} if seen.stable else {}
    return Screen(
        title=method_of(session).title,
        step=session.point + 2,
        steps=steps,
        say="Leave the probe in place until the signal is still.",
        status=seen.why or "Still",
        fields=fields,
        ask=(),
        actions=actions | {"again": "Start the trace anew", "back": "Change the value", "stop": "Stop"},
        trace=tuple(p.signal for p in session.trace),
        signal=seen.mean if isfinite(seen.mean) else None,
        unit=session.signal_unit,
        stable=seen.stable,
        span_min=4.0 * limits.sd_max,
    )


def _reference_fields(unit: str) -> tuple[Field, ...]:
    return (
        Field("name", "Name of the reference", "text"),
        Field("lot", "Lot or serial number", "text", required=False),
        Field("expires", "Valid until", "date", required=False),
        Field("uncertainty", "Its own uncertainty (k = 2)", "number", unit=unit),
    )


def _reference(answers: Mapping[str, str], now: datetime) -> Reference:
    name = answers.get("name", "").strip()
    if not name:
        raise AnswerRefused("Name the reference: a certificate without one proves nothing")
    expires: datetime | None = None
    if text := answers.get("expires", "").strip():
        try:
            expires = datetime.fromisoformat(text).replace(hour=23, minute=59, second=59, tzinfo=now.tzinfo)
        except ValueError as error:
            raise AnswerRefused("{text} is no date; write it like 2027-06-30", text=text) from error
        if expires < now:
            raise AnswerRefused("The reference expired on {day}: use a valid one", day=text)
    uncertainty = _number(answers.get("uncertainty", ""), "uncertainty")
    if uncertainty < 0.0:
        raise AnswerRefused("An uncertainty cannot be negative: {value:.4g}", value=uncertainty)
    return Reference(name, uncertainty, answers.get("lot", "").strip(), expires)


def _truth(session: Session, answers: Mapping[str, str]) -> float:
    plan = method_of(session).points[session.point]
    known = quantity(quantity_of(session))
    truth = _number(answers.get("truth", ""), "truth")
    low, high = max(plan.low, known.low), min(plan.high, known.high)
    if not low <= truth <= high:
        raise AnswerRefused(
            "{value:.4g} {unit} is not possible here: {low:.4g} to {high:.4g}; check the unit",
            value=truth,
            unit=known.unit,
            low=low,
            high=high,
        )
    apart = method_of(session).spread_min_share * usual_span(quantity_of(session))
    for point in session.taken:
        if abs(point.truth - truth) < apart:
            raise AnswerRefused(
                "Too near to the point taken at {value:.4g} {unit}: the references must differ by {apart:.3g}",
                value=point.truth,
                unit=known.unit,
                apart=apart,
            )
    return truth


def _take(session: Session, now: datetime) -> Session:
    seen = verdict(session, now)
    if not seen.stable or session.truth is None or session.reference is None:
        raise AnswerRefused("The signal is not still yet: no point was taken")
    point = Point(
        at=now,
        signal=seen.mean,
        signal_sd=seen.sd,
        count=seen.count,
        truth=session.truth,
        reference=session.reference.name,
        temperature_c=seen.temperature_c if isfinite(seen.temperature_c) else None,
    )
    taken = (*session.taken, point)
    last = len(taken) == len(method_of(session).points)
    return msgspec.structs.replace(
        session,
        taken=taken,
        point=session.point if last else session.point + 1,
        stage="result" if last else "truth",
        truth=None,
        trace=(),
    )


def _number(text: str, name: str) -> float:
    """Read a number as people write it, with decimal comma or point."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = nan
    if not isfinite(value):
        raise AnswerRefused("{text} is no number ({name})", text=text, name=name)
    return value
