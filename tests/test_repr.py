"""What a console shows of public results: what they are, in one short line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from textures import clouds

import texot
from texot.files.exemplar import read_exemplar
from texot.files.field import read_field, write_field
from texot.files.original import read_original

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 1, "seed": 2**63 - 1, "device": "cpu"}


def is_short(value: object) -> bool:
    shown = repr(value)
    return len(shown) < 200 and shown.startswith(type(value).__name__ + "(") and "\n" not in shown


@pytest.mark.parametrize("job", ["synthesize", "inpaint", "interpolate", "make_tileable", "make_variation"])
def test_results(job: str) -> None:
    image, hole, states = clouds(3, 40, 48), torch.zeros(40, 48), []
    hole[10:20, 10:20] = 1
    given: dict[str, Any] = {"inpaint": (image, hole), "interpolate": ([image, clouds(1, 40, 48)],)}
    result = getattr(texot, job)(*given.get(job, (image,)), callback=states.append, **QUICK)
    assert all(map(is_short, [result, states[0], result.losses[0]]))
    assert f"48x40 RGB, job '{result.settings.get('job', 'synthesize')}', seed 9223372036854775807" in repr(
        result
    )
    assert f"loss {result.losses[-1].loss:.4g}" in repr(result)
    assert f"step 1 of {states[0].total_steps}, loss" in repr(states[0])


def test_models_and_their_samples(tmp_path: Path) -> None:
    generator = texot.train(clouds(3, 32, 32), steps=1, n_scales=1, features="none", device="cpu")
    sample = generator.sample(16)
    assert all(map(is_short, [generator, sample]))
    assert "[32, 32] 'RGB', seed 0" in repr(generator)
    assert "16x16 RGB, job 'sample'" in repr(sample)


def test_what_is_read(tmp_path: Path) -> None:
    image = torch.cat([clouds(3, 40, 48), torch.ones(1, 40, 48)])
    image[3, :10] = 0
    write_field(torch.zeros(8, 9, 2), (48, 40), tmp_path / "a.npz")
    read = [read_exemplar(image), read_original(image), read_field(tmp_path / "a.npz")]
    assert all(map(is_short, read))
    assert all("48x40" in repr(value) for value in read)
