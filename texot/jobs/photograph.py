"""A photograph with holes: what all of them share, what one of them is, and the image while they are filled.

Only a hole's pixels move, and only its neighbourhood is computed. Texture comes from patches of the image
that touch no unknown pixel, or from a source mask's part of it, or from another image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.files.original import Original
from texot.images.masks import Box, around, distance, fill_smoothly, largest_square, opened
from texot.images.palette import in_palette
from texot.images.pyramid import Periodic
from texot.jobs.hole_plan import LEAST_PATCH, hole_plan
from texot.solver.options import EngineOptions
from texot.solver.plan import FieldPlan

LEAST_REACH = 64  # pixels, by default
SCATTERED = 0.15  # share of the known pixels that lie in whole patches, below which none can be learnt from

Lay = Callable[[int, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Makes a first fill: see `Photograph.lay`."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """What all holes of one image share.

    Attributes:
        original: the image.
        hole: (H, W) bool, its pixels to be filled.
        periodic: axes (y, x) along which it wraps around.
        device: where the work is done.
        allowed: (H, W) bool, where texture may be taken from, or None for everywhere near.
        other: another image to take it from, or None.
        lay: makes the first fill from a scale, the texture (C, h, w) there, its known pixels (h, w) and a
            generator: an image of that scale's size, and (H, W) bool, which of its pixels are new; only those
            and what is next to them is a hole then. None: it is laid from the hole's edge inwards.
        reach: pixels over which what lies around a hole loses its weight, or None for the hole's width, at
            least 64.
    """

    original: Original
    hole: Tensor
    periodic: Periodic
    device: torch.device
    allowed: Tensor | None = None
    other: Exemplar | None = None
    lay: Lay | None = None
    reach: float | None = None

    @property
    def usable(self) -> Tensor:
        """(H, W) bool: pixels that are known and may be copied."""
        known = ~self.hole if self.original.opaque is None else ~self.hole & self.original.opaque
        return known if self.allowed is None else known & self.allowed


class HoleFill:
    """One group of holes: its neighbourhood, what it takes texture from, its plan.

    Args:
        photograph: the image.
        box: around the holes.
        own: (h, w) bool, their pixels in there.
        options: of the solver.
    """

    def __init__(self, photograph: Photograph, box: Box, own: Tensor, options: EngineOptions) -> None:
        self.photograph, self.options = photograph, options
        self.periodic = photograph.periodic
        reach = photograph.reach
        self.reach = max(float(LEAST_REACH), float(largest_square(own))) if reach is None else reach
        size = photograph.hole.shape[0], photograph.hole.shape[1]
        self.box = around(box, max(16, round(2 * self.reach)), size, self.periodic)
        hole = torch.zeros(size, dtype=torch.bool)
        box.cut(hole).copy_(own)
        self.hole = self.box.cut(hole).clone()

    @cached_property
    def plan(self) -> FieldPlan:
        """Scales and steps.

        Raises:
            InputError: not enough is known nearby.
        """
        _, known, _, known_periodic = self.target()
        return hole_plan(
            self.hole, known, self.options, periodic=self.periodic, known_periodic=known_periodic
        )

    @property
    def is_scattered(self) -> bool:
        """Whether so few pixels are known that hardly any lie in whole patches: no texture to learn."""
        if self.photograph.other is not None or self.photograph.allowed is not None:
            return False
        known = self.box.cut(self.photograph.usable)
        whole = int(opened(known, LEAST_PATCH, periodic=self.periodic).sum())
        return int(known.sum()) > 0 and whole < SCATTERED * int(known.sum())

    @property
    def unknown(self) -> Tensor:
        """(h, w) bool of the neighbourhood: what this job or another fills, or nobody knows."""
        photograph = self.photograph
        hole, opaque = self.box.cut(photograph.hole), photograph.original.opaque
        return hole if opaque is None else hole | ~self.box.cut(opaque)

    def target(self) -> tuple[Tensor, Tensor, Tensor | None, Periodic]:
        """Image, known pixels and their shares of mass, of what texture is taken from; what wraps there."""
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
        share = torch.exp(-((away / self.reach) ** 2))
        return self.box.cut(pixels), self.box.cut(usable), share, self.periodic


class Canvas:
    """The photograph while its holes are filled, one group after the other.

    A filled group is kept as its hole's pixels alone, so that memory does not grow by a photograph a hole.

    Args:
        photograph: the image.
        smooth: groups of holes that are filled smoothly, for good or until their turn comes.
        colours: (K, C), those that filled pixels may have, or None for any.
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
        """The photograph (C, H, W) after so many groups, a copy."""
        image = self.smooth.clone()
        for box, hole, values in self.filled[:done]:
            box.cut(image)[:, hole] = values
        return image

    def finished(self, done: int, box: Box, hole: Tensor, crop: Tensor) -> Tensor:
        """The whole photograph (C, H, W), with its alpha if it has one.

        Args:
            done: groups that were filled before.
            box: the neighbourhood of this one.
            hole: (h, w) bool, its pixels in there.
            crop: (C, h, w), the neighbourhood with the hole filled.
        """
        whole = self.image(done)
        box.cut(whole)[:, hole] = crop[:, hole]
        return self.whole(whole)

    def whole(self, image: Tensor) -> Tensor:
        """An image of the photograph's size in the result's colours, with its alpha if it has one."""
        alpha = self.photograph.original.alpha
        if self.colours is not None:
            image = torch.where(self.photograph.hole, in_palette(image, self.colours), image)
        if alpha is None:
            return image
        return torch.cat([image, torch.where(self.photograph.hole, 1.0, alpha)])
