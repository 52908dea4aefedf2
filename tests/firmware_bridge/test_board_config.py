# SPDX-License-Identifier: Apache-2.0
"""A configuration is refused with its name before a board sees it, and has one CRC."""

from dataclasses import replace

import pytest

from firmware_bridge.board_config import BoardConfig, BoardConfigError, Doser, Input, Pump, Valve
from tests.firmware_bridge.farm_board import farm_board

VALVE = Valve(name="v", output=0, max_on_s=10.0)
DOSER = Doser(name="d", output=3, counter="flow", rate_ml_s=1.0, event_ml=1.0, hour_ml=2.0, day_ml=3.0, max_on_s=9.0)


def test_every_change_changes_the_crc() -> None:
    config = farm_board()
    crcs = {
        config.crc,
        farm_board(changeover_s=0.6).crc,
        farm_board(valves=(*config.valves[:2], replace(config.valves[2], max_on_s=61.0))).crc,
        farm_board(pumps=(replace(config.pumps[0], dry_run_s=6.0),)).crc,
        farm_board(dosers=(replace(config.dosers[0], hour_ml=13.0),)).crc,
    }
    assert len(crcs) == 5


def test_names_do_not_change_the_crc() -> None:
    config = farm_board()
    assert farm_board(name="other").crc == config.crc


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"valves": (VALVE, Valve(name="w", output=0, max_on_s=1.0))}, "used twice"),
        ({"valves": (VALVE, Valve(name="v", output=1, max_on_s=1.0))}, "used twice"),
        ({"valves": (replace(VALVE, lease_s=6.0),)}, "lease_s 6.0"),
        ({"valves": (replace(VALVE, max_on_s=0.0),)}, "max_on_s 0.0"),
        ({"valves": (replace(VALVE, max_on_s=float("nan")),)}, "max_on_s nan"),
        ({"valves": (VALVE,), "pumps": (Pump(name="p", output=1, max_on_s=1.0, valves=()),)}, "must name valves"),
        ({"valves": (VALVE,), "pumps": (Pump(name="p", output=1, max_on_s=1.0, valves=("x",)),)}, "must name valves"),
        ({"dosers": (replace(DOSER, event_ml=5.0),)}, "caps must be"),
        ({"inputs": (Input(name="stop", input=0),)}, "stop chain"),
    ],
)
def test_what_cannot_be_is_named(config: dict[str, object], match: str) -> None:
    with pytest.raises(BoardConfigError, match=match):
        BoardConfig(name="mcu", **config)  # type: ignore[arg-type]


def test_a_doser_without_its_meter_is_refused() -> None:
    with pytest.raises(BoardConfigError, match="no counter or channel 'flow'"):
        _ = BoardConfig(name="mcu", dosers=(DOSER,)).crc


def test_a_value_too_large_for_the_board_is_named() -> None:
    with pytest.raises(BoardConfigError, match="min_off_ms"):
        _ = BoardConfig(name="mcu", valves=(replace(VALVE, min_off_s=100.0),)).crc
