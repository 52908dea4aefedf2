# SPDX-License-Identifier: Apache-2.0
"""A technician's walk on a phone: pH, EC and soil moisture to a signed record with its certificate."""

from copy import copy

import pytest
from playwright.sync_api import expect

from drivers.sim.ezo import Kept
from tests.browser.phone_bench import EC, PH, SOIL, Walk, an_ezo, check_after, faults, fill_buffers

pytestmark = pytest.mark.server("chromium")


def test_everybody_can_read_every_step(walk: Walk) -> None:
    """Also the refusal of a wrong answer, and a signal that still moves."""
    page = walk.page
    seen = {}
    page.goto(f"{walk.site.address}/calibrations")
    seen["list"] = faults(page)
    page.goto(f"{walk.site.address}/calibrate/{PH}")
    seen["how"] = faults(page)
    walk.begin(PH, "ph-2")
    seen["reference"] = faults(page)
    walk.press("Tiếp")
    page.locator("input[name=truth]").fill("701")
    walk.press("Tiếp")
    seen["refused"] = faults(page)
    page.locator("input[name=truth]").fill("7")
    walk.beaker(PH, 7.05)
    walk.press("Tiếp")
    seen["moving"] = faults(page)
    walk.until_still()
    seen["still"] = faults(page)
    walk.press("Lấy điểm này")
    fill_buffers(walk, 4.01)
    seen["result"] = faults(page)
    walk.press("Hiệu chỉnh")
    seen["record"] = faults(page)
    steps = ["list", "how", "reference", "refused", "moving", "still", "result", "record"]
    assert seen == {step: [] for step in steps}


def test_three_buffers_to_a_signed_certificate(walk: Walk) -> None:
    page = walk.page
    walk.begin(PH, "ph-3")
    assert ("lock", PH, "technician") in walk.agent.orders
    assert PH in walk.agent.locked
    expect(page.get_by_label("Tên chuẩn đối chiếu")).to_have_value("Dung dịch đệm pH 4,01; 7,00; 10,01")
    walk.press("Tiếp")
    fill_buffers(walk, 7.0, 4.01, 10.01)
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


def test_an_ezo_circuit_is_told_point_by_point_and_read_again(walk: Walk) -> None:
    an_ezo(walk)
    walk.begin(PH, "ezo-ph-3")
    walk.press("Tiếp")
    fill_buffers(walk, 7.0, 4.01, 10.01, on_chip=True)
    expect(walk.page.locator(".lines")).to_contain_text("96,0")
    assert walk.page.get_by_role("button", name="Hiệu chuẩn").count() == 0, "the instrument has changed"
    walk.press("Hiệu chỉnh")
    expect(walk.page.locator(".verdict")).to_have_text("Đạt")
    told = [order[1:] for order in walk.agent.orders if order[0] == "tell"]
    assert told == [("mid", "7"), ("low", "4.01"), ("high", "10.01")]
    made = walk.in_force(PH)
    assert (made.method, len(made.points)) == ("ezo-ph-3", 3)
    assert made.as_found_error == pytest.approx(0.17, abs=0.01)
    assert walk.agent.circuit.kept.count() == 3


def test_stopping_brings_back_what_the_circuit_held(walk: Walk) -> None:
    an_ezo(walk)
    held = Kept(mid=(7.08, 7.0))
    walk.agent.circuit.kept = copy(held)
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
