# SPDX-License-Identifier: Apache-2.0
"""The newest live state of the agent, followed once for all tabs, and who waits for the next.

The rule it keeps: one connection to the agent however many phones look; when the agent is away the board says so
within a second and keeps the last state with its age; it never blocks on a reader.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from edge.agent_client import AgentAway, BadCall
from edge.live import LiveState, Outcome

FOLLOWERS_MAX: Final = 24
RETRY_S: Final = 1.0
BEAT_S: Final = 2.0  # a follower hears at least so often, also when nothing changes

_log = logging.getLogger(__name__)


class Agent(Protocol):
    """What the console needs of the agent; ``edge.agent_client.AgentClient`` is one."""

    def watch(self) -> AsyncIterator[LiveState]:
        """Give a live state after every tick until the agent goes (AgentAway)."""

    async def hold(self, output: str, level: float, seconds: float, person: str, role: str) -> Outcome:
        """Ask for an output at a level for a time."""

    async def stop(self, output: str, person: str, role: str) -> Outcome:
        """Put an output in its safe state now."""

    async def acknowledge(self, number: int, person: str, role: str) -> Outcome:
        """Say that somebody has seen an alarm."""

    async def shelve(self, number: int, seconds: float, person: str, role: str) -> Outcome:
        """Call nobody for an alarm for a time."""

    async def unshelve(self, number: int, person: str, role: str) -> Outcome:
        """End a shelf."""

    async def maintain(self, place: str, seconds: float, person: str, role: str) -> Outcome:
        """Keep the outputs of a place safe while somebody works there; 0 s ends it."""

    async def reset(self, place: str, person: str, role: str) -> Outcome:
        """Release what safety has latched at a place."""

    async def test_alarms(self, person: str, role: str) -> Outcome:
        """Try every way to people."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What the console knows at one moment. ``at_s``: when ``state`` came, by the board's own clock (monotonic)."""

    state: LiveState | None
    at_s: float
    away: bool
    number: int


class TooManyFollowers(Exception):
    """More tabs than the console serves at once."""


class Board:
    """Follows the agent (``run``) and lets tabs follow it (``follow``)."""

    def __init__(self, agent: Agent, now_s: Callable[[], float], remember: Callable[[LiveState], None]) -> None:
        self._agent = agent
        self._remember = remember
        self._now_s = now_s
        self._shot = Shot(None, now_s(), away=True, number=0)
        self._changed = asyncio.Event()
        self._followers = 0
        self._ended = False

    @property
    def shot(self) -> Shot:
        """What is known now."""
        return self._shot

    @property
    def followers(self) -> int:
        """How many tabs look."""
        return self._followers

    def age_s(self, shot: Shot) -> float:
        """Give how long ago the state of ``shot`` came."""
        return max(0.0, self._now_s() - shot.at_s)

    def _show(self, state: LiveState | None, at_s: float, *, away: bool) -> None:
        self._shot = Shot(state, at_s, away, self._shot.number + 1)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def end(self) -> None:
        """Let every follower go: the console stops."""
        self._ended = True
        self._changed.set()

    async def run(self) -> None:
        """Follow the agent until cancelled."""
        while True:
            try:
                async with aclosing(self._agent.watch()) as states:  # type: ignore[type-var]
                    async for state in states:
                        self._remember(state)
                        self._show(state, self._now_s(), away=False)
            except (AgentAway, BadCall) as error:
                if not self._shot.away:
                    _log.warning("the agent is away: %s", error)
            self._show(self._shot.state, self._shot.at_s, away=True)
            await asyncio.sleep(RETRY_S)

    async def follow(self) -> AsyncIterator[Shot]:
        """Give the shot now and after every change, at least every BEAT_S; skips what a slow reader missed."""
        if self._followers >= FOLLOWERS_MAX:
            raise TooManyFollowers
        self._followers += 1
        try:
            while not self._ended:
                changed = self._changed
                yield self._shot
                try:
                    async with asyncio.timeout(BEAT_S):
                        await changed.wait()
                except TimeoutError:
                    pass
        finally:
            self._followers -= 1
