# SPDX-License-Identifier: Apache-2.0
"""A small coverage-guided fuzzer in pure Python: inputs that reach new lines are kept and bred on.

The rule it keeps: the same target, seeds and number give the same inputs; a finding is the input itself. It watches
only the files that it is told, and when nothing new was reached for long only now and then, for to watch costs six
times what the input does; whether a rule breaks is seen of every input.
"""

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Final

from drivers.crc import crc16

CORPUS_MOST: Final = 2000
INPUT_MOST: Final = 1500
KEPT_CRASHES: Final = 5
DRY_MOST: Final = 4000  # watched inputs without a new line, after which only one in so many is watched:
WATCHED_EVERY: Final = 16
WORDS: Final = (0, 1, 2, 3, 4, 5, 6, 0x0F, 0x10, 0x17, 0x7F, 0x80, 0x83, 0x90, 0xFE, 0xFF, 0x0D, 0x0A, 0x2B, 0x2D, 0x2C)


@dataclass(slots=True)
class Finding:
    """An input that broke a rule, and how."""

    data: bytes
    said: str


@dataclass(slots=True)
class Findings:
    """What a campaign saw."""

    runs: int = 0
    edges: int = 0
    corpus: int = 0
    seconds: float = 0.0
    crashes: list[Finding] = field(default_factory=list)


class Fuzzer:
    """One campaign. ``target`` takes an input and raises for a broken rule; ``watched`` are ends of file names."""

    def __init__(
        self,
        target: Callable[[bytes], None],
        watched: Sequence[str],
        seeds: Sequence[bytes],
        words: Sequence[bytes] = (),
        seed: int = 1,
    ) -> None:
        self._target = target
        self._watched = tuple(watched)
        self._words = tuple(words)
        self._random = random.Random(seed)
        self._edges: set[tuple[int, int, int]] = set()
        self._new = False
        self._dry = 0  # watched inputs since one reached a new line
        self._mine: dict[CodeType, bool] = {}
        self._last = 0
        self._corpus: list[bytes] = []
        self.found = Findings()
        for data in seeds or (b"",):
            self._try(data[:INPUT_MOST])
        self._corpus = self._corpus or [b""]

    def run(self, runs: int) -> Findings:
        """Try so many inputs more."""
        began_s = time.perf_counter()
        for _ in range(runs):
            self._try(self._bred())
        self.found.seconds += time.perf_counter() - began_s
        self.found.edges, self.found.corpus = len(self._edges), len(self._corpus)
        return self.found

    def _try(self, data: bytes) -> None:
        self._new, self._last = False, 0
        watched = self._dry < DRY_MOST or self.found.runs % WATCHED_EVERY == 0
        before = sys.gettrace()
        if watched:
            sys.settrace(self._call)
        try:
            self._target(data)
        except Exception as error:  # noqa: BLE001 - anything that escapes is the finding
            sys.settrace(before)
            if len(self.found.crashes) < KEPT_CRASHES:
                self.found.crashes.append(Finding(data, f"{type(error).__name__}: {error}"))
        finally:
            sys.settrace(before)
        self.found.runs += 1
        if watched:
            self._dry = 0 if self._new else self._dry + 1
        if self._new and len(self._corpus) < CORPUS_MOST:
            self._corpus.append(data)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        mine = self._mine.get(code)
        if mine is None:
            mine = self._mine[code] = code.co_filename.endswith(self._watched)
        return self._line if mine else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any]:
        if event == "line":
            edge = (id(frame.f_code), self._last, frame.f_lineno)
            self._last = frame.f_lineno
            if edge not in self._edges:
                self._edges.add(edge)
                self._new = True
        return self._line

    def _bred(self) -> bytes:
        dice = self._random
        # The youngest inputs reached what is least known.
        recent = self._corpus[-20:] if dice.random() < 0.5 else self._corpus
        data = bytearray(dice.choice(recent))
        for _ in range(1 << dice.randrange(4)):
            self._change(data)
        return bytes(data[:INPUT_MOST])

    def _change(self, data: bytearray) -> None:
        dice = self._random
        at = dice.randrange(len(data) + 1)
        match dice.randrange(9):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1 if data:
                data[at % len(data)] = dice.choice(WORDS)
            case 2:
                data[at:at] = bytes(dice.randrange(256) for _ in range(1 + dice.randrange(8)))
            case 3:
                del data[at : at + 1 + dice.randrange(8)]
            case 4:
                end = at + dice.randrange(24)
                data[at:at] = data[at:end] * (1 + dice.randrange(3))
            case 5:
                other = dice.choice(self._corpus)
                cut = dice.randrange(len(other) + 1)
                data[at:] = other[cut:]
            case 6 if self._words:
                data[at:at] = dice.choice(self._words)
            case 7:  # what a frame needs to be taken for one
                start = dice.randrange(at + 1)
                data[at:at] = crc16(bytes(data[start:at])).to_bytes(2, "little")
            case _:
                data[at:at] = bytes((dice.choice(WORDS),))
