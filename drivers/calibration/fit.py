# SPDX-License-Identifier: Apache-2.0
"""Fits a curve to calibration points, and says how far it can be trusted.

The rule it keeps: a fit that cannot be trusted raises ``FitRefused`` with a message id; it never returns a curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Final

import numpy as np

from drivers.calibration.curves import USUAL, Beside, Curve, apply
from drivers.calibration.shapes import Array, Linear, Offset, Piecewise, Polynomial, Spline

DEGREE_MAX: Final = 10


EQUAL_POINTS: Final = "Equal points: the instrument gave the same signal for different references"


class FitRefused(ValueError):
    """The points give no curve that may be used. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code.format(**fields))
        self.code = code
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted curve. ``residuals`` are truth minus curve at the points, ``residual_sd`` their standard deviation
    with the degrees of freedom ``free`` taken off (nan where none is left), ``coefficient_sd`` of the coefficients.
    """

    curve: Curve
    residuals: tuple[float, ...]
    residual_sd: float
    coefficient_sd: tuple[float, ...]
    low: float  # lowest and highest signal seen
    high: float
    free: int


def fit_offset(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """truth = signal + offset; one point or more."""
    x, y = checked(signal, truth, 1)
    offset = float(np.mean(y - x))
    deviation = _sd(y - x - offset, 1) / sqrt(len(x)) if len(x) > 1 else nan
    return fitted(Offset(offset), x, y, 1, deviations=(deviation,))


def fit_linear(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """truth = offset + gain · signal by least squares; two points or more."""
    x, y = checked(signal, truth, 2)
    found = least_squares(x, y, 1)
    offset, gain = found.coefficients.tolist()
    if abs(gain) * float(np.ptp(x)) <= 1e-12 * float(np.max(np.abs(y))):
        raise FitRefused("The truth does not change with the signal: check that the two references differ")
    return fitted(Linear(offset, gain), x, y, 2, deviations=found.deviations)


def fit_gain(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """truth = gain · signal through zero (flow meter, light sensor); one point or more, none of them at 0."""
    x, y = checked(signal, truth, 1)
    if (x <= 0.0).any() or (y <= 0.0).any():
        raise FitRefused("A gain cannot be found at zero: take a point where there is something to measure")
    found = solve(x[:, None], y)
    return fitted(Linear(0.0, float(found.coefficients[0])), x, y, 1, deviations=found.deviations)


def fit_polynomial(signal: Sequence[float], truth: Sequence[float], degree: int) -> Fit:
    """A polynomial of ``degree`` (2 to 10) that is strictly monotone on its domain, or FitRefused."""
    if not 2 <= degree <= DEGREE_MAX:
        raise FitRefused("A polynomial of degree {degree} is not offered: use 2 to 10", degree=degree)
    x, y = checked(signal, truth, degree + 1)
    centre, scale = float((x.max() + x.min()) / 2.0), float((x.max() - x.min()) / 2.0)
    found = least_squares((x - centre) / scale, y, degree)
    coefficients = found.coefficients
    slope = np.polynomial.Polynomial(coefficients).deriv()
    roots = np.asarray(slope.roots(), dtype=np.complex128)
    turning = [float(root.real) for root in roots if abs(root.imag) < 1e-9 and -1.0 < root.real < 1.0]
    if turning:
        raise FitRefused(
            "The curve turns back at signal {at:.4g}: take other points or a lower degree",
            at=centre + scale * turning[0],
        )
    return fitted(
        Polynomial(tuple(coefficients.tolist()), centre, scale), x, y, degree + 1, deviations=found.deviations
    )


def fit_piecewise(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """Straight lines through the points; two or more, monotone."""
    x, y = _monotone(signal, truth)
    return fitted(Piecewise(tuple(x.tolist()), tuple(y.tolist())), x, y, len(x))


def fit_spline(signal: Sequence[float], truth: Sequence[float]) -> Fit:
    """A monotone cubic through the points; three or more. Slopes after Fritsch and Carlson (1980)."""
    x, y = _monotone(signal, truth)
    if len(x) < 3:
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=len(x), needed=3)
    secant = np.diff(y) / np.diff(x)
    slope = np.empty_like(y)
    slope[0], slope[-1] = secant[0], secant[-1]
    slope[1:-1] = 2.0 * secant[:-1] * secant[1:] / (secant[:-1] + secant[1:])  # harmonic mean keeps it monotone
    return fitted(Spline(tuple(x.tolist()), tuple(y.tolist()), tuple(slope.tolist())), x, y, len(x))


@dataclass(frozen=True, slots=True)
class Solution:
    """What least squares gives: coefficients (constant first), residual standard deviation, covariance (nan: none)."""

    coefficients: Array
    residual_sd: float
    covariance: Array
    free: int

    @property
    def deviations(self) -> tuple[float, ...]:
        """Give the standard deviations of the coefficients."""
        return tuple(np.sqrt(np.diag(self.covariance)).tolist())

    def deviation_at(self, row: Array) -> float:
        """Give the standard deviation of the fitted value for a row of the design (GUM H.3.3)."""
        return sqrt(float(row @ self.covariance @ row)) if self.free > 0 else nan


def solve(design: Array, truth: Array) -> Solution:
    """Solve a linear least-squares problem by QR with scaled columns. FitRefused when the columns say the same."""
    norms = np.linalg.norm(design, axis=0)
    if not norms.all():
        raise FitRefused(EQUAL_POINTS)
    scaled_design = design / norms
    q, r = np.linalg.qr(scaled_design)
    if np.min(np.abs(np.diag(r))) < 1e-14:
        raise FitRefused(EQUAL_POINTS)
    scaled = np.linalg.solve(r, q.T @ truth)
    # Refinement takes out the rounding of the first solution.
    for _ in range(2):
        scaled = scaled + np.linalg.solve(r, q.T @ (truth - scaled_design @ scaled))
    coefficients = scaled / norms
    free = design.shape[0] - design.shape[1]
    if free <= 0:
        return Solution(coefficients, nan, np.full((len(norms), len(norms)), nan), 0)
    residual_sd = _sd(truth - design @ coefficients, design.shape[1])
    inverse = np.linalg.inv(r)
    return Solution(coefficients, residual_sd, residual_sd**2 * (inverse @ inverse.T) / np.outer(norms, norms), free)


def least_squares(x: Array, y: Array, degree: int) -> Solution:
    """Fit a polynomial of ``degree``. Certified sets of NIST StRD (Norris, Pontius, Wampler) are in the tests."""
    return solve(np.vander(x, degree + 1, increasing=True), y)


def fitted(
    curve: Curve, x: Array, y: Array, parameters: int, *, deviations: tuple[float, ...] = (), beside: Beside = USUAL
) -> Fit:
    """Judge a curve at its points: residuals, their deviation, the signals it stands on."""
    residuals = y - apply(curve, x, beside)
    free = max(0, len(x) - parameters)
    low, high = float(x.min()), float(x.max())
    return Fit(curve, tuple(residuals.tolist()), _sd(residuals, parameters), deviations, low, high, free)


def _sd(residuals: Array, parameters: int) -> float:
    free = len(residuals) - parameters
    return sqrt(float(residuals @ residuals) / free) if free > 0 else nan


def checked(signal: Sequence[float], truth: Sequence[float], needed: int) -> tuple[Array, Array]:
    """Give the points as arrays; FitRefused for too few, for no numbers and for equal signals."""
    x, y = np.asarray(signal, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if len(x) != len(y) or len(x) < needed:
        raise FitRefused("Too few points: {given} taken, {needed} needed", given=min(len(x), len(y)), needed=needed)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise FitRefused("A point is not a number: read the instrument again")
    if len(np.unique(x)) < needed:
        raise FitRefused(EQUAL_POINTS)
    return x, y


def _monotone(signal: Sequence[float], truth: Sequence[float]) -> tuple[Array, Array]:
    x, y = checked(signal, truth, 2)
    order = np.argsort(x)
    x, y = x[order], y[order]
    steps = np.diff(y)
    if (np.diff(x) <= 0.0).any() or not ((steps > 0.0).all() or (steps < 0.0).all()):
        raise FitRefused("The points do not rise or fall throughout: check the order of the references")
    return x, y
