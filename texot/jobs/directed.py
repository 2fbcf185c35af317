"""Synthesis with a say in what goes where: several exemplars, weights, areas and guides.

    min_u sum_l max_psi F_l(psi_l, (S_l u, S_l g)),   nu = sum_c a_c law(exemplars' patches of class c)

The target's patches have more channels than colours: those of their class of texture, and of a guide
(Hertzmann et al. 2001, "Image analogies"). The result's channels of that kind, g, are given: a map of areas,
or a picture. Transport then gives every class the share of the target that its area has in the result. A
guide that is a picture is compared by its brightness: at every scale, its local means get the histogram of
those of the exemplar, by optimal transport on the line, so that guide and target agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.images.areas import local_mean, matched_histogram
from texot.images.mixing import LocalMixture
from texot.images.pyramid import Periodic
from texot.images.reproducible import total
from texot.images.statistics import Statistics
from texot.jobs.side_by_side import SideBySide
from texot.layout.start import first_layout, squares
from texot.solver.field_solver import Problem
from texot.solver.options import EngineOptions
from texot.solver.plan import FieldPlan, Scale, Size, exemplar_pyramid, for_texture
from texot.solver.run import Task
from texot.solver.state import Output

_CLASSES = 1.5  # distance of pixels of two classes, in standard deviations of the textures
_GUIDE = 0.8  # standard deviation of the guide at strength 1, in those of the textures
_SMOOTH = 8  # pixels over which the final correction changes between areas
_MOST_PAIRS = 8  # limit of the growth of the pairs that are compared, with the area of the target
_MEAN_OVER = 7  # pixels: side of the squares whose brightness is guided


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of the target: an exemplar, or a copy of it that is mirrored or turned.

    Attributes:
        pixels: (C, h, w).
        known: (h, w) bool, or None for all.
        classes: (h, w) int64, the class of texture of every pixel.
        weight: (h, w) how much every pixel is used relative to others of its class, or None for equal use.
        guide: (G, h, w), or None.
    """

    pixels: Tensor
    known: Tensor | None
    classes: Tensor
    weight: Tensor | None = None
    guide: Tensor | None = None

    def turned(self, quarters: int, *, mirror: bool) -> Part:
        """The part, mirrored if asked, and turned by quarters of a circle."""

        def turn(image: Tensor) -> Tensor:
            image = image.flip(-1) if mirror else image
            return torch.rot90(image, quarters, (-2, -1)).contiguous()

        planes = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: turn(plane) for name, plane in planes.items() if plane is not None})

    @property
    def usage(self) -> Tensor:
        """(h, w) float32, `weight` or 1."""
        return torch.ones(self.classes.shape) if self.weight is None else self.weight

    @property
    def usable(self) -> Tensor:
        """(h, w) bool."""
        return torch.ones_like(self.classes, dtype=torch.bool) if self.known is None else self.known


@dataclass(frozen=True, eq=False)
class Direction:
    """What goes where.

    Attributes:
        parts: the target.
        areas: (H, W) int64, the class of texture of every pixel of the result, or None: one class.
        soft: width of the borders between areas in pixels, in which textures meet where they fit.
        guide: (G, H, W), the result's guide, or None.
        strength: of the guide, above 0 and at most 1.
        ranked: whether only the order of the guide's values counts, of one channel; otherwise the values do.
    """

    parts: Sequence[Part]
    areas: Tensor | None = None
    soft: int = 1
    guide: Tensor | None = None
    strength: float = 0.5
    ranked: bool = True

    @property
    def n_classes(self) -> int:
        """Number of classes of texture."""
        return 1 + max(int(part.classes.max()) for part in self.parts)

    @property
    def n_pixels(self) -> int:
        """Number of pixels of all parts."""
        return sum(part.classes.numel() for part in self.parts)

    @property
    def n_channels(self) -> int:
        """Channels besides those of the textures."""
        classes = self.n_classes - 1 if self.areas is not None else 0
        return classes + (0 if self.guide is None else len(self.guide))

    @property
    def main(self) -> Part:
        """The part that decides the scales: the largest one of the largest area."""
        if self.areas is None:
            return self.part_of(0)
        return self.part_of(int(torch.bincount(self.areas.flatten(), minlength=self.n_classes).argmax()))

    def part_of(self, number: int) -> Part:
        """The part with most pixels of a class; the first of equal ones."""
        return max(self.parts, key=lambda part: int((part.usable & (part.classes == number)).sum()))


def directed_problem(
    exemplar: Exemplar,
    direction: Direction,
    plan: FieldPlan,
    options: EngineOptions,
    periodic: Periodic,
    start: Tensor | None,
    output: Output,
    generator: torch.Generator,
) -> Problem:
    """The problem of a directed synthesis.

    Args:
        exemplar: the first one, for what is not in the parts.
        direction: what goes where.
        plan: result of `directed_plan`, for this texture.
        options: of the solver.
        periodic: axes (y, x) along which the result wraps around.
        start: start image (C, h, w), or None.
        output: metadata of the result.
        generator: CPU generator of all draws.
    """
    device, main = options.torch_device, exemplar.main or len(exemplar.pixels)
    sheet = _Sheet(direction, plan.n_scales, periodic, device)
    if start is not None:
        start = F.interpolate(start[None, :main], plan.sizes[-1], mode="bicubic", antialias=True)[0].clamp(
            0, 1
        )
    else:
        start = _start(direction, plan, main, periodic, generator)
    extra = [sheet.guides(scale, plan.sizes[scale], main) for scale in range(plan.n_scales)]
    scales = [
        (torch.cat([sheet.colours(scale)[:main], target]), sheet.known(scale))
        for scale, (target, _) in enumerate(extra)
    ]
    colours = sheet.colours(0)
    corrected = exemplar.main is None and output.finish is None
    return Problem(
        plan,
        scales,
        periodic,
        start.to(device),
        output,
        _correction(sheet) if corrected else None,
        guides=[result for _, result in extra] if direction.n_channels else None,
        densities=sheet.densities(plan.n_scales) if sheet.uneven else None,
        backend=options.backend,
        followers=colours[main:] if len(colours) > main else None,
        traced=len(direction.parts) == 1,
    )


def directed_tasks(
    exemplar: Exemplar,
    direction: Direction,
    plan: FieldPlan,
    options: EngineOptions,
    periodic: Periodic,
    start: Tensor | None,
    output: Output,
    generator: torch.Generator,
) -> list[Task]:
    """The task of a directed synthesis; see `directed_problem` for the arguments."""
    follows = direction.guide is not None or any(part.weight is not None for part in direction.parts)
    if start is not None or not follows:  # a layout of rows would follow neither guides nor weights
        main = exemplar.main or len(exemplar.pixels)
        plan = for_texture(plan, _main_scales(direction, main, plan.n_scales), given=start is not None)
    side = round(math.sqrt(direction.n_pixels))
    make = partial(directed_problem, exemplar, direction, plan, options, periodic, start, output, generator)
    return [Task(plan, (side, side), make)]


def directed_plan(direction: Direction, plan: FieldPlan) -> FieldPlan:
    """A plan of the main part, for all parts: as many scales compare all pairs as with that part alone."""
    larger = direction.n_pixels / direction.main.classes.numel()
    return replace(plan, max_pairs=round(plan.max_pairs * min(larger, _MOST_PAIRS)))


class _Sheet:
    """All parts at every scale, with their classes, weights and guides.

    Args:
        direction: what goes where.
        n_scales: number of scales.
        periodic: axes (y, x) of the result that wrap around.
        device: of all tensors.

    Attributes:
        uneven: whether the target's patches have unequal weights.
    """

    def __init__(self, direction: Direction, n_scales: int, periodic: Periodic, device: torch.device) -> None:
        self.direction, self.periodic, self.device = direction, periodic, device
        parts, count = direction.parts, direction.n_classes
        self.ends = [len(parts[0].pixels), len(parts[0].pixels) + count]
        self.uneven = direction.areas is not None or any(part.weight is not None for part in parts)
        images: list[Scale] = []
        for part in parts:
            planes = [part.pixels, _one_hot(part.classes, count), part.usage[None]]
            planes = planes if part.guide is None else [*planes, part.guide]
            images.append(
                (torch.cat(planes).to(device), None if part.known is None else part.known.to(device))
            )
        one = len(images) == 1
        self.scales = exemplar_pyramid(*images[0], n_scales) if one else SideBySide(images, n_scales).scales

    def known(self, scale: int) -> Tensor | None:
        """Known pixels (h, w)."""
        return self.scales[scale][1]

    def colours(self, scale: int) -> Tensor:
        """The textures, (C, h, w)."""
        return self.scales[scale][0][: self.ends[0]]

    def classes(self, scale: int) -> Tensor:
        """(K, h, w), how much of every pixel belongs to each class; 0 where nothing is known."""
        found, known = self.scales[scale][0][self.ends[0] : self.ends[1]], self.known(scale)
        return found if known is None else found * known

    def usage(self, scale: int) -> Tensor:
        """(h, w), see `Part.weight`."""
        return self.scales[scale][0][self.ends[1]]

    def guides(self, scale: int, size: Size, main: int) -> tuple[Tensor, Tensor]:
        """The channels besides colours, of the target (G, h, w) and of the result (G, *size), at a scale.

        Args:
            scale: 0 = finest.
            size: of the result.
            main: number of leading channels of the textures that are matched.
        """
        image, known, weight = self.colours(scale)[:main], self.known(scale), self.usage(scale)
        target, result = [image[:0]], [image.new_zeros(0, *size)]
        unit = _deviation(image, known, weight)
        areas, guide = self.direction.areas, self.direction.guide
        if areas is not None:
            corners = _simplex(self.ends[1] - self.ends[0]).to(image) * _CLASSES * unit
            members = F.interpolate(self._soft_members[None], size, mode="area")[0]
            own = self.scales[scale][0][self.ends[0] : self.ends[1]]
            target.append(torch.einsum("gk,khw->ghw", corners, own))
            result.append(torch.einsum("gk,khw->ghw", corners, members))
        if guide is not None:
            wanted = F.interpolate(guide[None].to(self.device), size, mode="area")[0]
            own = self.scales[scale][0][self.ends[1] + 1 :]
            if self.direction.ranked:
                own = local_mean(own[0], _MEAN_OVER)[None]
                seen = own[0] if known is None else own[0][known]
                wanted = local_mean(wanted[0], _MEAN_OVER, periodic=self.periodic)
                wanted = matched_histogram(wanted, seen)[None]
            gain = _GUIDE * self.direction.strength * unit / max(_deviation(own, known, weight), 1e-6)
            target.append(gain * own)
            result.append(gain * wanted)
        return torch.cat(target), torch.cat(result)

    def members(self, soft: int) -> Tensor:
        """(K, H, W), membership of the result's pixels in the classes, with borders of a width in pixels."""
        assert self.direction.areas is not None
        members = _one_hot(self.direction.areas, self.ends[1] - self.ends[0]).to(self.device)
        if soft <= 1:
            return members
        return torch.stack([local_mean(one, soft, periodic=self.periodic) for one in members])

    @cached_property
    def _soft_members(self) -> Tensor:
        return self.members(self.direction.soft)

    def shares(self) -> Tensor:
        """(K,), the part of the result that every class has."""
        areas, count = self.direction.areas, self.ends[1] - self.ends[0]
        if areas is None:
            return torch.ones(1, device=self.device)
        return (torch.bincount(areas.flatten(), minlength=count) / areas.numel()).to(self.device)

    def densities(self, n_scales: int) -> list[Tensor]:
        """(h, w) weights of the patches centred at every pixel, at every scale."""
        found = []
        for scale in range(n_scales):
            members = self.classes(scale) * self.usage(scale)
            mass = torch.stack([total(member) for member in members])
            factor = torch.where(mass > 0, self.shares() / mass.clamp_min(1e-12), 0)
            found.append((members * factor[:, None, None]).sum(0))
        return found

    def statistics(self) -> list[Statistics]:
        """Means and deviations of every class, by its weights."""
        found = []
        for member in self.classes(0):
            found.append(Statistics(*_moments(self.colours(0), member * self.usage(0)), None))
        return found


def _correction(sheet: _Sheet) -> Callable[[Tensor], Tensor]:
    """The final correction: mean and deviation of every class, in its area.

    With weights of pixels there is none: a patch has its neighbours too, so that the mean is not theirs.
    """
    if any(part.weight is not None for part in sheet.direction.parts):
        return lambda image: image.clamp(0, 1)
    statistics, areas = sheet.statistics(), sheet.direction.areas
    if areas is None or len(statistics) == 1:
        return statistics[0].clip
    return LocalMixture(statistics, sheet.members(max(_SMOOTH, sheet.direction.soft))).clip


def _main_scales(direction: Direction, main: int, count: int) -> list[Scale]:
    part = direction.main
    return exemplar_pyramid(part.pixels[:main], part.known, count)


def _start(
    direction: Direction, plan: FieldPlan, main: int, periodic: Periodic, generator: torch.Generator
) -> Tensor:
    """The first image: in the area of every class, squares of its part, or a layout of rows."""
    size, made = plan.sizes[-1], []
    for number in range(direction.n_classes):
        part = direction.part_of(number)
        mine = part.usable & (part.classes == number)
        known = None if bool(mine.all()) else mine
        image, there = exemplar_pyramid(part.pixels[:main], known, plan.n_scales)[-1]
        if there is not None and not bool(there.any()):
            there = None
        if plan.laid:
            made.append(
                first_layout(image, size, plan.novelty, known=there, periodic=periodic, generator=generator)
            )
        else:
            made.append(squares(image, size, max(plan.patch_size, min(image.shape[1:]) // 3), generator))
    if direction.areas is None:
        return made[0]
    members = _one_hot(direction.areas, len(made))
    here = F.interpolate(members[None], size, mode="area")[0].argmax(0)
    return torch.stack(made).gather(0, here.expand(1, *made[0].shape))[0]


def _simplex(count: int) -> Tensor:
    """(count - 1, count): the corners of a regular simplex as columns, at distance 1 from each other."""
    rows = torch.zeros(count - 1, count)
    for k in range(1, count):  # Helmert's orthonormal rows
        rows[k - 1, :k], rows[k - 1, k] = 1, -k
        rows[k - 1] /= math.sqrt(2 * k * (k + 1))
    return rows


def _one_hot(classes: Tensor, count: int) -> Tensor:
    """(count, h, w) float32 of (h, w) int64."""
    return F.one_hot(classes, count).movedim(-1, 0).float()


def _moments(image: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every channel, each (C, 1, 1), by weights (h, w)."""
    mass = total(weight).clamp_min(1e-12)
    mean = torch.stack([total(plane * weight) for plane in image]) / mass
    square = torch.stack([total((p - m) ** 2 * weight) for p, m in zip(image, mean, strict=True)]) / mass
    return mean[:, None, None], square.sqrt()[:, None, None]


def _deviation(image: Tensor, known: Tensor | None, weight: Tensor) -> float:
    """Standard deviation over all channels, by weights of the known pixels."""
    weight = weight if known is None else weight * known
    return float(_moments(image, weight)[1].square().sum().sqrt())
