"""Pictures on the command line: standard streams, formats, how images are read, and replay of all that."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from command_line import call, command, environment, one_line, pixels
from PIL import Image
from textures import clouds

QUICK = ["--quality", "draft", "--n-iter", "2", "--backend", "tiled", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a photograph, a sprite with soft alpha, pixel art, and a mask, 40x36."""
    monkeypatch.chdir(tmp_path)
    values = (clouds(3, 36, 40) * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(values).save("photo.png")
    alpha = np.where(values[..., :1] > 90, 250, 10).astype(np.uint8)
    Image.fromarray(np.dstack([values, alpha])).save("sprite.png")
    Image.fromarray(np.dstack([values, np.full((36, 40, 1), 255, np.uint8)])).save("opaque.png")
    Image.fromarray(values // 128 * 200).save("art.png")
    mask = np.zeros((36, 40), np.uint8)
    mask[10:20, 12:22] = 255
    Image.fromarray(mask).save("mask.png")
    return tmp_path


def piped(arguments: str, data: bytes, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """`python -m texot ARGUMENTS` with bytes at standard input."""
    words = [sys.executable, "-m", "texot", *arguments.split(), *QUICK]
    return subprocess.run(
        words, cwd=folder, env=environment(), input=data, capture_output=True, timeout=120, check=False
    )


# ------------------------------------------------------------------------- standard input and output


@pytest.mark.slow
def test_from_standard_input_to_standard_output(folder: Path) -> None:
    done = piped("synthesize - -o -", Path("photo.png").read_bytes(), folder)
    assert done.returncode == 0, done.stderr
    assert call("synthesize", "photo.png", "-o", "out.png", *QUICK).exit_code == 0
    assert done.stdout == Path("out.png").read_bytes()
    assert not Path("-").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "data"),
    [
        ("inpaint - mask.png -o -", "photo.png"),
        ("inpaint photo.png - -o -", "mask.png"),
        ("tile - -o -", "photo.png"),
        ("interpolate - art.png -o - --weights 1,2", "photo.png"),
        ("synthesize photo.png --init - -o -", "art.png"),
    ],
)
def test_every_command_reads_and_writes_them(
    folder: Path, arguments: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, out = Path(data).read_bytes(), io.BytesIO()

    def stream(buffer: io.BytesIO) -> object:
        return type("Stream", (), {"buffer": buffer, "closed": False, "isatty": lambda self: False})()

    from texot.cli import files, pictures

    streams = type("sys", (), {"stdin": stream(io.BytesIO(given)), "stdout": stream(out)})
    monkeypatch.setattr(pictures, "sys", streams)
    monkeypatch.setattr(files, "sys", streams)
    done = call(*arguments.split(), *QUICK)
    assert done.exit_code == 0, done.stderr
    named = arguments.replace("-o -", "-o out.png").replace(" - ", f" {data} ")
    assert call(*named.split(), *QUICK).exit_code == 0
    assert out.getvalue() == Path("out.png").read_bytes()


def test_names_that_begin_with_a_dash(folder: Path) -> None:
    Path("photo.png").rename("-photo.png")
    assert call("synthesize", "-o", "out.png", *QUICK, "--", "-photo.png").exit_code == 0
    Path("-photo.png").rename("-")
    assert call("synthesize", "./-", "-o", "again.png", *QUICK).exit_code == 0
    assert pixels(Path("out.png")) == pixels(Path("again.png"))


@pytest.mark.parametrize(
    ("arguments", "data", "words"),
    [
        ("synthesize - -o out.png", b"", "'standard input' is empty"),
        ("synthesize - -o out.png", b"no image", "'standard input' is not a readable image"),
        ("inpaint - - -o out.png", b"", "standard input"),
        ("synthesize photo.png -o - --variations 2", b"", "use {i}"),
        ("synthesize photo.png -o - --save-every 2", b"", "--frames DIR"),
    ],
)
def test_wrong_use_of_them_is_said(folder: Path, arguments: str, data: bytes, words: str) -> None:
    done = CliRunner().invoke(command, [*arguments.split(), *QUICK], input=data)
    assert done.exit_code in (1, 2)
    assert words in one_line(done)
    assert not Path("out.png").exists()


def test_no_picture_goes_to_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from texot.cli import files

    terminal = type("Stream", (), {"closed": False, "isatty": lambda self: True})()
    monkeypatch.setattr(files, "sys", type("sys", (), {"stdout": terminal}))
    assert "is a terminal" in one_line(call("synthesize", "photo.png", "-o", "-", *QUICK))


# ------------------------------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("inpaint sprite.png mask.png -o out.jpg", "JPEG has no transparency"),
        ("inpaint sprite.png mask.png -o out.bmp", "BMP has no transparency"),
        ("tile sprite.png -o out.jpg", "JPEG has no transparency"),
        ("synthesize sprite.png -o out.jpg --alpha channel", "JPEG has no transparency"),
        ("interpolate sprite.png art.png -o out.jpg --alpha channel", "JPEG has no transparency"),
        ("synthesize photo.png -o out.webp --size 17000x2", "WEBP holds at most 16383 a side"),
        ("synthesize photo.png -o out.jpg --size 2x65600", "JPEG holds at most 65500 a side"),
        ("interpolate photo.png art.png -o out.webp --frames 2 --size 17000x2", "WEBP holds at most 16383"),
        (
            "interpolate photo.png art.png -o out{i}.png --frames 3 --sheet out.webp --size 6000x2",
            "18008x2 px",
        ),
        ("tile photo.png -o out.png --layout out.webp --size 17000x40", "WEBP holds at most 16383"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_the_work(
    folder: Path,
    arguments: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def states(*_: object) -> None:
        raise AssertionError("the work began")

    for module in ("synthesis", "filling", "interpolation"):
        monkeypatch.setattr(f"texot.jobs.{module}.stepwise", states)
    done = call(*arguments.split(), *QUICK)
    assert done.exit_code == 1
    assert words in one_line(done)
    assert not [path for path in folder.iterdir() if path.name.startswith("out")]
    assert "Maximum supported image dimension" not in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_alpha_that_is_opaque_everywhere_is_dropped(folder: Path, suffix: str) -> None:
    sprite = np.array(Image.open("opaque.png"))
    sprite[4:8, 4:8, 3] = 0
    Image.fromarray(sprite).save("hole.png")
    lines = ("tile opaque.png", "inpaint hole.png") if suffix == "jpg" else ("inpaint opaque.png mask.png",)
    for arguments in lines:
        done = call(*arguments.split(), "-o", f"out.{suffix}", *QUICK)
        assert done.exit_code == 0, done.stderr
        assert pixels(Path(f"out.{suffix}"))[:2] == ("RGB", (40, 36))


def test_16_bits_that_become_8_are_said(folder: Path) -> None:
    Image.fromarray((clouds(1, 32, 32)[0] * 65535).numpy().astype(np.uint16)).save("deep.png")
    assert "16-bit grey is written with 8" in call("synthesize", "deep.png", "-o", "out.jpg", *QUICK).stderr


# ---------------------------------------------------------------------------------- replay of options


@pytest.mark.parametrize(
    ("line", "images", "mode"),
    [
        ("synthesize sprite.png --alpha channel --size 44x32", "sprite.png", "RGBA"),
        ("synthesize sprite.png --alpha ignore", "sprite.png", "RGB"),
        ("synthesize art.png", "art.png", "RGB"),
        ("synthesize art.png --palette none", "art.png", "RGB"),
        ("synthesize photo.png --palette exemplar --exemplar-size 24", "photo.png", "RGB"),
        ("inpaint sprite.png mask.png --alpha channel", "sprite.png mask.png", "RGBA"),
        ("inpaint sprite.png", "sprite.png", "RGBA"),
        ("inpaint art.png mask.png --exemplar photo.png --exemplar-size 24 --palette none",
         "art.png mask.png --exemplar photo.png", "RGB"),
        ("tile sprite.png", "sprite.png", "RGBA"),
        ("tile sprite.png --alpha mask", "sprite.png", "RGBA"),
        ("interpolate sprite.png art.png --alpha channel --exemplar-size 24", "sprite.png art.png", "RGBA"),
    ],
)  # fmt: skip
def test_the_same_file_again(folder: Path, line: str, images: str, mode: str) -> None:
    done = call(*line.split(), "-o", "out.png", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert pixels(Path("out.png"))[0] == mode
    again = call("replay", "out.png", *images.split())
    assert again.exit_code == 0, again.stderr
    assert "is identical to" in again.stderr
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


def test_tiles_of_a_sprite_that_share_a_border(folder: Path) -> None:
    arguments = ["sprite.png", "-o", "{i}.png", "--variations", 2, "--share-border", "--alpha", "channel"]
    assert call("synthesize", *arguments, *QUICK).exit_code == 0
    assert pixels(Path("2.png"))[0] == "RGBA"
    assert call("replay", "2.png", "1.png").exit_code == 0
    assert Path("2.png").read_bytes() == Path("2-replay.png").read_bytes()


def test_a_photograph_is_no_mask(folder: Path) -> None:
    for arguments in (["photo.png", "photo.png"], ["mask.png", "photo.png"]):
        done = call("inpaint", *arguments, "-o", "out.png", *QUICK)
        assert done.exit_code == 1
        assert "like a photograph" in one_line(done)
    assert not Path("out.png").exists()
