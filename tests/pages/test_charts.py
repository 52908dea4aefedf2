# SPDX-License-Identifier: Apache-2.0
"""Charts draw what was measured: peaks stay, gaps stay gaps, nan is nothing, and a phone's day takes milliseconds."""

import math
import re
import time
import xml.etree.ElementTree as ET
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.charts import Band, Series, columns, day_chart, runs, sparkline, ticks

DAY = 86_400_000
MIDNIGHT = 1_795_280_400_000  # 2026-11-22 00:00 in Việt Nam
SVG = "{http://www.w3.org/2000/svg}"


def day_of(values: list[float], period_ms: int = 10_000) -> Series:
    return Series([MIDNIGHT + index * period_ms for index in range(len(values))], values, period_ms)


def path(svg: str) -> str:
    paths = ET.fromstring(svg).findall(f"{SVG}path")
    return "".join(one.get("d", "") for one in paths if one.get("class", "").startswith("line"))


@given(st.lists(st.floats(-1e6, 1e6) | st.just(nan), min_size=1, max_size=400), st.integers(1, 200))
def test_thinning_keeps_the_extremes_and_only_what_is_known(values: list[float], count: int) -> None:
    thinned = columns(day_of(values), MIDNIGHT, MIDNIGHT + DAY, count)
    known = [value for value in values if not math.isnan(value)]
    assert len(thinned) <= count
    if known:
        assert min(column.low for column in thinned) == min(known)
        assert max(column.high for column in thinned) == max(known)
    else:
        assert thinned == []


def test_one_second_of_frost_is_seen_in_a_day() -> None:
    values = [20.0] * 8640
    values[5000] = -1.0
    thinned = columns(day_of(values), MIDNIGHT, MIDNIGHT + DAY, 160)
    assert min(column.low for column in thinned) == -1.0


def test_half_an_hour_without_data_is_a_gap() -> None:
    whole = day_of([20.0 + math.sin(index / 300) for index in range(8640)])
    broken = Series(
        [at for at in whole.times_ms if not 3e6 < at - MIDNIGHT < 4.8e6],
        [v for at, v in zip(whole.times_ms, whole.values, strict=True) if not 3e6 < at - MIDNIGHT < 4.8e6],
        10_000,
    )
    lost = Series(
        whole.times_ms,
        [nan if 3e6 < at - MIDNIGHT < 4.8e6 else v for at, v in zip(whole.times_ms, whole.values, strict=True)],
        10_000,
    )
    drawn = [path(day_chart(series, MIDNIGHT, MIDNIGHT + DAY, "T")) for series in (whole, broken, lost)]
    assert [text.count("M") for text in drawn] == [1, 2, 2]


def test_noise_is_a_band_and_a_calm_line_is_a_line() -> None:
    calm = day_chart(day_of([20.0 + index / 4000 for index in range(8640)]), MIDNIGHT, MIDNIGHT + DAY, "T")
    noisy = day_chart(
        day_of([20.0 + (index * 7919 % 100) / 100 for index in range(8640)]), MIDNIGHT, MIDNIGHT + DAY, "T"
    )
    assert 'class="line"' in calm
    assert "Z" not in path(calm)
    assert 'class="line area"' in noisy
    assert path(noisy).endswith("Z")


def test_a_lone_point_is_drawn_as_a_dot() -> None:
    assert path(sparkline(day_of([1.0]), MIDNIGHT, MIDNIGHT + DAY)).endswith("h0")
    assert len(runs(columns(day_of([1.0]), MIDNIGHT, MIDNIGHT + DAY, 60), 30_000)) == 1


def test_a_chart_without_data_says_so() -> None:
    root = ET.fromstring(day_chart(Series((), (), 10_000), MIDNIGHT, MIDNIGHT + DAY, "CO₂ <&>", language="en"))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "CO₂ <&>"  # type: ignore[union-attr]
    assert root.find(f"{SVG}desc").text == "No data in this time."  # type: ignore[union-attr]
    assert not [one for one in root.findall(f"{SVG}path") if one.get("class", "").startswith("line")]


def test_the_description_names_the_extremes_in_the_readers_digits() -> None:
    values = [20.0 + index / 1000 for index in range(8640)]
    svg = day_chart(day_of(values), MIDNIGHT, MIDNIGHT + DAY, "T", unit="°C", language="vi")
    assert "20,0\u00a0°C" in svg
    assert "28,6\u00a0°C" in svg


@pytest.mark.parametrize("band", [Band(18.0, 27.0), Band(-inf, 27.0), Band(18.0, inf)])
def test_the_band_stays_inside_the_plot(band: Band) -> None:
    root = ET.fromstring(day_chart(day_of([20.0] * 100), MIDNIGHT, MIDNIGHT + DAY, "T", band=band, height=112))
    rect = root.find(f'{SVG}rect[@class="band"]')
    assert rect is not None
    assert float(rect.get("y", "")) >= 6
    assert float(rect.get("y", "")) + float(rect.get("height", "")) <= 112 - 15.9


def test_open_valves_are_marked_at_the_foot_and_never_too_thin() -> None:
    strips = [(MIDNIGHT - 5000, MIDNIGHT + 5000), (MIDNIGHT + DAY // 2, MIDNIGHT + DAY // 2 + 1000), (0, 5)]
    root = ET.fromstring(day_chart(day_of([1.0]), MIDNIGHT, MIDNIGHT + DAY, "T", strips=strips))
    found = root.findall(f'{SVG}rect[@class="strip"]')
    assert [rect.get("width") for rect in found] == ["1.5", "1.5"]


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5))
def test_ticks_are_round_few_and_inside(low: float, span: float) -> None:
    marks = ticks(low, low + span)
    assert len(marks) <= 4
    assert all(low - span * 1e-6 <= mark <= low + span * 1.000001 for mark in marks)


@given(st.lists(st.floats(-1e12, 1e12) | st.sampled_from([nan, inf, -inf]), max_size=50), st.integers(0, 4))
def test_any_values_give_well_formed_svg_with_finite_coordinates(values: list[float], decimals: int) -> None:
    for svg in (
        day_chart(day_of(values, 600_000), MIDNIGHT, MIDNIGHT + DAY, "T", decimals=decimals),
        sparkline(day_of(values, 600_000), MIDNIGHT, MIDNIGHT + DAY, decimals=decimals),
    ):
        ET.fromstring(svg)
        assert not re.search(r"nan|inf", svg.partition("</desc>")[2])


def test_six_series_of_a_day_take_milliseconds_and_few_bytes() -> None:
    series = [day_of([20 + 5 * math.sin(index / 1000 + phase) for index in range(8640)]) for phase in range(6)]
    began = time.perf_counter()
    drawn = [day_chart(one, MIDNIGHT, MIDNIGHT + DAY, "T") for one in series]
    spent = time.perf_counter() - began
    assert spent < 0.25, f"{spent * 1000:.0f} ms"  # about 15 ms alone; the machine is shared
    assert max(len(svg) for svg in drawn) < 6000
