# SPDX-License-Identifier: Apache-2.0
"""Takes the pictures of the console that README and docs show, from the farm of the console's tests.

    .venv/bin/python scripts/console_pictures.py

The rule it keeps: a picture is made by the program that it shows, never by hand.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.browser.site import ARGUMENTS, CHROMIUM, Site, running_site  # noqa: E402

IMAGES = ROOT / "docs" / "img"


def quiet(site: Site) -> None:
    """Let the farm be as it mostly is: in its bands, one value a little high."""
    values = site.farm.agent.values
    values.update({"pepper-1/soil_moisture": 31.2, "melon-1/soil_moisture": 33.4, "melon/air_temperature": 27.3})


def take(page: Page, site: Site) -> None:
    """Take the farm's page, the question before water flows, and the countdown."""
    page.goto(site.address)
    page.locator("#t-pepper-air-temperature").wait_for()
    page.wait_for_timeout(600)
    page.screenshot(path=IMAGES / "console-390.png")
    page.locator("#open-valve-pepper-1").click()
    page.get_by_role("dialog").wait_for()
    page.screenshot(path=IMAGES / "console-confirm-390.png")
    page.get_by_role("dialog").get_by_role("button").click()
    page.locator("#stop-valve-pepper-1").wait_for()
    page.goto(f"{site.address}/place/pepper-1")
    page.locator("#stop-valve-pepper-1").scroll_into_view_if_needed()
    page.wait_for_timeout(1600)
    page.screenshot(path=IMAGES / "console-open-390.png")


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder)) as site, sync_playwright() as play:
        site.do(lambda: quiet(site))
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
        context.add_cookies([site.cookie("operator")])  # type: ignore[list-item]
        take(context.new_page(), site)
        browser.close()


if __name__ == "__main__":
    main()
