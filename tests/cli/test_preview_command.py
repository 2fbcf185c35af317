"""`texot preview` on real files."""

from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, pixels, process
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a material, 24x20: grey, with a bump in its normals."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wall").mkdir()
    y, x = np.mgrid[-1:1:20j, -1:1:24j]
    bump = np.stack([x, -y, np.ones_like(x)], -1)
    bump /= np.linalg.norm(bump, axis=-1, keepdims=True)
    Image.fromarray(np.full((20, 24, 3), 128, np.uint8)).save("wall/wall_basecolor.png")
    Image.fromarray(np.rint((bump + 1) * 127.5).astype(np.uint8)).save("wall/wall_normal.png")
    return tmp_path


def means(path: str) -> tuple[float, float, float, float]:
    """Mean brightness of the left, right, top and bottom half."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), float)
    height, width = grey.shape
    halves = grey[:, : width // 2], grey[:, width // 2 :], grey[: height // 2], grey[height // 2 :]
    left, right, top, bottom = (float(half.mean()) for half in halves)
    return left, right, top, bottom


def test_a_plane_in_a_real_process(folder: Path) -> None:
    done = process("preview", "wall", "-o", "lit.png", "--light", "180,30", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "wrote lit.png" in done.stderr
    assert pixels(folder / "lit.png")[:2] == ("RGB", (24, 20))
    left, right, _, _ = means("lit.png")
    assert left > right + 20


def test_the_convention_of_normals_is_respected(folder: Path) -> None:
    """The same values under the other convention: top and bottom change places."""
    call("preview", "wall", "-o", "gl.png", "--light", "90,30")
    Path("wall/wall_normal.png").rename("wall/wall_normal_dx.png")
    call("preview", "wall", "-o", "dx.png", "--light", "90,30")
    assert means("gl.png")[2] > means("gl.png")[3] + 20
    assert means("dx.png")[3] > means("dx.png")[2] + 20
    call(
        "preview", "wall/wall_basecolor.png", "--map", "normal=wall/wall_normal_dx.png", "-o", "given.png",
        "--light", "90,30",
    )  # fmt: skip
    assert Path("given.png").read_bytes() == Path("dx.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--repeat", "2"], (48, 40)),
        (["--repeat", "2", "--size", "24"], (24, 20)),
        (["--shape", "sphere"], (24, 24)),
        (["--shape", "sphere", "--repeat", "3", "--size", "50"], (50, 50)),
    ],
)
def test_sizes(folder: Path, options: list[str], size: tuple[int, int]) -> None:
    result = call("preview", "wall", "-o", "lit.png", *options)
    assert result.exit_code == 0, result.output
    assert pixels(folder / "lit.png")[1] == size


def test_maps_by_role(folder: Path) -> None:
    """A single image as base colour, other maps by name, standard output."""
    Image.new("L", (24, 20), 255).save("shiny.png")
    image, normal = "wall/wall_basecolor.png", "normal=wall/wall_normal.png"
    result = call(
        "preview", image, "--map", normal, "--map", "metallic=shiny.png", "-o", "lit.png", "--light", "0,30"
    )
    assert result.exit_code == 0, result.output
    left, right, _, _ = means("lit.png")
    assert right > left
    assert call("preview", image, "-o", "-").stdout_bytes.startswith(b"\x89PNG")


def test_the_same_bytes_again(folder: Path) -> None:
    call("preview", "wall", "-o", "one.png", "--shape", "sphere")
    call("preview", "wall", "-o", "two.png", "--shape", "sphere")
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["wall", "-o", "lit.png", "--light", "45"], 2, "AZIMUTH,ELEVATION"),
        (["wall", "-o", "lit.png", "--light", "45,nan"], 2, "AZIMUTH,ELEVATION"),
        (["wall", "-o", "lit.png", "--light", "45,91"], 2, "0 to 90"),
        (["wall", "-o", "lit.png", "--repeat", "0"], 2, "from 1 to 64"),
        (["wall", "-o", "lit.png", "--map", "normal"], 2, "ROLE=FILE"),
        (["wall", "-o", "lit.png", "--map", "shine=a.png"], 1, "unknown role 'shine'"),
        (["wall", "-o", "l.png", "--map", "height=a.png", "--map", "height=b.png"], 2, "a role twice"),
        (["-", "-o", "lit.png", "--map", "height=-"], 2, "standard input"),
        (["nothing", "-o", "lit.png"], 1, "nothing"),
        (["wall", "-o", "lit.xyz"], 1, ".xyz"),
        (["wall", "-o", "wall/wall_normal.png"], 2, "used twice"),
    ],
)
def test_errors_are_one_line(folder: Path, arguments: list[str], code: int, message: str) -> None:
    result = call("preview", *arguments)
    assert result.exit_code == code, result.output
    assert message in one_line(result)


def test_an_existing_file_can_be_protected(folder: Path) -> None:
    Path("lit.png").write_bytes(b"mine")
    assert call("preview", "wall", "-o", "lit.png", "--no-overwrite").exit_code == 1
    assert Path("lit.png").read_bytes() == b"mine"
