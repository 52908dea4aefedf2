# SPDX-License-Identifier: Apache-2.0
"""The units that instruments speak, and the straight line from each to a quantity's canonical unit.

The rule it keeps: a reading stays in its instrument's own unit; this table is the only place that says how
that unit becomes the canonical one of ``telemetry.quantities``: ``canonical = factor * x + offset``.
"""

from typing import Final

from telemetry.quantities import NotKnown, quantity

# canonical unit -> instrument unit -> (factor, offset); SI Brochure (9th ed.) and definitions of the units.
_LINES: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "°C": {"K": (1.0, -273.15), "°F": (5.0 / 9.0, -160.0 / 9.0)},
    "%": {"m³/m³": (100.0, 0.0), "1": (100.0, 0.0), "‰": (0.1, 0.0)},
    "kPa": {
        "Pa": (1e-3, 0.0),
        "hPa": (0.1, 0.0),
        "mbar": (0.1, 0.0),
        "bar": (100.0, 0.0),
        "MPa": (1e3, 0.0),
        "psi": (6.894757293168, 0.0),
        "mH₂O": (9.80665, 0.0),
    },
    "hPa": {
        "Pa": (0.01, 0.0),
        "mbar": (1.0, 0.0),
        "kPa": (10.0, 0.0),
        "bar": (1e3, 0.0),
        "inHg": (33.8638866667, 0.0),
        "mmHg": (1.33322387415, 0.0),
    },
    "ppm": {"%": (1e4, 0.0)},
    "lx": {"klx": (1e3, 0.0)},
    "W/m²": {"kW/m²": (1e3, 0.0)},
    "m/s": {"km/h": (1.0 / 3.6, 0.0), "kn": (1852.0 / 3600.0, 0.0), "mph": (0.44704, 0.0)},
    "mm": {"cm": (10.0, 0.0), "in": (25.4, 0.0)},
    "mm/h": {"in/h": (25.4, 0.0)},
    "mS/cm": {"µS/cm": (1e-3, 0.0), "dS/m": (1.0, 0.0), "S/m": (10.0, 0.0), "mS/m": (0.01, 0.0)},
    "L/min": {"m³/h": (1000.0 / 60.0, 0.0), "L/h": (1.0 / 60.0, 0.0), "L/s": (60.0, 0.0), "mL/min": (1e-3, 0.0)},
    "L": {"m³": (1e3, 0.0), "mL": (1e-3, 0.0)},
    "m": {"cm": (0.01, 0.0), "mm": (1e-3, 0.0)},
    "mg/L": {"ppm": (1.0, 0.0), "g/L": (1e3, 0.0), "µg/L": (1e-3, 0.0)},
    "mV": {"V": (1e3, 0.0)},
    "V": {"mV": (1e-3, 0.0)},
    "A": {"mA": (1e-3, 0.0)},
    "W": {"kW": (1e3, 0.0), "mW": (1e-3, 0.0)},
    "kWh": {"Wh": (1e-3, 0.0), "MWh": (1e3, 0.0)},
    "1": {"%": (0.01, 0.0), **dict.fromkeys(("count", "mV", "V", "mA", "Ω", "Hz"), (1.0, 0.0))},
}
# Signals that have no scale of their own until a calibration gives them one (quantity raw_signal).
BARE_UNITS: Final = frozenset({"count", "mV", "V", "mA", "Ω", "ohm", "Hz"})


def conversion(unit: str, quantity_name: str) -> tuple[float, float]:
    """Give ``(factor, offset)`` from an instrument's ``unit`` to the canonical unit of a quantity.

    KeyError names the quantity and the units that would do.
    """
    canonical = quantity(quantity_name).unit
    if unit in {canonical, ""}:
        return 1.0, 0.0
    lines = _LINES.get(canonical, {})
    if unit not in lines:
        known = ", ".join([canonical, *lines])
        raise NotKnown(
            "unit {unit!r} does not lead to {quantity} [{canonical}]; known: {known}",
            unit=unit,
            quantity=quantity_name,
            canonical=canonical,
            known=known,
        )
    return lines[unit]


def to_canonical(value: float, unit: str, quantity_name: str) -> float:
    """Bring ``value`` [``unit``] to the canonical unit of ``quantity_name``."""
    factor, offset = conversion(unit, quantity_name)
    return factor * value + offset


def from_canonical(value: float, unit: str, quantity_name: str) -> float:
    """Bring a canonical ``value`` of ``quantity_name`` to the instrument's ``unit``."""
    factor, offset = conversion(unit, quantity_name)
    return (value - offset) / factor
