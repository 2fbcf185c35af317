"""Semi-dual transport of deep features: one more term of the objective.

    L(u) = w / K  sum_k  max_psi F_k(psi_k, Phi_k(S_l u)) / spread_k

Phi_k u are the activation vectors of layer k of a network at all positions of u. Each channel is divided by
its standard deviation in the exemplar (at least a fifth of the mean over channels). The vectors are treated
as patches of one cell, so measures, cells and potentials are those of pixels. Before every pass the image is
shifted at random relative to the grid of the network, and the targets come from shifted views of the
exemplar: a texture must not depend on the position of the grid.

Houdard, Leclaire, Papadakis & Rabin 2022, "A generative model for texture synthesis based on optimal
transport between feature distributions" (JMIV; arXiv 2007.03408), on features of VGG-19.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.masks import filled
from texot.images.pyramid import Periodic
from texot.networks.network import Network
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.options import SEARCH_DIM
from texot.transport.measure import PatchMeasure

BYTES_A_PIXEL = 600  # of an image, for activations and their gradients: measured with SqueezeNet
_OPEN: Periodic = (False, False)
_MIN_DEVIATION = 0.2  # of a channel, as a fraction of their mean
_MIN_CELLS = 8
_MAX_VIEWS = 16  # of the exemplar, each with another shift of the network's grid


@dataclass
class FeatureTerm:
    """Transport between the deep features of an image at full resolution and an exemplar's; a `Term`.

    The network runs on the CPU.

    Attributes:
        network: computes the features.
        deviations: (channels, 1, 1) of the exemplar, at each layer.
        terms: transport at each layer, with its potential.
        weights: factor of each layer's transport.
        scale: 0: features are those of the image at full resolution.
    """

    network: Network
    deviations: dict[str, Tensor]
    terms: dict[str, PatchTerm]
    weights: dict[str, float]
    scale: int = 0

    @classmethod
    def of(
        cls,
        exemplar: Tensor,
        known: Tensor | None,
        network: Network,
        layers: tuple[str, ...],
        *,
        unit: float = 1.0,
        max_cells: int = 16384,
        generator: torch.Generator,
        **options: Any,
    ) -> FeatureTerm | None:
        """The term for an exemplar, or None where too little of it is known.

        Args:
            exemplar: (C, h, w), C of 1 or 3.
            known: (h, w) bool, or None for all.
            network: computes the features.
            layers: of the network.
            unit: value of the term for features whose squared distance is the exemplar's variance.
            max_cells: maximum number of targets per layer.
            generator: CPU generator of views and of the draws of targets.
            **options: of each layer's `PatchTerm`.
        """
        stride = max(network.strides[layer] for layer in layers)
        if known is not None:
            exemplar = filled(exemplar, known)
        maps: dict[str, list[Tensor]] = {layer: [] for layer in layers}
        usable: dict[str, list[Tensor]] = {layer: [] for layer in layers}
        for view, mask in _views(exemplar, known, stride, generator):
            for layer, found in _cells(network, view, layers, _OPEN).items():
                maps[layer].append(found.detach())
                usable[layer].append(_known_cells(mask, network.strides[layer], found))
        deviations, terms, weights = {}, {}, {}
        for layer in layers:
            side_by_side, mask = torch.cat(maps[layer], 2), torch.cat(usable[layer], 1)
            if int(mask.sum()) < _MIN_CELLS:
                continue
            deviations[layer] = _deviations(side_by_side[:, mask])
            measure = PatchMeasure.from_image(
                side_by_side / deviations[layer],
                1,
                known=None if known is None else mask,
                max_patches=max_cells,
                search_dim=SEARCH_DIM,
                generator=generator,
            )
            spread = float(measure.mean(((measure.y - measure.centre) ** 2).sum(1)))
            weights[layer] = unit / (len(layers) * max(spread, 1e-12))
            terms[layer] = PatchTerm(0, measure, **options)
        return cls(network, deviations, terms, weights) if terms else None

    def with_new_potentials(self) -> FeatureTerm:
        """The same term with potentials of its own, which are 0."""
        return replace(self, terms={layer: replace(term) for layer, term in self.terms.items()})

    @property
    def state(self) -> list[Tensor]:
        """The potentials of the layers."""
        return [term.psi for term in self.terms.values()]

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """The weighted semi-duals of an image (C, H, W), differentiable; also moves the potentials."""
        total = image.new_zeros(())
        stride = max(self.network.strides[layer] for layer in self.terms)
        by = tuple(int(torch.randint(0, stride, (), generator=generator)) for _ in range(2))
        view = _moved(image, by, periodic)
        for layer, found in _cells(self.network, view, tuple(self.terms), periodic).items():
            value, _ = self.terms[layer](found / self.deviations[layer], periodic, generator)
            total = total + self.weights[layer] * value
        return total, None


def _cells(network: Network, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
    found = network.cells(image.cpu(), layers, periodic)
    return {layer: cells.to(image) for layer, cells in found.items()}


def _deviations(cells: Tensor) -> Tensor:
    """Standard deviations (c, 1, 1) of channels (c, n), bounded below."""
    found = cells.std(1)
    return torch.maximum(found, _MIN_DEVIATION * found.mean()).clamp_min(1e-6)[:, None, None]


def _moved(image: Tensor, by: tuple[int, ...], periodic: Periodic) -> Tensor:
    """The image shifted to start at pixel (y, x): rolled along axes that wrap, else cropped."""
    for axis, start in enumerate(by, start=1):
        start = min(start, image.shape[axis] - 1)
        if periodic[axis - 1]:
            image = image.roll(-start, axis)
        else:
            image = image.narrow(axis, start, image.shape[axis] - start)
    return image


def _views(
    exemplar: Tensor, known: Tensor | None, stride: int, generator: torch.Generator
) -> list[tuple[Tensor, Tensor | None]]:
    """Windows of the exemplar and of its known pixels, nearly as large, at random positions."""
    side = min(stride, *exemplar.shape[1:])
    height, width = (n - side + 1 for n in exemplar.shape[1:])
    found = []
    for place in torch.randperm(side * side, generator=generator)[:_MAX_VIEWS].tolist():
        y, x = slice(place // side, place // side + height), slice(place % side, place % side + width)
        found.append((exemplar[:, y, x], None if known is None else known[y, x]))
    return found


def _known_cells(known: Tensor | None, stride: int, cells: Tensor) -> Tensor:
    """Cells that are known, and whose neighbours are: (rows, columns) bool.

    A cell is known if all its pixels are. Some networks have cells beyond the image: these are unknown.
    """
    rows, columns = cells.shape[1:]
    if known is None:
        return torch.ones(rows, columns, dtype=torch.bool, device=cells.device)
    more = (0, -known.shape[1] % stride, 0, -known.shape[0] % stride)
    unknown = F.max_pool2d(F.pad((~known).to(cells)[None], more), stride)
    beyond = (0, columns - unknown.shape[2], 0, rows - unknown.shape[1])
    unknown = F.pad(unknown, beyond, value=1.0)
    return F.max_pool2d(unknown, 3, 1, 1)[0, :rows, :columns] == 0
