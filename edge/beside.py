# SPDX-License-Identifier: Apache-2.0
"""Which series are measured beside a probe: the temperature, pressure and permittivity that its curve may need.

The rule it keeps: the agent and a calibration session look at the same neighbours, in the same order.
"""

from collections.abc import Callable, Iterable
from typing import Final

# By what the probe stands in; the first that the farm measures at the same place is taken.
_WARM: Final[dict[str, tuple[str, ...]]] = {
    "soil": ("soil_temperature",),
    "pore": ("soil_temperature",),
    "water": ("water_temperature",),
    "dissolved": ("water_temperature",),
}
_WARM_ELSE: Final = ("air_temperature",)


def neighbours(series: str, known: Iterable[str]) -> dict[str, str]:
    """Name the series beside ``series`` among ``known``: by ``temperature``, ``pressure``, ``permittivity``."""
    place, _, name = series.partition("/")
    there = set(known)
    found: dict[str, str] = {}
    for kind in _WARM.get(name.partition("_")[0], _WARM_ELSE):
        if f"{place}/{kind}" in there:
            found.setdefault("temperature", f"{place}/{kind}")
    pressures = sorted(one for one in there if one.partition("/")[2] == "air_pressure")
    if pressures:  # the air weighs the same over the whole farm
        at_place = f"{place}/air_pressure"
        found["pressure"] = at_place if at_place in pressures else pressures[0]
    if f"{place}/soil_permittivity" in there:
        found["permittivity"] = f"{place}/soil_permittivity"
    return found


def values(series: str, known: Iterable[str], value_of: Callable[[str], float]) -> dict[str, float]:
    """Give what is measured beside ``series``, by kind; ``value_of`` gives a series' value, nan where it is old."""
    return {kind: value_of(name) for kind, name in neighbours(series, known).items()}
