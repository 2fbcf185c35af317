"""Discriminator optimal transport in latent space: the noise of a sample moves along the critics.

    min over w of  mean_l mean_p |z_l(p) - w_l(p)|  -  sum_k mean_p f_k(P_k G(w)) / K_k

z_l are the noise planes of the scales, f_k the critics. K_k is measured: the largest
|f_k(P_k G(z)) - f_k(P_k G(z'))| at a position, over the mean distance of z from the noise z' of another
sample. Steps are projected back to the support of the noise: every plane keeps its mean square, or for the
published network its range.

Tanaka 2019, "Discriminator optimal transport" (arXiv 1910.06832), section 3 (latent space) and Algorithm 1.
The result is in the range of the network; that of `texot.experimental.refinement.refine` need not be.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.experimental.objectives.critics import Critic, needed_critics
from texot.experimental.refinement import BETAS, DELTA, stride_of
from texot.generator.network import PlaneNetwork, Window
from texot.generator.noise import plane_noise
from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic, gaussian_pyramid
from texot.solver.adam.optimizer import Adam
from texot.solver.torch_modes import own_modes

Critics = dict[tuple[int, int], Critic]


@dataclass(frozen=True)
class Latent:
    """The noise of a window, every value once: on a torus, a window can contain a value several times.

    Attributes:
        planes: (channels, rows, columns) of every scale, finest first.
        places: indices in the planes of the window's rows and columns.
    """

    planes: list[Tensor]
    places: list[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, network: PlaneNetwork, seed: int, window: Window) -> Latent:
        """The noise of a seed."""
        architecture, planes, places = network.architecture, [], []
        for scale, (rows, columns) in enumerate(zip(*window, strict=True)):
            (y, at_y), (x, at_x) = (
                torch.unique(span.positions, return_inverse=True) for span in (rows, columns)
            )
            channels, uniform = architecture.noise_channels(scale), architecture.published
            planes.append(plane_noise(seed, scale, channels, y, x, network.device, uniform=uniform))
            places.append((at_y.to(network.device), at_x.to(network.device)))
        return cls(planes, places)

    def noise(self, planes: list[Tensor]) -> list[Tensor]:
        """The noise for `PlaneNetwork.forward`, from planes that replace these."""
        return [plane[:, y][:, :, x][None] for plane, (y, x) in zip(planes, self.places, strict=True)]

    def distance(self, planes: list[Tensor]) -> Tensor:
        """Mean distance of the noise of a pixel from that of other planes, over pixels and scales, ()."""
        each = [
            ((a - b).square().sum(0) + DELTA**2).sqrt().mean()
            for a, b in zip(self.planes, planes, strict=True)
        ]
        return torch.stack(each).mean()


@own_modes()
def refine_latent(
    network: PlaneNetwork,
    seed: int,
    size: tuple[int, int],
    *,
    at: tuple[int, int] = (0, 0),
    periodic: Periodic = (True, True),
    n_iter: int = 30,
    lr: float = 0.001,
    lipschitz: float | None = None,
) -> Tensor:
    """A sample of noise that is moved along the critics.

    Args:
        network: of one texture, with critics (objective "wgan-gp").
        seed: of the sample.
        size: (height, width).
        at: (y, x) of its first pixel on the plane.
        periodic: axes (y, x) along which the plane repeats after `size`.
        n_iter: number of steps.
        lr: step size, in standard deviations of the noise. Critics are valid near the samples of training
            only: a step ten times as large leaves the texture.
        lipschitz: K of all critics; None: measured for each.

    Returns:
        (C, height, width) in [0, 1], on the CPU.

    Raises:
        InputError: the network has no critics.
    """
    critics = needed_critics(network)
    periods = size[0] if periodic[0] else None, size[1] if periodic[1] else None
    window = network.window(at, size, periods=periods)
    latent = Latent.of(network, seed, window)
    generator = torch.Generator().manual_seed(seed)
    bounds = [lipschitz] * len(critics)
    if lipschitz is None:
        bounds = _bounds(network, critics, latent, Latent.of(network, seed ^ 1, window), window, periodic)
    moved = [plane.clone().requires_grad_(True) for plane in latent.planes]
    movers = [Adam(plane, betas=BETAS) for plane in moved]
    for _ in range(n_iter):
        image = network(latent.noise(moved), window)[0]
        total = latent.distance(moved)
        for values, bound in zip(_values(critics, image, periodic, generator), bounds, strict=True):
            assert bound is not None
            total = total - values.mean() / bound
        grads = torch.autograd.grad(total, moved)
        for adam, plane, start, grad in zip(movers, moved, latent.planes, grads, strict=True):
            adam.step(plane, grad, lr)
            _project(plane, start, uniform=network.architecture.published)
    with torch.no_grad():
        found: Tensor = network(latent.noise(moved), window)[0]
    return found.clamp(0, 1).cpu()


def _values(
    critics: Critics, image: Tensor, periodic: Periodic, generator: torch.Generator | None
) -> list[Tensor]:
    """Every critic at the patches of a grid of an image; with a generator, the grid has a random offset."""
    levels = gaussian_pyramid(image, 1 + max(scale for scale, _ in critics), periodic=periodic)
    found = []
    for (scale, size), critic in critics.items():
        stride, offset = stride_of(scale), (0, 0)
        if generator is not None:
            shape = (levels[scale].shape[1], levels[scale].shape[2])
            offset = random_offset(shape, size, stride, periodic, generator)
        found.append(
            critic(extract_patches(levels[scale], size, stride=stride, offset=offset, periodic=periodic))
        )
    return found


@torch.no_grad()
def _bounds(
    network: PlaneNetwork, critics: Critics, one: Latent, other: Latent, window: Window, periodic: Periodic
) -> list[float | None]:
    """K of every critic, from two samples, over all positions."""
    here, there = (
        _values(critics, network(latent.noise(latent.planes), window)[0], periodic, None)
        for latent in (one, other)
    )
    distance = float(one.distance(other.planes))
    return [max(1e-6, float((a - b).abs().max()) / distance) for a, b in zip(here, there, strict=True)]


@torch.no_grad()
def _project(plane: Tensor, start: Tensor, *, uniform: bool) -> None:
    """Project noise to its initial norm, or to [0, 1] if it is uniform."""
    if uniform:
        plane.clamp_(0, 1)
    else:
        plane.mul_(start.norm() / plane.norm().clamp_min(1e-12))
