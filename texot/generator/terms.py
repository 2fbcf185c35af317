"""Sliced transport for training: of patches, half of whose filters are whitened, and of deep features.

Terms are `SlicedTerm`s: the loop and the objective know no others. Their weights here are shares of what the
loop sets, and their values are in units of squared patch distance, whatever the texture's contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic, wrap
from texot.images.reproducible import principal_axes
from texot.networks.network import Network
from texot.networks.registry import find_network
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.objective import SlicedTerm
from texot.transport.measure import PatchMeasure
from texot.transport.sliced import sliced_distance, systematic_sample

TRANSPORTS = ("sliced", "semi-dual", "both")
"""How deep features are transported."""

_MARGIN = 16  # pixels around an image that the network sees and the terms do not
_LARGE = 6.0  # pixels of correlation from which features are large
_FLOOR = 1e-3  # of a whitened axis' variance, as a share of their mean
_WHITE = 0.1  # weight of a whitened filter: with 1, early training has no aim but to be rid of its noise
_PART = 512  # side of the parts of an exemplar that the network sees at a time
_MOST_CELLS = 65536  # of an exemplar, in the finest layer
_LEAST_CELLS = 8
_LEAST_DEVIATION = 0.2  # of a deep channel, as a share of their mean
_N_DIRECTIONS = 48
_MOST_TARGETS = 8192  # of a layer, in semi-dual transport
_SPARSE = 8  # pixels between the cells that it sees of finer layers


def training_network(features: str) -> Network | None:
    """The network that training's option names, see `find_network`; sides are made multiples of 16 for it."""
    found = find_network(features, auto=True)
    return None if found is None else replace(found, context=_MARGIN, grid=_MARGIN)


def suitable_transport(exemplar: Exemplar) -> str:
    """What suits an exemplar: "both" where it has large features, by `correlation_length`, else "sliced"."""
    length = correlation_length(exemplar.pixels, exemplar.mask)
    return "both" if length >= _LARGE else "sliced"


@dataclass
class WhitenedTerm(SlicedTerm):
    """Sliced distance of patches on random zero-mean filters, every second one whitened.

    A whitened filter is drawn where the target's projections have variance 1 in every direction: fine detail
    counts as much as coarse. Its distance is multiplied by the target's total variance.

    Attributes:
        share: factor of the weight that the loop sets.
        last: the value that was found last.
    """

    share: float = 1.0
    last: float = field(init=False, default=0.0)
    whitening: Tensor = field(init=False)

    def __post_init__(self) -> None:
        centred = self.measure.y - self.measure.centre
        self.variance = float(self.measure.nu @ (centred**2).sum(1))
        values, vectors = principal_axes((centred * self.measure.nu[:, None]).T @ centred)
        floor = (_FLOOR * values.mean()).clamp_min(1e-12)
        self.whitening = vectors * torch.maximum(values, floor).rsqrt()  # (d, d)

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """The weighted sliced distance of an image scale (C, H, W), differentiable."""
        size, d = self.measure.patch_size, self.measure.y.shape[1]
        offset = random_offset((image.shape[1], image.shape[2]), size, self.stride, periodic, generator)
        x = extract_patches(image, size, stride=self.stride, offset=offset, periodic=periodic)
        shift = float(torch.rand((), generator=generator, dtype=torch.float32))
        y = self.measure.y[systematic_sample(self.measure.nu, len(x), shift)]
        half = self.n_filters // 2
        plain = torch.randn(d, self.n_filters - half, generator=generator, dtype=torch.float32)
        plain = F.normalize(plain, dim=0) * d**0.5
        white = torch.randn(d, half, generator=generator, dtype=torch.float32).to(image)
        white = _relative(x, y, self.whitening @ white) * (_WHITE * self.variance) ** 0.5
        filters = torch.cat([plain.to(image), white], 1)
        value = self.weight * self.share * sliced_distance(x, y, filters)
        self.last = float(value.detach())
        return value


@dataclass
class DeepTerm(SlicedTerm):
    """Sliced distance of a network's features, every layer's relative to the exemplar's own spread.

    Features are divided by the exemplar's deviation of their channel (at least a fifth of all channels'
    mean), and every direction's distance by its variance there.

    Attributes:
        layers: features of the exemplar at each layer, standardised.
        scales: (channels,) their deviations.
        network: gives the features.
        unit: squared patch distance that a relative distance of 1 counts as.
        share, last: see `WhitenedTerm`.
    """

    layers: dict[str, PatchMeasure] = field(default_factory=dict)
    scales: dict[str, Tensor] = field(default_factory=dict)
    network: Network = field(kw_only=True)
    unit: float = 1.0
    share: float = 1.0
    last: float = field(init=False, default=0.0)

    @classmethod
    def of(
        cls, exemplar: Tensor, known: Tensor | None, network: Network, *, unit: float, share: float
    ) -> DeepTerm | None:
        """The term for an exemplar (C, H, W) with its known pixels (H, W), or None for all.

        None where the exemplar is too small or has too few known pixels for the network.
        """
        if min(exemplar.shape[1:]) <= _MARGIN:
            return None
        layers, scales = {}, {}
        for name, cells in _exemplar_cells(exemplar, known, network).items():
            if len(cells) < _LEAST_CELLS:
                continue
            deviation = cells.std(0)
            scale = torch.maximum(deviation, _LEAST_DEVIATION * deviation.mean()).clamp_min(1e-6)
            scales[name] = scale
            layers[name] = PatchMeasure(cells / scale, cells.new_ones(len(cells)))
        if not layers:
            return None
        return cls(
            0,
            next(iter(layers.values())),
            layers=layers,
            scales=scales,
            network=network,
            unit=unit,
            share=share,
        )

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """The weighted distance of a torus (C, H, W), sides multiples of 16, differentiable."""
        return self.compare(torus_features(image, self.network), generator)

    def compare(self, features: dict[str, Tensor], generator: torch.Generator) -> Tensor:
        """The weighted distance of features of an image with margins, see `__call__`."""
        total = next(iter(features.values())).new_zeros(())
        for name, found in features.items():
            if name not in self.layers:
                continue
            measure, first = self.layers[name], _MARGIN // self.network.strides[name]
            rows, columns = found.shape[1:]
            cells = found[:, first : rows - first, first : columns - first].flatten(1).T
            x = cells / self.scales[name]
            shift = float(torch.rand((), generator=generator, dtype=torch.float32))
            y = measure.y[systematic_sample(measure.nu, len(x), shift)]
            directions = torch.randn(x.shape[1], _N_DIRECTIONS, generator=generator, dtype=torch.float32)
            directions = directions.to(found)
            total = total + sliced_distance(x, y, _relative(x, y, directions))
        value = self.weight * self.share * self.unit * total / len(self.layers)
        self.last = float(value.detach())
        return value


@dataclass
class DualTerm(SlicedTerm):
    """Semi-dual transport of a network's features, in the place of their sliced distance or beside it.

    Attributes:
        term: transport at every layer.
        share, last: see `WhitenedTerm`.
        potentials: those of the layers, in the same memory from step to step: a checkpoint holds them.
    """

    term: FeatureTerm = field(kw_only=True)
    share: float = 1.0
    last: float = field(init=False, default=0.0)
    potentials: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.potentials = [own.psi for own in self.term.terms.values()]

    @classmethod
    def of(
        cls,
        exemplar: Tensor,
        known: Tensor | None,
        network: Network,
        *,
        unit: float,
        share: float,
        least_stride: int = 1,
        generator: torch.Generator,
        backend: str,
    ) -> DualTerm | None:
        """As `DeepTerm.of`, which says what is None.

        Args:
            least_stride: pixels between the cells of the finest layer that is transported.
            generator: of the draws of targets.
            backend: see `texot.kernels.laguerre_cells`.
        """
        if min(exemplar.shape[1:]) <= _MARGIN:
            return None
        term = FeatureTerm.of(
            exemplar,
            known,
            network,
            tuple(k for k in network.training_layers if network.strides[k] >= least_stride),
            unit=unit,
            max_cells=_MOST_TARGETS,
            generator=generator,
            backend=backend,
        )
        if term is None:
            return None
        for layer, own in term.terms.items():
            own.stride = max(1, _SPARSE // network.strides[layer])
        return cls(0, term.measure, term=term, share=share)

    def use(self, potentials: list[Tensor]) -> None:
        """Go on with other potentials, which are moved where they are from now on."""
        self.potentials = potentials
        for kept, own in zip(potentials, self.term.terms.values(), strict=True):
            own.psi = kept

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """The weighted transport of an image (C, H, W), differentiable; moves the potentials."""
        value = self.weight * self.share * self.term(image, periodic, generator)
        for kept, own in zip(self.potentials, self.term.terms.values(), strict=True):
            own.psi = kept.copy_(own.psi)
        self.last = float(value.detach())
        return value


def torus_features(image: Tensor, network: Network) -> dict[str, Tensor]:
    """Features of a torus (C, H, W), sides multiples of 16, with margins of 16 px around."""
    height, width = image.shape[1:]
    around = wrap(wrap(image, 1, -_MARGIN, height + _MARGIN), 2, -_MARGIN, width + _MARGIN)
    return network.features(around, network.training_layers)


@torch.no_grad()
def _exemplar_cells(exemplar: Tensor, known: Tensor | None, network: Network) -> dict[str, Tensor]:
    """Every layer's cells (n, c) of an exemplar, mirrored at its borders, without those near unknown pixels.

    Part by part; of large exemplars, cells at even distances.
    """
    usable = torch.ones_like(exemplar[0]) if known is None else known.to(exemplar)
    height, width = usable.shape
    down, across = ((-n) % _MARGIN for n in (height, width))
    pad = (_MARGIN, _MARGIN + across, _MARGIN, _MARGIN + down)
    mode = "reflect" if min(height, width) > 2 * _MARGIN - 1 else "replicate"
    image = F.pad(torch.where(usable > 0, exemplar, 0.5)[None], pad, mode=mode)[0]
    found: dict[str, list[Tensor]] = {name: [] for name in network.training_layers}
    for top in range(0, height, _PART):
        for left in range(0, width, _PART):
            part = image[:, top : top + _PART + 2 * _MARGIN, left : left + _PART + 2 * _MARGIN]
            for name, features in network.features(part, network.training_layers).items():
                stride = network.strides[name]
                first = _MARGIN // stride
                rows, columns = min(_PART, height - top) // stride, min(_PART, width - left) // stride
                cells = features[:, first : first + rows, first : first + columns].flatten(1).T
                if known is not None:
                    # 0 within a cell of an unknown pixel: no cell that has one, or whose neighbour has one
                    clear = -F.max_pool2d(-usable[None, None], 2 * stride + 1, 1, stride)[0, 0]
                    clear = clear[top : top + rows * stride, left : left + columns * stride]
                    clear = -F.max_pool2d(-clear[None, None], stride)[0, 0]
                    cells = cells[clear.flatten() > 0]
                found[name].append(cells)
    every = max(
        1, -(-height * width // (_MOST_CELLS * min(network.strides[k] for k in network.training_layers) ** 2))
    )
    return {name: torch.cat(parts)[::every] for name, parts in found.items()}


@torch.no_grad()
def _relative(x: Tensor, y: Tensor, filters: Tensor) -> Tensor:
    """Filters on which x and y have variance 1 on average: what has far too much cannot outweigh the rest."""
    variance = ((x @ filters).var(0) + (y @ filters).var(0)) / 2
    return filters * variance.clamp_min(1e-12).rsqrt()
