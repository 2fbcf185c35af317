"""The example of digits: it comes near to the data, its figures know copies and blur, it writes its files."""

import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parents[2]
if not (ROOT / "examples" / "digits.py").exists():
    pytest.skip("needs a checkout", allow_module_level=True)
pytest.importorskip("sklearn", reason="needs scikit-learn: pip install '.[test]'")
sys.path.insert(0, str(ROOT))

from examples.datasets import Digits, read_digits  # noqa: E402
from examples.digits import main  # noqa: E402
from examples.fitting import (  # noqa: E402
    Network,
    Psi,
    distance_to,
    dual_gap,
    fit,
    fresh,
    gaps,
    measure_samples,
)
from texot.transport.measure import PatchMeasure  # noqa: E402
from texot.transport.solvers import solve  # noqa: E402

QUICK = ["--most", "40", "--steps", "10", "--batch", "16"]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return read_digits(most=150)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def noise(count: int, network: Network) -> Tensor:
    with torch.no_grad():
        return network.sample(count, torch.Generator().manual_seed(7))


# ------------------------------------------------------------------------------ fitting


@pytest.mark.slow
@pytest.mark.parametrize("psi", ["vector", "network"])
def test_a_fit_comes_near_to_the_data(psi: Psi, digits: Digits) -> None:
    begun, made = (fit(digits.train, psi=psi, steps=steps, batch=64) for steps in (1, 400))
    first, last = (measure_samples(fresh(m, 150), digits.train, digits.held_out) for m in (begun, made))
    assert last.to_train < 0.6 * first.to_train
    assert last.to_held_out < 0.8 * first.to_held_out
    own, unseen = gaps(made, digits.held_out, 600)
    assert own < 0.3
    assert (unseen is None) == (psi == "vector")


@pytest.mark.slow
def test_entropy_blurs(digits: Digits) -> None:
    """With much of it the best generator is the mean digit."""
    sharp, blurred = (fit(digits.train, entropy=lam, steps=300, batch=64) for lam in (0.0, 1.0))
    figures = [measure_samples(fresh(m, 150), digits.train, digits.held_out) for m in (sharp, blurred)]
    assert figures[1].variance < 0.05 < 0.3 < figures[0].variance
    mean = fresh(blurred, 150).mean(0)
    assert float((mean - digits.train.mean(0)).abs().mean()) < 0.05


@pytest.mark.slow
def test_the_same_seed_gives_the_same_generator(digits: Digits) -> None:
    for psi in ("vector", "network"):
        one, two, other = (fit(digits.train, psi=psi, steps=5, batch=16, seed=s) for s in (0, 0, 1))
        assert torch.equal(noise(9, one.network), noise(9, two.network))
        assert not torch.equal(noise(9, one.network), noise(9, other.network))


# ------------------------------------------------------------------------------ figures


def test_figures_of_copies(digits: Digits) -> None:
    found = measure_samples(digits.train, digits.train, digits.held_out)
    assert found.memorised == 1
    assert found.nearest == 0
    assert found.to_train == pytest.approx(0, abs=1e-6)
    assert found.to_held_out > 0.01
    assert found.variance == pytest.approx(1, abs=0.1)


def test_figures_of_no_memory(digits: Digits) -> None:
    """Digits of neither half are as often near to the one as to the other."""
    others = read_digits().train[300:600]
    found = measure_samples(others, digits.train, digits.held_out)
    assert 0.4 < found.memorised < 0.6


def test_figures_of_one_digit_and_of_all(digits: Digits) -> None:
    one = measure_samples(digits.train[:1].repeat(150, 1), digits.train, digits.held_out)
    assert one.missed == pytest.approx(149 / 150)
    assert one.variance == pytest.approx(0, abs=1e-6)
    everything = measure_samples(digits.held_out, digits.train, digits.held_out)
    assert everything.missed == 0


def test_nearest_digits_by_brute_force(digits: Digits) -> None:
    distance, place = distance_to(digits.train, digits.held_out)
    wanted = torch.cdist(digits.train, digits.held_out) ** 2 / 64
    torch.testing.assert_close(distance, wanted.min(1).values, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(wanted.gather(1, place[:, None])[:, 0], distance, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("entropy", [0.0, 0.5])
def test_the_gap_closes_at_the_optimum(entropy: float, digits: Digits) -> None:
    measure = PatchMeasure(digits.train, torch.ones(150))
    zero = torch.zeros(150)
    best = solve(digits.held_out, measure).psi
    if entropy:
        assert dual_gap(digits.held_out, measure, zero, entropy) > 0.01
        return
    assert dual_gap(digits.held_out, measure, zero, entropy) > 0.05
    assert dual_gap(digits.held_out, measure, best, entropy) < 0.005


# ------------------------------------------------------------------------------ the command


@pytest.mark.slow
def test_writes_a_picture_and_a_page(tmp_path: Path) -> None:
    picture, page = tmp_path / "a.png", tmp_path / "a.md"
    done = call(*QUICK, "--entropy", "0", "--entropy", "0.01", "-o", picture, "--page", page)
    assert done.exit_code == 0, done.output
    with Image.open(picture) as image:
        assert image.size == (12 + 2 * (12 * 34 + 12), 12 + 2 * (18 + 2 * 34 + 12))
        assert image.getextrema() == (0, 255)
    text = page.read_text()
    assert "40 + 40 of 1797" in text
    rows = [line for line in text.splitlines() if line.startswith(("| vector", "| network"))]
    assert [row.split(" | ")[1] for row in rows] == ["0", "0.01", "0", "0.01"]
    assert all(row in done.stdout for row in rows)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_picture(tmp_path: Path) -> None:
    pictures = []
    for number, seed in enumerate((3, 3, 4)):
        path = tmp_path / f"{number}.png"
        assert (
            call(*QUICK, "--entropy", "0.001", "--psi", "network", "--seed", seed, "-o", path).exit_code == 0
        )
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mnist", "missing"], "no such file"),
        (["-o", "missing/a.png"], "no such folder"),
        (["--page", "missing/a.md"], "no such folder"),
        (["--entropy", "nan"], "is not a number from 0"),
        (["--steps", "0"], "is not in the range"),
        (["--psi", "matrix"], "is not one of"),
    ],
)
def test_wrong_use(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*QUICK, *arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help() -> None:
    done = call("--help")
    assert done.exit_code == 0
    assert "--mnist FILE" in done.stdout
    assert "Example:" in done.stdout
