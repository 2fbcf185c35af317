"""Algorithm 1 end to end: distance falls, the torus closes, hidden colours stay hidden, every size works."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from textures import clouds, noise, photograph
from torch import Tensor

import texot
from texot.evaluation import layout_share
from texot.images.patches import extract_patches
from texot.images.pyramid import downsample, gaussian_kernel
from texot.images.statistics import channel_moments
from texot.jobs.synthesis import iter_synthesis, synthesize
from texot.transport.measure import PatchMeasure
from texot.transport.solvers import solve

DRAFT = {"quality": "draft", "device": "cpu"}
QUICK = {**DRAFT, "n_iter": 4}
PRESETS = ["default", "paper"]


def step(preset: str, lr: float) -> dict[str, float]:
    """A step of Adam, where there is one."""
    return {"lr": lr} if preset == "paper" else {}


def distance(image: Tensor, exemplar: Tensor, patch_size: int = 4) -> float:
    """Transport between the patches of an image on the torus and those of an exemplar."""
    x = extract_patches(image, patch_size, stride=3, periodic=(True, True))
    generator = torch.Generator().manual_seed(0)
    measure = PatchMeasure.from_image(exemplar, patch_size, max_patches=500, generator=generator)
    return solve(x, measure, n_ascent=30).value


# ------------------------------------------------------------------------------ it converges


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pebbles", "grass_gray"])
def test_result_has_the_patches_of_the_exemplar(name: str) -> None:
    exemplar = photograph(48, 48, name)
    result = synthesize(exemplar, **DRAFT).image
    start = noise(len(exemplar), 48, 48)
    other = photograph(120, 120, name)[:, :48, :48]  # another part of the same picture
    assert distance(result, exemplar) < 0.25 * distance(start, exemplar)
    assert distance(result, exemplar) < 1.5 * distance(other, exemplar)
    for found, want in zip(channel_moments(result), channel_moments(exemplar), strict=True):
        assert torch.allclose(found, want, atol=0.03)
    assert float((result - exemplar).abs().mean()) > 0.01  # and it is another image


def test_colours_keep_their_mean_and_deviation_where_much_is_clipped() -> None:
    """A third of the pixels are black or white: what is cut off must not move the moments."""
    exemplar = (0.5 + 3 * (clouds(3, 48, 48, sigma=2) - 0.5)).clamp(0, 1)
    assert 0.2 < float(((exemplar == 0) | (exemplar == 1)).float().mean()) < 0.6
    found, want = (channel_moments(i) for i in (synthesize(exemplar, **DRAFT).image, exemplar))
    assert torch.allclose(found[0], want[0], rtol=0.02)
    assert torch.allclose(found[1], want[1], rtol=0.02)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("entropy", [None, 0.02])
def test_loss_falls(preset: str, entropy: float | None) -> None:
    exemplar = clouds(3, 24, 24)
    result = synthesize(
        exemplar,
        preset=preset,
        entropy=entropy,
        n_scales=1,
        n_iter=15,
        **step(preset, 0.05),
        init=noise(3, 24, 24),
        device="cpu",
    )
    losses = [record.loss for record in result.losses]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.75 * losses[0]
    assert distance(result.image, exemplar) < 0.5 * distance(noise(3, 24, 24), exemplar)


@pytest.mark.parametrize("preset", PRESETS)
def test_entropy_changes_the_result(preset: str) -> None:
    images = [
        synthesize(clouds(3, 16, 16), preset=preset, entropy=e, n_iter=3, quality="draft", device="cpu").image
        for e in (None, 0, 1e-30, 0.1, 1e6)
    ]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[3])
    assert all(bool(image.isfinite().all()) for image in images)


@pytest.mark.parametrize("preset", PRESETS)
def test_without_psi_steps_it_is_iterated_nearest_neighbours(preset: str) -> None:
    """psi = 0: the loss is the mean squared distance to nearest neighbours, so never negative, and falls."""
    exemplar = clouds(2, 24, 24)[:1]
    result = synthesize(
        exemplar,
        preset=preset,
        psi_steps=0,
        n_iter=12,
        n_scales=1,
        **step(preset, 0.05),
        init=noise(1, 24, 24),
        device="cpu",
    )
    losses = [record.loss for record in result.losses]
    assert min(losses) >= 0
    assert losses[-1] < 0.5 * losses[0]
    x = extract_patches(noise(1, 24, 24), 4, periodic=(True, True))
    nearest = torch.cdist(x, extract_patches(exemplar, 4)).amin(1).square().mean()
    if preset == "paper":  # whose patches are all there at every step
        assert losses[0] == pytest.approx(float(nearest), rel=1e-3)


# ------------------------------------------------------------------- the published algorithm


def published(
    exemplar: Tensor, image: Tensor, *, n_scales: int, n_outer: int, n_inner: int
) -> tuple[Tensor, list[float]]:
    """The algorithm as its authors wrote it: full matrices, autograd, wrapping after the last row."""

    def longer(u: Tensor, by: int) -> Tensor:
        u = torch.cat([u, u[:, :by]], 1)
        return torch.cat([u, u[:, :, :by]], 2)

    def scales(u: Tensor, periodic: bool) -> list[Tensor]:
        found = [u]
        kernel = gaussian_kernel().expand(len(u), 1, 4, 4)
        for _ in range(n_scales - 1):
            last = longer(found[-1], 3) if periodic else found[-1]
            found.append(F.conv2d(last[None], kernel, stride=2, groups=len(u))[0])
        return found

    def patches(u: Tensor, periodic: bool) -> Tensor:
        return F.unfold((longer(u, 3) if periodic else u)[None], 4)[0].T

    def dual(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
        matrix = (x**2).sum(1, keepdim=True) + (y**2).sum(1) - 2 * x @ y.T
        return (matrix - psi).min(1).values.mean() + psi.mean()

    targets = [patches(v, False) for v in scales(exemplar, False)]
    potentials = [torch.zeros(len(y)) for y in targets]
    image = image.clone().requires_grad_()
    adam, losses = torch.optim.Adam([image], lr=0.01), []
    for _ in range(n_outer):
        now = [u.detach() for u in scales(image, True)]
        for s, y in enumerate(targets):
            psi, steps = potentials[s], []
            for _ in range(n_inner):
                psi = psi.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(dual(patches(now[s], True), y, psi), psi)
                psi = psi.detach() + gradient
                steps.append(psi)
            potentials[s] = torch.stack(steps).mean(0)
        adam.zero_grad()
        loss = sum(
            (
                dual(patches(u, True), y, psi)
                for u, y, psi in zip(scales(image, True), targets, potentials, strict=True)
            ),
            torch.zeros(()),
        )
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        losses.append(float(loss.detach()))
    return image.detach(), losses


@pytest.mark.slow
def test_paper_preset_is_the_published_algorithm() -> None:
    exemplar, start = photograph(20, 22), noise(3, 16, 20)
    shift = (1, 1)  # where the published code starts its coarse grid
    image, losses = published(exemplar, start.roll(shift, (1, 2)), n_scales=2, n_outer=4, n_inner=10)
    result = synthesize(exemplar, (20, 16), preset="paper", init=start, n_scales=2, n_iter=4, device="cpu")
    assert [r.loss for r in result.losses] == pytest.approx(losses, rel=1e-4)
    difference = (result.image.roll(shift, (1, 2)) - image.clamp(0, 1)).abs()
    assert (
        float((difference < 1e-4).float().mean()) > 0.995
    )  # Adam's first steps are signs: a near zero may flip
    assert float(difference.max()) < 0.09
    assert float((result.image - start).abs().max()) > 0.03


def test_paper_preset_draws_at_most_2000_targets_and_starts_from_uniform_noise() -> None:
    exemplar = noise(1, 60, 60)
    states = list(
        iter_synthesis(exemplar, preset="paper", n_iter=1, n_scales=1, lr=1e-9, psi_steps=0, device="cpu")
    )
    image = states[-1].image
    assert float(image.min()) < 0.05
    assert float(image.max()) > 0.95
    assert float(image.std()) == pytest.approx(12**-0.5, rel=0.05)


# ------------------------------------------------------------------------------------ tiling


def seams(image: Tensor) -> dict[str, float]:
    """Mean step across each seam, as a multiple of the mean step between neighbours inside."""
    found = {}
    for name, axis in (("y", 1), ("x", 2)):
        steps = (image - image.roll(1, axis)).abs().mean((0, 3 - axis))
        found[name] = float(steps[0] / steps[1:].mean())
    return found


@pytest.mark.parametrize("tile", ["both", "x", "y", "none"])
def test_edges_continue_where_asked(tile: str) -> None:
    image = synthesize(clouds(3, 40, 40, sigma=2), (40, 36), tile=tile, **DRAFT).image
    for axis, step in seams(image).items():
        if tile in ("both", axis):
            assert step < 1.8, axis
        else:  # nobody asked: independent edges differ by several steps
            assert step > 2, axis


@pytest.mark.parametrize("tile", ["both", "y"])
def test_edges_continue_in_the_paper_preset_too(tile: str) -> None:
    options = {"n_iter": 30, "lr": 0.05, "n_scales": 2, "device": "cpu"}
    image = synthesize(clouds(3, 28, 28, sigma=2), (28, 24), preset="paper", tile=tile, **options).image
    assert seams(image)["y"] < 1.7
    assert tile == "y" or seams(image)["x"] < 1.7


def test_rolling_a_result_that_tiles_leaves_its_patch_statistics() -> None:
    """Seen as an ordinary picture, cut anywhere."""
    exemplar = clouds(3, 48, 48)
    image = synthesize(exemplar, **DRAFT).image
    y = PatchMeasure.from_image(exemplar, 4, max_patches=500, generator=torch.Generator().manual_seed(0))

    def cut(shift: int) -> float:
        return solve(extract_patches(image.roll((shift, shift), (1, 2)), 4, stride=3), y, n_ascent=20).value

    here = cut(0)
    assert all(cut(shift) == pytest.approx(here, rel=0.15) for shift in (2, 24, 46))


# ------------------------------------------------------------------------------ sizes, kinds


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("tile", ["both", "x", "none"])
@pytest.mark.parametrize(
    ("exemplar", "size"),
    [
        ((6, 6), (5, 7)),
        ((16, 16), (17, 31)),
        ((13, 29), (23, 11)),
        ((16, 16), (64, 6)),
        ((16, 16), (1, 9)),
        ((1, 24), (10, 6)),
        ((24, 1), (10, 6)),
        ((1, 1), (3, 2)),
        ((4, 4), (1, 1)),
        ((33, 35), (40, 37)),
    ],
    ids=str,
)
def test_every_size(exemplar: tuple[int, int], size: tuple[int, int], tile: str, preset: str) -> None:
    result = synthesize(
        clouds(3, *exemplar, sigma=0.5),
        size,
        preset=preset,
        tile=tile,
        quality="draft",
        n_iter=2,
        device="cpu",
    )
    assert result.image.shape == (3, size[1], size[0])
    assert bool(result.image.isfinite().all())
    assert 0 <= float(result.image.min()) <= float(result.image.max()) <= 1


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (40, 40)], ids=str)
def test_constant_exemplar_gives_its_colour(size: tuple[int, int], preset: str) -> None:
    colour = torch.tensor([0.2, 0.5, 0.8]).view(3, 1, 1)
    result = synthesize(
        colour.expand(3, *size),
        (9, 12),
        preset=preset,
        quality="draft",
        device="cpu",
        n_iter=60,
        **step(preset, 0.05),
    )
    assert torch.allclose(result.image, colour.expand(3, 12, 9), atol=0.01 if preset == "default" else 0.1)


def test_grey_in_grey_out() -> None:
    grey = (clouds(1, 20, 20)[0] * 255).byte().numpy()
    result = synthesize(Image.fromarray(grey), **QUICK)
    assert result.image.shape == (1, 20, 20)
    assert result.mode == "L"
    assert result.to_pil().mode == "L"
    assert result.to_numpy().shape == (20, 20)


def test_sixteen_bits_in_sixteen_bits_out() -> None:
    values = (30000 + 200 * clouds(1, 20, 20)[0].numpy()).astype(np.uint16)  # one grey, in 8 bits
    result = synthesize(Image.fromarray(values), **QUICK)
    assert result.mode == "I;16"
    picture = np.asarray(result.to_pil())
    assert picture.dtype == np.uint16
    assert len(np.unique(picture)) > 20
    assert np.abs(picture.astype(int) - 30100).max() < 400


def test_a_stack_of_maps() -> None:
    result = synthesize(clouds(6, 20, 20), **QUICK)
    assert result.image.shape == (6, 20, 20)
    assert result.mode == "multi"
    assert result.to_numpy().shape == (20, 20, 6)


def masked(hidden: tuple[int, int, int]) -> np.ndarray:
    """A grey texture in RGBA, with a transparent frame and scattered holes that hide a colour."""
    grey = (clouds(1, 40, 44, sigma=1)[0] * 200 + 20).byte()
    image = torch.stack([grey, grey, grey, torch.full_like(grey, 255)], -1)
    holes = noise(1, 40, 44, seed=3)[0] > 0.99
    holes[:5] = holes[:, 38:] = True
    holes[20:27, 10:16] = True
    image[holes] = torch.tensor([*hidden, 0], dtype=torch.uint8)
    return image.numpy()


@pytest.mark.parametrize("n_scales", [None, 1])
@pytest.mark.parametrize("preset", PRESETS)
def test_colours_under_transparency_never_appear(preset: str, n_scales: int | None) -> None:
    images = [
        synthesize(
            masked(hidden), preset=preset, n_scales=n_scales, quality="draft", device="cpu", n_iter=5
        ).image
        for hidden in ((255, 0, 255), (0, 255, 0))
    ]
    assert torch.equal(*images)  # what is hidden makes no difference at all


def test_transparent_exemplar_gives_an_opaque_result_of_its_visible_colours() -> None:
    result = synthesize(masked((255, 0, 255)), **DRAFT)
    assert result.mode == "RGB"
    red, green, blue = result.image
    assert float((red - green).abs().max()) < 0.3  # magenta would be 1
    assert float((blue - green).abs().max()) < 0.3
    assert distance(result.image[:1], clouds(1, 40, 44, sigma=1) * 200 / 255 + 20 / 255) < 0.2


# ----------------------------------------------------------------------------------- options


@pytest.mark.parametrize("preset", PRESETS)
def test_start_image_is_kept_by_tiny_steps(preset: str) -> None:
    exemplar, start = clouds(3, 32, 32), clouds(3, 24, 30, seed=8, sigma=3)
    result = synthesize(
        exemplar,
        (30, 24),
        preset=preset,
        init=start,
        n_iter=1,
        **step(preset, 1e-6),
        n_scales=2,
        quality="draft",
        device="cpu",
    )
    found, want = (downsample(i) for i in (result.image, start))
    if preset == "paper":
        assert torch.allclose(result.image, start, atol=1e-4)
    else:  # contrast and mean are the exemplar's
        together = torch.corrcoef(torch.stack([found.flatten(), want.flatten()]))[0, 1]
        assert float(together) > 0.7
    fresh = synthesize(
        exemplar,
        (30, 24),
        preset=preset,
        n_iter=1,
        **step(preset, 1e-6),
        n_scales=2,
        quality="draft",
        device="cpu",
    )
    apart = torch.corrcoef(torch.stack([downsample(fresh.image).flatten(), want.flatten()]))[0, 1]
    assert float(apart) < 0.5


def test_start_image_of_another_size_and_kind() -> None:
    exemplar = clouds(3, 24, 24)
    for start in (clouds(1, 50, 60), clouds(3, 7, 5), Image.new("L", (9, 9), 100), masked((0, 0, 0))):
        assert synthesize(exemplar, (20, 28), init=start, **QUICK).image.shape == (3, 28, 20)
    assert synthesize(exemplar[:1], init=clouds(3, 24, 24), **QUICK).mode == "L"
    with pytest.raises(texot.InputError, match="init has 5 channels, the exemplar 3"):
        synthesize(exemplar, init=clouds(5, 24, 24), **QUICK)


@pytest.mark.parametrize("preset", PRESETS)
def test_options_for_those_who_know_reach_the_loop(preset: str) -> None:
    states = list(
        iter_synthesis(
            clouds(3, 40, 40),
            preset=preset,
            n_scales=2,
            patch_size=5,
            n_iter=3,
            **step(preset, 1e-7),
            device="cpu",
            quality="draft",
        )
    )
    assert {state.n_scales for state in states} == {2}
    assert {state.stage_steps for state in states} == {3}
    assert len(states) == states[0].total_steps == (3 if preset == "paper" else 6)
    settings = states[-1].result().settings
    assert (settings["n_scales"], settings["patch_size"], settings["n_iter"]) == (2, 5, 3)
    if preset == "paper":  # nothing else moves its image
        assert torch.allclose(states[0].image, states[-1].image, atol=1e-5)
        moved = list(
            iter_synthesis(clouds(3, 40, 40), preset=preset, n_scales=2, n_iter=3, lr=0.1, device="cpu")
        )
        assert float((moved[0].image - moved[-1].image).abs().max()) > 0.05


def test_patch_size_shapes_the_loss() -> None:
    """Nearest 1x1 patches cost next to nothing, nearest 6x6 patches of noise much more."""
    losses = [
        synthesize(
            clouds(3, 24, 24), patch_size=s, n_scales=1, n_iter=1, psi_steps=0, quality="draft", device="cpu"
        )
        .losses[0]
        .loss
        for s in (1, 3, 6)
    ]
    assert losses[0] < 0.1 * losses[1] < 0.1 * losses[2]


# ----------------------------------------------------------------------------------- novelty


@pytest.mark.slow
def test_novelty_leaves_or_keeps_the_layout() -> None:
    exemplar = photograph(128, 128, "gravel")
    shares = [
        layout_share(synthesize(exemplar, novelty=x, **DRAFT).image, exemplar) for x in (0, 0.5, None, 1)
    ]
    assert shares[0] > 0.8
    assert shares[1] == shares[2] < 0.4
    assert shares[3] < 0.4


def test_two_seeds_are_no_shifts_of_each_other() -> None:
    exemplar = photograph(128, 128, "gravel")
    one, other = (synthesize(exemplar, seed=seed, **DRAFT).image for seed in (0, 1))
    assert layout_share(one, other) < 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"novelty": 1.5}, "novelty must be a number from 0"),
        ({"novelty": "much"}, "novelty must be a number from 0"),
        ({"novelty": 0.5, "preset": "paper"}, "no novelty"),
        ({"novelty": 0.5, "init": clouds(3, 40, 40)}, "give one of the two"),
    ],
)
def test_novelty_that_makes_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(texot.InputError, match=message):
        synthesize(clouds(3, 40, 40), **options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"features": "efficientnet-lite0", "n_iter": 4}], ids=["", "Adam"])
def test_a_run_stopped_near_its_end_has_the_last_step_too(options: dict[str, Any]) -> None:
    """At the finest scale; whatever the run did since, it is the same."""
    states = []
    for state in iter_synthesis(photograph(64, 64, "pebbles"), "64x64", **{**DRAFT, **options}):
        states.append((state, state.result().image if state.scale == 0 else None))
    (state, at_once), last = states[-2], states[-1][0].result().image
    assert at_once is not None
    stopped = state.result().image
    assert torch.equal(stopped, at_once)
    assert torch.equal(states[-1][0].image, last)
    assert float((stopped - last).square().mean()) < 0.7 * float((state.image - last).square().mean())


def test_memory_of_deep_features_and_of_all_pairs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplar, pages = clouds(3, 128, 128), {"SC_PHYS_PAGES": 140_000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", lambda name: pages[name])
    monkeypatch.setattr("texot.memory._group_limits", lambda root: [])
    iter_synthesis(exemplar, "512x512")
    for options in ({"features": "squeezenet"}, {"backend": "reference"}):
        with pytest.raises(texot.InputError, match="GiB of memory"):
            iter_synthesis(exemplar, "512x512", **options)


def test_a_control_group_limits_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("texot.memory._group_limits", lambda root: [500_000_000])
    iter_synthesis(clouds(3, 32, 32), "256x256")
    with pytest.raises(texot.InputError, match="smaller size"):
        iter_synthesis(clouds(3, 32, 32), "1536x1536")
