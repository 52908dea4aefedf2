# SPDX-License-Identifier: Apache-2.0
"""What stands in ``farm.toml``, as types; reads the file or refuses it whole.

The rule it keeps: a ``FarmConfig`` that exists is right as far as the file alone can tell: names point to
something, addresses are single, numbers are possible. Whether a port is there is asked at start, not here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta

from controllers.settings import (
    ControlSettings,
    HouseSettings,
    LineSettings,
    OutputSettings,
    SafetyLimits,
    ZoneSettings,
)
from edge.alarm_settings import Alarms
from edge.board_settings import Board
from edge.config_exchange import EXCHANGE_TABLES, Exchange, read_exchange
from edge.config_water import WATER_TABLES, with_water
from edge.switch_settings import LocalSwitch
from edge.toml_reader import Page, settings_text

if TYPE_CHECKING:
    from drivers.catalogue import Catalogue

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Irrigation = Literal["drip", "micro_sprinkler", "sprinkler", "surface", "none"]
PositiveS = Annotated[float, Meta(gt=0.0, le=86400.0)]

# The port of a bus whose instruments are played by the digital twin.
SIMULATED: Final = "sim"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all tables of the file."""


class Farm(Table, frozen=True):
    """Who and where. ``clock``: ``ntp`` (the kernel says when it is right) or ``rtc`` (a battery-backed clock)."""

    edge: Name
    title: str
    latitude_deg: Annotated[float, Meta(ge=-90.0, le=90.0)]
    longitude_deg: Annotated[float, Meta(ge=-180.0, le=180.0)]
    member: str = ""
    timezone: str = "Asia/Ho_Chi_Minh"
    altitude_m: Annotated[float, Meta(ge=-100.0, le=5000.0)] = 0.0
    clock: Literal["ntp", "rtc"] = "ntp"
    irrigation: Irrigation = "drip"
    tick_s: Annotated[float, Meta(ge=0.1, le=10.0)] = 1.0


class Log(Table, frozen=True):
    """How the record is kept. ``sd-card`` writes every 60 s instead of 10 s to spare a card.

    ``raw_expendable`` lets the oldest raw day go when the disk is full and nothing else makes room.
    """

    profile: Literal["safe", "sd-card"] = "safe"
    replay_d: Annotated[int, Meta(ge=1, le=3650)] = 7
    raw_expendable: bool = False


class Uplink(Table, frozen=True):
    """The way to the cooperative's hub; without the table the farm keeps everything to itself.

    ``member`` is the name under which the hub knows the farm. ``password_file`` holds the password alone; it never
    stands in this file.
    """

    host: Annotated[str, Meta(min_length=1)]
    member: Name
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""


class Console(Table, frozen=True):
    """The web page. ``lan`` True listens beyond this machine."""

    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    lan: bool = False


class Bus(Table, frozen=True):
    """One line with its devices, all of one ``kind``.

    ``port``: /dev/serial/by-id/..., rfc2217://..., tcp://HOST:502 (Modbus TCP), socket://HOST:PORT (the line's own
    bytes over a network) or ``sim``. ``kind``: modbus; sdi12 (the port itself makes the breaks); sdi12-adapter (an
    adapter makes them); line (Atlas EZO, WXT, MH-Z19 and others that speak lines of text or short frames).
    """

    name: Name
    port: Annotated[str, Meta(min_length=1)]
    kind: Literal["modbus", "sdi12", "sdi12-adapter", "line"] = "modbus"
    baud_bd: Literal[1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200] = 9600
    format: Literal["", "8N1", "8E1", "8O1", "8N2", "7E1"] = ""  # "": 8N1, on an SDI-12 line 7E1


class Device(Table, frozen=True):
    """One instrument or relay board on a bus. ``type`` is a file of the catalogue.

    Its values become series of ``place``; ``index`` numbers a second probe of a place, ``series`` names single ones
    (quantity to series, "" leaves the quantity out). ``outputs`` ties channels ("1", "2", ...) to [[output]] ids.
    ``still_max_s`` > 0 replaces the time for which its values may stand still before they are called stuck.
    ``temperature_from`` names the series whose temperature a circuit is told, where its values depend on it.
    ``address`` is a number on Modbus, one digit or letter elsewhere.
    ``unleased_reason`` says why water may hang on it although it does not close by itself when the host dies.
    """

    name: Name
    bus: Name
    type: Name
    place: Name
    address: Annotated[int, Meta(ge=0, le=247)] | Annotated[str, Meta(pattern="^[0-9A-Za-z]$")] = 1
    variant: str = ""
    period_s: PositiveS = 10.0
    index: Annotated[int, Meta(ge=0, le=99)] = 0
    still_max_s: Annotated[float, Meta(ge=0.0)] = 0.0
    temperature_from: str = ""
    series: dict[str, str] = {}
    outputs: dict[str, str] = {}
    unleased_reason: str = ""

    @property
    def unit(self) -> int:
        """The Modbus address."""
        return int(self.address)


class Station(Table, frozen=True):
    """A place that is watched but not controlled: a weather station, a tank at the road."""

    id: Name
    title: str = ""


class Plot(Table, frozen=True):
    """What the cooperative's report needs of a zone beyond control."""

    place: Name
    irrigation: Irrigation | None = None
    meter: str = ""


class Calibration(Table, frozen=True):
    """What control makes of a calibration's doubts; the flags are stored in any case.

    ``refuse_overdue``: control does without a value whose calibration is past its due date. ``accept_extrapolated``:
    control acts also on a value outside the domain of its calibration; by default it does without.
    """

    refuse_overdue: bool = False
    accept_extrapolated: bool = False


class Forecast(Table, frozen=True):
    """Where a weather forecast lies: a file that somebody keeps fresh, or an http(s) address; docs/irrigation.md."""

    file: str = ""
    url: str = ""


class Simulation(Table, frozen=True):
    """Plays the instruments of every bus whose port is ``sim``. ``houses`` ties house ids to the twin's models."""

    houses: dict[str, str]
    seed: int = 1
    start: str = ""  # RFC 3339; "" = now


class FarmConfig(Table, frozen=True):
    """The whole file."""

    farm: Farm
    control: ControlSettings
    buses: tuple[Bus, ...] = ()
    devices: tuple[Device, ...] = ()
    boards: tuple[Board, ...] = ()
    stations: tuple[Station, ...] = ()
    plots: tuple[Plot, ...] = ()
    local_switches: tuple[LocalSwitch, ...] = ()
    log: Log = Log()
    console: Console = Console()
    calibration: Calibration = Calibration()
    alarms: Alarms = Alarms()
    uplink: Uplink | None = None
    forecast: Forecast | None = None
    simulation: Simulation | None = None
    exchange: Exchange = Exchange()


TABLES: Final = (
    "farm", "log", "uplink", "console", "calibration", "alarms", "limits", "simulation", "forecast",
    "bus", "device", "board", "house", "zone", "line", "output", "station", "plot", "local_switch", *WATER_TABLES,
    *EXCHANGE_TABLES,
)  # fmt: skip


def parse(text: str, file: str = "farm.toml", types: "Catalogue | None" = None) -> FarmConfig:
    """Read ``text``; SettingsRefused lists every mistake with its path and line.

    ``types`` are the device types that the farm knows; None: those that came with the program.
    """
    from edge.config_check import check  # it reads the catalogue, which a reader of types does not need

    page = Page(text, file)
    for name in page.data:
        if name not in TABLES:
            page.wrong(name, "unknown table {key}; known: {known}", key=name, known=", ".join(TABLES))
    farm = page.table(Farm, page.data.get("farm"), "farm") if "farm" in page.data else None
    if "farm" not in page.data:
        page.wrong("(file)", "the table [{name}] is missing", name="farm")
    log = page.table(Log, page.data.get("log", {}), "log")
    console = page.table(Console, page.data.get("console", {}), "console")
    calibration = page.table(Calibration, page.data.get("calibration", {}), "calibration")
    alarms = page.table(Alarms, page.data.get("alarms", {}), "alarms")
    limits = page.table(SafetyLimits, page.data.get("limits", {}), "limits")
    uplink = page.table(Uplink, page.data["uplink"], "uplink") if "uplink" in page.data else None
    forecast = page.table(Forecast, page.data["forecast"], "forecast") if "forecast" in page.data else None
    if forecast is not None and bool(forecast.file) == bool(forecast.url):
        page.wrong("forecast", "name a file or a url, not both")
    simulation = page.table(Simulation, page.data["simulation"], "simulation") if "simulation" in page.data else None
    buses = page.tables(Bus, "bus")
    devices = page.tables(Device, "device")
    boards = page.tables(Board, "board")
    stations = page.tables(Station, "station")
    plots = page.tables(Plot, "plot")
    switches = page.tables(LocalSwitch, "local_switch")
    houses = page.tables(HouseSettings, "house")
    zones = page.tables(ZoneSettings, "zone")
    lines = page.tables(LineSettings, "line")
    outputs = page.tables(OutputSettings, "output")
    if farm is None or log is None or console is None or limits is None or calibration is None or alarms is None:
        page.refuse()
        raise AssertionError("a table was refused without a reason")
    config = FarmConfig(
        farm=farm,
        control=with_water(
            ControlSettings(
                houses=tuple(row for _, row in houses),
                zones=tuple(row for _, row in zones),
                lines=tuple(row for _, row in lines),
                outputs=tuple(row for _, row in outputs),
                limits=limits,
                timezone=farm.timezone,
                tick_s=farm.tick_s,
                latitude_deg=farm.latitude_deg,
                altitude_m=farm.altitude_m,
            ),
            page,
        ),
        buses=tuple(row for _, row in buses),
        devices=tuple(row for _, row in devices),
        boards=tuple(row for _, row in boards),
        stations=tuple(row for _, row in stations),
        plots=tuple(row for _, row in plots),
        local_switches=tuple(row for _, row in switches),
        log=log,
        console=console,
        calibration=calibration,
        alarms=alarms,
        uplink=uplink,
        forecast=forecast,
        simulation=simulation,
        exchange=read_exchange(page),
    )
    check(config, page, types)
    page.refuse()
    return config


def load(path: Path) -> FarmConfig:
    """Read the file at ``path``; OSError when it cannot be read, SettingsRefused when it is wrong."""
    from edge.device_types import device_types

    return parse(settings_text(path), str(path), device_types(path))
