# SPDX-License-Identifier: Apache-2.0
"""QR codes say what they were given, to a reader that is not ours."""

import xml.etree.ElementTree as ET

import pytest

from pages import qr


def test_the_svg_is_well_formed_and_has_a_title() -> None:
    root = ET.fromstring(qr.svg("http://10.0.0.5/zone/pepper-1", "Khu 1"))
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Khu 1"  # type: ignore[union-attr]
    assert root.get("width", "").endswith("mm")


def test_the_terminal_code_is_as_wide_as_its_version() -> None:
    lines = qr.terminal("http://10.0.0.5/zone/pepper-1").splitlines()
    assert len(lines) > 10


@pytest.mark.parametrize("text", ["", "x" * 301])
def test_a_text_that_does_not_fit_a_sticker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 300 characters"):
        qr.svg(text, "x")
