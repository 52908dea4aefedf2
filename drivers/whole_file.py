# SPDX-License-Identifier: Apache-2.0
"""Writes a file so that a power cut leaves the old bytes or the new ones, never a part.

The rule it keeps: new file, fsync, rename, fsync of the folder; nobody else in the program writes a small file that
must survive.
"""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, and make its folder where there is none; OSError when the disk refuses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
