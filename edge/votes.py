# SPDX-License-Identifier: Apache-2.0
"""Thermometers that were outvoted: one says that the house burns or freezes, the others do not.

The rule it keeps: safety has decided already (``kernels.safety_houses.votes``: half of the trusted ones); here the lost
vote is only told, so that nobody has to wonder why a hot number moved nothing.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from controllers.settings import HouseSettings
from edge.alarms import AlarmBoard
from telemetry.records import UNUSABLE, Sample

OUTVOTED: Final = "sensor.outvoted"
VOTERS_MAX: Final = 3  # so many thermometers of a house vote (kernels.columns.Y_T1 to Y_T3)
WINS: Final = 0.5
SETTLE_MS: Final = 30_000  # one thermometer is a little earlier than the next


class Votes:
    """Watches the votes of each house; ``look`` is called once a tick."""

    def __init__(self, houses: Sequence[HouseSettings], alarms: AlarmBoard) -> None:
        self._houses = [house for house in houses if len(house.air_temperature) > 1]
        self._alarms = alarms
        self._since: dict[str, int] = {}

    def look(self, samples: Mapping[str, Sample], mono_ms: int) -> None:
        """Tell votes that were lost for a while, and take back those that were not."""
        for house in self._houses:
            seen = {name: samples[name] for name in house.air_temperature[:VOTERS_MAX] if name in samples}
            values = {
                name: one.value for name, one in seen.items() if not one.quality & UNUSABLE and isfinite(one.value)
            }
            for limit, beyond in (
                (house.heat_c, {name for name, value in values.items() if value > house.heat_c}),
                (house.frost_c, {name for name, value in values.items() if value < house.frost_c}),
            ):
                lost = beyond if len(beyond) < WINS * len(values) else set()
                for name in house.air_temperature[:VOTERS_MAX]:
                    self._one(f"{name}@{limit}", name, name in lost, values, limit, mono_ms)

    def _one(self, key: str, name: str, lost: bool, values: Mapping[str, float], limit: float, mono_ms: int) -> None:
        if not lost:
            if self._since.pop(key, None) is not None and not any(one.startswith(f"{name}@") for one in self._since):
                self._alarms.clear(OUTVOTED, name, mono_ms)
            return
        if mono_ms - self._since.setdefault(key, mono_ms) >= SETTLE_MS:
            others = [value for other, value in values.items() if other != name]
            fields: dict[str, str | float | int | bool] = {
                "value": round(values[name], 2), "limit": limit, "others": round(sum(others) / len(others), 2),
            }  # fmt: skip
            self._alarms.put(OUTVOTED, name, "warning", mono_ms, fields)
