# SPDX-License-Identifier: Apache-2.0
"""On a phone: every record of a probe, and an earlier one put in force again."""

import pytest
from playwright.sync_api import expect

from tests.browser.phone_bench import PH, Walk, an_ezo, faults, fill_buffers, in_two_buffers

pytestmark = pytest.mark.server("chromium")


def test_an_earlier_calibration_comes_back_with_a_second_look_a_person_and_a_reason(walk: Walk) -> None:
    page = walk.page
    first, second = in_two_buffers(walk, 0.96), in_two_buffers(walk, 0.9)
    page.goto(f"{walk.site.address}/calibrations")
    with page.expect_navigation():
        page.locator(f'a[href="/calibrations/{PH}"]').click()
    assert faults(page) == []
    expect(page.locator(".probe").first).to_contain_text("đang dùng")
    with page.expect_navigation():
        page.locator(f'a[href="/calibrations/{PH}?put={first.id}"]').click()
    assert faults(page) == []
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
    fill_buffers(walk, 7.0, 4.01, 10.01, on_chip=True)
    walk.press("Hiệu chỉnh")
    kept_in_chip = walk.in_force(PH)
    walk.page.goto(f"{walk.site.address}/calibrations/{PH}?put={first.id}")
    walk.page.locator("input[name=reason]").fill("thử")
    walk.press("Đưa vào dùng")
    expect(walk.page.get_by_role("alert")).to_contain_text("bộ nhớ")
    assert walk.in_force(PH).id == kept_in_chip.id
