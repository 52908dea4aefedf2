# SPDX-License-Identifier: Apache-2.0
"""A serial port as a byte stream on the event loop, opened by identity; the only file that knows pyserial.

The rule it keeps: no thread and no blocking call for a local port; a port that fails is closed at once (else it
comes back under another name), and every refusal says what to do.
"""

import asyncio
import contextlib
import errno
import os
import termios
from pathlib import Path
from typing import Final

import serial

from drivers.line_settings import LineSettings
from drivers.modbus_tcp import GatewayOpener
from drivers.ports import ByteStream, LineDown, StreamOpener
from drivers.tcp_stream import TcpOpener

READ_MOST: Final = 4096
WRITE_WAIT_S: Final = 5.0
RFC2217_POLL_S: Final = 0.005
BY_IDENTITY: Final = (Path("/dev/serial/by-path"), Path("/dev/serial/by-id"))

HINT_MISSING = "Is the adapter plugged in? List the ports with: ls -l /dev/serial/by-path"
HINT_DENIED = "Add the user to the group of serial ports: sudo usermod -aG dialout USER, then log in again"
HINT_BUSY = "Another program has the port; stop it, or give it another port"
HINT_GONE = "The adapter was unplugged or lost its power; the port is opened again when it comes back"
HINT_SETTING = "Is it a serial port, and does its adapter know this speed and format? Try 9600 8N1"
HINT_NO_BREAK = "This line cannot send a break; use a serial adapter or our microcontroller for SDI-12"


def opener(where: str, settings: LineSettings) -> StreamOpener:
    """Give the opener of a line.

    ``/dev/...``, ``rfc2217://host:port``, ``tcp://host:port`` (Modbus TCP) or ``socket://host:port`` (raw TCP).
    """
    if where.startswith("socket://"):
        return TcpOpener.from_url(where)
    if where.startswith("tcp://"):
        return GatewayOpener(TcpOpener.from_url(where))
    return SerialOpener(where, settings)


class SerialOpener:
    """Opens one local or RFC 2217 port, each time from its name, so that a replugged adapter is found again."""

    def __init__(self, where: str, settings: LineSettings) -> None:
        self.where = where
        self.settings = settings

    async def open(self) -> ByteStream:
        """Open the port, or raise LineDown saying what to do."""
        if self.where.startswith("rfc2217://"):
            port = await asyncio.to_thread(_open, self.where, self.settings)
            return NetworkPort(port, self.where)
        port = _open(self.where, self.settings)
        return SerialPort(port, self.where)


def _open(where: str, settings: LineSettings) -> serial.Serial:
    pty = is_pty(where)
    try:
        port = serial.serial_for_url(
            where,
            baudrate=settings.baud,
            bytesize=8 if pty else settings.data_bits,
            parity="N" if pty else settings.parity,  # a pseudo-terminal carries no parity and refuses it
            stopbits=settings.stop_bits,
            timeout=0,
            write_timeout=None if "://" in where else 0,
            **({} if "://" in where else {"exclusive": True}),
        )
    except (OSError, ValueError) as error:
        raise _refusal(where, error) from error
    if "://" not in where and not pty:
        try:
            port.set_low_latency_mode(True)
        except (OSError, ValueError, AttributeError):
            return port  # the driver has no such mode; `latency_timer_ms` tells what it has
    return port


def _refusal(where: str, error: OSError | ValueError) -> LineDown:
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
        return LineDown(where, "there is no such port", HINT_MISSING)
    if number in {errno.EACCES, errno.EPERM}:
        return LineDown(where, "permission denied", HINT_DENIED)
    if number in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK} or "exclusively lock" in str(error):
        return LineDown(where, f"the port is busy{_owner(where)}", HINT_BUSY)
    if number == errno.EIO:
        return LineDown(where, "input/output error", HINT_GONE)
    if isinstance(error, ValueError) or number in {errno.EINVAL, errno.ENOTTY} or "configure port" in str(error):
        return LineDown(where, str(error), HINT_SETTING)
    return LineDown(where, str(error), HINT_MISSING)


def _owner(where: str) -> str:
    """Name the process that has the port open, as far as we may see."""
    real = os.path.realpath(where)
    for entry in Path("/proc").glob("[0-9]*"):
        if entry.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == real for link in (entry / "fd").iterdir()):
                return f", held by {(entry / 'comm').read_text().strip()} (process {entry.name})"
        except OSError:
            continue
    return ""


class SerialPort:
    """A local port: reads and writes its descriptor when the loop says so."""

    def __init__(self, port: serial.Serial, where: str) -> None:
        self.where = where
        self._port = port
        self._fd: int = port.fileno()
        self._pty = is_pty(where)
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._fd, False)
        _wait_for_bytes(self._fd)

    async def read(self) -> bytes:
        """Wait for at least one byte and give all that came; at once if some are there already."""
        while not (data := self.read_now()):
            await self._ready(writing=False)
        return data

    def read_now(self) -> bytes:
        """Give what came, or nothing; never wait."""
        self._check()
        try:
            data = os.read(self._fd, READ_MOST)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(os.strerror(error.errno or 0)) from error
        if not data:
            raise self._gone("ready to read, but there is nothing")
        return data

    async def write(self, data: bytes) -> None:
        """Hand all of ``data`` to the port."""
        rest = memoryview(data)
        while rest:
            self._check()
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                try:
                    async with asyncio.timeout(WRITE_WAIT_S):
                        await self._ready(writing=True)
                except TimeoutError:
                    raise self._gone("the port takes no bytes") from None
            except OSError as error:
                raise self._gone(os.strerror(error.errno or 0)) from error

    async def send_break(self, seconds: float) -> None:
        """Hold the line in break state."""
        self._check()
        if self._pty:
            raise LineDown(self.where, "a pseudo-terminal carries no break", HINT_NO_BREAK)
        try:
            self._port.break_condition = True
            await asyncio.sleep(seconds)
            self._port.break_condition = False
        except OSError as error:
            raise self._gone(str(error)) from error

    def discard_input(self) -> None:
        """Throw away what was received and not yet read."""
        if self._fd < 0:
            return
        try:
            self._port.reset_input_buffer()
        except OSError as error:
            raise self._gone(str(error)) from error

    def close(self) -> None:
        """Close the descriptor at once."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1
            with contextlib.suppress(OSError):  # an unplugged adapter cannot be closed politely
                self._port.close()

    def _check(self) -> None:
        if self._fd < 0:
            raise LineDown(self.where, "the port is closed", HINT_GONE)

    def _gone(self, seen: str) -> LineDown:
        self.close()
        return LineDown(self.where, seen, HINT_GONE)

    async def _ready(self, *, writing: bool) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        fd = self._fd
        add = self._loop.add_writer if writing else self._loop.add_reader
        remove = self._loop.remove_writer if writing else self._loop.remove_reader
        add(fd, _resolve, future)
        try:
            await future
        finally:
            if self._fd == fd:
                remove(fd)


class NetworkPort:
    """An RFC 2217 port: pyserial reads the socket, we ask it for what came."""

    def __init__(self, port: serial.Serial, where: str) -> None:
        self.where = where
        self._port = port

    async def read(self) -> bytes:
        """Wait for at least one byte and give all that came."""
        while True:
            try:
                waiting = self._port.in_waiting
                if waiting:
                    return bytes(self._port.read(waiting))
            except OSError as error:
                raise self._gone(str(error)) from error
            await asyncio.sleep(RFC2217_POLL_S)

    async def write(self, data: bytes) -> None:
        """Hand all of ``data`` to the socket."""
        try:
            self._port.write(data)
        except OSError as error:
            raise self._gone(str(error)) from error

    async def send_break(self, seconds: float) -> None:
        """Hold the far line in break state."""
        try:
            self._port.break_condition = True
            await asyncio.sleep(seconds)
            self._port.break_condition = False
        except OSError as error:
            raise self._gone(str(error)) from error

    def discard_input(self) -> None:
        """Throw away what was received and not yet read, here; purging at the far end would cost a round trip."""
        try:
            waiting = self._port.in_waiting
            if waiting:
                self._port.read(waiting)
        except OSError as error:
            raise self._gone(str(error)) from error

    def close(self) -> None:
        """Close at once."""
        with contextlib.suppress(OSError):  # the socket is gone already
            self._port.close()

    def _gone(self, seen: str) -> LineDown:
        self.close()
        return LineDown(self.where, seen, HINT_GONE)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _wait_for_bytes(fd: int) -> None:
    """Make an empty line say "try again"; as pyserial leaves it, it cannot be told from a line that hung up."""
    attributes = termios.tcgetattr(fd)
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def is_pty(where: str) -> bool:
    """Say whether the name stands for a pseudo-terminal (a simulated line)."""
    return os.path.realpath(where).startswith("/dev/pts/")


def ports() -> list[str]:
    """Give the serial ports of this machine by lasting names: by-path first, by-id where there is no path."""
    found: dict[str, str] = {}
    for folder in BY_IDENTITY:
        if folder.is_dir():
            for link in sorted(folder.iterdir()):
                found.setdefault(os.path.realpath(link), str(link))
    for pattern in ("ttyAMA*", "ttyS0", "serial0"):
        for device in sorted(Path("/dev").glob(pattern)):
            found.setdefault(os.path.realpath(device), str(device))
    return list(found.values())


def latency_timer_ms(where: str) -> int | None:
    """Give the FTDI latency timer behind a port in ms; None where there is none. Above 1 it slows the bus."""
    name = Path(os.path.realpath(where)).name
    try:
        return int(Path(f"/sys/bus/usb-serial/devices/{name}/latency_timer").read_text())
    except (OSError, ValueError):
        return None
