# SPDX-License-Identifier: Apache-2.0
"""Many tables in one buffer, so that a kernel takes two arrays instead of forty.

The rule it keeps: ``shape`` has a row (start, rows, columns) for each table; a vector has one column. Handing an array
to compiled code costs some 0.3 µs, which for forty of them is ten times the work of a small farm's tick. Tables of
numbers lie column by column, for a pass over ten thousand zones looks at two or three columns of twenty; to those who
use it, a table is rows and columns as ever.
"""

import numpy as np
import numpy.typing as npt

from controllers.kernels.jit import njit_counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit_counted
def table(memory: Floats, shape: Ints, number: int) -> Floats:
    """Give one table of numbers as a view of the buffer.

    Shapes are [start, rows, columns]. Source: docs/control.md.
    """
    start, rows, columns = shape[number, 0], shape[number, 1], shape[number, 2]
    return memory[start : start + rows * columns].reshape((columns, rows)).T


@njit_counted
def vector(memory: Floats, shape: Ints, number: int) -> Floats:
    """Give one vector of numbers as a view of the buffer.

    Shapes are [start, rows, columns]. Source: docs/control.md.
    """
    start, rows = shape[number, 0], shape[number, 1]
    return memory[start : start + rows]


@njit_counted
def index_table(indices: Ints, shape: Ints, number: int) -> Ints:
    """Give one table of indices as a view of the buffer.

    Shapes are [start, rows, columns]. Source: docs/control.md.
    """
    start, rows, columns = shape[number, 0], shape[number, 1], shape[number, 2]
    return indices[start : start + rows * columns].reshape((rows, columns))


@njit_counted
def index_vector(indices: Ints, shape: Ints, number: int) -> Ints:
    """Give one vector of indices as a view of the buffer.

    Shapes are [start, rows, columns]. Source: docs/control.md.
    """
    start, rows = shape[number, 0], shape[number, 1]
    return indices[start : start + rows]


def _lay(arrays: list[Floats] | list[Ints]) -> Ints:
    shape = np.zeros((len(arrays), 3), dtype=np.int64)
    start = 0
    for i, array in enumerate(arrays):
        shape[i] = (start, array.shape[0], array.shape[1] if array.ndim == 2 else 1)
        start += array.size
    return shape


def pack_floats(arrays: list[Floats]) -> tuple[Floats, Ints, list[Floats]]:
    """Copy tables into one buffer; give it, its shape, and views of the same shapes as the tables had."""
    memory: Floats = np.concatenate([array.ravel(order="F") for array in arrays])
    shape = _lay(arrays)
    views = [
        memory[int(s) : int(s) + array.size].reshape(array.shape, order="F")
        for array, s in zip(arrays, shape[:, 0], strict=True)
    ]
    return memory, shape, views


def pack_ints(arrays: list[Ints]) -> tuple[Ints, Ints]:
    """Copy tables of indices into one buffer; give it and its shape."""
    memory: Ints = np.concatenate([array.ravel() for array in arrays])
    return memory, _lay(arrays)
