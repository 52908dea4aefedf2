# SPDX-License-Identifier: Apache-2.0
"""Sessions as a technician walks them: every method to its record, every wrong answer refused, two hands on a probe."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import exp, nan
from pathlib import Path

import msgspec
import pytest

from drivers.calibration.artifact import Calibration, beside, decode, encode
from drivers.calibration.curves import apply_one
from drivers.calibration.fit import FitRefused
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import METHODS, methods_for
from drivers.calibration.result import finish, preview
from drivers.calibration.session import Session, advance, feed, render
from drivers.calibration.sessions import ProbeTaken, Sessions
from drivers.calibration.stability import Criterion, TracePoint, judge
from tests.drivers.calibration.cases import CASES, CORE, NAMED, Case
from tests.drivers.calibration.walk import BUFFER, START, Bench, record, session_for

KEYSTROKES_MAX = 12
PERSON_S_MAX = 120.0
KEY_S = 1.5  # to read a line and press Enter
RINSE_S = 12.0  # to rinse a probe and put it into the next buffer


def electrode(session: Session, truth: float) -> float:
    """What a tired but sound pH probe shows: 96 % slope and 0.05 pH off."""
    del session
    return 7.0 + 0.96 * (truth - 7.0) + 0.05


def test_three_buffers_cost_at_most_twelve_keys_and_two_minutes_of_a_person() -> None:
    """Read every second; the maker gives 95 % in 1 s for a new electrode, this one takes 6 s."""
    in_buffer_since: dict[int, float] = {}

    def shows(session: Session, seconds: float) -> float:
        since = in_buffer_since.setdefault(session.point, seconds)
        target, before = electrode(session, session.truth or 0.0), 7.0
        return round(target + (before - target) * exp(-(seconds - since) / 2.0), 3)

    bench = Bench(session_for("tank/water_ph", "ph-3", "pH"), shows).walk()
    keys = len(bench.typed) + 1  # and the choice at the end
    waited_s = bench.seconds
    person_s = waited_s + keys * KEY_S + 3 * RINSE_S
    made = finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")
    assert set(bench.typed) == {""}, "every answer was already proposed"
    assert keys <= KEYSTROKES_MAX
    assert person_s <= PERSON_S_MAX
    assert made.health["slope_acid_pct"] == pytest.approx(96.0, abs=0.3)
    assert [point.truth for point in made.points] == [7.0, 4.01, 10.01]


def perform(case: Case) -> tuple[Bench, Calibration]:
    bench = Bench(
        session_for(case.series, case.method, case.unit, beside=case.beside), case.shows, case.answers,
        case.temperature_c, case.pressure_hpa, case.permittivity,
    ).walk()  # fmt: skip
    return bench, finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.method)
def test_every_method_ends_with_a_record_that_can_be_read_again(case: Case) -> None:
    _, made = perform(case)
    assert decode(encode(made)) == made
    signal, truth = case.prove
    assert apply_one(made.curve, signal, beside(made.points[-1])) == pytest.approx(truth, rel=2e-3)
    assert made.domain_low <= signal <= made.domain_high
    assert made.person
    assert made.due_at > made.performed_at
    assert made.expanded_uncertainty > 0.0
    assert made.references[0].name


def test_no_method_is_left_untested() -> None:
    in_the_instrument = {name for name, method in METHODS.items() if method.chip}
    assert {case.method for case in CASES} | {"ph-3"} | in_the_instrument == set(METHODS)
    told = {"ezo-ph-3", "forced-co2", "background-co2"}  # tests/system/test_calibration_on_chip.py
    told |= {"ezo-ec-1", "ezo-ec-2", "ezo-do-1", "ezo-do-2", "ezo-rtd-1"}  # tests/system/test_calibration_on_ezo.py
    assert in_the_instrument == told


def test_a_gain_from_a_ph_slope_is_compensated_at_the_samples_temperature() -> None:
    _, made = perform(CASES[0])
    assert made.points[0].temperature_c == 25.0
    assert made.health["zero_mv"] == pytest.approx(6.0)


def test_a_totals_new_gain_makes_no_jump() -> None:
    """19.6 mm were counted for 20 mm of water: from now on each counts 2 % more, and the total goes on from 812.4."""
    _, made = perform(next(case for case in CASES if case.method == "bucket"))
    assert apply_one(made.curve, 812.4) == pytest.approx(812.4)
    assert apply_one(made.curve, 842.0) == pytest.approx(812.4 + 29.6 * 20.0 / 19.6)


def test_pore_water_needs_wet_soil() -> None:
    dry = next(case for case in CASES if case.method == "pore-water")
    with pytest.raises(FitRefused, match="too dry"):
        perform(replace(dry, permittivity=7.0))


@pytest.mark.parametrize(
    ("quantity", "unit", "model", "first", "never"),
    [
        ("water_ph", "pH", "", "ph-3", "soil-topp"),
        ("soil_moisture", "%", "sn-3002-thc-s", "gravimetric-3", "soil-teros-mineral"),
        ("soil_moisture", "%", "meter-teros-12", "gravimetric-3", "soil-topp"),
        ("soil_moisture", "count", "meter-teros-12", "soil-teros-mineral", "one-point"),
        ("co2", "ppm", "", "fresh-air", "ph-2"),
        ("rainfall", "mm", "", "bucket", "two-point"),
        ("water_pressure", "bar", "", "pressure", "ph-2"),
    ],
)
def test_only_what_fits_the_instrument_is_offered(quantity: str, unit: str, model: str, first: str, never: str) -> None:
    offered = [method.name for method in methods_for(quantity, unit, model)]
    assert offered[0] == first
    assert never not in offered


def at_truth(method: str = "ph-3", series: str = "tank/water_ph", unit: str = "pH") -> Session:
    return advance(session_for(series, method, unit), "next", NAMED, START)


REFERENCE_REFUSED = {
    "no name": ({"name": " ", "uncertainty": "0.02"}, "Name the reference"),
    "expired": (NAMED | {"expires": "2025-01-01"}, "expired"),
    "no date": (NAMED | {"expires": "next year"}, "no date"),
    "no uncertainty": ({"name": "x", "uncertainty": ""}, "no number"),
    "negative": ({"name": "x", "uncertainty": "-1"}, "negative"),
    "nan": ({"name": "x", "uncertainty": "nan"}, "no number"),
}


@pytest.mark.parametrize("name", REFERENCE_REFUSED)
def test_a_reference_that_proves_nothing_is_refused(name: str) -> None:
    answers, why = REFERENCE_REFUSED[name]
    session = session_for("tank/water_ph", "ph-3", "pH")
    with pytest.raises(AnswerRefused, match=why):
        advance(session, "next", answers, START)


@pytest.mark.parametrize(
    ("session", "answers", "why"),
    [
        (at_truth(), {"truth": "701"}, "check the unit"),
        (at_truth(), {"truth": "seven"}, "no number"),
        (at_truth(), {"truth": "inf"}, "no number"),
        (at_truth("two-point", "zone/soil_moisture", "%"), {"truth": "0.35e3"}, "check the unit"),
        (at_truth("ec-raw-1", "tank/water_ec", "mS/cm"), {"truth": "1413"}, "check the unit"),
        (at_truth("ec-raw-1", "tank/water_ec", "mS/cm"), {"truth": "1.413", "temperature_c": "90"}, "check the unit"),
        (at_truth("catch-can", "line/water_flow", "L/min"), {"litres": "5", "seconds": "0"}, "above 0"),
    ],
)
def test_a_truth_that_cannot_be_is_refused_and_nothing_moves(
    session: Session, answers: Mapping[str, str], why: str
) -> None:
    with pytest.raises(AnswerRefused, match=why):
        advance(session, "next", answers, START)


OVEN_REFUSED = [
    ({"tin_g": "20", "wet_g": "140", "dry_g": "150", "volume_cm3": "100"}, "lighter than dry"),
    ({"tin_g": "160", "wet_g": "175", "dry_g": "150", "volume_cm3": "100"}, "weighs nothing"),
    ({"tin_g": "20", "wet_g": "175", "dry_g": "150", "volume_cm3": "10"}, "not believable"),
    ({"tin_g": "20", "wet_g": "150", "dry_g": "150", "volume_cm3": "100"}, "check the unit"),
]


@pytest.mark.parametrize(("sheet", "why"), OVEN_REFUSED)
def test_an_oven_sheet_that_contradicts_itself_is_refused(sheet: Mapping[str, str], why: str) -> None:
    bench = Bench(session_for("zone/soil_moisture", "gravimetric-1", "%"), lambda _s, _t: 22.0)
    while bench.session.stage != "truth":
        bench.step()
    with pytest.raises(AnswerRefused, match=why):
        advance(bench.session, "next", sheet, bench.now)


def test_the_oven_takes_a_day_and_the_session_waits(tmp_path: Path) -> None:
    bench = Bench(
        session_for("zone/soil_moisture", "gravimetric-3", "%"),
        lambda s, _t: 12.0 + 10.0 * s.point,
        CORE | {"wet_g": ["165", "175", "185"]},
    )
    while bench.session.stage != "truth":
        bench.step()
    sessions = Sessions(tmp_path)
    sessions.begin(bench.session, bench.now)
    bench.seconds += 30 * 3600
    kept = sessions.open("zone/soil_moisture", bench.now)
    assert kept is not None
    bench.session = kept
    bench.walk()
    made = finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")
    assert made.points[0].sheet == {"tin_g": 20.0, "wet_g": 165.0, "dry_g": 150.0, "volume_cm3": 100.0}
    assert [round(point.truth, 2) for point in made.points] == [15.03, 25.05, 35.07]


def test_an_unstable_point_is_not_taken() -> None:
    session = advance(at_truth(), "next", {"truth": "7"}, START)
    for second in range(30):
        session = feed(session, 6.0 + 0.02 * second, 25.0, START + timedelta(seconds=second))
    now = START + timedelta(seconds=29)
    screen = render(session, now)
    assert not screen.stable
    assert "take" not in screen.actions
    assert "moving" in screen.status
    with pytest.raises(AnswerRefused, match="not still"):
        advance(session, "take", {}, now)


STILL = Criterion(10.0, 5, 0.02, 0.02)


@pytest.mark.parametrize(
    ("name", "signals", "why"),
    [
        ("nothing", [], "No reading"),
        ("few", [7.0, 7.0], "Collecting"),
        ("drift", [7.0 + 0.01 * i for i in range(10)], "moving"),
        ("noise", [7.0, 7.2, 6.8, 7.1, 6.9, 6.9, 7.1, 6.8, 7.2, 7.0], "noisy"),
        ("only nan", [nan] * 10, "No reading"),
        ("still", [7.0, 7.001, 7.0, 6.999, 7.0, 7.0, 7.001, 7.0, 7.0, 7.0], ""),
    ],
)
def test_stillness_is_judged_in_numbers(name: str, signals: list[float], why: str) -> None:
    del name
    seen = judge([TracePoint(float(i), signal) for i, signal in enumerate(signals)], STILL, float(len(signals) - 1))
    assert seen.stable is (why == "")
    assert why in seen.why


def test_a_probe_that_goes_silent_is_not_still() -> None:
    trace = [TracePoint(float(i), 7.0) for i in range(10)]
    assert judge(trace, STILL, 9.0).stable
    assert not judge(trace, STILL, 30.0).stable


def swapped() -> Bench:
    """Buffers 4 and 10 were swapped: the probe sits in the other one."""
    truths = {7.0: 7.0, 4.01: 10.01, 10.01: 4.01}
    return Bench(session_for("tank/water_ph", "ph-3", "pH"), lambda s, _t: truths[s.truth or 0.0]).walk()


def test_swapped_buffers_are_refused_and_the_points_can_be_taken_again() -> None:
    bench = swapped()
    with pytest.raises(FitRefused, match="swapped"):
        finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")
    again = advance(bench.session, "again", {}, bench.now)
    assert (again.stage, again.taken, again.point) == ("truth", (), 0)


def test_one_buffer_for_two_points_is_refused() -> None:
    bench = Bench(session_for("tank/water_ph", "ph-2", "pH"), lambda _s, _t: 7.0).walk()
    with pytest.raises(FitRefused, match="Equal points"):
        preview(bench.session, None)
    session = advance(at_truth("two-point", "zone/soil_moisture", "%"), "next", {"truth": "30"}, START)
    bench = Bench(session, lambda _s, _t: 30.0)
    bench.step()
    with pytest.raises(AnswerRefused, match="Too near"):
        advance(bench.session, "next", {"truth": "30.5"}, bench.now)


def test_a_jump_over_fifteen_percent_needs_a_second_look() -> None:
    before = record()
    bench = Bench(session_for("tank/water_ph", "ph-2", "pH"), lambda s, _t: (s.truth or 0.0) + 0.9).walk()
    with pytest.raises(FitRefused, match="jump by 2"):
        finish(bench.session, bench.now, adjusted=True, before=before, identity="c-2")
    only_recorded = finish(bench.session, bench.now, adjusted=False, before=before, identity="c-2")
    assert not only_recorded.adjusted
    assert only_recorded.as_left_error == only_recorded.as_found_error > 0.5
    assert not only_recorded.passed
    confirmed = finish(bench.session, bench.now, adjusted=True, before=before, identity="c-2", jump_confirmed=True)
    assert confirmed.passed
    assert confirmed.previous_hash == before.content_hash


def test_a_probe_in_the_wrong_unit_is_refused() -> None:
    """What the limits do not catch, the gain does: a factor of ten."""
    bench = Bench(
        session_for("tank/water_level", "two-point", "m"),
        lambda s, _t: (s.truth or 0.0) / 10.0,
        NAMED | {"truth": ["5", "20"]},
    ).walk()
    with pytest.raises(FitRefused, match="gain is 10"):
        preview(bench.session, None)


def test_what_was_found_is_judged_on_the_scale_that_was_in_force() -> None:
    """A level in cm against a reference in m: 1.50 m shown for 1.55 m is 0.05 m, not 148.45."""
    _, made = perform(next(case for case in CASES if case.method == "one-point"))
    assert made.as_found_error == pytest.approx(0.05)


def test_the_instruments_step_is_in_the_budget_where_it_is_known() -> None:
    """0.1 m³/h of a flow meter are 1.667 L/min: a/√12 of it (GUM F.2.2.1)."""
    case = next(case for case in CASES if case.method == "catch-can")
    session = msgspec.structs.replace(session_for(case.series, case.method, "m³/h"), step=0.1)
    bench = Bench(session, lambda _s, _t: 0.6, NAMED | {"litres": "5", "seconds": "30"}).walk()
    made = finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1")
    budget = {line.name: line.standard for line in made.budget}
    assert budget["resolution"] == pytest.approx(0.1 * 10.0 / 0.6 / 12**0.5)
    assert made.expanded_uncertainty > 2.0 * budget["resolution"]
    unknown = perform(case)[1]
    assert "resolution" not in {line.name for line in unknown.budget}


def test_two_hands_on_one_probe(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    mine = sessions.begin(session_for("tank/water_ph", "ph-3", "pH"), START)
    other = msgspec.structs.replace(mine, id="c-other", person="Lan", saved=0)
    with pytest.raises(ProbeTaken, match="Trần Văn Bình"):
        sessions.begin(other, START + timedelta(minutes=5))
    twin = sessions.open("tank/water_ph", START)
    assert twin == mine
    mine = sessions.save(advance(mine, "next", NAMED, START))
    with pytest.raises(ProbeTaken):
        sessions.save(advance(twin, "next", NAMED, START))
    sessions.end("tank/water_ph")
    with pytest.raises(ProbeTaken):
        sessions.save(mine)
    assert sessions.begin(other, START).person == "Lan"


def test_an_abandoned_session_gives_way_after_half_a_day(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.begin(session_for("tank/water_ph", "ph-3", "pH"), START)
    later = START + timedelta(hours=13)
    assert sessions.open("tank/water_ph", later) is None
    other = msgspec.structs.replace(
        session_for("tank/water_ph", "ph-3", "pH"), id="c-2", person="Lan", started_at=later
    )
    assert sessions.begin(other, later).person == "Lan"


def test_a_session_in_the_middle_of_a_point_survives_a_break(tmp_path: Path) -> None:
    """A trace without a temperature beside it must not make the file unreadable."""
    sessions = Sessions(tmp_path)
    session = sessions.begin(at_truth(), START)
    session = feed(advance(session, "next", {"truth": "7"}, START), 7.02, nan, START)
    sessions.save(session)
    kept = sessions.open("tank/water_ph", START)
    assert kept is not None
    assert (kept.stage, kept.truth, kept.trace) == ("settle", 7.0, ())


@pytest.mark.parametrize("torn", [b"", b"{", b"\0" * 100, b"\xff\xfe", b"[]"])
def test_a_torn_session_is_set_aside(tmp_path: Path, torn: bytes) -> None:
    sessions = Sessions(tmp_path)
    session = sessions.begin(session_for("tank/water_ph", "ph-3", "pH"), START)
    path = tmp_path / "tank__water_ph.json"
    path.write_bytes(torn)
    assert sessions.open("tank/water_ph", START) is None
    assert path.with_suffix(".torn").read_bytes() == torn
    assert sessions.begin(msgspec.structs.replace(session, saved=0), START).saved == 1


def test_the_reference_of_last_time_is_proposed_while_it_is_valid() -> None:
    session = msgspec.structs.replace(session_for("tank/water_ph", "ph-3", "pH"), proposed=BUFFER)
    fields = {field.name: field.value for field in render(session, START).ask}
    assert fields == {"name": "pH buffers", "lot": "L-77", "expires": "2027-02-20", "uncertainty": "0.02"}
    late = {field.name: field.value for field in render(session, START + timedelta(days=100)).ask}
    assert (late["lot"], late["expires"]) == ("", "")


@pytest.mark.parametrize("action", ["take", "adjust", "", "__class__"])
def test_an_action_out_of_turn_is_refused(action: str) -> None:
    with pytest.raises(AnswerRefused, match="not possible at this step"):
        advance(session_for("tank/water_ph", "ph-3", "pH"), action, {}, START)
