# SPDX-License-Identifier: Apache-2.0
"""A technician's hand on a line: one question at a time, to devices that nobody has declared yet.

The rule it keeps: it only asks what it is told to ask, waits a short and bounded time, and keeps the silence
between frames; it is for commissioning, the scheduler of ``drivers.bus`` is for work.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

from drivers.line_settings import LineSettings
from drivers.modbus_pdu import Request
from drivers.modbus_rtu import Failure, Reply, RtuMaster
from drivers.ports import ByteStream, StreamOpener

ANSWER_WITHIN_S: Final = 0.08  # most sensors answer within 50 ms; slow ones are found by a patient scan
LATE_LIMIT_S: Final = 0.3
REPEAT_GUARD_S: Final = 0.03


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: ``kind`` is reply, exception, or a failure's kind (timeout, crc, noise, foreign, ...)."""

    kind: str
    payload: bytes = b""
    code: int = 0
    latency_s: float = float("nan")
    detail: str = ""

    @property
    def alive(self) -> bool:
        """Whether a device at that address answered in good form (a refusal is an answer too)."""
        return self.kind in {"reply", "exception"}

    @property
    def garbled(self) -> bool:
        """Whether bytes came that make no frame: two devices at once, wrong settings, or noise."""
        return self.kind in {"crc", "noise", "truncated", "foreign"}


class Probe:
    """An open line at one setting. Use ``async with Probe(opener, settings) as probe``."""

    def __init__(self, opener: StreamOpener, settings: LineSettings, within_s: float = ANSWER_WITHIN_S) -> None:
        self.settings = settings
        self.within_s = within_s
        self._opener = opener
        self._core = RtuMaster(settings, late_limit_s=LATE_LIMIT_S, repeat_guard_s=REPEAT_GUARD_S)
        self._stream: ByteStream | None = None

    async def __aenter__(self) -> Self:
        self._stream = await self._opener.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def ask(self, request: Request, within_s: float | None = None) -> Heard:
        """Ask once and wait for the answer or its deadline; raises LineDown when the line goes."""
        stream, core, loop = self._stream, self._core, asyncio.get_running_loop()
        if stream is None:
            raise RuntimeError("the probe is not open: use it in an async with")
        # Wait until the line is silent, and until no older answer can pass for this one's.
        clear_s = max(core.ready_s, core.clear_at(request, loop.time()))
        if clear_s > loop.time():
            await asyncio.sleep(clear_s - loop.time() + 1e-6)
        stream.discard_input()
        now = max(loop.time(), clear_s)
        await stream.write(core.start(request, now, self.within_s if within_s is None else within_s))
        while True:
            deadline_s = core.deadline_s
            if deadline_s is None:
                return Heard("timeout")
            try:
                async with asyncio.timeout_at(deadline_s):
                    data = await stream.read()
                events = core.feed(data, loop.time())
            except TimeoutError:
                events = core.expire(max(loop.time(), deadline_s))
            for event in events:
                if isinstance(event, Reply):
                    return Heard("reply", event.payload, 0, event.latency_s)
                if isinstance(event, Failure):
                    return Heard(event.kind, b"", event.code, event.latency_s, event.detail)

    async def ask_twice(self, request: Request) -> Heard:
        """Ask, and ask once more when the answer was damaged or missing."""
        heard = await self.ask(request)
        return heard if heard.alive else await self.ask(request, within_s=3.0 * self.within_s)
