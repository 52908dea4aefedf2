# SPDX-License-Identifier: Apache-2.0
"""The escape hatch: which catalogue entries have Python beside them, by the name in ``driver = "..."``.

The rule it keeps: a driver is listed here by hand (no import magic); it may add values to what an instrument said,
and must say which of its own values stand for them in the simulator.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.catalogue_schema import Entry
from drivers.decode import Measured, Registers, decode
from drivers.sensors import teros, topp
from drivers.text_decode import decode_numbers, decode_text


@dataclass(frozen=True, slots=True)
class Driver:
    """Code of one instrument family.

    ``adds`` names the quantities that ``derive`` computes; ``imagine`` gives the instrument's own values for one
    of them (canonical unit), so that the simulated instrument can show them.
    """

    adds: tuple[str, ...]
    derive: Callable[[Iterable[Measured]], tuple[Measured, ...]]
    imagine: Callable[[float], dict[str, float]]


DRIVERS: Final[Mapping[str, Driver]] = {
    "teros": Driver(("soil_moisture",), teros.derive, teros.imagine),
    "topp": Driver(("soil_moisture",), topp.derive, topp.imagine),
}


def driver_of(entry: Entry) -> Driver | None:
    """Give the code beside an entry, or None; KeyError names the known drivers."""
    if not entry.driver:
        return None
    try:
        return DRIVERS[entry.driver]
    except KeyError:
        raise KeyError(f"{entry.type}: unknown driver {entry.driver!r}; known: {', '.join(DRIVERS)}") from None


def names_of(entry: Entry) -> tuple[str, ...]:
    """Give the names of all values that an instrument of this type delivers (``quantity`` or ``quantity.index``)."""
    own = tuple(f"{v.quantity}.{v.index}" if v.index else v.quantity for v in entry.value)
    driver = driver_of(entry)
    return own + (driver.adds if driver is not None else ())


def _with_derived(entry: Entry, measured: tuple[Measured, ...]) -> tuple[Measured, ...]:
    driver = driver_of(entry)
    return measured if driver is None else measured + driver.derive(measured)


def read_registers(entry: Entry, registers: Registers, since_power_s: float | None = None) -> tuple[Measured, ...]:
    """Decode a Modbus instrument with the code beside its entry."""
    return _with_derived(entry, decode(entry, registers, since_power_s))


def read_text(entry: Entry, data: bytes) -> tuple[Measured, ...]:
    """Decode a line-protocol instrument with the code beside its entry; TextFault when the answer is broken."""
    return _with_derived(entry, decode_text(entry, data))


def read_numbers(entry: Entry, numbers: Sequence[float]) -> tuple[Measured, ...]:
    """Decode an SDI-12 measurement with the code beside its entry; no numbers: all values come as nan with COMM."""
    return _with_derived(entry, decode_numbers(entry, numbers))
