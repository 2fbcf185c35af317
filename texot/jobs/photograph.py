"""A photograph with holes, one group of holes, and the photograph while groups are filled.

Only a hole's pixels change, and only its neighbourhood is computed. Texture comes from patches of the image
that touch no unknown pixel, from the part marked by a source mask, or from another image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar, with_channels
from texot.files.original import Original, read_original
from texot.images.masks import Box, around, distance, fill_smoothly, largest_square, opened
from texot.images.palette import in_palette
from texot.images.pyramid import Periodic
from texot.jobs.hole_plan import MIN_PATCH, hole_plan
from texot.solver.options import EngineOptions
from texot.solver.plan import FieldPlan
from texot.solver.state import Output

MIN_REACH = 64  # pixels: minimal default of the reach
SCATTERED = (
    0.15  # fraction of known pixels in fully known patches below which there is no texture to learn from
)

Lay = Callable[[int, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""A function that makes a first fill: see `Photograph.lay`."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """The data that all holes of one image density.

    Attributes:
        original: the image.
        hole: (H, W) bool, the pixels to fill.
        periodic: axes (y, x) along which it wraps around.
        device: the torch device of the computation.
        allowed: (H, W) bool, where texture may be taken from, or None for the neighbourhood.
        other: another image to take texture from, or None.
        lay: makes the first fill from a scale, the texture (C, h, w) at it, its known pixels (h, w) and a
            generator. Returns an image of that scale's size, and (H, W) bool, its new pixels; the hole is
            then reduced to these and their surroundings. None: pieces are laid from the hole's edge inwards.
        reach: distance in pixels over which the weights of known pixels decrease, or None for the hole's
            width, at least 64.
        start: (C, H, W), whose pixels the hole has at first, in place of pieces; or None.
    """

    original: Original
    hole: Tensor
    periodic: Periodic
    device: torch.device
    allowed: Tensor | None = None
    other: Exemplar | None = None
    lay: Lay | None = None
    reach: float | None = None
    start: Tensor | None = None

    @property
    def usable(self) -> Tensor:
        """(H, W) bool: known pixels that texture may be taken from."""
        known = ~self.hole if self.original.opaque is None else ~self.hole & self.original.opaque
        return known if self.allowed is None else known & self.allowed


def start_image(init: Any, original: Original, alpha: str) -> tuple[Tensor, str]:
    """An image to start from, in the size and channels of a photograph, and the hash of its file.

    Args:
        init: as a photograph is given, of any size.
        original: the photograph.
        alpha: see `texot.files.original.read_original`.

    Raises:
        InputError: it cannot be read, or is of another kind than the photograph.
    """
    found = read_original(init, alpha=alpha)
    seen = Exemplar(found.pixels, None, found.mode, depth=found.depth)
    seen = seen.on_curve_of(original.depth, "the image and init")
    planes = with_channels(seen.pixels, len(original.pixels))
    if planes is None:
        have, want = len(found.pixels), len(original.pixels)
        raise InputError(f"init has {have} channels, the image {want}: give a start image of the same kind")
    size = original.pixels.shape[1:]
    if planes.shape[1:] != size:
        planes = F.interpolate(planes[None], tuple(size), mode="bicubic", antialias=True)[0].clamp(0, 1)
    return planes.contiguous(), found.sha256


def mask_sha256(mask: Tensor) -> str:
    """The hash by which a mask (H, W) bool is recorded."""
    return Exemplar(torch.zeros(0, *mask.shape, dtype=torch.float32), mask).sha256


def output_of(
    original: Original, settings: dict[str, Any], finish: Callable[[Tensor], Tensor] | None = None
) -> Output:
    """Mode, metadata and bit depth of a filled photograph: those of the photograph."""
    return Output(
        settings,
        original.mode,
        original.icc_profile,
        original.dpi,
        original.exif,
        finish,
        depth=original.depth,
    )


class HoleFill:
    """One group of holes: its neighbourhood, target texture and plan.

    Args:
        photograph: the image and all its holes.
        box: bounding box of the group.
        own: (h, w) bool, the pixels of the group in the box.
        options: options of the solver.
    """

    def __init__(self, photograph: Photograph, box: Box, own: Tensor, options: EngineOptions) -> None:
        self.photograph, self.options = photograph, options
        self.periodic = photograph.periodic
        reach = photograph.reach
        self.reach = max(float(MIN_REACH), float(largest_square(own))) if reach is None else reach
        size = photograph.hole.shape[0], photograph.hole.shape[1]
        self.box = around(box, max(16, round(2 * self.reach)), size, self.periodic)
        hole = torch.zeros(size, dtype=torch.bool)
        box.cut(hole).copy_(own)
        self.hole = self.box.cut(hole).clone()

    @cached_property
    def plan(self) -> FieldPlan:
        """Scales and steps.

        Raises:
            InputError: too few known pixels nearby.
        """
        _, known, _, known_periodic = self.target()
        return hole_plan(
            self.hole, known, self.options, periodic=self.periodic, known_periodic=known_periodic
        )

    @property
    def is_scattered(self) -> bool:
        """Whether hardly any known pixel lies in a fully known patch: there is no texture to learn."""
        if self.photograph.other is not None or self.photograph.allowed is not None:
            return False
        known = self.box.cut(self.photograph.usable)
        whole = int(opened(known, MIN_PATCH, periodic=self.periodic).sum())
        return int(known.sum()) > 0 and whole < SCATTERED * int(known.sum())

    @property
    def unknown(self) -> Tensor:
        """(h, w) bool: the pixels of the neighbourhood in any hole, and transparent ones."""
        photograph = self.photograph
        hole, opaque = self.box.cut(photograph.hole), photograph.original.opaque
        return hole if opaque is None else hole | ~self.box.cut(opaque)

    def target(self) -> tuple[Tensor, Tensor, Tensor | None, Periodic]:
        """The texture source: image, known pixels, their weights or None, and the axes that wrap around."""
        photograph = self.photograph
        if photograph.other is not None:
            image, mask = photograph.other.pixels, photograph.other.mask
            known = torch.ones(image.shape[1:], dtype=torch.bool) if mask is None else mask
            return image, known, None, (False, False)
        pixels, usable = photograph.original.pixels, photograph.usable
        if photograph.allowed is not None:
            rows, columns = usable.any(1).nonzero()[:, 0], usable.any(0).nonzero()[:, 0]
            if not len(rows):
                raise InputError("the source mask leaves nothing to take texture from: mark some known part")
            where = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
            return where.cut(pixels), where.cut(usable), None, (False, False)
        away = distance(self.hole, 2 * self.reach, periodic=self.periodic)
        density = torch.exp(-((away / self.reach) ** 2))
        return self.box.cut(pixels), self.box.cut(usable), density, self.periodic


class Canvas:
    """The photograph while its groups of holes are filled in sequence.

    Only the pixels of a filled group are stored, so that memory does not grow by a photograph for each group.

    Args:
        photograph: the image and all its holes.
        smooth: groups of holes that are interpolated, finally or until they are filled.
        colours: (K, C), the allowed colours of filled pixels, or None for any.
    """

    def __init__(self, photograph: Photograph, smooth: list[HoleFill], colours: Tensor | None) -> None:
        self.photograph, self.colours = photograph, colours
        self.smooth = photograph.original.pixels.clone()
        for fill in smooth:
            part = fill.box.cut(self.smooth)
            found = fill_smoothly(part, ~fill.unknown, periodic=fill.periodic, scattered=fill.is_scattered)
            part.copy_(torch.where(fill.hole, found, part))
        self.filled: list[tuple[Box, Tensor, Tensor]] = []

    def image(self, done: int) -> Tensor:
        """A copy of the photograph (C, H, W) with the first `done` groups filled."""
        image = self.smooth.clone()
        for box, hole, values in self.filled[:done]:
            box.cut(image)[:, hole] = values
        return image

    def finished(self, done: int, box: Box, hole: Tensor, crop: Tensor) -> Tensor:
        """The whole photograph (C, H, W), with its alpha if it has one.

        Args:
            done: number of groups filled before.
            box: the neighbourhood of this group.
            hole: (h, w) bool, the pixels of the group in it.
            crop: (C, h, w), the neighbourhood with the hole filled.
        """
        whole = self.image(done)
        box.cut(whole)[:, hole] = crop[:, hole]
        return self.whole(whole)

    def whole(self, image: Tensor) -> Tensor:
        """An image of the photograph's size with the allowed colours, and with its alpha if it has one."""
        alpha = self.photograph.original.alpha
        if self.colours is not None:
            image = torch.where(self.photograph.hole, in_palette(image, self.colours), image)
        if alpha is None:
            return image
        return torch.cat([image, torch.where(self.photograph.hole, 1.0, alpha)])
