# SPDX-License-Identifier: Apache-2.0
"""Is the signal still? Judges the last seconds of a trace before a calibration point may be taken.

The rule it keeps: a point that is not stable is not taken; what is missing is said in numbers, so the technician sees
why he must wait.
"""

from collections.abc import Sequence
from math import isfinite, nan, sqrt

import msgspec


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a signal counts as still: over the last ``window_s`` seconds at least ``count_min`` readings, their
    standard deviation and their slope within the limits (in the signal's unit; slope per minute).
    """

    window_s: float
    count_min: int
    sd_max: float
    drift_max_per_min: float


class TracePoint(msgspec.Struct, frozen=True, array_like=True):
    """One reading of the trace: seconds since the session began, signal, and what was beside it (nan = unknown)."""

    at_s: float
    signal: float
    temperature_c: float = nan
    pressure_hpa: float = nan
    permittivity: float = nan


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the last window shows; ``why`` is an English msgid, "" when the signal is still."""

    stable: bool
    why: str
    mean: float
    sd: float
    drift_per_min: float
    count: int
    temperature_c: float = nan
    pressure_hpa: float = nan
    permittivity: float = nan
    wait_s: float = 0.0  # until the window is filled


NO_SIGNAL = "No reading yet: is the probe on the bus?"
TOO_FEW = "Collecting readings: {count} so far, about {wait:.0f} s more"
MOVING = "Still moving: {drift:.3f} a minute, at most {limit:.3f}"
NOISY = "Too noisy: spread {sd:.3f}, at most {limit:.3f}"
STABLE = ""


def judge(trace: Sequence[TracePoint], criterion: Criterion, now_s: float) -> Verdict:
    """Judge the readings of the last window before ``now_s`` [s]."""
    recent = [p for p in trace if p.at_s > now_s - criterion.window_s and isfinite(p.signal)]
    if not recent:
        return Verdict(False, NO_SIGNAL, nan, nan, nan, 0)
    count = len(recent)
    mean = sum(p.signal for p in recent) / count
    sd = sqrt(sum((p.signal - mean) ** 2 for p in recent) / (count - 1)) if count > 1 else nan
    drift = _slope_per_min(recent)
    wait_s = max(0.0, 0.6 * criterion.window_s - (recent[-1].at_s - recent[0].at_s))
    if count < criterion.count_min or wait_s > 0.0:
        why = TOO_FEW
    elif abs(drift) > criterion.drift_max_per_min:
        why = MOVING
    elif sd > criterion.sd_max:
        why = NOISY
    else:
        why = STABLE
    return Verdict(
        why == STABLE,
        why,
        mean,
        sd,
        drift,
        count,
        _mean([p.temperature_c for p in recent]),
        _mean([p.pressure_hpa for p in recent]),
        _mean([p.permittivity for p in recent]),
        wait_s,
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if isfinite(value)]
    return sum(known) / len(known) if known else nan


def _slope_per_min(points: Sequence[TracePoint]) -> float:
    if len(points) < 2:
        return nan
    mean_at = sum(p.at_s for p in points) / len(points)
    mean_signal = sum(p.signal for p in points) / len(points)
    spread = sum((p.at_s - mean_at) ** 2 for p in points)
    if spread == 0.0:
        return nan
    return 60.0 * sum((p.at_s - mean_at) * (p.signal - mean_signal) for p in points) / spread
