# SPDX-License-Identifier: Apache-2.0
"""Modbus TCP: the same requests behind an MBAP header, so that a gateway looks like one more RTU line.

The rule it keeps: each answer carries the number of its request; one that carries another number is dropped
here, and the RTU core above never sees it. Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b §3.1.3.
"""

import struct
from typing import Final

from drivers.modbus_pdu import MAX_PDU
from drivers.modbus_rtu import frame_of
from drivers.ports import ByteStream, LineDown, StreamOpener

HEADER: Final = struct.Struct(">HHHB")

HINT_NOT_MODBUS = "What answers there is not Modbus TCP; is the gateway set to RTU over TCP? Then write socket://"


class TcpFraming:
    """Turns RTU frames into Modbus TCP ones and back; bytes in, bytes out."""

    def __init__(self) -> None:
        self._number = 0
        self._buffer = bytearray()

    def wrap(self, frame: bytes) -> bytes:
        """Give the Modbus TCP form of an RTU request frame; later answers to older requests are dropped."""
        self._number = (self._number + 1) & 0xFFFF
        self._buffer.clear()
        pdu = frame[1:-2]
        return HEADER.pack(self._number, 0, len(pdu) + 1, frame[0]) + pdu

    def unwrap(self, data: bytes) -> bytes:
        """Take bytes from the gateway; give the RTU frames of the answers to the last request.

        Raises ValueError when the stream cannot be Modbus TCP.
        """
        buffer = self._buffer
        buffer += data
        frames = bytearray()
        while len(buffer) >= HEADER.size:
            number, protocol, length, unit = HEADER.unpack_from(buffer)
            if protocol != 0 or not 2 <= length <= MAX_PDU + 1:
                raise ValueError(bytes(buffer[:16]).hex(" "))
            if len(buffer) < 6 + length:
                break
            if number == self._number:
                frames += frame_of(unit, bytes(buffer[HEADER.size : 6 + length]))
            del buffer[: 6 + length]
        return bytes(frames)


class GatewayOpener:
    """Opens Modbus TCP over any byte stream's opener."""

    def __init__(self, below: StreamOpener) -> None:
        self.below = below

    async def open(self) -> ByteStream:
        """Connect, or raise LineDown."""
        return GatewayStream(await self.below.open())


class GatewayStream:
    """A Modbus TCP connection that takes and gives RTU frames."""

    def __init__(self, below: ByteStream) -> None:
        self._below = below
        self._framing = TcpFraming()

    async def read(self) -> bytes:
        """Wait for an answer and give it as an RTU frame."""
        while True:
            data = await self._below.read()
            try:
                frames = self._framing.unwrap(data)
            except ValueError as error:
                self._below.close()
                raise LineDown("gateway", f"bytes that are no Modbus TCP: {error}", HINT_NOT_MODBUS) from error
            if frames:
                return frames

    async def write(self, data: bytes) -> None:
        """Send one RTU frame; the echo test's frame, whose CRC is wrong, has no meaning here and is not sent."""
        if frame_of(data[0], data[1:-2]) == data:
            await self._below.write(self._framing.wrap(data))

    async def send_break(self, seconds: float) -> None:
        """Refuse: TCP has no break."""
        await self._below.send_break(seconds)

    def discard_input(self) -> None:
        """Throw away what was received and not yet read."""
        self._below.discard_input()

    def close(self) -> None:
        """Close at once."""
        self._below.close()
