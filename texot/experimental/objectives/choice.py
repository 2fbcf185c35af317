"""The objectives by name: an implementation of `texot.generator.objective.Objective` for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from texot.errors import InputError
from texot.experimental.objectives.critics import keep_critics
from texot.experimental.objectives.neural_ot import MapWeights, PotentialTerm, WeakCost
from texot.experimental.objectives.ot_gan import EnergyTerm
from texot.experimental.objectives.sinkhorn import SinkhornTerm
from texot.experimental.objectives.term import ObjectiveTerm
from texot.experimental.objectives.wgan_gp import CriticTerm
from texot.experimental.picture import show
from texot.files.exemplar import Exemplar
from texot.generator.network import PlaneNetwork
from texot.generator.objective import Objective
from texot.generator.options import TrainOptions
from texot.generator.plan import Training
from texot.generator.setup import Setup
from texot.generator.targets import TrainingTerms
from texot.generator.weights import Weights
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.plan import Plan, Stage
from texot.solver.adam.term import Weighted
from texot.solver.options import check_choice

OBJECTIVES = ("sinkhorn", "wgan-gp", "ot-gan", "neural-ot")


@dataclass(frozen=True)
class PatchObjective:
    """An objective on the patches of every scale.

    Attributes:
        name: one of `OBJECTIVES`.
        term: its term for the patches of one scale.
        betas: of the generator's Adam; None: those of transport.
        maps: whether it learns a map from the first of two exemplars to the second.
    """

    name: str
    term: type[ObjectiveTerm]
    betas: tuple[float, float] | None = None
    maps: bool = False

    def check(self, options: TrainOptions, sources: Sequence[Exemplar]) -> None:
        """Check the options and the exemplars of a training.

        Raises:
            InputError: the objective cannot use them.
        """
        name = self.name
        if options.preset != "default":
            raise InputError(
                f"preset {options.preset} trains by transport: leave out the preset or objective {name}"
            )
        if options.features not in ("auto", "none"):
            raise InputError(f"deep features belong to transport: leave them out with objective {name}")
        if options.entropy and name != "sinkhorn":
            raise InputError(f"objective {name} has no entropy to choose: leave it out")
        if self.maps and len(sources) != 2:
            raise InputError(
                f"objective {name} maps a texture to another: give two exemplars, not {len(sources)}"
            )
        if self.maps and any(source.mask is not None for source in sources):
            raise InputError(
                f"objective {name} maps whole windows: give exemplars without transparent pixels"
            )
        if not self.maps and len(sources) > 1:
            raise InputError(f"objective {name} learns one texture: give one exemplar, not {len(sources)}")

    def adapted(self, training: Training, first: Exemplar) -> Training:
        """The plan of transport, changed as this objective needs it.

        Args:
            training: the plan.
            first: the first exemplar: a map is trained on windows of it.
        """
        plan = training.plan
        training = replace(training, plan=replace(plan, betas=self.betas or plan.betas))
        if not self.maps:
            return training
        a = training.architecture
        fresh = tuple(a.colours + n for n in a.fresh)
        high, wide = (_multiple(side) for side in first.pixels.shape[1:])
        fields = [(min(height, high), min(width, wide)) for height, width in training.fields]
        return replace(
            training, architecture=replace(a, fresh=fresh, maps=True), fields=tuple(fields), wraps=False
        )

    @property
    def variables(self) -> type[Weights]:
        """The class of the variables of a stage."""
        return MapWeights if self.maps else Weights

    def prepare(self, network: PlaneNetwork, first: Exemplar) -> None:
        """Set the picture that a map is trained on."""
        if self.maps:
            show(network, first.pixels)

    def terms(
        self, setup: Setup, plan: Plan, network: PlaneNetwork, generator: torch.Generator
    ) -> ObjectiveTerms:
        """The terms of a training; arguments as of `TrainingTerms`."""
        if self.maps:  # the patches are compared with those of the second exemplar
            setup = replace(setup, textures=setup.textures[-1:])
        return ObjectiveTerms(self, setup, plan, network, generator)

    def keep(self, network: PlaneNetwork, terms: TrainingTerms) -> None:
        """Store trained critics in `PlaneNetwork.auxiliary`."""
        critics = [own.term for own in terms.transport if isinstance(own.term, CriticTerm)]
        critics = [critic for critic in critics if critic.opponent.n_steps]
        if critics:
            keep_critics(network, critics)


class ObjectiveTerms(TrainingTerms):
    """The terms of an objective: one for every term of transport, and no sliced ones but a map's cost.

    Args:
        objective: the objective.
        setup, plan, network, generator: see `TrainingTerms`.
    """

    def __init__(
        self,
        objective: PatchObjective,
        setup: Setup,
        plan: Plan,
        network: PlaneNetwork,
        generator: torch.Generator,
    ) -> None:
        super().__init__(setup, plan, network, generator)
        for terms in self.patches.values():
            for weighted in terms:
                assert isinstance(weighted.term, PatchTerm)
                weighted.term = objective.term.of(weighted.term, self.generator)
        self.sliced = []
        self._maps = objective.maps

    def of(self, stage: Stage) -> list[Weighted]:
        """See `TrainingTerms`."""
        found = super().of(stage)
        if self._maps:
            term = next(own.term for own in found if own.scale == stage.scale)
            assert isinstance(term, ObjectiveTerm)
            found.append(Weighted(WeakCost(stage.scale, term.measure.y.shape[1], term.spread)))
        return found


def _multiple(side: int) -> int:
    """The largest multiple of 16 up to it, or 16."""
    return max(16, side // 16 * 16)


_ALL = (
    PatchObjective("sinkhorn", SinkhornTerm),
    PatchObjective("wgan-gp", CriticTerm, betas=CriticTerm.betas),
    PatchObjective("ot-gan", EnergyTerm, betas=EnergyTerm.betas),
    PatchObjective("neural-ot", PotentialTerm, betas=PotentialTerm.betas, maps=True),
)


def find_objective(name: str) -> Objective:
    """The objective of a name, for `texot.train(objective=...)`.

    Args:
        name: "sinkhorn", "wgan-gp" or "ot-gan" for one exemplar, or "neural-ot" for a map from the first of
            two exemplars to the second.

    Raises:
        InputError: no such objective.
    """
    check_choice("objective", name, OBJECTIVES)
    return next(objective for objective in _ALL if objective.name == name)
