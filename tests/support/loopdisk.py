# SPDX-License-Identifier: Apache-2.0
"""A real ext4 file system on a loop device, whose power can be cut and whose written bytes can be counted.

Needs root. The cut is the ioctl FS_IOC_SHUTDOWN without a log flush: nothing that was not synced survives.
"""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SHUTDOWN: Final = 0x8004587D  # _IOR('X', 125, __u32), include/uapi/linux/fs.h and xfs_fs.h
_NO_LOG_FLUSH: Final = 2


def possible() -> bool:
    """Say whether this machine lets us mount loop devices."""
    if os.geteuid() != 0 or not shutil.which("losetup") or not shutil.which("mkfs.ext4"):
        return False
    try:
        with loop_disk(16) as disk:
            return disk.folder.is_dir()
    except (OSError, subprocess.CalledProcessError):
        return False


class LoopDisk:
    """A mounted file system on a loop device."""

    def __init__(self, device: str, folder: Path) -> None:
        self.device = device
        self.folder = folder

    def written_bytes(self) -> int:
        """Count the bytes that went to the device (sectors written, of 512 bytes)."""
        os.sync()
        stat = Path("/sys/block") / Path(self.device).name / "stat"
        return int(stat.read_text().split()[6]) * 512

    def cut_power(self) -> None:
        """Stop the file system dead."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def mount(self) -> None:
        """Mount it (its journal is replayed)."""
        _run("mount", "-t", "ext4", self.device, str(self.folder))

    def unmount(self) -> None:
        """Unmount it."""
        _run("umount", str(self.folder))


@contextlib.contextmanager
def loop_disk(megabytes: int) -> Iterator[LoopDisk]:
    """Make, mount and in the end remove a file system in memory."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="vuon-disk-", dir=base) as name:
        image, folder = Path(name) / "image", Path(name) / "mount"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(megabytes * 1_000_000)
        _run("mkfs.ext4", "-q", "-F", str(image))
        device = subprocess.run(
            ["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True
        ).stdout.strip()
        disk = LoopDisk(device, folder)
        try:
            disk.mount()
            try:
                yield disk
            finally:
                disk.unmount()
        finally:
            _run("losetup", "--detach", device)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
