# SPDX-License-Identifier: Apache-2.0
"""A new device in a dead one's place.

The rule it keeps: the new device gets the old one's address, and never the old one's calibration: that belongs to a
probe that is gone, so the maker's scale is put in force until somebody calibrates.
"""

from datetime import datetime
from pathlib import Path

from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from drivers.commissioning import Outcome
from drivers.commissioning import replace as replace_device
from drivers.probe import Probe
from drivers.registry import names_of
from drivers.serial_port import opener
from edge.calibrating import SHELF_FOLDER
from edge.config_check import series_of
from edge.connected import Connected


async def change(place: Connected, at: int, types: Catalogue, within_s: float, *, alone: bool) -> Outcome:
    """Give the device that now answers at ``at`` the place's address. Raises LineDown when the port cannot be used."""
    async with Probe(opener(place.bus.port, place.settings), place.settings, within_s) as probe:
        return await replace_device(probe, place.entry, at, place.device.unit, types.entries(), alone=alone)


def void_calibrations(state: Path, place: Connected, person: str, now: datetime) -> list[str]:
    """Put the maker's scale in force for every calibrated series of the place; gives those series."""
    shelf = Shelf(state / SHELF_FOLDER)
    mine = set(series_of(place.device, names_of(place.entry)).values())
    calibrated = [series for series in shelf.series() if series in mine and shelf.active(series) is not None]
    for series in calibrated:
        shelf.activate(series, "", person, now)
    return calibrated
