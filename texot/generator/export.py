"""Export of a generator as ONNX: noise in, image out.

The graph computes a window of the plane whose first pixel is (0, 0). Its height and width are dynamic: they
follow from the noise, one input per scale, of the shapes that `noise_shapes` gives.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import warnings
from typing import Any, cast

import torch
from torch import Tensor, nn

from texot._version import __version__
from texot.files.whole import write_whole
from texot.generator.network import PlaneNetwork, Window
from texot.generator.sampling import Generator
from texot.packages import imported

_OPSET = 18


def noise_shapes(network: PlaneNetwork, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The shapes (1, channels, h, w) of the noise for an image of (height, width), finest first."""
    rows, columns = network.window((0, 0), size)
    return [
        (1, network.architecture.noise_channels(scale), len(row.positions), len(column.positions))
        for scale, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]


class _Whole(nn.Module):
    """The network on a window with a fixed first pixel: its crops are the same for all sizes."""

    def __init__(self, network: PlaneNetwork, window: Window) -> None:
        super().__init__()
        self.network, self.window = network, window

    def forward(self, *inputs: Tensor) -> Tensor:
        """The image (1, C, height, width) in [0, 1] of the noise and, for several textures, their weights."""
        count = len(self.window[0])
        given = [[weights] * count for weights in inputs[count:]]
        image: Tensor = self.network(list(inputs[:count]), self.window, *given)
        return image.clamp(0, 1)


def export_onnx(generator: Generator, path: str | os.PathLike[str]) -> None:
    """Write the network as an ONNX file, whole or not at all.

    Inputs are `noise_0` (finest) to `noise_k`, standard normal, of `noise_shapes`; the output `image` is
    (1, C, height, width) in [0, 1]. A model of K exemplars also takes `weights` (K,), which sum to 1 and are
    constant over the image. The metadata has the model's facts as JSON under "texot": there also "material",
    the code of the maps that the image's channels are (`MaterialCode`), and "waves", whose cosines and sines
    (`texot.generator.noise.plane_waves`) are the first channels of every scale's noise.

    Raises:
        TexotError: the package `onnx` is not installed, or broken.
        OutputError: the file cannot be written there.
    """
    onnx = imported("onnx", "onnx", "onnx")
    size = (48, 56)
    network = generator.network.cpu()
    window = network.window((0, 0), size)
    names = [f"noise_{scale}" for scale in range(network.architecture.n_scales)]
    axes: dict[str, Any] = {name: {2: f"height_{name}", 3: f"width_{name}"} for name in names}
    textures = network.architecture.textures
    weights = [torch.full((textures,), 1 / textures, dtype=torch.float32)] if textures > 1 else []
    buffer = io.BytesIO()
    # the traced exporter suffices; torch before 2.5 has no other
    old: dict[str, Any] = (
        {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    )
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own internals
        torch.onnx.export(
            _Whole(network, window),
            (*network.noise(0, window), *weights),
            cast(Any, buffer),
            input_names=[*names, *(["weights"] if weights else [])],
            output_names=["image"],
            dynamic_axes={**axes, "image": {2: "height", 3: "width"}},
            opset_version=_OPSET,
            **old,
        )
    model = onnx.load_from_string(buffer.getvalue())
    about = {**generator.facts, "texot": __version__, "license": generator.license}
    if generator.code is not None:
        about["material"] = generator.code.facts()
    if network.architecture.waves:
        about["waves"] = network.architecture.waves
    entry = model.metadata_props.add()
    entry.key, entry.value = "texot", json.dumps(about, sort_keys=True)
    model.producer_name, model.producer_version = "texot", __version__
    onnx.checker.check_model(model)
    write_whole(path, model.SerializeToString())
