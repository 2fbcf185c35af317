"""Previews from materials: sizes, ranges, and what a wrong option is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from texot.errors import InputError
from texot.files.material import read_material
from texot.images.shading import Lighting
from texot.jobs.preview import preview, preview_material

MATERIALS = Path(__file__).parents[2] / "samples" / "materials"
pytestmark = pytest.mark.skipif(not MATERIALS.exists(), reason="not a checkout")


@pytest.mark.parametrize("name", ["cliff", "ballast"])
@pytest.mark.parametrize("shape", ["plane", "sphere"])
def test_samples_are_lit(name: str, shape: str) -> None:
    """Neither dark nor overexposed, and with more contrast from the side than from the viewer."""
    material = read_material(MATERIALS / name)
    image = preview(material, shape=shape, size=128)
    assert image.shape == (3, 128, 128)
    assert 0.1 < float(image.mean()) < 0.7
    if shape == "plane":
        side, front = (
            preview(material, lighting=Lighting(45, elevation), size=128) for elevation in (15.0, 90.0)
        )
        assert float(side.std() / side.mean()) > float(front.std() / front.mean())


def test_both_conventions_give_one_picture() -> None:
    material = read_material(MATERIALS / "cliff")
    one, other = preview(material, size=64), preview(material.flipped(), size=64)
    torch.testing.assert_close(one, other, atol=0.01, rtol=0)


def test_a_picture_from_a_folder() -> None:
    folder = MATERIALS / "cliff"
    picture = preview_material(folder, light=(45, 30), shape="sphere", size=64)
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    wanted = preview(read_material(folder), lighting=Lighting(45, 30), shape="sphere", size=64)
    assert np.array_equal(np.asarray(picture), np.rint(wanted.permute(1, 2, 0).numpy() * 255))
    assert (
        preview_material(read_material(folder), size=64).tobytes()
        == preview_material(
            {"basecolor": folder / "basecolor.png", "normal": folder / "normal.png"}, size=64
        ).tobytes()
    )


def test_copies_share_the_size() -> None:
    image = preview(read_material(MATERIALS / "cliff"), repeat=3, size=192)
    assert image.shape == (3, 192, 192)
    assert torch.equal(image[:, :64, :64], image[:, 128:, 64:128])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "cube"}, "plane or sphere, not 'cube'"),
        ({"repeat": 0}, "repeat must be from 1 to 64"),
        ({"size": 4}, "at least 16 px"),
        ({"lighting": Lighting(0, -1)}, "elevation from 0 to 90"),
        ({"lighting": Lighting(float("inf"), 10)}, "finite azimuth"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        preview(read_material(MATERIALS / "cliff"), **options)
