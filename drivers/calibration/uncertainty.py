# SPDX-License-Identifier: Apache-2.0
"""How far a calibrated value can be trusted: components combined after JCGM 100:2008 (GUM).

The rule it keeps: every component is a standard uncertainty with its degrees of freedom; nothing that is not known
counts as certain: it is left out of the budget by name, or it is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, inf, isfinite, lgamma, log, sqrt
from typing import Final

COVERAGE_FACTOR: Final = 2.0


@dataclass(frozen=True, slots=True)
class Component:
    """One line of the budget: a standard uncertainty in the unit of the result, and its degrees of freedom."""

    name: str
    standard: float
    freedom: float = inf


def combined(components: Sequence[Component]) -> float:
    """Give the combined standard uncertainty of independent components (GUM 5.1.2)."""
    return hypot(*(one.standard for one in components if isfinite(one.standard)))


def effective_freedom(components: Sequence[Component]) -> float:
    """Give the effective degrees of freedom (Welch-Satterthwaite, GUM G.4.1); inf where nothing is uncertain."""
    whole = combined(components)
    parts = sum(
        one.standard**4 / one.freedom for one in components if isfinite(one.standard) and one.standard and one.freedom
    )
    return whole**4 / parts if parts else inf


def student_t(level: float, freedom: float) -> float:
    """Give the factor t that holds ``level`` (0 to 1, both sides) with ``freedom`` (≥ 1; GUM table G.2)."""
    if not (0.0 < level < 1.0 and freedom >= 1.0):
        raise ValueError(f"no t factor for {level} with {freedom} degrees of freedom")
    freedom = min(freedom, 1e6)
    low, high = 0.0, 700.0
    for _ in range(200):
        middle = (low + high) / 2.0
        inside = 1.0 - _beta_share(freedom / 2.0, 0.5, freedom / (freedom + middle * middle))
        low, high = (middle, high) if inside < level else (low, middle)
    return (low + high) / 2.0


def resolution_component(step: float) -> Component:
    """Give what an instrument's smallest step adds: rectangular, a/√12 (GUM F.2.2.1)."""
    return Component("resolution", step / sqrt(12.0))


def reference_component(expanded: float) -> Component:
    """Give what the reference adds, from its certificate's expanded uncertainty with k = 2 (GUM 4.3.3)."""
    return Component("reference", expanded / COVERAGE_FACTOR)


def _beta_share(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function by its continued fraction (Lentz)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_share(b, a, 1.0 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1.0 - x)) / a
    tiny = 1e-300
    c, d, result = 1.0, 0.0, 1.0
    for i in range(400):
        m = i // 2
        if i == 0:
            numerator = 1.0
        elif i % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / ((1.0 + numerator * d) or tiny)
        c = (1.0 + numerator / c) or tiny
        result *= c * d
        if abs(1.0 - c * d) < 1e-15:
            break
    return front * (result - 1.0)
