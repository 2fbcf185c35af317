"""Laws that hold for every job: any content, any small size, any default type of the caller."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textures import clouds, noise
from torch import Tensor

import texot
from texot.errors import InputError
from texot.evaluation.evaluator import Evaluator

QUICK = {"quality": "draft", "n_iter": 1}


def hole_of(image: Tensor) -> Tensor:
    height, width = image.shape[1:]
    hole = torch.zeros(height, width)
    hole[height // 3 : height // 3 + max(1, height // 4), width // 3 : width // 3 + max(1, width // 4)] = 1
    return hole


JOBS: dict[str, Callable[[Tensor], Tensor]] = {
    "synthesize": lambda image: texot.synthesize(image, **QUICK).image,
    "twice, open": lambda image: texot.synthesize(image, "2x", tile="none", **QUICK).image,
    "squeezenet": lambda image: texot.synthesize(image, features="squeezenet", **QUICK).image,
    "efficientnet": lambda image: texot.synthesize(image, features="efficientnet-lite0", **QUICK).image,
    "inpaint": lambda image: texot.inpaint(image, hole_of(image), **QUICK).image,
    "tile": lambda image: texot.make_tileable(image, **QUICK).image,
    "tile, potentials": lambda image: texot.make_tileable(image, psi_steps=2, **QUICK).image,
    "flatten": lambda image: texot.make_tileable(image, flatten=True, **QUICK).image,
    "variation": lambda image: texot.make_variation(image, **QUICK).image,
    "interpolate": lambda image: texot.interpolate([image, 1 - image], **QUICK).image,
}


def frame(height: int, width: int) -> Tensor:
    """An object on white."""
    image = noise(3, height, width)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    inside = (rows >= height // 4) & (rows < height - height // 4)
    inside = inside & (columns >= width // 4) & (columns < width - width // 4)
    return torch.where(inside, image, 1.0)


CONTENTS: dict[str, Callable[[int, int], Tensor]] = {
    "one colour": lambda h, w: torch.tensor([0.2, 0.5, 0.7])[:, None, None].expand(3, h, w),
    "black": lambda h, w: torch.zeros(3, h, w),
    "white": lambda h, w: torch.ones(1, h, w),
    "half flat": lambda h, w: torch.where(torch.arange(w) < w / 2, 0.5, noise(3, h, w)),
    "flat border": frame,
    "gradient": lambda h, w: (torch.arange(w) / max(1, w - 1)).expand(1, h, w),
    "checkerboard": lambda h, w: ((torch.arange(h)[:, None] + torch.arange(w)) % 2).float()[None],
}
side = st.integers(1, 20)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(job=st.sampled_from(sorted(JOBS)), content=st.sampled_from(sorted(CONTENTS)), height=side, width=side)
@example(job="tile", content="one colour", height=16, width=33)
@example(job="tile, potentials", content="one colour", height=16, width=33)
@example(job="variation", content="white", height=16, width=33)
@example(job="inpaint", content="flat border", height=9, width=19)
@example(job="synthesize", content="checkerboard", height=17, width=35)
@example(job="squeezenet", content="black", height=4, width=4)
@example(job="squeezenet", content="half flat", height=4, width=9)
@example(job="squeezenet", content="gradient", height=8, width=8)
@example(job="efficientnet", content="black", height=16, width=16)
def test_no_job_fails_on_plain_or_small_images(job: str, content: str, height: int, width: int) -> None:
    image = CONTENTS[content](height, width)
    try:
        found = JOBS[job](image)
    except InputError:  # too small for the job, said in one line
        assert min(height, width) < 16
        return
    assert bool(torch.isfinite(found).all())
    flat = image[:, :1, :1]
    if job != "interpolate" and torch.equal(image, flat.expand_as(image)):
        assert float((found - flat).abs().max()) < 1 / 255


@pytest.mark.slow
def test_the_default_type_of_the_caller_plays_no_part() -> None:
    image, other = clouds(3, 40, 44), clouds(3, 40, 44, seed=1)
    jobs = {name: partial(job, image) for name, job in JOBS.items()}
    jobs["evaluate"] = lambda: torch.tensor(
        [v for v in Evaluator(image, n_samples=200).measure(other).figures.values() if isinstance(v, float)],
        dtype=torch.float64,
    )
    for name, job in jobs.items():
        want = job()
        assert len(want) > 0
        for dtype in (torch.bfloat16, torch.float64):
            torch.set_default_dtype(dtype)
            try:
                found = job()
            finally:
                torch.set_default_dtype(torch.float32)
            assert torch.equal(found.to(want), want), (name, dtype)
