# SPDX-License-Identifier: Apache-2.0
"""What an instrument's element makes of the world: lag, noise, warm-up, and the ways in which it lies.

The rule it keeps: seeded and driven by the time it is given, so the same seed and times give the same bits.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp, isfinite, nan
from typing import Literal

from drivers.catalogue_schema import Entry, Value
from drivers.units import to_canonical

# signals(name, now_s) -> canonical value; name is "quantity" or "quantity.index", nan where the world has none.
Signals = Callable[[str, float], float]


@dataclass(frozen=True, slots=True)
class ElementFault:
    """A fault of the sensing element between two times: frozen, lying by ``amount`` [canonical], or sentinel."""

    kind: Literal["frozen", "lying", "sentinel"]
    from_s: float
    to_s: float = float("inf")
    amount: float = 0.0
    name: str = ""  # "" = all values


@dataclass(slots=True)
class Element:
    """The sensing side of one simulated instrument.

    ``noise`` is the standard deviation by name in canonical units; ``lag_s`` the time constant of a first-order
    response.
    """

    entry: Entry
    signals: Signals
    seed: int = 0
    noise: dict[str, float] = field(default_factory=dict)
    lag_s: float = 0.0
    powered_s: float = float("-inf")
    faults: list[ElementFault] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)
    _held: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - simulated noise, no secret

    def sense(self, name: str, now: float) -> float:
        """Give what the element shows at ``now`` for ``name``, in canonical units; nan = "no value"."""
        truth = self._lagged(name, self.signals(name, now), now)
        shown = truth
        spread = self.noise.get(name, 0.0)
        if spread > 0.0 and isfinite(shown):
            shown += self._random.gauss(0.0, spread)
        shown += self._warming(name, now)
        for fault in self.faults:
            if fault.name not in {"", name} or not fault.from_s <= now < fault.to_s:
                continue
            if fault.kind == "sentinel":
                return nan
            if fault.kind == "lying":
                shown += fault.amount
            else:
                return self._held.setdefault(name, shown)
        self._held[name] = shown
        return shown

    def _lagged(self, name: str, truth: float, now: float) -> float:
        if self.lag_s <= 0.0 or not isfinite(truth):
            return truth
        before = self._last.get(name)
        if before is None or not isfinite(before[0]):
            value = truth
        else:
            value = truth + (before[0] - truth) * exp(-max(now - before[1], 0.0) / self.lag_s)
        self._last[name] = (value, now)
        return value

    def _warming(self, name: str, now: float) -> float:
        """A tenth of the range too high at power-on, right at the end of the warm-up."""
        warm = self.entry.warm_up_s
        since = now - self.powered_s
        if warm <= 0.0 or not 0.0 <= since < warm:
            return 0.0
        for value in self.entry.value:
            if name == (f"{value.quantity}.{value.index}" if value.index else value.quantity):
                return _tenth_of_range(value) * (1.0 - since / warm)
        return 0.0


def _tenth_of_range(value: Value) -> float:
    if value.low is None or value.high is None:
        return 0.0
    low = to_canonical(value.low, value.unit, value.quantity)
    high = to_canonical(value.high, value.unit, value.quantity)
    return 0.1 * (high - low)
