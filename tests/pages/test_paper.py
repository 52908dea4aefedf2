# SPDX-License-Identifier: Apache-2.0
"""Paper: a tagged PDF with Vietnamese text that an independent reader (pypdf) finds again."""

import io
from pathlib import Path

import pypdf
import pytest

from pages.charts import Band, Series, day_chart
from pages.paper import PaperError, pdf

TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title)
#set text(lang: "vi")
= #data.title
#data.line
#image(bytes(data.chart), alt: data.title, format: "svg")
"""
LINE = "Ắ Ằ Ẵ Ẳ Ặ Ễ Ữ Ợ Ỹ ĐƯỜNG µS/cm CO₂ ≥"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.typ"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def test_a_page_is_tagged_and_its_vietnamese_is_found_again(template: Path) -> None:
    series = Series((0, 60_000, 120_000), (20.0, 21.5, 20.5), period_ms=60_000)
    chart = day_chart(series, 0, 86_400_000, "Nhiệt độ", band=Band(18.0, 27.0))
    reader = pypdf.PdfReader(io.BytesIO(pdf(template, {"title": "Báo cáo quý III", "line": LINE, "chart": chart})))
    assert "/StructTreeRoot" in reader.root_object
    assert "/Marked" in str(reader.root_object["/MarkInfo"])
    assert reader.metadata is not None
    assert reader.metadata.title == "Báo cáo quý III"
    assert LINE in reader.pages[0].extract_text().replace("\n", " ")


def test_a_template_that_cannot_be_set_is_named(template: Path) -> None:
    with pytest.raises(PaperError, match=r"sheet\.typ.*title"):
        pdf(template, {"line": LINE})


def test_nan_is_refused_before_it_reaches_paper(template: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        pdf(template, {"title": "x", "line": float("nan")})
