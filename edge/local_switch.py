# SPDX-License-Identifier: Apache-2.0
"""The switch at the plant: while it stands in *hand*, the outputs behind it obey it and nobody from afar.

The rule it keeps: the switch's order is like any other: written down before it acts, with an end, through the same
engine and safety kernel; a switch that falls silent orders nothing, and one that is forgotten ends by its time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.settings import OutputSettings
from edge.alarms import AlarmBoard
from edge.orders import Orders
from edge.seen_orders import Giver
from edge.switch_settings import LocalSwitch
from telemetry.records import UNUSABLE, Sample

PERSON: Final = "local"  # nobody knows whose hand it is
FORGOTTEN: Final = "local_switch.forgotten"
CLOSED: Final = 0.5


@dataclass(slots=True)
class _Hand:
    """What stands at one switch."""

    since_ms: int
    over: bool = False


class LocalSwitches:
    """All switches of one farm; ``look`` is called each tick before the engine."""

    def __init__(
        self, switches: Iterable[LocalSwitch], outputs: Mapping[str, OutputSettings], orders: Orders, alarms: AlarmBoard
    ) -> None:
        self._switches = tuple(switches)
        self._outputs = outputs
        self._orders = orders
        self._alarms = alarms
        self._hands: dict[str, _Hand] = {}

    def look(self, samples: Mapping[str, Sample], mono_ms: int) -> None:
        """Take each switch's newest position into the orders."""
        for switch in self._switches:
            sample = samples.get(switch.series)
            in_hand = sample is not None and not sample.quality & UNUSABLE and sample.value >= CLOSED
            hand = self._hands.get(switch.series)
            if in_hand and hand is None:
                self._hands[switch.series] = _Hand(mono_ms)
                self._take(switch)
            elif hand is not None and not in_hand:
                del self._hands[switch.series]
                self._give_back(switch.outputs)
                self._alarms.clear(FORGOTTEN, switch.series, mono_ms)
            elif hand is not None and not hand.over and mono_ms - hand.since_ms >= switch.max_min * 60_000.0:
                hand.over = True
                self._give_back(switch.outputs)
                self._alarms.put(FORGOTTEN, switch.series, "warning", mono_ms, {"minutes": switch.max_min})

    def _take(self, switch: LocalSwitch) -> None:
        for output in switch.outputs:
            settings = self._outputs[output]
            level = 1.0 if switch.does == "on" else settings.safe_level
            seconds = min(switch.max_min * 60.0, self._orders.hold_max_s(output))
            self._orders.hold(output, level, seconds, Giver(PERSON, "operator", "local"))

    def _give_back(self, outputs: Sequence[str]) -> None:
        for output in outputs:
            standing = self._orders.overrides.get(output)
            if standing is not None and standing.origin == "local":
                self._orders.drop(output, PERSON)
