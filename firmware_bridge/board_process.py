# SPDX-License-Identifier: Apache-2.0
"""A board that runs as a child process in lockstep: its time moves only when it is told.

The rule it keeps: text commands in, JSON lines out, and one answer to every ``run``. The linux board and the
simulated ATmega328P speak the same lines, so whatever drives one drives the other.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

BOARD_PROGRAM: Final = Path(__file__).resolve().parents[1] / "build" / "firmware" / "vuon-board"
STOP_WAIT_S: Final = 2.0


class BoardGone(Exception):
    """The child process ended or said something that is not its protocol; the text says what was seen."""


class BoardEvent(msgspec.Struct, frozen=True):
    """One line of a board: ``e`` is outputs, tx, sdi12, reset, ran, pty or error; ``us`` its own time."""

    e: str
    us: int = 0
    on: int = 0
    hex: str = ""
    cause: int = 0
    driven: int = 0
    spacing: int = 0
    path: str = ""
    what: str = ""
    value: int = 0


_decoder: Final = msgspec.json.Decoder(BoardEvent)


def decode_event(line: bytes) -> BoardEvent:
    """Read one line; BoardGone when it is not one."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as bad:
        raise BoardGone(f"not a line of a board: {line[:80]!r} ({bad})") from bad


class BoardProcess:
    """A board in lockstep. ``us`` is its time; every method that moves time gives the events in between."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        """Start ``command``; BoardGone when it is not there: build it with make -C firmware_bridge/firmware."""
        self.us = 0
        self.on = 0
        try:
            words = [str(word) for word in command]
            self._child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            hint = "build it: make -C firmware_bridge/firmware"
            raise BoardGone(f"{command[0]}: {error.strerror}; {hint}") from error

    def do(self, *lines: str) -> None:
        """Send control lines; what they cause is seen at the next ``run``."""
        pipe = self._child.stdin
        if pipe is None or pipe.closed:
            raise BoardGone("the board process was closed")
        try:
            pipe.write("".join(f"{line}\n" for line in lines).encode("ascii"))
            pipe.flush()
        except OSError as error:
            raise BoardGone(f"the board process ended with {self._child.poll()}") from error

    def send(self, data: bytes) -> None:
        """Put bytes on its serial line."""
        for start in range(0, len(data), 1024):
            self.do(f"send {data[start : start + 1024].hex()}")

    def run(self, us: int, *, until_word: bool = False) -> list[BoardEvent]:
        """Let ``us`` pass, or less when ``until_word`` and the board said something; give what happened."""
        self.do(f"{'go' if until_word else 'run'} {us}")
        pipe = self._child.stdout
        events: list[BoardEvent] = []
        while True:
            line = pipe.readline() if pipe is not None else b""
            if not line:
                raise BoardGone(f"the board process ended with {self._child.wait(STOP_WAIT_S)}")
            event = decode_event(line)
            if event.e == "ran":
                self.us = event.us
                return events
            if event.e == "error":
                raise BoardGone(f"the board did not understand: {event.what}")
            if event.e == "outputs":
                self.on = event.on
            events.append(event)

    def close(self) -> None:
        """End the child."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
