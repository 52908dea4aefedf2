# SPDX-License-Identifier: Apache-2.0
"""What is to be told to people, kept on disk until it was said or given up: one small file a message.

The rule it keeps: the agent only adds files, the sending child only changes and removes them; a file is whole or not
there; the queue has an end, and the gravest message is the last to be dropped.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from drivers.kept import UNREADABLE
from drivers.whole_file import write_whole
from edge.alarm_life import RANK

FOLDER: Final = "notify"
QUEUE_MAX: Final = 200

State = Literal["waiting", "sent", "given_up"]


class Delivery(msgspec.Struct, forbid_unknown_fields=True):
    """How far one message is on its way to one person."""

    state: State = "waiting"
    attempts: int = 0
    way: str = ""
    detail: str = ""


class Notice(msgspec.Struct, forbid_unknown_fields=True):
    """One message in every language that people read; ``tier`` is the highest circle of people that gets it."""

    id: str
    wall_ms: int
    severity: str
    why: str
    tier: int
    title: dict[str, str]
    body: dict[str, str]
    deliveries: dict[str, Delivery] = {}


class Queue:
    """The folder of one farm's messages below its state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER

    def add(self, notice: Notice) -> list[Notice]:
        """Put a message in; gives those that had to go for it (the oldest of the least grave)."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        dropped: list[Notice] = []
        waiting = list(self.waiting())
        while len(waiting) >= QUEUE_MAX:
            least = min(waiting, key=lambda one: (RANK.get(one.severity, 0), one.id))
            waiting.remove(least)
            self.remove(least)
            dropped.append(least)
        self.save(notice)
        return dropped

    def save(self, notice: Notice) -> None:
        """Write a message down as it stands now."""
        write_whole(self._path(notice.id), msgspec.json.encode(notice))

    def remove(self, notice: Notice) -> None:
        """Forget a message."""
        self._path(notice.id).unlink(missing_ok=True)

    def waiting(self) -> Iterator[Notice]:
        """Give the messages that wait, the oldest first; a file that cannot be read is removed."""
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Notice)
            except FileNotFoundError:
                continue  # sent and gone meanwhile
            except UNREADABLE:
                path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.json")) if self.folder.is_dir() else 0

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
