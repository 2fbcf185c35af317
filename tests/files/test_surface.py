"""Quantities of reflection from maps of all roles and types."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from textures import clouds

from texot.files.material import Material, read_material
from texot.files.surface import DEFAULTS, surface_of
from texot.images.shading import normals_of


def png(values: object, mode: str | None = None) -> bytes:
    """A PNG of an array."""
    import io

    stream = io.BytesIO()
    Image.fromarray(np.asarray(values, np.uint8), mode).save(stream, "PNG")
    return stream.getvalue()


def material(**maps: bytes) -> Material:
    found: dict[str, Any] = dict(maps)
    return read_material(found)


def grey(value: int) -> bytes:
    return png(np.full((4, 6), value))


def test_missing_maps_have_defaults() -> None:
    surface = surface_of(material(basecolor=grey(255)))
    assert surface.size == (6, 4)
    assert all(planes.shape[1:] == (4, 6) for planes in vars(surface).values())
    for role in ("roughness", "metallic", "occlusion", "specular"):
        assert float(getattr(surface, role).mean()) == pytest.approx(DEFAULTS[role])
    assert torch.equal(surface.normal[:, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert float(surface.emissive.max()) == 0
    assert float(surface.opacity.min()) == 1
    alone = surface_of(material(roughness=grey(51)))
    assert float(alone.roughness.mean()) == pytest.approx(0.2)
    assert alone.basecolor.shape == (3, 4, 6)


def test_colours_are_decoded_and_data_are_not() -> None:
    surface = surface_of(material(basecolor=grey(128), roughness=grey(128), emissive=grey(128)))
    assert float(surface.basecolor.mean()) == pytest.approx(0.21586, abs=1e-4)
    assert float(surface.emissive.mean()) == pytest.approx(0.21586, abs=1e-4)
    assert float(surface.roughness.mean()) == pytest.approx(128 / 255)


def test_gloss_is_the_opposite_of_roughness() -> None:
    assert float(surface_of(material(gloss=grey(51))).roughness.mean()) == pytest.approx(0.8)


def test_packed_maps_and_those_that_override_them() -> None:
    packed = png(np.full((4, 6, 3), (204, 102, 51)))
    surface = surface_of(material(orm=packed))
    found = [float(planes.mean()) for planes in (surface.occlusion, surface.roughness, surface.metallic)]
    assert found == pytest.approx([0.8, 0.4, 0.2])
    again = surface_of(material(orm=packed, roughness=grey(255)))
    assert float(again.roughness.mean()) == 1
    assert float(again.metallic.mean()) == pytest.approx(0.2)


def test_normals_of_both_conventions() -> None:
    up = png(np.full((4, 6, 3), (128, 218, 218)))
    given = material(normal=up)
    assert float(surface_of(given).normal[1].mean()) == pytest.approx(np.sqrt(0.5), abs=0.01)
    same = surface_of(given.flipped())
    torch.testing.assert_close(same.normal, surface_of(given).normal, atol=1e-6, rtol=0)


def test_height_gives_normals_only_without_a_normal_map() -> None:
    ramp = png(np.tile(np.array([0, 50, 100, 150, 100, 50]), (4, 1)))
    surface = surface_of(material(height=ramp))
    assert float(surface.normal[0, 0, 1]) < -0.01  # higher to the right: it faces left
    flat = png(np.full((4, 6, 3), (128, 128, 255)))
    assert abs(float(surface_of(material(height=ramp, normal=flat)).normal[0, 0, 1])) < 0.01


def test_opacity_of_its_map_or_of_alpha() -> None:
    colour = png(np.full((4, 6, 4), (10, 20, 30, 51)))
    assert float(surface_of(material(basecolor=colour)).opacity.mean()) == pytest.approx(0.2)
    both = surface_of(material(basecolor=colour, opacity=grey(102)))
    assert float(both.opacity.mean()) == pytest.approx(0.4)


def test_sixteen_bits_and_floats(tmp_path: Path) -> None:
    """Integers are encoded colours; files of floats are linear."""
    from texot.files.deep import encode_deep, write_deep
    from texot.files.deep_image import DeepImage

    values = np.full((4, 6, 3), 32768, np.uint16)
    deep = encode_deep(DeepImage(values, "PNG", ("R", "G", "B")))
    assert float(surface_of(material(basecolor=deep)).basecolor.mean()) == pytest.approx(0.2140, abs=1e-3)
    pytest.importorskip("OpenImageIO", reason="needs the extra deep")
    linear = DeepImage(np.full((4, 6, 3), 0.5, np.float32), "OpenEXR", ("R", "G", "B"))
    write_deep(linear, tmp_path / "a.exr")
    found = surface_of(read_material({"basecolor": tmp_path / "a.exr"}))
    assert float(found.basecolor.mean()) == 0.5


@pytest.mark.parametrize("convention", ["opengl", "directx"])
def test_the_wrong_convention_is_noticed(convention: str, caplog: pytest.LogCaptureFixture) -> None:
    """Normals of a height map have no curl, with the other sign of y they have."""
    bumps = normals_of(clouds(1, 48, 48), depth=1)
    values = ((bumps + 1) * 127.5).round().permute(1, 2, 0).numpy()
    given = replace(material(normal=png(values)), convention=convention)
    surface_of(given)
    assert ("OpenGL" in caplog.text or "DirectX" in caplog.text) == (convention == "directx")
    caplog.clear()
    surface_of(given.flipped())  # values and convention: the same normals
    assert ("taken for a normal map of the OpenGL" in caplog.text) == (convention == "directx")


def test_normals_without_slopes_are_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    surface_of(material(normal=png(np.full((4, 6, 3), (128, 128, 255)))))
    assert not caplog.text
