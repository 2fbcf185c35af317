"""A large exemplar: the part that a result can use is read, at its own scale, and told in one line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import call, environment
from PIL import Image, features

import texot
from texot.files import part as module
from texot.files.exemplar import read_exemplar
from texot.files.part import Window, find_window, part_side
from texot.files.record import read_record

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 1}


@pytest.fixture
def picture(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """60 x 90 px of noise."""
    return rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 24 px and more."""
    monkeypatch.setattr(module, "MIN_PART", 24)


@pytest.mark.parametrize(
    ("size", "side"),
    [
        ("16x16", 2048),
        (512, 2048),
        ((100, 700), 2800),
        ("3000X2", 4096),
        (None, None),
        ("2x", None),
        (" .5 x ", None),
        ("big", None),
        ((3,), None),
    ],
)
def test_the_side_follows_the_result(size: Any, side: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("texot.files.sizes.memory_limit", lambda: None)
    assert part_side(size) == side
    assert part_side(size, 4000) is None


def test_the_middle_or_where_most_is_opaque() -> None:
    assert find_window((90, 60), 100) == Window(0, 0, 90, 60)
    assert find_window((90, 60), 40) == Window(25, 10, 40, 40)
    assert find_window((90, 30), 40) == Window(25, 0, 40, 30)
    everywhere = np.ones((60, 90), np.bool_)
    assert find_window((90, 60), 40, everywhere) == find_window((90, 60), 40)
    for x, y in ((0, 0), (50, 20), (50, 0), (7, 13)):
        opaque = np.zeros((60, 90), np.bool_)
        opaque[y : y + 40, x : x + 40] = True
        assert find_window((90, 60), 40, opaque) == Window(x, y, 40, 40)


@pytest.mark.parametrize("kind", ["file", "bytes", "image", "array", "tensor", "float", "palette", "deep"])
def test_every_source_is_cut_alike(tmp_path: Path, picture: Any, kind: str) -> None:
    image = Image.fromarray(picture)
    source: Any = {"image": image, "array": picture}.get(kind)
    if kind == "tensor":
        source = torch.from_numpy(picture).permute(2, 0, 1)
    elif kind == "float":
        source = picture.astype(np.float64) / 255
    elif kind == "palette":
        source = image.quantize(16)
    elif kind == "deep":
        source = Image.fromarray(picture[..., 0].astype(np.uint16) * 257)
    elif source is None:
        source = tmp_path / "a.png"
        image.save(source)
        source = source.read_bytes() if kind == "bytes" else source
    whole, found = read_exemplar(source), read_exemplar(source, part=40)
    assert torch.equal(found.pixels, whole.pixels[:, 10:50, 25:65])
    assert (found.mode, found.whole, found.origin) == (whole.mode, (90, 60), (25, 10))
    assert not found.reduced
    assert read_exemplar(source, part=90).sha256 == whole.sha256


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_a_turned_picture(tmp_path: Path, picture: Any, orientation: int) -> None:
    image = Image.fromarray(np.dstack([picture, np.zeros((60, 90, 1), np.uint8)]))
    image.paste(Image.new("RGBA", (33, 31), (9, 8, 7, 255)), (50, 22))  # what is opaque
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    whole, found = read_exemplar(tmp_path / "a.png"), read_exemplar(tmp_path / "a.png", part=41)
    assert found.window is not None
    x, y, width, height = found.window
    assert (width, height) == (41, 41)
    assert torch.equal(found.pixels, whole.pixels[:, y : y + height, x : x + width])
    assert found.whole == whole.size
    assert found.mask is not None
    assert int(found.mask.sum()) == 33 * 31


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "array"])
def test_what_is_opaque_is_used(kind: str, rng: np.random.Generator) -> None:
    """In the middle there is none of the texture."""
    levels = rng.integers(0, 200, (700, 900), dtype=np.uint8)
    alpha = np.zeros((700, 900), np.uint8)
    alpha[:60, 830:] = 255
    if kind == "P":
        values = np.where(alpha > 0, levels, 255).astype(np.uint8)
        source: Any = Image.fromarray(values).convert("P")
        source.info["transparency"] = 255
    elif kind == "array":
        source = np.dstack([levels, alpha])
    else:
        source = Image.fromarray(np.dstack([levels, alpha])).convert(kind)
    found = read_exemplar(source, part=100)
    assert found.mask is not None
    assert int(found.mask.sum()) == 60 * 70


@pytest.mark.usefixtures("small")
def test_jobs_use_a_part_and_record_it(picture: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "texot"):
        result = texot.synthesize(picture, (10, 8), **QUICK)
    assert caplog.text.count("90x60 px: a part of 40x40 is enough for this result (see --exemplar-size)") == 1
    assert result.settings["exemplar_part"] == 40
    assert result.settings["exemplar_size"] is None
    alone = texot.synthesize(picture[10:50, 25:65].copy(), (10, 8), **QUICK)
    assert torch.equal(result.image, alone.image)
    assert "exemplar_part" not in alone.settings
    assert result.field is not None
    assert alone.field is not None
    assert torch.equal(result.field, alone.field + torch.tensor([25.0, 10.0]))  # of the exemplar as given
    whole = texot.synthesize(picture, (10, 8), exemplar_size=90, **QUICK)
    assert "exemplar_part" not in whole.settings
    mixed = texot.interpolate([picture, picture[:30, :30].copy()], size=8, **QUICK)
    assert mixed.settings["exemplar_part"] == 32
    hole = np.zeros((12, 12), np.uint8)
    hole[4:8, 4:8] = 255
    filled = texot.inpaint(picture[:12, :12].copy(), hole, exemplar=picture, **QUICK)
    assert filled.settings["exemplar_part"] == 48


def test_replay_uses_the_same_part(tmp_path: Path, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(picture).resize((2200, 20)).save(tmp_path / "wide.png")
    monkeypatch.chdir(tmp_path)
    options = ["--size", "16x12", "--quality", "draft", "-q", "--threads", "1", "--save-field", "field.npz"]
    done = call("synthesize", "wide.png", "-o", "out.png", *options)
    assert done.exit_code == 0, done.stderr
    settings, _ = read_record(tmp_path / "out.png")
    assert settings["exemplar_part"] == 2048
    done = call("replay", "out.png", "wide.png")
    assert done.exit_code == 0, done.stderr
    assert "out-replay.png is identical to out.png" in done.stderr
    assert (np.load(tmp_path / "field.npz")["exemplar_size"] == (2200, 20)).all()
    # one that was made from all of it, as before there were parts
    whole = {key: value for key, value in settings.items() if key != "exemplar_part"}
    whole["exemplar_sha256"] = read_exemplar(tmp_path / "wide.png").sha256
    from texot.files.write import write_image

    write_image(torch.zeros(3, 12, 16), tmp_path / "old.png", text={"texot": json.dumps(whole)})
    done = call("replay", "old.png", "wide.png")
    assert done.exit_code == 0, done.stderr
    assert "old-replay.png differs from old.png" in done.stderr  # and not: was made from another exemplar


def told_by_children(code: str, *arguments: object) -> list[float]:
    """What `tell(k)`, which `code` defines, returns for each of the arguments, in a forked child for each.

    One process imports torch. A child has its memory, and maps its files where it uses them: their part of
    what the process holds is added to the child's peak.
    """
    script = (
        f"{code}\n"
        "import os, sys\n"
        "def kilobytes(name):  # of this process alone; ru_maxrss has that of the process which started it\n"
        "    (line,) = [line for line in open('/proc/self/status') if line.startswith(name)]\n"
        "    return int(line.split()[1])\n"
        "def peak():\n"
        "    return kilobytes('VmHWM') + not_mapped\n"
        "for k in sys.argv[1:]:\n"
        "    held = kilobytes('VmRSS')\n"
        "    if (child := os.fork()) == 0:\n"
        "        not_mapped = held - kilobytes('VmRSS')\n"
        "        print(tell(k), flush=True)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0, k\n"
    )
    line = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(line, env=environment(), check=True, capture_output=True, text=True, timeout=300)
    return [float(word) for word in done.stdout.split()]


linux = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units")


@pytest.mark.slow
@linux
def test_a_small_file_of_a_large_picture_takes_little(tmp_path: Path) -> None:
    """64 million pixels in some kB, for 16x16."""
    options: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 1},
        "tif": {"compression": "tiff_deflate"},
        "webp": {"lossless": True, "method": 0},
    }
    for suffix, given in options.items():
        Image.new("1" if suffix == "png" else "RGB", (8000, 8000)).save(tmp_path / f"a.{suffix}", **given)
    code = (
        "import texot\ndef tell(path):\n    texot.synthesize(path, 16, quality='draft')\n    return peak()\n"
    )
    found = told_by_children(code, *(tmp_path / f"a.{suffix}" for suffix in options))
    assert len(found) == len(options)
    assert max(found) < 1_500_000, found


@pytest.fixture(scope="module")
def large_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A black picture of 5000x5000 px of each kind that this Pillow writes."""
    folder, found = tmp_path_factory.mktemp("large"), {}
    modes = {"rgba.png": "RGBA", "1.png": "1"}
    for kind in ("webp", "png", *modes, "jp2", "jpg"):
        suffix = kind.rpartition(".")[2]
        if features.check({"webp": "webp", "jp2": "jpg_2000"}.get(suffix, "zlib")):
            options: dict[str, Any] = {"lossless": True, "method": 0} if suffix == "webp" else {}
            found[kind] = folder / f"a.{kind}"
            Image.new(modes.get(kind, "RGB"), (5000, 5000)).save(found[kind], **options)
    return found


@pytest.mark.slow
@linux
@pytest.mark.parametrize("part", [512, None])
def test_reading_takes_what_it_was_estimated_to(large_files: dict[str, Path], part: int | None) -> None:
    """So that a control group's limit refuses in time: the process is killed otherwise."""
    code = (
        "from texot.files import decode\n"
        "from texot.files.exemplar import read_exemplar\n"
        "need = []\n"
        "real = decode._bytes_to_read\n"
        "decode._bytes_to_read = lambda *given: need.append(real(*given)) or need[-1]\n"
        "def tell(path):\n"
        f"    read_exemplar(path, alpha='ignore', part={part})\n"
        "    return need[0] / 1024 / peak()\n"
    )
    ratios = dict(zip(large_files, told_by_children(code, *large_files.values()), strict=True))
    assert "png" in ratios
    assert all(0.9 < ratio < 1.4 for ratio in ratios.values()), ratios
