"""Algorithm 2: train a network whose samples have the exemplar's patch distribution at every scale.

    min_theta sum_l max_psi E_z F_l(psi_l, S_l g_theta(z))

See `texot.generator.trainer` for training step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from texot.generator.options import TrainKeywords
from texot.generator.sampling import Generator
from texot.generator.trainer import Trainer
from texot.solver.state import State

if TYPE_CHECKING:
    from typing_extensions import Unpack


def train(
    exemplar: Any,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[TrainKeywords],
) -> Generator:
    """Train a generator of a texture, which samples images of any size.

    Args:
        exemplar: see `texot.synthesize`; a list of two or more for a generator that interpolates them; or
            materials, see `texot.generator.trainer.Trainer`.
        callback: called with a `State` after every step.
        **options: see `texot.generator.options.TrainOptions`.

    Returns:
        The generator: `sample` it, `save` it. The same seed, device, versions and options give the same
        weights.

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a requested device or back end is not available.
        TexotError: a file that has no deep weights.

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
