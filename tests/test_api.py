"""The library as others call it: sources, states, callbacks, threads, modes, errors, nothing left behind."""

import contextlib
import dataclasses
import itertools
import json
import logging
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from textures import clouds
from torch import Tensor

import texot
from texot import DeviceError, InputError, State, Synthesis, iter_synthesis, synthesize
from texot._version import ALGORITHM
from texot.files.decode import read_png_text
from texot.files.exemplar import Exemplar, read_exemplar

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 3, "device": "cpu"}


@pytest.fixture
def exemplar() -> Tensor:
    return (clouds(3, 30, 34) * 255).round() / 255


@pytest.fixture
def result(exemplar: Tensor) -> Synthesis:
    return synthesize(exemplar, **QUICK)


# ------------------------------------------------------------------------------- determinism


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_same_seed_same_bytes_other_seed_another_image(exemplar: Tensor, preset: str) -> None:
    options = {**QUICK, "preset": preset}
    images = [synthesize(exemplar, seed=seed, **options).image for seed in (0, 0, 1, 2**63 - 1)]
    assert images[0].numpy().tobytes() == images[1].numpy().tobytes()
    assert torch.equal(synthesize(exemplar, **options).image, images[0])  # 0 is the default
    for other in images[2:]:
        assert float((other - images[0]).abs().mean()) > 0.01


def test_global_seeds_make_no_difference(exemplar: Tensor, result: Synthesis) -> None:
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    assert torch.equal(synthesize(exemplar, **QUICK).image, result.image)


def test_a_run_does_not_disturb_another(exemplar: Tensor, result: Synthesis) -> None:
    """Two iterators, step and step about."""
    pairs = list(
        zip(iter_synthesis(exemplar, **QUICK), iter_synthesis(exemplar, seed=1, **QUICK), strict=True)
    )
    assert torch.equal(pairs[-1][0].image, result.image)
    assert torch.equal(pairs[-1][1].image, synthesize(exemplar, seed=1, **QUICK).image)


def test_threads_at_once_find_what_each_finds_alone(exemplar: Tensor) -> None:
    alone = [synthesize(exemplar, seed=seed, **QUICK).image for seed in range(4)]
    found: dict[int, Tensor] = {}
    barrier = threading.Barrier(4)

    def work(seed: int) -> None:
        barrier.wait(30)
        found[seed] = synthesize(exemplar, seed=seed, **QUICK).image

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for seed, image in enumerate(alone):
        assert torch.equal(found[seed], image)


def test_settings_make_the_image_again(exemplar: Tensor) -> None:
    first = synthesize(exemplar, (21, 17), tile="x", seed=5, entropy=0.05, psi_steps=2, **QUICK)
    settings = json.loads(json.dumps(first.settings))
    assert settings.pop("texot") == texot.__version__
    assert settings.pop("algorithm") == ALGORITHM
    assert settings.pop("exemplar_sha256") == read_exemplar(exemplar).sha256
    assert settings.pop("init_sha256") is None
    assert settings.pop("torch") == str(torch.__version__)
    assert settings.pop("threads") == torch.get_num_threads()
    assert settings.pop("loss") == first.losses[-1].loss
    again = synthesize(exemplar, **settings)
    assert torch.equal(again.image, first.image)
    assert again.settings == first.settings
    assert again.losses == first.losses


# ----------------------------------------------------------------------------------- sources


def test_every_kind_of_source_gives_the_same_image(
    exemplar: Tensor, result: Synthesis, tmp_path: Path
) -> None:
    bytes_ = (exemplar * 255).round().to(torch.uint8)
    array = bytes_.permute(1, 2, 0).numpy()
    path = tmp_path / "exemplar.png"
    Image.fromarray(array).save(path)
    sources = {
        "path": path,
        "str": str(path),
        "PIL": Image.fromarray(array),
        "uint8 array": array,
        "uint16 array": array.astype(np.uint16) * 257,
        "float array": array / 255,
        "uint8 tensor": bytes_,
        "float64 tensor": exemplar.double(),
        "tensor with gradient": exemplar.clone().requires_grad_(),
        "Exemplar": read_exemplar(exemplar),
    }
    for name, source in sources.items():
        assert torch.equal(synthesize(source, **QUICK).image, result.image), name


def test_sources_are_left_as_they_are(exemplar: Tensor) -> None:
    array = exemplar.permute(1, 2, 0).numpy().copy()
    before_tensor, before_array = exemplar.clone(), array.copy()
    synthesize(exemplar, init=array, **QUICK)
    synthesize(array, init=exemplar, **QUICK)
    assert torch.equal(exemplar, before_tensor)
    assert np.array_equal(array, before_array)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        (None, (30, 34)),
        ("20x10", (10, 20)),
        ((20, 10), (10, 20)),
        ([20, 10], (10, 20)),
        (16, (16, 16)),
        ("2x", (60, 68)),
        ("0.5x", (15, 17)),
    ],
    ids=str,
)
def test_sizes_are_width_by_height(exemplar: Tensor, size: Any, shape: tuple[int, int]) -> None:
    state = next(iter(iter_synthesis(exemplar, size, **QUICK)))
    assert state.image.shape == (3, *shape)
    assert state.result().settings["size"] == [shape[1], shape[0]]


# ------------------------------------------------------------------------------------ states


def test_states_count_every_step(exemplar: Tensor) -> None:
    states = list(iter_synthesis(exemplar, n_scales=2, **QUICK))
    assert [s.total_step for s in states] == list(range(1, len(states) + 1))
    assert {s.total_steps for s in states} == {len(states)}
    assert states[-1].scale == 0
    assert states[-1].step == states[-1].stage_steps
    scales = [s.scale for s in states]
    assert scales == sorted(scales, reverse=True)
    assert {s.n_scales for s in states} == {len(set(scales))}
    assert len(set(scales)) > 1
    for before, after in itertools.pairwise(states):
        assert after.step == (before.step % before.stage_steps) + 1
        assert after.seconds >= before.seconds > 0
    for state in states:
        assert state.image.shape == (3, 30, 34)
        assert state.image.dtype == torch.float32
        assert not state.image.requires_grad
        assert 0 <= float(state.image.min()) <= float(state.image.max()) <= 1
        assert isinstance(state.loss, float)
        assert 0 <= state.marginal_error <= 1
        assert state.seconds_left >= 0
    assert states[-1].seconds_left == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_states_kept_do_not_change_later(exemplar: Tensor, preset: str) -> None:
    kept = []
    for state in iter_synthesis(exemplar, preset=preset, **QUICK):
        kept.append((state, state.image.clone(), len(state.result().losses)))
    for state, image, count in kept:
        assert torch.equal(state.image, image)
        assert len(state.result().losses) == count == state.total_step
    assert not torch.equal(kept[0][1], kept[-1][1])


def test_what_others_do_to_an_image_stays_with_them(exemplar: Tensor, result: Synthesis) -> None:
    state = None
    for state in iter_synthesis(exemplar, **QUICK):
        state.image.zero_()
        state.result().losses.clear()
        state.result().settings.clear()
    assert state is not None
    assert torch.equal(state.image, result.image)
    assert state.result().settings == result.settings
    assert state.result().losses == result.losses


def test_last_state_is_the_result(exemplar: Tensor, result: Synthesis) -> None:
    *_, last = iter_synthesis(exemplar, **QUICK)
    end = last.result()
    assert torch.equal(end.image, result.image)
    assert (end.losses, end.marginal_errors) == (result.losses, result.marginal_errors)
    assert (end.mode, end.settings) == (result.mode, result.settings)


def test_callback_sees_every_step(exemplar: Tensor, result: Synthesis) -> None:
    seen: list[State] = []
    assert torch.equal(synthesize(exemplar, callback=seen.append, **QUICK).image, result.image)
    assert len(seen) == seen[-1].total_steps == len(result.losses)
    for state, record in zip(seen, result.losses, strict=True):
        assert (state.scale, state.step, state.loss) == (record.scale, record.step, record.loss)


def test_what_a_callback_raises_comes_through(exemplar: Tensor) -> None:
    def stop(state: State) -> None:
        if state.total_step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(exemplar, callback=stop, **QUICK)


def test_early_stop_gives_what_there_is(exemplar: Tensor) -> None:
    for state in iter_synthesis(exemplar, (40, 20), **QUICK):
        if state.total_step == 2:
            break
    stopped = state.result()
    assert stopped.image.shape == (3, 20, 40)
    assert len(stopped.losses) == len(stopped.marginal_errors) == 2
    assert state.total_steps > 2


def test_an_iterator_left_early_can_be_closed(exemplar: Tensor) -> None:
    states = iter_synthesis(exemplar, **QUICK)
    next(states)
    states.close()  # type: ignore[attr-defined]
    assert list(states) == []
    assert torch.is_grad_enabled()


def test_nothing_is_computed_before_the_first_step(exemplar: Tensor) -> None:
    begun = time.perf_counter()
    iter_synthesis(exemplar, (2000, 2000), quality="high")
    assert time.perf_counter() - begun < 1


# ----------------------------------------------------------------------------------- results


def test_result_is_plain_data(result: Synthesis) -> None:
    assert result.image.dtype == torch.float32
    assert result.image.device.type == "cpu"
    assert not result.image.requires_grad
    for plain in (result.settings, result.timings, result.marginal_errors, result.mode):
        assert json.loads(json.dumps(plain)) == plain
    records = [dataclasses.asdict(record) for record in result.losses]
    assert json.loads(json.dumps(records)) == records
    assert set(records[0]) == {"scale", "step", "loss"}
    assert {"prepare", "scale 0", "total"} <= set(result.timings)
    assert all(seconds >= 0 for seconds in result.timings.values())
    assert sum(s for name, s in result.timings.items() if name != "total") <= result.timings["total"] * 1.05


def test_result_as_picture_and_array(result: Synthesis, tmp_path: Path) -> None:
    array = result.to_numpy()
    assert array.shape == (30, 34, 3)
    assert array.dtype == np.float32
    picture = np.asarray(result.to_pil())
    assert picture.shape == (30, 34, 3)
    assert np.abs(picture / 255 - array).max() <= 0.5 / 255 + 1e-6
    result.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as saved:
        assert np.array_equal(np.asarray(saved), picture)
    with pytest.raises(texot.OutputError):
        result.save(tmp_path / "a.xyz")
    assert isinstance(read_png_text(tmp_path / "a.png"), dict)


def test_states_make_results_that_save(exemplar: Tensor, tmp_path: Path) -> None:
    state = next(iter(iter_synthesis(exemplar[:1], **QUICK)))
    state.result().save(tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as saved:
        assert (saved.mode, saved.size) == ("L", (34, 30))


# -------------------------------------------------------------------- the caller's own state


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled(False)": lambda: torch.set_grad_enabled(False),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64 default": lambda: default_dtype(torch.float64),
    "float16 default": lambda: default_dtype(torch.float16),
    "bfloat16 default": lambda: default_dtype(torch.bfloat16),
    "default device": lambda: default_device("meta"),
    "device context": lambda: torch.device("meta"),  # type: ignore[dict-item, return-value]
    "deterministic": deterministic,
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_callers_mode_changes_nothing(exemplar: Tensor, mode: str, preset: str) -> None:
    options = {**QUICK, "preset": preset}
    want = synthesize(exemplar, **options)
    with MODES[mode]():
        found = synthesize(exemplar, **options)
        image, losses = found.image.clone(), found.losses
    assert torch.equal(image, want.image)
    assert losses == want.losses


def test_entropy_works_in_any_mode_too(exemplar: Tensor) -> None:
    want = synthesize(exemplar, entropy=0.05, **QUICK).image
    for mode in ("inference_mode", "float64 default", "default device"):
        with MODES[mode]():
            image = synthesize(exemplar, entropy=0.05, **QUICK).image.clone()
        assert torch.equal(image, want), mode


def test_a_source_made_in_inference_mode(exemplar: Tensor, result: Synthesis) -> None:
    with torch.inference_mode():
        source = exemplar.clone()
        states = iter_synthesis(source, init=source, **QUICK)
    for _ in states:
        pass
    assert torch.equal(synthesize(source, **QUICK).image, result.image)


def test_between_steps_the_caller_has_its_own_mode(exemplar: Tensor) -> None:
    for state in iter_synthesis(exemplar, **QUICK):
        assert torch.is_grad_enabled()
        assert not state.image.is_inference()
    with torch.no_grad():
        for _ in iter_synthesis(exemplar, **QUICK):
            assert not torch.is_grad_enabled()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        for _ in iter_synthesis(exemplar, **QUICK):
            assert torch.is_inference_mode_enabled()
            assert torch.is_autocast_enabled("cpu")
            assert torch.empty(0).device.type == "meta"


def test_nothing_global_is_touched(exemplar: Tensor) -> None:
    def everything() -> list[object]:
        return [
            torch.get_default_dtype(),
            torch.empty(0).device,
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            torch.get_rng_state().tolist(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_anomaly_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.benchmark,
            torch.backends.mkldnn.enabled,
            str(np.random.get_state()),  # noqa: NPY002
            np.geterr(),
            random.getstate(),
            list(warnings.filters),
            logging.getLogger().level,
            list(logging.getLogger().handlers),
            logging.getLogger("texot").level,
            Image.MAX_IMAGE_PIXELS,
            threading.active_count(),
        ]

    torch.manual_seed(3)
    before = everything()
    synthesize(exemplar, entropy=0.1, **QUICK)
    synthesize(exemplar, preset="paper", init=exemplar, **QUICK)
    states = iter_synthesis(exemplar, **QUICK)
    next(states)
    assert everything() == before
    del states
    assert everything() == before


def test_thread_counts_are_respected(exemplar: Tensor) -> None:
    before = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for _ in iter_synthesis(exemplar, **QUICK):
                assert torch.get_num_threads() == count
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


def test_it_is_silent(exemplar: Tensor, capfd: pytest.CaptureFixture[str]) -> None:
    synthesize(exemplar, **QUICK)
    assert capfd.readouterr() == ("", "")


def test_fewer_scales_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "texot"):
        synthesize(clouds(1, 12, 12), preset="paper", **QUICK)
    said = [r.getMessage() for r in caplog.records if "scale" in r.getMessage()]
    assert len(said) == 1
    assert "fit images of this size" in said[0]


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "papr"}, "preset must be one of default, paper, not 'papr'"),
        ({"quality": "best"}, "quality must be one of draft, normal, high, not 'best'"),
        ({"tile": True}, "tile must be one of both, x, y, none, not True"),
        ({"seed": -1}, "seed must be a whole number from 0 to 9223372036854775807, not -1"),
        ({"seed": 2**63}, "seed must be"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"n_scales": 0}, "n_scales must be a whole number from 1"),
        ({"n_scales": 9}, r"patch_size 7 exceeds scale \d \(\d+x\d+ px\): use --n-scales \d or fewer"),
        ({"patch_size": 0}, "patch_size must be a whole number from 1"),
        ({"patch_size": 2.0}, "patch_size must be a whole number"),
        ({"patch_size": 31}, "patch_size 31 exceeds the 34x30 px exemplar: use --patch-size 30 or less"),
        (
            {"patch_size": 9, "size": (40, 8)},
            "patch_size 9 exceeds the 40x8 px result: use --patch-size 8 or less",
        ),
        ({"n_iter": 0}, "n_iter must be a whole number from 1"),
        ({"n_iter": "many"}, "n_iter must be a whole number from 1"),
        ({"psi_steps": -1}, "psi_steps must be a whole number from 0"),
        ({"lr": 0.01}, "lr is the step of Adam"),
        ({"lr": 0}, "lr must be a positive number"),
        ({"lr": float("nan")}, "lr must be a positive number"),
        ({"lr": float("inf")}, "lr must be a positive number"),
        ({"lr": "fast"}, "lr must be a positive number"),
        ({"entropy": -0.1}, "entropy must be 0 or a positive number"),
        ({"entropy": float("inf")}, "entropy must be 0 or a positive number"),
        ({"backend": "cuda"}, "unknown back end 'cuda': use one of auto, reference, tiled, keops"),
        ({"size": "0x0"}, "at least 1x1"),
        ({"size": "1e9x1e9"}, "memory"),
        ({"size": "big"}, "not understood"),
        ({"init": "nowhere.png"}, "no such file: 'nowhere.png'"),
        ({"init": np.full((4, 4), np.nan)}, "NaN"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(exemplar: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as info:
        iter_synthesis(exemplar, **{**QUICK, **options})  # at once, not at the first step
    assert "\n" not in str(info.value)
    assert isinstance(info.value, ValueError)


@pytest.mark.parametrize("device", ["tpu", "cuda:-1", "cuda:99", "meta", "mps", None, 3.5, ""])
def test_devices_that_are_not_there(exemplar: Tensor, device: Any) -> None:
    with pytest.raises(DeviceError, match="device") as info:
        iter_synthesis(exemplar, quality="draft", device=device)
    assert "\n" not in str(info.value)
    assert isinstance(info.value, RuntimeError)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_on_a_machine_without(exemplar: Tensor) -> None:
    with pytest.raises(DeviceError, match="no CUDA device; use --device auto or cpu"):
        iter_synthesis(exemplar, device="cuda")


@pytest.mark.parametrize(
    "source",
    [None, 3, [1, 2], "nowhere.png", np.full((5, 5), np.nan), np.zeros((0, 5)), torch.zeros(5)],
    ids=repr,
)
def test_sources_that_cannot_be_used(source: Any) -> None:
    with pytest.raises(InputError):
        iter_synthesis(source, **QUICK)


def test_an_unknown_option_is_a_type_error(exemplar: Tensor) -> None:
    with pytest.raises(TypeError, match="n_steps"):
        synthesize(exemplar, n_steps=3)


def test_numbers_of_numpy_are_numbers(exemplar: Tensor) -> None:
    plain = synthesize(exemplar, seed=2, patch_size=3, novelty=0.25, entropy=0.25, **QUICK)
    numpy = synthesize(
        exemplar,
        seed=np.int64(2),
        patch_size=np.uint8(3),
        novelty=np.float32(0.25),
        entropy=np.float64(0.25),
        **QUICK,
    )
    assert torch.equal(plain.image, numpy.image)
    assert json.loads(json.dumps(numpy.settings)) == plain.settings


def test_the_devices_of_torch_are_devices(exemplar: Tensor, result: Synthesis) -> None:
    found = synthesize(exemplar, **{**QUICK, "device": torch.device("cpu")})
    assert torch.equal(found.image, result.image)
    assert found.settings == result.settings


def test_back_ends_by_name_agree_closely(exemplar: Tensor) -> None:
    images = [synthesize(exemplar, backend=name, **QUICK).image for name in ("reference", "tiled")]
    assert float((images[0] - images[1]).abs().mean()) < 0.02


def test_a_ready_exemplar_keeps_its_mode_and_profile() -> None:
    ready = Exemplar(clouds(1, 20, 20), mode="I;16", icc_profile=b"profile")
    found = synthesize(ready, **QUICK)
    assert (found.mode, found.icc_profile) == ("I;16", b"profile")
    assert found.settings["exemplar_sha256"] == ready.sha256
