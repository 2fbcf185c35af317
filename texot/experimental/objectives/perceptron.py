"""A perceptron that is trained against the generator: a critic, a feature map or a potential.

Its weights, their Adam averages and its counters are one tensor, the state of its term.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.solver.adam.optimizer import Adam

SLOPE = 0.2
_COUNTS = 2  # numbers at the end of the state: steps of Adam, and steps of the generator


def n_weights(widths: tuple[int, ...]) -> int:
    """Number of weights of a perceptron, including biases."""
    return sum((a + 1) * b for a, b in pairwise(widths))


def parts(weights: Tensor, widths: tuple[int, ...]) -> list[Tensor]:
    """Matrices and biases, W_1, b_1, W_2, ..., as views of flat weights (n,)."""
    shapes = [shape for a, b in pairwise(widths) for shape in ((b, a), (b,))]
    flat = torch.split(weights, [math.prod(shape) for shape in shapes])
    return [part.view(shape) for part, shape in zip(flat, shapes, strict=True)]


def perceptron(x: Tensor, weights: Tensor, widths: tuple[int, ...]) -> Tensor:
    """The result (n, widths[-1]) at x (n, widths[0]); differentiable in x and in the flat weights."""
    found = parts(weights, widths)
    for number in range(0, len(found), 2):
        x = F.linear(x if number == 0 else F.leaky_relu(x, SLOPE), found[number], found[number + 1])
    return x


class Perceptron:
    """x -> W_k a(... a(W_1 x + b_1) ...) + b_k, a a leaky ReLU.

    Args:
        widths: of x, of every hidden layer, and of the result.
        generator: CPU generator of the initial weights.
        like: a tensor of the dtype and device to use.
        betas: of Adam.

    Attributes:
        state: flat: weights, Adam's two averages, its steps and those of the generator. Its values may be
            overwritten, but not the tensor replaced.
        weights: (n,) view of the state.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        generator: torch.Generator,
        like: Tensor,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.widths = widths
        count = n_weights(widths)
        self.state = like.new_zeros(3 * count + _COUNTS)
        self.weights, mean, square = self.state[:-_COUNTS].view(3, count)
        self._adam = Adam(self.weights, betas=betas)
        self._adam.mean, self._adam.square = mean, square
        gain = math.sqrt(2 / (1 + SLOPE**2))
        for part in parts(self.weights, widths):
            if part.ndim == 2:
                first = torch.randn(part.shape, generator=generator, dtype=torch.float32)
                part.copy_(first * gain / math.sqrt(part.shape[1]))

    def __call__(self, x: Tensor, weights: Tensor | None = None) -> Tensor:
        """The result (n, width) at x (n, d), differentiable in x and weights; None: its own, fixed."""
        return perceptron(x, self.weights.detach() if weights is None else weights, self.widths)

    @property
    def n_steps(self) -> int:
        """Number of steps of Adam."""
        return int(self.state[-_COUNTS])

    def count_step(self) -> int:
        """Count a step of the generator, and return its number, from 1."""
        self.state[-1] += 1
        return int(self.state[-1])

    def learn(self, loss: Callable[[Tensor], Tensor], lr: float) -> float:
        """One step of Adam on a loss of the flat weights; returns the loss before the step."""
        weights = self.weights.detach().clone().requires_grad_(True)
        value = loss(weights)
        (grad,) = torch.autograd.grad(value, weights)
        self._adam.n_steps = self.n_steps
        self._adam.step(self.weights, grad, lr)
        self.state[-_COUNTS] += 1
        return float(value.detach())
