"""Semi-dual transport of the patches of one scale.

A single pass over sources and targets serves both gradients: the cells give the image its gradient
2 (x - y_sigma) / n and the potential its ascent step nu - mass. The published algorithm makes eleven passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from texot.images.pyramid import Periodic
from texot.images.reproducible import total
from texot.solver.adam.term import Figures, random_patches
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import Assignment, assign, marginal_error
from texot.transport.solvers import averaged_ascent

_MIN_DISTANCE = 0.1  # of robust weights, as a fraction of the mean: bounds them


@dataclass
class PatchTerm:
    """Transport between an image's patches at one scale and a target measure; a `Term`.

    Attributes:
        scale: pyramid scale of the patches.
        measure: the target.
        stride: distance of the positions of the patch grid, which has a new random offset every step.
        psi: (m,) potential, kept between steps.
        psi_steps: passes over all pairs a step; 0 keeps psi = 0 (iterated nearest neighbours).
        rate: how far a hit lowers a target's potential, as a fraction of the mean cost (stochastic ascent).
        capacity: kappa >= 1, how many times its weight a target may be used (partial transport, see
            `texot.transport.semi_dual`). 1: all of the measure. A quarter of a photograph cannot hold all its
            stones, and would hold averages of them if it had to.
        robustness: exponent r >= 0 of robust averaging: a patch at squared distance d moves the image with
            weight (d + 0.1 mean d)^-r, of mean 1, so that badly matched patches give way to those that fit
            instead of blurring with them (Kwatra et al. 2005, "Texture optimization for example-based
            synthesis", section 3: r = 0.6 minimises |x - y|^0.8). Potentials and figures are unweighted.
        published_step: if set, use averaged ascent with this constant step instead.
        entropy: regularisation lam of the transport, in squared distance.
        backend: see `texot.kernels.laguerre_cells`.
    """

    scale: int
    measure: PatchMeasure
    stride: int = 1
    psi_steps: int = 1
    rate: float = 0.1
    published_step: float | None = None
    capacity: float = 1.0
    robustness: float = 0.0
    entropy: float = 0.0
    backend: str = "auto"
    psi: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.psi = torch.zeros_like(self.measure.nu)

    @property
    def state(self) -> list[Tensor]:
        """The potential."""
        return [self.psi]

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, Figures]:
        """The semi-dual of an image scale (C, H, W), differentiable; also moves psi."""
        x = random_patches(image, self.measure.patch_size, self.stride, periodic, generator)
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
        figures = Figures(dual, float(cost), marginal_error(a.mass, self.measure.nu, self.capacity))
        if self.published_step is None and self.psi_steps:
            self._ascend(a, len(x), cost)
        return self._robust_mean(distances), figures

    def _assign(self, x: Tensor) -> Assignment:
        return assign(x, self.measure, self.psi, entropy=self.entropy, backend=self.backend)

    def _ascend(self, a: Assignment, n: int, cost: Tensor) -> None:
        # a hit moves psi by rate * cost; with n > m, cells hold many patches and small steps suffice
        m = len(self.measure)
        hits = min(n, m * m / n)
        self.psi = self.psi + self.rate * cost * hits * (self.capacity * self.measure.nu - a.mass)
        if self.capacity > 1:
            self.psi = self.psi.clamp_max(0)

    def _robust_mean(self, distances: Tensor) -> Tensor:
        """Mean squared distance; robust weights change its gradient only."""
        if not self.robustness:
            return distances.mean()
        found = distances.detach()
        weights = (found + _MIN_DISTANCE * found.mean()).clamp_min(1e-12) ** -self.robustness
        return (weights / weights.mean() * distances).mean()


def _mean(values: Tensor) -> Tensor:
    return total(values) / len(values)
