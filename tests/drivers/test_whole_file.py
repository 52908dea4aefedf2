# SPDX-License-Identifier: Apache-2.0
"""A file that must survive a power cut is whole: the old one or the new one."""

import os
from pathlib import Path

import pytest

from drivers.whole_file import write_whole


@pytest.mark.parametrize("cut", ["open", "fsync", "replace"])
def test_a_power_cut_while_writing_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    path = tmp_path / "active.json"
    write_whole(path, b"old")

    def power_cut(*_: object, **__: object) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as patch:
        if cut == "fsync":
            patch.setattr(os, "fsync", power_cut)
        else:
            patch.setattr(Path, cut, power_cut)
        with pytest.raises(OSError, match="power"):
            write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
