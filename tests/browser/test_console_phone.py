# SPDX-License-Identifier: Apache-2.0
"""What a farmer sees and does on a phone: live values, old values, a lost line, five minutes of water."""

import re
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.live import Alarm
from edge.users import Role
from telemetry.records import Quality
from tests.browser.site import Site
from tests.edge.fake_farm import PASSWORD

pytestmark = pytest.mark.server("chromium")
TILE = "#t-pepper-air-temperature"


def test_the_first_person_comes_in_by_the_link_and_is_asked_for_name_and_password(browser: Browser, site: Site) -> None:
    users = site.farm.desk.users
    users.add("lan", Role.ADMIN, PASSWORD)
    key = users.token_for("lan", site.farm.wall_s[0])
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site.address}/welcome?token={key}")
    page.get_by_role("button", name="Vào").click()
    expect(page.locator("h2").first).to_contain_text("Nhà ớt Đà Lạt")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Đăng xuất").click()
    page.get_by_label("Tên").fill("lan")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    expect(page.locator("#status")).to_have_text("Trực tiếp")
    page.context.close()


def test_a_value_changes_by_itself_and_tells_when_it_leaves_its_band(phone: Page, site: Site) -> None:
    phone.goto(site.address)
    number, note = phone.locator(f"{TILE} .number b"), phone.locator(f"{TILE} .note")
    expect(note).to_have_text("đạt")
    site.do(lambda: site.farm.agent.values.update({"pepper/air_temperature": 24.6}))
    expect(number).to_have_text("24,6")
    site.do(lambda: site.farm.agent.values.update({"pepper/air_temperature": 31.2}))
    expect(number).to_have_text("31,2")
    expect(note).to_have_text("cao hơn 27,0")
    site.do(lambda: setattr(site.farm.agent, "alarms", (Alarm("sensor.silent", "station/wind_speed", "alarm", 9.0),)))
    expect(phone.locator("#problems")).to_contain_text("Cảnh báo nặng")


def test_five_minutes_of_water_confirmed_counted_down_and_stopped(phone: Page, site: Site) -> None:
    phone.goto(site.address)
    phone.locator("#open-valve-pepper-1").click()
    dialog = phone.get_by_role("dialog")
    expect(dialog).to_contain_text("Mở van tưới Khu 1 – Ớt, Nhà ớt Đà Lạt?")
    expect(dialog).to_contain_text("300 giây")
    expect(dialog).to_contain_text("48\u00a0lít")
    dialog.get_by_role("link", name="Huỷ").click()
    expect(dialog).to_be_hidden()
    assert site.farm.agent.orders == []
    phone.locator("#open-valve-pepper-1").click()
    dialog.get_by_role("button", name="Mở van").click()
    left = phone.locator("#o-valve-pepper-1 .countdown")
    expect(left).to_have_text("4:58")
    expect(phone.locator("#o-valve-pepper-1 .state")).to_have_text("Mở")
    phone.locator("#stop-valve-pepper-1").click()
    expect(phone.locator("#o-valve-pepper-1 .state")).to_have_text("Đóng")
    assert [order[0] for order in site.farm.agent.orders] == ["hold", "stop"]
    assert phone.url == f"{site.address}/"


def test_an_old_number_never_looks_live(phone: Page, site: Site) -> None:
    site.do(lambda: site.farm.agent.ages.update({"pepper/air_temperature": 28.0}))
    phone.goto(site.address)
    expect(phone.locator(TILE)).to_have_class("tile good")
    expect(phone.locator(f"{TILE} .note")).to_have_text("số liệu cũ")
    expect(phone.locator(TILE)).to_have_class("tile old")


def test_a_lost_line_is_told_and_the_page_comes_back_by_itself(phone: Page, site: Site) -> None:
    phone.goto(site.address)
    expect(phone.locator("#status")).to_have_text("Trực tiếp")
    phone.context.set_offline(True)
    phone.evaluate("dispatchEvent(new Event('pagehide'))")  # an open stream outlives the emulation of being offline
    phone.evaluate("dispatchEvent(new Event('pageshow'))")
    lost = phone.locator("#lost")
    expect(lost).to_have_text(re.compile(r"Mất kết nối – số liệu lúc 10:05:\d\d\. Nhà kính vẫn tự chạy\."))
    expect(phone.locator("body")).to_have_class("lost")
    phone.context.set_offline(False)
    expect(lost).to_be_hidden()


HIDE = (
    "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    " document.dispatchEvent(new Event('visibilitychange')) }"
)


def test_a_hidden_tab_holds_no_stream(phone: Page, site: Site) -> None:
    phone.goto(site.address)
    number = phone.locator(f"{TILE} .number b")
    expect(number).to_have_text("23,8")
    phone.evaluate(HIDE, True)
    phone.wait_for_timeout(300)
    site.do(lambda: site.farm.agent.values.update({"pepper/air_temperature": 24.6}))
    phone.wait_for_timeout(300)
    assert site.farm.desk.board.followers == 0
    expect(number).to_have_text("23,8")
    phone.evaluate(HIDE, False)
    expect(number).to_have_text("24,6")
    assert site.farm.desk.board.followers == 1


def test_it_works_as_pages_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    context.add_cookies([site.cookie("operator")])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(site.address)
    page.locator("#open-valve-pepper-1").click()
    expect(page.locator("h1")).to_have_text("Mở van tưới Khu 1 – Ớt, Nhà ớt Đà Lạt?")
    page.get_by_role("button", name="Mở van").click()
    expect(page.locator("#o-valve-pepper-1 .countdown")).to_have_text("5:00")
    page.locator("#stop-valve-pepper-1").click()
    expect(page.locator("#open-valve-pepper-1")).to_be_visible()
    context.close()


def trouble(site: Site) -> None:
    """Make one of everything that can be wrong, and open a valve."""
    agent = site.farm.agent
    agent.values["melon/air_temperature"] = 33.0
    agent.qualities["melon-1/soil_moisture"] = Quality.COMM
    agent.ages["pepper-2/soil_ec"] = 99.0
    agent.held["valve-pepper-2"] = (agent.now_ms + 60_000, "lan")
    follows = (Alarm("sensor.silent", "melon-1/soil_temperature", "alarm", 300.0, number=2),)
    agent.alarms = (
        Alarm("sensor.silent", "melon-1/soil_moisture", "warning", 340.0, number=1, inside=follows),
        Alarm("disk.refuses", "log", "critical", 20.0, {"detail": "I/O error"}, number=3, person="lan"),
        Alarm("bus.babble", "bus", "alarm", 90.0, number=4, shelved_s=600.0, shelved_by="lan"),
    )


AXE_RUN = "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(browser: Browser, site: Site, scheme: str) -> None:
    """axe-core finds nothing on any page, in the light and in the dark, with problems and with an open valve."""
    site.do(lambda: trouble(site))
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        bypass_csp=True,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    context.add_cookies([site.cookie("operator")])  # type: ignore[list-item]
    page = context.new_page()
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for path in ("/", "/place/pepper-1", "/output/valve-pepper-1/open", "/alarms", "/login"):
        page.goto(site.address + path)
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]))"
        )
        assert found == [], path
    context.close()


def test_nothing_is_wider_than_the_phone_and_every_button_fits_a_thumb(phone: Page, site: Site) -> None:
    site.do(lambda: trouble(site))
    for path in ("/", "/place/pepper-1", "/output/valve-pepper-1/open", "/alarms"):
        phone.goto(site.address + path)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        small = phone.evaluate(
            "[...document.querySelectorAll('main button, main a.button, main .chip, summary')]"
            ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 40).map(e => e.outerHTML)"
        )
        assert small == []
