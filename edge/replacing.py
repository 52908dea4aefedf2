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
from drivers.commissioning_sdi12 import only_address
from drivers.commissioning_sdi12 import replace as replace_sdi12
from drivers.commissioning_text import replace as replace_text
from drivers.probe import Probe
from drivers.registry import names_of
from drivers.sdi12_line import Sdi12Line
from drivers.serial_port import opener
from edge.calibrating import SHELF_FOLDER
from edge.config_check import series_of
from edge.connected import Connected


async def change(place: Connected, at: str, types: Catalogue, within_s: float, *, alone: bool) -> Outcome:
    """Give the device that now answers at ``at`` ("" is its maker's address) the place's address.

    On SDI-12 with ``alone`` and no ``at``, the sensor is asked for its own. Raises LineDown where the port is no use.
    """
    if place.bus.kind == "modbus":
        here = int(at or place.entry.serial.address)
        async with Probe(opener(place.bus.port, place.settings), place.settings, within_s) as probe:
            return await replace_device(probe, place.entry, here, place.device.unit, types.entries(), alone=alone)
    old = str(place.device.address)
    stream = await opener(place.bus.port, place.settings).open()
    try:
        if place.bus.kind == "line":
            return await replace_text(stream, place.entry, at or old, old)
        adapter = place.bus.kind == "sdi12-adapter"
        line = Sdi12Line(stream, adapter=adapter, as_8n1=not adapter and place.settings.data_bits == 8)
        at = at or (await only_address(line) if alone else None) or place.entry.serial.sdi12_address
        return await replace_sdi12(line, place.entry, at, old, types.entries())
    finally:
        stream.close()


def void_calibrations(state: Path, place: Connected, person: str, now: datetime) -> list[str]:
    """Put the maker's scale in force for every calibrated series of the place; gives those series."""
    shelf = Shelf(state / SHELF_FOLDER)
    mine = set(series_of(place.device, names_of(place.entry)).values())
    calibrated = [series for series in shelf.series() if series in mine and shelf.active(series) is not None]
    for series in calibrated:
        shelf.activate(series, "", person, now)
    return calibrated
