# SPDX-License-Identifier: Apache-2.0
"""A phone: Debian's Chromium at 390 x 844, and a console for it to look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.site import ARGUMENTS, CHROMIUM, Site, running_site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Per module: Playwright's own event loop must be gone before asynchronous tests of other modules run.
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as one:
        yield one


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Page]:
    """A phone on which an operator is logged in; a script error or a request to elsewhere fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
    context.add_cookies([site.cookie("operator")])  # type: ignore[list-item]
    page = context.new_page()
    page.set_default_timeout(8000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith(site.address) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []
