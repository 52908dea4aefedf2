# SPDX-License-Identifier: Apache-2.0
"""How much water soils and substrates hold: field capacity and wilting point by texture; and what salt crops stand.

Rule kept: every figure has its source; an unknown texture is refused by name, and so is a pair that cannot be.
"""

from typing import Final, NamedTuple


class Soil(NamedTuple):
    """Water content [m³/m³] at field (or container) capacity and at the wilting point."""

    field_capacity: float
    wilting: float


class SoilError(ValueError):
    """The soil asked for is not in the table, or its figures cannot be."""


# Source: the default soils of AquaCrop (FAO), as in AquaCrop-OSPy 3.1.0; coir and rockwool at container capacity, to
# the suction of 10 kPa: usual makers' figures, to be measured for one's own product.
SOILS: Final[dict[str, Soil]] = {
    "sand": Soil(0.13, 0.06),
    "loamy sand": Soil(0.16, 0.08),
    "sandy loam": Soil(0.22, 0.10),
    "loam": Soil(0.31, 0.15),
    "silt": Soil(0.33, 0.09),
    "silt loam": Soil(0.33, 0.13),
    "sandy clay loam": Soil(0.32, 0.20),
    "clay loam": Soil(0.39, 0.23),
    "silty clay loam": Soil(0.44, 0.23),
    "sandy clay": Soil(0.39, 0.27),
    "silty clay": Soil(0.50, 0.32),
    "clay": Soil(0.54, 0.39),
    "coir": Soil(0.62, 0.25),
    "rockwool": Soil(0.80, 0.30),
}
SUBSTRATES: Final = ("coir", "rockwool")


def soil_of(name: str, substrate: bool, field_capacity_pct: float = 0.0, wilting_pct: float = 0.0) -> Soil:
    """Find a soil by its texture; measured percentages (above 0) replace the table's. SoilError says what cannot be."""
    key = name.casefold().replace("-", " ").replace("_", " ")
    if substrate and key not in SUBSTRATES:
        key = "coir"
    if key not in SOILS and not (field_capacity_pct > 0.0 and wilting_pct > 0.0):
        raise SoilError(f"soil {name!r} is not known; known: {', '.join(SOILS)}; or measure field capacity and wilting")
    table = SOILS.get(key, Soil(0.0, 0.0))
    made = Soil(field_capacity_pct / 100.0 or table.field_capacity, wilting_pct / 100.0 or table.wilting)
    if not 0.0 < made.wilting < made.field_capacity < 1.0:
        raise SoilError(
            f"soil {name!r}: the wilting point ({made.wilting:.2f}) must be above 0 and below field capacity"
            f" ({made.field_capacity:.2f} m³/m³); check field_capacity_pct and wilting_pct"
        )
    return made


class Salt(NamedTuple):
    """What salt a crop stands: yield falls above ECe ``threshold_ds_m`` [dS/m] by ``slope_pct`` [% per dS/m]."""

    threshold_ds_m: float
    slope_pct: float


# Source: Maas and Hoffman (1977) as tabled in FAO-29 and FAO-56 table 23; muskmelon after a field study.
SALT: Final[dict[str, Salt]] = {
    "tomato": Salt(2.5, 9.9), "sweet pepper": Salt(1.5, 14.0), "cucumber": Salt(2.5, 13.0), "eggplant": Salt(1.1, 6.9),
    "lettuce": Salt(1.3, 13.0), "spinach": Salt(2.0, 7.6), "cabbage": Salt(1.8, 9.7), "broccoli": Salt(2.8, 9.2),
    "celery": Salt(1.8, 6.2), "carrot": Salt(1.0, 14.0), "onion": Salt(1.2, 16.0), "green bean": Salt(1.0, 19.0),
    "strawberry": Salt(1.0, 33.0), "potato": Salt(1.7, 12.0), "sweet potato": Salt(1.5, 11.0),
    "sweet corn": Salt(1.7, 12.0), "maize": Salt(1.7, 12.0), "zucchini": Salt(4.7, 9.4), "cantaloupe": Salt(1.0, 8.4),
    "rice": Salt(3.0, 12.0), "sugarcane": Salt(1.7, 5.9), "groundnut": Salt(3.2, 29.0), "soybean": Salt(5.0, 20.0),
    "citrus": Salt(1.3, 13.1), "table grape": Salt(1.5, 9.6),
}  # fmt: skip


def salt_of(crop: str) -> Salt | None:
    """Give Maas and Hoffman's figures of ``crop`` (English name), None where there are none."""
    name = crop.casefold()
    return next((salt for key, salt in SALT.items() if name.startswith(key)), None)
