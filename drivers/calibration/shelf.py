# SPDX-License-Identifier: Apache-2.0
"""The farm's calibrations on disk: many kept, one active for each series, switched atomically, chained by hash.

The rule it keeps: a file is written whole (new file, fsync, rename, folder fsync) before it is pointed at; a torn or
edited file is set aside with its reason and never used; the calibration that was active stays so.
Layout: ``<folder>/<place>__<quantity>/<id>.json``, and ``active.json`` with its copy beside them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from drivers.calibration.artifact import FILE_MAX_BYTES, BadArtifact, Calibration, decode, encode
from drivers.whole_file import write_whole
from telemetry.records import SERIES_PATTERN

KEPT_MAX: Final = 1000
HISTORY_MAX: Final = 1000
ACTIVE: Final = "active.json"
ACTIVE_COPY: Final = "active-copy.json"


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of the active calibration. ``id`` "" means the maker's own scale."""

    id: str
    at: datetime
    person: str
    reason: str = ""


class Active(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pointer file: what is active now and what was before, newest last."""

    schema: str
    id: str
    history: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not used, and why."""

    path: Path
    code: str
    fields: dict[str, float | str] = field(default_factory=dict)


class UnknownCalibration(LookupError):
    """No usable calibration of that id is kept for the series."""


class Shelf:
    """The calibrations below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def series(self) -> list[str]:
        """Name every series that has a calibration, in order."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name.replace("__", "/") for path in self._folder.iterdir() if path.is_dir())

    def kept(self, series: str) -> tuple[list[Calibration], list[Refused]]:
        """Give the usable calibrations of ``series``, oldest first, and the files refused."""
        good: list[Calibration] = []
        refused: list[Refused] = []
        paths = [path for path in self._place(series).glob("*.json") if path.name not in {ACTIVE, ACTIVE_COPY}]
        for path in sorted(paths)[:KEPT_MAX]:
            try:
                good.append(_open(path, series))
            except BadArtifact as error:
                refused.append(Refused(path, error.code, error.fields))
        return sorted(good, key=lambda item: (item.performed_at, item.id)), refused

    def active(self, series: str) -> Calibration | None:
        """Give the active calibration, None where the maker's scale is in force.

        When the file pointed at can no longer be used, the newest usable one before it in the history is taken.
        """
        pointer = self._pointer(series)
        if pointer is None or not pointer.id:
            return None
        usable = {item.id: item for item in self.kept(series)[0]}
        for identity in (pointer.id, *(switch.id for switch in reversed(pointer.history))):
            if identity in usable:
                return usable[identity]
        return None

    def add(self, calibration: Calibration) -> Path:
        """Keep a sealed calibration (it is not active yet). Raises BadArtifact; FileExistsError if the id is taken."""
        data = encode(calibration)
        decode(data)
        path = self._place(calibration.series) / f"{calibration.id}.json"
        if path.exists():
            raise FileExistsError(path)
        write_whole(path, data)
        return path

    def activate(self, series: str, identity: str, person: str, now: datetime, reason: str = "") -> Calibration | None:
        """Make ``identity`` the active one ("" = the maker's scale). Raises UnknownCalibration; one atomic rename."""
        chosen = None
        if identity:
            chosen = next((item for item in self.kept(series)[0] if item.id == identity), None)
            if chosen is None:
                raise UnknownCalibration(identity)
        pointer = self._pointer(series)
        history = (*(pointer.history if pointer else ()), Switch(identity, now, person, reason))[-HISTORY_MAX:]
        record = Active("vuon-active/1", identity, history)
        for name in (ACTIVE, ACTIVE_COPY):
            write_whole(self._place(series) / name, msgspec.json.encode(record))
        return chosen

    def before(self, series: str) -> str:
        """Name what was in force before the present one ("" = the maker's scale). UnknownCalibration: nothing was."""
        pointer = self._pointer(series)
        if pointer is None or not pointer.history:
            raise UnknownCalibration(series)
        steps = [switch.id for switch in pointer.history]
        while len(steps) > 1 and steps[-1] == pointer.id:
            steps.pop()
        return steps[-1] if steps[-1] != pointer.id else ""

    def roll_back(self, series: str, person: str, now: datetime, reason: str = "") -> Calibration | None:
        """Put what was in force before in force again. Raises UnknownCalibration where there is nothing."""
        return self.activate(series, self.before(series), person, now, reason)

    def history(self, series: str) -> tuple[Switch, ...]:
        """Give every switch of the active calibration, oldest first."""
        pointer = self._pointer(series)
        return pointer.history if pointer else ()

    def _place(self, series: str) -> Path:
        if not SERIES_PATTERN.match(series):
            raise ValueError(f"bad series name {series!r}")
        return self._folder / series.replace("/", "__")

    def _pointer(self, series: str) -> Active | None:
        for name in (ACTIVE, ACTIVE_COPY):  # a worn card may lose one
            try:
                return msgspec.json.decode((self._place(series) / name).read_bytes(), type=Active)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                continue
        return None


def _open(path: Path, series: str) -> Calibration:
    """Read one file of ``series``; raises BadArtifact."""
    size = path.stat().st_size
    if size > FILE_MAX_BYTES:
        raise BadArtifact("The file is {size} bytes long: no calibration is", size=float(size))
    calibration = decode(path.read_bytes())
    if calibration.series != series or path.stem != calibration.id:
        raise BadArtifact("The file lies at the wrong place: it belongs to {series}", series=calibration.series)
    return calibration
