"""The code of a material: as facts and back, its base colour, and one error for damaged facts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from materials import make_material

from texot import InputError
from texot.files.deep_image import DeepImage
from texot.files.layer import Layer
from texot.files.material import Material, read_material
from texot.files.material_code import MaterialCode
from texot.files.material_stack import MaterialStack


@pytest.fixture
def material(tmp_path: Path) -> Material:
    """A material of 8 and 16 bits a channel, and of signed floats."""
    make_material(tmp_path / "rock", 1)
    found = read_material(tmp_path / "rock")
    normal = np.random.default_rng(2).normal(0, 0.3, (*found.size[::-1], 3)).astype(np.float32)
    normal[..., 2] = 1
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    signed = Layer(DeepImage(normal, "OpenEXR", ("R", "G", "B")))
    return Material(
        {**found.layers, "normal": signed}, {**found.files, "normal": "rock_normal.exr"}, "rock", "directx"
    )


def test_facts_and_back(material: Material) -> None:
    code = MaterialStack([material]).code
    again = MaterialCode.of_facts(json.loads(json.dumps(code.facts())))
    assert again.facts() == code.facts()
    assert torch.equal(again.pixels(material), code.pixels(material))
    image = torch.rand(code.channels, 9, 11)
    own, other = code.material(image), again.material(image)
    assert (other.files, other.convention, other.size) == (material.files, "directx", (11, 9))
    for role, layer in own.layers.items():
        assert np.array_equal(other.layers[role].values, layer.values)
        assert other.layers[role].values.dtype == material.layers[role].values.dtype


def test_written_files_are_of_the_same_kind(material: Material, tmp_path: Path) -> None:
    own = {role: material.layers[role] for role in ("basecolor", "height")}
    code = MaterialStack([Material(own, {r: material.files[r] for r in own}, "rock")]).code
    again = MaterialCode.of_facts(code.facts())
    again.material(code.pixels(Material(own, again.like.files, "rock"))).write(tmp_path / "out")
    found = read_material(tmp_path / "out")
    for role, layer in own.items():
        assert found.layers[role].values.dtype == layer.values.dtype
        assert np.abs(found.layers[role].values.astype(float) - layer.values).max() <= 1


def test_colours_are_the_base_colour(material: Material) -> None:
    code = MaterialStack([material]).code
    image = code.pixels(material).requires_grad_()
    found = code.colours(image)
    assert found is not None
    expected = torch.from_numpy(material.layers["basecolor"].values.copy()).permute(2, 0, 1)
    assert torch.allclose(found, expected, atol=1e-4)
    assert torch.allclose(code.picture(image.detach()), expected, atol=1e-4)
    found.sum().backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0


def test_without_a_base_colour(material: Material) -> None:
    code = MaterialStack([material.only(["height", "normal"])]).code
    assert code.colours(torch.rand(code.channels, 4, 4)) is None
    assert code.picture(torch.rand(code.channels, 4, 4)).shape == (3, 4, 4)


def changed(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(facts: Any) -> None:
        for key in path[:-1]:
            facts = facts[key]
        facts[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("maps", value=[]),
        changed("maps", 0, "file", value="../../evil.png"),
        changed("maps", 0, "file", value="..\\evil.png"),
        changed("maps", 0, "file", value="script.py"),
        changed("maps", 0, "role", value="unknown"),
        changed("maps", 0, "mean", value=[0.5]),
        changed("maps", 0, "mean", value=[[0.5]] * 3),
        changed("maps", 0, "mean", value=[float("inf")] * 3),
        changed("maps", 0, "scale", value=-1),
        changed("maps", 0, "image", "mode", value="CMYK"),
        changed("maps", 0, "image", "icc_profile", value="?"),
        changed("axes", value=[[1.0]]),
        changed("axes", value=10**9),
        changed("axes", 0, 0, value=float("nan")),
        changed("main", value=0),
        changed("factor", value=0),
        changed("name", value=3),
        changed("convention", value="other"),
    ],
)
def test_damaged_facts_are_refused(material: Material, change: Callable[[Any], None]) -> None:
    facts = MaterialStack([material]).code.facts()
    change(facts)
    with pytest.raises(InputError, match="maps"):
        MaterialCode.of_facts(facts)


@pytest.mark.parametrize("facts", [None, 3, [], {}, {"maps": 3}])
def test_no_facts_are_refused(facts: object) -> None:
    with pytest.raises(InputError, match="maps"):
        MaterialCode.of_facts(facts)
