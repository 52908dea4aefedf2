# SPDX-License-Identifier: Apache-2.0
"""The real machine as the agent's network: a unix socket for those who may speak, and the service manager.

The rule it keeps: only the agent's own user, root and members of the socket's group are let in, and the kernel
says who they are; a stale socket file is replaced, a living one never.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from edge.world import Connection
from pages.words import N_, Told

_CREDENTIALS: Final = struct.Struct("3i")
# struct sockaddr_un holds 108 bytes, the last one zero (unix(7)).
PATH_MAX_BYTES: Final = 107


class SocketTaken(Told):
    """Another agent answers at this socket, or the path cannot be a socket."""


class Machine:
    """``edge.world.Network`` on Linux."""

    def __init__(self, notify_socket: str = "") -> None:
        self._notify_socket = notify_socket

    async def serve_local(self, path: Path, answer: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Offer the socket at ``path`` (mode 0660) until cancelled."""
        talks: set[asyncio.Task[None]] = set()

        def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            uid, gid = _peer(writer)
            if uid not in {0, os.geteuid()} and gid != group:
                writer.close()
                return
            talk = asyncio.ensure_future(answer(Connection(reader, writer, uid, gid)))
            talks.add(talk)
            talk.add_done_callback(talks.discard)

        if len(os.fsencode(path)) > PATH_MAX_BYTES:
            raise SocketTaken(
                N_("{path}: a socket's path has at most {most} bytes; choose a shorter --state"),
                path=str(path),
                most=PATH_MAX_BYTES,
            )
        await _clear(path)
        server = await asyncio.start_unix_server(met, path)
        group = _open_to_group(path)
        try:
            async with server:
                await server.serve_forever()
        finally:
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
            _forget(path)

    def notify(self, message: str) -> None:
        """Tell systemd (sd_notify(3)); a manager that does not listen is none of our business."""
        if not self._notify_socket:
            return
        address = self._notify_socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            try:
                manager.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
            except OSError:
                return


async def _clear(path: Path) -> None:
    """Remove the socket file of an agent that is gone; refuse when one answers."""
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        _forget(path)
        return
    writer.close()
    raise SocketTaken(
        N_("{path}: another agent runs with this folder; stop it first, or give --state another folder"), path=str(path)
    )


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def _open_to_group(path: Path) -> int:
    """Let the file's group in, and give that group."""
    path.chmod(0o660)
    return path.stat().st_gid


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Ask the kernel who is at the other end (SO_PEERCRED, unix(7))."""
    peer: socket.socket = writer.get_extra_info("socket")
    _, uid, gid = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return uid, gid
