# SPDX-License-Identifier: Apache-2.0
"""The table of docs/safety.md, as the tests of the chip measured it: printed at a run's end and kept for the pages.

The rule it keeps: rows travel with the reports of their tests, so that it does not matter which process ran them.
"""

from pathlib import Path
from typing import Final

import pytest

SAFETY_ROW: Final = "safety row"
KEPT: Final = Path(__file__).resolve().parents[2] / "build" / "firmware" / "safety_table.md"


def tell_safety(reporter: pytest.TerminalReporter) -> None:
    """Print how long each fault left something open, on the real AVR image; keep it when all were measured."""
    reports = [one for kind in ("passed", "failed") for one in reporter.getreports(kind)]
    rows = [value for one in reports if one.when == "call" for name, value in one.user_properties if name == SAFETY_ROW]
    if not rows:
        return
    reporter.section("every output safe, on the real AVR image (the chip's own milliseconds)")
    reporter.write_line(f"{'fault':<56} {'safe after':>10} {'bound':>8}")
    for row in rows:
        reporter.write_line(f"{row['fault']:<56} {row['safe_after_ms']:>10} {row['bound_ms']:>8}")
    if len(rows) != rows[0]["of"]:
        return  # only a part was run
    table = ["| fault | all outputs safe after (ms) | bound (ms) |", "|---|---|---|"]
    table += [f"| {row['fault']} | {row['safe_after_ms']:.1f} | {row['bound_ms']:.0f} |" for row in rows]
    KEPT.write_text("\n".join(table) + "\n", encoding="utf-8")
