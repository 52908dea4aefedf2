# SPDX-License-Identifier: Apache-2.0
"""The agent: polls, judges, decides, acts and remembers, in one process, until it is told to stop.

The rule it keeps: one group of named tasks, every wait bounded; a foreseeable fault is data, a bug ends the
process with the outputs safe (their leases run out whether or not that worked); steps 1 to 7 of the way of
the data need neither network nor broker nor console.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from controllers.schedule import local_time
from controllers.settings import OutputSettings
from drivers.ports import Fault, Outputs, Source
from edge.actuation import Gate
from edge.agent_socket import Counter
from edge.alarm_causes import topology
from edge.alarm_desk import AlarmDesk
from edge.alarms import AlarmBoard
from edge.board_news import hear
from edge.calibration_book import ShelfBook
from edge.config import FarmConfig
from edge.control_loop import Deadlines, Engine, Senses, TickRunner, Trust, every
from edge.derived import Deficits
from edge.desk import FarmDesk, TickBell
from edge.live_board import LiveBoard
from edge.local_switch import LocalSwitches
from edge.orders import Orders
from edge.pipeline import Pipeline, SeriesPlan
from edge.seen_orders import OrderMemory
from edge.temperatures import Temperatures
from edge.votes import Votes
from edge.world import BootClock, World
from telemetry.log import Log, LogUnavailableError
from telemetry.records import AnyRecord, Event, Reading, Sample, Tick

SAFE_STOP_S: Final = 5.0
LOOK_S: Final = 0.05
FIRST_LOOK_S: Final = 5.0
FLUSH_RETRY_S: Final = 1.0
UPKEEP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class OutputBank:
    """One board of outputs: ``wires`` maps output ids to (channel, settings)."""

    name: str
    outputs: Outputs
    wires: Mapping[str, tuple[str, OutputSettings]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the wiring chose for this farm. ``feedback`` maps an output to the series that tells how it stands.

    ``derived`` are the series that ``deficits`` makes; ``water`` hears the temperatures that circuits are told.
    ``save_state`` takes the engine's memory now and gives the work of writing it, which may run in a thread. ``beside``
    are tasks that control does not need, by name; ``upkeep`` is done once a minute, in a thread. ``release`` hears of
    every place where a person has looked.
    """

    engine: Engine
    sources: Mapping[str, Source]
    banks: Sequence[OutputBank]
    plans: Sequence[SeriesPlan]
    deficits: Deficits
    derived: Sequence[SeriesPlan]
    water: Temperatures
    feedback: Mapping[str, str]
    save_state: Callable[[], Callable[[], None]]
    first: Sequence[Event] = ()
    beside: Mapping[str, Callable[["Agent"], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    upkeep: Callable[[int, int], list[Event]] = lambda _mono_ms, _wall_ms: []
    release: Callable[[str], None] = lambda _place: None
    compiled: bool = True
    version: str = ""


class Agent:
    """One farm's agent; ``run`` ends after ``stop``, or with the bug that ended it."""

    def __init__(
        self, config: FarmConfig, world: World, boot: BootClock, log: Log, book: ShelfBook, parts: Parts
    ) -> None:
        self.config = config
        self.world = world
        self.boot = boot
        self.log = log
        self._parts = parts
        self._stop = asyncio.Event()
        self._full = asyncio.Event()
        self._changed = asyncio.Event()
        self._bell = TickBell()
        self.on_written: Callable[[], None] = lambda: None
        control = config.control
        plans = {plan.series: plan for plan in (*parts.plans, *parts.derived)}
        self.alarms = AlarmBoard(self.record, topology(config, {name: plan.device for name, plan in plans.items()}))
        self.pipeline = Pipeline(parts.plans, book, boot.mono_ms())
        self.gate = Gate(boot.mono_ms, self.record, log.epoch)
        self._banks = [self.gate.add_bank(bank.name, bank.outputs, bank.wires) for bank in parts.banks]
        outputs = {output.id: output for output in control.outputs}
        memory = OrderMemory(world.state)
        self.orders = Orders(outputs, plans, control.limits, boot.mono_ms, self.record, memory.seen)
        self.calls = AlarmDesk(
            config, self.alarms, self.orders, boot, self.record, world.state, log.epoch, send=world.network is not None
        )
        trust = Trust.of(config.calibration)
        self.switches = LocalSwitches(config.local_switches, outputs, self.orders, self.alarms)
        self.votes = Votes(control.houses, self.alarms)
        senses = Senses(parts.engine.series, parts.engine.outputs, parts.feedback, trust)
        self.runner = TickRunner(parts.engine, senses, control.timezone)
        self.deadlines = Deadlines()
        self._told_by = {series: output for output, series in parts.feedback.items()}
        self.board = LiveBoard(
            edge=config.farm.edge,
            title=config.farm.title,
            epoch=log.epoch,
            version=parts.version,
            compiled=parts.compiled,
            settings=control,
            plans=plans,
            gate=self.gate,
            orders=self.orders,
            alarms=self.alarms,
            runner=self.runner,
            deadlines=self.deadlines,
        )
        self.desk = FarmDesk(
            boot, self.board, self.gate, self.orders, self.runner, self.pipeline, book, self._bell, self.record
        )
        self.desk.alarms, self.desk.remember = self.calls.order, memory.keep

    def record(self, records: Sequence[AnyRecord]) -> None:
        """Put records into the log's next group."""
        self.log.append(records)
        for record in records:
            if isinstance(record, Event):
                self.alarms.follow(record)
                self.world.tell(record)
        if self.log.due(self.boot.mono_ms()):
            self._full.set()

    # ---- steps 1 to 4: readings come in ----------------------------------------------------------

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Take readings from a source; each becomes a sample at once."""
        samples = [sample for sample in map(self.pipeline.take, readings) if sample is not None]
        self.record(readings)
        self._keep(samples)

    def report(self, fault: Fault) -> None:
        """Take a fault from a source: an event, and for a lost line an alarm."""
        at_ms = self.boot.to_ms(fault.at_s)
        if fault.kind.startswith("mcu."):
            hear(fault, at_ms, self.alarms, self.record)
            return
        ends = {"bus.line_back": "bus.line_down", "bus.back": "bus.dead"}.get(fault.kind)
        if ends is not None:
            self.alarms.clear(ends, fault.device, at_ms)
        elif fault.kind in {"bus.line_down", "bus.dead"}:
            self.alarms.put(fault.kind, fault.device, "alarm", at_ms, {"detail": fault.detail})
        elif fault.kind in {"bus.babble", "sensor.uncompensated"}:
            self.record((Event(fault.kind, fault.device, at_ms, "warning", fields={"detail": fault.detail}),))

    def _keep(self, samples: Sequence[Sample]) -> None:
        samples = [*samples, *self._parts.deficits.take(samples)]
        self._parts.water.take(samples)
        self.record(samples)
        self.board.counts.points += len(samples)
        for sample in samples:
            self.runner.senses.take(sample)
            self.board.samples[sample.series] = sample
            self.alarms.judge(sample)
            output = self._told_by.get(sample.series)
            if output is not None and isfinite(sample.value):
                self.gate.feedback(output, sample.value, sample.mono_ms)

    # ---- steps 5 and 6: the tick -----------------------------------------------------------------

    def tick(self, number: int, late_us: int) -> None:
        """Run one control tick."""
        now = self.boot.mono_ms()
        self.boot.look()
        for series in self.orders.expire():
            self.pipeline.lock(series, locked=False)
        self._keep(self.pipeline.sweep(now))
        # What orders something stands in the record before the tick that heeds it: the record is what replays.
        self.switches.look(self.board.samples, now)
        self.votes.look(self.board.samples, now)
        tick = Tick(number, now, *self.boot.wall(), late_us)
        self.record((tick,))
        resets = self.orders.take_resets()
        for reset in resets:
            self._parts.release(reset.place)
        overrides, maintenance = tuple(self.orders.overrides.values()), tuple(self.orders.maintenance.values())
        result = self.runner.tick(tick, overrides, maintenance, resets)
        self.record(result.decisions)
        self.record(result.events)
        self.board.counts.decisions += len(result.decisions)
        for output in self.runner.engine.outputs:
            self._affirm(output)
        self.calls.tick(now, local_time(tick.wall_ms, self.runner.zone).minute)
        if result.save_state:
            self._changed.set()
        if self.world.network is not None:
            self.world.network.notify("WATCHDOG=1")
        self._bell.ring()

    def _affirm(self, output: str) -> None:
        allowed, wanted = self.runner.allowed[output], self.runner.wanted[output]
        override = self.orders.overrides.get(output)
        decision = self.runner.last.get(output)
        if self._stop.is_set():
            return
        if abs(allowed - wanted) > 1e-9:
            self.gate.affirm(output, allowed, "safety", decision.limit if decision else "")
        elif override is not None:
            self.gate.affirm(output, allowed, override.origin, decision.code if decision else "", override.person)
        else:
            self.gate.affirm(output, allowed, "auto", decision.code if decision else "")

    async def keep_memory(self) -> None:
        """Write the engine's memory whenever a run or a latch changed, for the next boot."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await asyncio.to_thread(self._parts.save_state())
            except OSError as error:
                self.alarms.put("disk.refuses", "memory", "critical", self.boot.mono_ms(), {"detail": str(error)})
                await asyncio.sleep(FLUSH_RETRY_S)
                self._changed.set()
            else:
                self.alarms.clear("disk.refuses", "memory", self.boot.mono_ms())

    # ---- step 8: the log -------------------------------------------------------------------------

    async def write_log(self) -> None:
        """Flush groups as they become due; a disk that refuses is an alarm and is tried again."""
        while True:
            try:
                async with asyncio.timeout(self.log.exposure_ms / 1000.0):
                    await self._full.wait()
            except TimeoutError:
                pass  # a quiet farm still closes its groups
            self._full.clear()
            if not await self.flush():
                await asyncio.sleep(FLUSH_RETRY_S)
                self._full.set()

    async def _keep_up(self) -> None:
        """Seal, retire and look at the disk once a minute."""
        while True:
            await asyncio.sleep(UPKEEP_S)
            wall_ms, clock_ok = self.boot.wall()
            if clock_ok:
                self.record(await asyncio.to_thread(self._parts.upkeep, self.boot.mono_ms(), wall_ms))

    async def flush(self) -> bool:
        """Write what waits; False when the disk refused."""
        wall_ms, clock_ok = self.boot.wall()
        try:
            self.board.counts.rows = await asyncio.to_thread(self.log.flush, self.boot.mono_ms(), wall_ms, clock_ok)
        except LogUnavailableError as error:
            self.board.counts.disk_ok = False
            self.alarms.put("disk.refuses", "log", "critical", self.boot.mono_ms(), {"detail": str(error)})
            return False
        self.on_written()
        if not self.board.counts.disk_ok:
            self.board.counts.disk_ok = True
            self.alarms.clear("disk.refuses", "log", self.boot.mono_ms())
        return True

    # ---- the whole -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the agent to end: outputs are made safe first."""
        self._stop.set()

    async def run(self) -> None:
        """Run until ``stop``; a bug in any task ends all of them and is raised."""
        self.calls.restore()  # first, so that what this start finds again is not told as new
        self.record(self._parts.first)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(source.run(self.deliver, self.report), name=f"poll {name}")
                    for name, source in self._parts.sources.items()
                ]
                tasks += [group.create_task(self.gate.serve(bank), name=f"act {bank.name}") for bank in self._banks]
                tasks.append(group.create_task(self._tick_for_ever(), name="control loop"))
                tasks.append(group.create_task(self.write_log(), name="log"))
                tasks.append(group.create_task(self.keep_memory(), name="memory"))
                tasks.append(group.create_task(self._keep_up(), name="upkeep"))
                tasks.append(group.create_task(self.calls.run(), name="alarms"))
                tasks += [group.create_task(work(self), name=name) for name, work in self._parts.beside.items()]
                if self.world.network is not None:
                    path = self.world.state / "agent.sock"
                    counter = Counter(self.desk)
                    tasks.append(group.create_task(self.world.network.serve_local(path, counter.answer), name="socket"))
                    self.world.network.notify("READY=1")
                await self._stop.wait()
                await self._make_safe()
                for task in tasks:
                    task.cancel()
        finally:
            self.record((Event("agent.stop", self.config.farm.edge, self.boot.mono_ms()),))
            await self.flush()

    async def _tick_for_ever(self) -> None:
        # All outputs are off; to decide before the instruments spoke for the first time would only raise false alarms.
        for _ in range(round(FIRST_LOOK_S / LOOK_S)):
            if len(self.board.samples) >= len(self.board.plans):
                break
            await asyncio.sleep(LOOK_S)
        await every(self.config.control.tick_s, self.tick, self.deadlines, self.world.clock.mono_s)

    async def _make_safe(self) -> None:
        if self.world.network is not None:
            self.world.network.notify("STOPPING=1")
        self.gate.release_all()
        for _ in range(round(SAFE_STOP_S / LOOK_S)):
            if all(line.at(line.safe) for line in self.gate.lines.values()):
                return
            await asyncio.sleep(LOOK_S)
        # What did not answer closes by itself when its lease runs out.
