# SPDX-License-Identifier: Apache-2.0
"""A whole farm on one machine: the twin and its instruments behind pseudo-terminals, the agent, the console.

The rule it keeps: three processes as on a farm; between nature and the agent there are only bytes at 9600 baud.
When this process ends, so do the other two.
"""

import asyncio
import contextlib
import json
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from drivers.bus import fine_timer_loop
from drivers.catalogue import Catalogue
from edge.agent_client import AgentAway, AgentClient
from edge.children import die_with_parent
from edge.config import FarmConfig, parse
from edge.exits import LOG_FILE, SOCKET_FILE, USERS_FILE
from edge.live import LiveState
from edge.practice import Practice
from edge.toml_reader import line_index, settings_text
from edge.users import Users
from edge.wiring import SimulatedField, known_devices
from firmware_bridge.board_process import BoardGone
from firmware_bridge.linux_board import LiveBoard
from pages.words import N_, Told
from telemetry.history import LogReader
from telemetry.records import Ack, Command, Decision, Event, Sample

EXAMPLE: Final = Path(__file__).parent.parent / "deploy" / "examples" / "demo.toml"
START_MAX_S: Final = 300.0
STOP_MAX_S: Final = 15.0
_PORT: Final = re.compile(r'^(\s*port\s*=\s*)"sim"')


AGENT_ENDED: Final = N_("the agent ended with exit code {code}")


class DemoFailed(Told):
    """A part of the demo did not come up, or the self-check found a fault."""


@dataclass(slots=True)
class Findings:
    """What the self-check saw; ``faults`` is empty when all is well."""

    points_stored: int = 0
    decisions: int = 0
    commands: int = 0
    overruns: int = 0
    acks: int = 0
    series: int = 0
    bus_requests: int = 0
    boards: int = 0
    seconds: float = 0.0
    faults: list[Told] = field(default_factory=list)
    asked: bool = False  # a decision let something run; without one nothing has to move

    def unmoved(self) -> bool:
        """Say whether something was to run and did not: not commanded, or commanded and not done."""
        return self.acks == 0 and (self.asked or self.commands > 0)

    def as_json(self) -> str:
        """Give one line of JSON."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__ if name != "asked"}
            | {"faults": [str(fault) for fault in self.faults], "ok": not self.faults}
        )


def with_ports(text: str, config: FarmConfig, paths: dict[str, str]) -> str:
    """Give the farm's text with each simulated port replaced by the pseudo-terminal of its bus or board."""
    at = line_index(text)
    lines = text.splitlines(keepends=True)
    rows = [(f"bus[{i}].port", bus.name) for i, bus in enumerate(config.buses)]
    rows += [(f"board[{i}].port", board.name) for i, board in enumerate(config.boards)]
    for key, name in rows:
        if name in paths:
            lines[at[key] - 1] = _PORT.sub(rf'\1"{paths[name]}"', lines[at[key] - 1])
    return "".join(lines)


class Demo:
    """The field process, and the two that it starts."""

    def __init__(self, state: Path, source: Path) -> None:
        self.state = state
        self._text = settings_text(source)
        self._config = parse(self._text, str(source))
        self.file = state / "farm.toml"
        self.client = AgentClient(state / SOCKET_FILE)

    @contextlib.asynccontextmanager
    async def field(self) -> AsyncIterator[SimulatedField]:
        """Let nature live behind pseudo-terminals, and write the farm.toml that names them."""
        loop = asyncio.get_running_loop()
        known = known_devices(self._config, Catalogue())
        nature = SimulatedField(self._config, known, loop.time(), time.time(), byte_by_byte=True)
        ptys = nature.open_ptys()
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        boards = {name: one.live(self.state / f"{name}.eeprom") for name, one in nature.boards.items()}
        running = [asyncio.create_task(board.run(), name=f"board {name}") for name, board in boards.items()]
        await boards_up(boards, running)
        paths = {name: one.path for name, one in ptys.items()} | {name: one.path for name, one in boards.items()}
        self.file.write_text(with_ports(self._text, self._config, paths), encoding="utf-8")
        living = asyncio.create_task(nature.live(), name="nature")
        practising = asyncio.create_task(nature.follow_practice(Practice(self.state)), name="practice")
        try:
            yield nature
        finally:
            for task in (living, practising, *running):
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for one in ptys.values():
                one.close()

    @contextlib.asynccontextmanager
    async def process(self, *arguments: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run ``vuon`` with these arguments; at the end it is asked to stop, then made to."""
        async with self.run_program(sys.executable, "-m", "edge", *arguments, **options) as child:
            yield child

    @contextlib.asynccontextmanager
    async def run_program(self, *command: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run any program; at the end it is asked to stop, then made to; it also ends when this process dies."""
        child = await asyncio.create_subprocess_exec(*command, preexec_fn=die_with_parent(), **options)
        try:
            yield child
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
                try:
                    async with asyncio.timeout(STOP_MAX_S):
                        await child.wait()
                except TimeoutError:
                    child.kill()
                    await child.wait()

    def agent(self) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """Run the agent."""
        return self.process("run", "--config", str(self.file), "--state", str(self.state))

    def console(self, port: int, *, lan: bool) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """Run the console; its first line of output is JSON with the address."""
        more = ["--lan"] if lan else []
        return self.process(
            "console", "--config", str(self.file), "--state", str(self.state), "--port", str(port), "--json", *more,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def agent_answers(self, child: asyncio.subprocess.Process) -> LiveState:
        """Wait until the agent answers; DemoFailed when it ended or takes too long."""
        end_s = time.monotonic() + START_MAX_S
        while time.monotonic() < end_s:
            if child.returncode is not None:
                raise DemoFailed(AGENT_ENDED, code=child.returncode)
            try:
                return await self.client.status()
            except AgentAway:
                await asyncio.sleep(0.05)
        raise DemoFailed(N_("the agent did not answer within {seconds} s"), seconds=START_MAX_S)

    def invitation(self, address: str) -> str:
        """Give the address with the one-time login of the first person; the address alone when somebody exists."""
        users = Users(self.state / USERS_FILE)
        if users.people():
            return address
        return f"{address}welcome?token={users.first_token(time.time())}"


async def boards_up(boards: dict[str, LiveBoard], running: list[asyncio.Task[None]]) -> None:
    """Wait until every board has a line; DemoFailed with the reason when one has not."""
    ready = [asyncio.create_task(board.started()) for board in boards.values()]
    try:
        async with asyncio.timeout(STOP_MAX_S):
            while not all(one.done() for one in ready):
                await asyncio.wait([*ready, *running], return_when=asyncio.FIRST_COMPLETED)
                for task in running:
                    if task.done():
                        task.result()
    except (BoardGone, TimeoutError) as error:
        raise DemoFailed(N_("a board does not start: {seen}"), seen=str(error) or "-") from error
    finally:
        for one in ready:
            one.cancel()


async def console_address(child: asyncio.subprocess.Process) -> str:
    """Read the address that the console prints once it answers."""
    if child.stdout is None:
        raise DemoFailed(N_("the console's output is not read"))
    async with asyncio.timeout(START_MAX_S):
        line = await child.stdout.readline()
    if not line:
        raise DemoFailed(N_("the console ended with exit code {code}"), code=await child.wait())
    return str(json.loads(line)["address"])


async def check_itself(demo: Demo, seconds: float) -> Findings:
    """Run the farm without a console for ``seconds``, then judge what its log holds."""
    async with demo.field() as nature:
        async with demo.agent() as child:
            await demo.agent_answers(child)
            began_s = time.monotonic()
            await asyncio.sleep(seconds)
            if child.returncode is not None:
                raise DemoFailed(AGENT_ENDED, code=child.returncode)
            live = await demo.client.status()
        lived_s = time.monotonic() - began_s
        return judge(demo, nature, live, lived_s)


def judge(demo: Demo, nature: SimulatedField, live: LiveState, lived_s: float) -> Findings:
    """Count what the log holds of this boot and compare it with what must be there."""
    found = Findings(overruns=live.health.overruns, seconds=round(lived_s, 1))
    found.bus_requests = sum(line.requests for line in nature.lines.values())
    alive: set[str] = set()
    done: set[str] = set()
    boards: set[str] = set()
    reader = LogReader(demo.state / LOG_FILE)
    try:
        for header, records in reader.records():
            if header.epoch != live.epoch:
                continue
            for record in records:
                match record:
                    case Sample(value=value):
                        found.points_stored += 1
                        if value == value:  # noqa: PLR0124 nan is the value of no answer
                            alive.add(record.series)
                    case Decision(level=level):
                        found.decisions += 1
                        found.asked = found.asked or level > 0.0
                    case Command():
                        found.commands += 1
                    case Ack(outcome="done"):
                        done.add(record.command)
                    case Event(kind="mcu.ready"):
                        boards.add(record.subject)
    finally:
        reader.close()
    found.acks, found.series, found.boards = len(done), len(alive), len(boards)
    silent = sorted({tile.series for tile in live.tiles} - alive)
    if silent:
        found.faults.append(Told(N_("no value came over the line for {series}"), series=", ".join(silent)))
    if not found.decisions:
        found.faults.append(Told(N_("no decision was stored")))
    if found.unmoved():
        found.faults.append(
            Told(N_("{given} commands were given, {done} acknowledged"), given=found.commands, done=len(done))
        )
    for name in sorted(set(nature.boards) - boards):
        found.faults.append(Told(N_("the board {name} was never ready"), name=name))
    if not found.bus_requests:
        found.faults.append(Told(N_("no request was seen on the pseudo-terminals")))
    return found


def run_checked(state: Path, source: Path, seconds: float) -> Findings:
    """Run the self-check on an event loop of its own."""
    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        return runner.run(check_itself(Demo(state, source), seconds))
