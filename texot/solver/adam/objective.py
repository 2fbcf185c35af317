"""What Adam makes small: semi-dual transport of patches over scales, plus sliced terms.

    L(u) = sum_t w_t F(psi_t, P_t S_l(t) u) + sum_l w_l SW_l(S_l u)

Each term holds its own potential psi_t. A single pass over sources and targets serves both gradients: the
cells give the image its gradient 2 (x - y_sigma) / n and the potential its ascent step nu - mass
(the published algorithm makes eleven passes).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic, downsample
from texot.images.reproducible import total
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import Assignment, assign, marginal_error
from texot.transport.sliced import sliced_distance, systematic_sample
from texot.transport.solvers import averaged_ascent

_LEAST_DISTANCE = 0.1  # of robust weights, as a share of the mean: bounds them


@dataclass
class PatchTerm:
    """Transport between an image's patches at one scale and a target measure.

    Attributes:
        scale: pyramid scale of the patches.
        measure: the target.
        stride: distance of the patch grid's positions, moved at random every step.
        weight: factor in the objective.
        psi: (m,) potential, kept between steps.
        psi_steps: passes over all pairs a step; 0 keeps psi = 0 (iterated nearest neighbours).
        rate: how far a hit lowers a target's potential, as a share of the mean cost (stochastic ascent).
        until: share of a stage's steps after which the term no longer counts.
        capacity: kappa >= 1, how many times its weight a target may be used (partial transport, see
            `texot.transport.semi_dual`). 1: all of the measure. A quarter of a photograph cannot hold all its
            stones, and would hold averages of them if it had to.
        robustness: exponent r >= 0 of robust averaging: a patch at squared distance d moves the image with
            weight (d + 0.1 mean d)^-r, of mean 1, so that badly matched patches give way to those that fit
            instead of averaging with them into mush (Kwatra et al. 2005, "Texture optimization for
            example-based synthesis", section 3: r = 0.6 minimises |x - y|^0.8). Potentials and figures do not
            feel it.
        published_step: if set, use averaged ascent with this constant step instead.
    """

    scale: int
    measure: PatchMeasure
    stride: int = 1
    weight: float = 1.0
    psi_steps: int = 1
    rate: float = 0.1
    until: float = 1.0
    published_step: float | None = None
    capacity: float = 1.0
    robustness: float = 0.0
    entropy: float = 0.0
    backend: str = "auto"
    psi: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.psi = torch.zeros_like(self.measure.nu)

    def _assign(self, x: Tensor) -> Assignment:
        return assign(x, self.measure, self.psi, entropy=self.entropy, backend=self.backend)

    def _ascend(self, a: Assignment, n: int, cost: Tensor) -> None:
        # a hit moves psi by rate * cost; with n > m, cells hold many patches and small steps suffice
        m = len(self.measure)
        hits = min(n, m * m / n)
        self.psi = self.psi + self.rate * cost * hits * (self.capacity * self.measure.nu - a.mass)
        if self.capacity > 1:
            self.psi = self.psi.clamp_max(0)

    def _mean(self, distances: Tensor) -> Tensor:
        """Mean squared distance, of which robust weights move the gradient only."""
        if not self.robustness:
            return distances.mean()
        found = distances.detach()
        weights = (found + _LEAST_DISTANCE * found.mean()).clamp_min(1e-12) ** -self.robustness
        return (weights / weights.mean() * distances).mean()

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, TermState]:
        """The weighted semi-dual of an image scale (C, H, W), differentiable; moves psi on the way."""
        size = self.measure.patch_size
        x = _sources(image, size, self.stride, periodic, generator)
        source = x.detach()
        if self.published_step is not None:
            self.psi = averaged_ascent(
                source,
                self.measure,
                self.psi,
                n_steps=self.psi_steps,
                step=self.published_step,
                entropy=self.entropy,
                backend=self.backend,
            )
        else:
            for _ in range(self.psi_steps - 1):
                a = self._assign(source)
                self._ascend(a, len(x), _mean(((source - a.target) ** 2).sum(1)))
        a = self._assign(source)
        distances = ((x - a.target) ** 2).sum(1)
        cost = _mean(distances.detach())
        dual = float(_mean(a.value) + self.capacity * self.measure.mean(self.psi))
        state = TermState(dual, float(cost), marginal_error(a.mass, self.measure.nu, self.capacity))
        if self.published_step is None and self.psi_steps:
            self._ascend(a, len(x), cost)
        return self.weight * self._mean(distances), state


@dataclass(frozen=True)
class TermState:
    """What one evaluation of a term found.

    Attributes:
        dual: the semi-dual F(psi, x), in squared distance.
        cost: mean squared distance of the patches to their targets.
        marginal_error: share of this step's patches beyond their targets' capacity.
    """

    dual: float
    cost: float
    marginal_error: float


@dataclass
class SlicedTerm:
    """Sliced Wasserstein distance between the patches of an image scale and of a measure.

    Patches are projected on fresh random zero-mean filters, and on random colour directions of one pixel;
    one-dimensional transport is sorting. Its gradient pushes the marginals apart again where averaging
    shrank them: the cure for blur.

    Attributes:
        scale: pyramid scale.
        measure: target patches; drawn anew by weight at every step.
        stride: grid of the image's patches.
        weight: factor in the objective, for the mean over filters times d.
        n_filters: patch filters a step.
    """

    scale: int
    measure: PatchMeasure
    stride: int = 4
    weight: float = 3.0
    n_filters: int = 16

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """The weighted sliced distance of an image scale (C, H, W), differentiable."""
        size = self.measure.patch_size
        channels, d = image.shape[0], self.measure.y.shape[1]
        x = _sources(image, size, self.stride, periodic, generator)
        filters = torch.randn(d, self.n_filters, generator=generator, dtype=torch.float32)
        filters = filters - filters.mean(0)
        filters = filters / filters.norm(dim=0).clamp_min(1e-12)
        colours = filters.new_zeros(channels, size * size, max(1, self.n_filters // 4))
        directions = torch.randn(channels, colours.shape[2], generator=generator, dtype=torch.float32)
        pixel = int(torch.randint(0, size * size, (), generator=generator))
        colours[:, pixel] = directions / directions.norm(dim=0).clamp_min(1e-12)
        shift = float(torch.rand((), generator=generator, dtype=torch.float32))
        y = self.measure.y[systematic_sample(self.measure.nu, len(x), shift)]
        filters, colours = filters.to(image), colours.flatten(0, 1).to(image)
        return self.weight * (d * sliced_distance(x, y, filters) + channels * sliced_distance(x, y, colours))


def _mean(values: Tensor) -> Tensor:
    return total(values) / len(values)


def _sources(image: Tensor, size: int, stride: int, periodic: Periodic, generator: torch.Generator) -> Tensor:
    """Patches on a grid moved at random, (n, d)."""
    offset = random_offset((image.shape[1], image.shape[2]), size, stride, periodic, generator)
    return extract_patches(image, size, stride=stride, offset=offset, periodic=periodic)


@dataclass(frozen=True)
class ObjectiveState:
    """Figures of one evaluation of the objective.

    Attributes:
        loss: sum of the patch terms' semi-duals F, unweighted, in squared distance per patch.
        cost: sum of the mean squared distances of patches to their targets, unweighted.
        marginal_error: largest marginal error of the patch terms at the finest scale present.
    """

    loss: float
    cost: float
    marginal_error: float


def evaluate(
    image: Tensor,
    scale: int,
    terms: list[PatchTerm],
    sliced: list[SlicedTerm],
    periodic: Periodic,
    generator: torch.Generator,
) -> tuple[Tensor, ObjectiveState]:
    """The objective of an image that lives at `scale`; every term of that scale or a coarser one counts.

    Args:
        image: (C, H, W), scale `scale` of the result.
        scale: 0 = finest.
        terms, sliced: terms at scales >= `scale`.
        periodic: axes (y, x) that wrap around.
        generator: CPU generator of grid offsets and filters.

    Returns:
        The differentiable weighted sum and its figures.
    """
    scales = {scale: image}
    coarsest = max([scale, *(t.scale for t in terms), *(t.scale for t in sliced)])
    for k in range(scale + 1, coarsest + 1):
        scales[k] = downsample(scales[k - 1], periodic=periodic)
    total = image.new_zeros(())
    loss, cost, error = 0.0, 0.0, 0.0
    for term in terms:
        value, state = term(scales[term.scale], periodic, generator)
        total = total + value
        loss += state.dual
        cost += state.cost
        if term.scale == scale:
            error = max(error, state.marginal_error)
    for slice_ in sliced:
        total = total + slice_(scales[slice_.scale], periodic, generator)
    return total, ObjectiveState(loss, cost, error)
