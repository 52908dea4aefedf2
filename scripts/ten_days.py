# SPDX-License-Identifier: Apache-2.0
"""Makes the ten prepared days and shows each in the console as it stood in the evening.

    python -m scripts.ten_days make FOLDER [--day 3]      some minutes of computing a day
    python -m scripts.ten_days show FOLDER --day 3 --port 8081

The rule it keeps: a day is the whole agent's own record; the console is the one that farms run, only its clock stands
still at the evening of that day and every order is refused.
"""

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from edge.agent import Agent
from edge.agent_client import Answer, Call, receive, send
from edge.cli_console import farm_desk, host_names, listener
from edge.cli_user import welcome_address
from edge.config import load, parse
from edge.console.desk import Clocks
from edge.console.server import serve
from edge.exits import LOG_FILE, SOCKET_FILE, USERS_FILE
from edge.live import LiveState
from edge.rehearsal import rehearse
from edge.users import Role, Users
from edge.wiring import SimulatedField
from telemetry.rows import RealDisk, open_for_writing
from tests.ten_days.days import BEGIN_HOUR, DAYS, END_HOUR, Day, farm_text, until

EVENING_FILE: Final = "evening.msgpack"
READER: Final = "reader"
BEFORE_END_S: Final = 10.0


def make(folder: Path, day: Day, end_hour: float = END_HOUR) -> Path:
    """Live through ``day`` until ``end_hour`` in a new folder below ``folder``; gives it."""
    state = folder / day.name
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    text = farm_text(day)
    (state / "farm.toml").write_text(text, encoding="utf-8")
    seconds = (end_hour - BEGIN_HOUR) * 3600.0

    async def script(agent: Agent, field: SimulatedField) -> None:
        happens = asyncio.create_task(day.happens(agent, field), name="what happens")
        await until(agent, end_hour - BEFORE_END_S / 3600.0)
        (state / EVENING_FILE).write_bytes(msgspec.msgpack.encode(agent.desk.live()))
        await happens

    rehearse(parse(text), text, state, seconds, script)
    return state


async def _answer(evening: LiveState, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as an agent that stands still."""
    try:
        while True:
            call = msgspec.msgpack.decode(await receive(reader), type=Call)
            if call.call in {"watch", "status"}:
                send(writer, Answer(ok=msgspec.Raw(msgspec.msgpack.encode(evening))))
            else:
                send(writer, Answer(error="this day is over: nothing can be ordered any more"))
            await writer.drain()
            while call.call == "watch":
                await asyncio.sleep(1.0)
                send(writer, Answer(ok=msgspec.Raw(msgspec.msgpack.encode(evening))))
                await writer.drain()
    except (OSError, EOFError, asyncio.CancelledError):
        pass  # the console looked and went, or the show is over: this task ends either way
    finally:
        writer.close()


async def show(state: Path, port: int) -> None:
    """Serve the console on one day until a signal ends it; a day of an older release is brought up to date first."""
    open_for_writing(RealDisk(), state / LOG_FILE).close()
    evening = msgspec.msgpack.decode((state / EVENING_FILE).read_bytes(), type=LiveState)
    evening_s = evening.wall_ms / 1000.0
    (state / USERS_FILE).unlink(missing_ok=True)
    users = Users(state / USERS_FILE)
    users.add(READER, Role.VIEWER)
    desk = farm_desk(load(state / "farm.toml"), state, users)
    desk.clocks = Clocks(lambda: evening_s, time.monotonic)
    socket_path = state / SOCKET_FILE
    socket_path.unlink(missing_ok=True)
    agent = await asyncio.start_unix_server(lambda r, w: _answer(evening, r, w), socket_path)
    listening = listener(port, lan=False)

    def ready() -> None:
        at = listening.getsockname()[1]
        print(f"{state.name}: open {welcome_address(users.token_for(READER, evening_s), at)}", flush=True)

    async with agent:
        await serve(desk, listening, host_names(lan=False), ready, lambda: None)


def main() -> int:
    """Make or show days."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "show"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--day", type=int, choices=range(1, len(DAYS) + 1), default=0)
    parser.add_argument("--port", type=int, default=8081)
    given = parser.parse_args()
    if given.what == "show":
        asyncio.run(show(given.folder / DAYS[max(given.day, 1) - 1].name, given.port))
        return 0
    for day in DAYS[given.day - 1 : given.day] if given.day else DAYS:
        began = time.monotonic()
        make(given.folder, day)
        print(f"{day.name}: made in {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
