# SPDX-License-Identifier: Apache-2.0
"""Lines that do not speak Modbus, as sources of readings: instruments with lines of text or short frames, and SDI-12.

The rule it keeps: one task a line; a line that goes away is a fault and is opened again; nothing is delivered that
the protocol's own checks did not pass. An SDI-12 sensor's CRC is asked for wherever its version has one (1.3).
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from drivers import sdi12_words
from drivers.ascii_line import Ask, Got, LineExchange, Missed
from drivers.line_driver import LineDriver
from drivers.ports import ByteStream, StreamOpener
from drivers.registry import read_numbers, read_text
from drivers.reopening import keep_open
from drivers.scheduler import Health
from drivers.sdi12 import Failed, Result, Round, Unanswered
from drivers.sdi12_line import Sdi12Line
from drivers.sdi12_words import AnswerError
from drivers.text_decode import TextFault
from drivers.text_exchange import START_WAIT_S, ask_of, exchange_of, payload, start_commands, temperature_command
from drivers.text_places import Deliver, Place, Places, Report, TextDevice
from drivers.text_start import start_of

ATTENDED_S: Final = 1.0
IDLE_S: Final = 60.0
CRC_SINCE: Final = 13  # SDI-12 1.3
TALKS_MAX: Final = 8
QUIET_S: Final = 0.1  # the end of the answer before (an EZO's *OK) may still be on its way


class _Line(ABC):
    """What the two kinds of line share."""

    def __init__(
        self, name: str, opener: StreamOpener, devices: Iterable[TextDevice], mono_ms: Callable[[float], int]
    ) -> None:
        self.name = name
        self.up = False
        self.polls = 0
        self.places = Places(name, devices, mono_ms)
        self._opener = opener

    @property
    def down(self) -> str:
        """Why the line was last lost."""
        return self.places.down

    def health(self) -> Mapping[str, Health]:
        """Give each instrument's latency, errors by kind and last good answer."""
        return self.places.health()

    def attend(self, device: str, closely: bool) -> None:
        """Measure a device as often as it allows (at most every second) while somebody calibrates it, or as usual."""
        self.places.attend(device, ATTENDED_S if closely else None)

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Deliver readings and report faults until cancelled."""
        self.places.deliver, self.places.report = deliver, report
        await keep_open(self.name, self._opener, self._opened, self.places.lost, report)

    async def _opened(self, stream: ByteStream) -> None:
        self.places.opened(asyncio.get_running_loop().time())
        self.up = True
        try:
            await self._serve(stream)
        finally:
            self.up = False

    @abstractmethod
    async def _serve(self, stream: ByteStream) -> None:
        """Measure over this stream until it goes (LineDown)."""


@dataclass(frozen=True, slots=True)
class _Talk:
    ask: Ask
    exchange: LineExchange
    answer: asyncio.Future[Got | Missed]


class LineBus(_Line):
    """Instruments of lines of text or short frames: asked one after the other."""

    def __init__(
        self, name: str, opener: StreamOpener, devices: Iterable[TextDevice], mono_ms: Callable[[float], int]
    ) -> None:
        super().__init__(name, opener, devices, mono_ms)
        self._talks: deque[_Talk] = deque()
        self._wanted = asyncio.Event()

    async def converse(self, ask: Ask, exchange: LineExchange) -> Got | Missed:
        """Have one exchange more between two polls, such as a calibration; ``exchange`` judges its answers."""
        loop = asyncio.get_running_loop()
        if not self.up or len(self._talks) >= TALKS_MAX:
            return Missed(ask, "timeout", "the line is down or busy", loop.time())
        talk = _Talk(ask, exchange, loop.create_future())
        self._talks.append(talk)
        self._wanted.set()
        return await talk.answer

    async def _talk(self, stream: ByteStream) -> None:
        """Have the exchanges that wait."""
        self._wanted.clear()
        while self._talks:
            talk = self._talks[0]
            await asyncio.sleep(QUIET_S)
            got = await LineDriver(stream, talk.exchange).ask(talk.ask)
            self._talks.popleft()
            if not talk.answer.done():
                talk.answer.set_result(got)

    async def _opened(self, stream: ByteStream) -> None:
        try:
            await super()._opened(stream)
        finally:
            now = asyncio.get_running_loop().time()
            while self._talks:
                talk = self._talks.popleft()
                if not talk.answer.done():
                    talk.answer.set_result(Missed(talk.ask, "timeout", "the line went away", now))

    async def _serve(self, stream: ByteStream) -> None:
        loop = asyncio.get_running_loop()
        drivers = {
            place.device.name: LineDriver(stream, exchange_of(place.device.entry)) for place in self.places.places
        }
        while True:
            for place in self.places.due(loop.time()):
                await self._ask(stream, drivers[place.device.name], place)
                await self._talk(stream)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(IDLE_S, self.places.next_s() - loop.time()))):
                    await self._wanted.wait()
            await self._talk(stream)

    async def _ask(self, stream: ByteStream, driver: LineDriver, place: Place) -> None:
        loop = asyncio.get_running_loop()
        entry, address = place.device.entry, place.device.address
        if not place.known:
            for command in start_commands(entry, address):
                await stream.write(command)
                await asyncio.sleep(START_WAIT_S)
            place.known = True
        temperature_c = self.places.temperature_to_tell(place, loop.time())
        if isfinite(temperature_c):
            await stream.write(temperature_command(entry, temperature_c))
            await asyncio.sleep(START_WAIT_S)
        place.began(loop.time())
        self.polls += 1
        got = await driver.ask(ask_of(entry, address))
        now = loop.time()
        if isinstance(got, Missed):
            self.places.bad(place, got.kind, got.detail, now)
            return
        try:
            measured = read_text(entry, payload(entry, got.answers[0]))
        except TextFault as fault:
            self.places.bad(place, "refused", str(fault), now)
        else:
            self.places.good(place, measured, got.at_s, now)


class Sdi12Bus(_Line):
    """SDI-12 sensors: those that can measure together do, the others one after the other.

    ``adapter``: what is at the port makes the breaks; ``as_8n1``: the port runs 8N1, the parity bit is made here.
    """

    def __init__(
        self,
        name: str,
        opener: StreamOpener,
        devices: Iterable[TextDevice],
        mono_ms: Callable[[float], int],
        *,
        adapter: bool = False,
        as_8n1: bool = False,
    ) -> None:
        super().__init__(name, opener, devices, mono_ms)
        self._adapter = adapter
        self._as_8n1 = as_8n1

    async def _serve(self, stream: ByteStream) -> None:
        loop = asyncio.get_running_loop()
        line = Sdi12Line(stream, as_8n1=self._as_8n1, adapter=self._adapter)
        turn = Round([])
        while True:
            for place in self.places.due(loop.time()):
                place.began(loop.time())
                self.polls += 1
                if place.known or await self._meet(line, place):
                    turn.add(start_of(place.device.entry, place.device.address, crc=place.crc))
            await line.step(turn, self.places.next_s())
            results, turn.results = turn.results, []
            for result in results:
                self._take(result)

    async def _meet(self, line: Sdi12Line, place: Place) -> bool:
        """Ask who is there; one that did not answer before is asked once only."""
        loop = asyncio.get_running_loop()
        answer = await line.ask(sdi12_words.identify(place.device.address), briefly=place.record.misses > 0)
        if isinstance(answer, Unanswered):
            self.places.bad(place, answer.kind, answer.detail, loop.time())
            return False
        place.known = True
        try:
            version = sdi12_words.identity(answer.text).sdi12
        except AnswerError:
            version = ""  # an odd answer to aI! is no reason not to measure
        place.crc = version.isdigit() and int(version) >= CRC_SINCE and not place.record.errors.get("garbled")
        return True

    def _take(self, result: Result | Failed) -> None:
        now = asyncio.get_running_loop().time()
        place = self.places.of(result.address)
        if place is None:
            return
        if isinstance(result, Failed):
            # Some say that they are of version 1.3 and do not know the commands with a CRC.
            place.crc = place.crc and place.record.good > 0
            self.places.bad(place, result.kind, result.detail, now)
            place.known = not place.record.dead
        else:
            self.places.good(place, read_numbers(place.device.entry, result.values), result.measured_at_s, now)
