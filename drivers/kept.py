# SPDX-License-Identifier: Apache-2.0
"""Small memories of the farm in files: each comes back exactly as it was left, or not at all.

The rule it keeps: bytes that were damaged on the disk are never taken for what somebody remembered.
"""

import zlib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from drivers.whole_file import write_whole

# All that msgspec raises on foreign bytes, and the disk. A name that is no UTF-8 is no DecodeError of its own.
UNREADABLE: Final = (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
MARK: Final = b"VK1"  # then a CRC-32 (little endian) of what follows, then MessagePack

T = TypeVar("T")


def keep(path: Path, memory: object) -> None:
    """Write a memory down, whole and with a checksum; OSError when the disk refuses."""
    body = msgspec.msgpack.encode(memory)
    write_whole(path, MARK + zlib.crc32(body).to_bytes(4, "little") + body)


def kept(path: Path, kind: type[T]) -> T | None:
    """Read a memory; None where there is none, or it was damaged or is of another kind.

    One that an older version wrote has no checksum and begins with a map; no single wrong bit makes one look so.
    """
    try:
        data = path.read_bytes()
        start = len(MARK) + 4
        if data.startswith(MARK):
            if zlib.crc32(data[start:]) != int.from_bytes(data[len(MARK) : start], "little"):
                return None
            data = data[start:]
        return msgspec.msgpack.decode(data, type=kind)
    except UNREADABLE:
        return None


def kept_json(path: Path, kind: type[T]) -> T | None:
    """Read a memory that people may read too; None where there is none, or it is damaged or of another kind."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except UNREADABLE:
        return None
