# SPDX-License-Identifier: Apache-2.0
"""What a farm says about feeding and about power: recipes, stock tanks, the dosing unit of a line, the tariff.

The rule it keeps: as ``controllers.settings``: units in the names, cautious defaults, nothing computed. What is wrong
with them is said by ``controllers.settings_water_check``.
"""

from typing import Final, Literal

import msgspec

StockKind = Literal["fertiliser", "acid"]
SaltGroup = Literal["", "vegetable", "durian", "jackfruit", "longan", "mango", "coconut"]

ANY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)


class WaterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of the settings of this file."""


class TariffBand(WaterSettings, frozen=True):
    """What a kilowatt-hour costs in these ``hours`` (local ["HH:MM", "HH:MM"], may pass midnight) on these weekdays.

    A band without hours is the price of all the rest of the week; hours in no band at all cost as much as the dearest.
    """

    name: str
    price_per_kwh: float
    hours: tuple[tuple[str, str], ...] = ()
    weekdays: tuple[int, ...] = ANY_DAY


class RecipeSettings(WaterSettings, frozen=True):
    """The solution that a zone is to get: EC and pH at the drippers, and the parts of each stock tank.

    ``parts`` gives the millilitres of each stock against each other, for instance { a-tank = 1.0, b-tank = 1.0 };
    acid is dosed by pH and has no part.
    """

    id: str
    ec_ms_cm: float
    ph: float
    parts: dict[str, float]
    title: str = ""


class StockSettings(WaterSettings, frozen=True):
    """One stock tank and the injector that draws from it.

    ``doser`` is an [[output]] of kind doser; ``tank`` names the vessel. ``ms_cm_per_ml_l`` is what 1 mL of it in 1 L
    of water adds to the EC; ``acid_eq_l`` what a litre of acid neutralises. Grams of the elements in a litre go into
    the nutrient account. ``calibration`` holds the measured strokes as (seconds, millilitres): at least three.
    """

    id: str
    doser: str
    tank: str
    kind: StockKind = "fertiliser"
    ms_cm_per_ml_l: float = 0.0
    acid_eq_l: float = 0.0
    n_g_l: float = 0.0
    p_g_l: float = 0.0
    k_g_l: float = 0.0
    calcium: bool = False
    phosphate_or_sulphate: bool = False
    calibration: tuple[tuple[float, float], ...] = ()
    title: str = ""


class FertigationSettings(WaterSettings, frozen=True):
    """The dosing unit of one line: how water and stock meet, and what the raw water is.

    ``dead_l`` is the water between injector and probes, ``mix_l`` the volume in which it mixes. ``raw_ec_ms_cm``,
    ``raw_ph`` and ``alkalinity_meq_l`` describe the water before dosing; a probe before the injector (``source_ec`` of
    the line) replaces the first. ``rinse_l`` is given as plain water at the end of each watering.
    """

    line: str
    dead_l: float
    mix_l: float
    raw_ec_ms_cm: float
    raw_ph: float = 7.5
    alkalinity_meq_l: float = 1.0
    cycle_s: float = 10.0
    rinse_l: float = 0.0
    title: str = ""
