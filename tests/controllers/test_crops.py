# SPDX-License-Identifier: Apache-2.0
"""The crop tables hold what FAO-56 prints, and what they do not hold is refused by name."""

import pytest

from controllers import crops


def test_a_crop_is_found_by_either_name() -> None:
    tomato = crops.crop_entry("cà chua")
    assert tomato == crops.crop_entry("Tomato")
    assert (tomato.kc_ini, tomato.kc_mid, tomato.kc_end, tomato.p) == (0.6, 1.15, 0.80, 0.40)
    assert (tomato.zr_low_m, tomato.zr_high_m) == (0.7, 1.5)


def test_every_row_can_be() -> None:
    assert len(crops.crop_table()) == 37


def test_an_unknown_crop_is_refused() -> None:
    with pytest.raises(crops.CropTableError, match="durian"):
        crops.crop_entry("durian")


def test_a_row_without_kc_is_refused() -> None:
    row = {"vi": "x", "en": "no kc", "kc_ini": "", "zr_max_m": "0.3-0.5", "p": "0.4"}
    with pytest.raises(crops.CropTableError, match="no kc"):
        crops.entry(row)


def test_stages_are_listed_for_a_crop() -> None:
    assert (30.0, 40.0, 40.0, 25.0) in crops.stage_lengths_d("tomato")
    assert crops.stage_lengths_d("durian") == []
