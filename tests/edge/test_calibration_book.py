# SPDX-License-Identifier: Apache-2.0
"""The calibrations in force: what is beside a probe, what is overdue, what is outside; reminders."""

import math
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from drivers.calibration.artifact import Calibration, content_hash
from drivers.calibration.probes import nernst_mv
from drivers.calibration.result import finish
from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from edge.alarms import AlarmBoard
from edge.beside import neighbours
from edge.calibration_book import ShelfBook
from edge.config import Calibration as CalibrationSettings
from edge.config import parse
from edge.console.reason_words import reason_words
from edge.console.sentences import say
from edge.control_loop import Senses, Trust
from edge.pipeline import Pipeline, SeriesPlan
from edge.reminders import Reminders
from edge.wiring import known_devices, series_plans
from pages.words import words
from telemetry.quantities import quantity
from telemetry.records import UNUSABLE, AnyRecord, Event, Quality, Reading, Sample
from tests.drivers.calibration.walk import START, Bench, session_for

SERIES, WARM = "tank/water_ph", "tank/water_temperature"
NOW_MS = round(START.timestamp() * 1000)
DAY_MS = 86_400_000


def electrode() -> Calibration:
    """A pH record of an electrode in mV, made at 25 °C, due after 30 days."""
    bench = Bench(
        session_for(SERIES, "ph-2", "mV", beside=("temperature",)), lambda s, _: 57.0 * (7.0 - (s.truth or 0))
    )
    bench.walk()
    return finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")


def book(folder: Path, wall_ms: list[int], units: dict[str, str], *, clock_ok: bool = True) -> ShelfBook:
    shelf = Shelf(folder)
    if not shelf.series():
        shelf.add(electrode())
        shelf.activate(SERIES, "c-1", "lan", START)
    return ShelfBook(shelf, lambda: (wall_ms[0], clock_ok), units)


def test_an_electrode_is_compensated_by_the_thermometer_beside_it(tmp_path: Path) -> None:
    one = book(tmp_path, [NOW_MS], {SERIES: "mV", WARM: "°C"})
    slope = electrode().health["slope_acid_pct"] / 100.0
    one.apply(WARM, 10.0, 1000)
    applied = one.apply(SERIES, slope * float(nernst_mv(10.0)) * 2.0, 2000)
    assert applied is not None
    assert applied.value == pytest.approx(5.0)
    assert not applied.flags


def test_a_thermometer_that_fell_silent_takes_the_trust_away(tmp_path: Path) -> None:
    one = book(tmp_path, [NOW_MS], {SERIES: "mV", WARM: "°C"})
    one.apply(WARM, 10.0, 1000)
    late = one.apply(SERIES, 57.0, 1000 + 700_000)
    assert late is not None
    assert late.flags == Quality.STALE


def test_a_farm_without_a_thermometer_uses_the_temperature_of_the_points(tmp_path: Path) -> None:
    applied = book(tmp_path, [NOW_MS], {SERIES: "mV"}).apply(SERIES, 57.0, 1000)
    assert applied is not None
    assert applied.value == pytest.approx(6.0, abs=1e-6)
    assert not applied.flags


def test_outside_the_domain_it_says_so_and_clamps_nothing(tmp_path: Path) -> None:
    applied = book(tmp_path, [NOW_MS], {SERIES: "mV"}).apply(SERIES, 450.0, 1000)
    assert applied is not None
    assert applied.value is not None
    assert applied.value < 0.0
    assert applied.flags & Quality.EXTRAPOLATED


@pytest.mark.parametrize(("days", "clock_ok", "flags"), [(29, True, 0), (31, True, Quality.OVERDUE), (31, False, 0)])
def test_overdue_is_said_once_the_clock_is_known(tmp_path: Path, days: int, clock_ok: bool, flags: int) -> None:
    one = book(tmp_path, [NOW_MS + days * DAY_MS], {SERIES: "mV"}, clock_ok=clock_ok)
    applied = one.apply(SERIES, 57.0, 1000)
    assert applied is not None
    assert applied.flags == flags


@pytest.mark.parametrize(
    ("table", "quality", "seen"),
    [
        ({}, Quality.EXTRAPOLATED, Quality.EXTRAPOLATED),
        ({"accept_extrapolated": True}, Quality.EXTRAPOLATED, 0),
        ({"accept_extrapolated": True}, Quality.EXTRAPOLATED | Quality.STALE, Quality.STALE),
        ({}, Quality.OVERDUE, Quality.OVERDUE),
        ({"refuse_overdue": True}, Quality.OVERDUE, Quality.OVERDUE | Quality.EXTRAPOLATED),
        (
            {"refuse_overdue": True, "accept_extrapolated": True},
            Quality.OVERDUE | Quality.EXTRAPOLATED,
            Quality.OVERDUE | Quality.EXTRAPOLATED,
        ),
    ],
)
def test_the_farm_says_which_doubts_control_acts_on(table: dict[str, bool], quality: int, seen: int) -> None:
    senses = Senses([SERIES], [], {}, Trust.of(CalibrationSettings(**table)))
    senses.take(Sample(SERIES, 1000, 6.9, 6.9, int(quality)))
    told = int(senses.at(1000).quality[0])
    assert told == seen
    assert bool(told & UNUSABLE) is bool(seen & UNUSABLE)


def test_bare_millivolts_have_no_value_until_a_calibration_gives_them_one(tmp_path: Path) -> None:
    plan = SeriesPlan(SERIES, "ph-1", quantity("water_ph"), "mV", 10.0)
    bare = Pipeline([plan], ShelfBook(Shelf(tmp_path / "empty"), lambda: (NOW_MS, True))).take(reading(57.0))
    assert bare is not None
    assert (math.isnan(bare.value), bare.raw, bare.quality) == (True, 57.0, Quality.UNCALIBRATED)
    made = Pipeline([plan], book(tmp_path, [NOW_MS], {SERIES: "mV"})).take(reading(57.0))
    assert made is not None
    assert made.value == pytest.approx(6.0, abs=1e-6)
    assert made.raw == 57.0
    assert (made.quality, made.calibration) == (0, "c-1")


def reading(raw: float) -> Reading:
    return Reading(SERIES, "ph-1", 1000, raw, "mV", 0)


def test_a_bare_signal_is_of_what_the_farm_says_that_it_measures() -> None:
    """An mV input, of whatever maker, on which a pH electrode hangs."""
    text = EXAMPLE.read_text(encoding="utf-8") + MILLIVOLTS
    config = parse(text)
    plans = {plan.series: plan for plan in series_plans(config, known_devices(config, Catalogue()))}
    plan = plans["pepper-1-water/water_ph"]
    assert (plan.quantity.name, plan.unit, plan.device) == ("water_ph", "mV", "mv-input")
    assert plans["pepper-1/air_temperature"].step == 0.1


EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
MILLIVOLTS = """
[[device]]
name = "mv-input"
bus = "pepper-1-bus"
type = "apogee-sq-522"
address = 77
place = "pepper-1-water"
series = { raw_signal = "pepper-1-water/water_ph", ppfd = "" }
"""


def test_the_makers_scale_is_a_step_back_and_change_is_told(tmp_path: Path) -> None:
    one = book(tmp_path, [NOW_MS], {SERIES: "mV"})
    told: list[int] = []
    one.on_change = lambda: told.append(1)
    assert one.activate(SERIES, "", "lan") is None
    assert one.apply(SERIES, 57.0, 1000) is None
    assert one.activate(SERIES, "c-1", "lan") is not None
    assert told == [1, 1]


def test_a_record_that_only_compared_changes_no_reading(tmp_path: Path) -> None:
    compared = msgspec.structs.replace(electrode(), adjusted=False)
    shelf = Shelf(tmp_path)
    shelf.add(msgspec.structs.replace(compared, content_hash=content_hash(compared)))
    shelf.activate(SERIES, "c-1", "lan", START)
    applied = book(tmp_path, [NOW_MS], {SERIES: "mV"}).apply(SERIES, 999.0, 1000)
    assert applied is not None
    assert applied.value is None
    assert applied.flags == 0
    assert math.isfinite(applied.uncertainty)


def test_neighbours_are_those_of_the_same_place_and_the_air_of_the_farm() -> None:
    known = [
        "a/water_temperature",
        "a/air_temperature",
        "b/soil_temperature",
        "roof/air_pressure",
        "b/soil_permittivity",
    ]
    assert neighbours("a/water_ph", known) == {"temperature": "a/water_temperature", "pressure": "roof/air_pressure"}
    assert neighbours("b/pore_ec", known)["permittivity"] == "b/soil_permittivity"
    assert neighbours("c/co2", []) == {}


def test_a_reminder_comes_two_weeks_before_and_when_it_is_due_each_once_a_day(tmp_path: Path) -> None:
    wall_ms = [NOW_MS]
    told: list[Event] = []
    told_alarms: list[AnyRecord] = []
    one = book(tmp_path, wall_ms, {SERIES: "mV"})
    alarms = AlarmBoard(told_alarms.extend)
    reminders = Reminders(one, told.extend, alarms)
    stood = []
    for day in (0, 15, 17, 17, 18, 31, 32):
        wall_ms[0] = NOW_MS + day * DAY_MS
        reminders.look(day * DAY_MS, wall_ms[0])
        stood.append(alarms.stands("sensor.calibration_due", SERIES))
    kinds = [(event.kind, event.subject, event.severity) for event in told]
    soon, over = ("calibration.due_soon", SERIES, "info"), ("calibration.overdue", SERIES, "warning")
    assert kinds == [soon, soon, over, over]
    assert told[0].fields["days"] == pytest.approx(13.0, abs=0.1)
    assert stood == [False, False, True, True, True, False, False], "overdue it stands by its samples"
    wall_ms[0] = NOW_MS + 20 * DAY_MS
    reminders.look(20 * DAY_MS, wall_ms[0])
    one.activate(SERIES, "", "lan")
    reminders.look(20 * DAY_MS + 1, wall_ms[0])
    assert not alarms.stands("sensor.calibration_due", SERIES), "a new calibration ends it"
    raised = [event for event in told_alarms if isinstance(event, Event) and event.kind == "alarm.raised"]
    said = say("sensor.calibration_due", raised[0].fields, reason_words(), words("vi"))
    assert said.text == "Sắp đến hạn hiệu chuẩn: 22/12/2026."
    assert START + timedelta(days=30) > START
