"""A finish as tensors and facts of a model file."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.field.potentials import blocks
from texot.generator.finish import MAX_SIDE, Finish, Level, Step, sources_of

PREFIX = "finish."
"""Start of the names of its tensors."""
_BYTE = 255.0
_MAX_STEPS, _MAX_SCALES = 64, 12


def pack_finish(finish: Finish) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, and facts: plain JSON values."""
    pixels = finish.exemplar
    bytes_ = (pixels * _BYTE).round()
    exact = torch.equal(bytes_ / _BYTE, pixels)
    tensors = {"exemplar": bytes_.to(torch.uint8) if exact else pixels}
    if finish.known is not None:
        tensors["known"] = finish.known.to(torch.uint8)
    tensors |= {"gain": finish.gain.flatten(), "shift": finish.shift.flatten()}
    levels = []
    for scale, level in enumerate(finish.levels):
        tensors[f"psi.{scale}"] = torch.stack([step.psi for step in level.steps])
        costs = [step.cost for step in level.steps]
        levels.append({"stride": level.stride, "all_pairs": level.all_pairs, "costs": costs})
    facts = {"patch_size": finish.levels[0].source.side, "levels": levels}
    return {PREFIX + name: tensor for name, tensor in tensors.items()}, facts


def unpack_finish(tensors: dict[str, Tensor], facts: Any, colours: int) -> Finish:
    """The finish that `pack_finish` stored, for images of `colours` channels.

    Raises:
        InputError: the tensors and facts are not of one finish.
    """
    own = {name.removeprefix(PREFIX): t for name, t in tensors.items() if name.startswith(PREFIX)}
    try:
        side, stored = facts["patch_size"], facts["levels"]
        specs = [(spec["stride"], spec["all_pairs"], [float(c) for c in spec["costs"]]) for spec in stored]
        pixels, gain, shift = own["exemplar"], own["gain"], own["shift"]
        psi = [own[f"psi.{scale}"] for scale in range(len(specs))]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("its finish is damaged") from error
    known = own.get("known")
    whole = type(side) is int and 2 <= side <= 64 and 1 <= len(specs) <= _MAX_SCALES
    steps = all(
        stride in (1, 2) and isinstance(pairs, bool) and 1 <= len(costs) <= _MAX_STEPS and min(costs) > 0
        for stride, pairs, costs in specs
    )
    if not whole or not steps or set(own) - {"known"} != {
        "exemplar", "gain", "shift", *(f"psi.{k}" for k in range(len(specs)))
    }:  # fmt: skip
        raise InputError("its finish is damaged")
    if pixels.ndim != 3 or len(pixels) != colours or max(pixels.shape) > MAX_SIDE or min(pixels.shape) < 1:
        raise InputError(f"the exemplar of its finish is {tuple(pixels.shape)}")
    exemplar = pixels.float() / _BYTE if pixels.dtype == torch.uint8 else pixels
    floats = [exemplar, gain, shift, *psi]
    if any(t.dtype != torch.float32 or not bool(t.isfinite().all()) for t in floats):
        raise InputError("its finish is not of finite 32-bit values")
    if gain.shape != (colours,) or shift.shape != (colours,):
        raise InputError("the colours of its finish are not those of its network")
    if known is not None and known.shape != pixels.shape[1:]:
        raise InputError("the exemplar of its finish and its known pixels differ in size")
    there = None if known is None else known > 0
    levels = []
    for source, (stride, pairs, costs), potentials in zip(
        sources_of(exemplar, there, len(specs), side), specs, psi, strict=True
    ):
        rows, columns = source.shape
        sizes = (len(source.targets),) if pairs else (0, blocks(source)[1])
        if potentials.ndim != 2 or len(potentials) != len(costs) or potentials.shape[1] not in sizes:
            raise InputError(f"the potentials of its finish are not of {rows}x{columns} patches")
        made = tuple(Step(values, cost) for values, cost in zip(potentials, costs, strict=True))
        levels.append(Level(source, stride, pairs, made))
    return Finish(exemplar, there, tuple(levels), gain[:, None, None], shift[:, None, None])
