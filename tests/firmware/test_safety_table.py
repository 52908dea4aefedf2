# SPDX-License-Identifier: Apache-2.0
"""What ends every opening, on the real AVR image, with real host processes: the table of docs/safety.md.

Times are the simulated chip's own microseconds, from the moment of the fault to the pin being low. The rows are printed
at the end of the run and kept in build/firmware/safety_table.md; ``python -m scripts.safety_page --firmware`` takes
them over into docs/measured and docs/safety.md.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.safety_table import SAFETY_ROW
from tests.support.servers import mosquitto

ROOT = Path(__file__).resolve().parents[2]
QUOTED = ROOT / "docs" / "measured" / "firmware-safety.json"
LEASE_MS = 1000.0
WATCHDOG_MS = 256.0  # nominally 250; the part's own oscillator adds or takes 10 %
# A fault at the host meets a rig that passes real time in slices: what the machine held up comes on top of a bound.
LIVE_MS = 120.0
PATIENCE_S = 30.0


class LiveRig:
    """The AVR image in real time on a pseudo terminal, with its control line."""

    def __init__(self, programs: Path) -> None:
        words = [str(programs / "avr-rig"), "--hex", str(programs / "vuon-avr.hex"), "--pty"]
        self.child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.on = 0
        self.port = self.next("pty")["path"]

    def next(self, kind: str) -> dict[str, object]:
        assert self.child.stdout is not None
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            event: dict[str, object] = json.loads(self.child.stdout.readline())
            if event["e"] == "outputs":
                self.on = int(str(event["on"]))
            if event["e"] == kind:
                return event
        raise AssertionError(f"no {kind} in {PATIENCE_S} s")

    def do(self, line: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()

    def now_ms(self) -> float:
        self.do("peek 0")
        return int(str(self.next("value")["us"])) / 1000

    def until_off_ms(self) -> float:
        """Wait until all outputs are low; give the chip's time of that."""
        while True:
            event = self.next("outputs")
            if event["on"] == 0:
                return int(str(event["us"])) / 1000

    def close(self) -> None:
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()
        self.child.wait(timeout=5)


@dataclass
class Bench:
    """A rig and the host that waters on it."""

    rig: LiveRig
    host: subprocess.Popen[str]

    def words(self, until: str) -> str:
        assert self.host.stdout is not None
        while True:
            word = self.host.stdout.readline()
            assert word, "the host ended"
            if word.startswith(until):
                return word


@pytest.fixture
def bench(avr_programs: Path, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def start(*words: str, **environment: str) -> Bench:
        rig = LiveRig(avr_programs)
        host = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("host_process.py")), str(rig.port), *words],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        made.append(Bench(rig, host))
        made[-1].words("on")
        return made[-1]

    yield start
    for one in made:
        one.host.kill()
        one.host.wait()
        if one.host.stdout is not None:
            one.host.stdout.close()
        one.rig.close()
    assert tmp_path.exists()


# Each fault: how it is made, and the bound in ms. A signal goes to the host, a text to the chip's rig.
AT_THE_HOST = {
    "host killed (kill -9)": (signal.SIGKILL, LEASE_MS + 1),
    "host frozen (SIGSTOP)": (signal.SIGSTOP, LEASE_MS + 1),
    "kernel tick wedged (the host computes for ever)": (signal.SIGUSR1, LEASE_MS + 1),
    "control tick wedged (the link lives on)": (signal.SIGUSR2, 601.0),
}
AT_THE_CHIP = {
    "cable cut": ("unplug", LEASE_MS + 1),
    "firmware: main loop hangs": ("hang", WATCHDOG_MS + 1),
    "firmware: everything hangs": ("wedge", WATCHDOG_MS + 1),
    "controller reset": ("reset", 0.0),
    "controller browns out": ("brownout", 0.0),
    "emergency stop pressed or its wire cut": ("input 0 1", 10.0),
}
HOLD_S = 2.0
BROKER_DIES = "broker killed (kill -9): the run ends at its own time"
CLOCK_JUMPS = "wall clock jumps by +10 and -10 years"
BOUNDS = {
    **{what: bound for what, (_, bound) in AT_THE_HOST.items()},
    **{what: bound for what, (_, bound) in AT_THE_CHIP.items()},
    BROKER_DIES: HOLD_S * 1000.0,
    CLOCK_JUMPS: HOLD_S * 1000.0,
}


@pytest.fixture
def kept(record_property: Callable[[str, object], None]) -> Callable[[str, float], float]:
    """Give what keeps a row of the table, which is printed at the end, and gives its time back."""

    def one(what: str, took_ms: float) -> float:
        row = {"fault": what, "safe_after_ms": round(took_ms, 1), "bound_ms": BOUNDS[what], "of": len(BOUNDS)}
        record_property(SAFETY_ROW, row)
        return took_ms

    return one


def settle(bench: Bench) -> float:
    """Wait until it is in the middle of a renewal period, wherever that is; give the chip's time of that."""
    began = settled = bench.rig.now_ms() + 300.0
    while began <= settled:
        began = bench.rig.now_ms()
    return began


@pytest.mark.slow
@pytest.mark.parametrize("what", AT_THE_HOST)
def test_a_host_that_dies_or_hangs_closes_everything(
    bench: Callable[..., Bench], kept: Callable[[str, float], float], what: str
) -> None:
    one = bench()
    began = settle(one)
    one.host.send_signal(AT_THE_HOST[what][0])
    assert kept(what, one.rig.until_off_ms() - began) <= BOUNDS[what] + LIVE_MS


@pytest.mark.slow
@pytest.mark.parametrize("what", AT_THE_CHIP)
def test_a_fault_at_the_controller_closes_everything(
    bench: Callable[..., Bench], kept: Callable[[str, float], float], what: str
) -> None:
    one = bench()
    settle(one)
    one.rig.do(f"peek 0\n{AT_THE_CHIP[what][0]}")  # both at one moment of the chip: these times are exact
    began = int(str(one.rig.next("value")["us"])) / 1000
    # But for a hang: the rig waits some milliseconds for the main loop before it hangs it.
    slack_ms = LIVE_MS if AT_THE_CHIP[what][0] in {"hang", "wedge"} else 0.0
    assert kept(what, one.rig.until_off_ms() - began) <= BOUNDS[what] + slack_ms


@pytest.mark.slow
@pytest.mark.server("mosquitto")
def test_a_broker_that_dies_neither_closes_nor_keeps_open(
    bench: Callable[..., Bench], kept: Callable[[str, float], float], tmp_path: Path
) -> None:
    with mosquitto(tmp_path) as broker:
        one = bench(str(HOLD_S), VUON_BROKER=f"mqtt://127.0.0.1:{broker.port}")
        began = one.rig.now_ms()
        one.words("published")
        broker.kill()
        one.words("wall")
        one.words("wall")  # its control loop goes on
        assert one.rig.on == 1
        assert kept(BROKER_DIES, one.rig.until_off_ms() - began) <= BOUNDS[BROKER_DIES] + LIVE_MS


@pytest.mark.slow
def test_a_wall_clock_that_jumps_moves_no_closing(
    bench: Callable[..., Bench], kept: Callable[[str, float], float], tmp_path: Path
) -> None:
    shim, offset = tmp_path / "shim.so", tmp_path / "offset"
    source = Path(__file__).with_name("clock_shim.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"], check=True)
    offset.write_text("0")
    one = bench(str(HOLD_S), LD_PRELOAD=str(shim), VUON_CLOCK_FILE=str(offset))
    began = one.rig.now_ms()
    for years in (10, -10):
        offset.write_text(str(years * 31_557_600))
        wall = float(one.words("wall").split()[1])
        wall = float(one.words("wall").split()[1])
        assert abs(wall - time.time() - years * 31_557_600) < 60
    assert kept(CLOCK_JUMPS, one.rig.until_off_ms() - began) <= BOUNDS[CLOCK_JUMPS] + LIVE_MS


def test_the_page_quotes_every_fault_with_the_bound_that_is_tested() -> None:
    quoted = json.loads(QUOTED.read_text(encoding="utf-8"))["faults"]
    assert {what: bound for what, (_, bound) in quoted.items()} == BOUNDS
    page = (ROOT / "docs" / "firmware.md").read_text(encoding="utf-8")
    for what, (took, bound) in quoted.items():
        assert took <= bound + LIVE_MS
        assert f"| {what} | {took:.1f} | {bound:.0f} |" in page
