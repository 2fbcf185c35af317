"""Discriminator optimal transport: known maps, measured Lipschitz constants, critics in model files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from textures import clouds
from torch import Tensor

import texot
from texot.errors import InputError
from texot.evaluation import multiscale_patch_distance
from texot.experimental.latent import Latent, refine_latent
from texot.experimental.objectives import find_objective
from texot.experimental.objectives.critics import critics_of, keep_critics
from texot.experimental.objectives.wgan_gp import CriticTerm
from texot.experimental.refinement import lipschitz_constant, refine, transport_loss
from texot.generator.trainer import Trainer
from texot.images.pyramid import gaussian_pyramid
from texot.solver.adam.optimizer import Adam
from texot.solver.options import TILES

pytestmark = pytest.mark.usefixtures("small_torus")
TINY: dict[str, Any] = {
    "n_scales": 2,
    "backend": "tiled",
    "device": "cpu",
    "objective": find_objective("wgan-gp"),
}

spread = Latent.noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(x: Tensor, goal: Tensor, bound: float) -> Tensor:
    """Points after 400 steps down |x - y| - f(y) / K with f(y) = -|y - goal|."""
    y = x.clone().requires_grad_(True)
    adam = Adam(y, betas=(0.0, 0.9))
    for step in range(400):
        loss = transport_loss(x, y, lambda at: -(at - goal).norm(dim=1), bound)
        (grad,) = torch.autograd.grad(loss, y)
        adam.step(y, grad, 0.05 * (1 - step / 400))
    return y.detach()


def test_points_go_to_a_dirac_unless_the_bound_is_too_large() -> None:
    """-|y - a| is the potential to a Dirac at a, of Lipschitz constant 1."""
    x = torch.randn(5, 3, generator=seeded(), dtype=torch.float64)
    goal = torch.tensor([3.0, 0, -1], dtype=torch.float64)
    assert float((moved(x, goal, 0.8) - goal).norm(dim=1).max()) < 0.02
    assert float((moved(x, goal, 1.25) - x).norm(dim=1).max()) < 0.02


def test_the_gradient_in_float64() -> None:
    x, y = torch.randn(2, 4, 3, generator=seeded(), dtype=torch.float64)
    torch.autograd.gradcheck(
        lambda at: transport_loss(x, at, lambda p: p.square().sum(1), 2.0), y.requires_grad_(True)
    )


def test_measured_constants() -> None:
    """That of a linear function is the length of its slope, from below; of a constant one above 0."""
    x = torch.randn(500, 2, generator=seeded(), dtype=torch.float64)
    slope = torch.tensor([3.0, -4.0], dtype=torch.float64)
    assert lipschitz_constant(lambda at: at @ slope, x, seeded()) == pytest.approx(5, rel=1e-3)
    assert 0 < lipschitz_constant(lambda at: at[:, 0] * 0, x, seeded()) < 1e-3
    assert lipschitz_constant(lambda at: at @ slope, x[:1], seeded()) == 1


@pytest.fixture(scope="module")
def generator() -> texot.Generator:
    """Any with critics."""
    return texot.train(clouds(3, 48, 48), steps=6, **TINY)


@pytest.mark.slow
def test_refined_samples_are_nearer() -> None:
    """Critics trained on against one sample, as in Tanaka 2019: 0.93 of its distance remained."""
    exemplar = clouds(3, 48, 48)
    trainer = Trainer(exemplar, steps=60, **TINY)  # few: there is something left to refine
    for _ in trainer:
        pass
    generator = trainer.generator()
    sample = generator.sample("48x48", seed=5).image
    levels, random = gaussian_pyramid(sample, 2, periodic=(True, True)), seeded()
    terms = [own.term for own in trainer.terms.transport if isinstance(own.term, CriticTerm)]
    for term in terms:
        for _ in range(30):
            term(levels[term.scale], (True, True), random)
    keep_critics(generator.network, terms)

    def distance(image: Tensor) -> float:
        return sum(multiscale_patch_distance(image, exemplar, patch_size=4, n_scales=2))

    refined = refine(generator.network, sample)
    assert refined.shape == sample.shape
    assert 0 <= float(refined.min()) <= float(refined.max()) <= 1
    assert distance(refined) < 0.97 * distance(sample)
    still = refine(generator.network, sample, lipschitz=1e6)
    assert float((still - sample).abs().mean()) < float((refined - sample).abs().mean()) / 3
    far = refine(generator.network, sample, n_iter=100, lr=0.01)  # the known weak point
    assert distance(far) > distance(sample)
    latent = refine_latent(generator.network, 5, (48, 48))  # .97 of its distance were left
    assert distance(latent) < 0.985 * distance(sample)
    still = refine_latent(generator.network, 5, (48, 48), lipschitz=1e6)
    assert float((still - sample).abs().mean()) < float((latent - sample).abs().mean()) / 5
    far = refine_latent(generator.network, 5, (48, 48), lr=0.01)
    assert distance(far) > 1.3 * distance(sample)


@pytest.mark.parametrize("tile", ["both", "x", "none"])
def test_the_latent_of_a_window_is_its_noise(generator: texot.Generator, tile: str) -> None:
    """Without a step it makes the sample; on a torus, edges that meet share their noise."""
    sample = generator.sample((35, 26), seed=4, at=(-7, 1000), tile=tile).image
    same = refine_latent(generator.network, 4, (26, 35), at=(1000, -7), periodic=TILES[tile], n_iter=0)
    torch.testing.assert_close(same, sample, atol=1e-5, rtol=0)
    window = generator.network.window((0, 0), (26, 35), periods=(26 if tile == "both" else None, 35))
    latent = Latent.of(generator.network, 4, window)
    if tile == "both":
        assert latent.planes[0].shape[1:] == (26, 35)
    planes = [plane + torch.randn(plane.shape, generator=seeded()) for plane in latent.planes]
    for span, found in zip(window[1], latent.noise(planes), strict=True):
        for place in span.positions.unique().tolist():
            columns = found[..., span.positions == place]
            assert (columns == columns[..., :1]).all()


def test_latents_stay_where_noise_is(generator: texot.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of any size keep every plane's mean square, but not the plane."""
    seen: list[list[Tensor]] = []
    monkeypatch.setattr(Latent, "noise", lambda self, planes: seen.append(planes) or spread(self, planes))
    refine_latent(generator.network, 4, (24, 24), n_iter=3, lr=0.5)
    for before, after in zip(seen[0], seen[-1], strict=True):
        assert float(after.detach().norm()) == pytest.approx(float(before.detach().norm()), rel=1e-4)
        assert float((after - before).detach().abs().mean()) > 0.1


def test_critics_are_kept_in_the_file(generator: texot.Generator, tmp_path: Path) -> None:
    generator.save(tmp_path / "m.safetensors")
    again = texot.Generator.load(tmp_path / "m.safetensors")
    critics = critics_of(again.network)
    assert list(critics) == [(0, 4), (1, 4), (1, 8)]
    sample = generator.sample("24x24").image
    one, other = (refine(net, sample, n_iter=3) for net in (generator.network, again.network))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_critics_that_do_not_fit(generator: texot.Generator, tmp_path: Path) -> None:
    """Other names, scales that the network lacks, other shapes."""
    import json

    from safetensors.torch import save

    from texot.generator.model_file import unpack

    generator.save(tmp_path / "m.safetensors")
    tensors, about = unpack((tmp_path / "m.safetensors").read_bytes(), "m")
    weights = tensors.pop("critics.s0_p4.weights")
    for name, tensor in (
        ("critics.s0_p4.weights", weights[:-1].contiguous()),
        ("critics.s9_p4.weights", weights),
        ("critics.s0_p5.weights", weights),
        ("critics.s0_p4.more.weights", weights),
        ("critics..weights", weights),
    ):
        (tmp_path / "x.safetensors").write_bytes(
            save({**tensors, name: tensor}, {"texot": json.dumps(about)})
        )
        damaged = texot.Generator.load(tmp_path / "x.safetensors")
        with pytest.raises(InputError, match="critics are damaged"):
            critics_of(damaged.network)
    for wrong in (weights.double(), weights * float("nan")):
        data = save({**tensors, "critics.s0_p4.weights": wrong}, {"texot": json.dumps(about)})
        (tmp_path / "x.safetensors").write_bytes(data)
        with pytest.raises(InputError, match="no model of texot"):
            texot.Generator.load(tmp_path / "x.safetensors")


def test_a_model_without_critics() -> None:
    options = {**TINY, "objective": None, "features": "none"}
    generator = texot.train(clouds(3, 32, 32), steps=2, **options)
    with pytest.raises(InputError, match="wgan-gp"):
        refine(generator.network, generator.sample("16x16").image)
