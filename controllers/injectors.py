# SPDX-License-Identifier: Apache-2.0
"""How much an injector gives: from strokes caught in a measuring glass to millilitres a second, with uncertainty.

The rule it keeps: a calibration that is too small, not proportional or made of impossible numbers is refused with what
was seen; the figure is never guessed.
"""

import math
from typing import Final, NamedTuple

STROKES_LEAST: Final = 3
CURVED: Final = 0.10  # a stroke may lie so far beside the line, as a share of itself, before the pump is not even


class InjectorError(ValueError):
    """The strokes do not make a calibration; the text says what is wrong with them."""


class InjectorFit(NamedTuple):
    """What an injector gives: the slope through the origin, its standard uncertainty, the worst stroke beside it."""

    ml_per_s: float
    uncertainty_ml_per_s: float
    worst: float  # share of the stroke itself


def fit_injector(strokes: tuple[tuple[float, float], ...]) -> InjectorFit:
    """Fit (seconds, millilitres) by a line through the origin, every stroke with the same relative weight.

    InjectorError for fewer than three strokes, numbers that cannot be, or strokes that do not lie on a line.
    Source: weighted least squares, ISO 7066-1; GUM 4.2.
    """
    if len(strokes) < STROKES_LEAST:
        raise InjectorError(f"{len(strokes)} strokes; measure at least {STROKES_LEAST}")
    for seconds, ml in strokes:
        if not (0.0 < seconds < math.inf and 0.0 < ml < math.inf):
            raise InjectorError(f"a stroke of {seconds} s gave {ml} mL; both must be above 0")
    rates = [ml / seconds for seconds, ml in strokes]
    mean = sum(rates) / len(rates)
    worst = max(abs(rate - mean) / mean for rate in rates)
    if worst > CURVED:
        raise InjectorError(f"the strokes give from {min(rates):.3g} to {max(rates):.3g} mL/s: look for air and valves")
    spread = math.sqrt(sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1) / len(rates))
    return InjectorFit(mean, spread, worst)
