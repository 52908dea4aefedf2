# SPDX-License-Identifier: Apache-2.0
"""Practice mode: puts a simulated probe into a beaker, or makes it old, so that a technician can learn to calibrate.

The rule it keeps: it changes what the simulated instrument meets, never a sample, a record or a curve; on a farm with
real instruments there is nothing that reads this file.
"""

from pathlib import Path
from typing import Final

import msgspec

from drivers.kept import kept_json
from drivers.whole_file import write_whole

PRACTICE_FILE: Final = "practice.json"


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One simulated probe: the beaker it stands in (None: back in its place), and what age did to it."""

    beaker: float | None = None
    gain: float = 1.0
    offset: float = 0.0

    def meets(self, truth: float) -> float:
        """Give what the element makes of the world's ``truth``, all in the quantity's unit."""
        return self.gain * (truth if self.beaker is None else self.beaker) + self.offset


class Practice:
    """The probes that somebody practises on; ``folder`` is the demo's state folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PRACTICE_FILE

    def probes(self) -> dict[str, Probe]:
        """Give the probes by series; none where the file is missing or torn."""
        return kept_json(self._path, dict[str, Probe]) or {}

    def put(self, series: str, probe: Probe) -> None:
        """Put one probe somewhere."""
        write_whole(self._path, msgspec.json.encode(self.probes() | {series: probe}))

    def forget(self, series: str) -> None:
        """Put a new probe in its place."""
        write_whole(self._path, msgspec.json.encode({k: v for k, v in self.probes().items() if k != series}))
