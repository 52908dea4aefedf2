# SPDX-License-Identifier: Apache-2.0
"""Hazards are told at their own place in a farm of several lines and houses, also where a place has no output."""

import math

import msgspec
import pytest

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.layout import lay_out
from controllers.safety import Safety
from controllers.settings import ControlSettings
from controllers.state import fresh
from controllers.ticks import Reset
from tests.controllers.farm_rig import FARM, HOUSE, LINE, ZONE_A, ZONE_B
from tests.controllers.safety_world import Facts

WELL = msgspec.structs.replace(
    LINE, id="well", pump="", master_valve="", fill_valve="", flow="well/flow", pressure="", pump_current="",
    tank_level="", tank_float="", ec=(), ph=(),
)  # fmt: skip
TWO = msgspec.structs.replace(
    FARM,
    lines=(LINE, WELL),
    houses=(HOUSE, msgspec.structs.replace(HOUSE, id="nursery")),
    zones=(ZONE_A, msgspec.structs.replace(ZONE_B, line="well")),
)
# The hazards' list: mains, stop, three of each line, two of each house, two of each output.
LINE_2, HOUSE_1, HOUSE_2, OUTPUT_1 = 5, 8, 10, 12


def safety_of(farm: ControlSettings) -> Safety:
    lay = lay_out(farm)
    return Safety(lay, fresh(lay, 0), lay.outputs)


@pytest.mark.parametrize(
    ("at", "place"),
    [(0, "farm"), (1, "farm"), (2, "line"), (4, "line"), (LINE_2, "well"), (7, "well"), (HOUSE_1, "house"),
     (9, "house"), (HOUSE_2, "nursery"), (11, "nursery"), (OUTPUT_1, "valve-a"), (13, "valve-a"), (14, "valve-b"),
     (35, "siren")],
)  # fmt: skip
def test_each_entry_of_the_hazards_has_its_place(at: int, place: str) -> None:
    safety = safety_of(TWO)
    assert len(safety.hazards) == 36
    safety.hazards[at] = codes.LEAK
    assert safety.active() == [(place, "safety.leak")]


def test_a_second_lines_hazard_tells_what_its_own_valves_measure() -> None:
    safety = safety_of(TWO)
    safety.hazards[LINE_2] = codes.LEAK
    (event,) = safety.events(1000, Facts())  # type: ignore[arg-type]
    assert event.subject == "well"
    own = float(safety_of(TWO)._layout.outputs.index("valve-b"))
    assert set(event.fields.values()) == {"safety.leak", own}


def test_a_line_without_an_output_has_its_alarms_too() -> None:
    safety = safety_of(msgspec.structs.replace(TWO, zones=(ZONE_A, ZONE_B)))
    safety.hazards[LINE_2] = codes.LEAK
    (event,) = safety.events(1000, Facts())  # type: ignore[arg-type]
    assert (event.subject, event.fields) == ("well", {"code": "safety.leak"})


@pytest.mark.parametrize(("houses", "told"), [(("house", "nursery"), True), (("nursery", "house"), False)])
def test_h7_a_blind_house_is_told_when_anything_moves_in_it_even_the_farms_first_output(
    houses: tuple[str, str], told: bool
) -> None:
    outputs = sorted(TWO.outputs, key=lambda out: out.id != "vent")
    both = tuple(msgspec.structs.replace(HOUSE, id=house) for house in houses)
    farm = msgspec.structs.replace(TWO, outputs=tuple(outputs), houses=both)
    assert lay_out(farm).outputs[0] == "vent"
    safety = safety_of(farm)
    safety.hazards[HOUSE_1] = codes.BLIND
    assert safety.active() == ([("house", "safety.blind")] if told else [])


def test_a_reset_forgets_since_when_probes_were_wrong() -> None:
    lay = lay_out(FARM)
    tables = fresh(lay, 0)
    tables.ls[0, [c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE, c.T_REF_EC]] = 1.0, 2.0, 3.0
    assert Safety(lay, tables, lay.outputs).reset(Reset("line", "an"), 1000) is not None
    assert tables.ls[0, [c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE]].tolist() == [math.inf, math.inf]
    assert math.isnan(tables.ls[0, c.T_REF_EC])
