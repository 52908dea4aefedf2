# SPDX-License-Identifier: Apache-2.0
"""What a bus does next on its wire, and the transaction that is on it.

The rule it keeps: plain values; who fills them decides.
"""

from typing import NamedTuple

from drivers.modbus_pdu import Request
from drivers.scheduler import Device, Job


class Step(NamedTuple):
    """What the driver of the wire does next: send, then rest until ``look_s``, then listen until ``until_s``."""

    send: bytes
    look_s: float
    until_s: float


class Turn:
    """The transaction that is on the line."""

    __slots__ = ("began_s", "device", "jobs", "looks", "probe", "request")

    def __init__(self, jobs: list[Job], request: Request, device: Device, began_s: float, *, probe: bool) -> None:
        self.jobs = jobs
        self.request = request
        self.device = device
        self.began_s = began_s
        self.probe = probe
        self.looks = 0
