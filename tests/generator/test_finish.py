"""The finish of samples: windows agree however they are cut, and patches are those of the exemplar."""

from dataclasses import replace

import pytest
import torch
from textures import clouds
from torch import Tensor

from texot.errors import InputError
from texot.evaluation import patch_distance
from texot.files.exemplar import Exemplar
from texot.generator import finish_plane
from texot.generator.finish import Finish
from texot.generator.finish_file import PREFIX, pack_finish, unpack_finish
from texot.generator.finish_plane import Corner, FinishedPlane, Periods, measured_finish, start_of
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator

SIDE = 40


@pytest.fixture(scope="module")
def exemplar() -> Tensor:
    return clouds(3, SIDE, SIDE)


@pytest.fixture(scope="module")
def generator(exemplar: Tensor) -> Generator:
    """Of an untrained network: any coarse image must do."""
    network = TextureNetwork(Architecture(3), torch.Generator().manual_seed(2)).requires_grad_(False)
    network.contrast.mul_(0.1)
    finish = measured_finish(network, Exemplar(exemplar))
    return Generator(network, {"mode": "RGB", "exemplar_size": [SIDE, SIDE]}, finish=finish)


@pytest.fixture(scope="module")
def short(generator: Generator) -> Generator:
    """The same with fewer steps, which need smaller margins."""
    assert generator.finish is not None
    levels = tuple(
        replace(level, steps=level.steps[:n])
        for level, n in zip(generator.finish.levels, (2, 4), strict=True)
    )
    finish = replace(generator.finish, levels=levels)
    return Generator(generator.network, generator.facts, finish=finish)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks in a small image."""
    monkeypatch.setattr(finish_plane, "BLOCKS", (32, 64))
    monkeypatch.setattr(finish_plane, "WHOLE", 0)


@pytest.mark.usefixtures("small_blocks")
def test_windows_do_not_depend_on_where_they_are_cut(short: Generator) -> None:
    """By bytes, across blocks and at negative positions."""
    left = short.sample((90, 70), at=(-20, 3), tile="none").image
    right = short.sample((60, 40), at=(15, 13), tile="none").image
    assert torch.equal(left[:, 10:50, 35:], right[:, :, :55])


@pytest.mark.parametrize("steps", ["few", pytest.param("all", marks=pytest.mark.slow)])
def test_blocks_are_the_torus(
    short: Generator, generator: Generator, steps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks with margins give the pixels of a torus that is finished as a whole."""
    made = short if steps == "few" else generator
    whole = made.sample((96, 80), seed=3).image
    monkeypatch.setattr(finish_plane, "BLOCKS", (32, 32))
    monkeypatch.setattr(finish_plane, "WHOLE", 0)
    torch.testing.assert_close(made.sample((96, 80), seed=3).image, whole, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [(96, 64), (101, 77)])
def test_a_finished_torus_wraps(generator: Generator, size: tuple[int, int]) -> None:
    width, height = size
    one = generator.sample(size, seed=1).image
    moved = generator.sample(size, seed=1, at=(width // 2, height // 3)).image
    assert torch.equal(one.roll((-(height // 3), -(width // 2)), (1, 2)), moved)


@pytest.mark.usefixtures("small_blocks")
def test_one_axis_wraps(short: Generator) -> None:
    found = short.sample((64, 50), seed=1, tile="x").image
    moved = short.sample((64, 50), seed=1, tile="x", at=(24, 0)).image
    assert torch.equal(found.roll(-24, 2), moved)


def test_tiles_rows_and_workers_agree(short: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish_plane, "BLOCKS", (32, 64))
    whole = short.sample((90, 40), seed=3, tile="none").image
    rows = list(short.rows((90, 40), seed=3, tile="none", workers=3))
    assert [row.shape[1:] for row in rows] == [(32, 90), (8, 90)]
    assert torch.equal(torch.cat(rows, 1), whole)


def test_patches_are_the_exemplars(generator: Generator, exemplar: Tensor) -> None:
    raw, made = (generator.sample(96, finish=finish).image for finish in ("none", "patches"))
    distance = [patch_distance(image, exemplar, periodic=(True, True)) for image in (raw, made)]
    assert distance[1] < 0.5 * distance[0]
    torch.testing.assert_close(made.mean((1, 2)), exemplar.mean((1, 2)), atol=0.05, rtol=0)
    assert generator.settings((9, 9))["finish"] == "patches"
    assert generator.settings((9, 9), finish="none")["finish"] == "none"


def test_unknown_pixels_do_not_appear(generator: Generator, exemplar: Tensor) -> None:
    known = torch.ones(SIDE, SIDE, dtype=torch.bool)
    known[:, 30:] = False
    marked = torch.where(known, exemplar, 2.0)
    finish = measured_finish(generator.network, Exemplar(marked, known))
    network = generator.network.sample

    def sample(
        scale: int, at: tuple[int, int], size: tuple[int, int], periods: finish_plane.Periods
    ) -> Tensor:
        return network(0, at, size, scale=scale, periods=periods)

    plane = FinishedPlane(finish, sample, 4, (64, 64))
    image = (plane.part((0, 0), (64, 64)) - finish.shift) / finish.gain
    assert float(image.max()) <= float(exemplar[:, :, :30].max()) + 1e-5


def test_sides_that_blocks_cannot_tile(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish_plane, "MOST_WHOLE", 50 * 50)
    for size, tile in (((65, 64), "both"), ((33, 32), "x")):
        with pytest.raises(InputError, match=r"multiples of [248] px"):
            generator.sample(size, tile=tile)
    assert generator.sample((33, 31), tile="both").image.shape == (3, 31, 33)
    assert generator.sample((65, 32), tile="x", finish="none").image.shape == (3, 32, 65)


def test_a_model_without_exemplar(generator: Generator) -> None:
    bare = Generator(generator.network, generator.facts)
    assert torch.equal(bare.sample(48).image, generator.sample(48, finish="none").image)
    with pytest.raises(InputError, match="has kept no exemplar"):
        bare.sample(48, finish="patches")
    with pytest.raises(InputError, match="finish"):
        generator.sample(48, finish="all")


@pytest.mark.parametrize("dtype", ["bytes", "floats"])
def test_a_stored_finish_makes_the_same_bytes(generator: Generator, dtype: str) -> None:
    finish = generator.finish
    assert finish is not None
    if dtype == "bytes":
        finish = Finish((finish.exemplar * 255).round() / 255, None, finish.levels, finish.gain, finish.shift)
    tensors, facts = pack_finish(finish)
    assert tensors[PREFIX + "exemplar"].dtype == (torch.uint8 if dtype == "bytes" else torch.float32)
    again = unpack_finish(tensors, facts, 3)
    assert torch.equal(again.exemplar, finish.exemplar)
    if dtype == "floats":
        other = Generator(generator.network, generator.facts, finish=again)
        assert torch.equal(other.sample(48).image, generator.sample(48).image)


def test_damaged_finishes(generator: Generator) -> None:
    assert generator.finish is not None
    tensors, facts = pack_finish(generator.finish)
    psi = tensors[PREFIX + "psi.0"]
    damages: list[dict[str, Tensor | None]] = [
        {"psi.0": psi[:, :-1]},
        {"psi.0": psi[:-1]},
        {"psi.1": None},
        {"exemplar": torch.rand(3, 600, 40)},
        {"exemplar": torch.rand(1, 40, 40)},
        {"gain": torch.full((3,), torch.nan)},
        {"gain": torch.ones(2)},
        {"known": torch.ones(4, 4, dtype=torch.uint8)},
        {"other": torch.ones(1)},
        {"known": torch.zeros(SIDE, SIDE, dtype=torch.uint8)},
    ]
    for damage in damages:
        changed = {**tensors, **{PREFIX + name: value for name, value in damage.items()}}
        with pytest.raises(InputError):
            unpack_finish({name: t for name, t in changed.items() if t is not None}, facts, 3)
    for wrong in (None, {}, {"patch_size": 7}, {**facts, "patch_size": 99}, {**facts, "levels": []}):
        with pytest.raises(InputError):
            unpack_finish(tensors, wrong, 3)
    first = facts["levels"][0]
    for level in ({**first, "stride": 9}, {**first, "costs": []}, {**first, "all_pairs": 3}, 7):
        with pytest.raises(InputError):
            unpack_finish(tensors, {**facts, "levels": [level, *facts["levels"][1:]]}, 3)


def test_a_start_coarser_than_the_network(generator: Generator) -> None:
    """It is the mean of the coarsest sample's pixels."""

    def ramp(scale: int, at: Corner, size: Corner, periods: Periods) -> Tensor:
        assert (scale, periods) == (1, (64, None))
        return (torch.arange(size[1]) + at[1]).expand(1, *size) / 100.0

    found = start_of(ramp, 2, 3, (0, 2), (4, 5), (16, None))
    expected = (4 * (torch.arange(5.0) + 2) + 1.5 - 1) / 100  # less the shift of the network's coarse pixels
    torch.testing.assert_close(found, expected.expand(1, 4, 5))


def test_potentials_spread_the_use_of_the_exemplar(generator: Generator, exemplar: Tensor) -> None:
    """Of a flat sample, patches take all of the exemplar with the measured potentials, and a part without."""
    finish = generator.finish
    assert finish is not None
    level = finish.levels[-1]
    image = generator.network.sample(5, (0, 0), (24, 24), scale=1, periods=(24, 24)).clamp(0, 1)
    grid = level.grid((24, 24), (True, True))

    def used(with_potentials: bool) -> int:
        steps = level.steps if with_potentials else tuple(replace(s, psi=0 * s.psi) for s in level.steps)
        return len(replace(level, steps=steps).run(grid, image, None, last=False)[0].unique())

    assert used(True) > 1.3 * used(False)
