"""`texot inpaint` on real files."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, pixels, process, text
from PIL import Image, ImageCms

QUICK = ["--quality", "draft", "--n-iter", "3", "--backend", "tiled"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a photograph, 44x40, and a mask for it."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(1).integers(0, 256, (40, 44, 3), np.uint8)
    Image.fromarray(values).save("photo.png")
    mask = np.zeros((40, 44), np.uint8)
    mask[10:22, 12:24] = 255
    Image.fromarray(mask).save("mask.png")
    return tmp_path


def known() -> np.ndarray:
    return np.asarray(Image.open("mask.png")) == 0


@pytest.mark.slow
def test_main_job_in_a_real_process(folder: Path) -> None:
    done = process("inpaint", "photo.png", "mask.png", "-o", "out.png", *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    before, after = (np.asarray(Image.open(name)) for name in ("photo.png", "out.png"))
    assert (before[known()] == after[known()]).all()
    assert not (before[~known()] == after[~known()]).all()
    assert json.loads(text(Path("out.png"))["texot"])["job"] == "inpaint"
    again = call("inpaint", "photo.png", "mask.png", "-o", "again.png", "--threads", 1, *QUICK)
    assert again.exit_code == 0, again.stderr
    assert pixels(Path("out.png")) == pixels(Path("again.png"))


def test_profile_density_and_depth_are_kept(folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for mode, suffix in (("RGB", "png"), ("LA", "png"), ("RGBA", "tif"), ("I;16", "png")):
        if mode == "I;16":
            image = Image.fromarray(np.random.default_rng(2).integers(0, 65536, (40, 44), np.uint16))
        else:
            image = Image.open("photo.png").convert(mode)
        image.save(f"deep.{suffix}", dpi=(150, 150), icc_profile=profile)
        done = call("inpaint", f"deep.{suffix}", "mask.png", "-o", f"out.{suffix}", *QUICK)
        assert done.exit_code == 0, done.stderr
        with Image.open(f"deep.{suffix}") as before, Image.open(f"out.{suffix}") as after:
            assert after.mode == before.mode
            assert after.info["dpi"] == pytest.approx((150, 150), abs=0.1)
            assert after.info["icc_profile"] == profile
            assert (np.asarray(before)[known()] == np.asarray(after)[known()]).all()


def test_preview_without_computing(folder: Path) -> None:
    done = call("inpaint", "photo.png", "mask.png", "--show-mask", "preview.png")
    assert done.exit_code == 0, done.stderr
    shown, photo = np.asarray(Image.open("preview.png")), np.asarray(Image.open("photo.png"))
    assert (shown[known()] == photo[known()]).all()
    assert (shown[~known()][:, 0] > 170).all()
    assert not Path("out.png").exists()


def test_transparent_pixels_are_the_mask(folder: Path) -> None:
    image = Image.open("photo.png").convert("RGBA")
    image.putalpha(Image.open("mask.png").point(lambda v: 255 - v))
    image.save("cut.png")
    done = call("inpaint", "cut.png", "-o", "out.png", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert np.asarray(Image.open("out.png"))[..., 3].min() == 255


def test_grey_masks_are_said(folder: Path) -> None:
    Image.open("mask.png").point(lambda v: 40 + v // 2).save("grey.png")
    done = call("inpaint", "photo.png", "grey.png", "-o", "out.png", *QUICK)
    assert "grey pixels" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["photo.png", "mask.png"], 2, "--output"),
        (["photo.png", "-o", "out.png"], 1, "transparent"),
        (["missing.png", "mask.png", "-o", "out.png"], 1, "no such file"),
        (["photo.png", "missing.png", "-o", "out.png"], 1, "no such file"),
        (["photo.png", "broken.png", "-o", "out.png"], 1, "broken.png"),
        (["photo.png", "small.png", "-o", "out.png"], 1, "20x20"),
        (["photo.png", "black.png", "-o", "out.png"], 1, "nothing to fill"),
        (["photo.png", "black.png", "-o", "out.png", "--invert-mask"], 1, "whole image"),
        (["photo.png", "most.png", "-o", "out.png"], 1, "not enough"),
        (["photo.png", "mask.png", "-o", "mask.png"], 2, "twice"),
        (["photo.png", "mask.png", "-o", "out.png", "--show-mask", "out.png"], 2, "twice"),
        (["photo.png", "mask.png", "-o", "out.xyz"], 1, "suffix"),
        (["photo.png", "mask.png", "-o", "out.png", "--reach", "-1"], 2, "--reach"),
        (["photo.png", "mask.png", "-o", "out.png", "--source", "black.png"], 1, "source"),
    ],
)
def test_errors(folder: Path, arguments: list[str], code: int, word: str) -> None:
    Path("broken.png").write_bytes(Path("mask.png").read_bytes()[:60])
    Image.new("L", (20, 20)).save("small.png")
    Image.new("L", (44, 40)).save("black.png")
    most = Image.new("L", (44, 40), 255)
    most.putpixel((0, 0), 0)
    most.save("most.png")
    done = call("inpaint", *arguments, *QUICK)
    assert done.exit_code == code, done.stderr
    assert word in one_line(done)
    assert not Path("out.png").exists()
