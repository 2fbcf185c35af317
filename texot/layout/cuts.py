"""Cuts of least error through the overlap of two pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def least_cut(error: npt.NDArray[np.float32], *, closed: bool = False) -> npt.NDArray[np.int64]:
    """The path of least error from the first row to the last, with one column per row and steps of at most
    one.

    Args:
        error: (n, k), k >= 1.
        closed: whether the last row is adjacent to the first. The path is then the middle part of one that
            goes around three times; its ends nearly always meet.

    Returns:
        (n,) columns. (Dynamic programming; Efros & Freeman 2001, section 2.1.)
    """
    if closed:
        return least_cut(np.concatenate([error] * 3))[len(error) : 2 * len(error)]
    n, k = error.shape
    total = np.full((n, k + 2), np.inf)
    total[0, 1:-1] = error[0]
    for row in range(1, n):
        last = total[row - 1]
        total[row, 1:-1] = error[row] + np.minimum(np.minimum(last[:-2], last[1:-1]), last[2:])
    path = np.empty(n, np.int64)
    path[-1] = int(total[-1, 1:-1].argmin())
    for row in range(n - 2, -1, -1):
        low = path[row + 1]  # index of the padded columns: one to the left
        path[row] = low - 1 + int(total[row, low : low + 3].argmin())
    return path
