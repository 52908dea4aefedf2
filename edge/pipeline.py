# SPDX-License-Identifier: Apache-2.0
"""From readings to samples: calibration, range, spike, stuck, stale.

The rule it keeps: a value is flagged, never clamped and never dropped; the raw signal stays beside it. A series
that falls silent gives one sample without a value, so that everybody downstream hears of the silence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan, nan
from typing import Final, NamedTuple, Protocol

from drivers.units import conversion
from telemetry.quantities import Quantity
from telemetry.records import Quality, Reading, Sample

STALE_PERIODS: Final = 3
# A spike is believed once so many readings in a row agree with each other.
SPIKE_CONFIRMED_BY: Final = 2
# For how long a healthy probe may repeat one number to its last digit. It follows from the instruments' resolution
# (0.1 °C, 0.1 % ...) and from how slowly soil moves; quantities that rest by nature are not judged.
STILL_S: Final[dict[str, float]] = {
    "air_temperature": 1800.0,
    "air_humidity": 1800.0,
    "co2": 1800.0,
    "ppfd": 900.0,
    "illuminance": 900.0,
    "solar_radiation": 900.0,
    "wind_speed": 1800.0,
    "water_ph": 3600.0,
    "water_ec": 3600.0,
    "leaf_temperature": 1800.0,
    "soil_moisture": 43200.0,
    "soil_temperature": 43200.0,
}
# Below this no soil with roots in it can be: the probe hangs in the air, or its wire is cut and it shows 0.
LEAST_IN_PLACE: Final[dict[str, float]] = {"soil_moisture": 1.0}
# Values at which a quantity may stand for hours: no light, no wind, saturated air.
REST_BELOW: Final[dict[str, float]] = {"ppfd": 5.0, "illuminance": 100.0, "solar_radiation": 5.0, "wind_speed": 0.1}
REST_ABOVE: Final[dict[str, float]] = {"air_humidity": 99.0}

_CARRIED: Final = int(Quality.COMM | Quality.SENTINEL)
# Plain numbers: the flags of an enum cost ten times as much, and this runs for every reading.
_COMM, _LOCKED, _RANGE, _STUCK, _SPIKE, _STALE = (
    int(flag) for flag in (Quality.COMM, Quality.LOCKED, Quality.RANGE, Quality.STUCK, Quality.SPIKE, Quality.STALE)
)


class Applied(NamedTuple):
    """What a calibration made of a raw signal; ``value`` None: compared only, the maker's scale stays in force."""

    value: float | None
    calibration: str
    uncertainty: float
    flags: int


_MAKERS: Final = Applied(None, "", nan, int(Quality.UNCALIBRATED))


class CalibrationBook(Protocol):
    """The active calibrations. ``apply`` gives None where none is on file: the maker's scale is then used."""

    def apply(self, series: str, raw: float, mono_ms: int) -> Applied | None:
        """Turn ``raw`` (instrument unit) into the canonical unit by the series' active artifact."""


class NoCalibrations:
    """An empty book."""

    def apply(self, series: str, raw: float, mono_ms: int) -> Applied | None:  # noqa: ARG002 the port's shape
        """Nothing is on file."""
        return None


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What the pipeline must know of one series. ``still_s`` 0 means that standing still is not judged.

    ``unit`` is the signal's; where it does not lead to the quantity (mV of a pH electrode, ohms of a thermistor), there
    is no value before a calibration. ``step`` is the signal's smallest step, 0 where it is not known.
    """

    series: str
    device: str
    quantity: Quantity
    unit: str
    period_s: float
    still_s: float = 0.0
    simulated: bool = False
    step: float = 0.0


def still_s(quantity: Quantity) -> float:
    """Give how long the quantity may stand still, 0 where it is not judged."""
    return STILL_S.get(quantity.name, 0.0)


@dataclass(slots=True)
class _Track:
    plan: SeriesPlan
    factor: float
    offset: float
    flags: int
    least: float
    stale_after_ms: int
    heard_ms: int = 0
    silent: bool = False
    locked: bool = False
    good: float = nan
    judged_ms: int = 0
    doubt: list[float] = field(default_factory=list)
    same_raw: float = nan
    same_since_ms: int = 0


def scale_of(unit: str, name: str) -> tuple[float, float]:
    """Give the straight line from a signal's unit to the quantity called ``name``; nan where none leads there."""
    try:
        return conversion(unit, name)
    except KeyError:
        return nan, nan


class Pipeline:
    """Checks every reading of the farm; ``started_ms`` is when listening began."""

    def __init__(self, plans: Iterable[SeriesPlan], book: CalibrationBook, started_ms: int = 0) -> None:
        self._book = book
        self._tracks: dict[str, _Track] = {}
        self.on_lock: Callable[[str, bool], None] = lambda _series, _locked: None
        for plan in plans:
            factor, offset = scale_of(plan.unit, plan.quantity.name)
            self._tracks[plan.series] = _Track(
                plan,
                factor,
                offset,
                int(Quality.SIMULATED) if plan.simulated else 0,
                LEAST_IN_PLACE.get(plan.quantity.name, plan.quantity.low),
                round(STALE_PERIODS * plan.period_s * 1000.0),
                heard_ms=started_ms,
            )

    @property
    def plans(self) -> Mapping[str, SeriesPlan]:
        """The known series."""
        return {series: track.plan for series, track in self._tracks.items()}

    def take(self, reading: Reading) -> Sample | None:
        """Make the sample of one reading; None for a series that the farm does not know."""
        track = self._tracks.get(reading.series)
        if track is None:
            return None
        quality = reading.quality | track.flags | (_LOCKED if track.locked else 0)
        if isnan(reading.raw):
            # An instrument that answers with a fault code is heard; a bus that got no answer is not.
            if not quality & _CARRIED:
                quality |= _COMM
            if not quality & _COMM:
                self._hear(track, reading.mono_ms)
            elif track.silent:
                quality |= _STALE
            return Sample(reading.series, reading.mono_ms, nan, nan, int(quality))
        self._hear(track, reading.mono_ms)
        applied = self._book.apply(reading.series, reading.raw, reading.mono_ms) or _MAKERS
        value = reading.raw * track.factor + track.offset if applied.value is None else applied.value
        quality |= applied.flags
        if not (isnan(value) and isnan(track.factor)):  # a bare signal without a calibration: there is nothing to judge
            quality |= self._judge(track, value, reading.raw, reading.mono_ms)
        return Sample(
            reading.series,
            reading.mono_ms,
            reading.raw,
            value,
            int(quality),
            applied.calibration,
            applied.uncertainty,
        )

    def sweep(self, mono_ms: int) -> list[Sample]:
        """Give one sample without a value for each series that has been silent for three periods."""
        fallen = []
        for series, track in self._tracks.items():
            if not track.silent and mono_ms - track.heard_ms > track.stale_after_ms:
                track.silent = True
                track.doubt.clear()
                quality = Quality.STALE | track.flags | (_LOCKED if track.locked else 0)
                fallen.append(Sample(series, mono_ms, nan, nan, int(quality)))
        return fallen

    def lock(self, series: str, locked: bool) -> None:
        """Take a series out of control (its samples carry LOCKED), or give it back; KeyError if unknown."""
        track = self._tracks[series]
        if track.locked != locked:
            self.on_lock(series, locked)
        track.locked = locked
        if not locked:
            # The value may have moved by any amount while the probe was in the beaker.
            track.good = nan
            track.doubt.clear()

    def forget(self, series: str) -> None:
        """Start judging a series anew, as after another calibration; KeyError if unknown."""
        self.lock(series, self._tracks[series].locked)
        self._tracks[series].good = nan

    def _hear(self, track: _Track, mono_ms: int) -> None:
        if track.silent:
            track.silent = False
            track.good = nan
        track.heard_ms = mono_ms

    def _judge(self, track: _Track, value: float, raw: float, mono_ms: int) -> int:
        quantity = track.plan.quantity
        if not isfinite(value) or not track.least <= value <= quantity.high:
            return _RANGE
        flags = 0
        if track.plan.still_s and self._stands_still(track, value, raw, mono_ms):
            flags |= _STUCK
        if isfinite(quantity.rate_per_min) and self._jumps(track, value, mono_ms):
            flags |= _SPIKE
        return flags

    def _stands_still(self, track: _Track, value: float, raw: float, mono_ms: int) -> bool:
        name = track.plan.quantity.name
        resting = value < REST_BELOW.get(name, -float("inf")) or value > REST_ABOVE.get(name, float("inf"))
        if raw != track.same_raw or resting:
            track.same_raw = raw
            track.same_since_ms = mono_ms
            return False
        return mono_ms - track.same_since_ms >= track.plan.still_s * 1000.0

    def _jumps(self, track: _Track, value: float, mono_ms: int) -> bool:
        # Between two readings a quantity may move by its rate; missed readings in between widen the step.
        per_ms = track.plan.quantity.rate_per_min / 60000.0
        period_ms = track.plan.period_s * 1000.0
        step = per_ms * max(float(mono_ms - track.judged_ms), period_ms)
        track.judged_ms = mono_ms
        if isnan(track.good) or abs(value - track.good) <= step:
            track.doubt.clear()
        else:
            if track.doubt and abs(value - track.doubt[-1]) > per_ms * period_ms:
                track.doubt.clear()
            track.doubt.append(value)
            if len(track.doubt) <= SPIKE_CONFIRMED_BY:
                return True
            track.doubt.clear()
        track.good = value
        return False
