"""What type checkers know of the public functions is what these take."""

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any, ForwardRef

import numpy as np
import pytest

from texot.errors import InputError
from texot.generator.options import TrainKeywords, TrainOptions
from texot.generator.sample_options import SampleKeywords, SampleOptions
from texot.jobs import inpainting, interpolation, keywords, synthesis, tiling
from texot.solver.options import EngineOptions, provenance

PAIRS = [
    (keywords.SynthesisOptions, synthesis.iter_synthesis),
    (keywords.InterpolationOptions, interpolation.iter_interpolation),
    (keywords.InpaintOptions, inpainting.iter_inpaint),
    (keywords.TileOptions, tiling.iter_tileable),
    (keywords.VariationOptions, tiling.iter_variation),
    (TrainKeywords, TrainOptions),
    (SampleKeywords, SampleOptions),
]


def listed(options: Any) -> dict[str, Any]:
    return {
        name: kind.__forward_arg__ if isinstance(kind, ForwardRef) else kind
        for base in (*reversed(options.__mro__), options)
        for name, kind in getattr(base, "__annotations__", {}).items()
    }


@pytest.mark.parametrize(("options", "function"), PAIRS, ids=lambda one: one.__qualname__)
def test_options_are_the_parameters(options: Any, function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    taken = {one.name: one.annotation for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    if any(one.annotation == "Unpack[EngineKeywords]" for one in parameters):
        taken |= listed(keywords.EngineKeywords)
    assert listed(options) == taken


def test_engine_keywords_are_the_engine_options() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(EngineOptions)}
    assert listed(keywords.EngineKeywords) == fields


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": "best"},
        {"seed": -1},
        {"seed": 2**63},
        {"seed": True},
        {"n_scales": 0},
        {"patch_size": 1.5},
        {"n_iter": 0},
        {"psi_steps": -1},
        {"entropy": float("nan")},
    ],
    ids=str,
)
def test_engine_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        EngineOptions(**wrong)


def test_engine_options_are_plain_frozen_values() -> None:
    options = EngineOptions(seed=np.int64(7), n_iter=np.int32(3), entropy=1, device="cpu")
    assert (type(options.seed), type(options.n_iter), type(options.entropy)) == (int, int, float)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.seed = 8  # type: ignore[misc]
    record = provenance(options)
    assert json.loads(json.dumps(record)) == record
    assert {field.name for field in dataclasses.fields(EngineOptions)} < set(record)
