"""Semi-discrete fitting of a generator network to a data set, and figures of its samples.

    min over theta, max over psi of  E_z psi^{c,lam}(g_theta(z)) + sum_j nu_j psi_j

The source is a network of noise, the target the data. Every step draws a new sample; one pass over it gives
the ascent step of psi and the gradient 2 (x - y_sigma(x)) / n for an Adam step of theta (the alternate
algorithm of Houdard, Leclaire, Papadakis, Rabin, TMLR 2023, hal-03740368, with one step of psi per step of
theta).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from texot.experimental.dual import Dual, DualNetwork, DualVector, PotentialNetwork
from texot.kernels import laguerre_cells
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import semi_dual
from texot.transport.solvers import sinkhorn, solve

Psi = Literal["vector", "network"]

_LATENT, _WIDTH = 16, 256
_RATE, _PSI_RATE = 1e-3, 1e-2  # of theta and of psi as a network, which must be faster
_SAMPLE_SEED = 2**62  # of the samples for figures


class Network(nn.Module):
    """g_theta: a perceptron of three layers from normal noise to a picture.

    Args:
        mean: (d,), of the data, in [0, 1]: the initial output.
        generator: CPU generator of the initial weights.
    """

    def __init__(self, mean: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        self.first = nn.Linear(_LATENT, _WIDTH)
        self.second = nn.Linear(_WIDTH, _WIDTH)
        self.last = nn.Linear(_WIDTH, len(mean))
        with torch.no_grad():
            for layer in (self.first, self.second, self.last):
                drawn = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float32)
                layer.weight.copy_(drawn * (2 / layer.in_features) ** 0.5)
                layer.bias.zero_()
            self.last.bias.copy_(torch.logit(mean.clamp(0.02, 0.98)))

    def forward(self, z: Tensor) -> Tensor:
        """Pictures (n, d) in (0, 1) from noise (n, latent)."""
        a = nn.functional.leaky_relu(self.first(z), 0.1)
        a = nn.functional.leaky_relu(self.second(a), 0.1)
        return torch.sigmoid(self.last(a))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Pictures (count, d) from new noise."""
        z = torch.randn(count, _LATENT, generator=generator, dtype=torch.float32)
        pictures: Tensor = self(z)
        return pictures


@dataclass(frozen=True)
class Fit:
    """A fitted generator.

    Attributes:
        network: g_theta.
        psi: kind of the dual variable.
        dual: the dual variable.
        entropy: lam, in units of the mean squared difference per pixel.
        seconds: duration of the fit.
    """

    network: Network
    psi: Psi
    dual: Dual
    entropy: float
    seconds: float


def fit(
    data: Tensor,
    *,
    psi: Psi = "vector",
    entropy: float = 0.0,
    steps: int = 4000,
    batch: int = 256,
    seed: int = 0,
) -> Fit:
    """Fit a generator to data, all of equal weight.

    Args:
        data: (m, d) in [0, 1].
        psi: kind of the dual variable.
        entropy: lam >= 0, in units of the mean squared difference per pixel, |x - y|^2 / d.
        steps: of theta and of psi; the step sizes decrease in the second half.
        batch: new pictures per step.
        seed: of weights and noise.
    """
    begun = time.perf_counter()
    random = torch.Generator().manual_seed(seed)
    measure = _measure(data)
    network = Network(measure.centre, random)
    dual: Dual = DualVector(measure)
    if psi == "network":
        dual = DualNetwork(measure, PotentialNetwork(measure, generator=random), rate=_PSI_RATE)
    adam = torch.optim.Adam(network.parameters(), lr=_RATE, betas=(0.5, 0.99))
    total = entropy * data.shape[1]  # in units of |x - y|^2
    for step in range(steps):
        factor = min(1.0, 2 * (1 - step / steps))
        x = network.sample(batch, random)
        target = dual.ascend(x.detach(), factor=factor, entropy=total).target
        adam.zero_grad()
        torch.autograd.backward(((x - target) ** 2).sum(1).mean())
        for group in adam.param_groups:
            group["lr"] = factor * _RATE
        adam.step()
    return Fit(network, psi, dual, entropy, time.perf_counter() - begun)


@dataclass(frozen=True)
class Figures:
    """Figures of as many samples as there are data; squared differences are means per pixel.

    Attributes:
        to_held_out, to_train: transport, without entropy, to held-out and to fitted data.
        nearest: mean squared difference to the nearest of the fitted data.
        memorised: fraction of samples nearer to a fitted datum than to any held-out one. 0.5 without
            memorisation, as both sets have the same size; 1 for copies.
        missed: fraction of the held-out data that are nearest to no sample.
        variance: of the samples about their mean, relative to that of the held-out data: below 1 for blur or
            missing modes.
    """

    to_held_out: float
    to_train: float
    nearest: float
    memorised: float
    missed: float
    variance: float


@torch.no_grad()
def measure_samples(x: Tensor, train: Tensor, held_out: Tensor) -> Figures:
    """Figures of samples (n, d), compared with fitted and held-out data, (m, d) each."""
    near, _ = distance_to(x, train)
    far, other = distance_to(x, held_out)
    return Figures(
        to_held_out=_transport(x, held_out),
        to_train=_transport(x, train),
        nearest=float(near.mean()),
        memorised=float((near < far).double().mean()),
        missed=1 - len(set(other.tolist())) / len(held_out),
        variance=float(x.var(0, correction=0).sum() / held_out.var(0, correction=0).sum()),
    )


def distance_to(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared difference per pixel of each x to its nearest y, (n,), and its index, (n,) int64."""
    found = laguerre_cells(x, y, x.new_zeros(len(y)))
    return ((x - y[found]) ** 2).mean(1), found


def _transport(x: Tensor, y: Tensor) -> float:
    return solve(x, _measure(y)).value / x.shape[1]


@torch.no_grad()
def dual_gap(x: Tensor, measure: PatchMeasure, psi: Tensor, entropy: float) -> float:
    """The relative duality gap (OT - F(psi)) / OT of a new sample, OT nearly exact.

    OT is the maximum over potentials for this sample, on which psi was not trained. So the gap contains
    sampling noise, which decreases with the size of the sample.

    Args:
        x: (n, d), a new sample.
        measure: the target.
        psi: (m,).
        entropy: lam >= 0, in units of |x - y|^2.
    """
    value = float(semi_dual(x, measure, psi, entropy=entropy))
    if entropy:
        best = sinkhorn(x, measure, psi, entropy=entropy, n_iter=500, tolerance=1e-4).value
    else:
        best = solve(x, measure, psi).value
    return max(0.0, best - value) / max(best, value, 1e-12)


def gaps(made: Fit, held_out: Tensor, count: int) -> tuple[float, float | None]:
    """The duality gap of a fit on its data, and, if psi is a network, on unseen data.

    Args:
        made: the fit.
        held_out: (m, d).
        count: size of the new sample.
    """
    x, entropy = fresh(made, count, 1), made.entropy * held_out.shape[1]
    dual = made.dual
    own = dual_gap(x, dual.measure, dual.psi, entropy)
    if not isinstance(dual, DualNetwork):
        return own, None
    return own, dual_gap(x, _measure(held_out), dual.at(held_out), entropy)


@torch.no_grad()
def fresh(made: Fit, count: int, number: int = 0) -> Tensor:
    """Samples (count, d) from noise that no fit has seen; `number` chooses the noise."""
    return made.network.sample(count, torch.Generator().manual_seed(_SAMPLE_SEED + number))


def _measure(data: Tensor) -> PatchMeasure:
    return PatchMeasure(data, torch.ones(len(data), dtype=data.dtype))
