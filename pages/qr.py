# SPDX-License-Identifier: Apache-2.0
"""Draws QR codes for stickers (a zone, a valve, a probe) and for a terminal.

The rule it keeps: the code carries a short address only; error correction is M (15 %), Q (25 %) on stickers that
get wet and dirty (ISO/IEC 18004).
"""

import io
from typing import Final, Literal

import segno

MAX_CHARACTERS: Final = 300  # more makes a code that a cheap phone cannot read from a 25 mm sticker


def _code(text: str, error: Literal["M", "Q"]) -> segno.QRCode:
    if not text or len(text) > MAX_CHARACTERS:
        raise ValueError(f"a QR code holds 1 to {MAX_CHARACTERS} characters here; {len(text)} were given")
    return segno.make_qr(text, error=error)


def svg(text: str, title: str, *, module_mm: float = 0.8) -> str:
    """Give a QR code as an SVG with ``title`` for those who do not see it; ``module_mm`` is one square's side."""
    out = io.BytesIO()
    _code(text, "Q").save(out, kind="svg", xmldecl=False, svgns=True, title=title, unit="mm", scale=module_mm)
    return out.getvalue().decode()


def terminal(text: str) -> str:
    """Give a QR code in block characters for a terminal."""
    out = io.StringIO()
    _code(text, "M").terminal(out, compact=True)
    return out.getvalue()
