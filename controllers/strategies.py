# SPDX-License-Identifier: Apache-2.0
"""The ways a zone can be watered: their names in farm.toml, their numbers, what each needs, and who plans.

The rule it keeps: all strategies share one interface. The kernel's own are a number and a line in
``kernels.irrigation.trigger``. One that thinks longer than a tick (water balance, adaptive) is a ``Planner``: asked
every ``period_s``, it answers litres wanted now, and the kernel treats its answer like any other wish (strategy
``planned``), with the same rest, caps and safe rule; a plan that is not renewed within three periods is no plan.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np

from controllers.kernels import columns as c
from controllers.ticks import Floats, Ints

RECKON: Final = ("balance", "drain", "adaptive")
"""The strategies whose planner ``controllers.zone_planner`` makes of the zone's own settings."""


class StrategyEntry(NamedTuple):
    """One strategy: its stored number, the zone fields that must be set, and the quantity it cannot do without."""

    number: int
    needs: tuple[str, ...]
    quantity: str = ""


STRATEGIES: Final[dict[str, StrategyEntry]] = {
    "off": StrategyEntry(c.OFF, ()),
    "schedule": StrategyEntry(c.SCHEDULE, ("schedule",)),
    "moisture": StrategyEntry(c.MOISTURE, ("start_pct", "target_pct", "dose_l"), "soil_moisture"),
    "tension": StrategyEntry(c.TENSION, ("start_kpa", "target_kpa", "dose_l"), "soil_tension"),
    "radiation_sum": StrategyEntry(c.RADIATION_SUM, ("radiation_start_j_cm2", "dose_l"), "solar_radiation"),
    "vpd_sum": StrategyEntry(c.VPD_SUM, ("vpd_start_kpa_h", "dose_l"), "air_humidity"),
    "balance": StrategyEntry(c.PLANNED, ("dose_l",)),
    "drain": StrategyEntry(c.PLANNED, ("dose_l", "substrate")),
    "adaptive": StrategyEntry(c.PLANNED, ("dose_l",)),
    "planned": StrategyEntry(c.PLANNED, ()),
}


class Proposal(NamedTuple):
    """What a planner wants for one zone now: litres (0: no need, nan: cannot tell) and the reason code (0: plain).

    ``account`` holds the numbers behind it by their facts' names: the reason's fields, and all that explains them.
    """

    litres: float
    code: int = 0
    account: Mapping[str, float | str] = {}


NO_QUALITY: Final[Ints] = np.zeros(0, dtype=np.int64)


class PlanInput(NamedTuple):
    """What a planner sees: the moment, its own ``series`` in their order (nan: not trusted), and the water given.

    ``day`` and ``minute`` (local) are -1 while the clock is not trusted. ``given_l`` counts all the water that the
    zone's valve ever let through; only differences mean anything. ``quality`` holds the bits of each value.
    """

    mono_ms: int
    day: int
    minute: int
    values: Floats
    given_l: float
    quality: Ints = NO_QUALITY


class Planner(Protocol):
    """Thinks for one zone at its own pace; deterministic, with no clock and no I/O of its own."""

    @property
    def series(self) -> tuple[str, ...]:
        """Name the series it wants to see."""

    @property
    def period_s(self) -> float:
        """Say how often it wants to be asked."""

    def plan(self, at: PlanInput) -> Proposal:
        """Give the wish of this moment."""


class LastingPlanner(Planner, Protocol):
    """A planner whose memory survives a restart, and that may believe some series for longer than the farm's limit."""

    @property
    def patience_s(self) -> tuple[float, ...]:
        """Say for each series how old its value may be [s]; 0 is the farm's limit."""

    def memory(self) -> tuple[float, ...]:
        """Give all it remembers, as numbers."""

    def recall(self, memory: tuple[float, ...], mono_ms: int) -> None:
        """Take over a memory; the time since then is what lies between its last plan and ``mono_ms``."""
