# SPDX-License-Identifier: Apache-2.0
"""A small memory comes back as it was left or not at all: no wrong bit is taken for what somebody remembered."""

from pathlib import Path

import msgspec
import pytest

from drivers.kept import MARK, keep, kept, kept_json

MEMORY = {"house": (21.5, float("inf")), "vườn": (0.0, -1.5)}
Kind = dict[str, tuple[float, ...]]


def test_a_memory_comes_back_and_any_wrong_bit_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "state" / "some.state"
    assert kept(file, Kind) is None
    keep(file, MEMORY)
    whole = file.read_bytes()
    assert kept(file, Kind) == MEMORY
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        assert kept(file, Kind) is None, f"bit {bit}"
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert kept(file, Kind) is None, f"{length} bytes"


def test_a_memory_of_another_kind_is_none(tmp_path: Path) -> None:
    file = tmp_path / "some.state"
    keep(file, {"house": "text"})
    assert kept(file, Kind) is None
    assert kept(file, dict[str, str]) == {"house": "text"}


def test_what_a_version_without_checksums_left_is_read(tmp_path: Path) -> None:
    file = tmp_path / "some.state"
    file.write_bytes(msgspec.msgpack.encode(MEMORY))
    assert kept(file, Kind) == MEMORY
    keep(file, MEMORY)
    assert file.read_bytes().startswith(MARK)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"a\xff": [1, 2]}', b'{"a": [1e999, 2]}', b"[" * 100_000, b"\x00" * 99, b'{"a": "text"}']
)
def test_a_damaged_readable_memory_is_none(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "some.json"
    assert kept_json(file, Kind) is None
    file.write_bytes(damage)
    assert kept_json(file, Kind) is None
