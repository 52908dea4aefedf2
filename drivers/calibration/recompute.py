# SPDX-License-Identifier: Apache-2.0
"""Computes history anew from its raw signals with another calibration: whole columns at once.

The rule it keeps: the raw signal decides; what was no answer stays none; flags that the calibration gave are given
anew, flags of the line and the instrument stay.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import Beside, apply
from drivers.calibration.shapes import Array
from telemetry.quantities import quantity
from telemetry.records import Quality

Ints = NDArray[np.int64]
# What the calibration says of a value: it is said anew.
GIVEN_BY_CALIBRATION: Final = int(
    Quality.UNCALIBRATED | Quality.EXTRAPOLATED | Quality.OVERDUE | Quality.RANGE | Quality.SPIKE
)
BLOCK: Final = 16384


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Values and flags under the other calibration, row by row as the raw signals came."""

    value: Array
    quality: Ints
    uncertainty: float


def recompute(
    record: Calibration, wall_ms: Ints, raw: Array, quality: Ints, beside: Beside | None = None
) -> Recomputed:
    """Apply ``record`` to ``raw`` (instrument unit) as it was measured at ``wall_ms`` (ms since 1970, rising).

    ``quality`` are the stored flags; ``beside`` what was measured beside the probe (arrays of the same length), by
    default the mean of the points. Spikes are not judged again: they depend on the time between readings.
    """
    around = usual_beside(record) if beside is None else beside
    value, flags = np.empty(len(raw)), np.empty(len(raw), np.int64)
    for start in range(0, len(raw), BLOCK):
        rows = slice(start, start + BLOCK)
        _block(record, wall_ms[rows], raw[rows], quality[rows], _rows(around, rows), value[rows], flags[rows])
    return Recomputed(value, flags, record.expanded_uncertainty)


def _block(
    record: Calibration, wall_ms: Ints, raw: Array, quality: Ints, beside: Beside, out_value: Array, out_flags: Ints
) -> None:
    """Compute a stretch short enough to stay in the processor's cache. Comparisons with nan are false: no flag."""
    known = quantity(record.quantity)
    out_value[:] = apply(record.curve, raw, beside)
    np.bitwise_and(quality, ~GIVEN_BY_CALIBRATION, out=out_flags)
    _mark(out_flags, raw, record.domain_low, record.domain_high, int(Quality.EXTRAPOLATED))
    _mark(out_flags, out_value, known.low, known.high, int(Quality.RANGE))
    due_ms = record.due_at.timestamp() * 1000.0
    if int(wall_ms[-1]) > due_ms:  # times rise
        _set(out_flags, wall_ms > due_ms, int(Quality.OVERDUE))


def _mark(flags: Ints, seen: Array, low: float, high: float, bit: int) -> None:
    """Set ``bit`` where ``seen`` lies outside low to high."""
    outside = (seen < low) | (seen > high)
    if outside.any():
        _set(flags, outside, bit)


def _set(flags: Ints, where: NDArray[np.bool_], bit: int) -> None:
    # Multiplying costs a third of indexing by a mask.
    np.bitwise_or(flags, np.multiply(where, bit, dtype=np.int64), out=flags)


def _rows(beside: Beside, rows: slice) -> Beside:
    def cut(column: Array | float) -> Array | float:
        return column[rows] if isinstance(column, np.ndarray) else column

    return Beside(cut(beside.temperature_c), cut(beside.pressure_hpa), cut(beside.permittivity))


def usual_beside(record: Calibration) -> Beside:
    """Give what the record's points were taken at, for history without a neighbour."""
    warm = [point.temperature_c for point in record.points if point.temperature_c is not None]
    pressure = [point.pressure_hpa for point in record.points if point.pressure_hpa is not None]
    wet = [point.permittivity for point in record.points if point.permittivity is not None]
    usual = Beside()
    return Beside(
        sum(warm) / len(warm) if warm else usual.temperature_c,
        sum(pressure) / len(pressure) if pressure else usual.pressure_hpa,
        sum(wet) / len(wet) if wet else usual.permittivity,
    )
