"""Adam (Kingma & Ba 2015, Algorithm 1) on one tensor.

The update is that of `torch.optim.Adam`. Its first step would import torch's compiler, which takes 0.9 s.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Adam:
    """Moving averages of one tensor's gradient and of its square.

    Args:
        like: the tensor that will be updated; only its shape, dtype and device are used.
        betas: decay rates of the averages of the gradient and of its square.
        eps: added to the square root of the second average.
    """

    def __init__(self, like: Tensor, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        self.mean = torch.zeros_like(like, requires_grad=False)
        self.square = torch.zeros_like(like, requires_grad=False)
        self.betas, self.eps, self.n_steps = betas, eps, 0

    @torch.no_grad()
    def step(self, value: Tensor, grad: Tensor, lr: float) -> None:
        """Update `value` in place by one step of size `lr` against `grad`."""
        first, second = self.betas
        self.n_steps += 1
        self.mean.lerp_(grad, 1 - first)
        self.square.mul_(second).addcmul_(grad, grad, value=1 - second)
        root = self.square.sqrt().div_(math.sqrt(1 - second**self.n_steps)).add_(self.eps)
        value.addcdiv_(self.mean, root, value=-lr / (1 - first**self.n_steps))
