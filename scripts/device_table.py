# SPDX-License-Identifier: Apache-2.0
"""Writes docs/devices.md from the catalogue: ``python -m scripts.device_table``.

The rule it keeps: the page says nothing that the entries do not say; a frame that nobody printed is shown as such.
"""

from pathlib import Path
from typing import Final

from drivers.catalogue import Catalogue
from drivers.catalogue_schema import Entry
from drivers.registry import names_of

PAGE: Final = Path(__file__).parent.parent / "docs" / "devices.md"
KINDS: Final = {
    "sensor": "Sensors",
    "weather": "Weather stations, wind and rain",
    "meter": "Water and energy meters",
    "relay": "Relay and output boards",
    "drive": "Drives for pumps and fans",
    "valve": "Proportional valves and actuators",
    "input": "Inputs",
}


def _line(entry: Entry) -> str:
    serial = entry.serial
    if entry.protocol == "modbus":
        link = f"Modbus {serial.baud} {serial.format}, address {serial.address}"
    elif entry.protocol == "sdi12":
        link = "SDI-12"
    else:
        link = f"{serial.baud} {serial.format}, {'binary' if entry.protocol == 'binary' else 'ASCII'}"
    names = list(dict.fromkeys(name.partition(".")[0] for name in names_of(entry)))
    return f"| `{entry.type}` | {entry.title} | {link} | {', '.join(names)} | {_proof(entry)} |"


def _proof(entry: Entry) -> str:
    cited = next((g.cited for g in entry.golden if g.verified and g.cited is not None), None)
    if cited is None:
        return "not verified"
    return f"[{cited.page or 'frame'}]({cited.at})"


def page(catalogue: Catalogue) -> str:
    """Give the whole page."""
    entries = catalogue.entries()
    proved = sum(entry.verified for entry in entries)
    parts = [
        "# Devices that Vườn knows",
        "",
        "Written by `python -m scripts.device_table`; do not edit.",
        "",
        f"{len(entries)} types, {proved} of them with an exchange whose bytes stand in the linked page or file.",
        'The map of a type marked "not verified" was taken from its source, but no printed frame proves it: its',
        "readings carry the flag UNVERIFIED until you compare them with another instrument. Devices with the same map",
        "under other names are clones of one type: `vuon sensor add` finds them by their own names.",
    ]
    for kind, title in KINDS.items():
        rows = [entry for entry in entries if entry.kind == kind]
        if rows:
            parts += ["", f"## {title}", "", "| Type | Device | Line | Values | Frame |", "|---|---|---|---|---|"]
            parts += [_line(entry) for entry in rows]
    clones = [(clone, entry.type) for entry in entries for clone in entry.clones]
    parts += ["", "## Also known as", ""]
    parts += [f"- {clone}: `{type_name}`" for clone, type_name in sorted(clones)]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(Catalogue()), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
