# SPDX-License-Identifier: Apache-2.0
"""Carries a line exchange over a byte stream on the event loop.

The rule it keeps: one exchange at a time, each with an end; a line that goes away raises LineDown.
"""

import asyncio

from drivers.ascii_line import Ask, Got, LineExchange, Missed
from drivers.ports import ByteStream


class LineDriver:
    """One instrument's line."""

    def __init__(self, stream: ByteStream, exchange: LineExchange) -> None:
        self._stream = stream
        self._exchange = exchange
        self._one = asyncio.Lock()

    async def ask(self, ask: Ask) -> Got | Missed:
        """Send one request; give its answers or what went wrong."""
        loop = asyncio.get_running_loop()
        async with self._one:
            self._stream.discard_input()
            await self._stream.write(self._exchange.start(ask, loop.time()))
            while True:
                events: list[Got | Missed] = []
                try:
                    async with asyncio.timeout_at(self._exchange.deadline_s):
                        events = self._exchange.feed(await self._stream.read(), loop.time())
                except TimeoutError:
                    events = self._exchange.expire(loop.time())
                if events:
                    return events[0]
