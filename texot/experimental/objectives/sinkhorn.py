"""The Sinkhorn divergence between minibatches of patches.

    S_lam(x, y) = OT_lam(x, y) - (OT_lam(x, x) + OT_lam(y, y)) / 2,  cost |x - y|^2

No potential is kept: every step solves its own small problem. The divergence has no entropic bias; the bias
of the minibatch remains.

Sources: Genevay, Peyre & Cuturi 2018, "Learning generative models with Sinkhorn divergences" (arXiv
1706.00292); Feydy et al. 2019 (arXiv 1810.08278); Houdard et al., TMLR 2023 (hal-03740368), Theorem 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.experimental.objectives.term import ObjectiveTerm, draw
from texot.transport.divergence import sinkhorn_divergence

BATCH = 256
FRACTION = 0.05  # of the mean cost between all pairs: the entropy, if none is given
_MIN_ENTROPY = 1e-6
_N_ITER = 10
_TOLERANCE = 0.02


@dataclass
class SinkhornTerm(ObjectiveTerm):
    """The divergence of a minibatch of the image's patches and one of the exemplar's.

    `entropy`, in units of squared patch distance, is that of the transport; 0: a fraction of the mean cost.
    """

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `ObjectiveTerm`; there is no state."""
        x = draw(x, BATCH, generator)
        y = self.targets(BATCH, generator)
        entropy = self.entropy / self.spread**2
        if not entropy:
            entropy = FRACTION * mean_cost(x.detach(), y) + _MIN_ENTROPY
        return sinkhorn_divergence(x, y, entropy=entropy, n_iter=_N_ITER, tolerance=_TOLERANCE)


def mean_cost(x: Tensor, y: Tensor) -> float:
    """Mean of |x_i - y_j|^2 over all pairs."""
    apart = (x.mean(0) - y.mean(0)).square().sum()
    return float(apart + (x.var(0, correction=0) + y.var(0, correction=0)).sum())
