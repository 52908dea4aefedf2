# SPDX-License-Identifier: Apache-2.0
"""The log alone under what a card can do to it: power cuts on a real ext4, a full disk, flipped bits.

What the writer reported as accepted before the cut must be readable after it; a flipped bit must be named.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from telemetry.envelope import EnvelopeError
from telemetry.history import LogReader
from telemetry.log import Log, LogUnavailableError
from telemetry.records import AnyRecord, Event, Sample
from tests.support import loopdisk

ROOT: Final = Path(__file__).resolve().parents[2]


def write_for_ever(path: Path) -> None:
    """Log one sample a group and tell each accepted number on standard output, after the fact."""
    log = Log.open(path, "farm-1")
    number = int(time.time() * 1000) % 10**9 * 1000
    while True:
        number += 1
        log.append([Sample("a/co2", number, float(number), float(number))])
        log.flush(number, 1_760_000_000_000 + number, True)
        os.write(1, f"{number}\n".encode())


def power_cuts(count: int, seed: int) -> tuple[int, int]:
    """Cut the power of a mounted file system under a writer; give how many were accepted and how many are lost."""
    rng = random.Random(seed)
    accepted: set[int] = set()
    with loopdisk.loop_disk(120) as disk:
        for _ in range(count):
            command = [sys.executable, "-m", "tests.torture.log_power", str(disk.folder / "log.db")]
            writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
            assert writer.stdout
            os.set_blocking(writer.stdout.fileno(), False)
            text, end = b"", time.monotonic() + 20
            while text.count(b"\n") < 30 and time.monotonic() < end:  # it is up and writing
                text += writer.stdout.read() or b""
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.3))
            text += writer.stdout.read() or b""  # only what was told before the cut counts
            disk.cut_power()
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
            accepted |= {int(line) for line in text[: text.rfind(b"\n") + 1].split()}
            disk.unmount()
            disk.mount()
        reader = LogReader(disk.folder / "log.db")
        there = {int(v) for _, records in reader.records() for r in records if isinstance(r, Sample) for v in [r.value]}
        damage = reader.check()
        reader.close()
    assert not damage, damage
    return len(accepted), len(accepted - there)


def bit_flips(count: int, seed: int) -> tuple[int, int]:
    """Flip one bit of the stored batches at a time; give how many were found and how many gave a wrong value."""
    rng = random.Random(seed)
    found = wrong = 0
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "log.db"
        log = Log.open(path, "farm-1")
        for at in range(40):
            log.append([Sample("a/co2", at, float(at), float(at)), Event("note", "x", at)])
            log.flush(at, 1_760_000_000_000 + at, True)
        log.close()
        connection = sqlite3.connect(path, isolation_level=None)
        rows = connection.execute("SELECT row, data FROM batch").fetchall()
        for _ in range(count):
            row, data = rng.choice(rows)
            broken = bytearray(data)
            bit = rng.randrange(len(data) * 8)
            broken[bit // 8] ^= 1 << bit % 8
            connection.execute("UPDATE batch SET data=? WHERE row=?", (bytes(broken), row))
            reader = LogReader(path)
            values = set(reader.range("a/co2", 0, 1 << 43).value.tolist())
            wrong += bool(values - {float(at) for at in range(40)})
            found += bool(reader.check())
            reader.close()
            connection.execute("UPDATE batch SET data=? WHERE row=?", (data, row))
        connection.close()
    return found, wrong


def full_disks(count: int, seed: int) -> tuple[int, int]:
    """Fill a file system under the log, make room, and go on; give how many were accepted and how many are lost."""
    rng = random.Random(seed)
    accepted: list[AnyRecord] = []
    with loopdisk.loop_disk(24) as disk:
        path = disk.folder / "log.db"
        log = Log.open(path, "farm-1")
        for at in range(count):
            filler = disk.folder / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096 * 16))
                except OSError:
                    pass
            refused = False
            waiting: list[AnyRecord] = []
            for number in range(200):
                mono = at * 1_000 + number
                waiting.append(Event("note", "x", mono, fields={"text": rng.randbytes(2_000).hex()}))
                log.append(waiting[-1:])
                try:
                    log.flush(mono, 1_760_000_000_000 + mono, True)
                except LogUnavailableError:
                    refused = True
                    break
            filler.unlink()
            assert refused
            log.flush(at * 1_000 + 999, 1_760_000_000_000 + at * 1_000 + 999, True)
            accepted += waiting
        log.close()
        reader = LogReader(path)
        there = [record for _, records in reader.records() for record in records]
        reader.close()
    return len(accepted), sum(record not in there for record in accepted)


if __name__ == "__main__":
    try:
        write_for_ever(Path(sys.argv[1]))
    except (sqlite3.Error, LogUnavailableError, EnvelopeError, OSError):
        sys.exit(1)
