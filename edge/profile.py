# SPDX-License-Identifier: Apache-2.0
"""What the farm tells the cooperative about itself: plots, meters, instruments and their calibrations.

The rule it keeps: the profile is made from ``farm.toml`` and the calibration shelf alone; nothing in it is typed twice.
It lies beside the log, for a report on this farm alone, and goes to the hub with the uplink.
"""

from pathlib import Path
from typing import Final

import msgspec

from controllers.settings import MINUTES_A_DAY, DayPart, HouseSettings
from drivers.calibration.artifact import summary
from drivers.calibration.shelf import Shelf
from edge.config import FarmConfig
from edge.pipeline import SeriesPlan
from telemetry.records import FarmProfile, Instrument, Plot

PROFILE_FILE: Final = "profile.json"
NOON_MIN: Final = MINUTES_A_DAY // 2

Band = tuple[float, float, float, float]


def farm_profile(config: FarmConfig, plans: list[SeriesPlan], shelf: Shelf) -> FarmProfile:
    """Describe the farm as the hub's indicators need it."""
    active = {series: shelf.active(series) for series in shelf.series()}
    due = {series: record.due_at.isoformat() for series, record in active.items() if record is not None}
    models = {device.name: device.type for device in config.devices}
    periods = {device.name: device.period_s for device in config.devices}
    by_device: dict[str, list[str]] = {}
    for plan in plans:
        if plan.quantity.name != "switch":  # what a relay says of itself is feedback, not a measurement
            by_device.setdefault(plan.device, []).append(plan.series)
    instruments = tuple(
        Instrument(
            device,
            models.get(device, ""),
            tuple(series),
            periods.get(device, 60.0),
            # An instrument with several series is in date while the one that is due first is.
            min(due[one] for one in series) if all(one in due for one in series) else "",
        )
        for device, series in by_device.items()
    )
    return FarmProfile(
        edge=config.farm.edge,
        title=config.farm.title,
        member=config.farm.member,
        timezone=config.farm.timezone,
        plots=tuple(_plots(config)),
        instruments=instruments,
        calibrations=tuple(summary(record) for record in active.values() if record is not None),
    )


def write_profile(folder: Path, profile: FarmProfile) -> None:
    """Lay the profile beside the log, whole or not at all. OSError if the folder cannot be written."""
    fresh = folder / f".{PROFILE_FILE}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2))
    fresh.replace(folder / PROFILE_FILE)


def _plots(config: FarmConfig) -> list[Plot]:
    said = {plot.place: plot for plot in config.plots}
    houses = {house.id: house for house in config.control.houses}
    plots = []
    for zone in config.control.zones:
        more = said.get(zone.id)
        house = houses.get(zone.house)
        plots.append(
            Plot(
                place=zone.id,
                title=" · ".join(part for part in (house.title if house else "", zone.title or zone.id) if part),
                area_m2=zone.area_m2,
                crop=zone.crop,
                irrigation=(more.irrigation if more and more.irrigation else config.farm.irrigation),
                house=zone.house,
                band_day=_band(house, NOON_MIN),
                band_night=_band(house, 0),
                meter=more.meter if more else "",
            )
        )
    return plots


def _band(house: HouseSettings | None, minute: int) -> Band | None:
    """Give the band in force at ``minute`` of the day: of the part that started last, if need be the evening before."""
    if house is None or not house.day_parts:
        return None
    ranked = sorted(house.day_parts, key=lambda part: _minute(part.starts))
    started = [part for part in ranked if _minute(part.starts) <= minute]
    part: DayPart = started[-1] if started else ranked[-1]
    return part.temperature_low_c, part.temperature_high_c, part.vpd_low_kpa, part.vpd_high_kpa


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
