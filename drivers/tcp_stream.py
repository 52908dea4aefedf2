# SPDX-License-Identifier: Apache-2.0
"""A TCP connection as a byte stream: RTU-over-TCP gateways, Modbus TCP devices, remote serial servers.

The rule it keeps: the same port as a serial line, with limits on every wait and every buffer.
"""

import asyncio
import socket
from typing import Final, Self
from urllib.parse import urlsplit

from drivers.ports import ByteStream, LineDown

CONNECT_WAIT_S: Final = 3.0
WRITE_WAIT_S: Final = 5.0
READ_MOST: Final = 4096

HINT_REFUSED = "Is the gateway switched on, on this address and port, and does it allow another connection?"
HINT_CLOSED = "The gateway closed the connection; many allow one client only. It is opened again by itself"
HINT_NO_BREAK = "A TCP gateway cannot send a break; use a serial adapter or our microcontroller for SDI-12"


class TcpOpener:
    """Opens a TCP connection to ``host`` and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read ``socket://host:port`` or ``tcp://host:port``."""
        parts = urlsplit(url)
        if not parts.hostname or parts.port is None:
            raise ValueError(f"{url}: a gateway is written socket://HOST:PORT")
        return cls(parts.hostname, parts.port)

    async def open(self) -> ByteStream:
        """Connect, or raise LineDown saying what to do."""
        where = f"{self.host}:{self.port}"
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                reader, writer = await asyncio.open_connection(self.host, self.port, limit=READ_MOST)
        except TimeoutError:
            raise LineDown(where, f"no connection within {CONNECT_WAIT_S:.0f} s", HINT_REFUSED) from None
        except OSError as error:
            raise LineDown(where, str(error), HINT_REFUSED) from error
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return TcpStream(reader, writer, where)


class TcpStream:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        self.where = where
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Wait for at least one byte and give all that came."""
        try:
            data = await self._reader.read(READ_MOST)
        except OSError as error:
            raise self._gone(str(error)) from error
        if not data:
            raise self._gone("the connection was closed")
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        try:
            self._writer.write(data)
            async with asyncio.timeout(WRITE_WAIT_S):
                await self._writer.drain()
        except TimeoutError:
            raise self._gone("the gateway takes no bytes") from None
        except OSError as error:
            raise self._gone(str(error)) from error

    async def send_break(self, seconds: float) -> None:
        """Refuse: TCP has no break."""
        raise LineDown(self.where, f"no break of {seconds} s over TCP", HINT_NO_BREAK)

    def discard_input(self) -> None:
        """Leave what came: TCP loses nothing, and late answers tell the core something."""

    def close(self) -> None:
        """Close at once."""
        transport = self._writer.transport
        if not transport.is_closing():
            transport.abort()

    def _gone(self, seen: str) -> LineDown:
        self.close()
        return LineDown(self.where, seen, HINT_CLOSED)
