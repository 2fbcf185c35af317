"""Discriminator optimal transport along the noise: a sample's latent moves, and the network makes it anew.

    min over w of  mean_l mean_p |z_l(p) - w_l(p)|  -  sum_k mean_p f_k(P_k G(w)) / K_k

z_l are the noise planes of the scales, f_k the critics. K_k is measured: the largest
|f_k(P_k G(z)) - f_k(P_k G(z'))| at a place, over the mean distance of z from another sample's noise z'. Steps
stay where noise is: every plane keeps its mean square, or as published its range.

Tanaka 2019, "Discriminator optimal transport" (arXiv 1910.06832), section 3 (latent space) and Algorithm 1. A
network has no other images than its own: what it cannot make, this does not reach, and `refine` may.
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
    """The noise of a window: every value once, where a torus shows some again at the other edge.

    Attributes:
        planes: (channels, rows, columns) of every scale, finest first.
        places: of the window's rows and columns in them.
    """

    planes: list[Tensor]
    places: list[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, network: PlaneNetwork, seed: int, window: Window) -> Latent:
        """That of a seed."""
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
        """What `PlaneNetwork.forward` takes, of planes in the place of these."""
        return [plane[:, y][:, :, x][None] for plane, (y, x) in zip(planes, self.places, strict=True)]

    def distance(self, planes: list[Tensor]) -> Tensor:
        """Mean distance of a pixel's noise, over pixels and scales."""
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
    """A sample whose noise was moved along the critics.

    Args:
        network: of one texture, with critics: of objective "wgan-gp".
        seed: of the sample.
        size: (height, width).
        at: (y, x) of its first pixel on the plane.
        periodic: axes (y, x) after whose size the plane repeats.
        n_iter: steps.
        lr: of a step, in deviations of the noise. All places move together and critics soon know nothing: ten
            times as much leaves the texture.
        lipschitz: K of all critics; None: measured, for each its own.

    Returns:
        (C, height, width) in [0, 1], on the CPU.

    Raises:
        InputError: a network without critics.
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
            _put_back(plane, start, uniform=network.architecture.published)
    with torch.no_grad():
        made: Tensor = network(latent.noise(moved), window)[0]
    return made.clamp(0, 1).cpu()


def _values(
    critics: Critics, image: Tensor, periodic: Periodic, generator: torch.Generator | None
) -> list[Tensor]:
    """Every critic at the patches of a grid of an image; the grid is moved at random if a generator is."""
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
    """K of every critic, between two samples at all places."""
    here, there = (
        _values(critics, network(latent.noise(latent.planes), window)[0], periodic, None)
        for latent in (one, other)
    )
    distance = float(one.distance(other.planes))
    return [max(1e-6, float((a - b).abs().max()) / distance) for a, b in zip(here, there, strict=True)]


@torch.no_grad()
def _put_back(plane: Tensor, start: Tensor, *, uniform: bool) -> None:
    """On the sphere that normal noise of many values is on, or in the range of uniform noise."""
    if uniform:
        plane.clamp_(0, 1)
    else:
        plane.mul_(start.norm() / plane.norm().clamp_min(1e-12))
