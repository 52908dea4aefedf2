# SPDX-License-Identifier: Apache-2.0
"""Tells what keeps a link to another program from working, although the network is there: an alarm, not a crash.

The rule it keeps: a fault of a link stands until the link works; it is never more than an alarm.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge.agent import Agent

DETAIL_MAX: Final = 300


class LinkFaults:
    """The faults of one link; ``kind`` names the alarm, ``subject`` the link."""

    def __init__(self, kind: str, subject: str) -> None:
        self._kind = kind
        self._subject = subject

    def tell(self, agent: "Agent", error: Exception) -> None:
        """Raise the alarm; what already stands stays as it is."""
        detail = f"{type(error).__name__}: {error}"[:DETAIL_MAX]
        agent.alarms.put(self._kind, self._subject, "warning", agent.boot.mono_ms(), {"detail": detail})

    def over(self, agent: "Agent") -> None:
        """Clear the alarm, for the link works."""
        agent.alarms.clear(self._kind, self._subject, agent.boot.mono_ms())
