# SPDX-License-Identifier: Apache-2.0
"""Who speaks next on one bus, for how long we wait for the answer, and how each device is doing.

The rule it keeps: earliest deadline first, actuators before a suspect's second chance before people before
sensors; the dead cost a bounded share of the line (``PROBE_SHARE`` when it is busy, ``IDLE_PROBE_SHARE`` when
nothing else is due) and nobody waits longer than a device's own history justifies. Numbers and their
measurements: docs/bus.md.
"""

import enum
import heapq
import math
from collections.abc import Callable
from typing import Final

import msgspec

from drivers.modbus_pdu import Request, RequestError
from drivers.ports import Fault

FLOOR_S: Final = 0.04  # a shorter wait gives false time-outs on a loaded host
FIRST_S: Final = 0.3  # before a device's latency is known
DEAD_AFTER: Final = 3  # silences in a row
UNREADABLE_AFTER: Final = 8  # damaged answers in a row
PROBE_SHARE: Final = 0.028
IDLE_PROBE_SHARE: Final = 0.1
PROBE_EVERY_S: Final = 6.0  # one dead device is asked no oftener than this on a busy bus
IDLE_PROBE_EVERY_S: Final = 1.0  # ... and on an idle one
PATIENT_PROBE: Final = 32  # every so many probes waits longer, for a device that came back slow
IDLE_PATIENT_PROBE: Final = 4
BUSY_PATIENCE_S: Final = 0.08
ACTUATOR_RUN: Final = 16  # so many actuator jobs in a row let one sensor through
MAX_JOBS: Final = 1024


class Rank(enum.IntEnum):
    """Order on the bus; the lower goes first."""

    ACTUATOR = 0
    SUSPECT = 1
    PERSON = 2
    SENSOR = 3


class Transaction(msgspec.Struct, frozen=True):
    """One thing to do on the bus.

    ``within_s``: a one-off job not sent by then is given up, so that an old command never comes late.
    ``spare``: registers readable after the block (tags a repeated read by its length); None: find out.
    ``merge_gap``: unread registers that a merged read may bridge.
    """

    device: str
    request: Request
    rank: Rank = Rank.SENSOR
    within_s: float = 1.0
    retries: int = 2
    spare: int | None = None
    merge_gap: int = 0
    timeout_max_s: float = 1.0


class Answer(msgspec.Struct, frozen=True):
    """A device's good answer: registers or bits as bytes, and when the device measured (loop seconds)."""

    device: str
    request: Request
    payload: bytes
    measured_at_s: float
    latency_s: float


Outcome = Answer | Fault
Deliver = Callable[[Outcome], None]


class Health(msgspec.Struct, frozen=True):
    """How a device is doing: state unknown, ok, suspect or dead; errors counted by kind."""

    device: str
    state: str
    latency_s: float
    timeout_s: float
    good: int
    errors: dict[str, int]
    last_good_s: float


class Job:
    """A transaction on its way; ``period_s`` is set for a poll, which comes again."""

    __slots__ = ("attempts", "deadline_s", "deliver", "number", "period_s", "release_s", "ticket", "transaction")

    def __init__(self, transaction: Transaction, deliver: Deliver, now: float, period_s: float | None) -> None:
        self.transaction = transaction
        self.deliver = deliver
        self.period_s = period_s
        self.release_s = now
        self.deadline_s = now + (transaction.within_s if period_s is None else period_s)
        self.attempts = 0
        self.number = 0  # in the order of asking
        self.ticket = 0  # a heap entry with another ticket is void


class Device:
    """What is known of one device on the bus."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.latency_s = math.nan
        self.spread_s = 0.0
        self.early_s = math.nan  # where to look first for its answer
        self.hits = 0  # how often in a row that look found it whole
        self.misses = 0
        self.damaged = 0
        self.dead = False
        self.probes = 0
        self.probed_s = -math.inf
        self.parked: list[Job] = []
        self.polls: list[Job] = []
        self.merges = True
        self.spares: dict[Request, int] = {}
        self.good = 0
        self.errors: dict[str, int] = {}
        self.last_good_s = math.nan

    def answered(self, latency_s: float, now: float) -> None:
        """Count a good answer and learn its latency (RFC 6298's estimator)."""
        self.good += 1
        self.misses = self.damaged = self.probes = 0
        self.last_good_s = now
        self.learn(latency_s)

    def learn(self, latency_s: float) -> None:
        """Take one measured latency into the estimate."""
        if math.isnan(self.latency_s):
            self.latency_s, self.spread_s = latency_s, latency_s / 2
        else:
            self.spread_s += 0.25 * (abs(latency_s - self.latency_s) - self.spread_s)
            self.latency_s += 0.125 * (latency_s - self.latency_s)

    def timeout_s(self, attempt: int, limit_s: float) -> float:
        """How long to wait for the first byte; doubles from the second repetition on."""
        base = FIRST_S if math.isnan(self.latency_s) else max(FLOOR_S, self.latency_s + 6 * self.spread_s)
        return min(limit_s, base * float(1 << min(max(0, attempt - 1), 8)))

    def probe_timeout_s(self, limit_s: float, *, idle: bool) -> float:
        """How long a probe of the dead waits: as its life was, now and then patiently if it came back slow."""
        if math.isnan(self.latency_s):
            return min(limit_s, FIRST_S) if idle else min(limit_s, BUSY_PATIENCE_S)
        if idle and self.probes % IDLE_PATIENT_PROBE == IDLE_PATIENT_PROBE - 1:
            return self.timeout_s(2 + self.probes // IDLE_PATIENT_PROBE, limit_s)
        if not idle and self.probes % PATIENT_PROBE == PATIENT_PROBE - 1:
            return min(limit_s, BUSY_PATIENCE_S)
        return min(self.timeout_s(0, limit_s), max(0.008, self.latency_s + 4 * self.spread_s + 0.002))

    def health(self) -> Health:
        """Give a snapshot."""
        state = "dead" if self.dead else "suspect" if self.misses or self.damaged else "ok"
        if not self.good and state == "ok":
            state = "unknown"
        wait_s = self.timeout_s(0, math.inf)
        return Health(self.name, state, self.latency_s, wait_s, self.good, dict(self.errors), self.last_good_s)


class Scheduler:
    """Orders the jobs of one bus."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.probe_free_s = -math.inf  # the budget allows the next probe then, if the bus is busy
        self.probe_idle_s = -math.inf  # ... and if it is idle
        self._later: list[tuple[float, int, int, Job]] = []
        self._ready: list[tuple[Rank, float, int, int, Job]] = []
        self._count = 0
        self._run = 0
        self._open = 0
        self._added = 0
        self._dead: list[Device] = []

    def device(self, name: str) -> Device:
        """Give the device's record, made at first sight."""
        found = self.devices.get(name)
        if found is None:
            found = self.devices[name] = Device(name)
        return found

    def add(self, job: Job) -> None:
        """Take a new job."""
        if self._open >= MAX_JOBS:
            raise RequestError(f"more than {MAX_JOBS} jobs wait on this bus: it cannot carry what is asked of it")
        self._open += 1
        self._added += 1
        job.number = self._added
        if job.period_s is not None:
            self.device(job.transaction.device).polls.append(job)
        self.put(job, job.release_s)

    def close(self, job: Job) -> None:
        """Forget a job for ever."""
        job.ticket += 1
        self._open -= 1
        device = self.device(job.transaction.device)
        if job in device.polls:
            device.polls.remove(job)
        if job in device.parked:
            device.parked.remove(job)

    def put(self, job: Job, at_s: float) -> None:
        """Let ``job`` be due at ``at_s``."""
        job.release_s = at_s
        job.ticket += 1
        self._count += 1
        heapq.heappush(self._later, (at_s, self._count, job.ticket, job))

    def renew(self, job: Job, now: float) -> None:
        """Schedule a poll's next turn on its own grid; turns that the bus could not keep are left out."""
        period = job.period_s or 0.0
        job.attempts = 0
        due = job.deadline_s
        if due < now - period:
            due = now
        job.deadline_s = due + period
        self.put(job, due)

    def pick(self, now: float) -> Job | None:
        """Give the job to run now. Jobs of dead devices are parked, their probes come by :meth:`probe`."""
        later, ready = self._later, self._ready
        while later and later[0][0] <= now:
            _, order, ticket, job = heapq.heappop(later)
            if ticket == job.ticket:
                rank = min(job.transaction.rank, Rank.SUSPECT if job.attempts else Rank.SENSOR)
                # Orders keep the order of asking: an "open" must never overtake, or follow late, its "close".
                due = float(job.number) if rank == Rank.ACTUATOR else job.deadline_s
                heapq.heappush(ready, (rank, due, order, ticket, job))
        while ready:
            if self._run >= ACTUATOR_RUN and ready[0][0] == Rank.ACTUATOR:
                entry = self._first_sensor() or heapq.heappop(ready)
            else:
                entry = heapq.heappop(ready)
            rank, job = entry[0], entry[4]
            if entry[3] != job.ticket:
                continue
            self._run = self._run + 1 if rank == Rank.ACTUATOR else 0
            device = self.device(job.transaction.device)
            if device.dead and job.period_s is not None:
                job.ticket += 1
                device.parked.append(job)
                continue
            return job
        return None

    def _first_sensor(self) -> tuple[Rank, float, int, int, Job] | None:
        waiting = [entry for entry in self._ready if entry[0] != Rank.ACTUATOR]
        if not waiting:
            return None
        entry = min(waiting)
        self._ready.remove(entry)
        heapq.heapify(self._ready)
        return entry

    def busy_before_probe(self) -> bool:
        """Say whether something that outranks a probe of the dead is ready."""
        return bool(self._ready) and self._ready[0][0] <= Rank.SUSPECT

    def probe(self, now: float, *, idle: bool) -> Job | None:
        """Give a dead device's poll to try now, if the budget allows one."""
        if not self._dead or now < (self.probe_idle_s if idle else self.probe_free_s):
            return None
        device = self._longest_dead()
        if device is None or now < device.probed_s + (IDLE_PROBE_EVERY_S if idle else PROBE_EVERY_S):
            return None
        device.probed_s = now
        return device.parked.pop(0)

    def probed(self, job: Job, began_s: float, now: float) -> None:
        """Charge a probe that failed to the budget and park its job again."""
        device = self.device(job.transaction.device)
        device.probes += 1
        device.parked.append(job)
        self.charge(began_s, now)

    def charge(self, began_s: float, now: float) -> None:
        """Book line time spent on the dead."""
        cost_s = now - began_s
        self.probe_free_s = began_s + cost_s / PROBE_SHARE
        self.probe_idle_s = began_s + cost_s / IDLE_PROBE_SHARE

    def missed(self, device: Device, kind: str) -> bool:
        """Count a bad outcome; say whether the device is now, newly, taken for dead."""
        device.errors[kind] = device.errors.get(kind, 0) + 1
        if kind in {"timeout", "foreign", "noise", "echo"}:
            device.misses += 1
        else:
            device.damaged += 1
        if device.dead or (device.misses < DEAD_AFTER and device.misses + device.damaged < UNREADABLE_AFTER):
            return False
        device.dead = True
        self._dead.append(device)
        return True

    def revived(self, device: Device, now: float) -> bool:
        """The device gave a sign of life; say whether it was dead. Its parked polls are due at once."""
        if not device.dead:
            return False
        device.dead = False
        self._dead.remove(device)
        parked, device.parked = device.parked, []
        for job in parked:
            job.attempts = 0
            job.deadline_s = now + (job.period_s or 0.0)
            self.put(job, now)
        return True

    def wake_s(self) -> float:
        """Give the time at which the next job or probe is due, if nothing is ready."""
        while self._later and self._later[0][2] != self._later[0][3].ticket:
            heapq.heappop(self._later)
        due_s = self._later[0][0] if self._later else math.inf
        first = self._longest_dead()
        if first is not None:
            due_s = min(due_s, max(self.probe_idle_s, first.probed_s + IDLE_PROBE_EVERY_S))
        return due_s

    def _longest_dead(self) -> Device | None:
        parked = [device for device in self._dead if device.parked]
        return min(parked, key=lambda item: item.probed_s) if parked else None

    def open_jobs(self) -> list[Job]:
        """Give every job that is waiting, ready or parked."""
        found = {id(entry[-1]): entry[-1] for entry in self._later if entry[2] == entry[3].ticket}
        found |= {id(entry[-1]): entry[-1] for entry in self._ready if entry[3] == entry[4].ticket}
        for device in self.devices.values():
            found |= {id(job): job for job in device.parked}
        return list(found.values())
