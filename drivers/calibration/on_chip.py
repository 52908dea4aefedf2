# SPDX-License-Identifier: Apache-2.0
"""Calibrations that an instrument keeps in its own chip: which register takes what.

The rule it keeps: only these writes are made, within the maker's limits; the catalogue forbids them everywhere else.
"""

from typing import Final

import msgspec

from drivers.modbus_pdu import Request, write_register


class ChipRefused(ValueError):
    """The instrument cannot be calibrated so. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code.replace(":t}", "}").format(**fields))
        self.code = code
        self.fields = fields


class ChipMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One write. ``word`` None: the reference's value itself is written. ``low`` to ``high`` is what the chip takes;
    ``shows`` is what the instrument makes of it where that is not the value (it knows one reference only).
    """

    models: tuple[str, ...]
    quantity: str
    at: int
    low: float
    high: float
    word: int | None = None
    shows: float | None = None


CHIP_METHODS: Final = (
    # Sensirion SCD30 interface description 1.0, 1.4.6: forced recalibration after two minutes in steady air.
    ChipMethod(("scd30",), "co2", 0x0039, 400.0, 2000.0),
    # Senseair S8 Modbus documentation TDE2067: special command, background calibration to 400 ppm.
    ChipMethod(("senseair-s8",), "co2", 0x0001, 380.0, 450.0, 0x7C06, 400.0),
)


def chip_request(model: str, quantity: str, unit: int, value: float) -> Request:
    """Give the write that tells the instrument at address ``unit`` that it sees ``value`` now. Raises ChipRefused."""
    for method in CHIP_METHODS:
        if model in method.models and quantity == method.quantity:
            if not method.low <= value <= method.high:
                raise ChipRefused(
                    "The chip takes {low:.0f} to {high:.0f}, not {value:.0f}",
                    low=method.low,
                    high=method.high,
                    value=value,
                )
            return write_register(unit, method.at, round(value) if method.word is None else method.word)
    raise ChipRefused("{model} keeps no calibration of its own that can be set over the bus", model=model or "?")
