# SPDX-License-Identifier: Apache-2.0
"""The physical quantities that Vườn knows: name, unit, plausible range, rate and source.

The rule it keeps: a physical name is born here before any other file may use it. ``low`` and ``high``
bound what nature or the instrument can give (a value outside is flagged, never clamped);
``rate_per_min`` is the fastest believable change (nan: not judged).
"""

from dataclasses import dataclass
from math import nan
from typing import Final


@dataclass(frozen=True, slots=True)
class Quantity:
    """One physical quantity in its canonical unit."""

    name: str
    unit: str
    low: float
    high: float
    rate_per_min: float
    title: str  # English msgid
    decimals: int
    source: str
    cumulative: bool = False


def _q(
    name: str,
    unit: str,
    low: float,
    high: float,
    rate_per_min: float,
    title: str,
    decimals: int,
    source: str,
    *,
    cumulative: bool = False,
) -> Quantity:
    return Quantity(name, unit, low, high, rate_per_min, title, decimals, source, cumulative)


_WMO = "WMO-No. 8 (2018), operational ranges"
_FAO = "FAO-56 (1998)"
_PLANT = "plant-side range of the instruments in drivers/catalog"

QUANTITIES: Final[dict[str, Quantity]] = {
    q.name: q
    for q in (
        _q("air_temperature", "°C", -20.0, 70.0, 6.0, "Air temperature", 1, _WMO),
        _q("air_humidity", "%", 0.0, 100.0, 30.0, "Relative humidity", 0, _WMO),
        _q("vapour_pressure_deficit", "kPa", 0.0, 12.0, nan, "Vapour pressure deficit (VPD)", 2, _FAO),
        _q("dew_point", "°C", -40.0, 50.0, nan, "Dew point", 1, _WMO),
        _q("air_pressure", "hPa", 500.0, 1100.0, 5.0, "Air pressure", 0, _WMO),
        _q("co2", "ppm", 0.0, 10000.0, 2000.0, "CO₂ concentration", 0, _PLANT),
        _q("ppfd", "µmol/m²/s", 0.0, 3000.0, nan, "Light (PPFD)", 0, "CIE/ASAE X640, full sun about 2,200"),
        _q("illuminance", "lx", 0.0, 200000.0, nan, "Illuminance", 0, _PLANT),
        _q("solar_radiation", "W/m²", -10.0, 1500.0, nan, "Solar radiation", 0, _WMO),
        _q("wind_speed", "m/s", 0.0, 75.0, nan, "Wind speed", 1, _WMO),
        _q("wind_direction", "°", 0.0, 360.0, nan, "Wind direction", 0, _WMO),
        _q("rainfall", "mm", 0.0, 1.0e6, nan, "Rainfall", 1, _WMO, cumulative=True),
        _q("rain_rate", "mm/h", 0.0, 500.0, nan, "Rain rate", 1, _WMO),
        _q(
            "soil_moisture",
            "%",
            0.0,
            100.0,
            40.0,
            "Soil moisture",
            1,
            "volumetric water content, m³/m³ × 100",
        ),
        _q("reference_et", "mm", 0.0, 20.0, nan, "Evapotranspiration forecast for a day", 1, _FAO),
        _q("rain_day", "mm", 0.0, 1000.0, nan, "Rain forecast for a day", 1, _WMO),
        _q("soil_temperature", "°C", -10.0, 60.0, 3.0, "Soil temperature", 1, _PLANT),
        _q("soil_ec", "mS/cm", 0.0, 20.0, 5.0, "Soil electrical conductivity (EC)", 2, "bulk EC at 25 °C"),
        _q(
            "pore_ec",
            "mS/cm",
            0.0,
            20.0,
            5.0,
            "Pore water EC",
            2,
            "Hilhorst (2000), doi:10.2136/sssaj2000.6461976x",
        ),
        _q("soil_tension", "kPa", -2000.0, 0.0, nan, "Soil water tension", 1, _PLANT),
        _q("soil_ph", "pH", 0.0, 14.0, 2.0, "Soil pH", 2, _PLANT),
        _q("soil_permittivity", "1", 1.0, 90.0, nan, "Soil permittivity", 1, "Topp (1980)"),
        _q("soil_salinity", "mg/L", 0.0, 20000.0, nan, "Soil salinity", 0, _PLANT),
        _q("soil_nitrogen", "mg/kg", 0.0, 3000.0, nan, "Soil nitrogen (device estimate)", 0, _PLANT),
        _q("soil_phosphorus", "mg/kg", 0.0, 3000.0, nan, "Soil phosphorus (device estimate)", 0, _PLANT),
        _q("soil_potassium", "mg/kg", 0.0, 3000.0, nan, "Soil potassium (device estimate)", 0, _PLANT),
        _q("water_ph", "pH", 0.0, 14.0, 4.0, "Water pH", 2, _PLANT),
        _q("water_ec", "mS/cm", 0.0, 200.0, 20.0, "Water EC", 2, _PLANT),
        _q("water_temperature", "°C", -5.0, 60.0, 10.0, "Water temperature", 1, _PLANT),
        _q("water_flow", "L/min", 0.0, 5000.0, nan, "Water flow", 1, _PLANT),
        _q("water_volume", "L", 0.0, 1.0e12, nan, "Water metered", 0, _PLANT, cumulative=True),
        _q("water_pressure", "kPa", -100.0, 2500.0, nan, "Water pressure", 0, _PLANT),
        _q("water_level", "m", 0.0, 50.0, 2.0, "Water level", 2, _PLANT),
        _q("dissolved_oxygen", "mg/L", 0.0, 40.0, 5.0, "Dissolved oxygen", 2, _PLANT),
        _q("oxidation_reduction", "mV", -2000.0, 2000.0, nan, "Redox potential (ORP)", 0, _PLANT),
        _q("leaf_wetness", "%", 0.0, 100.0, nan, "Leaf wetness", 0, _PLANT),
        _q("leaf_temperature", "°C", -20.0, 70.0, 10.0, "Leaf temperature", 1, _PLANT),
        _q("voltage", "V", 0.0, 1000.0, nan, "Voltage", 1, _PLANT),
        _q("current", "A", 0.0, 1000.0, nan, "Current", 3, _PLANT),
        _q("power", "W", -1.0e6, 1.0e6, nan, "Power", 0, _PLANT),
        _q("energy", "kWh", 0.0, 1.0e9, nan, "Energy", 2, _PLANT, cumulative=True),
        _q("frequency", "Hz", 0.0, 500.0, nan, "Frequency", 1, _PLANT),
        _q("power_factor", "1", -1.0, 1.0, nan, "Power factor", 2, _PLANT),
        _q("position", "%", 0.0, 100.0, nan, "Position", 0, _PLANT),
        _q("switch", "1", 0.0, 1.0, nan, "Switch", 0, "0 open, 1 closed"),
        _q("raw_signal", "1", -1.0e12, 1.0e12, nan, "Raw signal", 0, "an instrument's own count"),
    )
}


class NotKnown(KeyError):
    """A name that is not among the known ones; the message id ``msgid`` with ``fields`` names those that are near."""

    def __init__(self, msgid: str, **fields: str) -> None:
        super().__init__(msgid.format(**fields))
        self.msgid = msgid
        self.fields = fields


def quantity(name: str) -> Quantity:
    """Give the quantity called ``name``; KeyError says which names are near."""
    try:
        return QUANTITIES[name]
    except KeyError:
        near = sorted(known for known in QUANTITIES if known[:3] == name[:3] or name in known)
        raise NotKnown(
            "unknown quantity {name!r}; known with a like name: {near}", name=name, near=", ".join(near) or "-"
        ) from None
