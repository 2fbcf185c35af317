"""Adam on the pixels at full size: Algorithm 1 as published, or a final fit of deep features."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.images.pyramid import Periodic, downsample_known
from texot.images.statistics import Statistics
from texot.networks.network import Network
from texot.networks.registry import find_network
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.loop import Problem
from texot.solver.adam.plan import Plan, Stage, default_plan, known_rooms, paper_plan
from texot.solver.adam.term import Weighted
from texot.solver.adam.terms import Terms
from texot.solver.adam.variables import Pixels
from texot.solver.options import EngineOptions
from texot.solver.plan import Scale
from texot.solver.run import Task, iterate
from texot.solver.state import Output

_CONTEXT = 32  # pixels of context around an image; activations hardly depend on pixels further away


def adam_plan(
    exemplar: Exemplar,
    size: tuple[int, int],
    options: EngineOptions,
    *,
    preset: str,
    lr: float | None,
    novelty: float | None,
) -> Plan:
    """The plan of the published algorithm (preset "paper") or of the final fit of deep features.

    Args:
        exemplar: the exemplar.
        size: (H, W) of the result.
        options: options of the solver.
        preset: "paper" or "default".
        lr: step of Adam, or None.
        novelty: see `texot.iter_synthesis`.

    Raises:
        InputError: sizes that do not fit, or a novelty for the published algorithm.
    """
    sides = (exemplar.size[1], exemplar.size[0]), size
    rooms = None if exemplar.mask is None else known_rooms(exemplar.mask)
    names = ("n_scales", "patch_size", "n_iter", "psi_steps", "entropy")
    numbers: dict[str, Any] = {name: getattr(options, name) for name in names}
    if preset == "paper":
        return paper_plan(*sides, rooms=rooms, lr=lr, novelty=novelty, **numbers)
    return default_plan(*sides, rooms=rooms, quality=options.quality, lr=lr, **numbers)


def adam_problem(
    exemplar: Exemplar,
    plan: Plan,
    options: EngineOptions,
    periodic: Periodic,
    start: Tensor | None,
    tasks: Callable[[torch.Generator], list[Task]] | None,
    network: Network | None,
    output: Output,
    generator: torch.Generator,
) -> Problem:
    """The optimisation by Adam; with deep features, the field solver makes its start image first.

    Args:
        exemplar: the exemplar.
        plan: see `adam_plan`.
        options: options of the solver.
        periodic: axes (y, x) along which the result wraps around.
        start: start image (C, h, w) of the published algorithm, or None for noise.
        tasks: tasks of the field solver, or None for the published algorithm.
        network: network of deep features, or None.
        output: metadata of the result.
        generator: CPU generator of all random numbers.
    """
    scales = _scales(exemplar, plan.n_scales, options.torch_device)
    if tasks is None:
        first = _noise(scales[0][0], plan.sizes[0], start, generator)
    else:
        last = deque(iterate(tasks, generator), maxlen=1).pop()  # earlier states are released
        first = last.image.to(options.torch_device)
    terms = Terms(plan, scales, generator, options.backend)
    statistics = Statistics.of(*scales[0])
    most = plan.max_patches

    def of_stage(stage: Stage) -> list[Weighted]:
        found = [*terms.patches(stage), *terms.sliced(stage)]
        if network is None:
            return found
        term = FeatureTerm.of(
            *scales[0],
            network,
            network.synthesis_layers,
            unit=terms.finest_measure(0).spread,  # the unit of patch distances at that scale
            generator=generator,
            psi_steps=plan.psi_steps,
            robustness=plan.robustness,
            backend=options.backend,
        )
        return found if term is None else [*found, Weighted(term)]

    def correct(_: Stage, image: Tensor) -> Tensor:
        return statistics.clip(statistics.calibrate(image, periodic=periodic))

    return Problem(
        plan=plan,
        periodic=periodic,
        start=lambda _: first,
        variables=lambda _, image: Pixels(image),
        terms=of_stage,
        correct=None if plan.published or output.finish is not None else correct,
        n_targets={k: min(most, image[0].numel()) for k, (image, _) in enumerate(scales)},
        settings=output.settings,
        mode=output.mode,
        icc_profile=output.icc_profile,
        depth=output.depth,
        finish=output.finish,
    )


def find_features(features: str | os.PathLike[str], preset: str, exemplar: Exemplar) -> Network | None:
    """The network of deep features, or None for none.

    Raises:
        InputError: an unknown network, or one that does not suit the preset or the exemplar.
        TexotError: its weights are not installed.
    """
    if features == "none":
        return None
    if preset != "default":
        raise InputError(f"preset {preset} has no deep features: leave out the preset or the features")
    if exemplar.pixels.shape[0] not in (1, 3):
        raise InputError(
            f"features need an exemplar in grey or RGB, not one of {exemplar.pixels.shape[0]} channels"
        )
    found = find_network(features)
    return None if found is None else replace(found, context=_CONTEXT)


def _scales(exemplar: Exemplar, count: int, device: torch.device) -> list[Scale]:
    """The exemplar and its known pixels at every scale of Adam's plan, finest first."""
    image = exemplar.pixels.to(device)
    scales: list[Scale] = [(image, None if exemplar.mask is None else exemplar.mask.to(device))]
    for _ in range(1, count):
        scales.append(downsample_known(*scales[-1]))
    return scales


def _noise(
    exemplar: Tensor, size: tuple[int, int], start: Tensor | None, generator: torch.Generator
) -> Tensor:
    """The start of the published algorithm: uniform noise in [0, 1], or the given image."""
    if start is not None:
        return F.interpolate(start[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1).to(exemplar)
    return torch.rand((len(exemplar), *size), generator=generator, dtype=torch.float32).to(exemplar)
