# SPDX-License-Identifier: Apache-2.0
"""A microcontroller of a simulated farm: the linux build of the firmware with the model house on its pins.

The rule it keeps: the firmware decides alone; this only carries pins to the valves, and water to the meters. In
virtual time the board follows the event loop, in the demo it is a process behind a pseudo-terminal.
"""

from collections.abc import Callable
from math import floor, isfinite
from pathlib import Path
from typing import Final

from edge.board_settings import Board
from firmware_bridge.board_process import BOARD_PROGRAM
from firmware_bridge.linux_board import LiveBoard, VirtualBoard

SUPPLY_MV: Final = 5000.0


class SimulatedBoard:
    """One board. ``levels`` and ``feel`` are called as the field's time passes."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.process: VirtualBoard | LiveBoard | None = None
        self._given: dict[int, int] = {}
        self._held: dict[str, int] = {}

    def virtual(self) -> VirtualBoard:
        """Put the board into the event loop's own time; gives its line. BoardGone when it was not built."""
        board = VirtualBoard((BOARD_PROGRAM, "--virtual"))
        self.process = board
        return board

    def live(self, eeprom: Path) -> LiveBoard:
        """Put the board behind a pseudo-terminal; the caller runs it."""
        board = LiveBoard(BOARD_PROGRAM, eeprom, pty=True)
        self.process = board
        return board

    def shut(self) -> None:
        """End a board in virtual time; one behind a pseudo-terminal ends with its task."""
        if isinstance(self.process, VirtualBoard):
            self.process.shut()
            self.process = None

    def levels(self) -> dict[str, float]:
        """Say how every output's pin stands now."""
        if isinstance(self.process, VirtualBoard):
            self.process.follow()
        on = self.process.on if self.process is not None else 0
        return {output: float(on >> int(pin) & 1) for pin, output in self._board.outputs.items()}

    def feel(self, signal: Callable[[str], float]) -> None:
        """Bring meters, contacts and voltages to what ``signal`` says of their series."""
        lines: list[str] = []
        for meter in self._board.counters:
            total = signal(plain(meter.series or meter.flow).replace("/water_flow", "/water_volume"))
            pulses = floor(total / meter.per_pulse) if isfinite(total) else 0
            fresh = pulses - self._given.setdefault(meter.counter, pulses)
            if fresh > 0:
                self._given[meter.counter] = pulses
                lines.append(f"counter {meter.counter} {fresh}")
        for row in self._board.analogue:
            value = signal(plain(row.series))
            if isfinite(value):
                volts = row.zero_v + (value - row.zero) / (row.full - row.zero) * (row.full_v - row.zero_v)
                lines += self._changed(f"adc {row.channel}", round(min(max(volts * 1000.0, 0.0), SUPPLY_MV)))
        for contact in self._board.inputs:
            value = signal(plain(contact.series)) if contact.series else float("nan")
            if isfinite(value):
                lines += self._changed(f"input {contact.input}", int((value > 0.5) == contact.active_high))
        if lines and self.process is not None:
            self.process.inject(*lines)

    def _changed(self, pin: str, value: int) -> list[str]:
        if self._held.get(pin) == value:
            return []
        self._held[pin] = value
        return [f"{pin} {value}"]


def plain(series: str) -> str:
    """Give the series without its index: a second meter at a place meets the same water."""
    place, _, name = series.partition("/")
    return f"{place}/{name.partition('.')[0]}"
