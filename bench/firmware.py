# SPDX-License-Identifier: Apache-2.0
"""What the firmware promises, measured on the real AVR image in the rig and on the host build of the same core.

Run by ``make bench-firmware``; the last line is one JSON object. ``--torture`` runs only what is counted, ten times as
often (``make torture-firmware``: hours). Virtual times are the chip's own microseconds.
"""

import argparse
import json
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from firmware_bridge.board_config import BoardConfig, Valve
from firmware_bridge.board_process import BoardEvent, BoardProcess
from firmware_bridge.link import Link, State
from firmware_bridge.link_events import Event, Refused, Replied
from tests.firmware.update_cuts import cut_once

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "firmware_bridge" / "firmware"
OUT = ROOT / "build" / "firmware"
RIG = [str(OUT / "avr-rig"), "--hex", str(OUT / "vuon-avr.hex"), "--virtual"]
WORKERS = 2

CUTS_SIDE_BY_SIDE = 2  # most of a cut is waiting for avrdude
TRIALS = 40
CALLS = 400
LEASE_MS = 1000
BYTE_US = 85.0  # ten bits at 117,647 baud
RAM_LAST = 0x8FF


@dataclass(frozen=True)
class Counts:
    """How often each random thing is tried."""

    sequences: int = 100_000
    avr_sequences: int = 1_000
    flips: int = 2_000
    noisy_bytes: int = 10_000_000
    cuts: int = 200


BENCH = Counts()
TORTURE = Counts(1_000_000, 10_000, 20_000, 100_000_000, 1_000)


@dataclass
class Chip:
    """The real image in lockstep with a link on it, configured with one valve, claimed and ready."""

    board: BoardProcess = field(default_factory=lambda: BoardProcess(RIG))
    link: Link = field(default_factory=lambda: Link(7))
    events: list[Event] = field(default_factory=list)
    pins: list[BoardEvent] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.link.start(0.0)
        while self.link.state is not State.READY:
            self.step(1000)
        config = BoardConfig(name="bench", valves=(Valve(name="bed", output=0, max_on_s=3600.0),))
        self.ask("claim", epoch=1, host=7)
        self.ask("config_begin", epoch=1, changeover_ms=500)
        for name, values in config.calls():
            self.ask(name, **values)
        self.ask("config_end", epoch=1, crc=config.crc)
        return self

    def __exit__(self, *_: object) -> None:
        self.board.close()

    def step(self, us: int) -> None:
        data = self.link.to_send()
        if data:
            self.board.send(data)
        for event in self.board.run(us):
            if event.e == "tx":
                self.events += self.link.feed(bytes.fromhex(event.hex), self.board.us * 1e-6)
            elif event.e in {"outputs", "reset"}:
                self.pins.append(event)
        self.events += self.link.tick(self.board.us * 1e-6)

    def ask(self, name: str, **values: int | bytes) -> float:
        """Do a call; give its latency in ms, to the last bit of the answer."""
        return self.ask_finely(1000, name, values)

    def ask_finely(self, step_us: int, name: str, values: Mapping[str, int | bytes]) -> float:
        """As ``ask``, looking for the answer every ``step_us``."""
        began = self.board.us
        token = self.link.call(name, began * 1e-6, **values)
        while not any(isinstance(e, Replied | Refused) and e.token == token for e in self.events):
            self.step(step_us)
        if any(isinstance(event, Refused) for event in self.events):
            raise RuntimeError(f"{name} was refused: {self.events}")
        self.events.clear()
        return (self.board.us - began + BYTE_US) / 1000

    def water(self) -> float:
        """Lease the valve; give when the last byte of the call reached the chip, in us."""
        now_ms = self.board.us // 1000
        self.link.call("lease", self.board.us * 1e-6, outputs=1, epoch=1, lease_ms=LEASE_MS, expires_ms=now_ms + 500)
        data = self.link.to_send()
        arrives = self.board.us + len(data) * BYTE_US
        self.board.send(data)
        return arrives

    def off_after(self, began_us: float, limit_us: int) -> float:
        """Wait for the pin to fall; give the ms from ``began_us``."""
        self.pins.clear()
        end = self.board.us + limit_us
        while self.board.us < end:
            self.step(10_000)
            for event in self.pins:
                if event.on == 0 and event.e == "outputs":
                    return (event.us - began_us) / 1000
        raise RuntimeError("the output stayed on")


def lease_excess_ms() -> float:
    chance, worst = random.Random(1), -1e9
    with Chip() as chip:
        for _ in range(TRIALS):
            chip.step(1000 + chance.randrange(3000))
            arrived = chip.water()
            worst = max(worst, chip.off_after(arrived, 2_000_000) - LEASE_MS)
    return worst


def fault_to_safe_ms(command: str) -> float:
    chance, worst = random.Random(2), 0.0
    for _ in range(TRIALS // 4):
        with Chip() as chip:
            chip.water()
            chip.step(20_000 + chance.randrange(5000))
            began = chip.board.us
            chip.board.do(command)
            worst = max(worst, chip.off_after(began, 1_000_000))
    return worst


def call_latencies_ms() -> list[float]:
    chance = random.Random(3)
    with Chip() as chip:
        chip.ask("set_report", period_ms=1000)
        found = []
        for _ in range(CALLS):
            chip.step(1000 + chance.randrange(4000))
            found.append(chip.ask_finely(100, "get_output", {"output": 0}))
    return found


def sizes() -> dict[str, int]:
    said = subprocess.run(
        ["avr-size", "-C", "--mcu=atmega328p", OUT / "vuon-avr.elf"], capture_output=True, text=True, check=True
    ).stdout
    flash, ram = (int(text) for text in re.findall(r"(?:Program|Data):\s+(\d+) bytes", said))
    symbols = subprocess.run(["avr-nm", OUT / "vuon-avr.elf"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^00(80\w{4}) \w _end$", symbols, re.MULTILINE)
    if found is None:
        raise RuntimeError("the image has no symbol _end")
    end = int(found.group(1), 16) - 0x800000
    board = BoardProcess(RIG)
    board.do("paint")
    board.close()
    with Chip(BoardProcess(RIG)) as chip:
        chip.board.do("paint")
        chip.step(200_000)
        again = Chip(chip.board, Link(7))
        again.link.start(chip.board.us * 1e-6)
        while again.link.state is not State.READY:
            again.step(1000)
        again.ask("set_report", period_ms=50)
        for _ in range(100):
            again.ask("get_boot")
            again.ask("get_output", output=0)
            again.water()
            again.step(5000)
        chip.board.do(f"untouched {end}")
        free = next(event.value for event in chip.board.run(1) if event.e == "value")
    stack = RAM_LAST + 1 - end - free
    return {"flash_bytes": flash, "ram_bytes": ram, "stack_bytes": stack, "ram_with_stack_bytes": ram + stack}


def last_json(words: Sequence[str]) -> dict[str, Any]:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if not ended.stdout:
        raise RuntimeError(f"{words[0]}: {ended.stderr}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


class Lanes:
    """Programs and cuts side by side, one program to a core; what they say is summed by the name of the work.

    The chip's time is virtual in all of them, so that neighbours change no figure.
    """

    def __init__(self) -> None:
        self._cores = ThreadPoolExecutor(WORKERS)
        self._cutters = ThreadPoolExecutor(CUTS_SIDE_BY_SIDE)
        self._asked: dict[str, list[Future[dict[str, Any]]]] = {}

    def spread(self, name: str, count: int, most: int, words: Callable[[int, int], Sequence[str]]) -> None:
        """Do ``count`` in pieces of ``most``; ``words`` takes the first number of a piece and how many it has."""
        parts = [(first, min(most, count - first)) for first in range(0, count, most)]
        self._asked[name] = [self._cores.submit(last_json, words(*part)) for part in parts]

    def cut(self, name: str, count: int, folder: Path) -> None:
        """Cut so many updates."""
        self._asked[name] = [self._cutters.submit(_cut, folder, seed) for seed in range(count)]

    def sums(self, name: str) -> dict[str, int]:
        """Wait for the end of some work and sum what its pieces said."""
        said = [one.result() for one in self._asked[name]]
        return {key: sum(piece[key] for piece in said) for key in said[0]}

    def close(self) -> None:
        """End; what has not begun is not begun."""
        for pool in (self._cutters, self._cores):
            pool.shutdown(cancel_futures=True)


def _cut(folder: Path, seed: int) -> dict[str, Any]:
    cut = cut_once(OUT, folder, seed)
    return {
        "update_cuts": 1,
        "unrecovered": int(not cut.recovered),
        "applications_dead_after_cut": int(cut.application_dead),
        "repairs_written_more_than_once": int(cut.tries > 1),
    }


def timed() -> dict[str, Any]:
    """Measure what has a bound in time, and the sizes."""
    found: dict[str, Any] = {}
    found["lease_excess_ms"] = round(lease_excess_ms(), 3)
    found["hang_to_safe_ms"] = round(max(fault_to_safe_ms("hang"), fault_to_safe_ms("wedge")), 3)
    found["reset_to_safe_ms"] = round(max(fault_to_safe_ms("reset"), fault_to_safe_ms("brownout")), 3)
    found["estop_to_safe_ms"] = round(fault_to_safe_ms("input 0 1"), 3)
    latencies = sorted(call_latencies_ms())
    found["call_p50_ms"] = round(statistics.median(latencies), 2)
    found["call_p99_ms"] = round(latencies[int(len(latencies) * 0.99)], 2)
    return found | sizes()


def counted(counts: Counts, also: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Try at random what must never happen, with ``also`` beside it."""
    lanes = Lanes()
    with tempfile.TemporaryDirectory() as folder:
        try:
            lanes.cut("cuts", counts.cuts, Path(folder))
            lanes.spread(
                "avr", counts.avr_sequences, 50, lambda at, n: [str(OUT / "sequences"), str(n), str(1 + at), *RIG]
            )
            lanes.spread("flips", counts.flips, 250, lambda at, n: [str(OUT / "flips"), str(n), str(at), *RIG])
            lanes.spread("host", counts.sequences, 10_000, lambda at, n: [str(OUT / "sequences"), str(n), str(1 + at)])
            lanes.spread(
                "noise", counts.noisy_bytes, 10_000_000, lambda at, n: [str(OUT / "noise"), str(n), str(1 + at)]
            )
            found = also()
            host, avr = lanes.sums("host"), lanes.sums("avr")
            found |= {"sequences": host["sequences"], "avr_sequences": avr["sequences"]}
            found |= {key: host[key] + avr[key] for key in ("breaches", "switchings")}
            found |= lanes.sums("noise")
            flips = lanes.sums("flips")
            found |= {"ram_flips": flips["ram_flips"], "stuck_over_2s": flips["stuck_over_2s"]}
            return found | lanes.sums("cuts")
        finally:
            lanes.close()


def cuts_alone(count: int) -> dict[str, Any]:
    """Cut so many updates and nothing else: the one part of the torture that waits on ports instead of counting."""
    lanes = Lanes()
    with tempfile.TemporaryDirectory() as folder:
        try:
            lanes.cut("cuts", count, Path(folder))
            return dict(lanes.sums("cuts"))
        finally:
            lanes.close()


GOALS: dict[str, str] = {
    "lease_excess_ms": "<= 1",
    "hang_to_safe_ms": "<= 300",
    "reset_to_safe_ms": "0",
    "estop_to_safe_ms": "< 10",
    "call_p99_ms": "<= 7",
    "flash_bytes": "< 24576",
    "ram_bytes": "< 1536",
    "sequences": ">= 100000",
    "avr_sequences": ">= 1000",
    "breaches": "0",
    "noisy_bytes": ">= 10000000",
    "false_commands": "0",
    "update_cuts": ">= 200",
    "unrecovered": "0",
    "ram_flips": ">= 2000",
    "stuck_over_2s": "0",
}


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torture", action="store_true", help="ten times as often, and 1,000 cuts")
    parser.add_argument("--only-cuts", action="store_true", help="of all that is counted only the cut updates")
    asked = parser.parse_args()
    counts = TORTURE if asked.torture else BENCH
    targets = ["linux", "avr", "rig", "boot", "tests"]
    subprocess.run(["make", "-s", "-C", str(SOURCE), *targets], check=True, stdout=sys.stderr)
    began = time.monotonic()
    found = cuts_alone(counts.cuts) if asked.only_cuts else counted(counts, dict if asked.torture else timed)
    found["bench_s"] = round(time.monotonic() - began)
    found["notes"] = f"{platform.machine()}, Python {platform.python_version()}; times in the chip's own microseconds"
    for key, value in found.items():
        print(f"{key:<28} {value!s:>14}   {GOALS.get(key, '')}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
