# SPDX-License-Identifier: Apache-2.0
"""The six indicators on days whose answers are known by hand, and the report as JSON, CSV and a page."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pypdf
import pytest

from cooperative.indicators.evidence import Sources, Span, Track
from cooperative.indicators.water import metered
from cooperative.report.build import NothingToReport, Report, build_report
from cooperative.report.paper import pdf_bytes
from cooperative.report.period import PeriodError, parse_period
from cooperative.report.sheets import csv_bytes, json_bytes, safe_cell
from pages.words import words
from telemetry.records import CalibrationSummary, FarmProfile, Instrument, Plot, Quality

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAY = datetime(2026, 11, 20, tzinfo=ZONE)
DAY_MS = int(DAY.timestamp() * 1000)
HOUR_MS = 3_600_000
PERIOD = parse_period("2026-11-20", "Asia/Ho_Chi_Minh", DAY + timedelta(days=2))
BAND = (21.0, 27.0, 0.4, 1.2)


class Shelf:
    """Evidence held in memory."""

    def __init__(self, farm: FarmProfile, tracks: dict[str, Track]) -> None:
        self.farm = farm
        self.tracks = tracks

    def farms(self) -> Sequence[FarmProfile]:
        return [self.farm]

    def track(self, edge: str, series: str, from_ms: int, to_ms: int) -> Track:
        assert edge == self.farm.edge
        track = self.tracks.get(series, track_of([], []))
        inside = (track.wall_ms >= from_ms) & (track.wall_ms < to_ms)
        return Track(track.wall_ms[inside], track.value[inside], track.quality[inside])


def track_of(times: Sequence[int], values: Sequence[float], quality: int = 0) -> Track:
    return Track(
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.full(len(times), quality, dtype=np.int64),
    )


def every_minute(values: Sequence[float]) -> Track:
    return track_of([DAY_MS + 60_000 * minute for minute in range(len(values))], values)


def farm(**changes: object) -> FarmProfile:
    plain = FarmProfile(
        edge="edge-1",
        title="Nhà Lan",
        member="HTX Tân Tiến",
        timezone="Asia/Ho_Chi_Minh",
        plots=(
            Plot("bed-1", "Luống 1", 1000.0, "pepper", "drip", "pepper", BAND, BAND, "bed-1/water_volume"),
            Plot("bed-2", "Luống 2", 3000.0, "pepper", "surface", "pepper", BAND, BAND),
        ),
        instruments=(
            Instrument(
                "air", "XY-MD02", ("pepper/air_temperature", "pepper/air_humidity"), 60.0, "2027-01-01T00:00:00+07:00"
            ),
            Instrument("meter", "TUF-2000", ("bed-1/water_volume",), 60.0, "2026-11-19T00:00:00+07:00"),
        ),
    )
    return msgspec.structs.replace(plain, **changes)


def day_of_telemetry() -> dict[str, Track]:
    """A day: 25 °C all day; 75 % RH (VPD 0.79 kPa, inside) until 18:00, then 99 % (0.03 kPa, outside); 2,400 L."""
    minutes = 1440
    return {
        "pepper/air_temperature": every_minute([25.0] * minutes),
        "pepper/air_humidity": every_minute([75.0 if m < 1080 else 99.0 for m in range(minutes)]),
        "bed-1/water_volume": every_minute([10_000.0 + 2400.0 * m / (minutes - 1) for m in range(minutes)]),
    }


def report(tracks: dict[str, Track], profile: FarmProfile | None = None) -> Report:
    return build_report(Shelf(profile or farm(), tracks), "", PERIOD, DAY + timedelta(days=2))


def test_a_whole_day_gives_the_figures_computed_by_hand() -> None:
    made = {item.id: item for item in report(day_of_telemetry()).indicators}
    assert made["I02"].value == pytest.approx(0.1)  # 1,000 m² proved of 4,000 m²
    assert made["I02"].denominator == pytest.approx(0.4)
    assert made["I04"].value == pytest.approx(2.4)
    assert made["I12"].value == pytest.approx(75.0)  # 18 of 24 hours
    assert made["I15"].value == pytest.approx(100.0)
    assert made["I16"].value == pytest.approx(100.0)
    assert made["I17"].value == pytest.approx(
        50.0
    )  # the meter serves two figures (I02, I04), the air probe one band twice


def test_grades_follow_the_calibration_date() -> None:
    made = {item.id: item for item in report(day_of_telemetry()).indicators}
    assert made["I12"].grade == "A"  # its instrument is in date
    assert made["I04"].grade == "B"  # the meter's calibration ended the day before


def told(series: str, due_at: str, *, passed: bool = True) -> CalibrationSummary:
    return CalibrationSummary(
        "c-1", series, "air", "air_humidity", "beside", "2026-11-01T08:00:00+07:00", due_at, "Lan", passed, 1.0, 0.4,
        0.1, "0" * 64,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due_at", "passed", "grade", "share_pct"),
    [
        ("2027-01-01T00:00:00+07:00", True, "A", 50.0),
        ("2026-11-20T12:00:00+07:00", True, "B", 25.0),
        ("2027-01-01T00:00:00+07:00", False, "B", 25.0),
    ],
)
def test_each_value_of_an_instrument_is_in_date_by_its_own_record(
    due_at: str, passed: bool, grade: str, share_pct: float
) -> None:
    """The thermometer stands in its date; the humidity of the same instrument, and the meter (weight 2), must not."""
    records = (
        told("pepper/air_temperature", "2027-01-01T00:00:00+07:00"),
        told("pepper/air_humidity", due_at, passed=passed),
    )
    made = report(day_of_telemetry(), farm(calibrations=records))
    by_id = {one.id: one for one in made.indicators}
    assert by_id["I17"].value == share_pct
    assert by_id["I12"].grade == grade
    assert [line.in_date for line in made.instruments] == [grade == "A", False]


def test_below_seventy_percent_there_is_no_number() -> None:
    tracks = day_of_telemetry()
    tracks["pepper/air_humidity"] = every_minute([75.0] * 1000)
    made = {item.id: item for item in report(tracks).indicators}
    assert made["I12"].value is None
    assert made["I12"].coverage == pytest.approx(1000 / 1440)
    assert made["I16"].value == pytest.approx(100.0 * (1440 + 1000 + 1440) / (3 * 1440))


def test_between_seventy_and_ninety_percent_the_grade_is_b() -> None:
    tracks = day_of_telemetry()
    tracks["pepper/air_temperature"] = every_minute([25.0] * 1200)
    made = {item.id: item for item in report(tracks).indicators}
    assert made["I12"].grade == "B"
    assert made["I12"].value == pytest.approx(100.0 * 1080 / 1200)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.RANGE, Quality.EXTRAPOLATED, Quality.LOCKED])
def test_a_value_that_control_may_not_use_is_no_evidence(quality: Quality) -> None:
    tracks = day_of_telemetry()
    good = tracks["pepper/air_temperature"]
    tracks["pepper/air_temperature"] = Track(good.wall_ms, good.value, np.full(1440, int(quality), dtype=np.int64))
    assert {item.id: item for item in report(tracks).indicators}["I12"].value is None


def test_a_gap_in_the_meter_loses_no_volume() -> None:
    whole = day_of_telemetry()["bed-1/water_volume"]
    keep = np.r_[0:200, 1300:1440]
    holed = Track(whole.wall_ms[keep], whole.value[keep], whole.quality[keep])
    sources = Sources(Shelf(farm(), {"bed-1/water_volume": holed}), farm(), PERIOD.span)
    read = metered(sources, "bed-1/water_volume")
    assert read.volume_m3 == pytest.approx(2.4)
    assert read.coverage == pytest.approx(1.0)
    assert read.grade == "B"


def test_a_meter_that_runs_backwards_is_stepped_over_and_said() -> None:
    values = [float(m) for m in range(720)] + [float(m) for m in range(720)]
    made = {item.id: item for item in report({"bed-1/water_volume": every_minute(values)}).indicators}
    assert made["I04"].value == pytest.approx(2 * 719 / 1000)
    assert made["I04"].parts[0].notes[0].fields == {"count": 1}


def test_plots_on_one_meter_share_its_water() -> None:
    plots = tuple(Plot(f"bed-{n}", f"Luống {n}", 500.0, "pepper", "drip", meter="bed-1/water_volume") for n in (1, 2))
    made = {item.id: item for item in report(day_of_telemetry(), farm(plots=plots)).indicators}
    assert made["I04"].value == pytest.approx(2.4)
    assert [part.subject for part in made["I04"].parts] == ["Luống 1, Luống 2"]
    assert made["I02"].value == pytest.approx(0.1)


def test_no_telemetry_gives_no_numbers_but_a_report() -> None:
    made = {item.id: item for item in report({}).indicators}
    assert made["I02"].value is None
    assert made["I04"].value is None
    assert made["I12"].value is None
    assert made["I15"].value == 0.0
    assert made["I16"].value == 0.0


def test_a_plot_without_meter_proves_nothing() -> None:
    plots = (Plot("bed-1", "Luống 1", 1000.0, "pepper", "drip"),)
    made = {item.id: item for item in report({}, farm(plots=plots)).indicators}
    assert made["I02"].value == 0.0
    assert made["I04"].value is None


def test_the_fingerprint_changes_with_one_sample() -> None:
    tracks = day_of_telemetry()
    before = {item.id: item.input_hash for item in report(tracks).indicators}
    tracks["bed-1/water_volume"].value[7] += 0.001
    after = {item.id: item.input_hash for item in report(tracks).indicators}
    assert before["I04"] != after["I04"]
    assert before["I12"] == after["I12"]


def test_nobody_to_report_on_is_said() -> None:
    with pytest.raises(NothingToReport):
        build_report(Shelf(farm(), {}), "HTX khác", PERIOD, DAY)


def test_json_reads_back_as_the_same_report() -> None:
    made = report(day_of_telemetry())
    assert msgspec.json.decode(json_bytes(made), type=Report) == made


def test_csv_has_a_row_for_each_figure_and_part_and_no_formula() -> None:
    profile = farm(title='=HYPERLINK("http://x")')
    rows = list(
        csv.reader(io.StringIO(csv_bytes(report(day_of_telemetry(), profile), words("vi")).decode("utf-8-sig")))
    )
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows[1:] if row[2] == ""] == ["I02", "I04", "I12", "I15", "I16", "I17"]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_cells_that_spreadsheets_would_run_are_kept_as_text() -> None:
    assert [safe_cell(text) for text in ("=1+1", "@x", "Luống 1")] == ["'=1+1", "'@x", "Luống 1"]


def test_the_vietnamese_page_carries_every_figure() -> None:
    made = pdf_bytes(report(day_of_telemetry()), words("vi"))
    pages = pypdf.PdfReader(io.BytesIO(made))
    text = "\n".join(page.extract_text() for page in pages.pages)
    for piece in ("HTX Tân Tiến", "I02", "I04", "I12", "I15", "I16", "I17", "2,40 m³", "75 %", "hiệu chuẩn"):
        assert piece in text, piece
    assert "đạt chuẩn" not in text
    assert b"/Marked true" in made


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("2026-Q4", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-11-22", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("2026-11-01..2026-11-15", "2026-11-01T00:00", "2026-11-16T00:00"),
        ("2026-11-22T05:00..2026-11-22T06:30", "2026-11-22T05:00", "2026-11-22T06:30"),
    ],
)
def test_periods_are_read_as_officers_write_them(text: str, begin: str, end: str) -> None:
    made = parse_period(text, "Asia/Ho_Chi_Minh", datetime(2030, 1, 1, tzinfo=ZONE))
    assert made.begin == datetime.fromisoformat(begin).replace(tzinfo=ZONE)
    assert made.end == datetime.fromisoformat(end).replace(tzinfo=ZONE)
    assert made.complete


@pytest.mark.parametrize(
    "text", ["", "last month", "2026-13", "2026-11-31", "2026-Q5", "2026-11-22..2026-11-01", "2031"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(PeriodError):
        parse_period(text, "Asia/Ho_Chi_Minh", datetime(2030, 1, 1, tzinfo=ZONE))


def test_a_running_period_ends_now() -> None:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=ZONE)
    made = parse_period("2026-11", "Asia/Ho_Chi_Minh", now)
    assert made.end == now
    assert not made.complete
    assert made.span == Span(int(made.begin.timestamp() * 1000), int(now.timestamp() * 1000))


def test_water_that_nothing_closes_is_named_with_the_reason_that_the_farm_gave() -> None:
    profile = farm(unleased=(("valve-1", "a spring closes it"),))
    made = {item.id: item for item in report(day_of_telemetry(), profile).indicators}
    fields = [note.fields for note in made["I04"].notes if "reason" in note.fields]
    assert fields == [{"farm": "Nhà Lan", "output": "valve-1", "reason": "a spring closes it"}]
