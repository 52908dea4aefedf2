# SPDX-License-Identifier: Apache-2.0
"""Papers of a calibration in both languages, the list of what is due, and drift by type."""

import json
import re
import subprocess
import unicodedata
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest
from click.testing import CliRunner

from drivers.calibration.artifact import Calibration
from drivers.calibration.result import finish
from drivers.calibration.shelf import Shelf
from edge.calibrating import SHELF_FOLDER
from edge.certificates.lists import drift_report, due_list
from edge.certificates.papers import address, certificate, certificate_data, label
from edge.cli_certificate import certificate as command
from edge.profile import write_places
from pages.numbers import Language
from pages.words import words
from tests.drivers.calibration.cases import CASES, CORE
from tests.drivers.calibration.walk import START, Bench, record, session_for

BASE = "http://farm.local:8080"


@pytest.mark.parametrize(
    ("language", "title"), [("vi", "Giấy chứng nhận hiệu chuẩn"), ("en", "Calibration certificate")]
)
def test_a_certificate_is_one_tagged_page_in_the_readers_language(language: Language, title: str) -> None:
    made = record()
    data = certificate_data(made, "Trại thử", BASE, words(language), "Bồn ớt")
    pdf = certificate(made, "Trại thử", BASE, words(language), "Bồn ớt")
    assert data["title"] == title
    assert data["hash"] == made.content_hash
    assert len(data["points"]) == 3
    assert pdf.startswith(b"%PDF")
    assert b"/StructTreeRoot" in pdf
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1


def printed(pdf: bytes) -> str:
    """Read the words back with a program that is not ours."""
    done = subprocess.run(["/usr/bin/pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def scanned(pdf: bytes, folder: Path) -> str:
    """Print the page at 200 dots an inch and scan its QR code with a reader that is not ours."""
    (folder / "page.pdf").write_bytes(pdf)
    page = ["/usr/bin/pdftoppm", "-r", "200", "-png", "-singlefile", str(folder / "page.pdf"), str(folder / "page")]
    subprocess.run(page, check=True)
    scan = ["/usr/bin/zbarimg", "--quiet", "--raw", str(folder / "page.png")]
    return subprocess.run(scan, capture_output=True, check=True, timeout=60).stdout.decode().strip()


@pytest.mark.server("pdftoppm", "zbarimg")
@pytest.mark.parametrize("paper", ["certificate", "label"])
def test_a_scanned_qr_leads_to_the_record(tmp_path: Path, paper: str) -> None:
    made = record()
    pdf = (
        label(made, BASE, words("vi"), "Bồn ớt")
        if paper == "label"
        else certificate(made, "", BASE, words("vi"), "Bồn ớt")
    )
    assert address(BASE, made) == f"{BASE}/calibrations/tank/water_ph/{made.id}"
    assert scanned(pdf, tmp_path) == address(BASE, made)


def soil() -> Calibration:
    """Three cores from the oven."""
    bench = Bench(
        session_for("zone/soil_moisture", "gravimetric-3", "%"),
        lambda session, _: 12.0 + 10.0 * session.point,
        CORE | {"wet_g": ["165", "175", "185"]},
    ).walk()
    return finish(bench.session, bench.now, adjusted=True, before=None, identity="c-soil")


def ec() -> Calibration:
    """Dry and one standard, compared only."""
    case = next(case for case in CASES if case.method == "ec-dry-1")
    bench = Bench(session_for(case.series, case.method, case.unit, beside=case.beside), case.shows, case.answers).walk()
    return finish(bench.session, bench.now, adjusted=False, before=None, identity="c-ec")


PRINTED = {
    ("ph", "vi"): ("Giấy chứng nhận hiệu chuẩn", "97,0", "Hạn kế tiếp", "22/12/2026", "độ phân giải +—"),
    ("ph", "en"): ("Calibration certificate", "97.0", "Next due", "22/12/2026", "resolution +—"),
    ("soil", "vi"): ("Khối lượng hộp rỗng 20 g", "15,03 %", "35,07", "đường thẳng", "offset = 3,0060", "quá +2,500 %"),
    ("soil", "en"): ("Mass of the empty tin 20 g", "Volume of the core 100", "15.03", "35.07", "straight line"),
    ("ec", "vi"): ("Đã so sánh và ghi hồ sơ", "1,413", "µS/cm", "20/02/2027"),
    ("ec", "en"): (
        "Compared and recorded",
        "1.413",
        "µS/cm",
        "20/02/2027",
        "Curve, not in force +conductivity",
        "constant = 0.001",
        "up to an error of +0.200",
    ),
}


@pytest.mark.server("pdftotext")
@pytest.mark.parametrize(("kind", "language"), PRINTED)
def test_the_page_says_what_the_record_holds(kind: str, language: Language) -> None:
    made = {"ph": record, "soil": soil, "ec": ec}[kind]()
    page = unicodedata.normalize("NFC", printed(certificate(made, "Trại thử", BASE, words(language), "Bồn ớt")))
    assert [text for text in PRINTED[kind, language] if not re.search(text, page)] == []
    assert made.content_hash in page
    assert made.person in page
    assert "Bồn ớt" in page, "the place as people call it"
    assert all(one.name in page for one in made.references)


def test_a_record_that_did_not_pass_says_so() -> None:
    failed = record(adjusted=False)
    assert failed.passed is (failed.as_left_error <= 0.3)
    data = certificate_data(failed, "", BASE, words("vi"), "Bồn ớt")
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
    write_places(tmp_path, {"vi": {made.place: "Bồn ớt chuông"}})
    run = CliRunner()
    path = tmp_path / "c.pdf"
    done = run.invoke(command, [made.series, "--state", str(tmp_path), "--output", str(path), "--language", "vi"])
    assert done.exit_code == 0, done.output
    assert "Bồn ớt chuông" in "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    listed = run.invoke(command, ["--due", "--json", "--state", str(tmp_path)])
    assert json.loads(listed.output)["series"][0]["series"] == made.series
    assert run.invoke(command, ["tank/nothing", "--state", str(tmp_path)]).exit_code == 1
    assert run.invoke(command, ["--state", str(tmp_path)]).exit_code == 2
