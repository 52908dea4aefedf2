# SPDX-License-Identifier: Apache-2.0
"""Tells what keeps a link to another program from working, although the network is there: an alarm, not a crash.

The rule it keeps: the alarm tells of the last fault, and is over only when the link has worked for a minute.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from telemetry.login import BadFile

if TYPE_CHECKING:
    from edge.agent import Agent

STEADY_S: Final = 60.0
SEEN_MAX: Final = 300


class LinkFaults:
    """The faults of one link; ``kind`` names the alarm, ``subject`` the link."""

    def __init__(self, kind: str, subject: str) -> None:
        self._kind = kind
        self._subject = subject

    def tell(self, agent: "Agent", error: Exception) -> None:
        """Raise the alarm; one that tells of another fault than this is over."""
        what = error.file if isinstance(error, BadFile) else type(error).__name__
        told: dict[str, str | float | int | bool] = {
            "detail": what,
            "seen": (error.seen if isinstance(error, BadFile) else str(error))[:SEEN_MAX],
        }
        if agent.alarms.told(self._kind, self._subject) != told:
            self.over(agent)
        agent.alarms.put(self._kind, self._subject, "warning", agent.boot.mono_ms(), told)

    def over(self, agent: "Agent") -> None:
        """Clear the alarm."""
        agent.alarms.clear(self._kind, self._subject, agent.boot.mono_ms())

    @contextmanager
    def connected(self, agent: "Agent") -> Iterator[None]:
        """Clear the alarm once the link has been up for a minute; around the time that it is."""
        steady = asyncio.get_running_loop().call_later(STEADY_S, self.over, agent)
        try:
            yield
        finally:
            steady.cancel()
