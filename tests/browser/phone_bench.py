# SPDX-License-Identifier: Apache-2.0
"""Probes on a bench, and a technician's phone that calibrates them."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec
from playwright.sync_api import Page, expect

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import apply_one
from drivers.sim.ezo import EzoCircuit, Kept
from edge.calibrating import CalibrationDesk
from edge.live import LiveState, Outcome, Tile
from edge.profile import write_profile
from telemetry.records import FarmProfile, Instrument, Quality
from tests.browser.site import Site
from tests.edge.fake_farm import NOW_MS, FakeAgent

LOOK_MS = 40
PATIENCE_MS = 30_000  # a busy machine may take its time: nothing here is about speed
PH, EC, SOIL = "pepper/water_ph", "pepper/water_ec", "pepper-1/soil_moisture"
UNITS = {PH: "pH", EC: "mS/cm", SOIL: "%"}
PERIOD_S = 3.0
WIDTH_PX = 390
SCHEMES: tuple[Literal["dark"], Literal["light"]] = ("dark", "light")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass
class BenchAgent(FakeAgent):
    """An agent with probes on a bench that show what they stand in; ``passed_s`` moves its clock."""

    folder: Path = Path()
    shows: dict[str, float] = field(default_factory=lambda: {PH: 7.3, EC: 1.9, SOIL: 24.0})
    locked: set[str] = field(default_factory=set)
    passed_s: float = 0.0
    circuit: EzoCircuit = field(default_factory=EzoCircuit)
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
        self, series: str, do: str, person: str, role: str, *, point: str = "", value: float = 0.0, kept: str = "",
        done: int = 0, air: tuple[float, float] | None = None,
    ) -> Outcome:  # fmt: skip
        """See the desk's Agent: the circuit behind the pH probe."""
        assert (series, person, air) == (PH, "technician", None)
        assert do != "tell" or done == sum(order[0] == "tell" for order in self.orders)
        self.orders.append((do, point, f"{value:g}"))
        if do == "bring_back":
            self.circuit.kept = msgspec.json.decode(kept, type=Kept)
        if do == "tell":
            self.circuit.answer(f"Cal,{point},{value}\r".encode(), self.shows[PH])
            self.show()
        held = self.circuit.kept
        assert isinstance(held, Kept)
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

    def until_still(self) -> None:
        """Let readings come until the point may be taken."""
        button = self.page.get_by_role("button", name="Lấy điểm này")
        for _ in range(40):
            if button.count():
                break
            with self.page.expect_response(lambda answer: answer.url.endswith("/live")):
                self.site.do(lambda: setattr(self.agent, "passed_s", self.agent.passed_s + PERIOD_S))
        expect(self.page.locator(".verdict")).to_have_class("verdict still")

    def settle(self) -> None:
        """Let readings come until the point may be taken, and take it."""
        self.until_still()
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


def faults(page: Page) -> list[str]:
    """Name what keeps somebody from reading or using the page: stands out to the right, too small for a thumb, axe."""
    found = []
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > WIDTH_PX:
        found.append(f"{width} px wide")
    found += page.evaluate(
        "[...document.querySelectorAll('main button, main a.button, .methods label')]"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 40).map(e => 'small: ' + e.outerHTML)"
    )
    page.evaluate(AXE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160))]))"
        )
        found += [f"{scheme}: {violation}" for violation in violations]
    return found


def fill_buffers(walk: Walk, *buffers: float, slope: float = 0.96, on_chip: bool = False) -> None:
    """Take a point in each buffer with an electrode of this slope that shows 0.05 too much at 7."""
    for buffer in buffers:
        walk.beaker(PH, 7.0 + slope * (buffer - 7.0) + 0.05)
        walk.press("Tiếp")
        walk.settle()
        if on_chip:
            check_after(walk)


def in_two_buffers(walk: Walk, slope: float) -> Calibration:
    """Calibrate the pH probe in two buffers; gives the record, which is in force."""
    walk.begin(PH, "ph-2")
    walk.press("Tiếp")
    fill_buffers(walk, 7.0, 4.01, slope=slope)
    walk.press("Hiệu chỉnh")
    return walk.in_force(PH)


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
