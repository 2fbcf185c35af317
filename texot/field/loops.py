"""The search and the vote of `search.py` and `vote.py` as plain loops, for `compiled.py` to compile.

They give the same bytes as the tensor code: distances are sums of integers, and the vote multiplies and adds
in the same order. They are slow unless compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def improve(
    x: Array,
    key: Array,
    plane_y: Array,
    plane_x: Array,
    first: int,
    last: int,
    stride: int,
    wraps: Array,
    shape: Array,
    steps: Array,
    draws: Array,
    price: Array,
    active: Array,
    usable: Array,
    found: Array,
    distance: Array,
    begin: int,
) -> None:
    """Try candidates for rows of patches; see `texot.field.search.search`.

    Args:
        x: (n, k) int16 patches of the band that starts at row `begin`.
        key: (m, k) int16 patches of the exemplar.
        plane_y, plane_x: (rows, columns) int32 position of every patch's target before the search.
        first, last: rows of patches to search, as indices of the planes' rows.
        stride: distance of neighbouring patches in pixels.
        wraps: (2,) int64, whether the axes (y, x) wrap around.
        shape: (2,) int64 (rows, columns) of the exemplar's patches.
        steps: (s, 2) int64 (dy, dx) in patches to the neighbours that propose candidates, in this order.
        draws: (r, 2, n) int32 offsets (y, x) of random candidates, tried afterwards.
        price: (m,) float32 cost of each target in addition to its distance, or (0,) for none.
        active: (rows * columns,) bool, patches whose targets may change, or (0,) for all.
        usable: (m,) bool, patches that are targets, or (0,) for all.
        found: (rows * columns,) int64, updated in place.
        distance: (rows * columns,) int32, updated in place.
        begin: row of the planes at which x starts.
    """
    rows, columns = plane_y.shape
    n_axes = x.shape[1]
    for row in range(first, last):
        for column in range(columns):
            n = row * columns + column
            if len(active) and not active[n]:
                continue
            own = n - begin * columns
            best, target = distance[n], found[n]
            for k in range(len(steps) + len(draws)):
                if k < len(steps):
                    dy, dx = steps[k, 0], steps[k, 1]
                    i, j = row + dy, column + dx
                    if i < 0 or i >= rows:
                        if not wraps[0]:
                            continue
                        i %= rows
                    if j < 0 or j >= columns:
                        if not wraps[1]:
                            continue
                        j %= columns
                    y, left = plane_y[i, j] - dy * stride, plane_x[i, j] - dx * stride
                else:
                    y = plane_y[row, column] + draws[k - len(steps), 0, own]
                    left = plane_x[row, column] + draws[k - len(steps), 1, own]
                if y < 0 or y >= shape[0] or left < 0 or left >= shape[1]:
                    continue
                index = y * shape[1] + left
                if index == target or (len(usable) and not usable[index]):
                    continue
                found_distance = 0
                for axis in range(n_axes):
                    difference = np.int32(x[own, axis]) - np.int32(key[index, axis])
                    found_distance += difference * difference
                if len(price):
                    there = np.float32(np.float32(found_distance) + price[index])
                    better = there < np.float32(np.float32(best) + price[target])
                else:
                    better = found_distance < best
                if better:
                    best, target = found_distance, index
            distance[n], found[n] = best, target


def vote(
    total: Array,
    pixels: Array,
    corner: Array,
    weights: Array,
    window: Array,
    width: int,
    stride: int,
    first: int,
    last: int,
) -> None:
    """Add the votes of patches to rows of an image; see `texot.field.vote.vote`.

    Args:
        total: (height, wide, C + 1) float32, updated in place: weighted sums, and sums of weights.
        pixels: (h * w, C) float32, the exemplar.
        corner: (rows, columns) int64 index of the first pixel of every patch's target.
        weights: (rows, columns) float32.
        window: (side, side) float32 weights of a patch's pixels.
        width: w in pixels.
        stride: distance of neighbouring patches in pixels.
        first, last: rows of `total` to sum.
    """
    side, channels = len(window), pixels.shape[1]
    rows, columns = corner.shape
    for row in range(first, last):
        for y in range(side):
            i = row - y
            if i < 0 or i % stride or i // stride >= rows:
                continue
            i //= stride
            for x in range(side):
                offset, of_pixel = y * width + x, window[y, x]
                for j in range(columns):
                    weight = weights[i, j] * of_pixel
                    pixel = corner[i, j] + offset
                    column = j * stride + x
                    for channel in range(channels):
                        total[row, column, channel] += pixels[pixel, channel] * weight
                    total[row, column, channels] += weight
