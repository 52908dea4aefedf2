# SPDX-License-Identifier: Apache-2.0
"""Papers of a calibration in both languages, the list of what is due, and drift by type."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.calibration.shelf import Shelf
from edge.calibrating import SHELF_FOLDER
from edge.certificates.lists import drift_report, due_list
from edge.certificates.papers import address, certificate, certificate_data, label
from edge.cli_certificate import certificate as command
from pages.numbers import Language
from pages.words import words
from tests.drivers.calibration.walk import START, record

BASE = "http://farm.local:8080"


@pytest.mark.parametrize(
    ("language", "title"), [("vi", "Giấy chứng nhận hiệu chuẩn"), ("en", "Calibration certificate")]
)
def test_a_certificate_is_one_tagged_page_in_the_readers_language(language: Language, title: str) -> None:
    made = record()
    data = certificate_data(made, "Trại thử", BASE, words(language))
    pdf = certificate(made, "Trại thử", BASE, words(language))
    assert data["title"] == title
    assert data["hash"] == made.content_hash
    assert len(data["points"]) == 3
    assert pdf.startswith(b"%PDF")
    assert b"/StructTreeRoot" in pdf
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1


def test_the_qr_leads_to_the_record() -> None:
    made = record()
    assert address(BASE, made) == f"{BASE}/calibrations/tank/water_ph/{made.id}"
    assert label(made, BASE, words("vi")).startswith(b"%PDF")


def test_a_record_that_did_not_pass_says_so() -> None:
    failed = record(adjusted=False)
    assert failed.passed is (failed.as_left_error <= 0.3)
    data = certificate_data(failed, "", BASE, words("vi"))
    assert "Đã so sánh và ghi hồ sơ" in data["verdict"]


def test_what_is_due_comes_first_and_drift_is_told_by_type(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / SHELF_FOLDER)
    first = record()
    second = record(before=first, identity="c-2", jump_confirmed=True)
    for one in (first, second):
        shelf.add(one)
        shelf.activate(one.series, one.id, "lan", START)
    other = record("pond/water_ph")
    shelf.add(other)
    for days, grade in ((0, "in date"), (20, "soon"), (31, "overdue")):
        rows = due_list(shelf, START + timedelta(days=days))
        assert [(row.series, row.grade) for row in rows] == [
            ("tank/water_ph", grade),
            ("pond/water_ph", "maker's scale"),
        ]
    (drift,) = drift_report(shelf)
    assert (drift.quantity, drift.model, drift.records) == ("water_ph", "atlas-ezo-ph", 1)
    assert drift.worst_pct == pytest.approx(100.0 * second.as_found_error / 6.0)


def test_the_command_writes_papers_and_lists(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / SHELF_FOLDER)
    made = record()
    shelf.add(made)
    shelf.activate(made.series, made.id, "lan", START)
    run = CliRunner()
    path = tmp_path / "c.pdf"
    done = run.invoke(command, [made.series, "--state", str(tmp_path), "--output", str(path), "--language", "vi"])
    assert done.exit_code == 0, done.output
    assert path.read_bytes().startswith(b"%PDF")
    listed = run.invoke(command, ["--due", "--json", "--state", str(tmp_path)])
    assert json.loads(listed.output)["series"][0]["series"] == made.series
    assert run.invoke(command, ["tank/nothing", "--state", str(tmp_path)]).exit_code == 1
    assert run.invoke(command, ["--state", str(tmp_path)]).exit_code == 2
