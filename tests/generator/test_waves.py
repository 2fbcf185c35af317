"""Waves of regular textures: the same in every window, whole on a torus, kept in the model's file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from textures import clouds

from texot import InputError, Trainer
from texot.generator.model_file import Model, load_model, save_model, unpack
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.noise import plane_waves
from texot.generator.plan import plan_training

WAVES = ((1 / 24, 0.0), (0.0, 1 / 17))
SMALL = Architecture(3, widths=(5, 6), fresh=(6, 7), inner=2, blocks=(1, 1), waves=WAVES)


def network(architecture: Architecture = SMALL) -> TextureNetwork:
    return TextureNetwork(architecture, torch.Generator().manual_seed(3)).requires_grad_(False)


def test_waves_have_their_periods_and_variance_1() -> None:
    at = torch.arange(17 * 24)
    found = plane_waves(3, 0, WAVES, (at, at))
    assert torch.allclose(found[:2, :-24], found[:2, 24:], atol=1e-4)
    assert torch.allclose(found[2:, :, :-17], found[2:, :, 17:], atol=1e-4)
    assert float(found.mean((1, 2)).abs().max()) < 1e-4
    assert torch.allclose(found.square().mean((1, 2)), torch.ones(4), atol=1e-4)


def test_scales_have_the_same_phase() -> None:
    fine, coarse = (plane_waves(3, k, WAVES, (torch.arange(64 >> k),) * 2) for k in (0, 2))
    means = torch.nn.functional.avg_pool2d(fine[None], 4)[0]
    assert torch.allclose(means, coarse, atol=0.3)
    assert float(torch.corrcoef(torch.stack([means.flatten(), coarse.flatten()]))[0, 1]) > 0.999


def test_seeds_have_other_phases() -> None:
    at = torch.arange(24)
    first, second = (plane_waves(seed, 0, WAVES, (at, at)) for seed in (1, 2))
    assert not torch.allclose(first, second, atol=0.1)


def test_a_torus_has_whole_periods() -> None:
    at = torch.arange(100)
    found = plane_waves(3, 0, WAVES, (at, at), (100, 100))  # 4 and 6 periods
    assert torch.allclose(found[:2, :75], found[:2, 25:], atol=1e-4)
    assert torch.allclose(found[2:, :, :50], found[2:, :, 50:], atol=1e-4)
    few = plane_waves(3, 0, WAVES, (torch.arange(8), at), (8, 100))
    assert torch.allclose(few[0].mean(), torch.tensor(0.0), atol=1e-4)  # one period, not none


@pytest.mark.parametrize("periods", [(None, None), (60, 64)])
def test_windows_agree(periods: tuple[int | None, int | None]) -> None:
    net = network()
    whole = net.sample(5, (-7, 3), (50, 61), periods=periods)
    for top, left, height, width in ((13, 20, 9, 8), (49, 60, 1, 1), (1, 0, 30, 3)):
        part = net.sample(5, (top - 7, left + 3), (height, width), periods=periods)
        assert torch.allclose(part, whole[:, top : top + height, left : left + width], atol=1e-5)
    if periods[0] is not None:
        again = net.sample(5, (53, 67), (50, 61), periods=periods)
        assert torch.allclose(again, whole, atol=1e-5)


def test_fields_nearly_fit_the_waves() -> None:
    training = plan_training((128, 128), 3, waves=((1 / 104, 0.0), (0.0, 1 / 64)))
    for height, width in training.fields:
        assert width % 64 == 0
        assert abs(height / 104 - round(height / 104)) < 0.1
    assert training.architecture.fresh == tuple(
        4 + n for n in plan_training((128, 128), 3).architecture.fresh
    )


def test_a_regular_exemplar_is_trained_with_its_waves() -> None:
    motif = clouds(1, 16, 16, seed=4).tile(1, 5, 6)
    trainer = Trainer(motif, steps=3, features="none")
    ((down, _), (_, across)) = trainer.training.architecture.waves
    assert (down, across) == (pytest.approx(1 / 16, rel=0.02), pytest.approx(1 / 16, rel=0.02))
    assert Trainer(clouds(1, 60, 60), steps=3, features="none").training.architecture.waves == ()
    both = Trainer([motif, clouds(1, 60, 60)], steps=3, features="none")
    assert both.training.architecture.waves == ()


def test_model_files_keep_them(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(Model(network(), {"mode": "RGB", "exemplar_size": [9, 7]}), path)
    loaded = load_model(path)
    assert loaded.network.architecture == SMALL
    save_model(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert unpack(path.read_bytes(), "m")[1]["version"] == 5
    none = replace(SMALL, waves=())
    save_model(Model(network(none), {"mode": "RGB", "exemplar_size": [9, 7]}), path)
    assert "waves" not in unpack(path.read_bytes(), "m")[1]["architecture"]


@pytest.mark.parametrize("waves", [1, [[0.1]], [[0.1, "x"]], [[0.7, 0.0]], [[0.1, 0.0]] * 4, [{}]])
def test_damaged_waves_are_refused(waves: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(Model(network(), {"mode": "RGB", "exemplar_size": [9, 7]}), path)
    tensors, facts = unpack(path.read_bytes(), "m")
    facts["architecture"]["waves"] = waves
    path.write_bytes(save(tensors, {"texot": json.dumps(facts)}))
    with pytest.raises(InputError, match="waves"):
        load_model(path)
