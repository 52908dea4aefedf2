# SPDX-License-Identifier: Apache-2.0
"""The documented way of the data is the real one: docs/architecture.md is read and the agent is watched.

Every file of the table must be entered, on the way from the first byte to a relay that switches, in its order.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"

# For each file of the table: the function that does what its row says.
DOES = {
    "drivers/bus.py": "_serve",
    "drivers/serial_port.py": "read_now",
    "drivers/modbus_rtu.py": "feed",
    "drivers/decode.py": "to_readings",
    "edge/pipeline.py": "take",
    "controllers/engine.py": "tick",
    "controllers/kernels/safety.py": "run",
    "edge/actuation.py": "affirm",
    "drivers/actuators/relay.py": "hold",
    "telemetry/log.py": "flush",
    "telemetry/history.py": "range",
    "edge/live_board.py": "state",
}
# Decided, then judged, then ordered, then confirmed: a step may not come before the one above it.
IN_ORDER = (
    "drivers/serial_port.py",
    "drivers/modbus_rtu.py",
    "drivers/decode.py",
    "edge/pipeline.py",
    "controllers/engine.py",
    "controllers/kernels/safety.py",
    "edge/actuation.py",
    "drivers/actuators/relay.py",
    "telemetry/history.py",
    "edge/live_board.py",
)


def documented() -> list[str]:
    """Read the files of the table in order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 11))
    files = [name for _, made_in in rows for name in re.findall(r"`([a-z_/]+\.py)`", made_in)]
    return list(dict.fromkeys(files))


def test_the_documented_way_is_the_real_one(tmp_path: Path) -> None:
    files = documented()
    assert set(files) == set(DOES), "the table and this test must name the same files"
    assert [file for file in files if file in IN_ORDER] == list(IN_ORDER)
    farm = tmp_path / "farm.toml"
    quick = "[limits]\nboot_hold_s = 1.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0\n"
    farm.write_text(FARM.read_text(encoding="utf-8").replace("[limits]\n", quick), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.trace_run",
            str(tmp_path),
            str(farm),
            *(f"{f}:{n}" for f, n in DOES.items()),
        ],
        cwd=ROOT,
        env=os.environ | {"VUON_NO_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(DOES) - set(seen) == set(), "these files of the table were never entered"
    assert [file for file in seen if file in IN_ORDER] == list(IN_ORDER)


def test_every_file_the_page_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:drivers|edge|controllers|telemetry|tests)/[a-z_/]+\.py)`", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
