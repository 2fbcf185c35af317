"""Every output format by value; whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import levels, matrix_profile, one_line, saved
from PIL import Image, PngImagePlugin

from texot.errors import InputError, OutputError
from texot.files import whole
from texot.files.decode import read_png_text
from texot.files.exemplar import read_exemplar
from texot.files.whole import write_whole
from texot.files.write import check_output, to_pil, write_image


def planes_of(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".webp", ".bmp"])
def test_lossless_writing(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(planes_of(rgb), path)
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    write_image(torch.from_numpy(grey)[None].double() / 255, path)
    back = read_exemplar(path)
    assert back.mode == ("RGB" if suffix == ".webp" else "L")
    np.testing.assert_array_equal(back.pixels[0].mul(255).round().numpy(), grey)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_keeps_colour_edges(tmp_path: Path, suffix: str) -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    path = tmp_path / f"a{suffix}"
    write_image(planes_of(stripes), path)
    assert np.abs(levels(read_exemplar(path)) - stripes.astype(int)).mean() < 6  # 4:2:0 gives over 60
    with Image.open(path) as image:
        assert image.format == "JPEG"


def test_alpha_is_written_where_it_can_be(tmp_path: Path, rgb: np.ndarray) -> None:
    rgba = np.dstack([rgb, rgb[..., 0]])
    la = rgba[..., 2:]
    for suffix in ("png", "tif", "webp"):
        write_image(planes_of(rgba), tmp_path / f"a.{suffix}")
        with Image.open(tmp_path / f"a.{suffix}") as image:
            np.testing.assert_array_equal(np.asarray(image), rgba)
        write_image(planes_of(la), tmp_path / f"la.{suffix}")
        with Image.open(tmp_path / f"la.{suffix}") as image:
            np.testing.assert_array_equal(np.asarray(image.convert("LA")), la)
    for suffix in ("jpg", "bmp"):
        with pytest.raises(OutputError, match="has no transparency"):
            write_image(planes_of(rgba), tmp_path / f"a.{suffix}")


def test_quantisation_clamps_and_rounds_half_to_even() -> None:
    halves = (torch.arange(255) + 0.5) / 255
    exact = halves[halves * 255 == torch.arange(255) + 0.5]  # those a float32 product hits
    assert len(exact) > 100
    expected = np.rint(exact.numpy() * np.float32(255))
    np.testing.assert_array_equal(np.asarray(to_pil(exact[None]))[0], expected)
    beyond = torch.tensor([[-torch.inf, -0.1, 0, 1, 1.1, torch.inf]])
    assert np.asarray(to_pil(beyond)).tolist() == [[0, 0, 0, 255, 255, 255]]
    assert np.asarray(to_pil(torch.tensor([[0.5]]))).tolist() == [[128]]  # 127.5
    assert np.asarray(to_pil(torch.tensor([[[0.5]]]), "I;16")).tolist() == [[32768]]  # 32767.5
    assert to_pil(torch.rand(3, 4, 5).to(torch.bfloat16)).size == (5, 4)


def test_sixteen_bit_grey_in_eight_bit_formats(tmp_path: Path, grey: np.ndarray) -> None:
    for suffix in ("bmp", "webp", "jpg"):
        write_image(torch.from_numpy(grey)[None] / 255, tmp_path / f"a.{suffix}", mode="I;16")
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.mode in ("L", "RGB")


def test_every_exemplar_can_be_written_back(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray) -> None:
    for source in (rgb, grey, grey.astype(np.uint16) * 257):
        exemplar = read_exemplar(source)
        write_image(exemplar.pixels, tmp_path / "a.png", mode=exemplar.mode)
        assert read_exemplar(tmp_path / "a.png").sha256 == exemplar.sha256
        assert read_exemplar(tmp_path / "a.png").mode == exemplar.mode


@pytest.mark.parametrize(
    ("image", "mode", "message"),
    [
        (torch.full((3, 2, 2), torch.nan), None, "NaN"),
        (torch.rand(7, 2, 2), "multi", "7 channels"),
        (torch.rand(7, 2, 2), None, "7 channels"),
        (torch.rand(1, 2, 2), "RGB", "cannot be mode RGB"),
        (torch.rand(3, 2, 2), "I;16", "cannot be mode I;16"),
        (torch.rand(3, 2, 2), "CMYK", "cannot be mode CMYK"),
        (torch.rand(3, 0, 2), None, "expected float planes"),
        (torch.rand(2), None, "expected float planes"),
        (torch.zeros(3, 2, 2, dtype=torch.uint8), None, "expected float planes"),
    ],
)
def test_images_that_fit_no_file(tmp_path: Path, image: torch.Tensor, mode: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        write_image(image, tmp_path / "a.png", mode=mode)
    one_line(error)
    assert not os.listdir(tmp_path)


TEXT = {
    "texot": "0.1.0",
    "seed": "7",
    "exemplar": "gr\u00e4s \u8349 \U0001f33f.png",
    "settings": '{"size": [512, 512],\n "entropy": null}',
    "empty": "",
}


def test_png_text_round_trip_and_identical_bytes(tmp_path: Path, rgb: np.ndarray) -> None:
    for name in ("a.png", "b.png"):
        write_image(planes_of(rgb), tmp_path / name, text=TEXT)
    assert read_png_text(tmp_path / "a.png") == TEXT
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["seed"] == "7"
    np.testing.assert_array_equal(levels(read_exemplar(tmp_path / "a.png")), rgb)
    for suffix in ("jpg", "tif", "webp", "bmp"):
        pair = []
        for folder in ("x", "y"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(planes_of(rgb), tmp_path / folder / f"a.{suffix}", text=TEXT)
            pair.append((tmp_path / folder / f"a.{suffix}").read_bytes())
        assert pair[0] == pair[1]
        with pytest.raises(InputError, match="expected PNG"):
            read_png_text(tmp_path / "x" / f"a.{suffix}")


def test_png_text_never_fails_over_odd_characters(tmp_path: Path) -> None:
    text = {"file": os.fsdecode(b"stone\xff.png"), "nul": "a\0b"}
    write_image(torch.rand(1, 2, 2), tmp_path / "a.png", text=text)
    assert read_png_text(tmp_path / "a.png") == {"file": "stone\\udcff.png", "nul": "a\\x00b"}
    assert read_png_text(saved(Image.new("L", (2, 2)), tmp_path / "plain.png")) == {}
    for key in ("", "x" * 80, "a\0b", " lead", "trail ", "\u8349", "two\nlines"):
        with pytest.raises(InputError, match="PNG keyword"):
            write_image(torch.rand(1, 2, 2), tmp_path / "b.png", text={key: "v"})
    assert not (tmp_path / "b.png").exists()


def test_png_text_written_by_others(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("z", "compressed " * 50, zip=True)
    info.add_itxt("i", "\u8349", "zh", "\u5b57")
    path = saved(Image.new("L", (2, 2)), tmp_path / "a.png", pnginfo=info)
    assert read_png_text(path) == {"z": "compressed " * 50, "i": "\u8349"}
    assert {type(value) for value in read_png_text(path).values()} == {str}


def test_icc_profile_is_embedded(tmp_path: Path, rgb: np.ndarray) -> None:
    profile = matrix_profile(1.8)
    for suffix in ("png", "jpg", "tif", "webp", "bmp"):
        write_image(planes_of(rgb), tmp_path / f"a.{suffix}", icc_profile=profile)
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.info.get("icc_profile") == (None if suffix == "bmp" else profile)


# --------------------------------------------------------- whole or not at all


def test_permissions_are_those_of_an_ordinary_open(tmp_path: Path, rgb: np.ndarray) -> None:
    old = os.umask(0o027)
    try:
        write_image(planes_of(rgb), tmp_path / "a.png")
        (tmp_path / "plain").touch()
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "a.png").chmod(0o604)
    write_image(planes_of(rgb), tmp_path / "a.png")
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o604


def test_a_link_is_written_through(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "a.png")
    write_image(planes_of(rgb), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert os.listdir(tmp_path / "real") == ["a.png"]


def test_relative_and_long_names(tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(planes_of(rgb), "a.png")
    long = "y" * 250 + ".png"  # leaves no room for a longer temporary name
    write_image(planes_of(rgb), long)
    assert sorted(os.listdir(tmp_path)) == ["a.png", long]
    with pytest.raises(OutputError, match="too long"):
        write_image(planes_of(rgb), "y" * 300 + ".png")
    assert sorted(os.listdir(tmp_path)) == ["a.png", long]


def test_check_output(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.png").symlink_to("loop.png")
    check_output(tmp_path / "a.png")
    (tmp_path / "a.png").touch()
    check_output(tmp_path / "a.png")
    for path, message in [
        (tmp_path / "a.xyz", r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff, \.bmp, got the suffix '\.xyz'"),
        (tmp_path / "a", "got no suffix"),
        ("", "got no suffix"),
        (tmp_path / ".png", "got no suffix"),
        (tmp_path / "absent" / "a.png", "no such folder"),
        (tmp_path / "file" / "a.png", "is not a folder"),
        (tmp_path / "folder.png", "is a directory"),
        (tmp_path / "loop.png", "cannot write"),
        ("nul\0.png", "not a file name"),
    ]:
        with pytest.raises(OutputError, match=message) as error:
            check_output(path)
        one_line(error)
        with pytest.raises(OutputError, match=message):
            write_image(torch.rand(3, 4, 4), path)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "file", "folder.png", "loop.png"]


def test_unwritable_folder_and_read_only_file(tmp_path: Path, unprivileged: None) -> None:
    with pytest.raises(OutputError, match="no permission to write in '/usr'"):
        check_output("/usr/texot-test.png")
    with pytest.raises(OutputError, match="no permission to write in '/usr'"):
        write_whole("/usr/texot-test.png", b"x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk(tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel itself says ENOSPC: the temporary file's descriptor is one of /dev/full."""
    (tmp_path / "old.png").write_bytes(b"old")
    ordinary = open

    def full(path: str, mode: str) -> io.IOBase:
        with ordinary(path, mode):
            return ordinary("/dev/full", "wb")

    monkeypatch.setattr(whole, "open", full, raising=False)
    for name in ("new.png", "old.png"):
        with pytest.raises(OutputError, match="the disk is full; free some space") as error:
            write_image(planes_of(rgb), tmp_path / name)
        assert error.value.__cause__.errno == errno.ENOSPC  # type: ignore[union-attr]
    assert os.listdir(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_file_size_limit_in_a_real_process(tmp_path: Path) -> None:
    """A write that fails half-way, without any stand-in, leaves the old file and nothing else."""
    (tmp_path / "a.png").write_bytes(b"old")
    code = (
        "import resource, sys, torch\n"
        "from texot.files.write import write_image\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n"
        "    write_image(torch.rand(3, 200, 200), sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("OutputError cannot write")
    assert "File too large" in done.stdout
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_failing_rename_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write_image(torch.rand(3, 4, 4), tmp_path / "a.png")
    assert not os.listdir(tmp_path)


def test_what_an_encoder_cannot_do(tmp_path: Path) -> None:
    for name, width in (("a.webp", 20000), ("a.jpg", 70000)):
        with pytest.raises(OutputError, match=r"cannot write .* at most [0-9]+ a side; use \.png") as error:
            write_image(torch.zeros(3, 1, width), tmp_path / name)
        one_line(error)
    assert not os.listdir(tmp_path)
