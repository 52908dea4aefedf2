# SPDX-License-Identifier: Apache-2.0
"""Weather from files: exact round trip, and a clear word for each way a file can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from controllers.climates import DA_LAT
from controllers.kernels import weather
from controllers.outside import GeneratedWeather, HourlyWeather
from controllers.weather_files import WeatherFileError, parse_csv, read_csv, write_csv

HEAD = "time,temperature_c,humidity_pct,radiation_w_m2,wind_m_s"
GOOD = [HEAD, "2025-03-01 00:00,16.2,88,0,1.1", "2025-03-01 01:00,15.8,90,0,0.9", "2025-03-01 02:00,15.0,91,0,0.8"]


def test_a_station_export_is_read_with_defaults_for_what_it_lacks() -> None:
    series = parse_csv(GOOD, "station.csv")
    assert series.first_hour == int(np.datetime64("2025-03-01T00", "h").astype(int))
    assert series.rows[1].tolist() == [15.8, 90.0, 0.0, 0.9, 0.0, 0.0, 0.5, 420.0]
    assert series.at(series.first_hour + 0.5)[weather.TEMPERATURE] == pytest.approx(16.0)


def test_generated_weather_survives_a_file_bit_for_bit(tmp_path: Path) -> None:
    rows = weather.generate(DA_LAT, 1, 20000, 3)
    write_csv(tmp_path / "w.csv", HourlyWeather(20000 * 24, rows))
    again = read_csv(tmp_path / "w.csv")
    assert again.first_hour == 20000 * 24
    np.testing.assert_array_equal(again.rows, rows)


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (2, "2025-03-01 01:00,mild,90,0,0.9", "f.csv:3: temperature_c is 'mild', not a number"),
        (2, "2025-03-01 01:00,15.8,0.9e3,0,0.9", "f.csv:3: humidity_pct is 0.9e3, outside 0 to 100"),
        (2, "2025-03-01 01:00,nan,90,0,0.9", "f.csv:3: temperature_c is nan, outside"),
        (2, "2025-03-01 01:00,15.8,90,0", "f.csv:3: 4 fields where the header has 5"),
        (2, "2025-03-01 03:00,15.8,90,0,0.9", "f.csv:3: time is '2025-03-01 03:00', expected 2025-03-01T01:00"),
        (2, "2025-03-01 00:00,15.8,90,0,0.9", "f.csv:3: time is '2025-03-01 00:00', expected 2025-03-01T01:00"),
        (2, "2025-03-01 01:30,15.8,90,0,0.9", "f.csv:3: time is '2025-03-01 01:30'; each line stands for a full hour"),
        (2, "1/3/2025 1:00,15.8,90,0,0.9", "f.csv:3: time is '1/3/2025 1:00'; write local standard time as"),
        (2, "2025-03-01T01:00+07:00,15.8,90,0,0.9", "f.csv:3: time '2025-03-01T01:00+07:00' has a time zone"),
        (0, "time,temp,humidity_pct,radiation_w_m2,wind_m_s", "f.csv:1: unknown column 'temp'"),
        (0, "time,temperature_c,humidity_pct,radiation_w_m2", "f.csv:1: column 'wind_m_s' is missing"),
        (0, f"{HEAD},wind_m_s", "f.csv:1: column 'wind_m_s' is there twice"),
        (0, "", "f.csv:1: column 'time' is missing"),
    ],
)
def test_each_fault_is_named_with_its_line(line: int, text: str, said: str) -> None:
    lines = GOOD.copy()
    lines[line] = text
    with pytest.raises(WeatherFileError) as caught:
        parse_csv(lines, "f.csv")
    assert str(caught.value).startswith(said)
    # what a translator needs is there apart
    error = caught.value
    assert str(error) == f"{error.where}: {error.text.format(**error.fields)}"
    assert text == "" or not any(str(value) in error.text for value in error.fields.values() if len(str(value)) > 3)


def test_file_that_is_no_text_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\x00\xff\xfe\x80")
    with pytest.raises(WeatherFileError, match="UTF-8"):
        read_csv(tmp_path / "x.csv")


def test_moment_outside_the_file_says_what_it_covers() -> None:
    series = parse_csv(GOOD, "f.csv")
    with pytest.raises(LookupError, match="no weather for 2025-03-01 03:30: the file covers 2025-03-01 00:00"):
        series.at(series.first_hour + 3.5)
    with pytest.raises(LookupError):
        series.at(series.first_hour - 0.1)


@pytest.mark.parametrize("rows", [np.zeros((5, 3)), np.zeros((1, 8)), np.full((3, 8), np.nan)])
def test_rows_of_the_wrong_shape_or_with_gaps_are_refused(rows: weather.Array) -> None:
    with pytest.raises(ValueError, match="weather"):
        HourlyWeather(0, rows)


def test_wind_turns_the_short_way_and_rain_keeps_steady() -> None:
    rows = np.zeros((2, 8))
    rows[0, weather.WIND_FROM], rows[1, weather.WIND_FROM] = 350.0, 20.0
    rows[0, weather.RAIN] = 6.0
    middle = HourlyWeather(0, rows).at(0.5)
    assert middle[weather.WIND_FROM] == pytest.approx(5.0)
    assert middle[weather.RAIN] == 6.0


def test_generated_weather_is_the_same_in_any_order_and_keeps_little() -> None:
    forward, backward = GeneratedWeather(DA_LAT, 4), GeneratedWeather(DA_LAT, 4)
    moments = [h * 700.25 + 480_000 for h in range(6)]
    ahead = [forward.at(h) for h in moments]
    back = [backward.at(h) for h in reversed(moments)]
    np.testing.assert_array_equal(ahead, back[::-1])
    assert len(forward._chunks) <= GeneratedWeather.CHUNKS_KEPT
