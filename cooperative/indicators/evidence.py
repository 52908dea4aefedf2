# SPDX-License-Identifier: Apache-2.0
"""Where an indicator's numbers come from: tracks of stored samples, how complete they are, how well they are graded.

The rule it keeps: gaps are never filled. Below 70 % completeness there is no number; grade A needs an instrument within
its calibration date and 90 % completeness, else B. Grades C (entered with a document) and D (declared) never come
from telemetry.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.records import UNUSABLE, FarmProfile, Instrument

COMPLETE_MIN: Final = 0.70
GRADE_A_MIN: Final = 0.90


@dataclass(frozen=True, slots=True)
class Track:
    """The samples of one series within a period, in the order of time: three arrays of one length."""

    wall_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int64]

    def valid(self) -> "Track":
        """Give only what a control loop could have acted on."""
        good = ((self.quality & int(UNUSABLE)) == 0) & np.isfinite(self.value)
        return Track(self.wall_ms[good], self.value[good], self.quality[good])


class Evidence(Protocol):
    """What the report needs of a store."""

    def farms(self) -> Sequence[FarmProfile]:
        """Give every farm of this cooperative that has sent a profile."""

    def track(self, edge: str, series: str, from_ms: int, to_ms: int) -> Track:
        """Give what farm ``edge`` stored for ``series`` from ``from_ms`` (inclusive) to ``to_ms`` (exclusive)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period in wall time [ms since 1970, UTC], end exclusive."""

    from_ms: int
    to_ms: int

    @property
    def seconds(self) -> float:
        """Its length [s]."""
        return (self.to_ms - self.from_ms) / 1000.0


class Sources:
    """Reads tracks once, remembers which were used, and fingerprints them for the report."""

    def __init__(self, evidence: Evidence, farm: FarmProfile, span: Span) -> None:
        self.farm = farm
        self.span = span
        self._evidence = evidence
        self._tracks: dict[str, Track] = {}

    def track(self, series: str) -> Track:
        """Give the track of ``series`` in the period (read once)."""
        if series not in self._tracks:
            self._tracks[series] = self._evidence.track(self.farm.edge, series, self.span.from_ms, self.span.to_ms)
        return self._tracks[series]

    def instrument(self, series: str) -> Instrument | None:
        """Give the instrument that measures ``series``, None where the farm named none."""
        return next((i for i in self.farm.instruments if series in i.series), None)

    def in_date(self, series: str) -> bool:
        """Tell whether the calibration of ``series`` itself is passed and still valid at the end of the period.

        A farm that names no record for it is believed for the whole instrument.
        """
        record = next((one for one in self.farm.calibrations if one.series == series), None)
        if record is None:
            return in_date(self.instrument(series), self.span.to_ms)
        return record.passed and _not_past(record.due_at, self.span.to_ms)

    def fingerprint(self, series: Sequence[str]) -> str:
        """Give the SHA-256 of the farm's profile and of every sample used of ``series``."""
        digest = hashlib.sha256(msgspec.json.encode(self.farm))
        for name in sorted(set(series)):
            track = self.track(name)
            digest.update(name.encode())
            for column in (track.wall_ms, track.value, track.quality):
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()


def expected_slots(span: Span, period_s: float) -> int:
    """How many samples an instrument with ``period_s`` [s, > 0] owes in ``span``."""
    if not period_s > 0.0:
        raise ValueError(f"an instrument's period must be above 0 s, not {period_s}")
    return max(1, round(span.seconds / period_s))


def filled_slots(track: Track, span: Span, period_s: float) -> int:
    """How many of the expected slots hold at least one valid sample."""
    slots = expected_slots(span, period_s)
    if track.wall_ms.size == 0:
        return 0
    index = ((track.wall_ms - span.from_ms) / (period_s * 1000.0)).astype(np.int64)
    return int(np.unique(np.clip(index, 0, slots - 1)).size)


def in_date(instrument: Instrument | None, at_ms: int) -> bool:
    """Tell whether every value of the instrument is within its calibration at ``at_ms``."""
    return instrument is not None and _not_past(instrument.calibration_due, at_ms)


def _not_past(due_at: str, at_ms: int) -> bool:
    return bool(due_at) and datetime.fromisoformat(due_at).timestamp() * 1000.0 >= at_ms


def grade(completeness: float, *, calibrated: bool) -> str:
    """Grade a telemetry figure: "A", "B", or "" where there is too little data for any number."""
    if completeness < COMPLETE_MIN:
        return ""
    return "A" if calibrated and completeness >= GRADE_A_MIN else "B"
