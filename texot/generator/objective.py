"""The interface of training objectives that replace the transport of patches.

`texot.experimental.objectives` implements it. The trainer depends on the interface only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from texot.files.exemplar import Exemplar
from texot.generator.network import PlaneNetwork
from texot.generator.options import TrainOptions
from texot.generator.plan import Training
from texot.generator.setup import Setup
from texot.generator.targets import TrainingTerms
from texot.generator.weights import Weights
from texot.solver.adam.plan import Plan


class Objective(Protocol):
    """A training objective. Deep features are not used with it."""

    @property
    def name(self) -> str:
        """The name in models and checkpoints."""

    @property
    def maps(self) -> bool:
        """Whether the network maps pictures of the first of two exemplars to the second one's texture."""

    @property
    def variables(self) -> type[Weights]:
        """The class of the variables of a stage."""

    def check(self, options: TrainOptions, sources: Sequence[Exemplar]) -> None:
        """Check the options and the exemplars of a training.

        Raises:
            InputError: the objective cannot use them.
        """

    def adapted(self, training: Training, first: Exemplar) -> Training:
        """The plan of transport, changed as this objective needs it; `first` is the first exemplar."""

    def prepare(self, network: PlaneNetwork, first: Exemplar) -> None:
        """Set up a new network of the training; `first` is the first exemplar."""

    def terms(
        self, setup: Setup, plan: Plan, network: PlaneNetwork, generator: torch.Generator
    ) -> TrainingTerms:
        """The terms of a training; arguments as of `TrainingTerms`."""

    def keep(self, network: PlaneNetwork, terms: TrainingTerms) -> None:
        """Store other results of the training in `PlaneNetwork.auxiliary`."""
