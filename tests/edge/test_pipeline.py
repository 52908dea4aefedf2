# SPDX-License-Identifier: Apache-2.0
"""The pipeline flags what cannot be, within three periods, and never alters a value."""

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pipeline import Applied, NoCalibrations, Pipeline, SeriesPlan, still_s
from telemetry.quantities import quantity
from telemetry.records import UNUSABLE, Quality, Reading, Sample

PERIOD_MS = 10_000


def plan(name: str, unit: str = "") -> SeriesPlan:
    q = quantity(name)
    return SeriesPlan(f"pepper-1/{name}", "dev-1", q, unit or q.unit, PERIOD_MS / 1000.0, still_s(q))


def feed(pipeline: Pipeline, name: str, raws: list[float], start_ms: int = 0) -> list[Sample]:
    samples = []
    for i, raw in enumerate(raws):
        sample = pipeline.take(Reading(f"pepper-1/{name}", "dev-1", start_ms + i * PERIOD_MS, raw, "", 0))
        assert sample is not None
        samples.append(sample)
    return samples


def test_a_reading_becomes_its_canonical_unit_and_keeps_the_raw_signal() -> None:
    pipeline = Pipeline([plan("soil_ec", "µS/cm")], NoCalibrations())
    (sample,) = feed(pipeline, "soil_ec", [1413.0])
    assert sample.value == pytest.approx(1.413)
    assert sample.raw == 1413.0
    assert sample.quality == Quality.UNCALIBRATED


def test_the_active_calibration_gives_value_id_and_uncertainty() -> None:
    class Book:
        def apply(self, series: str, raw: float, mono_ms: int) -> Applied | None:
            return Applied(raw * 2 + 1, "cal-7", 0.4, int(Quality.OVERDUE))

    (sample,) = feed(Pipeline([plan("soil_moisture")], Book()), "soil_moisture", [20.0])
    assert (sample.value, sample.calibration, sample.uncertainty) == (41.0, "cal-7", 0.4)
    assert sample.quality == Quality.OVERDUE
    assert not sample.quality & UNUSABLE


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("air_temperature", 71.0),
        ("air_temperature", -273.0),
        ("soil_moisture", -0.1),
        ("soil_moisture", 0.0),
        ("co2", 65535.0),
    ],
)
def test_a_lying_value_is_flagged_at_once_and_not_clamped(name: str, raw: float) -> None:
    (sample,) = feed(Pipeline([plan(name)], NoCalibrations()), name, [raw])
    assert sample.quality & Quality.RANGE
    assert sample.value == raw


def test_a_single_spike_is_flagged_and_the_value_after_it_is_good() -> None:
    samples = feed(Pipeline([plan("air_temperature")], NoCalibrations()), "air_temperature", [25.0, 40.0, 25.1])
    assert [bool(s.quality & Quality.SPIKE) for s in samples] == [False, True, False]


def test_a_step_is_believed_when_the_third_reading_agrees() -> None:
    samples = feed(
        Pipeline([plan("air_temperature")], NoCalibrations()), "air_temperature", [25.0, 40.0, 40.1, 40.2, 40.1]
    )
    assert [bool(s.quality & Quality.SPIKE) for s in samples] == [False, True, True, False, False]


def test_readings_that_contradict_each_other_are_never_believed() -> None:
    raws = [25.0, *([40.0, 10.0, 55.0, 5.0] * 5)]
    samples = feed(Pipeline([plan("air_temperature")], NoCalibrations()), "air_temperature", raws)
    assert all(s.quality & Quality.SPIKE for s in samples[1:])


def test_a_long_gap_widens_the_believable_step() -> None:
    pipeline = Pipeline([plan("air_temperature")], NoCalibrations())
    feed(pipeline, "air_temperature", [20.0])
    (late,) = feed(pipeline, "air_temperature", [30.0], start_ms=120_000)
    assert not late.quality & Quality.SPIKE


def test_a_frozen_value_is_flagged_within_three_periods_of_when_it_must_have_moved() -> None:
    pipeline = Pipeline([plan("air_temperature")], NoCalibrations())
    limit = round(still_s(quantity("air_temperature")) * 1000 / PERIOD_MS)
    samples = feed(pipeline, "air_temperature", [24.3] * (limit + 3))
    first = next(i for i, s in enumerate(samples) if s.quality & Quality.STUCK)
    assert limit <= first <= limit + 3
    (moved,) = feed(pipeline, "air_temperature", [24.4], start_ms=(limit + 3) * PERIOD_MS)
    assert not moved.quality & Quality.STUCK


@pytest.mark.parametrize(
    ("name", "raw"), [("ppfd", 0.0), ("air_humidity", 100.0), ("wind_speed", 0.0), ("rainfall", 3.0)]
)
def test_what_may_rest_by_nature_is_not_called_stuck(name: str, raw: float) -> None:
    samples = feed(Pipeline([plan(name)], NoCalibrations()), name, [raw] * 400)
    assert not any(s.quality & Quality.STUCK for s in samples)


def test_a_vanished_instrument_is_flagged_once_right_after_three_periods() -> None:
    pipeline = Pipeline([plan("air_temperature")], NoCalibrations())
    feed(pipeline, "air_temperature", [25.0])
    assert pipeline.sweep(3 * PERIOD_MS) == []
    (silent,) = pipeline.sweep(3 * PERIOD_MS + 1)
    assert isnan(silent.value)
    assert silent.quality & Quality.STALE
    assert pipeline.sweep(9 * PERIOD_MS) == []
    (back,) = feed(pipeline, "air_temperature", [31.0], start_ms=10 * PERIOD_MS)
    assert not back.quality & UNUSABLE


def test_an_instrument_that_never_spoke_is_flagged_too() -> None:
    pipeline = Pipeline([plan("air_temperature")], NoCalibrations(), started_ms=5000)
    assert pipeline.sweep(5000 + 3 * PERIOD_MS) == []
    assert len(pipeline.sweep(5000 + 3 * PERIOD_MS + 1)) == 1


def test_failed_polls_do_not_hide_the_silence() -> None:
    pipeline = Pipeline([plan("air_temperature")], NoCalibrations())
    for i in range(4):
        sample = pipeline.take(Reading("pepper-1/air_temperature", "d", i * PERIOD_MS, nan, "", int(Quality.COMM)))
        assert sample is not None
        assert sample.quality & Quality.COMM
    assert len(pipeline.sweep(3 * PERIOD_MS + 1)) == 1


def test_a_locked_probe_carries_its_flag_and_starts_anew_afterwards() -> None:
    pipeline = Pipeline([plan("soil_moisture")], NoCalibrations())
    feed(pipeline, "soil_moisture", [30.0])
    pipeline.lock("pepper-1/soil_moisture", locked=True)
    (locked,) = feed(pipeline, "soil_moisture", [95.0], start_ms=PERIOD_MS)
    assert locked.quality & Quality.LOCKED
    pipeline.lock("pepper-1/soil_moisture", locked=False)
    (after,) = feed(pipeline, "soil_moisture", [31.0], start_ms=2 * PERIOD_MS)
    assert not after.quality & UNUSABLE


def test_an_unknown_series_is_no_sample() -> None:
    assert Pipeline([], NoCalibrations()).take(Reading("x/co2", "d", 0, 1.0, "ppm")) is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40))
def test_whatever_comes_a_usable_sample_is_finite_and_in_range(raws: list[float]) -> None:
    q = quantity("soil_moisture")
    for sample in feed(Pipeline([plan("soil_moisture")], NoCalibrations()), "soil_moisture", raws):
        if not sample.quality & UNUSABLE:
            assert q.low <= sample.value <= q.high
