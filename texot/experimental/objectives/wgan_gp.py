"""WGAN-GP: the Wasserstein-1 distance by a critic f that is kept nearly 1-Lipschitz by a penalty.

    max over f of  E f(y) - E f(x) - 10 E (|grad f(x^)| - 1)^2,   x^ = e x + (1 - e) y,  e uniform in [0, 1]

Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved training of Wasserstein GANs" (arXiv
1704.00028), Algorithm 1, with its five critic steps for one of the generator and Adam's betas (0, 0.9). There
is one critic per scale and patch size, a perceptron of one patch, without batch normalisation. The five
minibatches are different patches of the image of a step, which has many more. The learning rates are 10 times
as large, for trainings of hundreds of steps instead of 100,000.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from texot.experimental.objectives.term import OpposedTerm, draw

N_CRITIC = 5
PENALTY = 10.0
BATCH = 256
_LR = 1e-3


@dataclass
class CriticTerm(OpposedTerm):
    """The critic's estimate of the Wasserstein-1 distance, in units of the exemplar's spread."""

    betas = (0.0, 0.9)

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `ObjectiveTerm`."""
        for _ in range(N_CRITIC):
            a, b = draw(x.detach(), BATCH, generator), self.targets(BATCH, generator)
            self.opponent.learn(self._loss(a, b[: len(a)], generator), _LR)
        y = self.targets(len(x), generator)
        return self.opponent(y).mean() - self.opponent(x).mean()

    def _loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        def loss(weights: Tensor) -> Tensor:
            def critic(at: Tensor) -> Tensor:
                return self.opponent(at, weights)

            penalty = gradient_penalty(critic, x, y, generator)
            return critic(x).mean() - critic(y).mean() + PENALTY * penalty

        return loss


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, generator: torch.Generator
) -> Tensor:
    """E (|grad f| - 1)^2 at random points between x_i and y_i, differentiable in the critic's weights.

    Args:
        critic: (n, d) -> (n, 1).
        x, y: (n, d).
        generator: CPU generator of the points.
    """
    e = torch.rand(len(x), 1, generator=generator, dtype=torch.float32).to(x)
    between = (e * x + (1 - e) * y).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    excess: Tensor = slope.norm(dim=1) - 1
    return excess.square().mean()
