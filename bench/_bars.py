# SPDX-License-Identifier: Apache-2.0
"""Bars for the documentation: one group a row, one bar a value, with its number, as SVG.

The rule it keeps: bars begin at 0, carry their numbers, and differ in pattern of grey, so that print shows them too.
"""

from html import escape
from typing import Final

WIDTH: Final = 720.0
LABEL: Final = 170.0
BAR: Final = 16.0
GAP: Final = 10.0
TOP: Final = 56.0
SHADES: Final = ("#2d6a4f", "#95d5b2", "#c9c9c9")


def bars(title: str, rows: dict[str, dict[str, float]]) -> str:
    """Draw ``rows`` of named values (all 0 or more) under a ``title``."""
    kinds = list(dict.fromkeys(kind for values in rows.values() for kind in values))
    most = max(max(values.values()) for values in rows.values()) or 1.0
    y, parts = TOP, []
    for name, values in rows.items():
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + BAR * len(values) / 2 + 4}" text-anchor="end">{escape(name)}</text>'
        )
        for kind, value in values.items():
            long = max((WIDTH - LABEL - 60.0) * value / most, 1.0)
            shade = SHADES[kinds.index(kind) % 3]
            parts.append(
                f'<rect x="{LABEL}" y="{y:.1f}" width="{long:.1f}" height="{BAR - 2}" fill="{shade}"/>'
                f'<text x="{LABEL + long + 6:.1f}" y="{y + BAR - 5:.1f}">{value:.0f}</text>'
            )
            y += BAR
        y += GAP
    legend = "".join(
        f'<rect x="{LABEL + 150 * i}" y="32" width="12" height="12" fill="{SHADES[i % 3]}"/>'
        f'<text x="{LABEL + 150 * i + 18}" y="42">{escape(kind)}</text>'
        for i, kind in enumerate(kinds)
    )
    head = f'<text x="{LABEL}" y="20" font-weight="bold">{escape(title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {y:.0f}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{head}{legend}{"".join(parts)}</svg>\n'
    )
