"""Perspective: the homography of four points, and an image seen through it.

Positions are (x, y) in pixels from the upper left corner of an image: its first pixel has its centre at
(.5, .5). A quad is the four corners of a part, clockwise from the upper left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Point = tuple[float, float]
Quad = Sequence[Point]

_EXACT = 1e-6  # pixels from the centre of a pixel within which it is copied
_ENOUGH = 1.25  # pixels of the source a pixel of the result up to which one sample is enough
_MOST = 16  # samples along each side of a pixel
_SAMPLES = 1 << 21  # at once


def homography(source: Quad, target: Quad) -> Tensor:
    """The (3, 3) float64 matrix that maps four points to four others, scaled to a last entry of 1.

    The two linear equations of each pair, u (g x + h y + 1) = a x + b y + c and likewise for v, are solved
    for the eight unknowns.

    Args:
        source, target: four points, no three of them on a line.

    Raises:
        ValueError: three are on a line.
    """
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    matrix = torch.tensor(rows, dtype=torch.float64)
    found, info = torch.linalg.solve_ex(matrix, torch.tensor(right, dtype=torch.float64))
    if int(info) or not bool(torch.isfinite(found).all()):
        raise ValueError("three of the four points are on a line")
    return torch.cat([found, found.new_ones(1)]).view(3, 3)


def rectangle(width: float, height: float, left: float = 0.0, top: float = 0.0) -> list[Point]:
    """The corners of a rectangle as a quad."""
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def turned(quad: Quad, degrees: float) -> list[Point]:
    """The part that shows a quad's content turned counterclockwise about the mean of its corners."""
    x, y = (sum(point[axis] for point in quad) / 4 for axis in (0, 1))
    cosine, sine = _rotation(degrees)
    return [
        (
            x + cosine * (u - x) - sine * (v - y),
            y + sine * (u - x) + cosine * (v - y),
        )
        for u, v in quad
    ]


def turned_inside(width: int, height: int, degrees: float) -> list[Point]:
    """The largest part of an image that shows it turned counterclockwise, with its aspect.

    Turned by more than 45 degrees, it has the aspect of the image on its side.
    """
    cosine, sine = (abs(value) for value in _rotation(degrees))
    across, along = (width, height) if cosine >= sine else (height, width)
    scale = min(
        width / (across * cosine + along * sine),
        height / (across * sine + along * cosine),
    )
    across, along = across * scale, along * scale  # type: ignore[assignment]
    return turned(rectangle(across, along, (width - across) / 2, (height - along) / 2), degrees)


def quad_size(quad: Quad) -> tuple[int, int]:
    """(width, height) in pixels of a quad seen from the front: the means of opposite sides."""
    a, b, c, d = quad
    width, height = (math.dist(a, b) + math.dist(d, c)) / 2, (math.dist(a, d) + math.dist(b, c)) / 2
    return max(1, round(width)), max(1, round(height))


def is_convex(quad: Quad) -> bool:
    """Whether the corners are in clockwise order, without a reflex one."""
    turns = []
    for k in range(4):
        (x, y), (u, v), (s, t) = (quad[(k + i) % 4] for i in range(3))
        turns.append((u - x) * (t - v) - (v - y) * (s - u))
    return min(turns) > 0


def copied_places(quad: Quad, size: tuple[int, int], source: tuple[int, int]) -> Tensor | None:
    """(H, W) int64, the index of the source's pixel that each pixel copies; None where they do not copy.

    So it is with the whole image, with parts of whole pixels, and with quarter turns.

    Args:
        quad: part of the source.
        size: (width, height) of the result.
        source: (width, height) of the source.
    """
    width, height = size
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    matrix = homography(rectangle(width, height), quad)
    if float(matrix[2, :2].abs().max()) > _EXACT / max(size):
        return None
    steps = matrix[:2, :2]
    rounded = steps.round()
    first = (matrix[:2] @ torch.cat([corners[0] + 0.5, corners.new_ones(1)])) - 0.5
    if float((steps - rounded).abs().max()) * max(size) > _EXACT or set(
        rounded.abs().sum(0).tolist() + rounded.abs().sum(1).tolist()
    ) != {1.0}:
        return None
    if float((first - first.round()).abs().max()) > _EXACT:
        return None
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    (a, b), (c, d) = rounded.long().tolist()
    u = a * x + b * y + int(first[0].round())
    v = c * x + d * y + int(first[1].round())
    inside = (u >= 0) & (u < source[0]) & (v >= 0) & (v < source[1])
    return v * source[0] + u if bool(inside.all()) else None


def seen_through(image: Tensor, quad: Quad, size: tuple[int, int]) -> Tensor:
    """A part of an image as a rectangle.

    Each pixel is the mean of bicubic samples (a = -3/4) in it, as many as keep their distance in the image
    below one pixel. Where all pixels are pixels of the image, they are copied.

    Args:
        image: (C, H, W).
        quad: the part; beyond the image, its edge is continued.
        size: (width, height) of the result.

    Returns:
        (C, height, width).

    Raises:
        ValueError: three corners are on a line.
    """
    width, height = size
    channels, rows, columns = image.shape
    places = copied_places(quad, size, (columns, rows))
    if places is not None:
        return image.flatten(1)[:, places.flatten()].view(channels, height, width)
    matrix = homography(rectangle(width, height), quad)
    n = _samples(matrix, size)
    offsets = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    across = (torch.arange(width, dtype=torch.float64)[:, None] + offsets).flatten()
    found = image.new_empty(channels, height, width)
    band = max(1, _SAMPLES // (n * n * width))
    for top in range(0, height, band):
        count = min(band, height - top)
        down = (torch.arange(top, top + count, dtype=torch.float64)[:, None] + offsets).flatten()
        y, x = torch.meshgrid(down, across, indexing="ij")
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
        grid = torch.stack([2 * u / w / columns - 1, 2 * v / w / rows - 1], -1).to(image)
        values = F.grid_sample(
            image[None], grid[None], mode="bicubic", padding_mode="border", align_corners=False
        )
        found[:, top : top + count] = F.avg_pool2d(values, n)[0] if n > 1 else values[0]
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    return found.clamp(low, high)


def _rotation(degrees: float) -> tuple[float, float]:
    """Cosine and sine, exact at quarter turns."""
    quarters = degrees / 90
    if quarters == round(quarters):
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(quarters) % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _samples(matrix: Tensor, size: tuple[int, int]) -> int:
    """Samples along each side of a pixel: by the largest step in the source at five places."""
    width, height = size
    largest = 0.0
    for x, y in ((0.0, 0.0), (width, 0.0), (0.0, height), (width, height), (width / 2, height / 2)):
        u, v, w = (matrix @ torch.tensor([x, y, 1.0], dtype=torch.float64)).tolist()
        jacobian = (
            torch.stack([matrix[0, :2] - u / w * matrix[2, :2], matrix[1, :2] - v / w * matrix[2, :2]]) / w
        )
        largest = max(largest, float(torch.linalg.matrix_norm(jacobian, 2)))
    return 1 if largest <= _ENOUGH else min(_MOST, math.ceil(largest))
