"""Weights that a user brings in a file: tensors by name, and nothing in the file is ever run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from texot.errors import InputError, one_line


def read_state_dict(
    path: Path, wanted: Iterable[tuple[str, tuple[int, ...]]], owner: str
) -> dict[str, Tensor]:
    """Some tensors of a file, as float32.

    Args:
        path: safetensors where the name ends so, else what `torch.save` writes, read with weights_only.
        wanted: names and shapes.
        owner: whose weights they are, for messages.

    Raises:
        InputError: no such file, not a file of weights, or without one of these tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            stored = load_file(path)
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except ImportError as error:
        raise InputError("safetensors are read with safetensors: pip install 'texot[evaluate]'") from error
    except Exception as error:  # whatever a damaged or hostile file makes its reader raise
        reason = one_line(error)[:90]
        raise InputError(f"{path}: expected a file of weights and nothing else ({reason})") from error
    found = {}
    for key, shape in wanted:
        tensor = stored.get(key) if isinstance(stored, dict) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise InputError(f"{path}: not {owner}'s weights: expected {key} of shape {shape}")
        found[key] = tensor.detach().float()
    return found
