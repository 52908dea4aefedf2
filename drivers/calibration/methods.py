# SPDX-License-Identifier: Apache-2.0
"""The ways to calibrate: which points, in which order, when a signal is still, what is fitted, when it is due again.

The rule it keeps: a method is data; its version goes into the record, so that a certificate can be read years later.
Due times are the intervals that makers usually ask; a farm may come earlier, never later without being told.
"""

from typing import Final, Literal

import msgspec

from drivers.calibration.probes import nernst_mv
from drivers.calibration.stability import Criterion
from drivers.units import conversion
from telemetry.quantities import quantity

FitKind = Literal[
    "offset", "linear", "gain", "total", "polynomial", "piecewise", "spline", "nernst", "cell", "soil", "hilhorst",
    "gas", "steinhart-hart", "chip",
]  # fmt: skip
# How the truth of a point comes about: entered, or computed from a sheet.
Sheet = Literal["", "oven", "catch", "tip", "moist_air"]
# Whose own memory takes the points: an EZO circuit's (it can be kept and brought back), or a register's (it cannot).
Chip = Literal["", "ezo", "register"]


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reference that is proposed, so that nobody types what is printed on every bottle of its kind."""

    name: str
    uncertainty: float


class PointPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One point: what the person does (English msgid), the truth proposed (None: he enters it) and its limits.

    ``sheet``: the truth is computed from what he enters. ``as_it_stands``: the truth is what the reading says now
    (the start of a running total). Of an EZO circuit's memory ``tell`` is what the circuit calls the point (mid, dry,
    ...); ``staged``: it notes the point and shows no change before the next one; ``again``: nothing is told, the
    staged point of this place is read once more.
    """

    prompt: str
    truth: float | None = None
    low: float = float("-inf")
    high: float = float("inf")
    sheet: Sheet = ""
    as_it_stands: bool = False
    tell: str = ""
    staged: bool = False
    again: int | None = None


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to calibrate one or more quantities.

    ``signal_units`` limits it to instruments that give such a signal (() = any). ``reach_share`` is how far beyond the
    outermost points the curve is trusted, as a share of their span. ``truth_last``: the signals are taken first and
    the truth is entered later (an oven takes a day).
    """

    name: str
    version: int
    title: str  # English msgid
    quantities: tuple[str, ...]  # () = every quantity that is not a running total
    fit: FitKind
    points: tuple[PointPlan, ...]
    spread_min_share: float  # the references must differ by this share of the quantity's usual span
    due_days: int
    preset: Preset | None = None
    signal_units: tuple[str, ...] = ()
    reach_share: float = 0.1
    truth_last: bool = False
    option: str = ""  # the soil equation; "compensated" or "raw" for EC; the kind of EZO circuit
    models: tuple[str, ...] = ()  # the catalogue types it is for; () = any
    chip: Chip = ""

    @property
    def points_kept(self) -> int:
        """How many points the record has: one that is read again is no other point."""
        return sum(plan.again is None for plan in self.points)


_LOW: Final = "Put the probe where the value is low and known, and enter the reference's value."
_MIDDLE: Final = "Put the probe where the value is in the middle and known, and enter the reference's value."
_HIGH: Final = "Put the probe where the value is high and known, and enter the reference's value."
_BESIDE: Final = "Hold the reference instrument beside the probe and enter what it shows."
_BUFFER: Final = "Rinse the probe, dab it dry and put it into the buffer."
_STANDARD: Final = "Rinse the probe and put it into the EC standard, free of bubbles."
_DRY: Final = "Rinse the probe, dry it and hold it in the air."
_STANDARD_AGAIN: Final = "Rinse the probe and put it into the low EC standard again: it is read, not told."
_MOIST_AIR: Final = (
    "Rinse the probe, dab it dry and leave it in the air near water; enter temperature and pressure as they are here."
)
_NO_OXYGEN: Final = "Stir the probe in fresh solution without oxygen (sulphite) until it shows no bubbles."
_CORE: Final = "Take a core of soil beside the probe. Weigh it wet, dry it 24 h at 105 °C, weigh it again."
_FIELD: Final = (
    "Soak the soil, cover it, wait one to two days until it no longer drains; enter its field capacity in % by volume."
)
_FRESH: Final = "Let outdoor air reach the probe for ten minutes, far from people and engines."
_CATCH: Final = "Let the water flow into a can, time it, and enter litres and seconds."
_TIP_START: Final = "Leave the bucket dry and still; the count as it stands is taken."
_TIP: Final = "Pour the measured water slowly through the funnel (about 20 minutes for 1 L), then enter it."
_VENT: Final = "Open the line to the air: the pressure is 0."
_GAUGE: Final = "Put the line under pressure and enter what the reference gauge shows."

_BUFFERS: Final = Preset("pH buffers 4.01, 7.00, 10.01", 0.02)
_PH: Final = ("water_ph", "soil_ph")
_EC: Final = ("water_ec", "soil_ec")
_LIGHT: Final = ("ppfd", "illuminance", "solar_radiation")
_OXYGEN: Final = ("dissolved_oxygen",)
_AIR: Final = ("air_temperature", "air_humidity", "soil_temperature", "water_temperature", "leaf_temperature")


def _oven(count: int) -> tuple[PointPlan, ...]:
    return tuple(PointPlan(_CORE, sheet="oven", low=1.0, high=80.0) for _ in range(count))


def _ph(*buffers: float) -> tuple[PointPlan, ...]:
    # The middle first: an electrode's zero is found before its slopes; an EZO circuit forgets the others with it.
    names = ("mid", "low", "high")
    return tuple(
        PointPlan(_BUFFER, truth=buffer, low=1.0, high=13.0, tell=name)
        for buffer, name in zip(buffers, names, strict=False)
    )


def _ec(*, dry: bool, count: int) -> tuple[PointPlan, ...]:
    standards = tuple(PointPlan(_STANDARD, truth=truth, low=0.05, high=120.0) for truth in (1.413, 12.88)[:count])
    return (*((PointPlan(_DRY, truth=0.0, low=0.0, high=0.0),) if dry else ()), *standards)


def _ezo_ec(*, two: bool) -> tuple[PointPlan, ...]:
    # EZO-EC data sheet, Calibration theory: dry first; the low point is noted, the reading changes with the high one.
    dry = PointPlan(_DRY, truth=0.0, low=0.0, high=0.0, tell="dry")
    one = PointPlan(_STANDARD, truth=1.413, low=0.05, high=120.0, tell="one")
    if not two:
        return (dry, one)
    low = msgspec.structs.replace(one, tell="low", staged=True)
    high = msgspec.structs.replace(one, truth=12.88, high=500.0, tell="high")
    return (dry, low, high, PointPlan(_STANDARD_AGAIN, again=1))


def _ezo_oxygen(*, zero: bool) -> tuple[PointPlan, ...]:
    # EZO-DO data sheet, Calibration theory: in the air first, then in a solution without oxygen.
    air = PointPlan(_MOIST_AIR, sheet="moist_air", low=2.0, high=20.0, tell="air")
    return (air, PointPlan(_NO_OXYGEN, truth=0.0, low=0.0, high=0.0, tell="zero")) if zero else (air,)


_ALL: Final = (
    Method("ph-3", 1, "pH, three buffers", _PH, "nernst", _ph(7.0, 4.01, 10.01), 0.2, 30, _BUFFERS, (), 0.25),
    Method("ph-2", 1, "pH, two buffers", _PH, "nernst", _ph(7.0, 4.01), 0.2, 30, _BUFFERS, (), 0.5),
    Method(
        "ec-dry-1", 1, "EC, dry and one standard", _EC, "cell", _ec(dry=True, count=1), 0.05, 90,
        Preset("EC standard 1.413 mS/cm", 0.014), (), 1.0, option="compensated",
    ),
    Method(
        "ec-1", 1, "EC, one standard", _EC, "cell", _ec(dry=False, count=1), 0.0, 90,
        Preset("EC standard 1.413 mS/cm", 0.014), (), 1.0, option="compensated",
    ),
    Method(
        "ec-2", 1, "EC, two standards", _EC, "cell", _ec(dry=False, count=2), 0.05, 90,
        Preset("EC standards 1.413 and 12.88 mS/cm", 0.13), (), 0.2, option="compensated",
    ),
    Method(
        "ec-raw-1", 1, "EC, one standard, probe without temperature compensation", _EC, "cell",
        _ec(dry=False, count=1), 0.0, 90, Preset("EC standard 1.413 mS/cm", 0.014), (), 1.0, option="raw",
    ),
    Method("two-point", 1, "Two points against a reference", (), "linear", (PointPlan(_LOW), PointPlan(_HIGH)), 0.05,
           180),
    Method("one-point", 1, "One point against a reference", (), "offset", (PointPlan(_BESIDE),), 0.0, 180),
    Method("three-point", 1, "Three points, straight pieces", (), "piecewise",
           (PointPlan(_LOW), PointPlan(_MIDDLE), PointPlan(_HIGH)), 0.05, 180),
    Method("spline-4", 1, "Four points, smooth curve", (), "spline",
           (PointPlan(_LOW), PointPlan(_MIDDLE), PointPlan(_MIDDLE), PointPlan(_HIGH)), 0.03, 180, None, (), 0.0),
    Method("polynomial-4", 1, "Four points, parabola", (), "polynomial",
           (PointPlan(_LOW), PointPlan(_MIDDLE), PointPlan(_MIDDLE), PointPlan(_HIGH)), 0.03, 180, None, (), 0.0),
    Method("gravimetric-3", 1, "Oven-dried soil cores, three", ("soil_moisture",), "linear", _oven(3), 0.03, 365,
           Preset("Oven at 105 °C and scales", 1.0), ("%", "m³/m³", "‰"), 0.3, truth_last=True),
    Method("gravimetric-1", 1, "Oven-dried soil core, one", ("soil_moisture",), "offset", _oven(1), 0.0, 180,
           Preset("Oven at 105 °C and scales", 1.5), ("%", "m³/m³", "‰"), truth_last=True),
    Method("field-capacity", 1, "Field capacity in place", ("soil_moisture",), "offset",
           (PointPlan(_FIELD, low=8.0, high=60.0),), 0.0, 180, Preset("Field capacity of the soil", 3.0),
           ("%", "m³/m³", "‰")),
    *(
        Method(f"soil-{equation}", 1, title, ("soil_moisture",), "soil", _oven(2), 0.03, 365,
               Preset("Oven at 105 °C and scales", 1.0), units, 0.5, truth_last=True, option=equation,
               models=("meter-teros-11", "meter-teros-12") if equation != "topp" else ())
        for equation, title, units in (
            ("teros-mineral", "TEROS in mineral soil, two cores", ("count", "%")),
            ("teros-soilless", "TEROS in soilless medium, two cores", ("count", "%")),
            ("topp", "Permittivity (Topp), two cores", ("permittivity",)),
        )
    ),
    Method("pore-water", 1, "Pore water EC against an extract", ("pore_ec",), "hilhorst",
           (PointPlan(_BESIDE, low=0.05, high=20.0),), 0.0, 180, None, ("mS/cm", "µS/cm", "dS/m")),
    Method("light-beside", 1, "Beside a reference light sensor, near noon", _LIGHT, "gain",
           (PointPlan(_BESIDE),), 0.0, 365, None, (), 1.0),
    Method("beside", 1, "Beside a reference thermometer or hygrometer", _AIR, "offset", (PointPlan(_BESIDE),), 0.0,
           365),
    Method("fresh-air", 1, "CO₂ in fresh air", ("co2",), "offset",
           (PointPlan(_FRESH, truth=425.0, low=380.0, high=600.0),), 0.0, 180, Preset("Outdoor air", 25.0)),
    Method("fresh-air-pressure", 1, "CO₂ in fresh air, cell without pressure correction", ("co2",), "gas",
           (PointPlan(_FRESH, truth=425.0, low=380.0, high=600.0),), 0.0, 180, Preset("Outdoor air", 25.0)),
    Method("ezo-ph-3", 1, "pH, three buffers, kept in the EZO circuit", ("water_ph",), "chip", _ph(7.0, 4.01, 10.01),
           0.2, 30, _BUFFERS, ("pH",), option="pH", models=("atlas-ezo-ph",), chip="ezo"),
    *(
        Method(name, 1, title, ("water_ec",), "chip", _ezo_ec(two=two), 0.01, 90, preset, ("µS/cm",), option="EC",
               models=("atlas-ezo-ec",), chip="ezo")
        for name, title, two, preset in (
            ("ezo-ec-1", "EC, dry and one standard, kept in the EZO circuit", False,
             Preset("EC standard 1.413 mS/cm", 0.014)),
            ("ezo-ec-2", "EC, dry and two standards, kept in the EZO circuit", True,
             Preset("EC standards 1.413 and 12.88 mS/cm", 0.13)),
        )
    ),
    *(
        Method(name, 1, title, _OXYGEN, "chip", _ezo_oxygen(zero=zero), 0.05, 90,
               Preset("Air saturated with water", 0.1), ("mg/L",), option="DO", models=("atlas-ezo-do",), chip="ezo")
        for name, title, zero in (
            ("ezo-do-1", "Oxygen, in the air, kept in the EZO circuit", False),
            ("ezo-do-2", "Oxygen, in the air and without oxygen, kept in the EZO circuit", True),
        )
    ),
    Method("ezo-rtd-1", 1, "Temperature, one point, kept in the EZO circuit", ("water_temperature",), "chip",
           (PointPlan(_BESIDE, low=-5.0, high=60.0, tell="t"),), 0.0, 365, None, ("°C",), option="RTD",
           models=("atlas-ezo-rtd",), chip="ezo"),
    Method("forced-co2", 1, "CO₂, kept in the instrument: the reference's value", ("co2",), "chip",
           (PointPlan(_FRESH, truth=425.0, low=400.0, high=2000.0),), 0.0, 180, Preset("Outdoor air", 25.0),
           ("ppm",), models=("scd30",), chip="register"),
    Method("background-co2", 1, "CO₂, kept in the instrument: fresh air counts as 400 ppm", ("co2",), "chip",
           (PointPlan(_FRESH, truth=400.0, low=400.0, high=400.0),), 0.0, 180, Preset("Outdoor air", 50.0),
           ("ppm",), models=("senseair-s8",), chip="register"),
    Method("catch-can", 1, "Flow against a can and a clock", ("water_flow",), "gain",
           (PointPlan(_CATCH, sheet="catch", low=0.05),), 0.0, 365, Preset("Can and clock", 0.5), (), 2.0),
    Method("bucket", 1, "Tipping bucket with measured water", ("rainfall",), "total",
           (PointPlan(_TIP_START, as_it_stands=True), PointPlan(_TIP, sheet="tip")), 0.0, 365,
           Preset("Measuring cylinder", 0.2)),
    Method("pressure", 1, "Open line and reference gauge", ("water_pressure",), "linear",
           (PointPlan(_VENT, truth=0.0), PointPlan(_GAUGE)), 0.1, 365),
    Method("thermistor", 1, "Thermistor at three temperatures", _AIR, "steinhart-hart",
           (PointPlan(_LOW), PointPlan(_MIDDLE), PointPlan(_HIGH)), 0.1, 365, None, ("Ω", "ohm"), 0.2),
)  # fmt: skip
METHODS: Final[dict[str, Method]] = {method.name: method for method in _ALL}

# What no instrument measures: its parts are calibrated.
_COMPUTED: Final = frozenset({"vapour_pressure_deficit"})

# How much a signal may move while it is called still: share of the quantity's usual span.
_SD_SHARE: Final = 0.004
_DRIFT_SHARE: Final = 0.01
# What a quantity usually spans on a farm; where it is not named, its plausible range.
_USUAL_SPAN: Final[dict[str, float]] = {
    "air_temperature": 40.0,
    "soil_temperature": 30.0,
    "water_temperature": 30.0,
    "leaf_temperature": 40.0,
    "air_humidity": 70.0,
    "soil_moisture": 50.0,
    "co2": 2000.0,
    "ppfd": 2000.0,
    "illuminance": 100000.0,
    "solar_radiation": 1100.0,
    "soil_ec": 4.0,
    "pore_ec": 4.0,
    "water_ec": 4.0,
    "dissolved_oxygen": 10.0,
    "water_ph": 6.0,
    "soil_ph": 6.0,
    "water_flow": 60.0,
    "water_pressure": 400.0,
    "water_level": 3.0,
    "rainfall": 50.0,
}
# Signals that are no number of the quantity's kind: what they span between dry and wet, cold and warm.
_RAW_SPAN: Final[dict[str, float]] = {"count": 1500.0, "permittivity": 50.0, "Ω": 20000.0, "ohm": 20000.0}


def methods_for(name: str, signal_unit: str = "", model: str = "") -> list[Method]:
    """Give the methods that fit the quantity called ``name``, its own before the general ones.

    ``signal_unit`` "" leaves the instrument's signal out of account; ``model`` is its type in the catalogue.
    """
    known = quantity(name)
    if name in _COMPUTED:
        return []
    fitting = [
        method
        for method in METHODS.values()
        if (name in method.quantities if method.quantities else not known.cumulative)
        and (not signal_unit or not method.signal_units or signal_unit in method.signal_units)
        and (not method.models or model in method.models)
        and (method.fit != "offset" or not signal_unit or _converts(signal_unit, name))
    ]
    return sorted(fitting, key=lambda method: not method.quantities)


def usual_span(name: str) -> float:
    """Give what the quantity usually spans on a farm, in its unit."""
    known = quantity(name)
    return _USUAL_SPAN.get(name, known.high - known.low)


def _converts(unit: str, name: str) -> bool:
    try:
        conversion(unit, name)
    except KeyError:
        return False
    return True


def signal_span(name: str, unit: str) -> float:
    """Give what the quantity usually spans in the instrument's own ``unit``."""
    if unit == "mV" and name in _PH:
        return usual_span(name) * float(nernst_mv(25.0))
    if unit in _RAW_SPAN:
        return _RAW_SPAN[unit]
    return usual_span(name) / abs(conversion(unit, name)[0]) if _converts(unit, name) else usual_span(name)


def criterion_for(name: str, unit: str, period_s: float) -> Criterion:
    """Say when a signal in ``unit`` of this quantity, read every ``period_s``, counts as still."""
    span = signal_span(name, unit)
    if quantity(name).cumulative:
        span *= 1e-6  # a total is still when nothing is added to it
    window_s = max(10.0, 5.0 * period_s)
    return Criterion(window_s, max(3, min(8, int(0.6 * window_s / period_s))), _SD_SHARE * span, _DRIFT_SHARE * span)
