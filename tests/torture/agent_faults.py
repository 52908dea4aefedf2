# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a whole agent: line, instrument, board, network, disk, clock, plant, people, the agent itself.

The rule it keeps: everything comes from one seed; a fault enters where it would on a farm and ends by itself.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from drivers.sim.faults import Disturbance
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import SimLine, plain
from drivers.sim.signals import ElementFault
from edge.agent import Agent
from edge.practice import Probe
from edge.wiring import SimulatedField
from edge.world import Connection, VirtualClock
from firmware_bridge.linux_board import VirtualBoard
from telemetry.inprocess import InProcessBroker
from telemetry.ports import BrokerError, Message, Session
from telemetry.rows import RealDisk

HOUSE: Final = "pepper-1"
AIR: Final = f"{HOUSE}/air_temperature"
WIND: Final = f"{HOUSE}-outside/wind_speed"
# What nature is made to be, and the series in which it shows.
WEATHER: Final = {"heat": (AIR, 46.0), "frost": (AIR, -2.0), "storm": (WIND, 24.0)}
PLANT_ZONE: Final = ("valve_stuck_open", "valve_stuck_shut", "pipe_burst", "drippers_clogged")
PLANT_HOUSE: Final = ("tank_dry", "pump_dead", "vent_stuck", "fan_dead", "heater_stuck_on", "mains_lost")
JUMPS_MS: Final = (3_600_000, -3_600_000, 86_400_000, -86_400_000, 315_360_000_000, -315_360_000_000)
KINDS: Final = (
    "line.noise", "line.dead",
    "instrument.silent", "instrument.lies", "instrument.frozen",
    "board.reset", "board.power", "board.wedge", "board.cable",
    "network.away", "disk.full",
    "clock.jump", "clock.untrusted",
    *(f"weather.{name}" for name in WEATHER),
    *(f"plant.{name}" for name in (*PLANT_ZONE, *PLANT_HOUSE)),
    "people.hold", "people.hostile", "people.maintenance",
    "agent.killed",
)  # fmt: skip
EYES: Final = frozenset({"line.noise", "line.dead", "instrument.silent", "instrument.lies", "instrument.frozen"})


class FullDisk(RealDisk):
    """The machine's disk, which at times takes nothing."""

    def __init__(self) -> None:
        self.refuses = False

    def connect(self, path: Path, *, read_only: bool) -> sqlite3.Connection:
        """Open a database; every write to it fails while the disk refuses."""
        connection = super().connect(path, read_only=read_only)
        writes = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)

        def judge(action: int, *_: object) -> int:
            return sqlite3.SQLITE_DENY if self.refuses and action in writes else sqlite3.SQLITE_OK

        connection.set_authorizer(judge)
        return connection


class QuietNetwork:
    """A network without anybody else: it hears the watchdog's beats."""

    def __init__(self) -> None:
        self.beats = 0

    async def serve_local(self, path: Path, answer: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Wait for nobody until cancelled."""
        del path, answer
        await asyncio.Event().wait()

    def notify(self, message: str) -> None:
        """Count the beats."""
        self.beats += message.startswith("WATCHDOG")


class RestlessBroker:
    """A broker that is away at times, also in the middle of a session."""

    def __init__(self) -> None:
        self.away = False
        self.carried = 0
        self._inner = InProcessBroker()

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a session; BrokerError while away."""
        self._look()
        async with self._inner.connect(name, will) as session:
            yield _Restless(self, session)

    def _look(self) -> None:
        if self.away:
            raise BrokerError("the broker is away")

    def took(self) -> None:
        """Count a message, or refuse it."""
        self._look()
        self.carried += 1


class _Restless:
    def __init__(self, broker: RestlessBroker, session: Session) -> None:
        self._broker = broker
        self._session = session

    async def publish(self, message: Message) -> None:
        self._broker.took()
        await self._session.publish(message)

    async def subscribe(self, pattern: str, qos: int = 0) -> None:
        await self._session.subscribe(pattern, qos)

    def messages(self) -> AsyncIterator[Message]:
        return self._session.messages()


@dataclass
class Chaos:
    """Begins and ends faults. ``active`` counts those of now by kind; ``hostile`` tells of bad orders that acted."""

    dice: random.Random
    nature: SimulatedField
    clock: VirtualClock
    disk: FullDisk
    broker: RestlessBroker
    faults: int = 0
    kinds: set[str] = field(default_factory=set)
    active: dict[str, int] = field(default_factory=dict)
    ended_s: dict[str, float] = field(default_factory=dict)
    killed: bool = False
    hostile: list[str] = field(default_factory=list)
    _ends: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _cuts: list[VirtualBoard] = field(default_factory=list)
    _number: int = 0
    _counted: bool = False  # the agent answered an order of the phone's second counting
    _felt: list[tuple[str, Probe]] = field(default_factory=list)  # the weathers of now, the latest last
    _deck: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def step(self, now_s: float, chance: float, agent: Agent) -> None:
        """Live a second: end what is over, perhaps begin something."""
        for one in [one for one in self._ends if one[0] <= now_s]:
            self._ends.remove(one)
            one[2]()
            self.active[one[1]] -= 1
            self.ended_s[one[1]] = now_s
        if self.dice.random() < chance:
            if not self._deck:  # every kind comes before any comes again
                self._deck = self.dice.sample(KINDS, len(KINDS))
            kind = self._deck.pop()
            self.faults += 1
            self.kinds.add(kind)
            end = self._begin(kind, agent)
            self.active[kind] = self.active.get(kind, 0) + 1
            self._ends.append((now_s + self.dice.uniform(5.0, 150.0), kind, end))

    def since_s(self, now_s: float, kinds: frozenset[str] | set[str]) -> float:
        """Give for how long none of these kinds has been at work."""
        if any(self.active.get(kind, 0) for kind in kinds):
            return 0.0
        return min((now_s - self.ended_s[kind] for kind in kinds if kind in self.ended_s), default=now_s)

    def _begin(self, kind: str, agent: Agent) -> Callable[[], None]:
        family, _, name = kind.partition(".")
        match family:
            case "line":
                return self._line(name)
            case "instrument":
                return self._instrument(name)
            case "board":
                return self._board(name)
            case "network":
                self.broker.away = True
                return lambda: setattr(self.broker, "away", False)
            case "disk":
                self.disk.refuses = True
                return lambda: setattr(self.disk, "refuses", False)
            case "clock":
                return self._clock(name)
            case "weather":
                return self._weather(*WEATHER[name])
            case "plant":
                return self._plant(name)
            case "people":
                return self._people(name, agent)
        self.killed = True
        return lambda: None

    def _line(self, name: str) -> Callable[[], None]:
        line = self.dice.choice([one for one in self.nature.lines.values() if isinstance(one, SimLine)])
        line.behaviour = Disturbance(self.dice.uniform(0.05, 0.6)) if name == "noise" else lambda _exchange: []
        return lambda: setattr(line, "behaviour", plain)

    def _instrument(self, name: str) -> Callable[[], None]:
        instruments = [one for one in self.nature.instruments.values() if isinstance(one, SimulatedInstrument)]
        one = self.dice.choice(instruments)
        if name == "silent":
            one.silent = True
            return lambda: setattr(one, "silent", False)
        fault = ElementFault("lying" if name == "lies" else "frozen", 0.0, amount=self.dice.uniform(-50.0, 50.0))
        one.faults.append(fault)
        return lambda: one.faults.remove(fault)

    def _board(self, name: str) -> Callable[[], None]:
        board = next(iter(self.nature.boards.values())).process
        if isinstance(board, VirtualBoard):
            if name == "cable":
                return self._cut(board)
            board.inject(name)
        return lambda: None

    def _cut(self, board: VirtualBoard) -> Callable[[], None]:
        """The wire to the board is cut: nothing reaches it and neither end knows; what it reports still comes."""
        self._cuts.append(board)
        board.write = _lost  # type: ignore[method-assign]
        return lambda: self._mend(board)

    def _mend(self, board: VirtualBoard) -> None:
        self._cuts.remove(board)
        if board not in self._cuts:  # the last of those that overlapped
            del board.write

    def _clock(self, name: str) -> Callable[[], None]:
        if name == "untrusted":
            self.clock.trusted = False
            return lambda: setattr(self.clock, "trusted", True)
        self.clock.pushed_ms = self.dice.choice(JUMPS_MS)
        return lambda: setattr(self.clock, "pushed_ms", 0)

    def _weather(self, series: str, value: float) -> Callable[[], None]:
        """Let what is measured stand at a value; of two at once the later one is felt, and then the other again."""
        mine = (series, Probe(beaker=value))
        self._felt.append(mine)
        self._feel()
        return lambda: self._calm(mine)

    def _calm(self, mine: tuple[str, Probe]) -> None:
        self._felt = [one for one in self._felt if one is not mine]
        self._feel()

    def _feel(self) -> None:
        self.nature.practice = dict(self._felt)

    def _plant(self, name: str) -> Callable[[], None]:
        twin = self.nature.field.twin
        place = self.dice.choice(twin.zones) if name in PLANT_ZONE else HOUSE
        twin.break_down(place, name, self.dice.random())
        return lambda: twin.repair(place, name)

    def _people(self, name: str, agent: Agent) -> Callable[[], None]:
        self._number += 1
        output = self.dice.choice(list(agent.gate.lines))
        order: dict[str, Any] = {"output": output, "person": "lan", "role": "operator", "level": 1.0, "seconds": 90.0}
        numbered = {"issuer": "phone", "epoch": 2, "seq": self._number}
        if name == "hold":
            self._ask(agent, "hold", order | numbered, may=True)
        elif name == "maintenance":
            place = self.dice.choice((HOUSE, f"{HOUSE}-water"))
            self._ask(agent, "maintain", {"place": place, "seconds": 60.0, "person": "minh", "role": "technician"},
                      may=True)  # fmt: skip
        else:
            bad = self.dice.choice(
                (
                    {"role": "viewer"}, {"level": float("nan")}, {"level": 7.0}, {"seconds": float("inf")},
                    {"seconds": -5.0}, {"output": "moon"}, {"issuer": "phone", "epoch": 1, "seq": 9_000 + self._number},
                )
            )  # fmt: skip
            self._ask(agent, "hold", order | bad, may="issuer" in bad and not self._counted)
        return lambda: None

    def _ask(self, agent: Agent, call: str, args: dict[str, Any], *, may: bool) -> None:
        async def ask() -> None:
            try:
                answer = await agent.desk.order(call, args)
            except TimeoutError:
                return  # the agent was killed meanwhile
            self._counted = self._counted or args.get("epoch") == 2
            if not may and answer.outcome not in {"refused", "duplicate"}:
                self.hostile.append(f"{call} {args}: {answer.outcome}")

        task = asyncio.get_running_loop().create_task(ask(), name="person")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _lost(data: bytes) -> None:
    """Bytes that go nowhere."""
    del data
