# SPDX-License-Identifier: Apache-2.0
"""What the agent tells of its lines: the records that travel over its socket.

The rule it keeps: records only, so that who asks loads no device code.
"""

import msgspec


class DeviceHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device: ``state`` unknown, ok, suspect or dead; ``errors`` by kind; ``last_good_ago_s`` nan: never."""

    name: str
    type: str
    address: str
    state: str
    good: int
    errors: dict[str, int]
    latency_s: float
    last_good_ago_s: float


class LineHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: ``up`` False when its port is gone, ``down`` says why; ``requests`` since the agent's start."""

    name: str
    port: str
    kind: str
    up: bool
    requests: int
    devices: tuple[DeviceHealth, ...]
    down: str = ""


class BusReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All lines of the farm."""

    lines: tuple[LineHealth, ...] = ()

    @property
    def well(self) -> bool:
        """Whether every line is up and everyone on it answers."""
        return all(line.up and all(one.state == "ok" for one in line.devices) for line in self.lines)
