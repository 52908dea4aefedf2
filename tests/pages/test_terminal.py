# SPDX-License-Identifier: Apache-2.0
"""Bars in a terminal."""

from math import nan

import pytest

from pages.terminal import bars


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], "    "),
        ([nan, nan], "    "),
        ([5.0, 5.0], "  ▄▄"),
        ([0.0, 7.0], "  ▁█"),
        ([0.0, nan, 7.0], " ▁ █"),
        ([9.0, 0.0, 1.0, 2.0, 7.0], "▁▂▃█"),
    ],
)
def test_the_last_values_fill_the_width(values: list[float], drawn: str) -> None:
    assert bars(values, 4) == drawn


def test_a_still_signal_looks_still() -> None:
    assert bars([27.0, 27.1, 27.0], 3, span_min=2.0) == "▄▅▄"
