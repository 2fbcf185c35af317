"""What type checkers know of the public functions is what these take."""

import inspect
from collections.abc import Callable
from typing import Any, ForwardRef

import pytest

from texot.generator.options import TrainingOptions, TrainOptions
from texot.jobs import inpainting, interpolation, keywords, synthesis, tiling

PAIRS = [
    (keywords.SynthesisOptions, synthesis.iter_synthesis),
    (keywords.InterpolationOptions, interpolation.iter_interpolation),
    (keywords.InpaintOptions, inpainting.iter_inpaint),
    (keywords.TileOptions, tiling.iter_tileable),
    (keywords.VariationOptions, tiling.iter_variation),
    (TrainOptions, TrainingOptions),
]


@pytest.mark.parametrize(("options", "function"), PAIRS, ids=lambda one: one.__qualname__)
def test_options_are_the_parameters(options: Any, function: Callable[..., Any]) -> None:
    listed = {
        name: kind.__forward_arg__ if isinstance(kind, ForwardRef) else kind
        for base in (*reversed(options.__mro__), options)
        for name, kind in getattr(base, "__annotations__", {}).items()
    }
    taken = {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert listed == taken
