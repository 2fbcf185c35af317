"""Samples through the library: tiles of any side, tori of any size, bounded memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_line import environment

from texot.errors import InputError
from texot.files.exemplar import read_exemplar
from texot.files.record import read_record
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    network = TextureNetwork(Architecture(3), torch.Generator().manual_seed(2)).requires_grad_(False)
    network.contrast.mul_(0.2)
    return Generator(network, {"mode": "RGB", "exemplar_size": [40, 30]})


@pytest.mark.parametrize("tile", ["both", "x", "y", "none"])
@pytest.mark.parametrize("side", [1000, 64, 37])
def test_tiles_agree_with_the_whole(generator: Generator, tile: str, side: int) -> None:
    """To 1/255 everywhere, whatever the tiles' side and the size."""
    whole = generator.sample((101, 77), seed=3, at=(5, -9), tile=tile).image
    made = torch.full_like(whole, torch.nan)
    for top, left, part in generator.tiles((101, 77), seed=3, at=(5, -9), tile=tile, side=side):
        assert max(part.shape[1:]) <= side
        made[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    torch.testing.assert_close(made, whole, atol=1 / 255, rtol=0)


def test_workers_make_the_same_tiles_in_the_same_order(generator: Generator) -> None:
    options = {"size": (90, 70), "seed": 3, "side": 32}
    alone, together = (list(generator.tiles(**options, workers=n)) for n in (1, 3))  # type: ignore[arg-type]
    assert [tile[:2] for tile in alone] == [tile[:2] for tile in together]
    assert all(torch.equal(a[2], b[2]) for a, b in zip(alone, together, strict=True))
    first = next(generator.tiles((200, 200), side=16, workers=2))  # left early: nothing waits for the rest
    assert first[:2] == (0, 0)


def test_rows_are_the_sample(generator: Generator) -> None:
    whole, places = generator.sample((90, 70), seed=3, tile="x").image, []
    rows = list(
        generator.rows(
            (90, 70), seed=3, tile="x", side=32, on_tile=lambda top, left, _: places.append((top, left))
        )
    )
    assert [row.shape for row in rows] == [(3, 32, 90), (3, 32, 90), (3, 6, 90)]
    torch.testing.assert_close(torch.cat(rows, 1), whole, atol=1 / 255, rtol=0)
    assert places == [(top, left) for top in (0, 32, 64) for left in (0, 32, 64)]


def test_windows_of_the_plane_overlap(generator: Generator) -> None:
    left = generator.sample((60, 40), at=(0, 0), tile="none").image
    right = generator.sample((60, 40), at=(35, 10), tile="none").image
    torch.testing.assert_close(left[:, 10:, 35:], right[:, :30, :25], atol=1 / 255, rtol=0)


@pytest.mark.parametrize("size", [(64, 32), (101, 77), (7, 5), (1, 1)])
def test_the_result_tiles(generator: Generator, size: tuple[int, int]) -> None:
    """Two copies side by side are the plane that wraps: no window across the edge differs from it."""
    width, height = size
    one = generator.sample(size, seed=1).image
    moved = generator.sample(size, seed=1, at=(width // 2, height // 3)).image
    torch.testing.assert_close(one.roll((-(height // 3), -(width // 2)), (1, 2)), moved, atol=1 / 255, rtol=0)


def test_seeds_and_sizes(generator: Generator) -> None:
    assert generator.sample().image.shape == (3, 30, 40)
    assert generator.sample("2x").image.shape == (3, 60, 80)
    one, two = (generator.sample(64, seed=seed).image for seed in (1, 2))
    assert float((one - two).abs().mean()) > 0.05
    assert torch.equal(one, generator.sample(64, seed=1).image)


def test_wrong_options(generator: Generator) -> None:
    for options, word in (
        ({"size": "0x9"}, "size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"at": 3}, "at must be"),
        ({"at": (0.5, 1)}, "at's x"),
        ({"at": (0, 2**41)}, "at's y"),
        ({"tile": "all"}, "tile"),
    ):
        with pytest.raises(InputError, match=word):
            generator.sample(**options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units")
def test_memory_does_not_grow_with_the_size(generator: Generator, tmp_path: Path) -> None:
    """A strip sixteen times as long takes no more memory, in a real process."""
    generator.save(tmp_path / "m.safetensors")
    code = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
from texot.cli.app import texot
sys.argv[0] = "texot"
texot.main()
"""
    peaks = []
    for height in (512, 8192):
        command = [
            sys.executable,
            "-c",
            code,
            "sample",
            "m.safetensors",
            "-o",
            "o.png",
            "-q",
            "--threads",
            "1",
        ]
        done = subprocess.run(
            [*command, "--size", f"256x{height}"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 40_000  # kB; the image alone is 25 MB as floats, and its noise 100


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_file_that_is_written_in_rows_holds_the_sample(
    generator: Generator, tmp_path: Path, suffix: str
) -> None:
    """With its settings in a PNG; tiles are reported in order, each once."""
    seen: list[tuple[int, int]] = []
    path = tmp_path / f"out.{suffix}"
    settings = generator.write(
        path,
        (90, 70),
        seed=3,
        at=(5, -9),
        side=32,
        workers=2,
        on_tile=lambda top, left, tile: seen.append((top, left)),
    )
    assert seen == [(top, left) for top in (0, 32, 64) for left in (0, 32, 64)]
    sample = generator.sample((90, 70), seed=3, at=(5, -9))
    assert settings == sample.settings
    found = read_exemplar(path).pixels
    assert found.shape == sample.image.shape
    assert (found - sample.image).abs().max() < (0.1 if suffix == "jpg" else 1.01 / 255)
    if suffix == "png":
        assert read_record(path)[0] == settings


def test_a_sample_that_is_stopped_leaves_no_file(generator: Generator, tmp_path: Path) -> None:
    def stop(top: int, left: int, tile: torch.Tensor) -> None:
        raise InputError("stopped")

    with pytest.raises(InputError, match="stopped"):
        generator.write(tmp_path / "out.png", (90, 70), side=32, on_tile=stop)
    assert not list(tmp_path.iterdir())
