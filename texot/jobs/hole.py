"""One group of holes of a photograph as a problem of the solver: target measure and first fill.

The source patches are those that touch the hole. The target patches are those of the image that touch no
unknown pixel, with weights that decrease with their distance from the hole, or those of a source mask, or of
another image.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.autocorrelation import LOOSE, correlation_length, regularity
from texot.images.masks import (
    details,
    distance,
    fill_smoothly,
    largest_square,
    masked_pyramid,
    opened,
    shrunk,
)
from texot.images.pyramid import Periodic, extend, gaussian_pyramid
from texot.jobs.hole_plan import MIN_HOLE
from texot.jobs.photograph import Canvas, HoleFill, output_of
from texot.layout.onion_fill import onion_fill
from texot.layout.shift_map import shift_map
from texot.solver.field_solver import Problem
from texot.solver.region import Hole
from texot.solver.run import Task

TRUST_DEPTH = 1.5  # pixels of each scale, from the edge of a hole, over which trust decays to 1/e
MIN_TRUST = 0.1
PIECE, PIECE_FRACTION = 12, 1 / 4  # pieces of the first fill: pixels, fraction of the texture; the larger
MIN_PIECE = 4
ATTEMPTS = 4  # number of first fills of a hole; the best is kept
LARGE_FEATURES = 3.0  # pixels of correlation length at the coarsest scale from which features are kept whole
MAX_SEARCHED = 2**20  # maximal pixels of a texture that is searched for pieces
AROUND = 8  # pixels of the coarsest scale around the pieces of the first fill that are likely as well
MIN_LIKELY = 0.002
JOIN = (
    1,
    3,
)  # pixels of the coarsest scale around new pieces that are synthesised too: during the fill, at the end
MIN_COUNT = 64  # pixels of a hole whose contrast can be measured
MAX_GAIN = 1.5


def hole_task(fill: HoleFill, generator: torch.Generator, settings: dict[str, Any], canvas: Canvas) -> Task:
    """The solver's task for a group of holes. Its memory is released when the task ends.

    Args:
        fill: the group of holes.
        generator: CPU generator of all random numbers.
        settings: the result's record.
        canvas: the photograph, with the groups before filled.
    """

    def done(image: Tensor) -> None:
        filling = made.pop()
        canvas.filled.append((fill.box, filling.hole, image.cpu()[:, filling.hole]))

    def make() -> Problem:
        made.append(Filling(fill, generator, canvas))
        return made[0].problem(settings)

    made: list[Filling] = []
    return Task(fill.plan, (fill.hole.shape[0], fill.hole.shape[1]), make, done)


class Filling:
    """The data of a group of holes while it is filled: scales, measures and pixels.

    Args:
        fill: the group of holes.
        generator: CPU generator of all random numbers.
        canvas: the photograph, with the groups before filled.
    """

    def __init__(self, fill: HoleFill, generator: torch.Generator, canvas: Canvas) -> None:
        self.fill, self.generator, self.canvas = fill, generator, canvas
        self.photograph, self.plan, self.box = fill.photograph, fill.plan, fill.box
        self.periodic, self.hole = fill.periodic, fill.hole
        self.done = len(canvas.filled)

    def problem(self, settings: dict[str, Any]) -> Problem:
        """The problem: known pixels, first fill of the hole, target measure."""
        photograph, device, n_scales = self.photograph, self.photograph.device, self.plan.n_scales
        image, known, density, periodic = self.fill.target()
        self.target_periodic = periodic
        self.target = masked_pyramid(image.to(device), known.to(device), n_scales, periodic=periodic)
        self.densities = self._planes(density, periodic)
        canvas, laid, hole = self.box.cut(self.canvas.image(self.done)), None, self.hole
        coarsest = n_scales - 1
        if photograph.lay is None:  # unknown pixels outside the hole need some value
            canvas = fill_smoothly(canvas, ~self.fill.unknown, periodic=self.periodic)
        else:
            laid, new = photograph.lay(coarsest, *self.target[-1], self.generator)
            hole = self.hole & self._near(new.cpu(), coarsest, JOIN[0])
            self.hole = self.hole & self._near(new.cpu(), coarsest, JOIN[1])
        own = masked_pyramid(canvas.to(device), ~hole.to(device), n_scales, periodic=self.periodic)
        self.fixed = [image for image, _ in own]
        self.holes = [self.hole.to(device), *(~known for _, known in own[1:])]
        if laid is None and photograph.start is not None:
            given = self.box.cut(photograph.start).to(device)
            laid = gaussian_pyramid(given, n_scales, periodic=self.periodic)[coarsest]
        elif laid is None:
            laid, origin = self._first_fill(coarsest)
            if density is not None:
                self.densities = self._planes(density * self._likely(origin, density.shape), periodic)
        start = torch.where(self.holes[coarsest], laid, self.fixed[coarsest])
        original = photograph.original
        finish = partial(self.canvas.finished, self.done, self.box, self.hole)
        return Problem(
            self.plan,
            self.target,
            self.periodic,
            start,
            output_of(original, settings, finish),
            None if original.mode == "multi" else self._with_contrast,  # maps must stay registered
            [Hole(i, m, self._trust(m)) for i, m in zip(self.fixed, self.holes, strict=True)],
            backend=self.fill.options.backend,
        )

    def _planes(self, density: Tensor | None, periodic: Periodic) -> list[Tensor | None]:
        """Weights of the target pixels at every scale."""
        if density is None:
            return [None] * self.plan.n_scales
        planes = density[None].to(self.photograph.device)
        everywhere = torch.ones_like(planes[0], dtype=torch.bool)
        scales = masked_pyramid(planes, everywhere, self.plan.n_scales, periodic=periodic)
        return [plane[0] for plane, _ in scales]

    def _likely(self, origin: Tensor, size: torch.Size) -> Tensor:
        """(h, w) in (0, 1]: weights of target pixels, by the pieces that the first fill took around them.

        A photograph contains more than the texture of the hole: nearby content that does not fit is left out.
        """
        usable = self.target[-1][1]
        side = 2 * min(AROUND, (min(usable.shape) - 1) // 2) + 1

        def mean(plane: Tensor) -> Tensor:
            return F.avg_pool2d(plane.float()[None], side, 1, side // 2, count_include_pad=False)

        density = mean(origin) / mean(usable).clamp_min(1e-3)
        if not bool((density > 0).any()):
            return torch.ones(size, dtype=torch.float32)
        fine = F.interpolate(density[None], tuple(size), mode="bilinear")[0, 0]
        return (fine / fine.max()).clamp_min(MIN_LIKELY).cpu()

    def _near(self, new: Tensor, scale: int, within: int) -> Tensor:
        """(h, w) bool at full size: the pixels of a mask (H, W) at a scale, dilated by `within` pixels."""
        wide = extend(new[None].float(), (within, within), self.periodic)
        wide = F.max_pool2d(wide, 2 * within + 1, stride=1)[0] > 0
        fine = wide.repeat_interleave(2**scale, 0).repeat_interleave(2**scale, 1)
        return fine[: self.hole.shape[0], : self.hole.shape[1]]

    def _first_fill(self, scale: int) -> tuple[Tensor, Tensor]:
        """The image at a scale with its hole filled, and a map of the pieces' origins.

        Pieces of the texture fill wide holes; dead pixels and scratches are filled smoothly.
        """
        hole, (texture, usable) = self.holes[scale], self.target[scale]
        image = fill_smoothly(self.fixed[scale], ~hole, periodic=self.periodic)
        wide = self._wide_part(hole)
        if not bool(wide.any()):
            return image, torch.zeros_like(usable, dtype=torch.float32)
        large = max(PIECE, round(PIECE_FRACTION * min(texture.shape[1:])))
        across = largest_square(wide.cpu(), large)
        if across >= MIN_HOLE and _structured(texture.cpu(), usable.cpu()):
            found = shift_map(
                image,
                wide,
                texture,
                usable,
                large,
                density=self.densities[scale],
                periodic=self.periodic,
                source_periodic=self.target_periodic,
                generator=self.generator,
            )
            if found is not None:
                return found
        attempts = ATTEMPTS if across >= MIN_HOLE else 1  # one is enough for specks
        return self._laid(scale, image, wide, min(large, max(MIN_PIECE + 2, 2 * across)), attempts=attempts)

    def _wide_part(self, hole: Tensor) -> Tensor:
        """The part of a hole (H, W) bool that is wide enough for pieces, with its ragged edges."""
        wide = opened(hole, MIN_PIECE, periodic=self.periodic)
        near = F.max_pool2d(wide.float()[None], 2 * MIN_PIECE - 1, stride=1, padding=MIN_PIECE - 1)[0] > 0
        return hole & near

    def _laid(
        self,
        scale: int,
        image: Tensor,
        hole: Tensor,
        side: int,
        *,
        attempts: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """The image at a scale with pieces laid in a hole by `onion_fill`; unchanged if none fits."""
        texture, usable = self.target[scale]
        piece = largest_square(usable.cpu(), min(side, *hole.shape))
        if piece < MIN_PIECE or not bool(hole.any()):
            return image, torch.zeros_like(usable, dtype=torch.float32)
        return onion_fill(
            image,
            hole,
            texture,
            usable,
            piece,
            attempts=attempts,
            density=self.densities[scale],
            periodic=self.periodic,
            generator=self.generator,
        )

    def _with_contrast(self, image: Tensor) -> Tensor:
        """Restore the contrast of the hole's finest details, which averaging patches reduces."""
        hole, (texture, known) = self.holes[0], self.target[0]
        density = self.densities[0]
        if int(hole.sum()) < MIN_COUNT or min(texture.shape[1:]) < 8:
            return image.clamp(0, 1)
        texture = fill_smoothly(texture, known)
        inner = shrunk(known, 2)
        weight = inner.to(texture) if density is None else inner * density
        wanted, have = details(texture, (False, False)), details(image, self.periodic)
        total = weight.sum()
        if not bool(total > 0):
            return image.clamp(0, 1)
        power = (wanted**2 * weight).sum((1, 2)) / total
        gain = (power / (have[:, hole] ** 2).mean(1).clamp_min(1e-12)).sqrt()
        gain = torch.where(power > 1e-9, gain.clamp(1 / MAX_GAIN, MAX_GAIN), 1.0)
        return torch.where(hole, (image + (gain - 1)[:, None, None] * have).clamp(0, 1), image)

    def _trust(self, hole: Tensor) -> Tensor:
        """(H, W) weights of patches, larger near the hole's edge (cf. Wexler et al. 2007)."""
        depth = distance(~hole.cpu(), TRUST_DEPTH * 4, periodic=self.periodic)
        return torch.exp(-depth / TRUST_DEPTH).clamp_min(MIN_TRUST).to(hole.device)


def _structured(texture: Tensor, usable: Tensor) -> bool:
    """Whether a texture has features to keep whole: larger than a few pixels, or a regular pattern."""
    if texture[0].numel() > MAX_SEARCHED:
        return False
    return correlation_length(texture, usable) >= LARGE_FEATURES or regularity(texture, usable) >= LOOSE
