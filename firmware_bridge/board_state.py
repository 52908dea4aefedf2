# SPDX-License-Identifier: Apache-2.0
"""The last that a board said of itself, in host time.

The rule it keeps: totals and states as reported, with the time they were measured at, never extrapolated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_bridge.clock_sync import ClockSync

Values = Mapping[str, int | bytes]


def number(values: Values, name: str) -> int:
    """Give a numeric field of a message."""
    value = values[name]
    if isinstance(value, bytes):
        raise TypeError(f"field {name} is text")
    return value


@dataclass(slots=True)
class BoardState:
    """Masks have bit n for output or input n; times are the event loop's seconds."""

    at_s: float = 0.0
    on: int = 0
    leased: int = 0
    inputs: int = 0
    shutdown: int = 0
    boots: int = 0
    reset_cause: int = 0
    counters: dict[int, tuple[int, float]] = field(default_factory=dict)  # total since reset, last pulse at
    analogue: dict[int, tuple[int, bool, float]] = field(default_factory=dict)  # sum of 16, in range, taken at

    def take(self, name: str, values: Values, clock: ClockSync | None, now: float) -> None:
        """Take one report; without a known clock it counts as measured now."""

        def when(field_name: str) -> float:
            return now if clock is None else clock.host_time(number(values, field_name))

        if name == "report":
            self.at_s = when("us")
            self.on = number(values, "on")
            self.leased = number(values, "leased")
            self.inputs = number(values, "inputs")
            self.shutdown = number(values, "shutdown")
        elif name == "counter":
            self.counters[number(values, "counter")] = (number(values, "count"), when("at_us"))
        elif name == "adc":
            entry = (number(values, "raw"), bool(number(values, "in_range")), when("at_us"))
            self.analogue[number(values, "channel")] = entry
