"""Algorithm 2, step by step: see `texot.generator.training`.

Semi-discrete transport (arXiv 2007.03408, section 5) between the patches of samples and of the exemplar.
Every step draws new noise; one pass gives the gradient of theta (Adam) and of psi (stochastic ascent).
`texot.solver.adam.loop` runs the steps, `texot.generator.targets` has the terms.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.generator.checkpoint import Checkpoint
from texot.generator.duality_gap import largest_gap
from texot.generator.finish import Finish
from texot.generator.finish_plane import measured_finish
from texot.generator.model_file import build_network
from texot.generator.network import PlaneNetwork
from texot.generator.options import TrainKeywords, TrainOptions
from texot.generator.processes import Processes
from texot.generator.result import in_order, match_moments, training_facts
from texot.generator.sampling import Generator
from texot.generator.setup import set_up
from texot.generator.targets import TrainingTerms
from texot.generator.time_budget import steps_within
from texot.generator.weights import Weights
from texot.solver.adam.loop import Problem, optimise
from texot.solver.adam.plan import Stage
from texot.solver.state import State
from texot.solver.torch_modes import own_modes, stepwise

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger("texot")

_MARGIN = 0.9  # fraction of a time limit that is planned for
_SETTLED_STEPS = 100  # whose mean is compared with that of as many steps before
_SETTLED = 0.998  # ratio of these means from which the loss has settled
_SETTLED_FROM = 0.75  # of the finest stage: before, the step size is too large


class Trainer:
    """A training: an iterator of states, from which `generator` can be called after any step.

    Arguments are checked when it is created, not at the first step.

    Args:
        exemplar: path, PIL image, NumPy array or tensor, see `texot.synthesize`; or a list of two or more,
            of any sizes, for one network that interpolates their textures. Only the order of the weights of
            samples depends on their order. A `texot.Material`, or several with the same maps, for a
            generator of all of them, see `Generator.material`.
        **options: see `texot.generator.options.TrainOptions`.

    Attributes:
        setup: what the exemplars and the options determine.
        training: the plan; a time limit reduces its steps.
        options: as models and checkpoints store them.
        network: the network that is trained.
        state: of the last step; None before the first.
        losses: of all steps.

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a requested device or back end is not available.
        TexotError: a file that has no deep weights.
    """

    @own_modes()
    def __init__(self, exemplar: Any, **options: Unpack[TrainKeywords]) -> None:
        self._begun = time.perf_counter()
        self.setup = setup = set_up(exemplar, TrainOptions(**options))
        given = setup.options
        self.training, self.options, self.source = setup.training, setup.facts, setup.target
        self._objective, self._limit = given.objective, given.time_limit
        self._early_stop = given.early_stop and setup.n_textures == 1
        self._processes = given.processes or Processes()
        resume = given.resume
        self._resume = None if resume is None else resume.progress
        if resume is not None:
            resume.check(self.options, setup.sha256)
            self._set_steps(resume.plan_steps)
            own = self._processes.generator(given.seed + len(resume.progress.losses))
            if own is not None:
                self._resume = replace(resume.progress, random=own.get_state())
        self._random = torch.Generator().manual_seed(given.seed)
        self.network = self._build(self._random).to(setup.device)
        self._averages = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        self.state: State | None = None
        self._seconds = 0.0 if resume is None else resume.progress.seconds
        self._sliced = [] if resume is None else list(resume.sliced)
        self.losses = [] if resume is None else [record.loss for record in resume.progress.losses]

    @property
    def sources(self) -> list[Exemplar]:
        """The exemplars, as they were given."""
        return self.setup.sources

    def _build(self, generator: torch.Generator | None = None, *, blank: bool = False) -> PlaneNetwork:
        network = build_network(self.training.architecture, generator, blank=blank)
        if self._objective is not None:
            self._objective.prepare(network, self.sources[0])
        return network

    @property
    def plan_steps(self) -> tuple[int, ...]:
        """Steps of every stage."""
        return tuple(stage.n_iter for stage in self.training.plan.stages)

    @property
    def scale(self) -> int:
        """The scale of the last step, 0 = finest."""
        return self._place()[0].scale

    @property
    def seconds(self) -> float:
        """Time until the last step, in seconds, including that of the training that this one resumes."""
        return self._seconds

    def _place(self) -> tuple[Stage, int]:
        """The stage of the last step, and the number of its completed steps."""
        left = len(self.losses)
        for stage in self.training.plan.stages:
            if left <= stage.n_iter:
                break
            left -= stage.n_iter
        return stage, left

    def _set_steps(self, steps: tuple[int, ...]) -> None:
        stages = self.training.plan.stages
        if len(steps) != len(stages):
            raise InputError(f"expected steps for {len(stages)} stages, got {len(steps)}")
        counted = tuple(replace(stage, n_iter=n) for stage, n in zip(stages, steps, strict=True))
        self.training = replace(self.training, plan=replace(self.training.plan, stages=counted))

    def __iter__(self) -> Iterator[State]:
        """Train; yields a state after each step."""
        for state in stepwise(optimise(self._prepare, self._random, self._resume)):
            self.state, self._seconds = state, state.seconds
            self.losses.append(state.loss)
            self._sliced.append(self.terms.sliced_value())
            yield state
            late = self._limit is not None and time.perf_counter() - self._begun > self._limit
            if self._limit is not None and self._processes.any(late):
                log.info("time limit reached at step %d of %d", state.total_step, state.total_steps)
                return
            if self._early_stop and state.scale == 0 and self._processes.any(self._settled()):
                log.info("the loss has settled at step %d of %d", state.total_step, state.total_steps)
                return

    def _settled(self) -> bool:
        """Whether the sliced distances no longer decrease, near the end of the finest stage.

        Transport costs are no criterion: they rise while the potentials are learned.
        """
        stage, step = self._place()
        min_step = max(2 * _SETTLED_STEPS, _SETTLED_FROM * stage.n_iter)
        if stage.scale or step < min_step or len(self._sliced) < 2 * _SETTLED_STEPS:
            return False
        late, before = self._sliced[-_SETTLED_STEPS:], self._sliced[-2 * _SETTLED_STEPS : -_SETTLED_STEPS]
        return sum(late) > _SETTLED * sum(before)

    def _prepare(self, generator: torch.Generator) -> Problem:
        make = TrainingTerms if self._objective is None else self._objective.terms
        self.terms = make(self.setup, self.training.plan, self.network, generator)
        problem = self._problem(generator)
        if self._limit is not None and self._resume is None:
            self._fit_time_limit(problem, generator)
            problem = self._problem(generator)
        own = self._processes.generator(self.options["seed"])
        if own is not None:
            generator.set_state(own.get_state())
        if self._resume is not None and self._early_stop and self._processes.any(self._settled()):
            stages = problem.plan.stages  # it had ended before the checkpoint: nothing is left to do
            ended = replace(stages[-1], n_iter=self._resume.step)
            problem = replace(problem, plan=replace(problem.plan, stages=(*stages[:-1], ended)))
        return problem

    def _problem(self, generator: torch.Generator) -> Problem:
        plan = self.training.plan
        return Problem(
            plan=plan,
            periodic=(self.training.wraps, self.training.wraps),
            start=lambda stage: self._variables(stage, generator).current(),
            refine=lambda stage, image: self._variables(stage, generator).current(),
            variables=lambda stage, image: self._variables(stage, generator),
            terms=self.terms.of,
            correct=None,
            n_targets={},
            settings={},
            mode=self.source.mode,
            work=self._work,
            average=self._processes.average if self._processes.count > 1 else None,
        )

    def _variables(self, stage: Stage, generator: torch.Generator) -> Weights:
        """What a stage optimises."""
        training = self.training
        kind = Weights if self._objective is None else self._objective.variables
        return kind(
            self.network,
            self._averages,
            stage.scale,
            training.size(stage),
            generator,
            training.wraps,
            self.terms.blend,
        )

    def _work(self, stage: Stage) -> float:
        """Relative time of a step, as measured: deep features dominate the finest stage."""
        height, width = self.training.size(stage)
        deep = 3.0 if stage.scale == 0 and self.terms.deep else 1.0
        return 2e4 + height * width * deep

    def _fit_time_limit(self, problem: Problem, generator: torch.Generator) -> None:
        """Reduce the steps to fit the time limit."""

        def left() -> float:
            assert self._limit is not None
            return max(0.0, _MARGIN * (self._limit - (time.perf_counter() - self._begun)))

        fraction, wanted = steps_within(
            left, problem, self.terms, lambda stage: self._variables(stage, generator), generator
        )
        self._set_steps(self._processes.minimum(wanted))
        if fraction < 1:
            log.info("%d steps fit the time limit", sum(self.plan_steps))

    def checkpoint(self) -> Checkpoint:
        """The state of training after the last step; call it before the next one."""
        if self.state is not None:
            progress = self.state.progress()
        elif self._resume is not None:
            progress = self._resume
        else:
            raise ValueError("no step is done yet: iterate over the trainer first")
        return Checkpoint(progress, self.options, self.plan_steps, self.setup.sha256, list(self._sliced))

    @own_modes()
    def averaged(self) -> PlaneNetwork:
        """A copy of the network with its averaged weights, on the CPU, textures in the order given."""
        tensors = {**self.network.state_dict(), **self._averages}
        order = self.setup.order if self.setup.n_textures > 1 else [0]
        return in_order(self._build(blank=True), tensors, order)

    @own_modes()
    def generator(self, *, with_gap: bool = True) -> Generator:
        """The generator after the last step.

        Args:
            with_gap: also measure the duality gap of the potentials, see `dual_gap`; takes seconds.

        Raises:
            ValueError: no step is done yet.
        """
        if not self.losses:
            raise ValueError("no step is done yet: iterate over the trainer first")
        deep, mode = bool(self.terms.deep), self.source.mode
        facts = training_facts(self.options, self.sources, mode, self.plan_steps, self.losses, deep=deep)
        network = self.averaged()
        if self.scale == 0 and not self.setup.maps:
            match_moments(network, self.sources)
        if with_gap and self.scale == 0 and self._objective is None:
            facts["dual_gap"] = self.dual_gap(network)
        if self._objective is not None:
            self._objective.keep(network, self.terms)
        finish = self._finish(network)
        return Generator(
            network, facts, icc_profile=self.source.icc_profile, finish=finish, code=self.source.code
        )

    def _finish(self, network: PlaneNetwork) -> Finish | None:
        """The finish of samples; None for several exemplars, the published network, or other objectives."""
        options = self.setup.options
        if not options.keep_exemplar or options.published or self._objective is not None:
            return None
        if self.setup.n_textures > 1:
            return None
        try:
            return measured_finish(network, self.source)
        except InputError as error:
            log.info("samples will not be finished: %s", error)
            return None

    @own_modes()
    def dual_gap(self, network: PlaneNetwork) -> float:
        """The relative duality gap (OT - F(psi)) / OT of a new sample's finest patches, OT nearly exact.

        It is in [0, 1] up to rounding if F(psi) >= 0; a bad psi can give more than 1. For several exemplars
        it is the largest gap, each of a sample with all the weight.
        """
        order, backend = self.setup.order, self.setup.options.backend
        return largest_gap(network, self.terms.transport, self.training, order, backend)
