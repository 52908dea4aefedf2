# SPDX-License-Identifier: Apache-2.0
"""One read for neighbouring registers: which polls of a device may share a frame now.

The rule it keeps: only the same unit and function, only across as many unread registers as both polls allow,
only polls that are due or nearly due, and never more than one frame holds.
"""

from typing import Final

from drivers.modbus_pdu import MAX_READ_REGISTERS, REGISTER_READS, Request, read
from drivers.scheduler import Device, Job

LOOK_AHEAD: Final = 0.25  # a neighbour due within this share of its period is read along


def with_neighbours(job: Job, device: Device, now: float) -> tuple[list[Job], Request]:
    """Give the polls to serve with one request, ``job`` first, and that request."""
    base = job.transaction.request
    jobs, first, end = [job], base.address, base.address + base.count
    if not device.merges or base.function not in REGISTER_READS:
        return jobs, base
    for other in sorted(device.polls, key=lambda item: item.transaction.request.address):
        request = other.transaction.request
        if other is job or (request.unit, request.function) != (base.unit, base.function):
            continue
        if other.attempts or other.release_s > now + LOOK_AHEAD * (other.period_s or 0.0):
            continue
        gap = max(first, request.address) - min(end, request.address + request.count)
        low, high = min(first, request.address), max(end, request.address + request.count)
        allowed = min(job.transaction.merge_gap, other.transaction.merge_gap)
        if gap <= allowed and high - low <= MAX_READ_REGISTERS:
            jobs.append(other)
            first, end = low, high
    if len(jobs) == 1:
        return jobs, base
    return jobs, read(base.unit, base.function, first, end - first)
