# SPDX-License-Identifier: Apache-2.0
"""One case for every way to calibrate: what the instrument shows, what is answered, and the point to prove it by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan

from drivers.calibration.session import Session

NAMED = {"name": "House standard", "uncertainty": "0.1"}


def table(**shown: float) -> Callable[[Session, float], float]:
    """Show one value for each truth."""
    return lambda session, _: shown[f"t{session.truth or 0:g}"]


@dataclass(frozen=True)
class Case:
    """One method on one instrument: what it shows for the truth, the answers, the signal and truth to prove it by."""

    method: str
    series: str
    unit: str
    shows: Callable[[Session, float], float]
    prove: tuple[float, float]
    answers: Mapping[str, str | list[str]]
    temperature_c: float = 25.0
    pressure_hpa: float = nan
    permittivity: float = nan
    beside: tuple[str, ...] = ()


CORE = {"tin_g": "20", "dry_g": "150", "volume_cm3": "100"}
CASES = [
    Case(
        "ph-2",
        "tank/water_ph",
        "mV",
        lambda s, _: 6.0 + 57.0 * (7.0 - (s.truth or 0)),
        (6.0 + 57.0, 6.0),
        {},
        beside=("temperature",),
    ),
    Case("ec-1", "tank/water_ec", "mS/cm", lambda _s, _t: 1.3, (1.3, 1.413), {}),
    Case("ec-dry-1", "tank/water_ec", "µS/cm", lambda s, _: 10.0 if s.truth == 0.0 else 1300.0, (10.0, 0.0), {}),
    Case("ec-2", "tank/water_ec", "mS/cm", lambda s, _: 0.9 * (s.truth or 0.0), (0.9, 1.0), {}),
    Case("ec-raw-1", "tank/water_ec", "mS/cm", lambda _s, _t: 1.3, (1.3, 1.413), {"temperature_c": "22,5"}),
    Case(
        "two-point",
        "zone/soil_moisture",
        "m³/m³",
        lambda s, _: 0.01 * (s.truth or 0) * 0.9,
        (0.27, 30.0),
        NAMED | {"truth": ["10", "40"]},
    ),
    Case("one-point", "tank/water_level", "cm", lambda _s, _t: 150.0, (150.0, 1.55), NAMED | {"truth": "1,55"}),
    Case(
        "three-point",
        "house/air_humidity",
        "%",
        lambda s, _: (s.truth or 0) * 0.95,
        (71.25, 75.0),
        NAMED | {"truth": ["11", "33", "75"]},
    ),
    Case(
        "spline-4",
        "house/co2",
        "ppm",
        lambda s, _: (s.truth or 0) * 1.1,
        (880.0, 800.0),
        NAMED | {"truth": ["400", "800", "1200", "2000"]},
    ),
    Case(
        "polynomial-4",
        "house/co2",
        "ppm",
        lambda s, _: (s.truth or 0) * 1.1,
        (880.0, 800.0),
        NAMED | {"truth": ["400", "800", "1200", "2000"]},
    ),
    Case(
        "gravimetric-3",
        "zone/soil_moisture",
        "%",
        lambda s, _: [12.0, 22.0, 32.0][s.point],
        (22.0, 25.05),
        CORE | {"wet_g": ["165", "175", "185"]},
    ),
    Case("gravimetric-1", "zone/soil_moisture", "%", lambda _s, _t: 22.0, (22.0, 25.05), CORE | {"wet_g": "175"}),
    Case("field-capacity", "zone/soil_moisture", "%", lambda _s, _t: 29.0, (29.0, 31.0), {"truth": "31"}),
    Case(
        "soil-teros-mineral",
        "zone/soil_moisture",
        "count",
        lambda s, _: [2300.0, 2700.0][s.point],
        (2300.0, 15.03),
        CORE | {"wet_g": ["165", "180"]},
    ),
    Case(
        "soil-teros-soilless",
        "zone/soil_moisture",
        "%",
        lambda s, _: [22.0, 42.0][s.point],
        (22.0, 15.03),
        CORE | {"wet_g": ["165", "190"]},
    ),
    Case(
        "soil-topp",
        "zone/soil_moisture",
        "permittivity",
        lambda s, _: [10.0, 25.0][s.point],
        (10.0, 15.03),
        CORE | {"wet_g": ["165", "190"]},
    ),
    Case(
        "pore-water",
        "zone/pore_ec",
        "mS/cm",
        lambda _s, _t: 0.8,
        (0.8, 3.3),
        NAMED | {"truth": "3,3"},
        permittivity=25.0,
        beside=("temperature", "permittivity"),
    ),
    Case("light-beside", "house/ppfd", "µmol/m²/s", lambda _s, _t: 900.0, (450.0, 475.0), NAMED | {"truth": "950"}),
    Case("beside", "house/air_temperature", "°C", lambda _s, _t: 27.4, (20.0, 19.6), NAMED | {"truth": "27"}),
    Case("fresh-air", "house/co2", "ppm", lambda _s, _t: 460.0, (835.0, 800.0), {}),
    Case(
        "fresh-air-pressure",
        "house/co2",
        "ppm",
        lambda _s, _t: 370.0,
        (370.0, 425.0),
        {},
        pressure_hpa=850.0,
        beside=("pressure",),
    ),
    Case("catch-can", "line/water_flow", "m³/h", lambda _s, _t: 1.2, (1.2, 24.0), {"litres": "12", "seconds": "30"}),
    Case(
        "bucket",
        "roof/rainfall",
        "mm",
        lambda s, _: [812.4, 832.0][s.point],
        (832.0, 812.4 + 20.0),
        {"water_ml": "1000", "funnel_cm2": "500"},
    ),
    Case(
        "pressure",
        "line/water_pressure",
        "bar",
        lambda s, _: 0.02 + (s.truth or 0) / 100.0,
        (2.02, 200.0),
        NAMED | {"truth": ["", "250"]},
    ),
    Case(
        "thermistor",
        "tank/water_temperature",
        "Ω",
        table(t5=25400.0, t25=10000.0, t45=4370.0),
        (10000.0, 25.0),
        NAMED | {"truth": ["5", "25", "45"]},
    ),
]
