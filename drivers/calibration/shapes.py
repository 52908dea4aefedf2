# SPDX-License-Identifier: Apache-2.0
"""Plain shapes of a curve from signal to truth: offset, line, polynomial, pieces, spline.

The rule it keeps: a shape answers outside its knots by going on straight; it never clamps.
"""

from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base of all curves: stored with its ``kind``."""


class Offset(Shape, frozen=True, tag="offset"):
    """truth = signal + offset (signal and truth in the same unit)."""

    offset: float

    def of(self, signal: Array) -> Array:
        """Bring signals to truth."""
        return signal + self.offset


class Linear(Shape, frozen=True, tag="linear"):
    """truth = offset + gain · signal. A flow meter's 1/K and a bucket's mm a tip are such gains."""

    offset: float
    gain: float

    def of(self, signal: Array) -> Array:
        """Bring signals to truth."""
        return self.offset + self.gain * signal


class Polynomial(Shape, frozen=True, tag="polynomial"):
    """truth = Σ coefficient[i] · ((signal - centre)/scale)^i; the shift keeps high powers well conditioned."""

    coefficients: tuple[float, ...]
    centre: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.coefficients or not self.scale:
            raise ValueError("a polynomial has coefficients and a scale other than 0")

    def of(self, signal: Array) -> Array:
        """Bring signals to truth (Horner)."""
        x = (signal - self.centre) / self.scale
        *lower, highest = self.coefficients
        result = np.full_like(x, highest)
        for coefficient in reversed(lower):
            result *= x
            result += coefficient
        return result


class Piecewise(Shape, frozen=True, tag="piecewise"):
    """Straight lines between knots (signal strictly increasing); the end pieces go on outside."""

    signal: tuple[float, ...]
    truth: tuple[float, ...]

    def __post_init__(self) -> None:
        check_knots(self.signal, self.truth)

    def of(self, signal: Array) -> Array:
        """Bring signals to truth."""
        x, y = np.array(self.signal), np.array(self.truth)
        i = pieces(x, signal)
        result: Array = y[i] + (y[i + 1] - y[i]) * (signal - x[i]) / (x[i + 1] - x[i])
        return result


class Spline(Shape, frozen=True, tag="spline"):
    """Monotone cubic Hermite pieces with ``slope`` at each knot (Fritsch and Carlson 1980, doi:10.1137/0717021)."""

    signal: tuple[float, ...]
    truth: tuple[float, ...]
    slope: tuple[float, ...]

    def __post_init__(self) -> None:
        check_knots(self.signal, self.truth)
        if len(self.slope) != len(self.signal):
            raise ValueError(f"{len(self.slope)} slopes for {len(self.signal)} knots")

    def of(self, signal: Array) -> Array:
        """Bring signals to truth. Beyond the last knots the end slope goes on: a cubic would run away."""
        x, y, m = np.array(self.signal), np.array(self.truth), np.array(self.slope)
        i = pieces(x, signal)
        width = x[i + 1] - x[i]
        t = (signal - x[i]) / width
        inner = (
            (1 + 2 * t) * (1 - t) ** 2 * y[i]
            + t * (1 - t) ** 2 * width * m[i]
            + t**2 * (3 - 2 * t) * y[i + 1]
            + t**2 * (t - 1) * width * m[i + 1]
        )
        below: Array = np.where(signal < x[0], y[0] + m[0] * (signal - x[0]), inner)
        return np.where(signal > x[-1], y[-1] + m[-1] * (signal - x[-1]), below)


def pieces(knots: Array, signal: Array) -> NDArray[np.int64]:
    """Give for each signal the number of its piece; the outermost pieces reach to infinity."""
    return np.clip(np.searchsorted(knots, signal, side="right") - 1, 0, len(knots) - 2)


def check_knots(signal: tuple[float, ...], truth: tuple[float, ...]) -> None:
    """Refuse knots that make no curve (ValueError)."""
    if len(signal) != len(truth) or len(signal) < 2:
        raise ValueError(f"{len(signal)} signals and {len(truth)} truths make no curve")
    if any(b <= a for a, b in pairwise(signal)):
        raise ValueError("the knots' signals do not rise")
