# SPDX-License-Identifier: Apache-2.0
"""What ``farm.toml`` says of the switches at the plant, and what can be wrong with it.

The rule it keeps: an output has one switch at most, and every switch's order has an end.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pages.words import N_


class LocalSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One switch of farm.toml. ``series`` is its contact (1 = hand), ``does`` what it orders its ``outputs``.

    After ``max_min`` the order ends and an alarm says that the switch was forgotten; it must be put back first.
    """

    series: Annotated[str, Meta(min_length=3)]
    outputs: Annotated[tuple[str, ...], Meta(min_length=1)]
    does: Literal["on", "off"] = "on"
    max_min: Annotated[float, Meta(gt=0.0, le=240.0)] = 30.0


def problems(switches: Sequence[LocalSwitch], outputs: Iterable[str], series: Iterable[str]) -> list[tuple[str, str]]:
    """Name what is wrong with the switches of a file, as (path, message id with {seen})."""
    found: list[tuple[str, str]] = []
    known, delivered = frozenset(outputs), frozenset(series)
    claimed: dict[str, int] = {}
    for i, switch in enumerate(switches):
        path = f"local_switch[{i}]"
        if switch.series not in delivered:
            found.append((f"{path}.series", N_("no device delivers this series")))
        for output in switch.outputs:
            if output not in known:
                found.append((f"{path}.outputs", N_("there is no such output")))
            elif claimed.setdefault(output, i) != i:
                found.append((f"{path}.outputs", N_("another switch has this output already")))
    return found
