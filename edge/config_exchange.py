# SPDX-License-Identifier: Apache-2.0
"""The tables of farm.toml through which others see or command the farm: issuers, broker, mirror, Home Assistant, SCADA.

The rule it keeps: each is off until its table stands in the file; none may do what a person of its role may not.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.toml_reader import Page

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
# One level of an MQTT topic, without wildcards, as Sparkplug's names and Home Assistant's prefix allow.
Level = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$")]
LevelOrNone = Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9 _.-]{0,63})?$")]
PersonsRole = Literal["operator", "technician", "admin"]


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may command this farm from afar: the owner of a key (``vuon-hub command key`` prints it).

    ``role`` is the highest his orders may have; ``outputs`` are the only ones he may hold and stop (none named: all).
    """

    name: Name
    key: Annotated[str, Meta(min_length=1)]
    role: PersonsRole = "operator"
    outputs: tuple[str, ...] = ()


class LocalBroker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker of the farm's own network, for what is not ours: Home Assistant, Node-RED, a SCADA host."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""


class JsonMirror(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every value, output and alarm as plain JSON below ``root``/EDGE."""

    root: Level = "vuon-live"


class HomeAssistant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Announces the farm to Home Assistant. ``commands`` lets it hold outputs, ``hold_s`` at a time, as an operator."""

    prefix: Level = "homeassistant"
    language: Literal["vi", "en"] = "vi"
    commands: bool = False
    hold_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 600.0


class Sparkplug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Speaks Sparkplug B 3.0 as an edge node of ``group``.

    ``primary_host``: data only flow while this host application is online ("" = always). ``commands`` lets a host
    hold outputs, ``hold_s`` at a time, as an operator.
    """

    group: Level
    node: LevelOrNone = ""
    primary_host: LevelOrNone = ""
    commands: bool = False
    hold_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 600.0


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    issuers: tuple[Issuer, ...] = ()
    broker: LocalBroker | None = None
    mirror: JsonMirror | None = None
    home_assistant: HomeAssistant | None = None
    sparkplug: Sparkplug | None = None


EXCHANGE_TABLES: Final = ("issuer", "local_broker", "json_mirror", "home_assistant", "sparkplug")


def read_exchange(page: Page) -> Exchange:
    """Read these tables, noting what is wrong on the page."""
    data = page.data
    return Exchange(
        issuers=tuple(row for _, row in page.tables(Issuer, "issuer")),
        broker=page.table(LocalBroker, data["local_broker"], "local_broker") if "local_broker" in data else None,
        mirror=page.table(JsonMirror, data["json_mirror"], "json_mirror") if "json_mirror" in data else None,
        home_assistant=(
            page.table(HomeAssistant, data["home_assistant"], "home_assistant") if "home_assistant" in data else None
        ),
        sparkplug=page.table(Sparkplug, data["sparkplug"], "sparkplug") if "sparkplug" in data else None,
    )
