"""Straighten a photograph before it becomes a texture: crop it, turn it, set it upright, light it evenly.

Everything but the light is one homography: a part of the photograph, given by four corners, becomes a
rectangle (`texot.images.perspective`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.original import Original, read_original
from texot.files.sizes import parse_size
from texot.images.lighting import level
from texot.images.perspective import (
    Point,
    copied_places,
    is_convex,
    quad_size,
    rectangle,
    seen_through,
    turned,
    turned_inside,
)
from texot.solver.options import provenance, real
from texot.solver.state import Log, LossRecord, Output, State, Synthesis
from texot.solver.torch_modes import own_modes, stepwise

__all__ = ["iter_straightened", "straighten"]

_SLACK = 0.01  # pixels by which a corner may be beyond the photograph


def straighten(image: Any, **options: Any) -> Synthesis:
    """A part of a photograph as an upright image.

    Args:
        image: path, PIL image, NumPy array (H, W[, C]) or torch tensor (C, H, W), as in `texot.synthesize`.
        **options: see `iter_straightened`; it raises the errors listed there.

    Returns:
        The image in the photograph's bit depth, mode and colour profile. Where every pixel is a pixel of the
        photograph (crops of whole pixels, quarter turns), its values are copied.

    Example:
        >>> import torch
        >>> image = torch.rand(3, 40, 60)
        >>> bool((straighten(image, crop=(20, 10, 5, 7)).image == image[:, 7:17, 5:25]).all())
        True
    """
    return next(iter(iter_straightened(image, **options))).result()


@own_modes()
def iter_straightened(
    image: Any,
    *,
    quad: Sequence[Any] | None = None,
    crop: Sequence[int] | None = None,
    rotate: float = 0.0,
    size: str | int | tuple[int, int] | None = None,
    flatten: bool = False,
    alpha: str = "mask",
) -> Iterator[State]:
    """Straighten a photograph: an iterator of one state. Arguments are checked at once.

    Args:
        image: see `straighten`.
        quad: the four corners of what becomes the image, clockwise from its upper left: pairs (x, y), or
            eight numbers, in pixels from the photograph's upper left corner.
        crop: (width, height, x, y) of a part in pixels, instead of `quad`. Without both: the whole.
        rotate: degrees by which the content is turned counterclockwise, about the middle of the part. The
            whole photograph is then cropped to what the turned one covers. Not with `quad`.
        size: (width, height), "WxH", or a factor of the part's size, the means of opposite sides; None: that
            size.
        flatten: remove slow variations of brightness and colour, see `texot.images.lighting.level`.
        alpha: see `texot.iter_synthesis`; with "mask", alpha is kept, and transparent pixels are ignored.

    Raises:
        InputError: an image that cannot be read, or a part that is not convex or not in it.
    """
    original = read_original(image, alpha=alpha)
    part = _part(
        original.size, quad, crop, real("rotate", rotate, "a number of degrees from -360", -360, 360)
    )
    wanted = parse_size(size, quad_size(part))
    settings = {
        "job": "straighten",
        **provenance(),
        "quad": [round(value, 6) for point in part for value in point],
        "size": list(wanted),
        "flatten": bool(flatten),
        "alpha": alpha,
        "image_sha256": original.sha256,
    }
    numbers = settings["quad"]
    assert isinstance(numbers, list)
    exact = list(zip(numbers[::2], numbers[1::2], strict=True))  # as recorded, so that replay sees the same
    return stepwise(_one_state(original, exact, wanted, settings))


def _one_state(original: Original, part: list[Point], size: tuple[int, int], settings: dict[str, Any]) -> Any:
    made = _seen(original, part, size)
    if settings["flatten"]:
        made = replace(made, pixels=level(made.pixels, made.opaque))
    planes = made.pixels if made.alpha is None else torch.cat([made.pixels, made.alpha])
    output = Output(settings, made.mode, made.icc_profile, made.dpi, made.exif, depth=made.depth)
    log = Log([LossRecord(0, 1, 0.0)], [0.0])
    yield State(0, 1, 1, 1, 1, 1, 0.0, 0.0, 0.0, 0.0, output, log, lambda: planes, lambda: planes)


def _seen(original: Original, part: list[Point], size: tuple[int, int]) -> Original:
    """The part of a photograph in (width, height) pixels, without colours of transparent pixels."""
    pixels, alpha = original.pixels, original.alpha
    places = copied_places(part, size, original.size)
    if alpha is None or places is not None:
        pixels = seen_through(pixels, part, size)
        alpha = None if alpha is None else seen_through(alpha, part, size)
    else:
        weighted, alpha = pixels * alpha, seen_through(alpha, part, size).clamp(0, 1)
        pixels = seen_through(weighted, part, size) / alpha.clamp_min(1e-4)
    pixels = pixels.clamp(0, 1)
    known: Tensor | None = None
    if original.opaque is not None:
        known = seen_through(original.opaque[None].float(), part, size)[0] > 0.5
    depth = original.depth
    if depth is not None and places is not None:
        depth = replace(depth, places=places)
    elif depth is not None:
        depth = depth.resized(pixels if alpha is None else torch.cat([pixels, alpha]), original.mode)
    return replace(original, pixels=pixels, alpha=alpha, opaque=known, depth=depth)


def _part(
    size: tuple[int, int], quad: Sequence[Any] | None, crop: Sequence[int] | None, degrees: float
) -> list[Point]:
    """The corners of what is asked for.

    Raises:
        InputError: it is not in the image, or no part.
    """
    if quad is not None and (crop is not None or degrees):
        raise InputError("quad says what becomes the image: leave out crop and rotate, or quad")
    if quad is not None:
        part = _corners(quad)
    elif crop is not None:
        try:
            width, height, left, top = (int(value) for value in crop)
        except (TypeError, ValueError) as error:
            raise InputError(f"crop must be (width, height, x, y) in pixels, not {quoted(crop)}") from error
        part = turned(rectangle(width, height, left, top), degrees)
    else:
        part = turned_inside(*size, degrees) if degrees else rectangle(*size)
    if not is_convex(part) or min(quad_size(part)) < 1:
        raise InputError("the corners are no convex part: give them clockwise, from the upper left")
    beyond = max(max(-x, x - size[0], -y, y - size[1]) for x, y in part)
    if beyond > _SLACK:
        raise InputError(
            f"the part leaves the image of {size[0]}x{size[1]} px by {beyond:.1f} px: make it smaller"
        )
    return [(min(max(x, 0.0), float(size[0])), min(max(y, 0.0), float(size[1]))) for x, y in part]


def _corners(quad: Sequence[Any]) -> list[Point]:
    try:
        numbers = (
            [float(value) for value in quad] if len(quad) == 8 else [float(v) for xy in quad for v in xy]
        )
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 8 or not all(map(math.isfinite, numbers)):
        raise InputError(f"quad must be four corners (x, y), not {quoted(quad)}")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
