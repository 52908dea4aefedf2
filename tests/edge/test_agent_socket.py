# SPDX-License-Identifier: Apache-2.0
"""The local socket: answers calls, streams states, refuses nonsense, survives broken peers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isnan, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.agent_client import AgentAway, AgentClient, BadCall
from edge.agent_socket import CONNECTIONS_MAX, Counter, HoldArgs
from edge.live import Health, LiveState, Outcome, Tile
from edge.live_lines import BusReport, LineHealth
from edge.machine import Machine, SocketTaken
from tests.support.waiting import passes

HEALTH = Health(1.0, 1, 0, 0.1, True, 1, 1, 1, 1, 1, 0, True, "off", 50.0, "0.1.0")
TILE = Tile("pepper-1/co2", "pepper-1", "co2", "ppm", nan, 8, 31.0, 10.0)
STATE = LiveState("farm-1", "Trại", 3, 1000, 2000, True, (TILE,), (), (), HEALTH)


async def _to_its_end(states: AsyncIterator[LiveState]) -> None:
    async for _ in states:
        pass


class Desk:
    def __init__(self) -> None:
        self.orders: list[tuple[str, dict[str, Any]]] = []

    def live(self) -> LiveState:
        return STATE

    def lines(self) -> BusReport:
        return BusReport((LineHealth("bed-bus", "/dev/pts/3", "modbus", True, 7, ()),))

    async def changes(self) -> AsyncIterator[LiveState]:
        for tick in range(1000):
            yield msgspec.structs.replace(STATE, mono_ms=tick)
            await passes(0.001)

    async def order(self, call: str, args: dict[str, Any]) -> Outcome:
        if call == "hold":
            msgspec.convert(args, HoldArgs)
        self.orders.append((call, args))
        return Outcome("done", command="3-1")


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Desk]:
    desk = Desk()
    task = asyncio.create_task(Machine().serve_local(path, Counter(desk).answer))
    for _ in range(2000):
        try:
            (await asyncio.open_unix_connection(path))[1].close()
            break
        except OSError:
            await passes(0.001)
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_health_of_the_lines_is_told(tmp_path: Path) -> None:
    async with served(tmp_path / "agent.sock"):
        (line,) = (await AgentClient(tmp_path / "agent.sock").lines()).lines
    assert (line.name, line.up, line.requests) == ("bed-bus", True, 7)


async def test_status_brings_the_live_state_with_its_missing_numbers(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        state = await AgentClient(tmp_path / "s").status()
    assert state.title == "Trại"
    assert isnan(state.tiles[0].value)


async def test_watch_brings_one_state_after_the_other(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        seen = []
        states = AgentClient(tmp_path / "s").watch()
        async for state in states:
            seen.append(state.mono_ms)
            if len(seen) == 5:
                break
        await states.aclose()  # type: ignore[attr-defined]
    assert seen == [0, 1, 2, 3, 4]


async def test_orders_reach_the_desk_with_their_number(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as desk:
        client = AgentClient(tmp_path / "s")
        outcome = await client.hold("valve-1", 1.0, 300.0, "lan", "operator")
        await client.stop("valve-1", "lan", "operator")
        await client.lock("pepper-1/soil_moisture", "minh")
        await client.unlock("pepper-1/soil_moisture", "minh")
        await client.activate_calibration("pepper-1/soil_moisture", "cal-1", "minh", "technician")
    assert outcome == Outcome("done", command="3-1")
    assert [call for call, _ in desk.orders] == ["hold", "stop", "lock", "unlock", "activate"]
    assert [args.get("seq") for _, args in desk.orders[:2]] == [1, 2]


async def test_bad_arguments_are_named_and_the_connection_lives(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        client = AgentClient(tmp_path / "s")
        with pytest.raises(BadCall, match="bad arguments"):
            await client.hold("valve-1", "open", 5.0, "lan", "operator")  # type: ignore[arg-type]
        assert (await client.status()).edge == "farm-1"


async def test_nobody_there_is_one_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(AgentAway, match="vuon run"):
        await AgentClient(tmp_path / "none").status()


async def test_the_agent_going_away_ends_the_stream_with_one_error(tmp_path: Path) -> None:
    states = AgentClient(tmp_path / "s").watch()
    async with served(tmp_path / "s"):
        assert (await anext(states)).edge == "farm-1"
    with pytest.raises(AgentAway):
        await _to_its_end(states)


async def test_rubbish_and_a_giant_length_cost_only_their_own_connection(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        for rubbish in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            writer.write(rubbish)
            assert await reader.read() == b""
            writer.close()
        assert (await AgentClient(tmp_path / "s").status()).edge == "farm-1"


async def test_too_many_peers_are_refused_and_the_first_ones_served(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        held = [await asyncio.open_unix_connection(tmp_path / "s") for _ in range(CONNECTIONS_MAX)]
        await passes(0.05)
        with pytest.raises(BadCall, match="no free connection"):
            await AgentClient(tmp_path / "s").status()
        for _, writer in held:
            writer.close()


async def test_a_second_agent_refuses_to_take_the_socket_and_a_dead_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with served(path):
        with pytest.raises(SocketTaken, match="another agent"):
            await Machine().serve_local(path, Counter(Desk()).answer)
    path.touch()
    async with served(path):
        assert (await AgentClient(path).status()).edge == "farm-1"


async def test_the_socket_is_closed_to_other_users(tmp_path: Path) -> None:
    async with served(tmp_path / "s"):
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o660


async def test_the_watchdog_message_reaches_the_service_manager(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        Machine(str(tmp_path / "notify")).notify("WATCHDOG=1")
        assert manager.recv(64) == b"WATCHDOG=1"
    Machine(str(tmp_path / "gone")).notify("READY=1")
