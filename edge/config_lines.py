# SPDX-License-Identifier: Apache-2.0
"""What cannot be on a [[bus]]: a protocol that its line does not speak, an address that its protocol does not have.

The rule it keeps: it only notes problems on the page, each with what to write instead.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from drivers.catalogue_schema import Entry
from drivers.sdi12_words import ADDRESSES
from edge.toml_reader import Page
from pages.words import N_

if TYPE_CHECKING:
    from edge.config import Bus, Device, FarmConfig

SPEAKS: Final[dict[str, frozenset[str]]] = {
    "modbus": frozenset({"modbus"}),
    "sdi12": frozenset({"sdi12"}),
    "sdi12-adapter": frozenset({"sdi12"}),
    "line": frozenset({"ascii", "binary"}),
}
_NETWORK: Final = re.compile(r"^(tcp|socket)://[^/:]+:\d{1,5}$")

OTHER_LINE: Final = N_("{type} speaks {protocol}; give it a [[bus]] of its own with kind = {kind}")
SDI12_SPEED: Final = N_("an SDI-12 line is 1200 baud 7E1, or 8N1 where the port cannot do that; leave this out")
NO_SDI12_PORT: Final = N_("{port} cannot send the break that SDI-12 needs; write a serial port or kind = sdi12-adapter")
TCP_IS_MODBUS: Final = N_("tcp:// is Modbus TCP; write socket:// for other lines behind a network")
BAD_GATEWAY: Final = N_("{seen} is no gateway; write tcp://HOST:502 (Modbus TCP) or socket://HOST:PORT")
UNIT_NUMBER: Final = N_("a Modbus address is a number from 1 to 247; seen: {seen}")
SDI12_ADDRESS: Final = N_("an SDI-12 address is one digit or letter, 0 when new; write address = {example}")
NO_TEMPERATURE: Final = N_("{type} takes no temperature; leave this out")
UNKNOWN_TEMPERATURE: Final = N_("this farm measures no temperature called {seen}; it measures: {known}")
ALONE: Final = N_("{type} has no address: it must be alone on its line, but {other} is on it too")


def check_port(path: str, bus: "Bus", row: dict[str, object], page: Page) -> None:
    """Note what the port and the speed of one bus cannot be."""
    network = bus.port.startswith(("tcp://", "socket://"))
    if network and not _NETWORK.match(bus.port):
        page.wrong(f"{path}.port", BAD_GATEWAY, seen=repr(bus.port))
    elif bus.port.startswith("tcp://") and bus.kind != "modbus":
        page.wrong(f"{path}.port", TCP_IS_MODBUS)
    if bus.kind != "sdi12":
        return
    if network:
        page.wrong(f"{path}.port", NO_SDI12_PORT, port=bus.port)
    if row.get("baud_bd", 1200) != 1200:
        page.wrong(f"{path}.baud_bd", SDI12_SPEED)
    if row.get("format", "7E1") not in {"7E1", "8N1"}:
        page.wrong(f"{path}.format", SDI12_SPEED)


def check_device(
    path: str, device: "Device", entry: Entry, bus: "Bus", row: dict[str, object], others: list[str], page: Page
) -> None:
    """Note why a device cannot be on its bus. ``others`` are the names of the devices that share it."""
    if device.temperature_from and (entry.text is None or not entry.text.temperature):
        page.wrong(f"{path}.temperature_from", NO_TEMPERATURE, type=device.type)
    if entry.protocol not in SPEAKS[bus.kind]:
        wanted = {"modbus": '"modbus"', "sdi12": '"sdi12"'}.get(entry.protocol, '"line"')
        page.wrong(f"{path}.type", OTHER_LINE, type=device.type, protocol=entry.protocol, kind=wanted)
    elif bus.kind == "modbus":
        if not isinstance(device.address, int) or not 1 <= device.address <= 247:
            page.wrong(f"{path}.address", UNIT_NUMBER, seen=repr(device.address))
    elif bus.kind != "line":
        if "address" not in row or str(device.address) not in ADDRESSES:
            page.wrong(f"{path}.address", SDI12_ADDRESS, example=f'"{entry.serial.sdi12_address}"')
    elif others and (entry.text is None or "{a}" not in entry.text.request):
        page.wrong(f"{path}.bus", ALONE, type=device.type, other=", ".join(others))


def check_temperatures(config: "FarmConfig", page: Page, series: Iterable[str]) -> None:
    """Note whose ``temperature_from`` is none of the temperatures that the farm's instruments give."""
    known = sorted(name for name in series if name.partition("/")[2].partition(".")[0].endswith("_temperature"))
    for number, device in enumerate(config.devices):
        if device.temperature_from and device.temperature_from not in known:
            page.wrong(
                f"device[{number}].temperature_from",
                UNKNOWN_TEMPERATURE,
                seen=repr(device.temperature_from),
                known=", ".join(known) or "–",
            )
