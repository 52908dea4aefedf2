# SPDX-License-Identifier: Apache-2.0
"""The C core: shared vectors, random sequences under an independent oracle, noise, flipped bits, sizes, analysis."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.dictionary import EXPECTED

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "firmware_bridge" / "firmware"
FLASH_MAX = 24 * 1024
RAM_MAX = 1536

Runner = Callable[..., list[dict[str, Any]]]


def rig(programs: Path) -> list[str | Path]:
    return [programs / "avr-rig", "--hex", programs / "vuon-avr.hex", "--virtual"]


def test_frames_and_check_sums_agree_with_the_shared_vectors(host_programs: Path, run_all: Runner) -> None:
    (result,) = run_all([host_programs / "golden", Path(__file__).with_name("golden_frames.txt")])
    assert result["lines"] > 20
    assert result["wrong"] == 0


def test_the_board_carries_the_dictionary_the_host_expects(host_programs: Path) -> None:
    said = subprocess.run([host_programs / "golden", "--dictionary"], capture_output=True, text=True, check=True).stdout
    assert [line.strip() for line in said.splitlines()] == list(EXPECTED)


def test_no_sequence_of_commands_and_faults_breaks_a_bound(host_programs: Path, run_all: Runner) -> None:
    results = run_all(*([host_programs / "sequences", "5000", str(1 + 5000 * part)] for part in range(2)))
    assert sum(result["sequences"] for result in results) == 10_000
    assert sum(result["breaches"] for result in results) == 0
    assert sum(result["pump_starts"] for result in results) > 5000
    assert sum(result["doses"] for result in results) > 3000


@pytest.mark.slow
def test_no_sequence_breaks_a_bound_on_the_real_image(avr_programs: Path, run_all: Runner) -> None:
    results = run_all(
        *([avr_programs / "sequences", "50", str(1 + 1000 * part), *rig(avr_programs)] for part in range(2))
    )
    assert sum(result["breaches"] for result in results) == 0
    assert sum(result["switchings"] for result in results) > 500


# Each once told a breach: a tick too many on (323), a reset told after what it did (138), a hang made deaf (942),
# a lease judged from its arrival (671). 942 was the rig's own: it entered a waiting interrupt asleep.
SEEDS_THAT_TOLD_A_BREACH = (138, 323, 671, 942)


@pytest.mark.slow
def test_seeds_that_once_told_a_breach_keep_quiet(avr_programs: Path, run_all: Runner) -> None:
    results = run_all(
        *([avr_programs / "sequences", "1", str(seed), *rig(avr_programs)] for seed in SEEDS_THAT_TOLD_A_BREACH)
    )
    assert [result["breaches"] for result in results] == [0] * len(SEEDS_THAT_TOLD_A_BREACH)


MUTANTS = {
    "a lease that does not run down": ("outputs.c", "(uint16_t)(left - 1u)", "(uint16_t)(left - 0u)"),
    "no minimum off time": ("outputs.c", "state->since_ms < limits->min_off_ms", "false"),
    "a millisecond on too many": (
        "outputs.c",
        "state->since_ms >= limits->max_on_ms",
        "state->since_ms > limits->max_on_ms",
    ),
    "no maximum on time": ("outputs.c", "state->since_ms >= limits->max_on_ms", "false"),
    "no exclusive groups": (
        "outputs.c",
        "if (group_busy(output, state->on))",
        "if (false)",
    ),
    "no fencing": ("identity.c", "epoch != 0 && epoch == record.epoch", "epoch != 0"),
    "no expiry": ("outputs.c", "left_ms > EXPIRY_LIMIT_MS", "left_ms == 1u"),
    "no dry-run guard": ("pumps.c", "state->trips++;", "state->lockout_left_ms = 0;"),
    "pump without a valve": ("pumps.c", "has_open_valve(pump) ? BLOCK_NONE : BLOCK_NO_OPEN_VALVE", "BLOCK_NONE"),
    "valve closes with its pump": ("pumps.c", "outputs_stays_ms(valve) > pump->close_lead_ms", "true"),
    "dose without flow": ("dosers.c", "states[i].dry_ms >= config.doser[i].flow_window_ms", "false"),
    "no hour cap": ("dosers.c", "+ volume_ul > doser->hour_ul", "+ volume_ul > UINT32_MAX"),
    "caps forgotten at reset": ("dosers.c", "states[i].hour_ul[0] = states[i].record.hour_ul;", ""),
    "deaf to the stop chain": ("inputs.c", "shutdown_latch(SHUTDOWN_ESTOP);", ""),
    "stop not kept over a reset": ("shutdown.c", "set(identity_shutdown());", "set(SHUTDOWN_NONE);"),
    "blind to the float": ("inputs.c", "blocked |= config.input[i].blocks;", ""),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_oracle_sees_a_planted_mistake(name: str, host_programs: Path, tmp_path: Path) -> None:
    file, old, new = MUTANTS[name]
    text = (SOURCE / "src" / file).read_text(encoding="ascii")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    wrong = tmp_path / file
    wrong.write_text(text.replace(old, new), encoding="ascii")
    words = ["gcc", "-std=gnu11", "-O1", f"-I{SOURCE / 'src'}", f"-I{SOURCE / 'boards' / 'linux'}"]
    made = tmp_path / "mutant"
    library = host_programs / "sequences.a"  # the wrong file stands before it and wins
    subprocess.run([*words, "-o", str(made), str(wrong), str(library)], check=True, capture_output=True)
    ended = subprocess.run([made, "1500", "1"], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1, f"1,500 sequences did not notice: {name}"


def test_noise_is_never_taken_for_a_command(host_programs: Path, run_all: Runner) -> None:
    (result,) = run_all([host_programs / "noise", "10000000", "1"])
    assert result == {"noisy_bytes": 10_000_000, "false_commands": 0}


@pytest.mark.slow
def test_a_flipped_bit_leaves_nothing_stuck_on(avr_programs: Path, run_all: Runner) -> None:
    results = run_all(*([avr_programs / "flips", "100", str(part), *rig(avr_programs)] for part in range(2)))
    assert sum(result["ram_flips"] for result in results) == 200
    assert sum(result["stuck_over_2s"] for result in results) == 0
    assert sum(result["on_when_silent"] for result in results) > 100


def test_the_image_leaves_room_on_the_smallest_board(avr_programs: Path) -> None:
    said = subprocess.run(
        ["avr-size", "-C", "--mcu=atmega328p", avr_programs / "vuon-avr.elf"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    flash, ram = (int(number) for number in re.findall(r"(?:Program|Data):\s+(\d+) bytes", said))
    assert flash < FLASH_MAX
    assert ram < RAM_MAX


@pytest.mark.server("cppcheck")
def test_cppcheck_finds_nothing(host_programs: Path) -> None:
    ended = subprocess.run(["make", "-s", "-C", SOURCE, "cppcheck"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert host_programs.exists()


def test_no_file_of_the_firmware_is_longer_than_four_hundred_lines_and_no_function_than_seventy() -> None:
    for path in sorted(SOURCE.rglob("*.[ch]")):
        began, lines = 0, path.read_text(encoding="ascii").splitlines()
        assert len(lines) <= 400, f"{path.name}: {len(lines)}"
        assert max(map(len, lines)) <= 124, path.name
        for number, line in enumerate(lines, start=1):
            if line == "{":
                began = number
            elif line == "}":
                assert number - began <= 70, f"{path.name}:{began}"


def test_the_core_has_no_heap() -> None:
    for path in (*(SOURCE / "src").glob("*.c"), SOURCE / "boards" / "avr" / "board.c"):
        text = path.read_text(encoding="ascii")
        assert not re.search(r"\b(malloc|calloc|realloc|free|printf)\s*\(", text), path.name
