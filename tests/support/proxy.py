# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that misbehaves to order: refuses, swallows, delays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Proxy:
    """Stands before a server; ``mode`` is pass, cut (refuse and close), swallow (half open) or slow."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.mode = "pass"
        self._streams: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen for the length of a with."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop()
            await asyncio.sleep(0.05)

    def drop(self) -> None:
        """Close every connection there is."""
        for stream in list(self._streams):
            stream.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "cut":
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._streams |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._streams -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.mode == "slow":
                    await asyncio.sleep(0.3)
                if self.mode == "swallow":
                    continue
                writer.write(data)
                await writer.drain()
        writer.close()
