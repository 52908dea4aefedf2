# SPDX-License-Identifier: Apache-2.0
"""What FAO-56 says of each crop: coefficients, height, roots, depletion share, and the lengths of its stages.

Rule kept: a crop that is not in the table, or a row that cannot be, is refused by name; no coefficient is invented.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"


class CropTableError(ValueError):
    """The crop asked for is not in the tables, or its row cannot be."""


class CropEntry(NamedTuple):
    """One crop for RHmin 45 % and wind 2 m/s; heights and root depths [m], Kc, Kcb and p [-]."""

    vi: str
    en: str
    kc_ini: float
    kc_mid: float
    kc_end: float
    h_max_m: float
    kcb_ini: float
    kcb_mid: float
    kcb_end: float
    zr_low_m: float
    zr_high_m: float
    p: float


def _lines(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def entry(row: dict[str, str]) -> CropEntry:
    """Read one row; CropTableError when a figure is missing or cannot be."""
    try:
        low, high = (float(part) for part in row["zr_max_m"].split("-"))
        kc = [float(row[name]) for name in ("kc_ini", "kc_mid", "kc_end", "h_max_m", "kcb_ini", "kcb_mid", "kcb_end")]
        made = CropEntry(
            row["vi"], row["en"], kc[0], kc[1], kc[2], kc[3], kc[4], kc[5], kc[6], low, high, float(row["p"])
        )
    except (KeyError, ValueError) as error:
        raise CropTableError(f"crop {row.get('en', '?')!r}: {error}; check its Kc, Kcb, zr_max_m and p") from error
    if not (made.kcb_ini > 0.0 and made.kc_mid > 0.0 and 0.0 < made.p < 1.0 and 0.0 < low <= high):
        raise CropTableError(f"crop {made.en!r}: Kc, roots or p cannot be: {made}")
    return made


@cache
def crop_table() -> dict[str, CropEntry]:
    """Give all crops by their English name. Source: FAO-56 tables 12, 17 and 22."""
    return {made.en: made for made in map(entry, _lines("fao56_crops.csv"))}


def crop_entry(name: str) -> CropEntry:
    """Find a crop by its English or Vietnamese name; CropTableError names what is missing."""
    for made in crop_table().values():
        if name.casefold() in (made.en.casefold(), made.vi.casefold()):
            return made
    raise CropTableError(f"crop {name!r} is not in the FAO-56 table: enter its Kc with a source")


# Short names that growers write, and the row they mean.
ALIASES = {
    "melon": "Cantaloupe / netted melon", "cantaloupe": "Cantaloupe / netted melon", "dưa": "Cantaloupe / netted melon",
    "pepper": "Sweet pepper", "bell pepper": "Sweet pepper",
    "cucumber": "Cucumber (fresh)", "dưa leo": "Cucumber (fresh)",
    "maize": "Maize, grain", "corn": "Maize, grain", "onion": "Onion, dry", "banana": "Banana yr 2",
    "coffee": "Coffee, bare ground", "citrus": "Citrus 70% canopy, no cover", "avocado": "Avocado, no cover",
    "tea": "Tea, non-shaded", "pineapple": "Pineapple, bare soil", "cherry tomato": "Tomato", "grape": "Table grape",
    "cassava": "Cassava yr 1", "peanut": "Groundnut", "watermelon": "Watermelon",
}  # fmt: skip


def crop_of(name: str) -> CropEntry:
    """Find a crop by its name in the table or a short name for it; CropTableError names what is missing."""
    return crop_entry(ALIASES.get(name.casefold(), name))


def stage_lengths_d(name: str) -> list[tuple[float, float, float, float]]:
    """List the stage lengths [d] known for a crop of table 11, by its name there; empty when there are none."""
    rows = [row for row in _lines("fao56_stages.csv") if row["crop"] == name]
    return [(float(r["l_ini"]), float(r["l_dev"]), float(r["l_mid"]), float(r["l_late"])) for r in rows]
