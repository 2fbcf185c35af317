"""Interpolation between several exemplars as a problem of the field solver.

    nu = sum_k m_k law(E_k),   E_k = w_k A_k + sum_l w_l V(A_k, A_l)

Every exemplar A_k is morphed towards the others in its own layout (V: `texot.jobs.morph`). The target is the
law of the patches of all morphs, dominated by those of large weight; at the ends it is that of one exemplar.
Before that, the exemplars are scaled to a common feature size prod_k s_k^w_k, where s_k is the correlation
length of A_k: from large stones to small ones, stones shrink. Colours, contrast and spectrum are corrected
towards the barycentres of those of the exemplars.

If the weights vary over the image, there are morphs at several levels of weight, and the level is a guide
channel: the target is the joint law of patches and levels, and every pixel of the result has its own level.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.images.masks import filled
from texot.images.mixing import LocalMixture, mixed, sum_of
from texot.images.pyramid import Periodic
from texot.images.reproducible import total
from texot.images.statistics import Statistics
from texot.jobs.morph import in_layout, with_moments
from texot.jobs.side_by_side import SideBySide
from texot.layout.start import first_layout, squares
from texot.solver.field_solver import Problem
from texot.solver.options import EngineOptions
from texot.solver.plan import FieldPlan, Scale, Size, exemplar_pyramid, field_plan, for_texture
from texot.solver.run import Task
from texot.solver.state import Output

_MAX_RATIO = 4.0  # maximal ratio of feature sizes that are scaled to one
_MIN_SIDE = 32  # minimal shorter side of a reduced exemplar in pixels
_SHARPNESS = 4  # exponent of weights in masses: few patches of each of two layouts would make a patchwork
_MIN_MASS = 0.02  # minimal fraction of its level's mass that a morph must have
_GUIDE = 1.0  # distance between levels in the guide, in standard deviations of the textures
_ROOM = 4  # maximal area of an exemplar that a level uses, in units of the area that it fills
_MIN_ROOM = 256**2  # pixels that a level may use in any case
_COARSE_SIDE = 8  # minimal side in pixels of an image that a start is laid from
_MAX_PAIRS = 2**22


@dataclass(frozen=True, eq=False)
class Level:
    """Weights of the exemplars, and the pixels that have them.

    Attributes:
        weights: one for each exemplar, of sum 1.
        plane: (H, W) membership of each pixel, of sum 1 over all levels; None: all pixels.
    """

    weights: tuple[float, ...]
    plane: Tensor | None = None

    @property
    def fraction(self) -> float:
        """Fraction of the result that has these weights."""
        return 1.0 if self.plane is None else float(total(self.plane)) / self.plane.numel()


@dataclass(frozen=True)
class Morph:
    """An exemplar morphed towards the others.

    Attributes:
        exemplar, level: indices.
        mass: mass in the target measure.
    """

    exemplar: int
    level: int
    mass: float


class Interpolation:
    """The interpolation of exemplars, as tasks of the solver.

    Args:
        exemplars: exemplars with the same channels.
        levels: one for all pixels, or several.
        size: (H, W) of the result.
        options: options of the solver.
        novelty: novelty of the layout, see `texot.solver.plan.field_plan`.

    Attributes:
        morphs: the morphs; their patches are the target.
        n_pixels: number of pixels of all morphs.
        most_pixels: the same, plus the largest exemplar that a morph is made with.

    Raises:
        InputError: patches or scales that do not fit.
    """

    def __init__(
        self,
        exemplars: list[Exemplar],
        levels: list[Level],
        size: Size,
        options: EngineOptions,
        *,
        novelty: float | None = None,
    ) -> None:
        self.exemplars, self.levels, self.options = exemplars, levels, options
        self._rooms = [
            math.inf if level.plane is None else max(_MIN_ROOM, _ROOM * level.fraction * math.prod(size))
            for level in levels
        ]
        features = [correlation_length(e.pixels, e.mask) for e in exemplars]
        sides = [min(e.size) for e in exemplars]
        self._factors = [_factors(features, sides, level.weights) for level in levels]
        self.morphs = [morph for number in range(len(levels)) for morph in self._morphs_of(number)]
        self.main = max(self.morphs, key=lambda morph: morph.mass)
        pixels, known = self._resized(self.main.exemplar, self.main.level, torch.device("cpu"))
        plan = field_plan((pixels.shape[1], pixels.shape[2]), size, known, options, novelty=novelty)
        self.plan = dataclasses.replace(plan, max_pairs=_MAX_PAIRS)
        self.n_pixels = sum(
            round(min(1.0, self._factors[m.level][m.exemplar] ** 2) * exemplars[m.exemplar].pixels[0].numel())
            for m in self.morphs
        )
        largest = max(e.pixels[0].numel() for e in exemplars)
        self.most_pixels = self.n_pixels + round(min(largest, max(self._rooms)))

    def tasks(
        self,
        periodic: Periodic,
        start: Tensor | None,
        output: Output,
        generator: torch.Generator,
    ) -> list[Task]:
        """The solver's tasks; morphs are made when the solver starts.

        Args:
            periodic: axes (y, x) along which the result wraps around.
            start: start image (C, h, w), or None.
            output: metadata of the result.
            generator: CPU generator of all random numbers.
        """
        side = round(math.sqrt(self.n_pixels))
        make = partial(self._problem, periodic, start, output, generator)
        return [Task(self.plan, (side, side), make)]

    def _morphs_of(self, number: int) -> list[Morph]:
        """The morphs of a level. Pixels added by enlargement do not count in their masses."""
        level = self.levels[number]
        own = [
            (weight * min(1.0, factor**-2)) ** _SHARPNESS
            for weight, factor in zip(level.weights, self._factors[number], strict=True)
        ]
        own = [mass if mass >= _MIN_MASS * sum(own) else 0.0 for mass in own]
        return [Morph(k, number, level.fraction * mass / sum(own)) for k, mass in enumerate(own) if mass]

    def _resized(self, exemplar: int, level: int, device: torch.device, *, most: float = math.inf) -> Scale:
        """An exemplar scaled to a level's feature size, cropped to its middle if the level needs less.

        `most`: maximal enlargement.
        """
        source, factor = self.exemplars[exemplar], min(most, self._factors[level][exemplar])
        pixels, known = source.pixels, source.mask
        part = min(self._rooms[level], pixels[0].numel()) / (factor**2 * pixels[0].numel())
        if part < 1:
            height, width = (math.ceil(n * math.sqrt(part)) for n in pixels.shape[1:])
            top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
            middle = (..., slice(top, top + height), slice(left, left + width))
            if known is None or float(known[middle].float().mean()) >= float(known.float().mean()):
                pixels, known = pixels[middle], None if known is None else known[middle]
        return _scaled((pixels.to(device), None if known is None else known.to(device)), factor)

    def _problem(
        self,
        periodic: Periodic,
        start: Tensor | None,
        output: Output,
        generator: torch.Generator,
    ) -> Problem:
        images, statistics = self._images(generator)
        main = self.morphs.index(self.main)
        plan = for_texture(self.plan, exemplar_pyramid(*images[main], self.plan.n_scales))
        planes = [level.plane for level in self.levels if level.plane is not None]
        maps = torch.stack(planes).to(self.options.torch_device) if planes else None
        if start is None:
            start = self._start(images, plan, maps, periodic, generator)
        else:
            start = F.interpolate(start[None], plan.sizes[-1], mode="bicubic", antialias=True)[0].clamp(0, 1)
        target = SideBySide(images, plan.n_scales)
        scales, guides = target.scales, None
        if maps is not None:
            unit = _GUIDE * float(
                sum(s.deviation.square().sum().sqrt() for s in statistics) / len(statistics)
            )
            own = [unit * morph.level for morph in self.morphs]
            scales = [
                (torch.cat([pixels, target.plane(own, scale)[None]]), known)
                for scale, (pixels, known) in enumerate(scales)
            ]
            wanted = sum_of([unit * number for number in range(len(maps))], list(maps))
            guides = [F.interpolate(wanted[None, None], size, mode="area")[0] for size in plan.sizes]
        right = statistics[0] if maps is None else LocalMixture(statistics, maps)

        def finalise(image: Tensor) -> Tensor:
            return right.clip(right.calibrate(image, periodic=periodic))

        return Problem(
            plan,
            scales,
            periodic,
            start,
            output,
            None if self.exemplars[0].main is not None else finalise,
            guides=guides,
            densities=target.densities([morph.mass for morph in self.morphs], plan.patch_size),
            backend=self.options.backend,
            traced=False,
        )

    def _images(self, generator: torch.Generator) -> tuple[list[Scale], list[Statistics]]:
        """The morphs, and the target statistics of every level.

        An enlarged exemplar lacks fine detail. It is not enlarged where it is rearranged in the layout of
        others, nor for the statistics, so that the final correction restores the detail.
        """
        device, backend = self.options.torch_device, self.options.backend
        images: list[Scale] = []
        statistics: list[Statistics] = []
        for number, level in enumerate(self.levels):
            weights = [weight for weight in level.weights if weight > 0]
            numbers = [k for k, weight in enumerate(level.weights) if weight > 0]
            sized = {k: self._resized(k, number, device) for k in numbers}
            sharp = {k: self._resized(k, number, device, most=1.0) for k in numbers}
            statistics.append(mixed([Statistics.of(*image) for image in sharp.values()], weights))
            own = mixed([Statistics.of(*image) for image in sized.values()], weights)
            for morph in self.morphs:
                if morph.level == number:
                    image, known = sized[morph.exemplar]
                    layers = [
                        image if k == morph.exemplar else in_layout((image, known), other, generator, backend)
                        for k, other in sharp.items()
                    ]
                    images.append((_corrected((sum_of(weights, layers), known), own), known))
        return images, statistics

    def _start(
        self,
        images: Sequence[Scale],
        plan: FieldPlan,
        maps: Tensor | None,
        periodic: Periodic,
        generator: torch.Generator,
    ) -> Tensor:
        """The start: where a level dominates, squares of its main morph, or a layout of it."""
        size, made = plan.sizes[-1], {}
        parts = []
        for number in range(len(self.levels)):
            mine = [k for k, morph in enumerate(self.morphs) if morph.level == number]
            best = max(mine, key=lambda k: self.morphs[k].mass)
            if plan.laid:  # rows must continue from level to level
                like = [k for k, m in enumerate(self.morphs) if m.exemplar == self.morphs[best].exemplar]
                best = max(like, key=lambda k: self.morphs[k].mass)
            if best not in made:
                pixels, known = _scaled(images[best], 0.5 ** (plan.n_scales - 1))
                if plan.laid:
                    made[best] = first_layout(
                        pixels, size, plan.novelty, known=known, periodic=periodic, generator=generator
                    )
                else:
                    side = max(plan.patch_size, min(pixels.shape[1:]) // 3)
                    made[best] = squares(pixels, size, side, generator)
            parts.append(made[best])
        if maps is None:
            return parts[0]
        here = F.interpolate(maps[None], size, mode="area")[0].argmax(0)
        return torch.stack(parts).gather(0, here.expand(1, *parts[0].shape))[0]


def _factors(features: list[float], sides: list[int], weights: Sequence[float]) -> list[float]:
    """Scale factors that bring exemplars of given feature sizes to their weighted geometric mean."""
    if min(features) <= 0:
        return [1.0] * len(features)
    logs = [math.log(size) for size in features]
    middle, most = (max(logs) + min(logs)) / 2, math.log(_MAX_RATIO) / 2
    logs = [min(max(size, middle - most), middle + most) for size in logs]
    wanted = sum(weight * size for weight, size in zip(weights, logs, strict=True))
    return [
        max(math.exp(wanted - size), min(1.0, _MIN_SIDE / side))
        for size, side in zip(logs, sides, strict=True)
    ]


def _scaled(image: Scale, factor: float) -> Scale:
    """An image and its known pixels, resized by a factor."""
    pixels, known = image
    size = [max(min(n, _COARSE_SIDE), round(n * factor)) for n in pixels.shape[1:]]
    if size == list(pixels.shape[1:]):
        return (pixels if known is None else filled(pixels, known)), known
    if known is None:
        return F.interpolate(pixels[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1), None
    share = known.to(pixels)[None]
    both = torch.cat([torch.where(known, pixels, 0), share])  # mean over known pixels
    both = F.interpolate(both[None], size, mode="bilinear", antialias=True)[0]
    known = both[-1] > 0.5
    return filled(both[:-1] / both[-1:].clamp_min(1e-6), known), known


def _corrected(image: Scale, statistics: Statistics) -> Tensor:
    """A morph with the statistics of its level; the spectrum is corrected only if all pixels are known."""
    if image[1] is None:
        return statistics.clip(statistics.calibrate(image[0], periodic=(False, False)))
    return with_moments(image, statistics.mean, statistics.deviation).clamp(0, 1)
