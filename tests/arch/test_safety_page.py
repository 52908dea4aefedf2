# SPDX-License-Identifier: Apache-2.0
"""docs/safety.md is what code and measurements say now: every hazard, a test that exists, a bound that holds."""

import math

import pytest

from scripts.safety_page import PAGE, ROOT, ROWS, Row, measured, render


def test_the_page_is_up_to_date() -> None:
    assert render() == PAGE.read_text(encoding="utf-8"), "run: python -m scripts.safety_page"


def test_every_hazard_has_a_row() -> None:
    assert {row.number for row in ROWS} >= {f"H{number}" for number in range(1, 26)}
    assert {row.layer for row in ROWS} == {"L1", "L2"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number} {row.hazard} {row.layer} {row.seen[:20]}")
def test_each_row_names_a_test_that_exists_and_holds_its_bound(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    found = measured(row)
    if math.isfinite(row.most):
        assert not found > row.most
