# SPDX-License-Identifier: Apache-2.0
"""How salty the water of a zone may be, by group of crops, and which series hydraulics look at.

The rule it keeps: a limit is the zone's own number, else its group's of the one table; nothing else opens or shuts.
"""

import math
from typing import Final

from controllers.settings import ControlSettings, ZoneSettings
from controllers.settings_water import SaltGroup

MS_CM_PER_G_L: Final = 1.56
"""A gram of salt in a litre of water, as EC. Source: docs/water.md."""

# The most salt of the water that each group of crops is to get [g/L]: Bến Tre agriculture department, document 702 of
# 7/3/2022. Vegetables, flowers and seedlings are to get none: the alarm stands at the lowest class. Coconut has no
# number there, so a farm writes its own.
SALT_G_L: Final = {"vegetable": 0.3, "durian": 0.3, "jackfruit": 0.5, "longan": 1.0, "mango": 3.0, "coconut": math.inf}

# Which group a crop belongs to, by the first words of its name. Source: the same document's classes.
CROP_GROUPS: Final[dict[str, SaltGroup]] = {
    "durian": "durian", "rambutan": "durian", "jackfruit": "jackfruit", "mangosteen": "jackfruit",
    "citrus": "jackfruit", "orange": "jackfruit", "star apple": "jackfruit", "longan": "longan", "banana": "longan",
    "pomelo": "longan", "rice": "longan", "mango": "mango",
}  # fmt: skip


def crop_limit_ms_cm(crop: str) -> float:
    """Give the saltiest water [mS/cm] that ``crop`` (English name) may get; an unknown one counts as a vegetable."""
    name = crop.casefold()
    known = sorted((key for key in CROP_GROUPS if name.startswith(key)), key=len)
    return SALT_G_L[CROP_GROUPS[known[-1]] if known else "vegetable"] * MS_CM_PER_G_L


def water_series(settings: ControlSettings) -> tuple[str, ...]:
    """Name the series that only hydraulics look at."""
    named = [name for line in settings.lines for name in (line.filter_in, line.filter_out, line.source_ec)]
    return tuple(dict.fromkeys(name for name in named if name))


def salt_limit_ms_cm(zone: ZoneSettings) -> float:
    """Give the salt of the water that a zone's crop bears, as EC [mS/cm]; inf where nothing is said."""
    if zone.salt_max_ms_cm > 0.0:
        return zone.salt_max_ms_cm
    return SALT_G_L[zone.salt_group] * MS_CM_PER_G_L if zone.salt_group else math.inf
