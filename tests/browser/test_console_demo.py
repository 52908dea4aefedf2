# SPDX-License-Identifier: Apache-2.0
"""The whole demo on a phone: first login, numbers that came over serial lines, water that really flows and stops."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge.fake_farm import PASSWORD

pytestmark = pytest.mark.server("chromium")
ROOT = Path(__file__).resolve().parent.parent.parent
START_MAX_MS = 40_000


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run ``vuon demo`` with one house that needs no rest after a start, and give its one-time link."""
    folder = tmp_path_factory.mktemp("demo")
    farm = folder / "house.toml"
    text = (ROOT / "deploy" / "examples" / "da-lat-pepper.toml").read_text(encoding="utf-8")
    no_rest = "[limits]\nboot_hold_s = 0.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0"
    assert text.count("[limits]") == 1
    farm.write_text(text.replace("[limits]", no_rest), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "demo", "--port", "0", "--state", str(folder / "s"), "--config", str(farm)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    found = (re.search(r"http://\S+token=\S+", line) for line in process.stdout)
    yield next(one[0] for one in found if one)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def open_valve(page: Page, valve: str) -> None:
    """Open a valve as a person does; just after a start the controller refuses, says so, and is asked again."""
    for _ in range(8):
        page.locator(f"#open-{valve}").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Mở van").click()
        expect(dialog.get_by_text("chưa làm được").or_(page.locator(f"#stop-{valve}")).first).to_be_visible(
            timeout=15_000
        )
        if page.locator(f"#stop-{valve}").is_visible():
            return
        dialog.get_by_role("link", name="Quay lại").click()
        page.wait_for_timeout(2000)
    raise AssertionError(f"{valve} was refused again and again")


def test_a_newcomer_comes_in_sees_live_numbers_and_waters_for_a_moment(browser: Browser, link: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(link)
    page.get_by_label("Tên").fill("lan")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Vào").click()
    expect(page.locator("#status")).to_have_text("Trực tiếp", timeout=START_MAX_MS)
    flow = page.locator("#t-pepper-1-water-water-flow .number b")
    expect(flow).not_to_have_text("—", timeout=START_MAX_MS)
    valve = "pepper-1-valve-2"
    open_valve(page, valve)
    row = page.locator(f"#o-{valve}")
    expect(row.locator(".state")).to_have_text("Mở", timeout=15_000)
    expect(row.locator(".countdown")).to_have_text(re.compile(r"4:5\d"))
    expect(flow).not_to_have_text("0,0", timeout=20_000)  # the meter behind the serial line turns
    page.locator(f"#stop-{valve}").click()
    expect(row.locator(".state")).to_have_text("Đóng", timeout=15_000)
    expect(page.locator(f"#open-{valve}")).to_be_visible()
    context.close()
