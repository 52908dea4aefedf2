# SPDX-License-Identifier: Apache-2.0
"""The one gate to the hardware: every order, whoever gave it, leaves as a leased command that dies by itself.

The rule it keeps: *on* lives only while the control loop keeps affirming it; an order that could not be sent
within its expiry is never sent late; switching off goes before everything else. Each bank of outputs (one relay
board, one microcontroller) is served by its own task, so a dead one delays nobody.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any, Final

from controllers.settings import OutputSettings
from drivers.ports import Confirmation, LineDown, OutputAbility, Outputs
from pages.words import N_
from telemetry.records import Ack, AnyRecord, Command, Event

EXPIRY_MS: Final = 10_000
# A level this near to the one that stands is the same order.
LEVEL_STEP: Final = 0.01
HARDWARE_WAIT_S: Final = 3.0
RETRY_S: Final = 1.0
FAILURES_TO_ALARM: Final = 3


@dataclass(frozen=True, slots=True)
class Wire:
    """How an output of the farm hangs on its bank: ``channel`` is the bank's own name for it."""

    settings: OutputSettings
    channel: str
    ability: OutputAbility


@dataclass(slots=True)
class Line:
    """One output as the gate knows it. ``level`` is what the hardware last confirmed (nan: not known)."""

    output: str
    wire: Wire
    bank: "Bank"
    wanted: float
    affirmed_until_ms: int = 0
    command: Command | None = None
    answered: tuple[str, str] = ("", "")  # the command last acknowledged, and how
    level: float = nan
    since_ms: int = 0
    lease_until_ms: int = 0
    retry_at_ms: int = 0
    failures: int = 0
    outcome: str = ""
    detail: str = ""
    feedback: float = nan
    feedback_ms: int = 0

    @property
    def safe(self) -> float:
        """The level that needs no lease."""
        return self.wire.settings.safe_level

    def at(self, level: float) -> bool:
        """Say whether the hardware stands at ``level`` as far as anybody knows."""
        return abs(self.level - level) < LEVEL_STEP


@dataclass(slots=True)
class Bank:
    """The outputs of one device and the task's alarm clock."""

    name: str
    outputs: Outputs
    lines: dict[str, Line] = field(default_factory=dict)
    stir: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """Turns affirmed levels into leased commands, acknowledges them, and knows how every output stands.

    ``now_ms`` is the agent's monotonic milliseconds, ``record`` takes commands, acks and events for the log.
    """

    def __init__(self, now_ms: Callable[[], int], record: Callable[[Sequence[AnyRecord]], None], epoch: int) -> None:
        self._now_ms = now_ms
        self._record = record
        self._epoch = epoch
        self._seq = 0
        self.banks: dict[str, Bank] = {}
        self.lines: dict[str, Line] = {}
        self.commands = 0
        self.acks = 0

    def add_bank(self, name: str, outputs: Outputs, wires: Mapping[str, tuple[str, OutputSettings]]) -> Bank:
        """Take a bank in: ``wires`` maps output ids to (channel, settings). KeyError for a channel it has not."""
        bank = Bank(name, outputs)
        abilities = outputs.abilities()
        for output, (channel, settings) in wires.items():
            wire = Wire(settings, channel, abilities[channel])
            bank.lines[output] = Line(output, wire, bank, settings.safe_level)
        self.banks[name] = bank
        self.lines.update(bank.lines)
        return bank

    def affirm(self, output: str, level: float, origin: str, reason: str, person: str = "") -> None:
        """Say what ``output`` shall do for one more lease; a new level or a new origin is a new command."""
        line = self.lines[output]
        now = self._now_ms()
        lease_ms = round(self._lease_s(line) * 1000.0)
        line.affirmed_until_ms = now + lease_ms
        known = line.command
        same = known is not None and abs(known.level - level) < LEVEL_STEP
        if known is not None and same and (known.origin, known.person) == (origin, person):
            return
        if known is None and abs(level - line.safe) < LEVEL_STEP and line.at(level):
            return
        self._seq += 1
        line.wanted = level
        line.command = Command(
            id=f"{self._epoch}-{self._seq}",
            output=output,
            mono_ms=now,
            level=level,
            lease_ms=lease_ms,
            expires_ms=now + EXPIRY_MS,
            origin=origin,
            person=person,
            reason=reason,
            epoch=self._epoch,
            seq=self._seq,
        )
        self.commands += 1
        self._record((line.command,))
        line.retry_at_ms = 0
        line.bank.stir.set()

    def feedback(self, output: str, level: float, mono_ms: int) -> None:
        """Take what the hardware itself tells (a coil read back, a position)."""
        line = self.lines[output]
        line.feedback = level
        line.feedback_ms = mono_ms

    def release_all(self) -> None:
        """Want every output in its safe state; the banks carry it out."""
        for output, line in self.lines.items():
            self.affirm(output, line.safe, "safety", "the agent stops")

    async def serve(self, bank: Bank) -> None:
        """Carry out what is wanted of one bank until cancelled; begins by putting everything in its safe state."""
        for line in bank.lines.values():
            await self._release(line)
        while True:
            job = self._next(bank)
            if job is None:
                bank.stir.clear()
                try:
                    async with asyncio.timeout(self._pause_s(bank)):
                        await bank.stir.wait()
                except TimeoutError:
                    pass  # a lease must be renewed or has run out
                continue
            line, level = job
            if abs(level - line.safe) < LEVEL_STEP:
                await self._release(line)
            else:
                await self._hold(line, level)

    async def make_safe(self, timeout_s: float) -> None:
        """At the end: release every output of every bank once, all banks at the same time, within ``timeout_s``."""

        async def one(bank: Bank) -> None:
            for line in bank.lines.values():
                await self._release(line)

        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(one(bank) for bank in self.banks.values()), return_exceptions=True)
        except TimeoutError:
            pass  # the leases in the hardware run out by themselves

    def _lease_s(self, line: Line) -> float:
        return min(line.wire.settings.lease_s, line.wire.ability.lease_max_s)

    def _target(self, line: Line, now: int) -> float:
        """Give the level to stand at now: what is wanted while somebody affirms it, else the safe one."""
        return line.wanted if now <= line.affirmed_until_ms else line.safe

    def _next(self, bank: Bank) -> tuple[Line, float] | None:
        """Give the most urgent thing to do: close, then change, then renew."""
        now = self._now_ms()
        change: tuple[Line, float] | None = None
        renew: tuple[Line, float] | None = None
        for line in bank.lines.values():
            if line.command is not None and now > line.affirmed_until_ms:
                self._lapse(line, now)
            if now < line.retry_at_ms:
                continue
            level = self._target(line, now)
            closing = abs(level - line.safe) < LEVEL_STEP
            if not line.at(level):
                if closing:
                    return line, level
                change = change or (line, level)
            elif not closing and now >= self._renew_at_ms(line):
                renew = renew or (line, level)
            elif line.command is not None and line.answered[0] != line.command.id:
                # The order changed its giver, not its level: nothing to send, but it is answered.
                self._acknowledge(line, Confirmation("done", "", line.feedback))
        return change or renew

    def _lapse(self, line: Line, now: int) -> None:
        """Nobody affirmed this order for a whole lease: it is void, and never sent if it was not."""
        command = line.command
        if command is not None and line.answered != (command.id, "done"):
            self._acknowledge(line, Confirmation("expired", N_("the order could not be sent in time")))
        if abs(line.wanted - line.safe) >= LEVEL_STEP:
            self._record((Event("output.lapsed", line.output, now, "warning"),))
        line.command = None
        line.wanted = line.safe

    def _renew_at_ms(self, line: Line) -> int:
        return line.lease_until_ms - round(self._lease_s(line) * 500.0)

    def _pause_s(self, bank: Bank) -> float:
        now = self._now_ms()
        wake = now + 1000
        for line in bank.lines.values():
            if line.retry_at_ms > now:
                wake = min(wake, line.retry_at_ms)
            elif not line.at(line.safe):
                wake = min(wake, self._renew_at_ms(line), line.affirmed_until_ms + 1)
        return max(0.001, (wake - now) / 1000.0)

    async def _hold(self, line: Line, level: float) -> None:
        asked_ms = self._now_ms()
        lease_s = self._lease_s(line)
        said = await self._ask(line, line.bank.outputs.hold(line.wire.channel, level, lease_s))
        if said.outcome == "done":
            self._stands(line, level)
            # Counted from the question, so that we renew rather too early than too late.
            line.lease_until_ms = asked_ms + round(lease_s * 1000.0)

    async def _release(self, line: Line) -> None:
        said = await self._ask(line, line.bank.outputs.release(line.wire.channel))
        if said.outcome == "done":
            self._stands(line, line.safe)
            line.lease_until_ms = 0

    def _stands(self, line: Line, level: float) -> None:
        if not line.at(level):
            line.since_ms = self._now_ms()
        line.level = level

    async def _ask(self, line: Line, call: Coroutine[Any, Any, Confirmation]) -> Confirmation:
        command = line.command
        try:
            async with asyncio.timeout(HARDWARE_WAIT_S):
                said = await call
        except TimeoutError:
            said = Confirmation("failed", N_("the device did not answer in time"))
        except LineDown as down:
            said = Confirmation("failed", down.hint)
        if said.outcome == "done":
            if line.failures >= FAILURES_TO_ALARM:
                self._tell("output.answers", line, "info", "")
            line.failures = 0
            line.retry_at_ms = 0
        else:
            line.failures += 1
            line.retry_at_ms = self._now_ms() + round(RETRY_S * 1000.0)
            line.level = nan  # nobody knows how it stands now
            if line.failures == FAILURES_TO_ALARM:
                self._tell("output.silent", line, "alarm", said.detail)
        line.outcome, line.detail = said.outcome, said.detail
        if command is line.command:
            self._acknowledge(line, said)
        return said

    def _acknowledge(self, line: Line, said: Confirmation) -> None:
        command = line.command
        if command is None or line.answered == (command.id, said.outcome):
            return
        line.answered = (command.id, said.outcome)
        self.acks += 1
        self._record((Ack(command.id, command.output, self._now_ms(), said.outcome, said.detail, said.feedback),))

    def _tell(self, kind: str, line: Line, severity: str, detail: str) -> None:
        fields: dict[str, str | float | int | bool] = {"failures": line.failures, "detail": detail}
        self._record((Event(kind, line.output, self._now_ms(), severity, fields=fields),))
