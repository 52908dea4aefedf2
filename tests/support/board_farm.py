# SPDX-License-Identifier: Apache-2.0
"""The one-house example farm with its water on a microcontroller board instead of the relay board."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
BOARD = """
[[board]]
name = "pepper-1-board"
port = "sim"
place = "pepper-1-water"
outputs = { "0" = "pepper-1-valve-1", "1" = "pepper-1-valve-2", "2" = "pepper-1-pump" }

[[board.counters]]
counter = 0
per_pulse = 0.1
series = "pepper-1-water/water_volume.1"
flow = "pepper-1-water/water_flow.1"
guards = ["pepper-1-pump"]
"""


def board_farm(board: str = BOARD) -> str:
    """Give the farm's text."""
    text = EXAMPLE.read_text(encoding="utf-8")
    wired = '"1" = "pepper-1-valve-1", "2" = "pepper-1-valve-2", "3" = "pepper-1-pump", '
    assert text.count(wired) == 1
    return text.replace(wired, "") + board
