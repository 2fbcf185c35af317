"""Algorithm 2: train a network whose textures have, at every scale, the exemplar's patches.

    min_theta sum_l max_psi E_z F_l(psi_l, S_l g_theta(z))

See `texot.generator.trainer`, which does it step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

import torch

from texot.generator.checkpoint import Checkpoint
from texot.generator.objective import Objective
from texot.generator.processes import Processes
from texot.generator.sampling import Generator
from texot.generator.trainer import Trainer
from texot.solver.state import State

if TYPE_CHECKING:
    from typing_extensions import Unpack


class TrainOptions(TypedDict, total=False):
    """Options of `Trainer`, which explains them; a test compares both."""

    exemplar_size: int | None
    preset: str
    objective: Objective | None
    steps: int | None
    time_limit: float | None
    seed: int
    features: str
    feature_transport: str
    n_scales: int | None
    lr: float | None
    entropy: float | None
    early_stop: bool
    backend: str
    device: str | torch.device
    resume: Checkpoint | None
    processes: Processes | None


def train(
    exemplar: Any,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[TrainOptions],
) -> Generator:
    """Learn a texture, to sample any size of it afterwards.

    Args:
        exemplar: see `texot.synthesize`; a list of two or more for all textures between them.
        callback: called with a `State` after every step.
        **options: see `Trainer`, which also tells the errors.

    Returns:
        The generator: `sample` it, `save` it. The same seed, device, versions and options give the same
        weights.

    Example:
        >>> import torch
        >>> stripes = torch.arange(32).remainder(4).lt(2).float().expand(1, 32, 32)
        >>> train(stripes, steps=6, features="none").sample("24x16").image.shape
        torch.Size([1, 16, 24])
    """
    trainer = Trainer(exemplar, **options)
    for state in trainer:
        if callback is not None:
            callback(state)
    return trainer.generator()
