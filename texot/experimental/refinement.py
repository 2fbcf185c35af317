"""Discriminator optimal transport: a sample moves along the critics of its generator.

    T(x) = argmin over y of  |x - y| - f(y) / K

is the map of Wasserstein-1 transport if f is the exact critic and K its Lipschitz constant. Here x are the
patches of an image u and f a critic at each scale; the patches overlap, so the image v is optimised:

    min over v of  sum_l mean_p  |p(S_l u) - p(S_l v)| - f_l(p(S_l v)) / K_l

K_l is measured: the largest |f(p) - f(q)| / |p - q| among patches of the sample. If K is too small, or a
critic is not close to 1-Lipschitz, samples move too far; 100 steps of 0.01 make them much worse. If K is too
large, they do not move.

`texot.experimental.latent` moves the noise instead.

Tanaka 2019, "Discriminator optimal transport" (arXiv 1910.06832), section 3 (target space) and Algorithm 1,
with its gradient steps by Adam, betas (0, 0.9), and its small delta in the norm.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from texot.experimental.objectives.critics import needed_critics
from texot.generator.network import PlaneNetwork
from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic, gaussian_pyramid
from texot.solver.adam.optimizer import Adam
from texot.solver.torch_modes import own_modes

DELTA = 1e-3
_STRIDES = (2, 2, 1)  # of patch grids by scale, which have a random offset every step
BETAS = (0.0, 0.9)
_PAIRS = 4096


@own_modes()
def refine(
    network: PlaneNetwork,
    image: Tensor,
    *,
    periodic: Periodic = (True, True),
    n_iter: int = 30,
    lr: float = 0.003,
    lipschitz: float | None = None,
    seed: int = 0,
) -> Tensor:
    """A sample moved along the critics.

    Args:
        network: with critics (objective "wgan-gp").
        image: (C, H, W) in [0, 1], a sample of it.
        periodic: axes (y, x) along which it wraps around.
        n_iter: number of steps.
        lr: step size, in pixel values. n_iter * lr bounds the distance; critics are valid near samples only.
        lipschitz: K of all critics; None: measured for each.
        seed: of the patch grids.

    Raises:
        InputError: the network has no critics.
    """
    critics = needed_critics(network)
    generator = torch.Generator().manual_seed(seed)
    n_scales = 1 + max(scale for scale, _ in critics)
    start = image.detach().to(network.device, torch.float32)
    befores = gaussian_pyramid(start, n_scales, periodic=periodic)
    bounds = []
    for (scale, size), critic in critics.items():
        x = extract_patches(befores[scale], size, stride=stride_of(scale), periodic=periodic)
        bounds.append(lipschitz_constant(critic, x, generator) if lipschitz is None else lipschitz)
    moved = start.clone().requires_grad_(True)
    adam = Adam(moved, betas=BETAS)
    for _ in range(n_iter):
        afters = gaussian_pyramid(moved, n_scales, periodic=periodic)
        total = moved.new_zeros(())
        for ((scale, size), critic), bound in zip(critics.items(), bounds, strict=True):
            stride = stride_of(scale)
            shape = (afters[scale].shape[1], afters[scale].shape[2])
            offset = random_offset(shape, size, stride, periodic, generator)
            x, y = (
                extract_patches(level[scale], size, stride=stride, offset=offset, periodic=periodic)
                for level in (befores, afters)
            )
            total = total + transport_loss(x, y, critic, bound)
        (grad,) = torch.autograd.grad(total, moved)
        adam.step(moved, grad, lr)
    return moved.detach().clamp(0, 1).to(image)


def transport_loss(x: Tensor, y: Tensor, critic: Callable[[Tensor], Tensor], bound: float) -> Tensor:
    """Mean of |x_i - y_i| - f(y_i) / K over patches (n, d), differentiable in y."""
    distance = ((x - y).square().sum(1) + DELTA**2).sqrt()
    return (distance - critic(y) / bound).mean()


@torch.no_grad()
def lipschitz_constant(critic: Callable[[Tensor], Tensor], x: Tensor, generator: torch.Generator) -> float:
    """The largest slope of a critic between random pairs of patches (n, d)."""
    a, b = (x[torch.randint(len(x), (_PAIRS,), generator=generator).to(x.device)] for _ in range(2))
    distance = (a - b).norm(dim=1)
    apart = distance > 1e-6
    slopes = (critic(a) - critic(b)).abs()[apart] / distance[apart]
    return max(1e-6, float(slopes.max())) if len(slopes) else 1.0


def stride_of(scale: int) -> int:
    """The stride of the patch grid of a scale."""
    return _STRIDES[min(scale, len(_STRIDES) - 1)]
