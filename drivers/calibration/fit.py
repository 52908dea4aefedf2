# SPDX-License-Identifier: Apache-2.0
"""Fits a curve to calibration points, and says how far it can be trusted.

The rule it keeps: a fit that cannot be trusted raises ``FitRefused`` with a message id; it never returns a curve.
Uncertainty after JCGM 100:2008 (GUM): repeatability, reference, resolution and fit, combined, k = 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.calibration.curves import Curve, Linear, Offset, Piecewise, Polynomial, Spline, apply

COVERAGE_FACTOR: Final = 2.0
DEGREE_MAX: Final = 10


class FitRefused(ValueError):
    """The points give no curve that may be used. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code.format(**fields))
        self.code = code
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted curve. ``residuals`` are truth minus curve at the points, ``residual_sd`` their standard deviation
    with the degrees of freedom taken off (nan where none is left), ``coefficient_sd`` of the coefficients.
    """

    curve: Curve
    residuals: tuple[float, ...]
    residual_sd: float
    coefficient_sd: tuple[float, ...]
    low: float  # the domain: lowest and highest signal seen
    high: float


def fit_offset(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """truth = signal + offset; one point or more."""
    x, y = _checked(signal, truth, 1)
    offset = float(np.mean(y - x))
    return _fit(Offset(offset), x, y, 1, (_sd(y - x - offset, 1) / sqrt(len(x)) if len(x) > 1 else nan,))


def fit_linear(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """truth = offset + gain · signal by least squares; two points or more."""
    x, y = _checked(signal, truth, 2)
    coefficients, deviations = least_squares(x, y, 1)
    if coefficients[1] == 0.0:
        raise FitRefused("The truth does not change with the signal: check that the two references differ")
    return _fit(Linear(coefficients[0], coefficients[1]), x, y, 2, deviations)


def fit_polynomial(signal: Sequence[float], truth: Sequence[float], degree: int) -> Fit:
    """A polynomial of ``degree`` (2 to 10) that is strictly monotone on its domain, or FitRefused."""
    if not 2 <= degree <= DEGREE_MAX:
        raise FitRefused("A polynomial of degree {degree} is not offered: use 2 to 10", degree=degree)
    x, y = _checked(signal, truth, degree + 1)
    centre, scale = float((x.max() + x.min()) / 2.0), float((x.max() - x.min()) / 2.0)
    coefficients, deviations = least_squares((x - centre) / scale, y, degree)
    slope = np.polynomial.Polynomial(coefficients).deriv()
    roots = np.asarray(slope.roots(), dtype=np.complex128)
    turning = [float(root.real) for root in roots if abs(root.imag) < 1e-9 and -1.0 < root.real < 1.0]
    if turning:
        raise FitRefused(
            "The curve turns back at signal {at:.4g}: take other points or a lower degree",
            at=centre + scale * turning[0],
        )
    return _fit(Polynomial(tuple(coefficients), centre, scale), x, y, degree + 1, deviations)


def fit_piecewise(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """Straight lines through the points; two or more, monotone."""
    x, y = _monotone(signal, truth)
    return _fit(Piecewise(tuple(x.tolist()), tuple(y.tolist())), x, y, len(x), ())


def fit_spline(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """A monotone cubic through the points; three or more. Slopes after Fritsch and Carlson (1980)."""
    x, y = _monotone(signal, truth)
    if len(x) < 3:
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=len(x), needed=3)
    secant = np.diff(y) / np.diff(x)
    slope = np.empty_like(y)
    slope[0], slope[-1] = secant[0], secant[-1]
    slope[1:-1] = 2.0 * secant[:-1] * secant[1:] / (secant[:-1] + secant[1:])  # harmonic mean keeps it monotone
    return _fit(Spline(tuple(x.tolist()), tuple(y.tolist()), tuple(slope.tolist())), x, y, len(x), ())


def least_squares(
    x: NDArray[np.float64], y: NDArray[np.float64], degree: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Polynomial coefficients (constant first) by QR with column scaling, and their standard deviations.

    Source: NIST StRD linear least squares; the certified sets Norris and Pontius are in the tests.
    """
    design = np.vander(x, degree + 1, increasing=True)
    norms = np.linalg.norm(design, axis=0)
    q, r = np.linalg.qr(design / norms)
    scaled = np.linalg.solve(r, q.T @ y)
    # One step of refinement takes out the rounding of the first solution.
    scaled = scaled + np.linalg.solve(r, q.T @ (y - (design / norms) @ scaled))
    coefficients = scaled / norms
    free = len(x) - degree - 1
    if free <= 0:
        return tuple(coefficients.tolist()), (nan,) * (degree + 1)
    residual_sd = _sd(y - design @ coefficients, degree + 1)
    inverse = np.linalg.inv(r)
    deviations = residual_sd * np.sqrt(np.sum(inverse**2, axis=1)) / norms
    return tuple(coefficients.tolist()), tuple(deviations.tolist())


def expanded_uncertainty(repeatability: float, reference: float, resolution: float, fit_sd: float) -> float:
    """Expanded uncertainty (k = 2) in the unit of the truth.

    ``repeatability`` and ``fit_sd`` are standard deviations (nan counts as none), ``reference`` is the reference's own
    expanded uncertainty (k = 2), ``resolution`` the instrument's step (rectangular: a/√12).
    Source: JCGM 100:2008, 4.3, 5.1.
    """
    parts = [
        repeatability if isfinite(repeatability) else 0.0,
        reference / COVERAGE_FACTOR,
        resolution / sqrt(12.0),
        fit_sd if isfinite(fit_sd) else 0.0,
    ]
    return COVERAGE_FACTOR * hypot(*parts)


def _fit(
    curve: Curve, x: NDArray[np.float64], y: NDArray[np.float64], parameters: int, deviations: tuple[float, ...]
) -> Fit:
    residuals = y - apply(curve, x)
    return Fit(curve, tuple(residuals.tolist()), _sd(residuals, parameters), deviations, float(x.min()), float(x.max()))


def _sd(residuals: NDArray[np.float64], parameters: int) -> float:
    free = len(residuals) - parameters
    return sqrt(float(residuals @ residuals) / free) if free > 0 else nan


def _checked(
    signal: Sequence[float], truth: Sequence[float], needed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(signal, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if len(x) != len(y) or len(x) < needed:
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=min(len(x), len(y)), needed=needed)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise FitRefused("A point is not a number: read the instrument again")
    if len(np.unique(x)) < needed:
        raise FitRefused("Equal points: the instrument gave the same signal for different references")
    return x, y


def _monotone(signal: Sequence[float], truth: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = _checked(signal, truth, 2)
    order = np.argsort(x)
    x, y = x[order], y[order]
    steps = np.diff(y)
    if (np.diff(x) <= 0.0).any() or not ((steps > 0.0).all() or (steps < 0.0).all()):
        raise FitRefused("The points do not rise or fall throughout: check the order of the references")
    return x, y
