"""Materials in one solve: registration, types of values, normals, constants; every job."""

from typing import Any

import numpy as np
import pytest
import torch
from textures import clouds, photograph

from texot import InputError
from texot.files.deep_image import DeepImage
from texot.files.layer import Layer
from texot.files.material import Material, vectors
from texot.files.material_stack import MaterialStack
from texot.files.original import Original
from texot.jobs.material import (
    inpaint_material,
    interpolate_materials,
    synthesize_material,
    tile_material,
    vary_material,
)

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 2}
H, W = 40, 48


def layer8(values: np.ndarray) -> Layer:
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[values.shape[2]]
    planes = torch.from_numpy(np.rint(values * 255).astype(np.float32) / 255).permute(2, 0, 1)
    return Layer(Original.of(planes, mode, None, None))


def layer16(values: np.ndarray) -> Layer:
    names = ("Y",) if values.shape[2] == 1 else ("R", "G", "B")
    return Layer(DeepImage(np.rint(values * 65535).astype(np.uint16), "TIFF", names))


def layer_float(values: np.ndarray) -> Layer:
    return Layer(DeepImage(values.astype(np.float32), "OpenEXR", tuple("RGB"[: values.shape[2]])))


def height_of(colour: np.ndarray) -> np.ndarray:
    """A known function of the colour."""
    return (0.2 + 0.6 * colour.mean(2, keepdims=True)) ** 2


@pytest.fixture
def colour() -> np.ndarray:
    return clouds(3, H, W).permute(1, 2, 0).double().numpy()


@pytest.fixture
def material(colour: np.ndarray) -> Material:
    slope = np.stack(np.gradient(colour.mean(2)), -1)[..., ::-1] * 4
    normal = np.concatenate([-slope, np.ones((H, W, 1))], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    layers = {
        "basecolor": layer8(colour),
        "normal": layer8((normal + 1) / 2),
        "metallic": layer8(np.zeros((H, W, 1))),
        "height": layer_float(100 * height_of(colour) - 50),
    }
    return Material(layers, {role: f"{role}.png" for role in layers}, "test")


def test_a_stack_and_back_is_the_identity(material: Material) -> None:
    stack = MaterialStack([material])
    pixels = stack.pixels()
    assert pixels.shape == (8, H, W)
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 1
    back = stack.material(pixels)
    for role, layer in material.layers.items():
        atol = 3e-5 if role == "height" else 1.5 / 255 if role == "normal" else 1e-6
        assert np.allclose(back.layers[role].values, layer.values, atol=atol), role
        assert back.layers[role].values.dtype == layer.values.dtype


def test_distances_are_weighted_sums_over_the_maps(material: Material) -> None:
    weights = {"basecolor": 1.0, "normal": 0.09, "height": 0.5, "metallic": 0.25}
    z = MaterialStack([material], weights).pixels().flatten(1).double()
    expected = torch.zeros(H * W - 1, dtype=torch.float64)
    for role, layer in material.layers.items():
        values = torch.from_numpy(layer.values.astype(np.float64)).flatten(0, 1)
        variance = float(values.var(0, unbiased=False).mean())
        if variance:
            difference = (values[1:] - values[0]).square().mean(1)
            expected += 3 * weights[role] * difference / variance
    found = (z[:, 1:] - z[:, :1]).square().sum(0)
    assert torch.allclose(found / found.mean(), expected / expected.mean(), rtol=1e-4, atol=1e-5)


def test_maps_stay_registered_and_keep_their_laws(material: Material) -> None:
    made = synthesize_material(material, "56x44", **QUICK).material
    assert made.size == (56, 44)
    colour, height = made.layers["basecolor"].values.astype(float), made.layers["height"].values
    error = height - (100 * height_of(colour) - 50)
    spread = float(np.ptp(material.layers["height"].values))
    assert float(np.sqrt((error**2).mean())) < 0.02 * spread
    assert abs(np.linalg.norm(vectors(made.layers["normal"].values), axis=-1).mean() - 1) < 0.01
    assert np.ptp(made.layers["metallic"].values) == 0


@pytest.mark.slow
def test_stones_are_not_lost_in_the_dark() -> None:
    stones = photograph(96, 96, "pebbles").permute(1, 2, 0).double().numpy()
    material = Material({"basecolor": layer8(stones), "height": layer16(height_of(stones))}, {}, "stones")
    source = material.layers["basecolor"].values
    for seed in (0, 1):
        found = synthesize_material(material, seed=seed).material.layers["basecolor"].values
        assert abs(found.mean() - source.mean()) < 0.08 * source.std()
        assert abs(found.std() / source.std() - 1) < 0.05


def test_single_solves_are_not_registered(material: Material) -> None:
    """The control of the test above: the same maps, synthesised one by one."""
    alone = [
        synthesize_material(Material({r: material.layers[r]}, {r: ""}, ""), seed=k, **QUICK).material
        for k, r in enumerate(("basecolor", "height"))
    ]
    height = alone[1].layers["height"].values
    error = height - (100 * height_of(alone[0].layers["basecolor"].values.astype(float)) - 50)
    assert float(np.sqrt((error**2).mean())) > 0.1 * float(np.ptp(height))


def test_copied_values_are_values_of_the_input() -> None:
    distinct = np.random.default_rng(1).permutation(H * W).reshape(H, W, 1) * 30 / 65535
    one = Material({"height": layer16(distinct)}, {"height": "h.tif"}, "t")
    made = synthesize_material(one, "56x44", copy=True, **QUICK).material.layers["height"].values
    assert made.dtype == np.uint16
    assert set(np.unique(made)) <= set(np.unique(one.layers["height"].values))
    assert len(np.unique(made)) > 100


def test_sixteen_bits_are_not_lost(colour: np.ndarray) -> None:
    """The finest steps of 16 bits survive the stack."""
    fine = 0.5 + (colour - 0.5) * 200 / 65535
    one = Material({"basecolor": layer16(fine)}, {"basecolor": "c.tif"}, "t")
    stack = MaterialStack([one])
    assert np.array_equal(
        stack.material(stack.pixels()).layers["basecolor"].values, one.layers["basecolor"].values
    )


def test_tiles_keep_what_is_inside_to_the_bit(material: Material) -> None:
    made = tile_material(material, band=10, quality="draft").material
    for role, layer in made.layers.items():
        inside, before = (one[8:-8, 8:-8] for one in (layer.values, material.layers[role].values))
        assert np.array_equal(inside, before), role
    assert not np.array_equal(made.layers["basecolor"].values, material.layers["basecolor"].values)
    again = vary_material(made, seed=3, quality="draft").material
    edge, border = (m.layers["height"].values[:2] for m in (again, made))
    assert np.array_equal(edge, border)


def test_flatten_changes_the_base_colour_only(material: Material) -> None:
    made = tile_material(material, band=10, flatten=True, quality="draft").material
    before = material.layers["basecolor"].values[16:24, 16:24]
    assert not np.allclose(made.layers["basecolor"].values[16:24, 16:24], before, atol=1e-4)
    inside = made.layers["height"].values[8:-8, 8:-8]
    assert np.array_equal(inside, material.layers["height"].values[8:-8, 8:-8])


def test_holes_are_filled_in_all_maps(material: Material) -> None:
    mask = np.zeros((H, W), np.uint8)
    mask[14:24, 16:30] = 255
    made = inpaint_material(material, mask, quality="draft").material
    for role, layer in made.layers.items():
        before, after = material.layers[role].values, layer.values
        assert np.array_equal(after[mask == 0], before[mask == 0]), role
        assert role == "metallic" or not np.array_equal(after[mask > 0], before[mask > 0])


def test_between_two_materials(material: Material, colour: np.ndarray) -> None:
    other = material.with_values(
        {
            **{role: layer.values for role, layer in material.layers.items()},
            "basecolor": (1 - material.layers["basecolor"].values).astype(np.float32),
        }
    )
    made = interpolate_materials([material, other], [0.5, 0.5], size="48x40", **QUICK).material
    assert list(made.layers) == list(material.layers)
    mean = float(made.layers["basecolor"].values.mean())
    assert mean == pytest.approx(0.5, abs=0.08)
    assert abs(np.linalg.norm(vectors(made.layers["normal"].values), axis=-1).mean() - 1) < 0.01


def test_conventions_are_brought_together(material: Material) -> None:
    stack = MaterialStack([material, material.flipped()])
    assert torch.allclose(stack.pixels(0), stack.pixels(1), atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "words"),
    [({"colour": 1.0}, "unknown role"), ({"opacity": 1.0}, "its maps are"), ({"normal": -1.0}, "positive")],
)
def test_wrong_weights(material: Material, weights: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MaterialStack([material], weights)


def test_materials_of_other_maps_are_refused(material: Material) -> None:
    less = Material({"basecolor": material.layers["basecolor"]}, {"basecolor": "c.png"}, "less")
    with pytest.raises(InputError, match="the same maps"):
        MaterialStack([material, less])
    deep = Material({**material.layers, "metallic": layer16(np.zeros((H, W, 1)))}, material.files, "deep")
    with pytest.raises(InputError, match="differ in channels or bit depth"):
        MaterialStack([material, deep])


def test_a_sketch_is_the_map_of_the_matched_axes(material: Material) -> None:
    """With all axes it is the input; with some, what `material` makes where the others have their means."""
    stack = MaterialStack([material])
    image = stack.pixels()
    for role, layer in material.layers.items():
        step = 1.0 if layer.values.dtype.kind in "iu" else 1e-4
        assert np.abs(stack.code.sketch(image, role).astype(float) - layer.values).max() <= step, role
    first = image.clone()
    first[3:] = 0.5
    wanted = stack.material(first)
    for role in ("basecolor", "height"):
        found = stack.code.sketch(image[:3], role)
        assert found.dtype == wanted.layers[role].values.dtype
        assert np.abs(found.astype(float) - wanted.layers[role].values).max() < 1e-3 * max(1, found.max())
