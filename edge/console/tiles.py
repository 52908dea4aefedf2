# SPDX-License-Identifier: Apache-2.0
"""Makes the tile of one measured value: number, unit, band, sparkline, age, and whether it may be believed.

The rule it keeps: a value older than three periods, flagged or missing is never shown as good.
"""

import math
from typing import Final

from edge.console.day_memory import DayMemory
from edge.console.sentences import ago, quality_words
from edge.console.views import Gauge, TileView
from edge.live import Tile
from pages.charts import sparkline
from pages.numbers import decimal, unit_name
from pages.words import N_, Words
from telemetry.quantities import QUANTITIES
from telemetry.records import UNUSABLE, Quality

SPARK_MS: Final = 6 * 3_600_000
PERIODS_OLD: Final = 3.0
# A tile is half a phone wide; the chart below it says the whole name.
SHORT: Final = {
    "air_temperature": N_("Temperature"),
    "air_humidity": N_("Humidity"),
    "vapour_pressure_deficit": N_("VPD"),
    "co2": N_("CO₂"),
    "ppfd": N_("Light intensity"),
    "soil_ec": N_("Soil EC"),
}


def html_id(prefix: str, name: str) -> str:
    """Make an element's id of a series or output name."""
    return prefix + "".join(letter if letter.isalnum() else "-" for letter in name)


class Tiles:
    """Makes tiles in one language."""

    def __init__(self, memory: DayMemory, words: Words) -> None:
        self._memory = memory
        self._words = words

    def caption(self, tile: Tile, *, short: bool = False) -> str:
        """Name what is measured, with its number where a place has several."""
        quantity = QUANTITIES.get(tile.quantity)
        title = self._words.text(quantity.title) if quantity else tile.quantity
        if short and tile.quantity in SHORT:
            title = self._words.text(SHORT[tile.quantity])
        index = tile.series.partition(".")[2]
        return f"{title} {index}" if index else title

    def unit(self, tile: Tile) -> str:
        """Give the unit as people write it."""
        return unit_name(tile.unit, self._words.language)

    def view(self, tile: Tile, age_s: float, now_ms: int) -> TileView:
        """Make the tile; ``age_s`` is how long ago the live state came, ``now_ms`` the wall time now."""
        quantity = QUANTITIES.get(tile.quantity)
        decimals = quantity.decimals if quantity else 1
        old_after_s = PERIODS_OLD * tile.period_s
        value_age_s = tile.age_s + age_s
        state, note = self._judge(tile, decimals, old=value_age_s > old_after_s)
        return TileView(
            id=html_id("t-", tile.series),
            series=tile.series,
            title=self.caption(tile, short=True),
            value=decimal(tile.value, decimals, self._words.language),
            unit=self.unit(tile),
            state=state,
            note=note,
            at_ms=now_ms - round(value_age_s * 1000),
            old_after_ms=round(old_after_s * 1000),
            age=ago(value_age_s, self._words) if math.isfinite(tile.value) else "",
            gauge=self._gauge(tile, decimals),
            chart_id=html_id("c-", tile.series),
            spark=sparkline(
                self._memory.series(tile.series, now_ms - SPARK_MS, now_ms, round(tile.period_s * 1000)),
                now_ms - SPARK_MS,
                now_ms,
                decimals=decimals,
            ),
        )

    def _judge(self, tile: Tile, decimals: int, *, old: bool) -> tuple[str, str]:
        """Give the state of a value and the words for it."""
        if tile.quality & UNUSABLE or not math.isfinite(tile.value):
            state = "old" if tile.quality & UNUSABLE == Quality.STALE else "bad"
            return state, quality_words(tile.quality, self._words) or self._words.text(N_("no value"))
        if old:
            return "old", self._words.text(N_("old value"))
        if tile.band is None:
            return "plain", ""
        low, high = tile.band
        language = self._words.language
        if tile.value > high:
            return "high", self._words.say(N_("above {limit}"), {"limit": decimal(high, decimals, language)})
        if tile.value < low:
            return "low", self._words.say(N_("below {limit}"), {"limit": decimal(low, decimals, language)})
        return "good", self._words.text(N_("in the band"))

    def _gauge(self, tile: Tile, decimals: int) -> Gauge | None:
        if tile.band is None or not math.isfinite(tile.value):
            return None
        low, high = tile.band
        if not (math.isfinite(low) and math.isfinite(high) and high > low):
            return None
        share = (tile.value - low) / (high - low)
        mark = 25.0 + 50.0 * share
        language = self._words.language
        return Gauge(
            25.0, 75.0, round(min(97.0, max(3.0, mark)), 1),
            decimal(low, decimals, language), decimal(high, decimals, language),
        )  # fmt: skip
