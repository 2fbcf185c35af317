"""The terms of a job: each is made once, and keeps its potential for all stages."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.plan import BIG_FROM, Plan, Stage, TermPlan
from texot.solver.adam.sliced_term import SlicedTerm
from texot.solver.adam.term import Weighted
from texot.solver.options import SEARCH_DIM
from texot.transport.measure import PatchMeasure


class Terms:
    """Transport and sliced terms between an image and its exemplar, at every scale.

    Args:
        plan: the stages and their terms.
        targets: image (C, h, w) and known pixels (h, w), or None for all, at every scale, finest first.
        generator: CPU generator of the draws of target patches.
        backend: see `texot.kernels.laguerre_cells`.
    """

    def __init__(
        self,
        plan: Plan,
        targets: list[tuple[Tensor, Tensor | None]],
        generator: torch.Generator,
        backend: str,
    ) -> None:
        self.plan, self.targets, self.generator, self.backend = plan, targets, generator, backend
        self._made: dict[TermPlan, PatchTerm] = {}

    def patches(self, stage: Stage) -> list[Weighted]:
        """The transport terms of a stage."""
        return [Weighted(self.patch_term(term), term.weight, stop=term.until) for term in stage.terms]

    def sliced(self, stage: Stage) -> list[Weighted]:
        """The sliced terms of a stage, with a weight for either half of its steps."""
        plan, found = self.plan, []
        for scale in stage.sliced:
            term = SlicedTerm(scale, self.finest_measure(scale), min(4, plan.patch_size), plan.n_filters)
            found.append(Weighted(term, plan.sliced_early, stop=0.5))
            found.append(Weighted(term, plan.sliced_weight, start=0.5))
        return found

    def finest_measure(self, scale: int) -> PatchMeasure:
        """The measure of the smallest patches of a scale whose terms are made."""
        return next(t.measure for t in self.at(scale) if t.measure.patch_size == self.plan.patch_size)

    def at(self, scale: int) -> list[PatchTerm]:
        """The transport terms of a scale that are made so far."""
        return [term for plan, term in self._made.items() if plan.scale == scale]

    def patch_term(self, term: TermPlan) -> PatchTerm:
        """The transport term of a `TermPlan`; every call returns the same."""
        if term not in self._made:
            plan, scale = self.plan, term.scale
            image, known = self.targets[scale]
            measure = PatchMeasure.from_image(
                image,
                term.patch_size,
                known=known,
                max_patches=plan.max_patches,
                uniform=plan.published,
                search_dim=None if plan.published else SEARCH_DIM,
                generator=self.generator,
            )
            self._made[term] = PatchTerm(
                scale,
                measure,
                stride=term.stride,
                psi_steps=plan.psi_steps,
                rate=plan.psi_rate_fine if scale < BIG_FROM else plan.psi_rate,
                capacity=self._capacity(scale),
                robustness=plan.robustness,
                published_step=plan.published_step,
                entropy=plan.entropy,
                backend=self.backend,
            )
        return self._made[term]

    def _capacity(self, scale: int) -> float:
        """The capacity of targets: (exemplar area / result area)^1.5, at least 1.

        A result that is smaller than the exemplar cannot contain all of it.
        """
        if self.plan.published:
            return 1.0
        image, known = self.targets[scale]
        area = image[0].numel() if known is None else int(known.sum())
        return float(max(1.0, area / math.prod(self.plan.sizes[scale])) ** 1.5)
