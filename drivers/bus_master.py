# SPDX-License-Identifier: Apache-2.0
"""One Modbus RTU bus without its wire: the scheduler's jobs through the protocol core, bytes and time as arguments.

The rule it keeps: every job ends in exactly one outcome, and a value only in a fresh one. The same object is
driven by asyncio (:mod:`drivers.bus`) and by the virtual line of the simulation.
"""

import math
from collections.abc import Mapping
from typing import Final

from drivers.line_settings import LineSettings
from drivers.merged_reads import with_neighbours
from drivers.modbus_pdu import BROADCAST, MAX_READ_REGISTERS, REGISTER_READS, Request, RequestError, read
from drivers.modbus_rtu import Event, Failure, Reply, RtuMaster, Stray
from drivers.ports import Fault
from drivers.scheduler import Answer, Deliver, Device, Health, Job, Rank, Scheduler, Transaction
from drivers.turn import Step, Turn

# Sent once when a line opens. Its CRC is wrong and unit 0 never answers a read: what comes back is the adapter's echo.
# It is a whole frame, because slaves that frame by content keep the beginning of one and swallow the next request.
ECHO_TEST: Final = b"\x00\x03\x00\x00\x00\x01\x55\xaa"
ECHO_WAIT_S: Final = 0.05
TRY_SPARE: Final = 2  # registers after a block that are tried unless declared; a refusal is remembered
BABBLE_S: Final = 1.0
BUSY_AGAIN_S: Final = 0.2
AIM_EARLIER: Final = 0.06  # characters; six misses for each hit, so that a host's jitter costs little line time
AIM_LATER: Final = 0.01
ADDRESS_FAULTS: Final = frozenset({2, 3})
BUSY_CODES: Final = frozenset({5, 6})


class BusMaster:
    """Scheduler and core joined. ``report`` takes what concerns a device or the line as a whole."""

    def __init__(
        self,
        name: str,
        settings: LineSettings,
        report: Deliver,
        *,
        core: RtuMaster | None = None,
        check_echo: bool = True,
    ) -> None:
        self.name = name
        self.core = core if core is not None else RtuMaster(settings)
        self.report = report
        self.check_echo = check_echo
        self.polls = 0
        self._scheduler = Scheduler()
        self._turn: Turn | None = None
        self._test: bytearray | None = None
        self._test_until_s = 0.0
        self._tested = not check_echo
        self._rubbish_s = math.nan  # since when the line is not silent though nobody was asked
        self._lost = False  # and the polls were told
        self._newest: dict[int, int] = {}  # the youngest order sent to each unit
        self._units: dict[int, str] = {}

    # ---- what is asked of the bus --------------------------------------------------------------

    def add_poll(self, transaction: Transaction, period_s: float, deliver: Deliver, now: float) -> Job:
        """Read again and again; outcomes go to ``deliver``. Give the job back to :meth:`remove` to end it."""
        if not period_s > 0:
            raise RequestError(f"{transaction.device}: a poll's period must be above 0 s, not {period_s}")
        if transaction.request.unit == BROADCAST:
            raise RequestError(f"{transaction.device}: unit 0 is broadcast, nobody answers a poll")
        return self._add(Job(transaction, deliver, now, period_s))

    def submit(self, transaction: Transaction, deliver: Deliver, now: float) -> Job:
        """Do one thing; exactly one outcome goes to ``deliver``."""
        return self._add(Job(transaction, deliver, now, None))

    def remove(self, job: Job) -> None:
        """End a poll, or take back a job that has not begun."""
        turn = self._turn
        if turn is not None and job in turn.jobs:
            turn.jobs.remove(job)
        self._scheduler.close(job)

    def health(self) -> Mapping[str, Health]:
        """Give each device's health."""
        return {name: device.health() for name, device in self._scheduler.devices.items()}

    def _add(self, job: Job) -> Job:
        self._scheduler.add(job)
        self._units.setdefault(job.transaction.request.unit, job.transaction.device)
        return job

    # ---- the wire ------------------------------------------------------------------------------

    def line_opened(self, now: float) -> None:
        """The line is there (again): whether it echoes is not known, unless the caller knows that it does not."""
        self.core.forget_echo(possible=self.check_echo)
        self.core.ready_s = now + self.core.silence_s
        self._tested = not self.check_echo
        self._test = None
        self._rubbish_s = math.nan
        self._lost = False

    def line_lost(self, now: float, detail: str) -> None:
        """The line is gone: every one-off job ends with a fault; polls are told once and go on when it is back."""
        self.core.abandon(now)
        turn, self._turn = self._turn, None
        self._test = None
        jobs = (turn.jobs if turn is not None else []) + self._scheduler.open_jobs()
        for job in jobs:
            if job.period_s is None:
                self._scheduler.close(job)
            elif turn is not None and job in turn.jobs:
                self._scheduler.renew(job, now)
            if job.period_s is None or not self._lost:
                job.deliver(Fault(job.transaction.device, "bus.line_down", now, detail))
        self._lost = True

    def received(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        if self._test is not None:
            self._test += data[:64]
            self.core.ready_s = now + self.core.silence_s
            return
        if self._turn is not None:
            self._turn.looks += 1
        for event in self.core.feed(data, now):
            self._take(event, now)

    def step(self, now: float) -> Step:
        """Say what to do on the wire at ``now``."""
        core = self.core
        if core.deadline_s is not None:
            if now < core.deadline_s:
                look_s = now + max(0, core.missing - 1) * core.character_s  # sleep to its last byte, then listen
                return Step(b"", look_s, core.deadline_s)
            for event in core.expire(now):
                self._take(event, now)
        if self._test is not None and not self._end_test(now):
            return Step(b"", now, self._test_until_s)
        if now < core.ready_s:
            self._drop_overdue(now)
            return Step(b"", core.ready_s, core.ready_s)
        self._rubbish_s = math.nan
        if not self._tested:
            return self._start_test(now)
        return self._next(now)

    def _drop_overdue(self, now: float) -> None:
        """The line does not fall silent: after a while say so, and give up what cannot wait."""
        if math.isnan(self._rubbish_s):
            self._rubbish_s = now
        elif now - self._rubbish_s > BABBLE_S:
            self._rubbish_s = now
            self.report(Fault(self.name, "bus.babble", now, "the line never falls silent; a device or adapter talks"))
            for job in self._scheduler.open_jobs():
                if job.period_s is None and job.deadline_s < now:
                    self._scheduler.close(job)
                    job.deliver(Fault(job.transaction.device, "bus.babble", now, "not sent: the line is not silent"))

    def _start_test(self, now: float) -> Step:
        self._test = bytearray()
        core = self.core
        core.sent_s = now + len(ECHO_TEST) * core.character_s
        self._test_until_s = core.sent_s + ECHO_WAIT_S
        core.ready_s = core.sent_s + core.silence_s
        return Step(ECHO_TEST, now, self._test_until_s)

    def _end_test(self, now: float) -> bool:
        if self._test is None or now < self._test_until_s:
            return False
        self.core.echo = ECHO_TEST in self._test
        self._test, self._tested = None, True
        return True

    # ---- choosing ------------------------------------------------------------------------------

    def _next(self, now: float) -> Step:
        scheduler = self._scheduler
        job = scheduler.pick(now)
        if job is None or (job.transaction.rank > Rank.SUSPECT and not job.attempts):
            idle = job is None
            probe = scheduler.probe(now, idle=idle)
            if probe is not None:
                if job is not None:
                    scheduler.put(job, now)
                limit_s = probe.transaction.timeout_max_s
                wait_s = scheduler.device(probe.transaction.device).probe_timeout_s(limit_s, idle=idle)
                return self._launch_all([probe], probe.transaction.request, now, probe_s=wait_s)
        while job is not None:
            step = self._try(job, now)
            if step is not None:
                return step
            job = scheduler.pick(now)
        return Step(b"", now, max(scheduler.wake_s(), now))

    def _try(self, job: Job, now: float) -> Step | None:
        """Send this job if it may be sent now; else put it where it belongs and give None."""
        transaction = job.transaction
        device = self._scheduler.device(transaction.device)
        if job.period_s is None and (why := self._too_late(job, now)):
            self._finish(job, Fault(device.name, why, now, "not sent (again)"))
            return None
        if device.dead and job.period_s is None and transaction.rank == Rank.SENSOR:
            self._finish(job, Fault(device.name, "bus.dead", now))
            return None
        request = transaction.request
        clear_s = self.core.clear_at(request, now)
        if clear_s > now:
            tagged = self._tagged(job, device, now)
            if tagged is not None:
                request = tagged
            elif (transaction.rank != Rank.ACTUATOR or not request.writes) and not device.misses:
                # Only a write may not wait: it switches now, and its answer is doubted instead.
                self._scheduler.put(job, clear_s)
                return None
        elif job.period_s is not None and len(device.polls) > 1:
            return self._launch_merged(job, device, now)
        return self._launch(job, request, now)

    def _too_late(self, job: Job, now: float) -> str:
        """Name why a one-off job may not be sent any more; '' if it may."""
        if now > job.deadline_s:
            return "bus.overdue"
        if job.transaction.rank == Rank.ACTUATOR:
            unit = job.transaction.request.unit
            if job.number < self._newest.get(unit, 0):
                return "bus.superseded"  # a younger order went to this device: the older must not undo it
            self._newest[unit] = job.number
        return ""

    def _tagged(self, job: Job, device: Device, now: float) -> Request | None:
        """Ask for more registers than wanted, so that an older answer is known by its length."""
        base = job.transaction.request
        if base.function not in REGISTER_READS:
            return None
        declared = job.transaction.spare
        spare = device.spares.get(base, TRY_SPARE) if declared is None else declared
        for more in range(1, min(spare, MAX_READ_REGISTERS - base.count, 0x10000 - base.address - base.count) + 1):
            request = read(base.unit, base.function, base.address, base.count + more)
            if self.core.clear_at(request, now) <= now:
                return request
        return None

    def _launch_merged(self, job: Job, device: Device, now: float) -> Step:
        """Read neighbouring registers of other polls along, if they are nearly due."""
        jobs, request = with_neighbours(job, device, now)
        if len(jobs) > 1 and self.core.clear_at(request, now) > now:
            return self._launch(job, job.transaction.request, now)
        for other in jobs[1:]:
            other.ticket += 1
        return self._launch_all(jobs, request, now)

    def _launch(self, job: Job, request: Request, now: float) -> Step:
        return self._launch_all([job], request, now)

    def _launch_all(self, jobs: list[Job], request: Request, now: float, *, probe_s: float | None = None) -> Step:
        core, job = self.core, jobs[0]
        device = self._scheduler.device(job.transaction.device)
        timeout_s = probe_s
        if timeout_s is None:
            timeout_s = device.timeout_s(0 if device.dead else job.attempts, job.transaction.timeout_max_s)
        self._turn = Turn(jobs, request, device, now, probe=probe_s is not None)
        self.polls += 1
        frame = core.start(request, now, timeout_s, liveness=True)
        look_s = now
        if not (math.isnan(device.early_s) or device.misses or request.reply_may_equal_request):
            look_s = core.sent_s + device.early_s + (request.reply_length + 3) * core.character_s
        return Step(frame, look_s, core.deadline_s or now)

    # ---- what came of it -----------------------------------------------------------------------

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Stray):
            self._take_stray(event, now)
            return
        turn, self._turn = self._turn, None
        if turn is None:
            return
        if isinstance(event, Reply):
            self._take_reply(turn, event, now)
        elif event.kind == "exception":
            self._take_exception(turn, event, now)
        else:
            self._take_failure(turn, event, now)

    def _take_stray(self, event: Stray, now: float) -> None:
        name = self._units.get(event.unit)
        if event.kind != "late" or name is None:
            return
        device = self._scheduler.device(name)
        device.errors["late"] = device.errors.get("late", 0) + 1
        device.learn(event.latency_s)
        self._alive(device, now)

    def _alive(self, device: Device, now: float) -> None:
        if self._scheduler.revived(device, now):
            self.report(Fault(device.name, "bus.back", now))

    def _take_reply(self, turn: Turn, reply: Reply, now: float) -> None:
        device = turn.device
        if not reply.fresh:
            device.misses = 0
            self._ambiguous(turn, now)
            self._alive(device, now)
            return
        self._aim(turn, reply.latency_s)
        device.answered(reply.latency_s, now)
        sent = turn.request
        measured_s = reply.at_s - (sent.reply_length + 3) * self.core.character_s
        for job in turn.jobs:
            wanted = job.transaction.request
            payload = reply.payload
            if wanted is not sent:
                start = 2 * (wanted.address - sent.address)
                payload = payload[start : start + 2 * wanted.count]
            self._finish(job, Answer(device.name, wanted, payload, measured_s, reply.latency_s))
        self._alive(device, now)

    def _aim(self, turn: Turn, latency_s: float) -> None:
        """Look for the next answer just when this device's should be whole: small steps, so that one slow answer
        does not teach us to wait, and longer ones when we seem to come late every time.
        """
        device, character_s = turn.device, self.core.character_s
        if math.isnan(device.early_s):
            device.early_s = latency_s
        elif turn.looks <= 1:
            device.hits += 1
            device.early_s = max(0.0, device.early_s - AIM_EARLIER * character_s * max(1, device.hits - 4))
        else:
            device.hits = 0
            device.early_s = min(latency_s, device.early_s + AIM_LATER * character_s)

    def _ambiguous(self, turn: Turn, now: float) -> None:
        for job in turn.jobs:
            clear_s = self.core.clear_at(job.transaction.request, now)
            if job.period_s is not None:
                job.attempts = 0
                self._scheduler.put(job, clear_s)
            else:
                self._again(job, clear_s, Fault(turn.device.name, "bus.ambiguous", now, "an older answer may be it"))

    def _take_exception(self, turn: Turn, event: Failure, now: float) -> None:
        device = turn.device
        device.errors["exception"] = device.errors.get("exception", 0) + 1
        device.misses = device.damaged = 0
        fault = Fault(device.name, f"bus.exception.{event.code}", now, event.detail)
        for job in turn.jobs:
            wanted = job.transaction.request
            if event.code in ADDRESS_FAULTS and wanted is not turn.request:
                if len(turn.jobs) > 1:
                    device.merges = False
                else:
                    device.spares[wanted] = max(0, turn.request.count - wanted.count - 1)
                self._scheduler.put(job, self.core.clear_at(wanted, now))
            elif event.code in BUSY_CODES:
                self._again(job, now + BUSY_AGAIN_S, fault)
            else:
                self._finish(job, fault)
        self._alive(device, now)

    def _take_failure(self, turn: Turn, event: Failure, now: float) -> None:
        device = turn.device
        if event.kind == "echo" and self.core.echo is None:
            self._tested = not self.check_echo
            self.core.forget_echo(possible=self.check_echo)
        newly_dead = self._scheduler.missed(device, event.kind)
        fault = Fault(device.name, f"bus.{event.kind}", now, event.detail)
        if turn.probe:
            for job in turn.jobs:
                self._scheduler.probed(job, turn.began_s, now + self.core.silence_s)
            return
        if newly_dead:
            fault = Fault(device.name, "bus.dead", now, f"no usable answer; last: {event.kind}")
            self.report(fault)
        for job in turn.jobs:
            if job.period_s is None:
                self._again(job, now, fault)
            elif device.dead:
                job.deliver(fault)
                device.parked.append(job)
            else:
                job.attempts += 1
                self._scheduler.put(job, now)

    def _again(self, job: Job, at_s: float, fault: Fault) -> None:
        """Give a job another chance at ``at_s`` if it has one left, else end it with ``fault``."""
        device = self._scheduler.device(job.transaction.device)
        job.attempts += 1
        if job.attempts <= job.transaction.retries and not device.dead and at_s <= job.deadline_s:
            self._scheduler.put(job, at_s)
        else:
            self._finish(job, fault)

    def _finish(self, job: Job, outcome: Answer | Fault) -> None:
        if job.period_s is None:
            self._scheduler.close(job)
        else:
            self._scheduler.renew(job, outcome.measured_at_s if isinstance(outcome, Answer) else outcome.at_s)
        job.deliver(outcome)
