# SPDX-License-Identifier: Apache-2.0
"""The account of a zone's water reaches the live state and the terminal, in the farm's words."""

from math import nan

from edge.cli_status import water_lines
from edge.live import Health, LiveState, ZoneWater
from edge.zone_water import zone_water
from pages.words import words

HEALTH = Health(1.0, 1, 0, 0.0, True, 0, 0, 0, 0, 0, 0, True, "off", 1.0, "0")


class Account:
    """An engine's account."""

    def nutrients_today(self) -> dict[str, dict[str, float]]:
        """One zone was fed."""
        return {"a": {"n_g": 160.5, "p_g": 40.2, "k_g": 214.4, "fed_l": 753.0, "ec_ms_cm": 2.18}}

    def learned_flow(self) -> dict[str, tuple[float, float, int]]:
        """Of two the flow is known."""
        return {"a": (41.9, 0.1, 12), "b": (38.0, 0.25, 7)}


def test_each_zone_of_which_something_is_known_is_told_once() -> None:
    told = zone_water(Account())
    assert [(zone.zone, zone.waterings, zone.n_g) for zone in told] == [("a", 12, 160.5), ("b", 7, 0.0)]
    assert zone_water(object()) == ()


def test_status_tells_the_usual_flow_and_the_kilograms_of_the_day() -> None:
    water = (*zone_water(Account()), ZoneWater("c", nan, nan, 0))
    live = LiveState("farm", "Trại", 1, 0, 0, True, (), (), (), HEALTH, water)
    english, vietnamese = water_lines(live, words("en")), water_lines(live, words("vi"))
    assert english[0] == "  a: usually 41.9 ± 0.2 L/min, from 12 waterings"
    assert english[1] == "  a: fed today N 0.161 kg, P 0.040 kg, K 0.214 kg in 753 L at 2.18 mS/cm"
    assert len(english) == len(vietnamese) == 3
    assert "đã bón N 0.161 kg" in vietnamese[1]
