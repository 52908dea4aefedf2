# SPDX-License-Identifier: Apache-2.0
"""A column of floats that looks like the one before it, written without looking at its shape anew.

The rule it keeps: it writes the very bytes that ``columns.encode_floats`` would write, or nothing at all.
"""

from typing import Final

import numpy as np

from telemetry.columns import DECIMAL, EXACT, POW10, SAME_BITS, Floats, Groups, Shape, encode_floats
from telemetry.ints import Ints, encode_ints, varint

_WIDTH_MAX: Final = 62


class SteadyColumn:
    """A column of one set of series: its shape, and what follows from the shape for as long as it stays."""

    __slots__ = ("_base", "_groups", "_head", "_known", "_place", "_power", "_rows", "_shape", "_width")

    def __init__(self, groups: Groups, shape: Shape) -> None:
        """Take the groups and the shape, which this column alone may change."""
        self._groups = groups
        self._shape = shape
        self._known: tuple[bytes, ...] = ()

    def encode(self, column: Floats) -> bytes:
        """Write a column of float64, exactly."""
        if not len(column):
            return b""
        bits = column.view(np.int64)
        if (bits == bits[0]).all():
            return bytes((SAME_BITS,)) + bits[:1].astype("<i8").tobytes()
        return (self._quickly(column) if self._known else None) or self._at_length(column)

    def _quickly(self, column: Floats) -> bytes | None:
        """Write the column if each value is a decimal of its series' places and within its series' bits."""
        groups = self._groups
        values = column.take(groups.order)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.rint(values * self._power)
            scaled += 0.0  # as in columns: -0.0 is no decimal
            fits = np.abs(scaled) < EXACT
            fits &= (scaled / self._power).view(np.int64) == values.view(np.int64)
        if not fits.all():
            return None
        mantissa = scaled.astype(np.int64)
        steps = np.empty(len(column), np.int64)
        np.subtract(mantissa[1:], mantissa[:-1], out=steps[1:])
        steps[groups.first] = mantissa[groups.first] - self._base
        folded = ((steps << 1) ^ (steps >> 63)).view(np.uint64)
        if (folded >> self._width).any():
            return None
        packed = (folded.take(self._rows) >> self._place).astype(np.uint8)
        packed &= 1
        return self._head + np.packbits(packed, bitorder="little").tobytes()

    def _at_length(self, column: Floats) -> bytes:
        data = encode_floats(column, self._groups, self._shape)
        shape = self._shape
        known = (shape.decimals.tobytes(), shape.base.tobytes(), shape.width.tobytes())
        if known != self._known:
            self._known = known if self._look(shape) else ()
        return data

    def _look(self, shape: Shape) -> bool:
        """Derive what ``_quickly`` needs; say whether there is such a thing for this shape."""
        if (shape.decimals < 0).any() or np.isnan(shape.base).any() or (shape.width < 0).any():
            return False
        base = np.rint(shape.base * POW10[shape.decimals])
        if (np.abs(base) >= EXACT).any() or int(shape.width.max()) > _WIDTH_MAX:
            return False
        which = self._groups.which
        self._base: Ints = base.astype(np.int64)
        self._power = POW10[shape.decimals][which]
        width = shape.width[which]
        self._width = width.astype(np.uint64)
        self._rows = np.repeat(np.arange(len(width)), width)
        self._place = (np.arange(len(self._rows)) - np.repeat(np.cumsum(width) - width, width)).astype(np.uint64)
        columns = (encode_ints(shape.decimals), encode_ints(self._base), encode_ints(shape.width))
        self._head = b"".join((bytes((DECIMAL,)), *columns, varint(0)))
        return True
