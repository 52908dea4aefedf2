# SPDX-License-Identifier: Apache-2.0
"""Gathers a period's evidence from a store of the cooperative, or from one farm's own log.

The rule it keeps: everything a report needs is read once, before anything is computed; a farm that does not belong
to the cooperative asked for is not read at all.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from cooperative.indicators.evidence import Span, Track
from pages.words import N_, Told
from telemetry.history import LogReader, Points
from telemetry.ports import Store
from telemetry.records import FarmProfile, series_id

LOG_FILE: Final = "farm.log"
PROFILE_FILE: Final = "profile.json"


class NoFarmHere(Told):
    """The folder holds no farm's log and profile."""


class Gathered:
    """Evidence held in memory (``cooperative.indicators.evidence.Evidence``)."""

    def __init__(self, farms: Sequence[FarmProfile]) -> None:
        self._farms = tuple(farms)
        self._tracks: dict[tuple[str, str], Track] = {}

    def add(self, edge: str, series: str, points: Points) -> None:
        """Take in what a store gave for a series."""
        self._tracks[edge, series] = Track(
            points.wall_ms.astype(np.int64), points.value.astype(np.float64), points.quality.astype(np.int64)
        )

    def farms(self) -> Sequence[FarmProfile]:
        """See Evidence."""
        return self._farms

    def track(self, edge: str, series: str, from_ms: int, to_ms: int) -> Track:
        """See Evidence."""
        empty = np.empty(0)
        track = self._tracks.get((edge, series), Track(empty.astype(np.int64), empty, empty.astype(np.int64)))
        inside = (track.wall_ms >= from_ms) & (track.wall_ms < to_ms)
        return Track(track.wall_ms[inside], track.value[inside], track.quality[inside])


def series_of(farm: FarmProfile) -> list[str]:
    """Name every series that the indicators may read of a farm."""
    names = {series for item in farm.instruments for series in item.series}
    for plot in farm.plots:
        place = plot.house or plot.place
        names |= {series_id(place, "air_temperature"), series_id(place, "air_humidity")}
        names |= {plot.meter} if plot.meter else set()
    return sorted(names)


async def gather_from_store(store: Store, farms: Iterable[FarmProfile], member: str, span: Span) -> Gathered:
    """Read what ``member``'s farms ("" = all) stored in ``span``. Raises telemetry.ports.StoreError."""
    chosen = [farm for farm in farms if member in ("", farm.member)]
    gathered = Gathered(chosen)
    for farm in chosen:
        for series in series_of(farm):
            gathered.add(farm.edge, series, await store.range(farm.edge, series, span.from_ms, span.to_ms))
    return gathered


def _seen(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def gather_from_farm(folder: Path, member: str, span: Span) -> Gathered:
    """Read one farm's own log and profile. Raises NoFarmHere; telemetry's DiskError if the log cannot be read."""
    try:
        farm = msgspec.json.decode((folder / PROFILE_FILE).read_bytes(), type=FarmProfile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoFarmHere(N_("{file}: {seen:t}"), file=str(folder / PROFILE_FILE), seen=_seen(error)) from error
    if not (folder / LOG_FILE).is_file():
        raise NoFarmHere(N_("{file} is not there"), file=str(folder / LOG_FILE))
    if member not in ("", farm.member):
        return Gathered(())
    gathered = Gathered((farm,))
    reader = LogReader(folder / LOG_FILE)
    try:
        for series in series_of(farm):
            gathered.add(farm.edge, series, reader.range(series, span.from_ms, span.to_ms))
    finally:
        reader.close()
    return gathered
