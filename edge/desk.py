# SPDX-License-Identifier: Apache-2.0
"""What people ask of a running agent: how things stand, and orders; all through the one gate.

The rule it keeps: an order is answered with what became of it: done when the hardware confirmed, refused with
the reason, failed when the hardware did not answer in time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from controllers.schedule import local_time
from controllers.ticks import Origin
from drivers.actuators.orders import OrderFailed
from drivers.calibration.on_chip import ChipRefused
from drivers.calibration.shelf import UnknownCalibration
from edge.actuation import Gate
from edge.agent_socket import ActivateArgs, ChipArgs, HoldArgs, LockArgs, PlaceArgs, StopArgs
from edge.calibration_book import ShelfBook
from edge.control_loop import TickRunner
from edge.live import LiveState, Outcome
from edge.live_board import LiveBoard
from edge.live_lines import BusReport
from edge.orders import Orders
from edge.pipeline import Pipeline
from edge.seen_orders import Giver
from edge.world import BootClock
from pages.words import N_
from telemetry.records import AnyRecord, Event

ANSWER_S: Final = 4.0
LOOK_S: Final = 0.02
PATIENCE_MS: Final = 3000
# The longest tick is 10 s (farm.tick_s); a loop silent for longer has ended or hangs.
TICK_WAIT_S: Final = 15.0


@dataclass(slots=True)
class TickBell:
    """Rings after each tick."""

    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Wake all who wait."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def wait(self) -> None:
        """Wait for the end of the next tick; TimeoutError when none comes."""
        rung = self._rung
        async with asyncio.timeout(TICK_WAIT_S):
            await rung.wait()


async def no_chip(order: ChipArgs) -> Mapping[str, str | float]:
    """Stand for a farm whose instruments keep no calibration of their own."""
    del order
    raise ChipRefused("{model} keeps no calibration of its own that can be set over the bus", model="?")


async def no_memory() -> None:
    """Keep nothing: the numbers of orders live as long as the agent."""


def no_alarms(call: str, args: dict[str, Any]) -> Outcome:
    """Refuse: this agent keeps no alarms."""
    del args
    raise ValueError(f"unknown order {call!r}")


@dataclass(slots=True)
class FarmDesk:
    """The desk of one agent (``edge.agent_socket.Desk``)."""

    boot: BootClock
    board: LiveBoard
    gate: Gate
    orders: Orders
    runner: TickRunner
    pipeline: Pipeline
    book: ShelfBook
    bell: TickBell
    record: Callable[[Sequence[AnyRecord]], None]
    chip: Callable[[ChipArgs], Awaitable[Mapping[str, str | float]]] = no_chip
    line_health: Callable[[], BusReport] = BusReport
    alarms: Callable[[str, dict[str, Any]], Outcome] = no_alarms
    remember: Callable[[], Awaitable[None]] = no_memory

    def live(self) -> LiveState:
        """Give the live state now."""
        wall_ms, clock_ok = self.boot.wall()
        return self.board.state(self.boot.mono_ms(), wall_ms, clock_ok, local_time(wall_ms, self.runner.zone))

    def lines(self) -> BusReport:
        """Say how the field's lines and the devices on them are doing."""
        return self.line_health()

    async def changes(self) -> AsyncIterator[LiveState]:
        """Give a live state after each tick."""
        while True:
            yield self.live()
            await self.bell.wait()

    async def order(self, call: str, args: dict[str, Any], origin: Origin = "manual") -> Outcome:
        """Carry out one order; ValueError or ValidationError for bad arguments. ``origin``: by which way it came."""
        match call:
            case "acknowledge" | "shelve" | "unshelve" | "alarm_test":
                return self.alarms(call, args)
            case "hold":
                return await self._hold(msgspec.convert(args, HoldArgs), origin)
            case "stop":
                return await self._halt(msgspec.convert(args, StopArgs), origin)
            case "activate":
                return self._activate(msgspec.convert(args, ActivateArgs))
            case "lock" | "unlock":
                return self._lock(msgspec.convert(args, LockArgs), locked=call == "lock")
            case "chip":
                return await self._chip(msgspec.convert(args, ChipArgs))
            case "reset" | "maintain":
                return await self._serve_place(call, msgspec.convert(args, PlaceArgs), origin)
        raise ValueError(f"unknown order {call!r}")

    async def _hold(self, args: HoldArgs, origin: Origin) -> Outcome:
        giver = Giver(args.person, args.role, origin, args.issuer, args.epoch, args.seq)
        refused = self.orders.hold(args.output, args.level, args.seconds, giver)
        await self.remember()
        if refused:
            most = self.orders.hold_max_s(args.output) if args.output in self.gate.lines else 0.0
            return Outcome("refused", refused, {"most": most})
        if not await self._allowed(args.output, args.level):
            decision = self.runner.last.get(args.output)
            self.orders.drop(args.output, args.person)
            return Outcome("refused", (decision.limit or decision.code) if decision else "")
        return await self._answer(args.output, args.level)

    async def _allowed(self, output: str, level: float) -> bool:
        """Wait until safety lets the output stand at ``level``; some limits last only a moment (a valve first)."""
        until_ms = self.boot.mono_ms() + PATIENCE_MS
        while True:
            await self.bell.wait()
            allowed = self.runner.allowed.get(output)
            if allowed is not None and abs(allowed - level) < 1e-9:
                return True
            if self.boot.mono_ms() >= until_ms or output not in self.orders.overrides:
                return False

    async def _halt(self, args: StopArgs, origin: Origin) -> Outcome:
        giver = Giver(args.person, args.role, origin, args.issuer, args.epoch, args.seq)
        refused = self.orders.stop(args.output, giver)
        if refused:
            return Outcome("refused", refused)
        safe = self.gate.lines[args.output].safe
        self.gate.affirm(args.output, safe, origin, N_("stopped by a person"), args.person)
        await self.remember()
        return await self._answer(args.output, safe)

    async def _answer(self, output: str, level: float) -> Outcome:
        """Wait until the hardware answered."""
        line = self.gate.lines[output]
        command = line.command.id if line.command else ""
        waited_s = 0.0
        while not line.at(level):
            if waited_s >= ANSWER_S:
                return Outcome("failed", line.detail, command=command)
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S
        return Outcome("done", command=command)

    async def _serve_place(self, call: str, args: PlaceArgs, origin: Origin) -> Outcome:
        giver = Giver(args.person, args.role, origin, args.issuer, args.epoch, args.seq)
        if call == "reset":
            refused = self.orders.reset(args.place, giver)
        else:
            refused = self.orders.work_at(args.place, args.seconds, giver)
        await self.remember()
        if refused:
            return Outcome("refused", refused)
        await self.bell.wait()
        return Outcome("done")

    async def _chip(self, args: ChipArgs) -> Outcome:
        refused = self.orders.may_service(args.series, args.role)
        if not refused and args.series not in self.orders.locks:
            refused = N_("take the probe out of control first")
        if refused:
            return Outcome("refused", refused)
        try:
            said = await self.chip(args)
        except ChipRefused as error:
            return Outcome("refused", error.code, dict(error.fields))
        except OrderFailed as error:
            return Outcome("failed", str(error))
        if args.do in {"tell", "bring_back"}:
            self.pipeline.forget(args.series)
            kind = "calibration.on_chip" if args.do == "tell" else "calibration.brought_back"
            fields: dict[str, str | float | int | bool] = {"value": args.value, "point": args.point}
            self.record((Event(kind, args.series, self.boot.mono_ms(), person=args.person, fields=fields),))
        return Outcome("done", fields=dict(said))

    def _activate(self, args: ActivateArgs) -> Outcome:
        refused = self.orders.may_service(args.series, args.role)
        if refused:
            return Outcome("refused", refused)
        try:
            self.book.activate(args.series, args.artifact, args.person, args.reason)
        except UnknownCalibration:
            return Outcome("refused", N_("there is no such calibration"), {"artifact": args.artifact})
        self.pipeline.forget(args.series)
        fields: dict[str, str | float | int | bool] = {"artifact": args.artifact}
        if args.reason:
            fields["reason"] = args.reason
        self.record(
            (Event("calibration.activated", args.series, self.boot.mono_ms(), person=args.person, fields=fields),)
        )
        return Outcome("done")

    def _lock(self, args: LockArgs, *, locked: bool) -> Outcome:
        refused = self.orders.lock(args.series, Giver(args.person, args.role), locked=locked)
        if refused:
            return Outcome("refused", refused)
        self.pipeline.lock(args.series, locked=locked)
        return Outcome("done")
