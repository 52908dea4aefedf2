# SPDX-License-Identifier: Apache-2.0
"""The climate that each crop likes by day and by night: editable defaults for a farm's day parts.

Rule kept: they are for reference, not a standard, and shown as such: day VPD after one seed company's page and common
practice, melon's day temperature after a provincial extension trial, most others from general growers' practice.
Air VPD, not leaf VPD.
"""

from typing import Final, NamedTuple

NIGHT_VPD_LOW_KPA: Final = 0.2
"""The floor for every crop by night: below it water stands on leaves and botrytis starts."""
NIGHT_VPD_HIGH_KPA: Final = 1.0


class CropBand(NamedTuple):
    """Air temperature [°C] and VPD [kPa] of one crop; above ``critical_c`` flowers and fruit set are lost."""

    vpd_day_kpa: tuple[float, float]
    day_c: tuple[float, float]
    night_c: tuple[float, float]
    critical_c: float


CROP_BANDS: Final[dict[str, CropBand]] = {
    "seedling": CropBand((0.4, 0.8), (22.0, 28.0), (20.0, 24.0), 35.0),
    "tomato": CropBand((0.8, 1.2), (21.0, 27.0), (16.0, 20.0), 32.0),
    "sweet pepper": CropBand((0.8, 1.2), (21.0, 27.0), (17.0, 20.0), 32.0),
    "cucumber": CropBand((0.6, 1.0), (24.0, 29.0), (19.0, 22.0), 35.0),
    "lettuce": CropBand((0.5, 0.8), (17.0, 23.0), (12.0, 17.0), 28.0),
    "melon": CropBand((0.8, 1.6), (22.0, 32.0), (18.0, 24.0), 38.0),
    "strawberry": CropBand((0.4, 0.9), (18.0, 24.0), (8.0, 14.0), 30.0),
    "chrysanthemum": CropBand((0.5, 1.0), (18.0, 25.0), (15.0, 18.0), 32.0),
    "rose": CropBand((0.6, 1.2), (20.0, 27.0), (15.0, 18.0), 32.0),
    "phalaenopsis": CropBand((0.5, 0.9), (20.0, 22.0), (18.0, 20.0), 32.0),
}


def band_row(crop: str, *, day: bool) -> tuple[float, float, float, float]:
    """Return (temperature low, high [°C], VPD low, high [kPa]) in the order of ``columns.B_*``; KeyError if unknown."""
    try:
        band = CROP_BANDS[crop]
    except KeyError:
        raise KeyError(f"no climate band for crop {crop!r}; known: {', '.join(CROP_BANDS)}") from None
    if day:
        return (*band.day_c, *band.vpd_day_kpa)
    return (*band.night_c, NIGHT_VPD_LOW_KPA, NIGHT_VPD_HIGH_KPA)
