"""Generators under modes and defaults of their caller: the same bytes, and no global state changes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from textures import clouds

from texot.experimental.objectives import find_objective
from texot.experimental.picture import show
from texot.generator.checkpoint import load_checkpoint, save_checkpoint
from texot.generator.sampling import Generator
from texot.generator.trainer import Trainer

pytestmark = pytest.mark.usefixtures("small_torus")
TINY: dict[str, Any] = {"steps": 4, "n_scales": 2, "backend": "tiled", "device": "cpu"}
KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "default": (1, {"features": "none"}),
    "deep": (1, {"features": "efficientnet-lite0", "n_scales": 1, "feature_transport": "both"}),
    "published": (1, {"preset": "paper"}),
    "between": (2, {"features": "none"}),
    "critics": (1, {"objective": find_objective("wgan-gp")}),
    "map": (2, {"objective": find_objective("neural-ot")}),
}


@contextmanager
def default(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": lambda: default(torch.float64),
    "float16": lambda: default(torch.float16),
    "bfloat16": lambda: default(torch.bfloat16),
    "meta": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu"),
    "inference": torch.inference_mode,
    "no_grad": torch.no_grad,
}


def job(kind: str, folder: Path, mode: Callable[[], AbstractContextManager[Any]]) -> tuple[bytes, Any]:
    """Train half, write a checkpoint, resume, save, load, sample: the model's bytes and the sample."""
    count, options = KINDS[kind]
    textures = [clouds(3, 32, 32), clouds(3, 34, 32, seed=5)][:count]
    options = {**TINY, **options}
    with mode():
        given = textures if count > 1 else textures[0]
        for state in (first := Trainer(given, **options)):
            if state.total_step == 2:
                break
        save_checkpoint(first.checkpoint(), folder / "c")
        trainer = Trainer(given, resume=load_checkpoint(folder / "c"), **options)
        for _ in trainer:
            pass
        trainer.generator().save(folder / "m.safetensors")
        loaded = Generator.load(folder / "m.safetensors")
        if kind == "map":
            show(loaded.network, textures[0])
        more = {"weight_map": "horizontal"} if kind == "between" else {}
        image = loaded.sample((40, 24), seed=3, **more).image
    return (folder / "m.safetensors").read_bytes(), image


@pytest.fixture(scope="module", params=KINDS)
def usual(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A kind of generator, and what it is like under no mode."""
    return request.param, *job(request.param, tmp_path_factory.mktemp("usual"), nullcontext)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_modes_change_nothing(usual: Any, tmp_path: Path, mode: str) -> None:
    kind, model, image = usual
    found, sample = job(kind, tmp_path, MODES[mode])
    assert found == model
    assert (sample.dtype, sample.device.type) == (torch.float32, "cpu")
    assert torch.equal(sample, image)


@pytest.mark.slow
def test_nothing_global_moves(usual: Any, tmp_path: Path) -> None:
    kind, _, _ = usual
    before = torch.get_rng_state()
    job(kind, tmp_path, nullcontext)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == torch.float32
    assert torch.empty(0).device.type == "cpu"
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled()


def test_torch_own_generator_decides_nothing(tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = job("default", tmp_path, nullcontext)[0]
    torch.manual_seed(2)
    assert job("default", tmp_path, nullcontext)[0] == one
