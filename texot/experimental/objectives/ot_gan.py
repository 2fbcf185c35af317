"""OT-GAN: the minibatch energy distance of learned features.

    D^2 = 2 E W(X, Y) - E W(X, X') - E W(Y, Y')

X, X' are independent minibatches of the generator's patches, Y, Y' of the exemplar's; W is entropic transport
with the cosine cost c(x, y) = 1 - v(x).v(y) / (|v(x)| |v(y)|) of features v, which are trained to maximise
D^2 while the generator minimises it. Unlike W, D^2 is 0 in expectation for equal measures. Features are
trained once in three steps of the generator: more often, and training diverges.

Salimans, Zhang, Radford & Metaxas 2018, "Improving GANs using optimal transport" (arXiv 1803.05573),
equations 7 and 9, Algorithm 1, and betas (0.5, 0.999).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.experimental.objectives.term import OpposedTerm, draw

N_GENERATOR = 3
BATCH = 128
WIDTHS = (128, 64)
ENTROPY = 0.05  # of the cosine cost, which is in [0, 2]
N_ITER = 20
_LR = 3e-4


@dataclass
class EnergyTerm(OpposedTerm):
    """The minibatch energy distance between the image's patches and the exemplar's."""

    betas = (0.5, 0.999)

    @staticmethod
    def widths(d: int) -> tuple[int, ...]:
        """See `OpposedTerm`."""
        return (d + 1, *WIDTHS)

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `ObjectiveTerm`."""
        count = 2 * min(BATCH, len(x) // 2)
        a, b = with_length(draw(x, count, generator)).chunk(2)
        c, d = with_length(self.targets(count, generator)).chunk(2)
        if self.opponent.count_step() % N_GENERATOR == 0:
            batches = a.detach(), b.detach(), c, d
            self.opponent.learn(
                lambda weights: -energy_distance(*(self.opponent(batch, weights) for batch in batches)), _LR
            )
        return energy_distance(*(self.opponent(batch) for batch in (a, b, c, d)))


def with_length(x: Tensor) -> Tensor:
    """(x, sqrt(d)) for points x (n, d): the angle of the result depends on the length of x.

    A perceptron with biases near 0 is positively homogeneous, so the cosine cost of its features would not
    depend on the contrast of patches, which then grows without bound.
    """
    return F.pad(x, (0, 1), value=math.sqrt(x.shape[1]))


def energy_distance(
    x: Tensor, other_x: Tensor, y: Tensor, other_y: Tensor, *, entropy: float = ENTROPY
) -> Tensor:
    """An unbiased estimate of D^2 from two minibatches of features of either side, differentiable.

    Args:
        x, other_x: (n, d), of the generator.
        y, other_y: (n, d), of the exemplar.
        entropy: of the transport, in units of the cosine cost.
    """
    x, other_x, y, other_y = (F.normalize(batch, dim=1) for batch in (x, other_x, y, other_y))
    rows = torch.stack([x, x, other_x, other_x, x, y])
    columns = torch.stack([y, other_y, y, other_y, other_x, other_y])
    w = matching_cost(1 - rows @ columns.mT, entropy=entropy)
    return w[:4].sum() / 2 - w[4] - w[5]


def matching_cost(costs: Tensor, *, entropy: float, n_iter: int = N_ITER) -> Tensor:
    """<M, C> of the entropic plan M of each of several problems, which is held fixed: (k,).

    Args:
        costs: (k, n, m), C, differentiable.
        entropy: > 0.
        n_iter: number of Sinkhorn iterations, in the log domain, on all problems at once.
    """
    with torch.no_grad():
        kernel = -costs / entropy
        g = torch.zeros_like(kernel[:, :1])
        for _ in range(n_iter):
            f = -math.log(costs.shape[1]) - torch.logsumexp(kernel + g, 2, keepdim=True)  # (k, n, 1)
            g = -math.log(costs.shape[2]) - torch.logsumexp(kernel + f, 1, keepdim=True)  # (k, 1, m)
        plan = (kernel + f + g).exp()
    return (plan * costs).sum((1, 2))
