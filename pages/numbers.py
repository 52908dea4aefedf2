# SPDX-License-Identifier: Apache-2.0
"""How numbers, units, days and hours are written for people: decimal comma, dd/mm/yyyy, local farm time.

The rule it keeps: a value that is not known is written as a dash, never as 0; a number and its unit are held
together by a no-break space; wall time enters as whole milliseconds UTC and leaves in the farm's own zone.
"""

import datetime as dt
import math
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")
UNKNOWN: Final = "—"
MINUS: Final = "\u2212"
NBSP: Final = "\u00a0"
FARM_ZONE: Final = "Asia/Ho_Chi_Minh"

# Units that people read otherwise than an instrument writes them; "" = no unit is written at all.
_UNIT_NAMES: Final[dict[str, dict[str, str]]] = {
    "vi": {"1": "", "pH": "", "L": "lít", "L/min": "lít/phút", "s": "giây", "min": "phút", "h": "giờ", "d": "ngày"},
    "en": {"1": "", "pH": ""},
}
_MARKS: Final[dict[str, tuple[str, str]]] = {"vi": (",", "."), "en": (".", ",")}  # decimal, thousands


def decimal(value: float, decimals: int, language: Language) -> str:
    """Write ``value`` with ``decimals`` places (0 to 9): 1240.5 is ``1.240,5`` in Vietnamese, ``1,240.5`` in English.

    nan and the infinities are written as a dash; a negative number that rounds to zero has no minus sign.
    """
    if not math.isfinite(value):
        return UNKNOWN
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit in "123456789" for digit in text)
    point, thousands = _MARKS[language]
    text = text.replace(",", "\0").replace(".", point).replace("\0", thousands)
    return MINUS + text if negative else text


def plain(value: float, language: Language) -> str:
    """Write ``value`` with no more places than a person wants: 5.0 is ``5``, 27.63 ``27,6``, 615.4 ``615``."""
    if not math.isfinite(value):
        return UNKNOWN
    most = 2 if abs(value) < 10.0 else 1 if abs(value) < 100.0 else 0
    rounded = round(value, most)
    fewest = next(places for places in range(most + 1) if round(rounded, places) == rounded)
    return decimal(rounded, fewest, language)


def unit_name(unit: str, language: Language) -> str:
    """Give the unit as people write it: ``L`` is ``lít`` in Vietnamese, ``1`` and ``pH`` are not written."""
    return _UNIT_NAMES[language].get(unit, unit)


def with_unit(value: float, unit: str, decimals: int, language: Language) -> str:
    """Write a value and its unit in one: ``27,1 °C``; a value that is not known is a dash without a unit."""
    text = decimal(value, decimals, language)
    name = unit_name(unit, language)
    return text if text == UNKNOWN or not name else f"{text}{NBSP}{name}"


def countdown(seconds: float) -> str:
    """Write what is left as minutes and seconds, rounded up so that 0:00 means over: 292 is ``4:52``."""
    whole = max(0, math.ceil(seconds)) if math.isfinite(seconds) else 0
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local(wall_ms: int, zone: str = FARM_ZONE) -> dt.datetime:
    """Give the farm's local time of a UTC moment in milliseconds."""
    return dt.datetime.fromtimestamp(wall_ms / 1000, tz=_zone(zone))


def clock(wall_ms: int, zone: str = FARM_ZONE, *, seconds: bool = False) -> str:
    """Write the time of day: ``10:05``, with seconds ``10:05:12``."""
    return local(wall_ms, zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(wall_ms: int, zone: str = FARM_ZONE) -> str:
    """Write the day as ``22/11/2026``."""
    return local(wall_ms, zone).strftime("%d/%m/%Y")


def moment(wall_ms: int, zone: str = FARM_ZONE) -> str:
    """Write day and time as ``22/11/2026 10:05``."""
    return local(wall_ms, zone).strftime("%d/%m/%Y %H:%M")


def day_start_ms(wall_ms: int, zone: str = FARM_ZONE) -> int:
    """Give the UTC milliseconds of the local midnight before ``wall_ms``."""
    midnight = local(wall_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)
