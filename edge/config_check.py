# SPDX-License-Identifier: Apache-2.0
"""What types cannot say about ``farm.toml``: names that point nowhere, addresses used twice, impossible values.

The rule it keeps: it only notes problems on the page; it reads the device catalogue but opens no port.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from controllers.settings_check import TWICE, problems
from controllers.settings_mistake import UNKNOWN
from drivers.catalogue import Catalogue, UnknownType
from drivers.catalogue_schema import CatalogueError, Entry
from drivers.registry import names_of
from edge.boards import measured_series
from edge.config_boards import BOARD_PORT, check_board_lines, check_boards, check_unleased
from edge.config_exchange_check import check_exchange
from edge.config_lines import check_device, check_port, check_temperatures
from edge.switch_settings import problems as problems_of
from edge.toml_reader import Page
from telemetry.quantities import QUANTITIES
from telemetry.records import SERIES_PATTERN

if TYPE_CHECKING:
    from edge.config import Device, FarmConfig

NAMED: Final = {
    "bus": "name",
    "device": "name",
    "board": "name",
    "house": "id",
    "zone": "id",
    "line": "id",
    "station": "id",
    "output": "id",
    "tariff": "name",
    "recipe": "id",
    "stock": "id",
    "fertigation": "line",
}
_INDEXED: Final = re.compile(r"^(house|zone|line|output|tariff|recipe|stock|fertigation)\[(\d+)\](.*)$")
PORT_SCHEMES: Final = ("/dev/", "rfc2217://", "socket://", "tcp://", BOARD_PORT)


def check(config: "FarmConfig", page: Page, catalogue: Catalogue | None = None) -> None:
    """Note on ``page`` all that is wrong with ``config``."""
    catalogue = catalogue or Catalogue()
    for table, key in NAMED.items():
        _twice(page, table, key)
    _farm(config, page)
    _buses(config, page)
    series = _devices(config, page, catalogue)
    wired = _outputs(config, page, catalogue)
    check_boards(config, page, places_of(page), wired, series)
    check_board_lines(config, page)
    check_temperatures(config, page, series)
    check_unleased(config, page, lambda device: _known_entry(device, catalogue))
    _unwired(page, wired)
    _simulation(config, page)
    _plots(config, page)
    _people(config, page, catalogue)
    _control(config, page, catalogue)
    check_exchange(config, page)


def rows(page: Page, table: str) -> list[tuple[str, dict[str, object]]]:
    """Give the raw rows of an array of tables with their paths."""
    raw = page.data.get(table, [])
    return (
        [(f"{table}[{i}]", row) for i, row in enumerate(raw) if isinstance(row, dict)] if isinstance(raw, list) else []
    )


def names(page: Page, table: str) -> list[str]:
    """Give the names that a table defines, also those of rows with mistakes."""
    return [str(row.get(NAMED[table], "")) for _, row in rows(page, table)]


def path_of(page: Page, table: str, name: str) -> str:
    """Give the path of the row called ``name``."""
    return next((path for path, row in rows(page, table) if row.get(NAMED[table]) == name), table)


def _twice(page: Page, table: str, key: str) -> None:
    first: dict[str, str] = {}
    for path, row in rows(page, table):
        name = row.get(key)
        if not isinstance(name, str):
            continue  # what is no name was told by its type
        if name in first:
            page.wrong(f"{path}.{key}", "{name} is already the {key} of {other}", name=str(name), key=key,
                       other=f"{first[name]}, line {page.line(first[name])}")  # fmt: skip
        else:
            first[name] = path


def _farm(config: "FarmConfig", page: Page) -> None:
    try:
        ZoneInfo(config.farm.timezone)
    except (KeyError, ValueError, OSError):
        page.wrong("farm.timezone", "{seen} is no time zone; for Viet Nam write Asia/Ho_Chi_Minh",
                   seen=repr(config.farm.timezone))  # fmt: skip
    if not config.control.houses and not page.data.get("house"):
        page.wrong("(file)", "no [[house]]: there is nothing to control or watch")


def _buses(config: "FarmConfig", page: Page) -> None:
    first: dict[str, str] = {}
    ports = [(path_of(page, "bus", bus.name), bus.name, bus.port) for bus in config.buses]
    ports += [(path_of(page, "board", board.name), board.name, board.port) for board in config.boards]
    for path, name, port in ports:
        if port != "sim" and not port.startswith(PORT_SCHEMES):
            page.wrong(f"{path}.port", "{seen} is no port; write /dev/serial/by-id/..., rfc2217://..., socket://..., "
                       "tcp://... or sim", seen=repr(port))  # fmt: skip
        elif port != "sim" and port in first:
            page.wrong(f"{path}.port", "{port} is already the port of bus {other}", port=port, other=first[port])
        first.setdefault(port, name)
    written = dict(rows(page, "bus"))
    for bus in config.buses:
        path = path_of(page, "bus", bus.name)
        check_port(path, bus, written.get(path, {}), page)


def _devices(config: "FarmConfig", page: Page, catalogue: Catalogue) -> dict[str, str]:
    """Note what is wrong with the devices; gives the series that they deliver, each with its device."""
    buses = names(page, "bus")
    places = places_of(page)
    addresses: dict[tuple[str, str], str] = {}
    series: dict[str, str] = {}
    for path, row in rows(page, "device"):
        bus, address = row.get("bus"), row.get("address", 1)
        if isinstance(bus, str) and bus not in buses:
            page.wrong(f"{path}.bus", "there is no bus called {name}; known: {known}", name=bus, known=_list(buses))
        if isinstance(bus, str) and isinstance(address, int | str):
            other = addresses.setdefault((bus, str(address)), str(row.get("name", path)))
            if other != row.get("name", path):
                page.wrong(f"{path}.address", "address {address} on bus {bus} already belongs to {other}",
                           address=address, bus=bus, other=other)  # fmt: skip
    for device in config.devices:
        path = path_of(page, "device", device.name)
        if device.place not in places:
            page.wrong(f"{path}.place", "there is no house, zone, line or station called {name}; known: {known}",
                       name=device.place, known=_list(places))  # fmt: skip
        entry = _entry(device, path, page, catalogue)
        if entry is not None:
            _device(device, entry, path, page, series)
            _on_its_line(config, device, entry, path, page)
    return series


def _on_its_line(config: "FarmConfig", device: "Device", entry: Entry, path: str, page: Page) -> None:
    bus = next((bus for bus in config.buses if bus.name == device.bus), None)
    if bus is not None:
        others = [other.name for other in config.devices if other.bus == device.bus and other.name != device.name]
        check_device(path, device, entry, bus, dict(rows(page, "device")).get(path, {}), others, page)


def places_of(page: Page) -> list[str]:
    """Give every place of the file; ``farm`` is always one."""
    return ["farm", *(name for table in ("house", "zone", "line", "station") for name in names(page, table))]


def _entry(device: "Device", path: str, page: Page, catalogue: Catalogue) -> Entry | None:
    try:
        return catalogue.entry(device.type, device.variant)
    except CatalogueError as error:
        page.wrong(f"{path}.type", "the catalogue file is wrong: {said}", said=str(error))
    except UnknownType as error:
        page.wrong(f"{path}.{'variant' if 'type' in error.fields else 'type'}", error.msgid, **error.fields)
    return None


def _device(device: "Device", entry: Entry, path: str, page: Page, series: dict[str, str]) -> None:
    gives = names_of(entry)
    for key, name in device.series.items():
        if key not in gives:
            page.wrong(f"{path}.series.{key}", "{type} does not measure {key}; it gives: {known}", type=device.type,
                       key=key, known=_list(gives))  # fmt: skip
        elif name and (not SERIES_PATTERN.match(name) or name.partition("/")[2].partition(".")[0] not in QUANTITIES):
            page.wrong(f"{path}.series.{key}", "{seen} is no series; write place/quantity, for instance {example}",
                       seen=repr(name), example=f"{device.place}/{key}")  # fmt: skip
    mine = gives if entry.relay is None else [g for g in gives if g.partition(".")[2] in device.outputs]
    for name in series_of(device, mine).values():
        other = series.setdefault(name, device.name)
        if other != device.name:
            page.wrong(path, "the series {series} already comes from {other}; give this device another place, "
                       "an index, or leave the value out with series", series=name, other=other)  # fmt: skip
    if device.period_s < entry.min_interval_s:
        page.wrong(f"{path}.period_s", "{type} cannot be asked more often than every {least} s; seen: {seen}",
                   type=device.type, least=entry.min_interval_s, seen=device.period_s)  # fmt: skip


def series_of(device: "Device", gives: Iterable[str]) -> dict[str, str]:
    """Map each value name of the catalogue entry to its series; what the farm leaves out is not there."""
    mapped: dict[str, str] = {}
    for value in gives:
        if value in device.series:
            name = device.series[value]
        else:
            quantity, _, index = value.partition(".")
            number = int(index or 0) + device.index
            name = f"{device.place}/{quantity}" + (f".{number}" if number else "")
        if name:
            mapped[value] = name
    return mapped


def channels_of(entry: Entry) -> tuple[str, ...]:
    """Name the output channels of a device type: "1" to "8" of a relay board, "1" of a drive or valve."""
    if entry.relay is not None:
        return tuple(str(i + 1) for i in range(entry.relay.outputs))
    return ("1",) if entry.drive is not None or entry.valve is not None else ()


def _known_entry(device: "Device", catalogue: Catalogue) -> Entry | None:
    try:
        return catalogue.entry(device.type, device.variant)
    except (CatalogueError, KeyError):
        return None


def _outputs(config: "FarmConfig", page: Page, catalogue: Catalogue) -> dict[str, str]:
    """Note what is wrong with the devices' wiring; gives what each output hangs on."""
    outputs = names(page, "output")
    wired: dict[str, str] = {}
    for device in config.devices:
        path = path_of(page, "device", device.name)
        entry = _known_entry(device, catalogue)
        for channel, output in device.outputs.items():
            if entry is not None and channel not in channels_of(entry):
                has = ", ".join(channels_of(entry)) or "none"
                page.wrong(f"{path}.outputs.{channel}", "{type} has no channel {channel}; it has: {known}",
                           type=device.type, channel=channel, known=has)  # fmt: skip
            if output not in outputs:
                page.wrong(f"{path}.outputs.{channel}", "there is no output called {name}; known: {known}",
                           name=output, known=_list(outputs))  # fmt: skip
            other = wired.setdefault(output, f"{device.name} channel {channel}")
            if other != f"{device.name} channel {channel}":
                page.wrong(f"{path}.outputs.{channel}", "{name} is already wired to {other}", name=output, other=other)
    return wired


def _unwired(page: Page, wired: dict[str, str]) -> None:
    for path, row in rows(page, "output"):
        if isinstance(row.get("id"), str) and row["id"] not in wired:
            page.wrong(f"{path}.id", "no device has {name} among its outputs", name=str(row["id"]))


def _simulation(config: "FarmConfig", page: Page) -> None:
    simulated = [path_of(page, "bus", bus.name) for bus in config.buses if bus.port == "sim"]
    simulated += [path_of(page, "board", board.name) for board in config.boards if board.port == "sim"]
    if simulated and "simulation" not in page.data:
        page.wrong(f"{simulated[0]}.port", "the port sim needs a table [simulation]")
    if config.simulation is None:
        return
    for house in config.simulation.houses:
        if house not in names(page, "house"):
            page.wrong(f"simulation.houses.{house}", "there is no house called {name}; known: {known}", name=house,
                       known=_list(names(page, "house")))  # fmt: skip
    if config.simulation.start and not _is_time(config.simulation.start):
        page.wrong("simulation.start", "{seen} is no time with a zone; write 2026-03-01T06:00:00+07:00",
                   seen=repr(config.simulation.start))  # fmt: skip


def _control(config: "FarmConfig", page: Page, catalogue: Catalogue) -> None:
    """Have the controllers' own judge look at what concerns control, and find its places in the file."""
    control = config.control
    read = {
        "house": [house.id for house in control.houses],
        "zone": [zone.id for zone in control.zones],
        "line": [line.id for line in control.lines],
        "output": [output.id for output in control.outputs],
        "tariff": [band.name for band in control.tariff],
        "recipe": [recipe.id for recipe in control.recipes],
        "stock": [stock.id for stock in control.stocks],
        "fertigation": [unit.line for unit in control.fertigation],
    }
    whole = len(config.devices) == len(rows(page, "device")) and len(config.boards) == len(rows(page, "board"))
    for problem in problems(control, _delivered(config, catalogue) if whole else None):
        found = _INDEXED.match(problem.path)
        path = problem.path if problem.path != "tick_s" else "farm.tick_s"
        if found is not None:
            table, index, rest = found.groups()
            path = path_of(page, table, read[table][int(index)]) + rest
        # A row with a stand-in is only told what is wrong by itself: a number below zero, or none.
        if table_of(path) in page.spoiled and (path in page.spoiled or not _is_bad_number(problem.fields.get("seen"))):
            continue
        # What is named here may stand in a row that was refused for another mistake; doubles are told above.
        named = str(problem.fields.get("seen", ""))
        elsewhere = problem.msgid == UNKNOWN and named in names(page, str(problem.fields.get("kind", "")))
        if not elsewhere and not (problem.msgid == TWICE and path.endswith(".id")):
            page.wrong(path, problem.msgid, **problem.fields)


def table_of(path: str) -> str:
    """Give the row of a path: ``zone[0]`` of ``zone[0].schedule[1].at``."""
    return path.partition(".")[0]


def _is_bad_number(seen: object) -> bool:
    return isinstance(seen, int | float) and not seen >= 0.0


def _delivered(config: "FarmConfig", catalogue: Catalogue) -> frozenset[str]:
    """Name every series that the farm's instruments deliver."""
    delivered: set[str] = set()
    for device in config.devices:
        entry = _known_entry(device, catalogue)
        if entry is not None:
            delivered.update(series_of(device, names_of(entry)).values())
    for board in config.boards:
        delivered.update(measured_series(board))
    return frozenset(delivered)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _people(config: "FarmConfig", page: Page, catalogue: Catalogue) -> None:
    """Judge what concerns people at the plant: local switches, sirens, lamps."""
    outputs = {output.id: output.kind for output in config.control.outputs}
    whole = len(config.devices) == len(rows(page, "device"))
    switches = config.local_switches
    delivered = _delivered(config, catalogue) if whole else frozenset(one.series for one in switches)
    for path, message in problems_of(switches, names(page, "output"), delivered):
        page.wrong(path, message)
    for key, named in (("sirens", config.alarms.sirens), ("lamps", config.alarms.lamps)):
        for output in named:
            if outputs.get(output, "siren") != "siren" or output not in names(page, "output"):
                page.wrong(f"alarms.{key}", "{name} is no output of the kind siren", name=output)


def _plots(config: "FarmConfig", page: Page) -> None:
    zones = names(page, "zone")
    for index, plot in enumerate(config.plots):
        if plot.place not in zones:
            page.wrong(f"plot[{index}].place", "there is no zone called {name}; known: {known}", name=plot.place,
                       known=_list(zones))  # fmt: skip


def _list(items: Iterable[str]) -> str:
    return ", ".join(sorted(i for i in items if i)) or "none"
