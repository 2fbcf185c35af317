"""The result of training: a network of averaged weights with the exemplars' moments, and its facts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from texot.errors import printable
from texot.files.exemplar import Exemplar
from texot.generator.network import PlaneNetwork
from texot.images.statistics import channel_moments
from texot.solver.options import provenance

_SIDE = 1024  # pixels of the sample whose moments are matched, at most


def in_order(network: PlaneNetwork, tensors: dict[str, Tensor], order: Sequence[int]) -> PlaneNetwork:
    """A network on the CPU with these weights, ready to sample.

    Args:
        network: without weights.
        tensors: its weights and statistics, those of several textures concatenated.
        order: the index there of each texture as given.
    """
    count = len(order)
    if count > 1:
        tensors = {
            name: tensor.reshape(count, -1, *tensor.shape[1:])[order].reshape(tensor.shape)
            for name, tensor in tensors.items()
        }
    network.fill(tensors)
    return network.requires_grad_(False).eval()


def match_moments(network: PlaneNetwork, exemplars: Sequence[Exemplar]) -> None:
    """Give the samples of each texture of a network the mean and deviation of its exemplar's channels."""
    for texture, own in enumerate(exemplars):
        mean, deviation = channel_moments(own.pixels, own.mask)
        side = min(_SIDE, 4 * max(own.size))  # large enough to have the texture's moments
        network.match_moments(mean.flatten(), deviation.flatten(), side=side, texture=texture)


def training_facts(
    options: Mapping[str, Any],
    exemplars: Sequence[Exemplar],
    mode: str,
    plan_steps: Sequence[int],
    losses: Sequence[float],
    *,
    deep: bool,
) -> dict[str, Any]:
    """The facts about a training that its model file has, plain JSON values.

    Args:
        options: of the training.
        exemplars: as they were given.
        mode: of samples, see `texot.files.exemplar.Exemplar`.
        plan_steps: steps of every stage.
        losses: of the completed steps, at least one.
        deep: whether deep features were used.
    """
    sizes: list[tuple[int, int]] = [own.size for own in exemplars]
    return {
        **provenance(),
        **options,
        "features": printable(str(options["features"])),
        "plan_steps": list(plan_steps),
        "deep_features": deep,
        "exemplar_size": [*max(sizes, key=lambda size: (size[0] * size[1], size))],
        "exemplar_sha256": [s.sha256 for s in exemplars] if len(exemplars) > 1 else exemplars[0].sha256,
        "mode": mode,
        "loss": losses[-1] if math.isfinite(losses[-1]) else None,
        "total_step": len(losses),
        "total_steps": sum(plan_steps),
    }
