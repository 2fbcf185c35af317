"""The options of a training, checked without the exemplars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import torch

from texot.errors import InputError
from texot.generator.checkpoint import Checkpoint
from texot.generator.processes import Processes
from texot.generator.terms import TRANSPORTS
from texot.solver.options import check_choice, real, whole

if TYPE_CHECKING:
    from typing_extensions import Self

    from texot.generator.objective import Objective


class TrainKeywords(TypedDict, total=False):
    """Keywords of `texot.train` and `Trainer`, for type checkers; see `TrainOptions`."""

    exemplar_size: int | None
    map_weights: Mapping[str, float] | None
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
    keep_exemplar: bool
    backend: str
    device: str | torch.device
    resume: Checkpoint | None
    processes: Processes | None


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of a training.

    Attributes:
        exemplar_size: see `texot.synthesize`; of each. None: 512, since a network sees no structures of much
            more than 64 px.
        map_weights: of the maps of materials in the distance of patches, by role, where they differ from
            `texot.files.material_stack.WEIGHTS`.
        preset: "default", or "paper" for the published network and schedule, without deep features.
        objective: replaces transport and deep features, see `texot.experimental.objectives`; None:
            transport.
        steps: of all stages together; None: see `default_steps` of the plan, or as published 5000.
        time_limit: seconds within which training ends; steps become fewer as far as needed. Measuring the
            finish takes some seconds more. The same seed
            then gives the same bytes only where the same number of steps fits.
        seed: of all randomness, 0 <= seed < 2**63.
        features: deep features for structure: "auto" is "efficientnet-lite0" for exemplars of one or three
            channels; "none", "squeezenet", or a file of the former's or VGG-19's weights.
        feature_transport: how they are compared: "sliced", "semi-dual", or "both": sliced at all layers and
            semi-dual at the deep ones. "auto": both for each exemplar whose features are large
            (`texot.images.autocorrelation.correlation_length` of 6 px or more), else sliced.
        n_scales: scales of the network, or None for up to 4.
        lr: step of Adam.
        entropy: regularisation of the transport, in units of squared patch distance.
        early_stop: end when the loss has settled; of several exemplars, whose loss depends on the weights
            that a step has drawn, never.
        keep_exemplar: keep the exemplar in the model, at most 512 px a side of it, so that its patches can
            finish samples. Not for several exemplars, the published network, or another objective.
        backend, device: see `texot.synthesize`.
        resume: state of another training with the same options.
        processes: those that share the work; None: this one alone.
    """

    exemplar_size: int | None = None
    map_weights: Mapping[str, float] | None = None
    preset: str = "default"
    objective: Objective | None = None
    steps: int | None = None
    time_limit: float | None = None
    seed: int = 0
    features: str = "auto"
    feature_transport: str = "auto"
    n_scales: int | None = None
    lr: float | None = None
    entropy: float | None = None
    early_stop: bool = True
    keep_exemplar: bool = True
    backend: str = "auto"
    device: str | torch.device = "auto"
    resume: Checkpoint | None = None
    processes: Processes | None = None

    @property
    def published(self) -> bool:
        """Whether the network and the schedule are those of the paper."""
        return self.preset == "paper"

    def checked(self) -> Self:
        """The same options, with numbers as plain int and float.

        Raises:
            InputError: a value that cannot be used.
        """
        if isinstance(self.objective, str):
            raise InputError(
                f"objective: expected an object of texot.experimental.objectives, not {self.objective!r}: "
                "see find_objective there"
            )
        check_choice("preset", self.preset, ("default", "paper"))
        check_choice("feature_transport", self.feature_transport, ("auto", *TRANSPORTS))
        limit, steps, n_scales, lr = self.time_limit, self.steps, self.n_scales, self.lr
        entropy = self.entropy
        return replace(
            self,
            seed=whole("seed", self.seed, 0, 2**63 - 1),
            time_limit=None if limit is None else real("time_limit", limit, "seconds", 1e-3),
            n_scales=None if n_scales is None else whole("n_scales", n_scales, 1),
            steps=None if steps is None else whole("steps", steps, 1),
            lr=None if lr is None else real("lr", lr, "a positive number", 1e-12),
            entropy=0.0 if entropy is None else real("entropy", entropy, "0 or a positive number", 0),
        )
