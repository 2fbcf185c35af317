"""`texot apply` on real files: what comes out has the bits that went in, and lies where the field says."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from click.testing import CliRunner
from command_line import QUICK, call, one_line, process
from PIL import Image
from torch import Tensor

from texot.cli.app import texot as command
from texot.files.deep import read_deep, write_deep
from texot.files.deep_image import DeepImage
from texot.files.field import read_field, write_field

EXEMPLAR = (24, 20)


def shift() -> Tensor:
    """Of a texture of 30x26 px: the exemplar, continued, from (5, 3) on."""
    y, x = torch.meshgrid(torch.arange(26), torch.arange(30), indexing="ij")
    return torch.stack([(x + 5) % 24, (y + 3) % 20], -1).float()


def shifted(values: np.ndarray) -> np.ndarray:
    return values[np.ix_((np.arange(26) + 3) % 20, (np.arange(30) + 5) % 24)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a field, whole in .npz and .png, and one that lies between pixels."""
    monkeypatch.chdir(tmp_path)
    write_field(shift(), EXEMPLAR, "field.npz")
    write_field(shift(), EXEMPLAR, "field.png")
    between = torch.rand(26, 30, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([23, 19])
    write_field(between, EXEMPLAR, "between.npz")
    return tmp_path


def eight(channels: int, seed: int = 0) -> np.ndarray:
    shape = (20, 24) if channels == 1 else (20, 24, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def deep(name: str, dtype: str, channels: int = 3) -> np.ndarray:
    """A file of more bits; its values."""
    rng = np.random.default_rng(1)
    shape = (20, 24, channels)
    values = rng.normal(size=shape).astype(dtype) if dtype[0] == "f" else rng.integers(0, 2**16, shape, dtype)
    alpha = 3 if channels == 4 else None
    exr = name.endswith("exr")
    write_deep(DeepImage(values, "", ("R", "G", "B", "A")[:channels], alpha=alpha, premultiplied=exr), name)
    return values


def apply(*arguments: object) -> str:
    """Run it; its messages."""
    done = call("apply", *arguments)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_main_job_in_a_real_process(folder: Path) -> None:
    values = deep("photo.png", "u2")
    done = process("apply", "field.png", "photo.png", "-o", "out.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("texot: wrote out.png (")
    assert len(done.stderr.splitlines()) == 1
    assert np.array_equal(read_deep("out.png").values, shifted(values))


@pytest.mark.parametrize("field", ["field.npz", "field.png"])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_8_bits(folder: Path, field: str, suffix: str, channels: int) -> None:
    values = eight(channels)
    Image.fromarray(values).save("photo.png")
    apply(field, "photo.png", "-o", f"out.{suffix}")
    found = Image.open(f"out.{suffix}")
    found = found.convert("L") if suffix == "webp" and channels == 1 else found
    assert np.array_equal(np.asarray(found), shifted(values))


def test_transparency_dpi_and_profile_stay(folder: Path) -> None:
    values = eight(4)
    values[0, 0, 3] = 0
    Image.fromarray(values).save("photo.png", dpi=(90, 90), icc_profile=b"x" * 200)
    apply("field.npz", "photo.png", "-o", "out.png")
    with Image.open("out.png") as found:
        assert found.mode == "RGBA"
        assert np.array_equal(np.asarray(found), shifted(values))
        assert found.info["dpi"] == pytest.approx((90, 90), abs=0.1)
        assert found.info["icc_profile"] == b"x" * 200
    values[..., 3] = 255
    Image.fromarray(values).save("photo.png")
    apply("field.npz", "photo.png", "-o", "out.png")
    assert np.array_equal(np.asarray(Image.open("out.png")), shifted(values))


def test_grey_of_16_bits(folder: Path) -> None:
    values = np.random.default_rng(0).permutation(65536)[:480].astype(np.uint16).reshape(20, 24)
    Image.fromarray(values).save("photo.png")
    for suffix in ("png", "tif"):
        apply("field.png", "photo.png", "-o", f"out.{suffix}")
        assert np.array_equal(np.asarray(Image.open(f"out.{suffix}")), shifted(values))
    apply("between.npz", "photo.png", "-o", "out.png", "--filter", "nearest")
    assert set(np.asarray(Image.open("out.png")).ravel().tolist()) <= set(values.ravel().tolist())


@pytest.mark.parametrize(
    ("name", "dtype", "channels"),
    [
        ("a.png", "u2", 4),
        ("a.tif", "u2", 3),
        ("a.tif", "u2", 4),
        ("a.tif", "f4", 1),
        ("a.tif", "f4", 3),
        ("a.exr", "f4", 4),
        ("a.exr", "f2", 3),
    ],
)
def test_images_of_more_bits(folder: Path, name: str, dtype: str, channels: int) -> None:
    values = deep(name, dtype, channels)
    apply("field.npz", name, "-o", f"out{name[1:]}")
    found = read_deep(f"out{name[1:]}")
    assert found.values.dtype == values.dtype
    assert np.array_equal(found.values, shifted(values))
    reader = oiio.ImageInput.open(f"out{name[1:]}")
    assert (reader.spec().width, reader.spec().height, reader.spec().nchannels) == (30, 26, channels)


def test_masks_and_palettes_are_copied(folder: Path) -> None:
    mask = np.zeros((20, 24), np.uint8)
    mask[5:15, 8:20] = 255
    Image.fromarray(mask).save("mask.png")
    assert "few values: they are copied" in apply("between.npz", "mask.png", "-o", "out.png")
    assert set(np.unique(np.asarray(Image.open("out.png")))) == {0, 255}
    apply("between.npz", "mask.png", "-o", "out.png", "--filter", "linear")
    assert len(np.unique(np.asarray(Image.open("out.png")))) > 20
    many = Image.fromarray(eight(3)).quantize(200)
    many.save("palette.png")
    apply("between.npz", "palette.png", "-o", "out.png")
    colours = {colour for _, colour in many.convert("RGB").getcolors() or []}
    found = Image.open("out.png").getcolors() or []
    assert {colour for _, colour in found} <= colours


@pytest.mark.parametrize("bits", [8, 16])
def test_normal_maps_have_length_1_again(folder: Path, bits: int) -> None:
    y, x = np.mgrid[:20, :24] / 1.2
    vectors = np.stack([0.5 * np.sin(x), 0.5 * np.cos(y), np.ones_like(x)], -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    top = 2**bits - 1
    values = np.rint((vectors + 1) / 2 * top).astype(f"u{bits // 8}")
    if bits == 8:
        Image.fromarray(values).save("normals.png")
    else:
        write_deep(DeepImage(values, "PNG", ("R", "G", "B")), "normals.png")
    assert "looks like a normal map" in apply("between.npz", "normals.png", "-o", "out.png")
    found = np.asarray(Image.open("out.png")) if bits == 8 else read_deep("out.png").values
    lengths = np.linalg.norm(found / top * 2 - 1, axis=-1)
    assert np.abs(lengths - 1).max() < 2.5 / top


def test_an_image_of_twice_the_size(folder: Path) -> None:
    values = eight(3).repeat(2, 0).repeat(2, 1)
    Image.fromarray(values).save("photo.png")
    apply("field.npz", "photo.png", "-o", "out.png")
    assert np.array_equal(np.asarray(Image.open("out.png")), shifted(eight(3)))


def test_standard_input_and_output(folder: Path) -> None:
    values = deep("photo.png", "u2")
    data = Path("photo.png").read_bytes()
    done = CliRunner().invoke(command, ["apply", "field.npz", "-", "-o", "-", "-q"], input=data)
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    assert np.array_equal(read_deep(done.stdout_bytes).values, shifted(values))
    Image.fromarray(eight(3)).save("photo.png")
    field = Path("field.png").read_bytes()
    done = CliRunner().invoke(command, ["apply", "-", "photo.png", "-o", "-"], input=field)
    assert done.exit_code == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.stdout_bytes))), shifted(eight(3)))
    done = CliRunner().invoke(command, ["apply", "-", "photo.png", "-o", "out.png"], input=b"")
    assert "standard input" in one_line(done)


def test_quiet_and_json(folder: Path) -> None:
    Image.fromarray(eight(3)).save("photo.png")
    assert apply("field.npz", "photo.png", "-o", "out.png", "-q") == ""
    lines = [
        json.loads(line)
        for line in apply("field.npz", "photo.png", "-o", "out.png", "--progress", "json").splitlines()
    ]
    assert [line["event"] for line in lines] == ["start", "done"]
    assert lines[0]["size"] == [30, 26]
    first = Path("out.png").read_bytes()
    apply("field.npz", "photo.png", "-o", "out.png")
    assert Path("out.png").read_bytes() == first


@pytest.mark.slow
@pytest.mark.parametrize("field", ["f.npz", "f.png"])
def test_the_field_of_a_synthesis(folder: Path, field: str) -> None:
    """A map whose rows are of one value each shows the row that the field names."""
    colours = np.random.default_rng(0).permutation(20).astype(np.uint8)
    Image.fromarray(np.repeat(colours[:, None] * 12, 24, 1)).save("photo.png")
    done = call("synthesize", "photo.png", "-o", "out.png", "--size", "40x30", "--save-field", field, *QUICK)
    assert done.exit_code == 0, done.stderr
    Image.fromarray(np.repeat(colours.astype(np.uint16)[:, None] * 3000, 24, 1)).save("map.png")
    apply(field, "map.png", "-o", "map-out.png", "--filter", "linear")
    found = read_field(field)
    assert found.exemplar_size == EXEMPLAR
    assert found.field.shape == (30, 40, 2)
    want = np.interp(found.field[..., 1].numpy(), np.arange(20), colours * 3000.0)
    assert np.abs(np.asarray(Image.open("map-out.png")) - want).max() <= 60  # of 57000: places are snapped


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.npz", "photo.png", "-o", "out.png"], 1, "no such file: 'none.npz'"),
        (["field.npz", "none.png", "-o", "out.png"], 1, "no such file: 'none.png'"),
        (["photo.png", "field.npz", "-o", "out.png"], 1, "16 bits a colour"),
        (["field.npz", "field.npz", "-o", "out.png"], 1, "is not a readable image"),
        (["field.npz", "wide.png", "-o", "out.png"], 1, "aligned with the exemplar of 24x20 px"),
        (["field.npz", "photo.png", "-o", "photo.png"], 2, "would be used twice"),
        (["field.png", "photo.png", "-o", "field.png"], 2, "would be used twice"),
        (["field.npz", "photo.png", "-o", "out.npz"], 1, "got the suffix '.npz'"),
        (["field.npz", "photo.png", "-o", "out.exr"], 1, "got the suffix '.exr'"),
        (["field.npz", "photo.png", "-o", "no/out.png"], 1, "no such folder"),
        (["field.npz", "photo.png", "-o", "wide.png", "--no-overwrite"], 1, "--no-overwrite protects it"),
        (["field.npz", "photo.png"], 2, "Missing option '-o'"),
        (["field.npz", "photo.png", "-o", "out.png", "--filter", "cubic"], 2, "cubic"),
        (["-", "-", "-o", "out.png"], 2, "can be standard input"),
        (["field.npz", "clear.png", "-o", "out.jpg"], 1, "JPEG has no transparency"),
        (
            ["field.npz", "deep.png", "-o", "out.jpg"],
            1,
            "16 bits a channel is written to a file ending in .png",
        ),
        (["field.npz", "deep.png", "-o", "deep.png"], 2, "would be used twice"),
        (["field.npz", "float.tif", "-o", "out.png"], 1, "PNG holds no floats of 32 bits; use .tif or .exr"),
        (["field.npz", "float.tif", "-o", "-"], 1, "cannot write 'standard output': PNG holds no floats"),
        (["field.npz", "cut.tif", "-o", "out.tif"], 1, "damaged"),
    ],
)
def test_errors_in_one_line(folder: Path, arguments: list[str], code: int, words: str) -> None:
    Image.fromarray(eight(3)).save("photo.png")
    Image.new("RGB", (48, 20)).save("wide.png")
    Image.fromarray(eight(4)).save("clear.png")
    deep("deep.png", "u2")
    deep("float.tif", "f4")
    Path("cut.tif").write_bytes(Path("float.tif").read_bytes()[:900])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = call("apply", *arguments)
    assert done.exit_code == code
    assert words in one_line(done)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_without_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep("a.tif", "u2")
    deep("a.png", "u2")
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    done = call("apply", "field.npz", "a.tif", "-o", "out.tif")
    assert done.exit_code == 1
    want = "texot: 'a.tif' takes OpenImageIO, but openimageio is not installed: pip install 'texot[deep]'"
    assert one_line(done) == want
    apply("field.npz", "a.png", "-o", "out.png")
