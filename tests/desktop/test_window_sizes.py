"""Sizes as users write them, drafts of large images, and the expected time."""

import math

import pytest

from texot.desktop.requests import JobRequest
from texot.desktop.settings import SynthesisSettings
from texot.desktop.sizes import DRAFT_PIXELS, PRESETS, Estimates, reduced_draft, result_size, size_word
from texot.files.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *(("512", "512x512"), ("1K", "1024x1024"), (" 2k ", "2048x2048"), ("2x", "2x")),
        *(("64x48", "64x48"), ("", None), ("  ", None), ("nonsense", "nonsense")),
    ],
)
def test_size_words(text: str, word: str | None) -> None:
    assert size_word(text) == word


@pytest.mark.parametrize("text", [*PRESETS, "1.5x", "64x48", "0.5x"])
def test_sizes_are_those_of_the_library(text: str) -> None:
    word = size_word(text)
    assert result_size(word, (300, 201)) == pytest.approx(parse_size(word, (300, 201)), abs=1)


def test_what_is_no_size_has_none() -> None:
    for text in ("nonsense", "..x", "x", "1e5"):
        assert result_size(text, (3, 2)) is None


def request(quality: str = "draft", size: str | None = None) -> JobRequest:
    return SynthesisSettings("/a.png", size=size, quality=quality).requests()[0]


@pytest.mark.parametrize("size", [None, "2x", "4096x2048"])
def test_a_draft_of_a_large_image_is_reduced_with_its_exemplar(size: str | None) -> None:
    image = (4000, 3000)
    full = result_size(size, image)
    assert full is not None
    arguments = reduced_draft(request(size=size), {"/a.png": image}).arguments
    width, height = map(int, arguments["size"].split("x"))
    assert 0.98 * DRAFT_PIXELS < width * height <= DRAFT_PIXELS
    assert width / height == pytest.approx(full[0] / full[1], rel=0.01)
    shrunk = arguments["exemplar_size"] ** 2 / math.prod(image)
    assert shrunk == pytest.approx(width * height / math.prod(full), rel=0.01), "by the same factor"


def test_other_jobs_keep_their_size() -> None:
    assert reduced_draft(request("normal"), {"/a.png": (4000, 3000)}) == request("normal")
    assert reduced_draft(request(), {"/a.png": (1000, 1000)}) == request()
    assert reduced_draft(request(size="4K"), {}) == request(size="4K"), "no image is open"


def test_the_next_job_takes_as_long_as_the_last_one() -> None:
    estimates = Estimates()
    first = estimates.seconds(request("high"), (1000, 1000))
    assert first is not None
    assert first > 0
    estimates.learn(request("high"), (500, 500), 30)
    assert estimates.seconds(request("high"), (1000, 1000)) == pytest.approx(120)
    assert estimates.seconds(request("high", "2x"), (1000, 1000)) == pytest.approx(480)
    assert estimates.seconds(request("high", "nonsense"), (1000, 1000)) is None
    assert estimates.seconds(JobRequest("inpaint", {"image": "/a.png"}), (1000, 1000)) is None
