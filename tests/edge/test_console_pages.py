# SPDX-License-Identifier: Apache-2.0
"""What the pages say: values that may be believed, values that may not, reasons, waterings, charts, two languages."""

import gzip
from html.parser import HTMLParser
from math import nan
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from controllers.reasons import BY_NAME
from controllers.settings import LineSettings, OutputSettings
from edge.console.app import application
from edge.console.board import Shot
from edge.console.day_book import DayBook
from edge.console.line_stops import CONSEQUENCES, STOPS
from edge.console.sentences import say
from edge.console.views import FarmView, TileView
from edge.live import Alarm, OutputState
from pages.numbers import Language
from pages.words import words
from telemetry.records import Quality
from telemetry.rows import DiskError
from tests.edge.fake_farm import NOW_MS, FakeReader, FarmUnderTest, farm_under_test

SERIES = "pepper/air_temperature"


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    return farm_under_test(tmp_path)


def view(farm: FarmUnderTest, *, away: bool = False, later_s: float = 0.0) -> FarmView:
    shot = Shot(farm.agent.state(), farm.mono_s[0] - later_s, away, 1)
    return farm.desk.farm(shot, "vi")


def tile(seen: FarmView, series: str = SERIES) -> TileView:
    return next(one for place in seen.places() for one in place.tiles if one.series == series)


@pytest.mark.parametrize(
    ("value", "age_s", "quality", "state", "note"),
    [
        (23.0, 2.0, 0, "good", "đạt"),
        (27.06, 2.0, 0, "high", "cao hơn 27,0"),
        (17.9, 2.0, 0, "low", "thấp hơn 18,0"),
        (23.0, 30.5, 0, "old", "số liệu cũ"),
        (23.0, 2.0, Quality.STALE, "old", "số liệu cũ"),
        (23.0, 2.0, Quality.STUCK, "bad", "số đo đứng yên"),
        (23.0, 2.0, Quality.RANGE | Quality.STALE, "bad", "số liệu cũ"),
        (nan, 2.0, Quality.COMM, "bad", "đầu đo không trả lời"),
        (nan, 2.0, 0, "bad", "chưa có số đo"),
        (23.0, 2.0, Quality.UNCALIBRATED, "good", "đạt"),
    ],
)
def test_a_tile_tells_whether_its_value_may_be_believed(
    farm: FarmUnderTest, value: float, age_s: float, quality: int, state: str, note: str
) -> None:
    farm.agent.values[SERIES], farm.agent.ages[SERIES], farm.agent.qualities[SERIES] = value, age_s, quality
    seen = tile(view(farm))
    assert (seen.state, seen.note) == (state, note)


def test_a_value_grows_old_while_the_agent_is_away(farm: FarmUnderTest) -> None:
    assert tile(view(farm, away=True, later_s=20.0)).state == "good"
    late = view(farm, away=True, later_s=29.0)
    assert tile(late).state == "old"
    assert late.clock == "10:05:12"
    assert late.connection == "away"


def test_the_gauge_puts_the_value_into_its_band(farm: FarmUnderTest) -> None:
    for value, mark in ((18.0, 25.0), (27.0, 75.0), (22.5, 50.0), (99.0, 97.0), (-40.0, 3.0)):
        farm.agent.values[SERIES] = value
        gauge = tile(view(farm)).gauge
        assert gauge is not None
        assert (gauge.mark_x, gauge.low, gauge.high) == (mark, "18,0", "27,0")
    assert tile(view(farm), "pepper/co2").gauge is None


def test_an_output_says_what_it_does_and_why(farm: FarmUnderTest) -> None:
    farm.agent.values[SERIES] = 27.4
    vent = view(farm).output("vent-pepper")
    assert vent is not None
    assert (vent.title, vent.state, vent.active) == ("Cửa mái", "40\u00a0%", True)
    assert vent.why.text == "Làm mát: 27,4 °C cao hơn 27 °C."
    fan = view(farm).output("fan-melon")
    assert fan is not None
    assert (fan.title, fan.state) == ("Quạt", "Tắt")
    assert fan.why.text == "Chưa cần: 26,1 °C (muốn 18 đến 27, quạt chạy từ 28,5), VPD 1,23 kPa."


@pytest.mark.parametrize(
    ("level", "wanted", "override_s", "can_open", "can_stop", "by_hand"),
    [
        (0.0, 0.0, 0.0, True, False, False),
        (1.0, 1.0, 0.0, False, True, False),
        (1.0, 1.0, 200.0, False, True, True),
        (0.0, 1.0, 200.0, False, True, False),  # asked for, not let through yet: the limit is shown
        (0.0, 0.0, 800.0, True, False, True),  # stopped by hand: kept closed, may be opened again
        (1.0, 0.0, 800.0, False, True, False),  # told to close, still open
    ],
)
def test_a_valves_buttons_fit_what_it_does(
    farm: FarmUnderTest, level: float, wanted: float, override_s: float, can_open: bool, can_stop: bool, by_hand: bool
) -> None:
    valve = OutputState(
        "valve-pepper-1", "pepper-1", "valve", level, wanted, "irrigation.idle.wet_enough", "irrigation",
        limit="safety.stagger", override_s=override_s, person="lan", hold_max_s=1800.0,
    )  # fmt: skip
    state = msgspec.structs.replace(farm.agent.state(), outputs=(valve,))
    seen = farm.desk.farm(Shot(state, farm.mono_s[0], away=False, number=1), "vi").output("valve-pepper-1")
    assert seen is not None
    assert (seen.can_open, seen.can_stop, bool(seen.until_ms)) == (can_open, can_stop, by_hand)
    assert (seen.why.text == "") == by_hand
    gone = farm.desk.farm(Shot(state, farm.mono_s[0], away=True, number=1), "vi").output("valve-pepper-1")
    assert gone is not None
    assert not gone.can_open


@pytest.mark.parametrize("rests", [True, False])
def test_a_roof_shut_between_two_pulses_says_why_it_pulses_and_that_it_rests(farm: FarmUnderTest, rests: bool) -> None:
    roof = OutputState("vent-pepper", "pepper", "vent", 0.0, 0.0, "climate.drying", "climate", between_pulses=rests)
    state = msgspec.structs.replace(farm.agent.state(), outputs=(roof,))
    seen = farm.desk.farm(Shot(state, farm.mono_s[0], away=False, number=1), "vi").output("vent-pepper")
    assert seen is not None
    assert seen.why.text.endswith("Lúc này đang nghỉ giữa hai nhịp.") == rests


def test_a_code_of_a_newer_agent_is_shown_as_it_is() -> None:
    assert say("frost.newly_invented", {}, {}, words("vi")).text == "frost.newly_invented"


def test_every_house_zone_and_other_place_has_its_page_and_charts(farm: FarmUnderTest) -> None:
    seen = view(farm)
    assert [place.id for place in seen.places()] == ["pepper", "pepper-1", "pepper-2", "melon", "melon-1", "station"]
    state = farm.agent.state()
    for place in seen.places():
        charts = farm.desk.pages("vi").charts(place, state, seen.now_ms)
        assert len(charts) == len(place.tiles)


def test_problems_come_the_gravest_first_and_name_their_place(farm: FarmUnderTest) -> None:
    farm.agent.alarms = (
        Alarm("sensor.silent", "melon-1/soil_moisture", "warning", 340.0),
        Alarm("refused.tank", "valve-pepper-1", "critical", 20.0),
    )
    first, second = view(farm).problems
    assert (first.severity_word, first.where) == ("Nghiêm trọng", "Khu 1 – Ớt, Nhà ớt Đà Lạt · Van tưới")
    assert (second.where, second.since) == ("Khu 3 – Dưa lưới, Nhà dưa Tây Ninh · Độ ẩm đất", "5 phút trước")
    assert second.said.check == "Kiểm tra dây, nguồn điện và địa chỉ."


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("what happened before is not known here.", "Not known: the record", "its past cannot be read")),
        ("vi", ("Không đọc được nhật ký: không biết", "Không biết: không đọc", "không đọc được quá khứ")),
    ],
)
def test_a_record_that_cannot_be_read_never_means_that_nothing_happened(
    farm: FarmUnderTest, language: Language, said: tuple[str, ...]
) -> None:
    def too_old() -> FakeReader:
        raise DiskError("farm.log: schema 2; start the agent once to bring it up to date")

    farm.desk.book = DayBook(too_old, farm.desk.memory)
    with TestClient(application(farm.desk), base_url="http://127.0.0.1") as client:
        client.cookies.set("vuon_session", farm.session("viewer"))
        client.cookies.set("vuon_language", language)
        page = next(text for _ in range(200) if "schema 2" in (text := client.get("/place/pepper-1").text))
        alarms = client.get("/alarms").text
    assert all(text in page for text in said)
    assert "schema 2" in alarms
    assert all(text in alarms for text in ("(vuon run)", *said[:2]))
    for nothing in ("Not yet.", "No alarms in this time.", "No problems."):
        assert words(language).text(nothing) not in page + alarms


def test_a_line_that_gave_no_flow_names_the_valve_where_that_is_known(farm: FarmUnderTest) -> None:
    stop = Alarm("safety.no_flow_stop", "line", "critical", 9.0, {"valves": "Van khu 1"})
    farm.agent.alarms = (stop, msgspec.structs.replace(stop, fields={}))
    named, older = view(farm).problems
    assert named.said.text == f"{older.said.text} Lần cuối qua: Van khu 1."
    assert "–" not in older.said.text


def test_a_place_has_one_lamp(farm: FarmUnderTest) -> None:
    def lamp() -> str:
        place = view(farm).place("pepper-1")
        assert place is not None
        return place.lamp

    farm.agent.values["pepper-1/soil_moisture"] = 30.0
    assert lamp() == "good"
    farm.agent.ages["pepper-1/soil_ec"] = 99.0
    assert lamp() == "old"
    farm.agent.values["pepper-1/soil_moisture"] = 20.0
    assert lamp() == "off"
    farm.agent.qualities["pepper-1/soil_temperature"] = Quality.COMM
    assert lamp() == "bad"
    farm.agent.held["valve-pepper-1"] = (farm.agent.now_ms + 60_000, "lan")
    assert lamp() == "water"


def test_before_any_state_the_page_shows_the_record_as_old(farm: FarmUnderTest) -> None:
    farm.desk.book.latest[SERIES] = (farm.agent.now_ms - 3_600_000, 21.0, 0)
    seen = farm.desk.farm(farm.desk.board.shot, "vi")
    assert seen.connection == "never"
    assert tile(seen).state == "old"
    assert tile(seen).age == "1 giờ trước"


def test_titles_of_the_farm_are_text_wherever_they_stand(farm: FarmUnderTest) -> None:
    evil = "<script>alert(1)</script>"
    replace = msgspec.structs.replace
    control = farm.desk.config.control
    farm.desk.config = replace(
        farm.desk.config,
        control=replace(
            control,
            houses=tuple(replace(one, title=evil) for one in control.houses),
            zones=tuple(replace(one, title=evil) for one in control.zones),
            outputs=tuple(replace(one, title=evil) for one in control.outputs),
        ),
    )
    farm.agent.alarms = (Alarm("sensor.stuck", "melon-1/soil_moisture", "alarm", 3.0, {"value": evil}),)
    with TestClient(application(farm.desk), base_url="http://127.0.0.1") as client:
        client.cookies.set("vuon_session", farm.session("operator"))
        for path in ("/", "/place/pepper-1", "/output/valve-pepper-1/open"):
            page = next(text for _ in range(200) if "&lt;script&gt;" in (text := client.get(path).text))
            assert evil not in page


def test_a_stopped_line_tells_its_cause_and_where_to_release_it_at_every_part(farm: FarmUnderTest) -> None:
    replace = msgspec.structs.replace
    control = farm.desk.config.control
    pump = OutputSettings("pump", "pump", "line")
    lines = (LineSettings("line", pump="pump"),)
    control = replace(control, outputs=(*control.outputs, pump), lines=lines)
    farm.desk.config = replace(farm.desk.config, control=control)

    def seen(*alarms: Alarm) -> FarmView:
        valve = OutputState("valve-pepper-1", "pepper-1", "valve", 0, 0, "irrigation.idle.line_stopped", "irrigation")
        state = replace(
            farm.agent.state(),
            outputs=(valve, OutputState("pump", "line", "pump", 0, 0, "line.idle", "irrigation")),
            alarms=alarms,
        )
        return farm.desk.farm(Shot(state, farm.mono_s[0], away=False, number=1), "en")

    burst = Alarm("safety.over_flow", "line", "critical", 60.0, {"flow_l_min": 100.0, "expected_l_min": 38.0})
    cause = "Line shut: 100 L/min is far more than the 38 L/min of its valves."
    view = seen(Alarm("safety.tank_low", "line", "alarm", 9.0, {"tank_m": 0.0}, inside=(burst,)))
    for name in ("valve-pepper-1", "pump"):
        output = view.output(name)
        assert output is not None
        assert output.why.text == cause
        assert "broken pipe" in output.why.check
        assert "vuon order reset line" in output.why.check
        assert "page “Water line" in output.why.check
    line = view.place("line")
    assert line is not None
    assert (line.lamp, line.hazard) == ("stopped", cause)
    assert "goes on by itself" in view.problems[0].said.check
    calm = seen(Alarm("safety.probe_lost", "line", "alarm", 9.0)).place("line")
    assert calm is not None
    assert (calm.lamp, calm.hazard) == ("good", "")
    assert set(BY_NAME) >= STOPS
    assert set(BY_NAME) >= CONSEQUENCES


class Outline(HTMLParser):
    """Collects ids, labels and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}={value}")
        if tag == "style":
            self.inline.append(tag)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_first_load_is_small_and_has_nothing_inline(farm: FarmUnderTest, language: str) -> None:
    DayBook(FakeReader, farm.desk.memory)._fill(NOW_MS)
    with TestClient(application(farm.desk), base_url="http://127.0.0.1") as client:
        client.cookies.set("vuon_session", farm.session("operator"))
        client.cookies.set("vuon_language", language)
        page = next(text for _ in range(200) if "t-pepper-air-temperature" in (text := client.get("/").text))
        outline = Outline(page)
        assert outline.inline == []
        assert len(outline.ids) == len(set(outline.ids))
        assert ("Nhiệt độ" in page) == (language == "vi")
        files = ("console.css", "live.js", "confirm.js", "leaf.svg")
        sizes = [len(gzip.compress(client.get(f"/static/{name}").content, 6)) for name in files]
        whole = len(gzip.compress(page.encode(), 6)) + sum(sizes)
        assert whole <= 30_000, (whole, sizes)
        assert len(files) + 2 <= 6  # the page itself and the stream
