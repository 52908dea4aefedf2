# SPDX-License-Identifier: Apache-2.0
"""A stochastic hourly weather generator for a site with known monthly means.

Rule kept: the weather of an hour depends on (climate, seed, day) alone: every random number is a hash of the seed,
the stream and the day, so any span can be made in any order, twice, bit for bit. docs/greenhouse-model.md gives the
method; in short: smoothed monthly means + autocorrelated daily anomalies + a daily wave, rain from a latent process
that also dims the light, cools and moistens, and humidity whose clipping at 100 % is compensated in closed form.
"""

import math
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import solar

Array = NDArray[np.float64]

# columns of a weather row
TEMPERATURE, HUMIDITY, RADIATION, WIND, WIND_FROM, RAIN, CLOUD, CO2 = range(8)
COLUMNS = (
    "temperature_c",
    "humidity_pct",
    "radiation_w_m2",
    "wind_m_s",
    "wind_from_deg",
    "rain_mm_h",
    "cloud_fraction",
    "co2_ppm",
)
OUTSIDE_CO2_PPM = 420.0

_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MEMORY_DAYS = 32
_STREAM_WET, _STREAM_TEMP, _STREAM_HUMID, _STREAM_LIGHT, _STREAM_RAIN, _STREAM_WIND, _STREAM_HOURLY = range(7)


class Climate(NamedTuple):
    """A site's monthly climate; every tuple has 12 entries, January first."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    utc_offset_h: float
    mean_c: tuple[float, ...]
    daily_max_c: tuple[float, ...]
    daily_min_c: tuple[float, ...]
    humidity_pct: tuple[float, ...]
    rain_mm: tuple[float, ...]
    sunshine_h: tuple[float, ...]
    rain_days: tuple[float, ...]
    wind_m_s: tuple[float, ...]
    wind_from_deg: tuple[float, ...]


def random_uniform(seed: int, stream: int, counter: NDArray[np.int64]) -> Array:
    """Return one number in (0, 1) per counter: the SplitMix64 finaliser of seed, stream and counter.

    Source: Steele, Lea, Flood (2014), doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        key = np.uint64((seed * 1_000_003 + stream * 7_919) & 0xFFFF_FFFF_FFFF_FFFF)
        z = counter.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + key * np.uint64(0xD1B54A32D192ED03)
        for _round in range(2):
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def random_normal(seed: int, stream: int, counter: NDArray[np.int64]) -> Array:
    """Return one standard normal number per counter (Box-Muller on two hashes)."""
    u = random_uniform(seed, 2 * stream + 100, counter)
    v = random_uniform(seed, 2 * stream + 101, counter)
    return np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * math.pi * v)


def red_noise(seed: int, stream: int, counter: NDArray[np.int64], memory: float) -> Array:
    """Return standard normal numbers with autocorrelation ``memory`` in 0..0.8 for consecutive counters.

    A moving sum over the last 32 hashes instead of a recursion, so that no history is needed.
    """
    span = np.arange(counter[0] - _MEMORY_DAYS, counter[-1] + 1, dtype=np.int64)
    weights = memory ** np.arange(_MEMORY_DAYS + 1, dtype=np.float64)
    weights /= math.sqrt(float(np.sum(weights**2)))
    return np.convolve(random_normal(seed, stream, span), weights, mode="valid")


def _day_of_year(days: NDArray[np.int64]) -> NDArray[np.int64]:
    dates = days.astype("datetime64[D]")
    result: NDArray[np.int64] = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return result


def seasonal(monthly: tuple[float, ...], days: NDArray[np.int64]) -> Array:
    """Interpolate monthly means to days so that each month's mean over its days is the given one."""
    ends = np.concatenate([[0], np.cumsum(_MONTH_DAYS)])
    middles = (ends[:-1] + ends[1:]) / 2.0
    knots = np.concatenate([[middles[-1] - 365.0], middles, [middles[0] + 365.0]])
    year = np.arange(365) + 0.5
    basis = np.zeros((365, 12))
    for month in range(12):
        unit = np.zeros(12)
        unit[month] = 1.0
        basis[:, month] = np.interp(year, knots, np.concatenate([[unit[-1]], unit, [unit[0]]]))
    means = np.array([basis[ends[m] : ends[m + 1]].mean(axis=0) for m in range(12)])
    levels: Array = np.linalg.solve(means, np.array(monthly, dtype=np.float64))
    curve = basis @ levels
    result: Array = curve[np.minimum(_day_of_year(days), 364)]
    return result


def daily_wave() -> Array:
    """Return the 24 hourly values of the day's temperature wave: mean 0, highest less lowest 1, peak at 13:30."""
    hours = np.arange(24.0)
    rise = 0.5 - 0.5 * np.cos(math.pi * (hours - 5.5) / 8.0)
    fall_h = np.where(hours < 5.5, hours + 10.5, hours - 13.5)
    fall = np.cos(0.5 * math.pi * np.clip(fall_h, 0.0, 16.0) / 16.0)
    # the powers make the warm hours shorter than the cool ones: (max - mean) / range is 0.60, as measured at both sites
    wave = np.where((hours >= 5.5) & (hours <= 13.5), rise**1.3, fall**3)
    wave -= wave.mean()
    result: Array = wave / (wave.max() - wave.min())
    return result


def _normal_cdf(x: Array) -> Array:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in x.ravel()]).reshape(x.shape)


def clipped_mean(mean: Array, deviation: float, low: float, high: float) -> Array:
    """Return the mean of a normal variable clipped to low..high (exact)."""
    a, b = (low - mean) / deviation, (high - mean) / deviation
    cdf_a, cdf_b = _normal_cdf(a), _normal_cdf(b)
    pdf_a, pdf_b = (np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi) for x in (a, b))
    result: Array = low * cdf_a + high * (1.0 - cdf_b) + mean * (cdf_b - cdf_a) - deviation * (pdf_b - pdf_a)
    return result


HUMIDITY_LOW, HUMIDITY_HIGH = 12.0, 100.0
_HUMIDITY_DEVIATION = 6.0
_HUMIDITY_PER_K = -4.2


@lru_cache(maxsize=256)  # a climate has twelve of them, and every month that is made asks for all
def _humidity_level(target_pct: float, range_k: float) -> float:
    """Find the level whose clipped daily wave has the wanted mean (bisection on the closed form)."""
    wave = _HUMIDITY_PER_K * range_k * daily_wave()
    low, high = target_pct - 40.0, target_pct + 40.0
    for _step in range(50):
        middle = 0.5 * (low + high)
        if clipped_mean(middle + wave, _HUMIDITY_DEVIATION, HUMIDITY_LOW, HUMIDITY_HIGH).mean() < target_pct:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def clearness_by_month(climate: Climate) -> tuple[float, ...]:
    """Return the monthly mean of Rs/Ra from hours of sunshine, 0.25 + 0.50 n/N. Source: FAO-56 equation 35."""
    latitude = math.radians(climate.latitude_deg)
    middles = np.cumsum(_MONTH_DAYS) - _MONTH_DAYS / 2.0
    return tuple(
        0.25 + 0.50 * hours / (float(count) * solar.day_length_h(latitude, float(middle)))
        for hours, count, middle in zip(climate.sunshine_h, _MONTH_DAYS, middles, strict=True)
    )


class _Days(NamedTuple):
    """One value per day of what the hours are made from."""

    wet: NDArray[np.bool_]
    wet_share: Array
    clearness: Array
    mean_c: Array
    range_k: Array
    humidity: Array
    rain_mm: Array
    wind_m_s: Array


def _daily(climate: Climate, seed: int, days: NDArray[np.int64]) -> _Days:
    wet_share = np.clip(
        seasonal(tuple(r / d for r, d in zip(climate.rain_days, _MONTH_DAYS, strict=True)), days), 0.01, 0.95
    )
    wet_noise = red_noise(seed, _STREAM_WET, days, 0.45)
    wet = _normal_cdf(wet_noise) > 1.0 - wet_share
    light = -0.65 * wet_noise + math.sqrt(1.0 - 0.65**2) * random_normal(seed, _STREAM_LIGHT, days)
    mean_clearness = seasonal(clearness_by_month(climate), days)
    clearness = np.clip(mean_clearness + 0.12 * light, 0.08, 0.76)
    mean_c = (
        seasonal(climate.mean_c, days)
        + 1.0 * red_noise(seed, _STREAM_TEMP, days, 0.72)
        - 0.7 * (wet.astype(np.float64) - wet_share)
    )
    mean_range = seasonal(tuple(a - b for a, b in zip(climate.daily_max_c, climate.daily_min_c, strict=True)), days)
    levels = tuple(
        _humidity_level(target, high - low)
        for target, high, low in zip(climate.humidity_pct, climate.daily_max_c, climate.daily_min_c, strict=True)
    )
    humid_noise = 0.55 * wet_noise + math.sqrt(1.0 - 0.55**2) * red_noise(seed, _STREAM_HUMID, days, 0.6)
    mean_rain = seasonal(tuple(r / d for r, d in zip(climate.rain_mm, climate.rain_days, strict=True)), days)
    amount = (-np.log(random_uniform(seed, _STREAM_RAIN, days))) ** (1.0 / 0.75) / math.gamma(1.0 + 1.0 / 0.75)
    return _Days(
        wet=wet,
        wet_share=wet_share,
        clearness=clearness,
        mean_c=mean_c,
        range_k=mean_range * (1.0 + 0.6 * (clearness / mean_clearness - 1.0)),
        humidity=seasonal(levels, days) + _HUMIDITY_DEVIATION * humid_noise,
        rain_mm=np.where(wet, np.maximum(mean_rain, 0.5) * amount, 0.0),
        wind_m_s=seasonal(climate.wind_m_s, days) * np.exp(0.3 * red_noise(seed, _STREAM_WIND, days, 0.5) - 0.045),
    )


def _hours_of_rain(seed: int, days: NDArray[np.int64], rain_mm: Array) -> Array:
    """Spread each wet day's rain over a storm of 1 to 4 hours, most often in the afternoon."""
    start = np.clip(np.rint(15.0 + 2.5 * random_normal(seed, _STREAM_RAIN, days)), 0, 20).astype(np.int64)
    length = 1 + (4.0 * random_uniform(seed, _STREAM_RAIN + 40, days)).astype(np.int64)
    hours = np.arange(24)[None, :]
    inside = (hours >= start[:, None]) & (hours < (start + length)[:, None])
    result: Array = np.where(inside, (rain_mm / length)[:, None], 0.0).ravel()
    return result


def generate(climate: Climate, seed: int, first_day: int, days: int) -> Array:
    """Make hourly weather at each full local hour.

    ``first_day`` counts days since 1970-01-01 (local date), ``days`` is 1..40,000. Returns [24 days, 8], columns as
    ``COLUMNS``; values at the hour, rain over the hour that follows. ValueError if ``days`` is out of range.
    """
    if not 1 <= days <= 40_000:
        raise ValueError(f"days is {days}: give 1 to 40,000")
    seed = (seed * 65_537) ^ zlib.crc32(climate.name.encode())  # two sites do not share their clouds
    # one day more at both ends, so that hours interpolate between noons without an edge
    number = np.arange(first_day - 1, first_day + days + 1, dtype=np.int64)
    daily = _daily(climate, seed, number)
    hour = np.arange(24 * days, dtype=np.int64) + 24 * first_day
    position = (hour - 12) / 24.0

    def smooth(values: Array) -> Array:
        return np.interp(position, number.astype(np.float64), values)

    wave = np.tile(daily_wave(), days)
    inner = number[1:-1]
    out = np.empty((24 * days, len(COLUMNS)))
    swing = smooth(daily.range_k) * wave
    out[:, TEMPERATURE] = smooth(daily.mean_c) + swing
    out[:, HUMIDITY] = np.clip(smooth(daily.humidity) + _HUMIDITY_PER_K * swing, HUMIDITY_LOW, HUMIDITY_HIGH)
    latitude = math.radians(climate.latitude_deg)
    day_of_year = np.repeat(_day_of_year(inner), 24).astype(np.float64) + 1.0
    above = _extraterrestrial(climate, latitude, day_of_year, np.tile(np.arange(24.0), days))
    clearness = np.repeat(daily.clearness[1:-1], 24)
    flicker = 1.0 + 0.18 * red_noise(seed, _STREAM_HOURLY, hour, 0.5) * (0.8 - clearness) / 0.4
    out[:, RADIATION] = np.minimum(above * clearness * np.clip(flicker, 0.2, 1.7), 0.82 * above)
    out[:, CLOUD] = np.clip((0.76 - clearness) / 0.55, 0.0, 1.0)
    out[:, RAIN] = _hours_of_rain(seed, inner, daily.rain_mm[1:-1])
    gust = np.exp(0.25 * red_noise(seed, _STREAM_HOURLY + 20, hour, 0.6) - 0.03)
    out[:, WIND] = np.clip(smooth(daily.wind_m_s) * (1.0 + 0.7 * wave) * gust, 0.0, 35.0)
    turn = 35.0 * red_noise(seed, _STREAM_HOURLY + 21, hour, 0.7)
    out[:, WIND_FROM] = (np.repeat(_prevailing(climate, inner), 24) + turn) % 360.0
    out[:, CO2] = OUTSIDE_CO2_PPM
    return out


def _prevailing(climate: Climate, days: NDArray[np.int64]) -> Array:
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    result: Array = np.array(climate.wind_from_deg, dtype=np.float64)[months]
    return result


def _extraterrestrial(climate: Climate, latitude: float, day_of_year: Array, clock_h: Array) -> Array:
    moments = zip(day_of_year.tolist(), clock_h.tolist(), strict=True)
    return np.array(
        [
            solar.extraterrestrial_w_m2(
                latitude, day, solar.solar_time_h(hour, climate.longitude_deg, climate.utc_offset_h, day)
            )
            for day, hour in moments
        ]
    )
