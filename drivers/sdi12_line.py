# SPDX-License-Identifier: Apache-2.0
"""An SDI-12 line on an event loop: one command at a time, measurements of many sensors in one round.

The rule it keeps: it only carries out what :class:`Recorder` says; a line that goes away raises LineDown.
"""

import asyncio
import math
from typing import Final

from drivers import sdi12_words
from drivers.ports import ByteStream
from drivers.sdi12 import (
    BREAKS,
    CHARACTER_S,
    TRIES,
    Answered,
    Event,
    Failed,
    Recorder,
    Result,
    Round,
    Transmit,
    Unanswered,
)
from drivers.sdi12_words import Command, CommandError

LISTEN_MOST_S: Final = 60.0
ADAPTER_SLACK_S: Final = 0.8  # an adapter hands an answer over when it is whole, at 1200 baud before
PORT_SLACK_S: Final = 0.1


class Sdi12Line:
    """The recorder over a byte stream. ``as_8n1``: the port runs 8N1, the parity bit is made here.

    ``adapter``: what is at the port makes the breaks and the timing itself and repeats by itself, so that only the
    characters are sent and each command goes with one break's tries.
    """

    def __init__(
        self, stream: ByteStream, *, slack_s: float | None = None, as_8n1: bool = False, adapter: bool = False
    ) -> None:
        self._stream = stream
        usual_s = ADAPTER_SLACK_S if adapter else PORT_SLACK_S
        self._recorder = Recorder(slack_s=usual_s if slack_s is None else slack_s)
        self._as_8n1 = as_8n1
        self._adapter = adapter
        self._one = asyncio.Lock()

    async def ask(self, command: Command, *, briefly: bool = False) -> Answered | Unanswered:
        """Send one command and give its answer, or what went wrong after all tries; ``briefly``: after one try."""
        async with self._one:
            return await self._ask(command, None, briefly=briefly)

    async def measure(self, starts: list[Command]) -> list[Result | Failed]:
        """Run these measurements, concurrent ones together; give a result for each."""
        turn = Round(starts)
        while not turn.done:
            await self.step(turn, math.inf)
        return turn.results

    async def step(self, turn: Round, until_s: float) -> None:
        """Bring a round one command further; where nothing is to be sent, listen until ``until_s`` at most."""
        loop = asyncio.get_running_loop()
        async with self._one:
            command = turn.next(loop.time())
            if command is not None:
                turn.take(await self._ask(command, turn))
                return
            until_s = min(until_s, loop.time() + LISTEN_MOST_S, math.inf if turn.wait_s is None else turn.wait_s)
            for event in await self._read(until_s):
                turn.take(event)

    async def scan(self, addresses: str = "0123456789") -> list[str]:
        """Give the addresses at which a sensor answers."""
        answers = [(address, await self.ask(sdi12_words.acknowledge(address))) for address in addresses]
        return [address for address, answer in answers if isinstance(answer, Answered)]

    async def readdress(self, address: str, new: str) -> Answered | Unanswered:
        """Change a sensor's address; refuse if another sensor answers at the new one."""
        if isinstance(await self.ask(sdi12_words.acknowledge(new)), Answered):
            raise CommandError(f"a sensor answers at {new!r} already; two on one address cannot be told apart")
        return await self.ask(sdi12_words.change_address(address, new))

    async def _ask(self, command: Command, turn: Round | None, *, briefly: bool = False) -> Answered | Unanswered:
        loop = asyncio.get_running_loop()
        self._stream.discard_input()
        tries, breaks = (1, 1) if briefly else (TRIES, 1 if self._adapter else BREAKS)
        await self._transmit(self._recorder.start(command, loop.time(), tries=tries, breaks=breaks), command)
        while True:
            wait_s = self._recorder.deadline_s
            moves: list[Transmit | Event] = list(await self._read(wait_s if wait_s is not None else loop.time()))
            moves += self._recorder.expire(loop.time())
            for move in moves:
                if isinstance(move, Transmit):
                    await self._transmit(move, command)
                elif isinstance(move, Answered | Unanswered):
                    return move
                elif turn is not None:
                    turn.take(move)

    async def _transmit(self, move: Transmit, command: Command) -> None:
        loop = asyncio.get_running_loop()
        if move.wait_s:
            await asyncio.sleep(move.wait_s)
        if move.break_s and not self._adapter:
            await self._stream.send_break(move.break_s)
        if move.mark_s and not self._adapter:
            await asyncio.sleep(move.mark_s)
        text = sdi12_words.to_8n1(move.data) if self._as_8n1 else move.data
        await self._stream.write(text)
        await asyncio.sleep(len(command.wire) * CHARACTER_S)
        self._recorder.sent(loop.time())

    async def _read(self, until_s: float) -> list[Event]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until_s):
                data = await self._stream.read()
        except TimeoutError:
            return []
        if self._as_8n1:
            data = sdi12_words.from_8n1(data)
        return self._recorder.feed(data, loop.time())
