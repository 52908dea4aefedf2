# SPDX-License-Identifier: Apache-2.0
"""What an engine knows of its zones' water, for those who look: usual flow, and what was fed today.

The rule it keeps: it only reads; an engine without such an account (a recorded one) has none to tell.
"""

from typing import Protocol, runtime_checkable

from edge.live import ZoneWater


@runtime_checkable
class WaterAccount(Protocol):
    """The part of ``controllers.engine.Engine`` that keeps the account."""

    def nutrients_today(self) -> dict[str, dict[str, float]]:
        """Give the running day's account of each zone that was fed."""

    def learned_flow(self) -> dict[str, tuple[float, float, int]]:
        """Give each zone's usual flow, its standard uncertainty and the number of waterings behind it."""


def zone_water(engine: object) -> tuple[ZoneWater, ...]:
    """List every zone of which something is known, by name."""
    if not isinstance(engine, WaterAccount):
        return ()
    fed, flows = engine.nutrients_today(), engine.learned_flow()
    told = []
    for zone in sorted(fed.keys() | flows.keys()):
        usual, spread, waterings = flows.get(zone, (float("nan"), float("nan"), 0))
        account = fed.get(zone, {})
        told.append(
            ZoneWater(
                zone,
                usual,
                spread,
                waterings,
                account.get("n_g", 0.0),
                account.get("p_g", 0.0),
                account.get("k_g", 0.0),
                account.get("fed_l", 0.0),
                account.get("ec_ms_cm", float("nan")),
            )
        )
    return tuple(told)
