# SPDX-License-Identifier: Apache-2.0
"""Cores for what is timed: real-time priority where we may have it, and cores that do not sleep.

The rule it keeps: whatever is measured in one run, ours or a peer's, gets the same.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Iterator


def hurry(core: int) -> bool:
    """Take real-time priority and one core where the system lets us; say whether it did."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    except OSError:
        return False
    return True


def _stay_awake() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep every core from sleeping, at the lowest priority, for all masters alike.

    A virtual machine's core that sleeps comes back after up to milliseconds, as its host pleases: that is no bus.
    """
    idlers = [multiprocessing.Process(target=_stay_awake, daemon=True) for _ in range(os.cpu_count() or 1)]
    for idler in idlers:
        idler.start()
    try:
        yield
    finally:
        for idler in idlers:
            idler.kill()
            idler.join()
