"""Materials in files: roles by names, sizes, types of values, conventions of normals."""

import doctest
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from texot import InputError, OutputError
from texot.files import material as module
from texot.files.material import Material, read_material, vectors
from texot.files.material_names import NAMINGS, role_of


def grey(path: Path, size: tuple[int, int] = (12, 8), *, bits: int = 8, value: int | None = None) -> None:
    kind = np.uint16 if bits == 16 else np.uint8
    top = np.iinfo(kind).max
    values = np.random.default_rng(1).integers(0, top, size[::-1]).astype(kind)
    Image.fromarray(values if value is None else np.full(size[::-1], value, kind)).save(path)


def colour(path: Path, size: tuple[int, int] = (12, 8), *, alpha: bool = False) -> None:
    values = np.random.default_rng(2).integers(0, 256, (*size[::-1], 3 + alpha), dtype=np.uint8)
    Image.fromarray(values).save(path)


def normals(path: Path, size: tuple[int, int] = (12, 8)) -> None:
    v = np.random.default_rng(3).normal(0, 0.3, (*size[::-1], 3))
    v[..., 2] = 1
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    Image.fromarray(np.rint((v + 1) * 127.5).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A material of four maps, of which the height has 16 bits."""
    made = tmp_path / "wall"
    made.mkdir()
    colour(made / "wall_albedo_1k.png")
    normals(made / "wall_nor_gl_1k.png")
    grey(made / "wall_rough_1k.png")
    grey(made / "wall_disp_1k.png", bits=16)
    return made


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Bricks001_1K-JPG_Color.jpg", ("basecolor", None)),
        ("Bricks001_1K-JPG_NormalGL.jpg", ("normal", "opengl")),
        ("Bricks001_1K-JPG_NormalDX.jpg", ("normal", "directx")),
        ("Bricks001_1K-JPG_AmbientOcclusion.jpg", ("occlusion", None)),
        ("Metal032_2K_Metalness.jpg", ("metallic", None)),
        ("brick_wall_001_diff_1k.jpg", ("basecolor", None)),
        ("brick_wall_001_nor_dx_4k.exr", ("normal", "directx")),
        ("brick_wall_001_arm_1k.png", ("orm", None)),
        ("TexturesCom_Brick_1K_height.tif", ("height", None)),
        ("T_Rock_BaseColor.png", ("basecolor", None)),
        ("My_Base_Color.png", ("basecolor", None)),
        ("rock018_nm.png", ("normal", None)),
        ("ao.png", ("occlusion", None)),
        ("Smoothness.tga", ("gloss", None)),
        ("wall_metal_rough.png", ("roughness", None)),
        ("preview.png", None),
        ("normal_view_of_a_wall.jpg", None),
        ("1k.png", None),
    ],
)
def test_names_give_roles(name: str, role: tuple[str, str | None] | None) -> None:
    assert role_of(name) == role


def test_a_folder_comes_back_with_its_types(folder: Path, tmp_path: Path) -> None:
    found = read_material(folder)
    assert list(found.layers) == ["basecolor", "normal", "roughness", "height"]
    assert (found.size, found.name, found.convention) == ((12, 8), "wall", "opengl")
    paths = found.write(tmp_path / "again")
    assert sorted(Path(p).name for p in paths) == sorted(p.name for p in folder.iterdir())
    for path in folder.iterdir():
        with Image.open(path) as before, Image.open(tmp_path / "again" / path.name) as after:
            assert before.mode == after.mode
            assert np.array_equal(np.asarray(before), np.asarray(after))


def test_files_by_role_take_precedence(folder: Path, tmp_path: Path) -> None:
    grey(tmp_path / "other.png", value=9)
    found = read_material(folder, {"roughness": tmp_path / "other.png"})
    assert float(found.layers["roughness"].values.max()) == pytest.approx(9 / 255)
    alone = read_material({"height": folder / "wall_disp_1k.png"})
    assert list(alone.layers) == ["height"]


def test_the_single_file_without_a_role_is_the_base_colour(tmp_path: Path) -> None:
    colour(tmp_path / "cliff.png")
    normals(tmp_path / "cliff_nm.png")
    assert read_material(tmp_path).files["basecolor"] == "cliff.png"


def test_of_both_conventions_the_first_is_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    normals(folder / "wall_nor_dx_1k.png")
    with caplog.at_level(logging.INFO):
        assert read_material(folder).files["normal"] == "wall_nor_gl_1k.png"
    assert "both conventions" in caplog.text


def test_smaller_maps_that_divide_are_enlarged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    grey(folder / "wall_rough_1k.png", (6, 4), value=77)
    with caplog.at_level(logging.INFO):
        found = read_material(folder)
    assert found.layers["roughness"].values.shape == (8, 12, 1)
    assert np.allclose(found.layers["roughness"].values, 77 / 255)
    assert "enlarged from 6x4 to 12x8" in caplog.text


def test_flipping_twice_is_the_identity(folder: Path) -> None:
    found = read_material(folder)
    once = found.flipped()
    assert (once.convention, once.files["normal"]) == ("directx", "wall_nor_dx_1k.png")
    v, w = (vectors(m.layers["normal"].values) for m in (found, once))
    assert np.allclose(v * [1, -1, 1], w, atol=1e-6)
    twice = once.flipped()
    assert twice.files == found.files
    assert np.allclose(twice.layers["normal"].values, found.layers["normal"].values, atol=1e-6)


@pytest.mark.parametrize("naming", NAMINGS)
def test_names_of_other_programs_are_distinct_and_read_again(folder: Path, naming: str) -> None:
    names = read_material(folder).names(naming, "rock")
    assert len(set(names.values())) == len(names)
    if naming != "unreal":  # whose letters stand for roles there alone
        assert {role_of(name)[0] for name in names.values()} == set(names)  # type: ignore[index]


def unknown_role(folder: Path) -> Any:
    return read_material(folder, {"shininess": folder / "wall_rough_1k.png"})


def two_of_a_role(folder: Path) -> Any:
    colour(folder / "wall_diffuse.png")
    return read_material(folder)


def no_map(folder: Path) -> Any:
    (folder / "empty").mkdir()
    return read_material(folder / "empty")


def other_size(folder: Path) -> Any:
    grey(folder / "wall_rough_1k.png", (5, 4))
    return read_material(folder)


def grey_normals(folder: Path) -> Any:
    grey(folder / "wall_nor_gl_1k.png")
    return read_material(folder)


def missing(folder: Path) -> Any:
    return read_material(folder / "nowhere")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unknown_role, "unknown role 'shininess'"),
        (two_of_a_role, "two maps of role basecolor"),
        (no_map, "no map of a material"),
        (other_size, "give maps of one size"),
        (grey_normals, "1 channel"),
        (missing, "cannot read the folder"),
    ],
)
def test_wrong_materials_are_refused(folder: Path, make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(folder)


def test_what_is_no_normal_map_is_reported(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.full((8, 12, 3), 20, np.uint8)
    Image.fromarray(values).save(folder / "wall_nor_gl_1k.png")
    with caplog.at_level(logging.WARNING):
        read_material(folder)
    assert "is it one?" in caplog.text


def test_folders_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    found: Material = read_material(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        found.check_output(tmp_path / "file", (8, 8))
    with pytest.raises(OutputError, match="no such folder"):
        found.check_output(tmp_path / "no" / "folder", (8, 8))
    with pytest.raises(OutputError):
        found.write(tmp_path / "file")


def test_the_examples() -> None:
    assert doctest.testmod(module).failed == 0
