# SPDX-License-Identifier: Apache-2.0
"""The one value that no instrument measures and every grower asks for: the vapour pressure deficit of each house.

The rule it keeps: there is one VPD in the whole system, computed here from the house's temperature and humidity
and stored like any sample; it is as bad as the worse of the two.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Final

from telemetry.records import UNUSABLE, Quality, Sample, series_id

Formula = Callable[[float, float], float]
# Air does not change enough in two minutes to spoil a pair measured by two instruments.
APART_MAX_MS: Final = 120_000


@dataclass(slots=True)
class Deficits:
    """Watches temperature and humidity of each house. ``formula(temperature_c, humidity_pct)`` gives kPa."""

    formula: Formula
    _names: dict[str, tuple[str, str]] = field(default_factory=dict)  # humidity series -> (temperature, deficit)
    _temperatures: dict[str, Sample | None] = field(default_factory=dict)

    def add(self, house: str, temperature: str, humidity: str) -> str:
        """Watch two series of a house; gives the name of the series that will come of them."""
        name = series_id(house, "vapour_pressure_deficit")
        self._names[humidity] = (temperature, name)
        self._temperatures[temperature] = None
        return name

    def take(self, samples: Iterable[Sample]) -> list[Sample]:
        """Give a deficit for each humidity among ``samples``, with the newest temperature."""
        made: list[Sample] = []
        for sample in samples:
            if sample.series in self._temperatures:
                self._temperatures[sample.series] = sample
            found = self._names.get(sample.series)
            if found is not None:
                made.append(self._deficit(found[1], self._temperatures[found[0]], sample))
        return made

    def _deficit(self, name: str, temperature: Sample | None, humidity: Sample) -> Sample:
        quality = humidity.quality
        value = nan
        if temperature is None or humidity.mono_ms - temperature.mono_ms > APART_MAX_MS:
            quality |= Quality.STALE
        else:
            quality |= temperature.quality
            if not quality & UNUSABLE and isfinite(temperature.value) and isfinite(humidity.value):
                value = self.formula(temperature.value, humidity.value)
        return Sample(name, humidity.mono_ms, value, value, int(quality))
