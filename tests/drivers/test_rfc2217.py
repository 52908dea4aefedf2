# SPDX-License-Identifier: Apache-2.0
"""A port behind the network (RFC 2217): pyserial's own server side, with a plug that sends back what it gets."""

import asyncio
import contextlib
import socket
import threading

import pytest
import serial
from serial import rfc2217

from drivers.line_settings import LineSettings
from drivers.ports import LineDown
from drivers.serial_port import opener

FAST = LineSettings(baud=115200)


class Connection:
    """What pyserial's server half writes to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)


def _serve(listener: socket.socket) -> None:
    """Serve one client until it goes: network to port and back."""
    sock, _ = listener.accept()
    port = serial.serial_for_url("loop://", timeout=0.005)
    manager = rfc2217.PortManager(port, Connection(sock))  # type: ignore[arg-type]
    sock.settimeout(0.005)
    with sock, port, contextlib.suppress(OSError):
        while True:
            with contextlib.suppress(TimeoutError):
                data = sock.recv(1024)
                if not data:
                    return
                port.write(b"".join(manager.filter(data)))
            came = port.read(256)
            if came:
                sock.sendall(b"".join(manager.escape(came)))


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's own
async def test_a_port_behind_the_network_carries_every_byte() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=_serve, args=(listener,))
    server.start()
    try:
        stream = await opener(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}", FAST).open()
        stream.discard_input()
        everything = bytes(range(256))  # 0xFF among them, which telnet must escape
        await stream.write(everything)
        seen = b""
        async with asyncio.timeout(5):
            while len(seen) < len(everything):
                seen += await stream.read()
        assert seen == everything
        stream.close()
        with pytest.raises(LineDown):
            await stream.write(b"x")
    finally:
        await asyncio.to_thread(server.join, 5)
        listener.close()


async def test_a_network_port_that_is_not_there_says_so() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    where = f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    with pytest.raises(LineDown) as refused:
        await opener(where, FAST).open()
    assert where in str(refused.value)
