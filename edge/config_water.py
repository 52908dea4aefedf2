# SPDX-License-Identifier: Apache-2.0
"""Reads what ``farm.toml`` says of tariff, recipes, stock tanks and dosing units.

The rule it keeps: as ``edge.config``; which of these numbers fit together is judged by the controllers' own check.
"""

from typing import Final

import msgspec

from controllers.settings import ControlSettings
from controllers.settings_water import FertigationSettings, RecipeSettings, StockSettings, TariffBand
from edge.toml_reader import Page

WATER_TABLES: Final = ("tariff", "recipe", "stock", "fertigation")


def with_water(control: ControlSettings, page: Page) -> ControlSettings:
    """Give the settings with the file's tariff, recipes, stocks and dosing units."""
    return msgspec.structs.replace(
        control,
        tariff=tuple(row for _, row in page.tables(TariffBand, "tariff")),
        recipes=tuple(row for _, row in page.tables(RecipeSettings, "recipe")),
        stocks=tuple(row for _, row in page.tables(StockSettings, "stock")),
        fertigation=tuple(row for _, row in page.tables(FertigationSettings, "fertigation")),
    )
