# SPDX-License-Identifier: Apache-2.0
"""A Modbus RTU bus on an event loop: opens the line, drives :class:`BusMaster`, opens it again when it goes.

The rule it keeps: one task, time only from ``loop.time()``, no wait without an end. The kernel's buffer collects
an answer while the task sleeps to its expected end, so that a poll costs three wake-ups and not one a byte.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from drivers.alarm_clock import AlarmClock
from drivers.bus_master import BusMaster
from drivers.line_settings import LineSettings
from drivers.modbus_rtu import RtuMaster
from drivers.modbus_tcp import GatewayOpener
from drivers.patient_selector import PatientSelector
from drivers.ports import ByteStream, Fault, StreamOpener
from drivers.reopening import keep_open
from drivers.scheduler import Deliver, Health, Job, Outcome, Transaction

IDLE_WAIT_S: Final = 60.0
LEAD_MOST_S: Final = 0.0005  # timers later than this mean a busy host: nothing is won by waiting for it awake
CLOCK_S: Final = 1e-6  # lateness below this is the clock's grain (in virtual time there is no other)
SPINS_MOST: Final = 2000


def fine_timer_loop() -> asyncio.AbstractEventLoop:
    """Give an event loop whose timers are exact to microseconds; epoll and poll round up to milliseconds."""
    return asyncio.SelectorEventLoop(PatientSelector())


@runtime_checkable
class PromptStream(ByteStream, Protocol):
    """A stream that can be asked what is there already; it saves a poll most of its cost."""

    def read_now(self) -> bytes:
        """Give what came, or nothing; never wait; raise LineDown."""


class Bus:
    """One field bus. Register polls, start :meth:`run` as its one task, submit what comes up."""

    def __init__(
        self,
        opener: StreamOpener,
        settings: LineSettings,
        report: Callable[[Fault], None],
        *,
        name: str = "bus",
        core: RtuMaster | None = None,
        check_echo: bool = True,
    ) -> None:
        self.name = name
        self._opener = opener
        self._report = report
        # Every frame of Modbus TCP has its own number: what comes back is an answer.
        check_echo = check_echo and not isinstance(opener, GatewayOpener)
        self._master = BusMaster(name, settings, self._report_outcome, core=core, check_echo=check_echo)
        self._listening: asyncio.Timeout | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = False
        self.up = False
        self.down = ""  # why the line was last lost
        self._lead_s = 0.0  # how much too late this host's timers come

    # ---- asked from outside --------------------------------------------------------------------

    def poll(self, transaction: Transaction, period_s: float, deliver: Deliver) -> Job:
        """Read every ``period_s``; each :class:`Answer` or :class:`Fault` goes to ``deliver`` in the bus task."""
        job = self._master.add_poll(transaction, period_s, deliver, self._now())
        self._wake()
        return job

    def remove(self, job: Job) -> None:
        """End a poll."""
        self._master.remove(job)

    def submit(self, transaction: Transaction) -> asyncio.Future[Outcome]:
        """Do one thing; the future gets its :class:`Answer` or :class:`Fault`, never an exception of the bus."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def deliver(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self._master.submit(transaction, deliver, self._now())
        self._wake()
        return future

    def health(self) -> Mapping[str, Health]:
        """Give each device's latency, errors by kind and last good answer."""
        return self._master.health()

    @property
    def polls(self) -> int:
        """How many requests were sent."""
        return self._master.polls

    # ---- the one task --------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the bus until cancelled. A line that goes away is a fault, reported once, and tried again."""
        self._loop = asyncio.get_running_loop()
        await keep_open(self.name, self._opener, self._opened, self._lost, self._report)

    def _lost(self, now: float, detail: str) -> None:
        self.down = detail
        self._master.line_lost(now, detail)

    async def _opened(self, stream: ByteStream) -> None:
        loop = asyncio.get_running_loop()
        self._master.line_opened(loop.time())
        self.up = True
        try:
            await self._serve(stream, loop)
        finally:
            self.up = False

    async def _serve(self, stream: ByteStream, loop: asyncio.AbstractEventLoop) -> None:
        master = self._master
        prompt = stream if isinstance(stream, PromptStream) else None
        clock = AlarmClock(loop)
        due_s = -math.inf  # when the line falls free, if we woke for it
        while True:
            if prompt is not None and (data := prompt.read_now()):
                master.received(data, loop.time())
            step = master.step(max(loop.time(), due_s))
            if step.send:
                if prompt is None:
                    stream.discard_input()
                await self._wait_out(loop, clock, due_s)
                await stream.write(step.send)
            resting = step.look_s >= step.until_s and not step.send
            due_s = step.look_s if resting else -math.inf
            if step.look_s > loop.time():
                await clock.at(step.look_s - self._lead_s)
                if prompt is not None or resting:
                    continue
            data = await self._listen(stream, step.until_s)
            if data:
                master.received(data, loop.time())

    async def _wait_out(self, loop: asyncio.AbstractEventLoop, clock: AlarmClock, due_s: float) -> None:
        """Hold a request that is ready until the line may be used, and not longer.

        Learns by how much too late this host's timers and our own choosing make a request, and wakes so much earlier
        the next time.
        """
        late_s = loop.time() - due_s
        if math.isinf(late_s):
            return
        if late_s > CLOCK_S:
            self._lead_s = min(LEAD_MOST_S, self._lead_s + late_s / 16)
        elif late_s < 0.0:
            self._lead_s = max(0.0, self._lead_s + late_s / 2)
            for _ in range(SPINS_MOST):
                if loop.time() >= due_s:
                    return
            await clock.at(due_s)

    async def _listen(self, stream: ByteStream, until_s: float) -> bytes:
        """Wait for bytes; an end of the wait or a new job gives none."""
        until_s = min(until_s, self._now() + IDLE_WAIT_S)
        try:
            async with asyncio.timeout_at(until_s) as wait:
                if self._changed:
                    self._changed = False
                    return b""
                self._listening = wait
                return await stream.read()
        except TimeoutError:
            return b""
        finally:
            self._listening = None
            self._changed = False

    # ---- helpers -------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed = True
        if self._listening is not None and not self._listening.expired():
            self._listening.reschedule(self._now())

    def _report_outcome(self, outcome: Outcome) -> None:
        if isinstance(outcome, Fault):
            self._report(outcome)

    def _now(self) -> float:
        return (self._loop or asyncio.get_event_loop()).time()
