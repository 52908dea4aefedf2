# SPDX-License-Identifier: Apache-2.0
"""Turns hours of a station's record into days of a place's past weather: a new farm need not wait for years.

Rule kept: an hour is reckoned by the formula that the live zone uses; only whole days are kept, and a day that was
measured here is never written over. Under film the air outside stands in for the air inside.
"""

from typing import Final

from controllers.kernels import zone_water as w
from controllers.kernels.weather import COLUMNS
from controllers.outside import HourlyWeather
from controllers.past_weather import PastWeather
from controllers.settings import ControlSettings, ZoneSettings
from controllers.zone_weather import field_rate_mm_h, film_rate_mm_h

EPOCH_DAY: Final = 719_163  # date(1970, 1, 1).toordinal()
_NAMES: Final = ("temperature_c", "humidity_pct", "radiation_w_m2", "wind_m_s", "rain_mm_h")
_AT: Final = [COLUMNS.index(name) for name in _NAMES]


def keep_hours(past: PastWeather, weather: HourlyWeather, settings: ControlSettings, zone: ZoneSettings) -> int:
    """Keep the whole days of ``weather`` as ``zone``'s place would have seen them; give how many were new."""
    rows, first = weather.rows[:, _AT].tolist(), -weather.first_hour % 24
    new = 0
    for start in range(first, len(rows) - 23, 24):
        day = (weather.first_hour + start) // 24 + EPOCH_DAY
        if past.knows(day):
            continue
        et_mm = rain_mm = 0.0
        for hour, (t, rh, sun, wind, rain) in enumerate(rows[start : start + 24]):
            if zone.plan.covered:
                rate = film_rate_mm_h(sun, zone.plan.cover_light, t, rh)
            else:
                place = (settings.latitude_deg, settings.altitude_m)
                rate = field_rate_mm_h(sun, t, rh, wind, *place, day, 60 * hour + 30)
            et_mm += min(max(rate, 0.0), w.RATE_MAX_MM_H)
            rain_mm += 0.0 if zone.plan.covered else rain
        past.keep(day, et_mm, rain_mm)
        new += past.knows(day)
    return new
