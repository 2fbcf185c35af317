"""Weights that a user brings in a file: tensors by name, and nothing in the file is ever run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from texot.errors import InputError
from texot.files.weights import read_weights


def read_state_dict(
    path: Path, wanted: Iterable[tuple[str, tuple[int, ...]]], owner: str
) -> dict[str, Tensor]:
    """Some tensors of a file, as float32.

    Args:
        path: see `texot.files.weights.read_weights`.
        wanted: names and shapes.
        owner: whose weights they are, for messages.

    Raises:
        InputError: no such file, not a file of weights, or without one of these tensors.
    """
    stored = read_weights(str(path))
    found = {}
    for key, shape in wanted:
        tensor = stored.get(key)
        if tensor is None or tuple(tensor.shape) != shape:
            raise InputError(f"{path}: not {owner}'s weights: expected {key} of shape {shape}")
        found[key] = tensor.detach().float()
    return found
