"""The dual variable psi of semi-discrete transport, learned from samples: as a vector, or as a network.

    max over psi of  E_x psi^{c,lam}(x) + sum_j nu_j psi_j            by averaged stochastic ascent
    vector:   psi_j <- psi_j + rate (nu_j - mass_j),                  mass: of a new sample's cells
    network:  psi_j = h_w(y_j) - sum_k nu_k h_w(y_k),  and w moves along  sum_j (nu_j - mass_j) dh_w(y_j)/dw

psi is unique up to a constant; here its mean under nu is 0. Gradients are orthogonal to constants, as nu -
mass sums to 0. Both kinds keep a moving average of their iterates, which is closer to the maximum.

A vector has one unknown per target, which changes by the mass of its own cell only. The size of a network
does not depend on the number of targets; every sample changes it at all targets, and it has a value at unseen
targets. Its maximum is limited by its architecture.

Sources: Genevay, Cuturi, Peyre, Bach 2016, "Stochastic optimization for large-scale optimal transport"
(averaged ascent on the semi-dual); Seguy, Damodaran, Flamary, Courty, Rolet, Blondel 2018, "Large-scale
optimal transport and mapping estimation" (dual variables as networks); Houdard, Leclaire, Papadakis, Rabin,
TMLR 2023 (hal-03740368), for its use in fitting generators.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from texot.errors import InputError
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import Assignment, assign

_CHUNK = 8192  # targets whose activations are held at a time


class Dual(Protocol):
    """A psi that is learned.

    Attributes:
        measure: the target, to which psi belongs.
    """

    measure: PatchMeasure

    @property
    def psi(self) -> Tensor:
        """The averaged potential, (m,), of mean 0 under nu, without gradient."""

    def ascend(
        self, x: Tensor, *, factor: float = 1.0, entropy: float = 0.0, backend: str = "auto"
    ) -> Assignment:
        """One pass over a new sample and the targets, and one ascent step.

        Args:
            x: (n, d), drawn independently of earlier samples; no gradient flows to it.
            factor: of the step size, for decaying rates.
            entropy: lam >= 0, in units of squared distance.
            backend: see `texot.transport.semi_dual.assign`.

        Returns:
            The assignment of the sample under the psi before the step. The gradient for a generator of x is
            2 (x - target) / n.

        Raises:
            InputError: x does not fit the targets.
        """


class DualVector:
    """psi as a vector.

    Args:
        measure: the target.
        rate: how far a hit lowers a target's potential, as a fraction of the targets' spread.
        memory: of the moving average, in [0, 1): it covers about the last 1 / (1 - memory) steps.

    Raises:
        InputError: a number is out of its range.
    """

    def __init__(self, measure: PatchMeasure, *, rate: float = 0.1, memory: float = 0.99) -> None:
        _check(rate, memory)
        self.measure, self.rate, self.memory = measure, rate, memory
        self._last, self._average = torch.zeros_like(measure.nu), torch.zeros_like(measure.nu)
        self._n_steps = 0

    @property
    def psi(self) -> Tensor:
        """See `Dual`."""
        return self._average - self.measure.nu @ self._average

    @torch.no_grad()
    def ascend(
        self, x: Tensor, *, factor: float = 1.0, entropy: float = 0.0, backend: str = "auto"
    ) -> Assignment:
        """See `Dual`."""
        _check_sample(x, self.measure)
        measure, n, m = self.measure, len(x), len(self.measure)
        a = assign(x, measure, self._last, entropy=entropy, backend=backend)
        hits = min(n, m * m / n)  # with n > m, cells hold many samples and small steps suffice
        self._last = self._last + factor * self.rate * measure.spread * hits * (measure.nu - a.mass)
        self._n_steps += 1
        self._average.lerp_(self._last, _newest(self._n_steps, self.memory))
        return a


class PotentialNetwork(nn.Module):
    """h(y) = s (<a, u> + b (|u|^2 / d - 1) + <c, hidden(u)>),  u = (y - centre) sqrt(d / s).

    s is the targets' spread, so values are squared distances in the data's units. The first two terms alone
    are the potentials of translations and scalings. Initially a, b, c = 0, and psi = 0.

    Args:
        measure: the target; it has the centre and the spread.
        width: of the two hidden layers.
        generator: CPU generator of the initial weights; None: torch's global one.
    """

    centre: Tensor

    def __init__(
        self, measure: PatchMeasure, *, width: int = 128, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        y = measure.y
        d = y.shape[1]
        self.register_buffer("centre", measure.centre.detach().clone())
        self.unit = measure.spread or 1.0  # the spread of equal targets is 0
        self.gain = math.sqrt(d / self.unit)
        self.hidden = nn.ModuleList([nn.Linear(d, width), nn.Linear(width, width)]).to(y)
        self.out = nn.Linear(d + 1 + width, 1, bias=False).to(y)
        with torch.no_grad():
            self.out.weight.zero_()
            for layer in self.hidden:
                assert isinstance(layer, nn.Linear)
                drawn = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
                layer.weight.copy_(drawn * math.sqrt(2 / layer.in_features))
                layer.bias.zero_()

    def forward(self, y: Tensor) -> Tensor:
        """Values (k,) at points (k, d)."""
        u = (y - self.centre) * self.gain
        features = u
        for layer in self.hidden:
            features = nn.functional.silu(layer(features))
        square = (u**2).mean(1, keepdim=True) - 1
        value: Tensor = self.unit * self.out(torch.cat([u, square, features], 1))[:, 0]
        return value


class DualNetwork:
    """psi as a network of the targets, trained by Adam.

    Args:
        measure: the target.
        network: h, from points (k, d) to values (k,) in squared distance; None: a `PotentialNetwork`. It is
            trained in place.
        rate: step size of Adam.
        memory: see `DualVector`; the average is of weights.

    Raises:
        InputError: a number is out of its range.
    """

    def __init__(
        self,
        measure: PatchMeasure,
        network: nn.Module | None = None,
        *,
        rate: float = 5e-3,
        memory: float = 0.99,
    ) -> None:
        _check(rate, memory)
        self.measure, self.rate, self.memory = measure, rate, memory
        self.network = PotentialNetwork(measure) if network is None else network
        self._averaged = copy.deepcopy(self.network).requires_grad_(False)
        # texot.solver.adam.optimizer has one tensor only
        self._adam = torch.optim.Adam(self.network.parameters(), lr=rate, maximize=True)
        self._n_steps = 0

    @property
    def psi(self) -> Tensor:
        """See `Dual`."""
        return self._values(self._averaged)

    @torch.no_grad()
    def at(self, y: Tensor) -> Tensor:
        """The averaged potential (k,) at any points (k, d), normalised as `psi`."""
        own = self._raw(self._averaged, self.measure.y)
        return self._raw(self._averaged, y) - self.measure.nu @ own

    def ascend(
        self, x: Tensor, *, factor: float = 1.0, entropy: float = 0.0, backend: str = "auto"
    ) -> Assignment:
        """See `Dual`."""
        _check_sample(x, self.measure)
        measure = self.measure
        a = assign(x.detach(), measure, self._values(self.network), entropy=entropy, backend=backend)
        self._adam.zero_grad()
        slope = measure.nu - a.mass  # gradient of F in psi, orthogonal to constants
        with torch.enable_grad():
            for y, chunk in zip(_chunks(measure.y), _chunks(slope), strict=True):
                self.network(y).backward(chunk)
        for group in self._adam.param_groups:
            group["lr"] = factor * self.rate
        self._adam.step()
        self._n_steps += 1
        newest = _newest(self._n_steps, self.memory)
        with torch.no_grad():
            for mean, weight in zip(self._averaged.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, newest)
        return a

    @torch.no_grad()
    def _values(self, network: nn.Module) -> Tensor:
        raw = self._raw(network, self.measure.y)
        return raw - self.measure.nu @ raw

    @staticmethod
    def _raw(network: nn.Module, y: Tensor) -> Tensor:
        return torch.cat([network(chunk) for chunk in _chunks(y)])


def _newest(n_steps: int, memory: float) -> float:
    """Weight of the last iterate: in the plain mean at first, in the moving average later."""
    return max(1 / n_steps, 1 - memory)


def _chunks(rows: Tensor) -> Iterator[Tensor]:
    return iter(torch.split(rows, _CHUNK))


def _check(rate: float, memory: float) -> None:
    if not 0 < rate < math.inf:
        raise InputError(f"rate: expected a positive number, got {rate}")
    if not 0 <= memory < 1:
        raise InputError(f"memory: expected a number from 0 to below 1, got {memory}")


def _check_sample(x: Tensor, measure: PatchMeasure) -> None:
    d = measure.y.shape[1]
    if x.ndim != 2 or x.shape[1] != d or not len(x):
        raise InputError(f"expected a sample (n, {d}) like the targets, got {tuple(x.shape)}")
