# SPDX-License-Identifier: Apache-2.0
"""The water temperatures that circuits are told, so that their pH, conductivity or oxygen is reckoned for them.

The rule it keeps: only a trusted value is told, and none that is older than ``OLD_MS``.
"""

from collections.abc import Callable, Iterable
from math import isfinite, nan
from typing import Final

from telemetry.records import UNUSABLE, Sample

OLD_MS: Final = 600_000
LEAST_C: Final = -20.0  # what the circuits take (Atlas Scientific: -20 to 120)
MOST_C: Final = 120.0


class Temperatures:
    """Remembers the newest trusted value of some series."""

    def __init__(self, mono_ms: Callable[[], int]) -> None:
        self._mono_ms = mono_ms
        self._newest: dict[str, Sample | None] = {}

    def of(self, series: str) -> Callable[[], float]:
        """Give what tells the temperature of a series, °C; nan while there is none to be trusted."""
        self._newest[series] = None
        return lambda: self._told(series)

    def take(self, samples: Iterable[Sample]) -> None:
        """Hear new samples."""
        if not self._newest:
            return
        for sample in samples:
            good = not sample.quality & UNUSABLE and isfinite(sample.value)
            if sample.series in self._newest and good and LEAST_C <= sample.value <= MOST_C:
                self._newest[sample.series] = sample

    def _told(self, series: str) -> float:
        sample = self._newest[series]
        if sample is None or self._mono_ms() - sample.mono_ms > OLD_MS:
            return nan
        return sample.value
