"""One generator of several exemplars: its ends, its order, its maps, its file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from textures import clouds, photograph
from torch import Tensor, nn

import texot
from texot.errors import InputError
from texot.generator.blend import KNOTS, Blend, BlendFactor
from texot.generator.checkpoint import load_checkpoint, save_checkpoint
from texot.generator.layers import Mixed
from texot.generator.model_file import load_model, unpack
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator
from texot.generator.terms import semi_dual_term, training_network
from texot.generator.trainer import Trainer
from texot.generator.weight_map import WeightMap
from texot.networks.efficientnet import is_installed
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.objective import evaluate
from texot.solver.adam.term import Term, Weighted
from texot.solver.barycentric_weights import between

pytestmark = pytest.mark.usefixtures("small_torus")
TINY: dict[str, Any] = {"features": "none", "n_scales": 2, "backend": "tiled", "device": "cpu"}
SHAPE = {"widths": (5, 6, 7), "fresh": (2, 2, 3), "inner": 2, "blocks": (1, 1, 2)}


def network(textures: int = 2, colours: int = 3) -> TextureNetwork:
    """One whose textures differ."""
    generator = torch.Generator().manual_seed(3)
    made = TextureNetwork(Architecture(colours, textures=textures, **SHAPE), generator)  # type: ignore[arg-type]
    for tensor in made.state_dict().values():
        tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
    return made.requires_grad_(False)


def generator_of(textures: int = 2) -> Generator:
    return Generator(network(textures), {"mode": "RGB", "exemplar_size": [40, 30]})


def two() -> list[Tensor]:
    return [clouds(3, 32, 32), 0.5 * clouds(3, 40, 36, sigma=3.0)]


def trained(trainer: Trainer, steps: int | None = None) -> dict[str, Tensor]:
    for state in trainer:
        if state.total_step == steps:
            break
    return trainer.averaged().state_dict()


# the network


def end_of(several: TextureNetwork, texture: int) -> TextureNetwork:
    """The network of one texture with an end's weights."""
    one = TextureNetwork(Architecture(3, **SHAPE))  # type: ignore[arg-type]
    count = several.architecture.textures
    one.load_state_dict(
        {
            name: tensor.reshape(count, -1, *tensor.shape[1:])[texture].reshape(one.state_dict()[name].shape)
            for name, tensor in several.state_dict().items()
        }
    )
    return one.requires_grad_(False)


@pytest.mark.parametrize("texture", [0, 1, 2])
def test_an_end_is_a_network_of_that_texture_alone(texture: int) -> None:
    net = network(3)
    for shares in (
        torch.eye(3)[texture],
        lambda s, y, x: torch.eye(3)[texture][:, None, None].expand(3, len(y), len(x)),
    ):
        mixed = net.sample(5, (-3, 2), (21, 30), mixture=shares)
        torch.testing.assert_close(
            mixed, end_of(net, texture).sample(5, (-3, 2), (21, 30)), atol=1e-4, rtol=0
        )


def test_a_fresh_network_is_that_of_one_texture() -> None:
    several = TextureNetwork(Architecture(3, textures=2), torch.Generator().manual_seed(1))
    one = TextureNetwork(Architecture(3), torch.Generator().manual_seed(1))
    for shares in ((1.0, 0.0), (0.3, 0.7)):
        with torch.no_grad():
            own = several.sample(5, (0, 0), (20, 30), mixture=torch.tensor(shares))
            torch.testing.assert_close(own, one.sample(5, (0, 0), (20, 30)), atol=1e-4, rtol=0)
    assert all(not isinstance(module, Mixed) for module in one.modules())
    assert any(isinstance(module, nn.Conv2d) for module in one.modules())


def test_weights_everywhere_the_same_are_one_weight() -> None:
    net, shares = network(), torch.tensor([0.3, 0.7])
    whole = net.sample(5, (1, 2), (25, 31), mixture=shares)
    mapped = net.sample(
        5, (1, 2), (25, 31), mixture=lambda s, y, x: shares[:, None, None].expand(2, len(y), len(x))
    )
    torch.testing.assert_close(mapped, whole, atol=1e-4, rtol=0)
    assert (
        float((whole - net.sample(5, (1, 2), (25, 31), mixture=torch.tensor([0.7, 0.3]))).abs().mean()) > 0.01
    )


# maps


def image_map() -> Tensor:
    return clouds(1, 23, 31, sigma=3.0)


@pytest.mark.parametrize("name", ["horizontal", "vertical", "radial", "image"])
@pytest.mark.parametrize("tile", ["none", "both", None])
def test_windows_agree_with_the_whole(name: str, tile: str | None) -> None:
    generator = generator_of()
    given = image_map() if name == "image" else name
    options: dict[str, Any] = {"seed": 3, "at": (5, -9), "tile": tile, "weight_map": given}
    whole = generator.sample((101, 77), **options).image
    made = torch.full_like(whole, torch.nan)
    for top, left, part in generator.tiles((101, 77), side=37, **options):
        made[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    torch.testing.assert_close(made, whole, atol=1 / 255, rtol=0)
    if tile == "none":
        area = (5, -9, 101, 77)
        part = generator.sample((30, 20), **{**options, "at": (45, 11)}, weight_map_area=area).image
        torch.testing.assert_close(part, whole[:, 20:40, 40:70], atol=1 / 255, rtol=0)


def test_a_map_goes_from_the_first_to_the_last() -> None:
    """Beyond its area the plane is one texture's; within, the weights are those of the place."""
    generator = generator_of(3)
    area = (0, 0, 64, 32)
    mapped = generator.sample(
        (40, 32), at=(-80, 0), tile="none", weight_map="horizontal", weight_map_area=area
    ).image
    end = generator.sample((40, 32), at=(-80, 0), tile="none", weights=[1, 0, 0]).image
    torch.testing.assert_close(mapped, end, atol=1 / 255, rtol=0)
    mapped = generator.sample(
        (40, 32), at=(100, 0), tile="none", weight_map="horizontal", weight_map_area=area
    ).image
    end = generator.sample((40, 32), at=(100, 0), tile="none", weights=[0, 0, 1]).image
    torch.testing.assert_close(mapped, end, atol=1 / 255, rtol=0)
    made = WeightMap("horizontal", 3, (0, 0, 32, 64), 3)
    for scale in range(3):
        found = made(scale, torch.arange(4), torch.arange(64 >> scale))
        at = (torch.arange(64 >> scale) + 0.5) / (64 >> scale) * 2
        torch.testing.assert_close(found, between(at.expand(4, -1), 3))


def test_an_image_is_a_map_as_it_lies() -> None:
    """Of its own size: its pixels are the weights; at coarser scales, means of them."""
    grey = image_map()
    made = WeightMap(grey, 2, (7, -4, 23, 31), 3)
    found = made(0, torch.arange(7, 30), torch.arange(-4, 27))
    torch.testing.assert_close(found[1], grey[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.sum(0), torch.ones(23, 31))
    assert float(made(2, torch.arange(2, 7), torch.arange(0, 6))[1].mean()) == pytest.approx(
        float(grey.mean()), abs=0.05
    )


def test_a_map_on_a_torus_follows_it_round() -> None:
    """A radial map tiles: its torus is the same wherever the window is cut."""
    generator = generator_of()
    for size in ((48, 32), (37, 21)):
        options: dict[str, Any] = {"weight_map": "radial", "tile": "both", "weight_map_area": (0, 0, *size)}
        one = generator.sample(size, **options).image
        moved = generator.sample(size, at=(9, 4), **options).image
        torch.testing.assert_close(one.roll((-4, -9), (1, 2)), moved, atol=1 / 255, rtol=0)


# training


def blended(shares: Sequence[float], exemplars: list[Tensor], **options: Any) -> tuple[float, list[Tensor]]:
    """The objective of a network with these weights, and its gradient."""
    trainer = Trainer(exemplars, steps=2, **{**TINY, **options})
    job = trainer._prepare(trainer._random)
    stage = trainer.training.plan.stages[-1]
    terms = job.terms(stage)
    assert trainer.terms.blend is not None
    ordered = torch.zeros(len(exemplars))
    for place, share in zip(trainer.setup.order, shares, strict=True):
        ordered[place] = share
    trainer.terms.blend.weights = ordered
    image = trainer.network.sample(1, (0, 0), (32, 32), periods=(32, 32), mixture=ordered)
    loss, _ = evaluate(image, 0, terms, (True, True), torch.Generator().manual_seed(0))
    grads = torch.autograd.grad(loss, list(trainer.network.parameters()), allow_unused=True)
    knots = [term for term in terms if term.state]
    assert len(knots) >= len(KNOTS) * len(exemplars)
    for term in knots:
        assert isinstance(term.factor, BlendFactor)
        assert term.factor.knot is not None
        weight = shares[trainer.setup.order.index(term.factor.number)]
        moves = weight > 0 and abs(KNOTS[term.factor.knot] - weight) < 0.2
        assert all(bool(psi.any()) == moves for psi in term.state)
    return float(loss.detach()), [grad for grad in grads if grad is not None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "transport"),
    [("none", "auto"), ("efficientnet-lite0", "sliced"), ("efficientnet-lite0", "both")],
)
def test_all_the_weight_uses_nothing_of_the_other(features: str, transport: str) -> None:
    """Another B changes nothing of the objective at (1, 0), and all of it elsewhere."""
    options = {"features": features, "feature_transport": transport}
    assert is_installed()
    first, other, third = photograph(48, 48), photograph(48, 48, "rust"), 0.3 * photograph(48, 48, "rust")
    values = [blended((1, 0), [first, b], **options)[0] for b in (other, third)]
    assert values[0] == values[1]
    values = [blended((0.5, 0.5), [first, b], **options)[0] for b in (other, third)]
    assert values[0] != values[1]


def test_an_end_has_the_objective_of_a_generator_of_one() -> None:
    exemplars = two()
    value, grads = blended((1, 0), exemplars)
    trainer = Trainer(exemplars[0], steps=2, **TINY)
    job = trainer._prepare(trainer._random)
    stage = trainer.training.plan.stages[-1]
    image = trainer.network.sample(1, (0, 0), (32, 32), periods=(32, 32))
    terms = job.terms(stage)
    loss, _ = evaluate(image, 0, terms, (True, True), torch.Generator().manual_seed(0))
    assert value == pytest.approx(float(loss.detach()), rel=1e-4)
    own = torch.autograd.grad(loss, list(trainer.network.parameters()))
    total = sum(float((grad**2).sum()) for grad in own)
    assert sum(float((grad**2).sum()) for grad in grads) == pytest.approx(total, rel=1e-2)


@pytest.mark.slow
def test_transport_of_deep_features_counts_by_its_share_in_the_mixture_of_units() -> None:
    exemplar, network, units = photograph(64, 64), training_network("efficientnet-lite0"), (0.5, 2.0)
    assert network is not None

    def term() -> FeatureTerm:
        draws, unit = torch.Generator().manual_seed(0), units[1]
        found = semi_dual_term(exemplar, None, network, unit=unit, generator=draws, backend="tiled")
        assert found is not None
        return found

    def value(*of: Term) -> float:
        image = photograph(64, 64, "rust")
        values = [float(term(image, (True, True), torch.Generator().manual_seed(1))[0]) for term in of]
        return sum(values)

    blend, own = Blend(2), 6 * value(term())
    blended = [Weighted(term(), 6.0, BlendFactor(blend, 1, knot, units)) for knot in range(len(KNOTS))]
    for share in (1.0, 0.5, 0.25):
        blend.weights = torch.tensor([1 - share, share])
        unit = (1 - share) * units[0] + share * units[1]
        assert value(*blended) == pytest.approx(share * unit / units[1] * own, rel=1e-5)
        last = sum(term.last_value for term in blended)
        assert last == pytest.approx(share * unit / units[1] * own, rel=1e-5)
    assert value(*blended) != pytest.approx(share * unit / units[1] * own, rel=1e-3)  # those potentials moved
    assert [all(bool(psi.any()) for psi in term.state) for term in blended] == [True, True, False, True]
    blend.weights = torch.tensor([1.0, 0.0])
    assert value(*blended) == 0
    assert {term.last_value for term in blended} == {0.0}


def test_the_order_of_exemplars_does_not_matter() -> None:
    one, other = (texot.train(given, steps=6, **TINY) for given in (two(), two()[::-1]))
    a = one.sample((32, 24), weights=[0.2, 0.8]).image
    assert torch.equal(a, other.sample((32, 24), weights=[0.8, 0.2]).image)
    assert not torch.equal(a, one.sample((32, 24), weights=[0.8, 0.2]).image)
    assert one.facts["exemplar_sha256"] == other.facts["exemplar_sha256"][::-1]
    assert one.exemplar_size == (36, 40)


@pytest.mark.slow
@pytest.mark.parametrize(("stops", "transport"), [((2, 4, 7, 10), None), ((4,), "both")])
def test_resumed_ends_bit_identically(tmp_path: Path, stops: tuple[int, ...], transport: str | None) -> None:
    options = TINY
    if transport is not None:
        options = {**TINY, "features": "efficientnet-lite0", "feature_transport": transport, "n_scales": 1}
    first = Trainer(two(), steps=10, seed=4, **options)
    for state in first:
        if state.total_step in stops:
            save_checkpoint(first.checkpoint(), tmp_path / str(state.total_step))
    whole = first.averaged().state_dict()
    for stop in stops:
        resume = load_checkpoint(tmp_path / str(stop))
        again = trained(Trainer(two(), steps=10, seed=4, resume=resume, **options))
        assert all(torch.equal(whole[name], again[name]) for name in whole), stop
        with pytest.raises(InputError, match="another exemplar"):
            Trainer(two()[0], steps=10, seed=4, resume=resume, **TINY)


@pytest.mark.slow
def test_ends_and_middles_learn_their_colours() -> None:
    dark, light = 0.4 * clouds(3, 32, 32), 0.6 + 0.4 * clouds(3, 32, 32)
    generator = texot.train([dark, light], steps=60, **TINY)
    means = [float(generator.sample(64, weights=[1 - t, t]).image.mean()) for t in (0, 0.25, 0.5, 0.75, 1)]
    wanted = [float(dark.mean() * (1 - t) + light.mean() * t) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert means == pytest.approx(wanted, abs=0.05)
    assert generator.facts["dual_gap"] >= -1e-3


def test_weights_are_drawn_over_all_of_the_simplex() -> None:
    blend, generator = Blend(3), torch.Generator().manual_seed(1)
    draws = torch.stack([blend.draw(generator) for _ in range(4000)])
    torch.testing.assert_close(draws.sum(1), torch.ones(4000))
    torch.testing.assert_close(draws.mean(0), torch.full((3,), 1 / 3), atol=0.03, rtol=0)
    present = (draws > 0).sum(1)
    assert [float((present == n).float().mean()) for n in (1, 2, 3)] == pytest.approx(
        [0.5, 0.25, 0.25], abs=0.03
    )
    pairs = draws[present == 2].amax(1)
    assert float(pairs.mean()) == pytest.approx(0.75, abs=0.02)  # even between two
    assert float(draws[present == 3].amax(1).mean()) == pytest.approx(
        11 / 18, abs=0.02
    )  # even on the triangle


def test_wrong_exemplars() -> None:
    with pytest.raises(InputError, match="channels"):
        Trainer([clouds(3, 32, 32), clouds(6, 32, 32)])
    with pytest.raises(InputError, match="one texture"):
        Trainer(two(), preset="paper")
    with pytest.raises(InputError, match="at most"):
        Trainer([clouds(1, 32, 32)] * 17)
    assert Trainer([clouds(1, 32, 32)], **TINY).training.architecture.textures == 1


# sampling and files


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"weights": [1.0]}, "1 weights for 2"),
        ({"weights": [0.0, 0.0]}, "all weights are 0"),
        ({"weights": [1.0, -1.0]}, "weight"),
        ({"weights": [0.5, 0.5], "weight_map": "radial"}, "one of the two"),
        ({"weight_map": "diagonal"}, "no such file"),
        ({"weight_map": "radial", "weight_map_area": (0, 0, 5)}, "weight_map_area"),
        ({"weight_map": "radial", "weight_map_area": (0, 0, 0, 5)}, "width"),
    ],
)
def test_wrong_weights(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        generator_of().sample(8, **options)


def test_a_model_of_one_takes_no_weights() -> None:
    one = Generator(TextureNetwork(Architecture(3)).requires_grad_(False), {"mode": "RGB"})
    for options in ({"weights": [1.0]}, {"weight_map": "radial"}):
        with pytest.raises(InputError, match="has one exemplar"):
            one.sample(8, **options)  # type: ignore[arg-type]


def test_model_file(tmp_path: Path) -> None:
    made = generator_of(3)
    made.save(tmp_path / "m.safetensors")
    again = Generator.load(tmp_path / "m.safetensors")
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert again.n_exemplars == 3
    options: dict[str, Any] = {"weights": [1, 2, 3], "seed": 4}
    assert torch.equal(made.sample(20, **options).image, again.sample(20, **options).image)
    assert made.sample(20, **options).settings["weights"] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert torch.equal(made.sample(20).image, made.sample(20, weights=[1, 1, 1]).image)


def test_a_file_of_one_texture_is_as_it_was(tmp_path: Path) -> None:
    """Version 1, with no word of other textures: an older texot reads it."""
    texot.train(clouds(1, 32, 32), steps=2, keep_exemplar=False, **TINY).save(tmp_path / "m.safetensors")
    _, about = unpack((tmp_path / "m.safetensors").read_bytes(), "m")
    assert about["version"] == 1
    assert set(about["architecture"]) == {"colours", "widths", "fresh", "inner", "blocks", "published"}
    assert not any("textures" in key or "exemplars" in key for key in about["facts"])
    assert isinstance(about["facts"]["exemplar_sha256"], str)
    several = texot.train(two(), steps=2, **TINY)
    several.save(tmp_path / "s.safetensors")
    _, about = unpack((tmp_path / "s.safetensors").read_bytes(), "s")
    assert (about["version"], about["architecture"]["textures"]) == (2, 2)
    assert json.loads(json.dumps(load_model(tmp_path / "s.safetensors").facts)) == several.facts
