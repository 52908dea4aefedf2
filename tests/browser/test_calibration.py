# SPDX-License-Identifier: Apache-2.0
"""A technician's walk on a phone: pH, EC and soil moisture to a signed record with its certificate."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import apply_one
from drivers.sim.ezo import EzoPh, Kept
from edge.calibrating import CalibrationDesk
from edge.console import calibration
from edge.console.board import Board
from edge.live import LiveState, Outcome, Tile
from edge.profile import write_profile
from telemetry.records import FarmProfile, Instrument, Quality
from tests.browser.site import Site, site_of
from tests.edge.fake_farm import NOW_MS, FakeAgent, farm_under_test

pytestmark = pytest.mark.server("chromium")
LOOK_MS = 40
PATIENCE_MS = 30_000  # a busy machine may take its time: nothing here is about speed
PH, EC, SOIL = "pepper/water_ph", "pepper/water_ec", "pepper-1/soil_moisture"
UNITS = {PH: "pH", EC: "mS/cm", SOIL: "%"}
PERIOD_S = 3.0
SCHEMES: tuple[Literal["dark"], Literal["light"]] = ("dark", "light")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass
class BenchAgent(FakeAgent):
    """An agent with probes on a bench that show what they stand in; ``passed_s`` moves its clock."""

    folder: Path = Path()
    shows: dict[str, float] = field(default_factory=lambda: {PH: 7.3, EC: 1.9, SOIL: 24.0})
    locked: set[str] = field(default_factory=set)
    passed_s: float = 0.0
    circuit: EzoPh = field(default_factory=EzoPh)
    work: CalibrationDesk = field(init=False)

    def __post_init__(self) -> None:
        self.work = CalibrationDesk(self.folder, self, self.wall)

    def wall(self) -> datetime:
        """Give the bench's own time."""
        return datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(seconds=self.passed_s)

    def state(self) -> LiveState:
        """Give the farm with its probes in beakers."""
        tiles = []
        for series, unit in UNITS.items():
            place, name = series.split("/")
            raw = self.circuit.kept.shown(self.shows[series]) if series == PH else self.shows[series]
            made = self.work.shelf.active(series)
            value = apply_one(made.curve, raw) if made is not None and made.adjusted else raw
            quality = Quality.LOCKED if series in self.locked else 0
            name_of = made.id if made is not None else ""
            tiles.append(Tile(series, place, name, unit, value, int(quality), 0.0, PERIOD_S, raw, unit, name_of))
        plain = super().state()
        others = tuple(one for one in plain.tiles if one.series not in self.shows)
        return LiveState(
            plain.edge, plain.title, 1, 10_000 + round(self.passed_s * 1000), self.now_ms, clock_ok=True,
            tiles=(*tiles, *others), outputs=plain.outputs, alarms=(), health=plain.health,
        )  # fmt: skip

    async def lock(self, series: str, person: str, role: str = "technician") -> Outcome:
        """See the desk's Agent."""
        self.orders.append(("lock", series, person))
        self.locked.add(series)
        return Outcome("done")

    async def unlock(self, series: str, person: str = "", role: str = "technician") -> Outcome:
        """See the desk's Agent."""
        self.locked.discard(series)
        return Outcome("done")

    async def activate_calibration(
        self, series: str, artifact: str, person: str = "", role: str = "", reason: str = ""
    ) -> Outcome:
        """See the desk's Agent."""
        self.work.shelf.activate(series, artifact, person, self.work.now(), reason)
        return Outcome("done")

    async def chip(
        self, series: str, do: str, person: str, role: str, *, point: str = "", value: float = 0.0, kept: str = ""
    ) -> Outcome:
        """See the desk's Agent: the circuit behind the pH probe."""
        assert (series, person) == (PH, "technician")
        self.orders.append((do, point, f"{value:g}"))
        if do == "bring_back":
            self.circuit.kept = msgspec.json.decode(kept, type=Kept)
        if do == "tell":
            self.circuit.answer(f"Cal,{point},{value}\r".encode(), self.shows[PH])
            self.show()
        held = self.circuit.kept
        fields: dict[str, str | float | int | bool] = {
            "kept": msgspec.json.encode(held).decode(), "acid": held.slope(held.low), "base": held.slope(held.high),
            "zero_mv": 0.0,
        }  # fmt: skip
        return Outcome("done", fields=fields)


@dataclass
class Walk:
    """The phone of a technician, and the bench beside it."""

    site: Site
    agent: BenchAgent
    page: Page

    def beaker(self, series: str, shows: float) -> None:
        """Put the probe somewhere."""
        self.site.do(lambda: self.agent.shows.update({series: shows}))

    def settle(self, look: Callable[[Page, str], None] | None = None) -> None:
        """Let readings come until the point may be taken, ``look`` at it, and take it."""
        button = self.page.get_by_role("button", name="Lấy điểm này")
        for _ in range(40):
            if button.count():
                break
            with self.page.expect_response(lambda answer: answer.url.endswith("/live")):
                self.site.do(lambda: setattr(self.agent, "passed_s", self.agent.passed_s + PERIOD_S))
        expect(self.page.locator(".verdict")).to_have_class("verdict still")
        if look is not None:
            look(self.page, "still")
        self.press("Lấy điểm này")

    def begin(self, series: str, method: str) -> None:
        """Open the wizard from the list and choose how."""
        self.page.goto(f"{self.site.address}/calibrations")
        with self.page.expect_navigation():
            self.page.locator(f'a[href="/calibrate/{series}"]').click()
        self.page.locator(f'input[value="{method}"]').check()
        self.press("Bắt đầu")

    def press(self, name: str) -> None:
        """Press the button that begins with ``name``, and wait for the page that comes of it."""
        button = self.page.get_by_role("button", name=re.compile(f"^{name}"))
        with self.page.expect_navigation():
            button.click()

    def in_force(self, series: str) -> Calibration:
        """Give what is in force now."""
        made = self.agent.work.shelf.active(series)
        assert made is not None
        return made

    def certificate(self) -> bytes:
        """Fetch the certificate that the page links to."""
        link = self.page.get_by_role("link", name="Giấy chứng nhận (PDF)").get_attribute("href")
        answer = self.page.request.get(f"{self.site.address}{link}")
        assert answer.headers["content-type"] == "application/pdf"
        return answer.body()


@pytest.fixture
def walk(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    """A farm with three probes, and a technician's phone."""
    monkeypatch.setattr(calibration, "LIVE_MS", LOOK_MS)
    agent = BenchAgent(folder=tmp_path)

    farm = farm_under_test(tmp_path, running=True)
    farm.agent = farm.desk.agent = agent
    farm.desk.board = Board(agent, time.monotonic, farm.desk.memory.remember)
    farm.desk.calibration = agent.work
    with site_of(farm.desk) as (address, server, loop):
        site = Site(farm, address, server, loop)
        context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, bypass_csp=True)
        context.add_cookies([site.cookie("technician")])  # type: ignore[list-item]
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield Walk(site, agent, page)
        context.close()
        assert faults == []


def readable(page: Page, step: str) -> None:
    """Nothing stands out to the right, every button fits a thumb, axe-core finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, step
    small = page.evaluate(
        "[...document.querySelectorAll('main button, main a.button, .methods label')]"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 40).map(e => e.outerHTML)"
    )
    assert small == [], step
    page.evaluate(AXE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160))]))"
        )
        assert found == [], (step, scheme)


def test_everybody_can_read_every_step(walk: Walk) -> None:
    """Also the refusal of a wrong answer, and a signal that still moves."""
    page = walk.page
    page.goto(f"{walk.site.address}/calibrations")
    readable(page, "list")
    page.goto(f"{walk.site.address}/calibrate/{PH}")
    readable(page, "how")
    walk.begin(PH, "ph-2")
    readable(page, "reference")
    walk.press("Tiếp")
    page.locator("input[name=truth]").fill("701")
    walk.press("Tiếp")
    readable(page, "refused")
    page.locator("input[name=truth]").fill("7")
    for number, buffer in enumerate((7.0, 4.01)):
        walk.beaker(PH, 7.0 + 0.96 * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        if not number:
            readable(page, "moving")
        walk.settle(readable)
    readable(page, "result")
    walk.press("Hiệu chỉnh")
    readable(page, "record")


def test_three_buffers_to_a_signed_certificate(walk: Walk) -> None:
    page = walk.page
    walk.begin(PH, "ph-3")
    assert ("lock", PH, "technician") in walk.agent.orders
    assert PH in walk.agent.locked
    expect(page.get_by_label("Tên chuẩn đối chiếu")).to_have_value("Dung dịch đệm pH 4,01; 7,00; 10,01")
    walk.press("Tiếp")
    for buffer in (7.0, 4.01, 10.01):
        walk.beaker(PH, 7.0 + 0.96 * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        walk.settle()
    expect(page.locator(".lines")).to_contain_text("96,0")
    expect(page.get_by_role("button", name="Hiệu chuẩn")).to_be_visible()
    walk.press("Hiệu chỉnh")
    expect(page.locator(".verdict")).to_have_text("Đạt")
    made = walk.in_force(PH)
    assert (made.person, made.adjusted, len(made.points)) == ("technician", True, 3)
    assert walk.certificate().startswith(b"%PDF")
    assert PH not in walk.agent.locked
    walk.beaker(PH, 7.0 + 0.96 * (6.2 - 7.0) + 0.05)
    tile = next(one for one in walk.agent.state().tiles if one.series == PH)
    assert tile.value == pytest.approx(6.2, abs=0.02)
    assert tile.raw == pytest.approx(6.282, abs=0.001)
    page.goto(f"{walk.site.address}/place/pepper")
    shown = page.locator("main")
    expect(shown).to_contain_text("6,20")
    walk.site.do(lambda: walk.agent.work.shelf.activate(PH, "", "technician", walk.agent.wall()))
    page.goto(f"{walk.site.address}/place/pepper")
    expect(shown).to_contain_text("6,28")
    walk.site.do(lambda: walk.agent.work.shelf.roll_back(PH, "technician", walk.agent.wall()))
    page.goto(f"{walk.site.address}/calibrations")
    expect(page.locator(".probe").first).to_contain_text("technician")


def in_two_buffers(walk: Walk, slope: float) -> Calibration:
    """Calibrate the pH probe in two buffers; gives the record, which is in force."""
    walk.begin(PH, "ph-2")
    walk.press("Tiếp")
    for buffer in (7.0, 4.01):
        walk.beaker(PH, 7.0 + slope * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        walk.settle()
    walk.press("Hiệu chỉnh")
    return walk.in_force(PH)


def test_an_earlier_calibration_comes_back_with_a_second_look_a_person_and_a_reason(walk: Walk) -> None:
    page = walk.page
    first, second = in_two_buffers(walk, 0.96), in_two_buffers(walk, 0.9)
    page.goto(f"{walk.site.address}/calibrations")
    with page.expect_navigation():
        page.locator(f'a[href="/calibrations/{PH}"]').click()
    readable(page, "history")
    expect(page.locator(".probe").first).to_contain_text("đang dùng")
    with page.expect_navigation():
        page.locator(f'a[href="/calibrations/{PH}?put={first.id}"]').click()
    readable(page, "put in force again")
    assert walk.in_force(PH).id == second.id, "looking changes nothing"
    page.locator("input[name=reason]").fill("   ")
    walk.press("Đưa vào dùng")
    expect(page.get_by_role("alert")).to_contain_text("lý do")
    assert walk.in_force(PH).id == second.id
    page.locator("input[name=reason]").fill("Dung dịch đệm hôm nay đã cũ")
    walk.press("Đưa vào dùng")
    assert walk.in_force(PH).id == first.id
    expect(page.locator(".changes li").first).to_contain_text("technician")
    expect(page.locator(".changes li").first).to_contain_text("Dung dịch đệm hôm nay đã cũ")
    assert page.locator(".probe").nth(1).get_by_text("đang dùng").count() == 1
    page.context.clear_cookies()
    page.context.add_cookies([walk.site.cookie("operator")])  # type: ignore[list-item]
    page.goto(f"{walk.site.address}/calibrations/{PH}")
    assert page.locator('a[href*="put="]').count() == 0
    refused = page.goto(f"{walk.site.address}/calibrations/{PH}?put={second.id}")
    assert refused is not None
    assert refused.status == 403


def test_a_curve_from_before_the_instruments_own_memory_was_calibrated_never_comes_back(walk: Walk) -> None:
    first = in_two_buffers(walk, 0.96)
    an_ezo(walk)
    walk.site.do(lambda: setattr(walk.agent, "passed_s", walk.agent.passed_s + 60.0))
    walk.begin(PH, "ezo-ph-3")
    walk.press("Tiếp")
    for buffer in (7.0, 4.01, 10.01):
        walk.beaker(PH, 7.0 + 0.96 * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        walk.settle()
        check_after(walk)
    walk.press("Hiệu chỉnh")
    kept_in_chip = walk.in_force(PH)
    walk.page.goto(f"{walk.site.address}/calibrations/{PH}?put={first.id}")
    walk.page.locator("input[name=reason]").fill("thử")
    walk.press("Đưa vào dùng")
    expect(walk.page.get_by_role("alert")).to_contain_text("bộ nhớ")
    assert walk.in_force(PH).id == kept_in_chip.id


def an_ezo(walk: Walk) -> None:
    """Let the agent have described the pH probe as an EZO circuit."""
    instrument = Instrument("ph-1", "atlas-ezo-ph", (PH,), PERIOD_S)
    write_profile(walk.agent.folder, FarmProfile("farm-1", "", "", "Asia/Ho_Chi_Minh", (), (instrument,)))


def check_after(walk: Walk) -> None:
    """Let readings come until the instrument showed what it was told, and the page goes on by itself."""
    step = walk.page.locator(".steps b").inner_text()
    for _ in range(40):
        with walk.page.expect_response(lambda answer: answer.url.endswith("/live")) as live:
            walk.site.do(lambda: setattr(walk.agent, "passed_s", walk.agent.passed_s + PERIOD_S))
        if live.value.status == 404:
            break
    expect(walk.page.locator(".steps b")).not_to_have_text(step)


def test_an_ezo_circuit_is_told_point_by_point_and_read_again(walk: Walk) -> None:
    an_ezo(walk)
    walk.begin(PH, "ezo-ph-3")
    walk.press("Tiếp")
    for buffer in (7.0, 4.01, 10.01):
        walk.beaker(PH, 7.0 + 0.96 * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        walk.settle()
        check_after(walk)
    expect(walk.page.locator(".lines")).to_contain_text("96,0")
    assert walk.page.get_by_role("button", name="Hiệu chuẩn").count() == 0, "the instrument has changed"
    walk.press("Hiệu chỉnh")
    expect(walk.page.locator(".verdict")).to_have_text("Đạt")
    told = [order[1:] for order in walk.agent.orders if order[0] == "tell"]
    assert told == [("mid", "7"), ("low", "4.01"), ("high", "10.01")]
    made = walk.in_force(PH)
    assert (made.method, len(made.points)) == ("ezo-ph-3", 3)
    assert made.as_found_error == pytest.approx(0.17, abs=0.01)
    assert walk.agent.circuit.kept.mid is not None


def test_stopping_brings_back_what_the_circuit_held(walk: Walk) -> None:
    an_ezo(walk)
    held = walk.agent.circuit.kept = Kept(mid=(7.08, 7.0))
    walk.begin(PH, "ezo-ph-3")
    walk.press("Tiếp")
    walk.beaker(PH, 7.05)
    walk.press("Tiếp")
    walk.settle()
    check_after(walk)
    walk.press("Dừng")
    assert walk.agent.circuit.kept == held
    assert PH not in walk.agent.locked
    assert walk.agent.work.shelf.active(PH) is None


def test_dry_and_one_standard_for_ec_recorded_without_adjusting(walk: Walk) -> None:
    walk.begin(EC, "ec-dry-1")
    walk.press("Tiếp")
    walk.beaker(EC, 0.01)
    expect(walk.page.locator(".say")).to_contain_text("không khí")
    walk.settle()
    walk.beaker(EC, 1.36)
    walk.press("Tiếp")
    walk.settle()
    walk.press("Hiệu chuẩn")
    expect(walk.page.locator(".verdict")).to_be_visible()
    made = walk.in_force(EC)
    assert not made.adjusted
    assert made.as_left_error == made.as_found_error == pytest.approx(0.053, abs=0.002)
    assert walk.certificate().startswith(b"%PDF")


def test_a_soil_core_with_its_sheet_and_a_wrong_mass_refused(walk: Walk) -> None:
    page = walk.page
    walk.begin(SOIL, "gravimetric-1")
    walk.press("Tiếp")
    walk.settle()
    sheet = {"tin_g": "20", "wet_g": "140", "dry_g": "150", "volume_cm3": "100"}
    for name, value in sheet.items():
        page.locator(f"input[name={name}]").fill(value)
    walk.press("Tiếp")
    expect(page.get_by_role("alert")).to_contain_text("nhẹ hơn")
    expect(page.locator("input[name=tin_g]")).to_have_value("20")
    page.locator("input[name=wet_g]").fill("175,5")
    walk.press("Tiếp")
    walk.press("Hiệu chỉnh")
    made = walk.in_force(SOIL)
    assert made.points[0].sheet["wet_g"] == 175.5
    assert made.points[0].truth == pytest.approx(25.55, abs=0.01)
    assert walk.certificate().startswith(b"%PDF")


def test_swapped_buffers_are_refused_on_the_page_and_the_old_curve_stays(walk: Walk) -> None:
    walk.begin(PH, "ph-2")
    walk.press("Tiếp")
    for wrong in (4.01, 7.0):
        walk.beaker(PH, wrong)
        walk.press("Tiếp")
        walk.settle()
    expect(walk.page.get_by_role("alert")).to_contain_text("nhầm")
    assert walk.page.get_by_role("button", name="Hiệu chỉnh").count() == 0
    walk.press("Dừng")
    assert walk.agent.work.shelf.active(PH) is None
    assert PH not in walk.agent.locked


def test_a_second_hand_is_told_who_works_there(walk: Walk) -> None:
    walk.begin(PH, "ph-2")
    walk.page.context.clear_cookies()
    walk.page.context.add_cookies([walk.site.cookie("admin")])  # type: ignore[list-item]
    walk.page.goto(f"{walk.site.address}/calibrate/{PH}")
    expect(walk.page.get_by_role("alert")).to_contain_text("technician")


def test_an_operator_sees_the_list_and_may_not_calibrate(walk: Walk) -> None:
    walk.page.context.clear_cookies()
    walk.page.context.add_cookies([walk.site.cookie("operator")])  # type: ignore[list-item]
    walk.page.goto(f"{walk.site.address}/calibrations")
    expect(walk.page.locator("h1")).to_be_visible()
    assert walk.page.locator('a[href^="/calibrate/"]').count() == 0
    answer = walk.page.goto(f"{walk.site.address}/calibrate/{PH}")
    assert answer is not None
    assert answer.status == 403
