# SPDX-License-Identifier: Apache-2.0
"""A first ``farm.toml`` from what was found on the lines.

The rule it keeps: text in, text out. Everything drafted stands at the place that the person named; what could not be
told is a comment that says what to do, never a guess that looks like knowledge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from controllers.climate_bands import band_row
from drivers.catalogue_schema import Entry
from drivers.line_settings import LineSettings
from drivers.registry import names_of
from edge.config import Device
from edge.config_check import series_of
from pages.words import N_, Words

# What the comments of a draft say.
LIMITS: Final = N_("Air limits for {crop}, for reference: put your own in their place.")
MAYBE: Final = N_("It may also be: {types}. Compare its values.")


@dataclass(frozen=True, slots=True)
class Seen:
    """One address that answered; ``types`` are what it may be, the likeliest first; ``several`` spoil each other."""

    port: str
    address: int | str
    settings: LineSettings
    types: tuple[Entry, ...] = ()
    several: bool = False
    kind: str = "modbus"


@dataclass(frozen=True, slots=True)
class Place:
    """The farm and its first house, as the person told them."""

    farm: str
    title: str
    latitude_deg: float
    longitude_deg: float
    house: str
    area_m2: float
    crop: str


def _quoted(text: str) -> str:
    """Give ``text`` as a TOML basic string."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else " " for c in safe) + '"'


def _part(name: str, starts: str, band: tuple[float, float, float, float]) -> str:
    low_c, high_c, low_kpa, high_kpa = band
    return (
        f'  {{ name = "{name}", starts = "{starts}", temperature_low_c = {low_c!r}, temperature_high_c = {high_c!r}, '
        f"vpd_low_kpa = {low_kpa!r}, vpd_high_kpa = {high_kpa!r} }},"
    )


def _head(place: Place, say: Words) -> str:
    return f"""\
[farm]
edge = {_quoted(place.farm)}
title = {_quoted(place.title)}
latitude_deg = {place.latitude_deg!r}
longitude_deg = {place.longitude_deg!r}

[[house]]
id = {_quoted(place.house)}
area_m2 = {place.area_m2!r}
crop = {_quoted(place.crop)}

# {say.say(LIMITS, {"crop": place.crop})}
day_parts = [
{_part("day", "06:00", band_row(place.crop, day=True))}
{_part("night", "18:00", band_row(place.crop, day=False))}
]
"""


def main_settings(seen: Sequence[Seen]) -> LineSettings:
    """Give the settings that most devices of one line have; the first of them where two are equal."""
    found = [one.settings for one in seen]
    return max(found, key=found.count)


def _remark(one: Seen, settings: LineSettings, say: Words) -> str:
    """Say why a device is not in the file; '' when it can be."""
    if one.several:
        return say.text(
            N_("several devices answer at once; connect one alone and give it a new address: vuon bus readdress")
        )
    if one.settings != settings:
        return say.say(
            N_("it talks {seen}, this line {settings}; set the device to the line's"),
            {"seen": str(one.settings), "settings": str(settings)},
        )
    if not one.types:
        return say.text(
            N_(
                "no type of the catalogue fits; "
                "a relay board or a drive is written by hand, a sensor with vuon sensor add"
            )
        )
    return ""


def draft(place: Place, found: Sequence[Seen], say: Words) -> str:
    """Give the whole file; KeyError when no climate band of the crop is known.

    Devices that measure the same thing are numbered with ``index`` in the order found.
    """
    parts = [_head(place, say)]
    taken: set[str] = set()
    names: set[str] = set()
    for number, port in enumerate(dict.fromkeys(one.port for one in found), start=1):
        here = [one for one in found if one.port == port]
        settings = main_settings(here)
        bus = f"line-{number}"
        parts.append(_bus(bus, port, here[0].kind, settings))
        for one in here:
            remark = _remark(one, settings, say)
            if remark:
                parts.append(f"# {port} {say.text(N_('address'))} {one.address}: {remark}\n")
            else:
                parts.append(_device(one, bus, place.house, taken, names, say))
    return "\n".join(parts)


def _bus(name: str, port: str, kind: str, settings: LineSettings) -> str:
    head = f"[[bus]]\nname = {_quoted(name)}\nport = {_quoted(port)}\n"
    if kind == "sdi12":
        return f"{head}kind = {_quoted(kind)}\n"
    form = f"{settings.data_bits}{settings.parity}{settings.stop_bits}"
    head += f"kind = {_quoted(kind)}\n" if kind != "modbus" else ""
    return f"{head}baud_bd = {settings.baud}\nformat = {_quoted(form)}\n"


def _device(one: Seen, bus: str, place: str, taken: set[str], names: set[str], say: Words) -> str:
    entry = one.types[0]
    stem = entry.type[:29]
    name = next(n for i in range(1, 249) if (n := stem if i == 1 else f"{stem[:28]}-{i}") not in names)
    names.add(name)
    gives = () if entry.relay is not None else names_of(entry)
    index = next(
        i
        for i in range(100)
        if taken.isdisjoint(series_of(Device(name, bus, entry.type, place, index=i), gives).values())
    )
    taken |= set(series_of(Device(name, bus, entry.type, place, index=index), gives).values())
    lines = ["[[device]]", f"# {entry.title}"]
    if len(one.types) > 1:
        lines.append("# " + say.say(MAYBE, {"types": ", ".join(other.type for other in one.types[1:4])}))
    lines += [f"name = {_quoted(name)}", f"bus = {_quoted(bus)}", f"type = {_quoted(entry.type)}"]
    address = one.address if isinstance(one.address, int) else _quoted(one.address)
    lines += [f"address = {address}", f"place = {_quoted(place)}"]
    lines += [f"index = {index}"] if index else []
    lines += [f"period_s = {entry.min_interval_s!r}"] if entry.min_interval_s > 10.0 else []
    return "\n".join(lines) + "\n"
