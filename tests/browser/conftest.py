# SPDX-License-Identifier: Apache-2.0
"""A phone: Debian's Chromium at 390 x 844, and a console for it to look at."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from edge.console import calibration
from edge.console.board import Board
from tests.browser.phone_bench import LOOK_MS, PATIENCE_MS, BenchAgent, Walk
from tests.browser.site import ARGUMENTS, CHROMIUM, Site, running_site, site_of
from tests.edge.fake_farm import farm_under_test


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
