# SPDX-License-Identifier: Apache-2.0
"""What all outputs on a Modbus line share: how they send an order, and how they judge a wanted level.

The rule it keeps: NaN, infinity and levels outside 0 to 1 are refused before a byte is sent, and an order that was
not answered is *failed*, never assumed.
"""

from collections.abc import Awaitable, Callable
from math import isfinite

from drivers.bus import Bus
from drivers.modbus_pdu import Request
from drivers.ports import Confirmation, Fault
from drivers.scheduler import Rank, Transaction


class OrderFailed(Exception):
    """The device did not confirm an order. ``kind`` is the fault's dotted kind, e.g. ``timeout`` or ``exception``."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind} {detail}".strip())
        self.kind = kind
        self.detail = detail


# Send one request and give the reply's payload (b"" for a write); raises OrderFailed.
Ask = Callable[[Request], Awaitable[bytes]]


def over(bus: Bus, device: str, within_s: float = 1.0) -> Ask:
    """Give an Ask that sends orders to ``device`` over ``bus`` before all sensors, or not at all after ``within_s``."""

    async def ask(request: Request) -> bytes:
        outcome = await bus.submit(Transaction(device, request, Rank.ACTUATOR, within_s=within_s))
        if isinstance(outcome, Fault):
            raise OrderFailed(outcome.kind.removeprefix("bus."), outcome.detail)
        return outcome.payload

    return ask


def refusal(level: float, lease_s: float, *, proportional: bool) -> Confirmation | None:
    """Say why an order may not be sent, or None when it may."""
    if not isfinite(level) or not 0.0 <= level <= 1.0:
        return Confirmation("refused", "output.level_impossible")
    if not proportional and level not in {0.0, 1.0}:
        return Confirmation("refused", "output.on_off_only")
    if level > 0.0 and not (isfinite(lease_s) and lease_s > 0.0):
        return Confirmation("refused", "output.lease_impossible")
    return None


async def send(ask: Ask, *requests: Request) -> Confirmation:
    """Send orders one after the other; stop at the first that fails."""
    for request in requests:
        try:
            await ask(request)
        except OrderFailed as failed:
            return Confirmation("failed", f"output.{failed.kind}")
    return Confirmation("done")
