# SPDX-License-Identifier: Apache-2.0
"""What the farm tells the cooperative about itself: plots, instruments, calibrations.

The rule it keeps: it says what stands in farm.toml and on the calibration shelf, and guesses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controllers.settings import DayPart, HouseSettings
from drivers.calibration.artifact import summary
from drivers.catalogue_schema import Entry
from edge.boards import measured_series
from edge.calibration_book import ShelfBook
from edge.config import Device, FarmConfig
from edge.config_boards import unleased_outputs
from edge.live_board import day_part
from telemetry.records import FarmProfile, Instrument, Plot

NOON_MIN = 12 * 60
MIDNIGHT_MIN = 0


@dataclass(frozen=True, slots=True)
class Known:
    """One device of farm.toml with its catalogue entry and its series by value name."""

    device: Device
    entry: Entry
    series: Mapping[str, str]


def farm_profile(config: FarmConfig, known: Sequence[Known], book: ShelfBook) -> FarmProfile:
    """Put the profile together; ``member`` is the hub's name for the farm."""
    active = book.active
    instruments = []
    for one in known:
        # What a relay says of its own contacts is feedback, not a measurement.
        measured = tuple(s for name, s in one.series.items() if name.partition(".")[0] != "switch")
        if not measured:
            continue
        due = [active[s].due_at for s in measured if s in active and active[s].passed]
        # An instrument is in date only while each of its values is: one calibrated value does not vouch for another.
        whole = min(due).isoformat() if len(due) == len(measured) else ""
        instruments.append(Instrument(one.device.name, one.entry.type, measured, one.device.period_s, whole))
    for board in config.boards:
        measured = tuple(measured_series(board))
        due = [active[s].due_at for s in measured if s in active and active[s].passed]
        whole = min(due).isoformat() if measured and len(due) == len(measured) else ""
        if measured:
            instruments.append(Instrument(board.name, f"vuon-{board.type}", measured, board.period_s, whole))
    entries = {one.device.name: one.entry for one in known}
    unleased = unleased_outputs(config, lambda device: entries.get(device.name))
    return FarmProfile(
        edge=config.farm.edge,
        title=config.farm.title,
        member=config.uplink.member if config.uplink is not None else config.farm.member,
        timezone=config.farm.timezone,
        plots=_plots(config),
        instruments=tuple(instruments),
        calibrations=tuple(summary(record) for record in active.values()),
        unleased=tuple((output, device.unleased_reason) for output, device in sorted(unleased.items())),
    )


def _plots(config: FarmConfig) -> tuple[Plot, ...]:
    more = {plot.place: plot for plot in config.plots}
    houses = {house.id: house for house in config.control.houses}
    plots = []
    for zone in config.control.zones:
        told = more.get(zone.id)
        house = houses.get(zone.house)
        plots.append(
            Plot(
                place=zone.id,
                title=" · ".join(part for part in (house.title if house else "", zone.title or zone.id) if part),
                area_m2=zone.area_m2,
                crop=zone.crop,
                irrigation=told.irrigation if told is not None and told.irrigation else config.farm.irrigation,
                house=zone.house,
                band_day=_band(house, NOON_MIN),
                band_night=_band(house, MIDNIGHT_MIN),
                meter=told.meter if told is not None else "",
            )
        )
    return tuple(plots)


def _band(house: HouseSettings | None, minute: int) -> tuple[float, float, float, float] | None:
    part: DayPart | None = day_part(house, minute) if house is not None else None
    if part is None:
        return None
    return part.temperature_low_c, part.temperature_high_c, part.vpd_low_kpa, part.vpd_high_kpa
